"""Modules: the value that a bot's file makes, where it is found, and what it becomes with its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from botkit.config.schema import ModuleConfig
from botkit.config.secrets import Secret, SecretSource
from botkit.config.values import BareJid, Duration, Jid, PositiveDuration, RoomJid
from botkit.config.values import FilePath as FilePath
from botkit.errors import ConfigError
from botkit.imports import import_file, import_path
from botkit.model.address import Address
from botkit.routing.context import ModuleStorage
from botkit.routing.plan import check
from botkit.routing.router import Router

__all__ = [
    "LoadedModule",
    "Module",
    "NoSettings",
    "RunningModule",
    "load_module",
    # types for the settings of modules
    "BareJid",
    "Duration",
    "FilePath",
    "Jid",
    "PositiveDuration",
    "RoomJid",
    "Secret",
    "SecretSource",
]

RESERVED = tuple(ModuleConfig.model_fields)
"""Keys of a ``[modules.NAME]`` table that are not the module's own."""


class NoSettings(BaseModel):
    """For modules that have no settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Module:
    """What a module's file offers, under the name ``module``. ``config`` is the model of its settings."""

    name: str
    router: Router
    config: type[BaseModel] = NoSettings
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModule:
    """A module with its settings. ``name`` is the config's name for it: one file may be in use twice.

    Settings are the same object at each call, for one room and for all rooms without an override.
    """

    name: str
    module: Module
    settings: BaseModel
    room_settings: Mapping[Address, BaseModel] = field(default_factory=dict)
    only_in: frozenset[Address] | None = None
    not_in: frozenset[Address] = frozenset()

    @property
    def router(self) -> Router:
        """The module's handlers."""
        return self.module.router

    def settings_for(self, room: Address | None) -> BaseModel:
        """The settings merged for ``room``; the module's own for None and where nothing differs."""
        return self.settings if room is None else self.room_settings.get(room, self.settings)

    def active_in(self, room: Address | None) -> bool:
        """Does it act in ``room``? Outside of rooms (None) it always does."""
        return room is None or (room not in self.not_in and (self.only_in is None or room in self.only_in))

    def running(self, storage: ModuleStorage) -> RunningModule:
        """This module as the dispatcher wants it, with a place for its values."""
        return RunningModule(self, storage)


@dataclass(frozen=True, slots=True)
class RunningModule:
    """A loaded module with its storage; fulfils ``routing.plan.ModuleRuntime``."""

    loaded: LoadedModule
    storage: ModuleStorage

    @property
    def name(self) -> str:
        """The config's name for it."""
        return self.loaded.name

    @property
    def router(self) -> Router:
        """Its handlers."""
        return self.loaded.module.router

    def settings_for(self, room: Address | None) -> BaseModel:
        """As ``LoadedModule.settings_for``."""
        return self.loaded.settings_for(room)

    def active_in(self, room: Address | None) -> bool:
        """As ``LoadedModule.active_in``."""
        return self.loaded.active_in(room)


def load_module(use: str, folder: Path | None = None) -> Module:
    """The module at ``bots.keeper``, ``bots.keeper:attribute`` or ``./path/to/file.py`` (from ``folder``).

    Without ``:attribute`` it is the one called ``module``. Raises ``ConfigError``: no such module, its
    import raises (with file and line), it has no ``Module``, or handlers of it cannot be called.
    """
    where, _, attribute = use.partition(":")
    if where.endswith(".py"):
        found = import_file((folder or Path.cwd()) / Path(where).expanduser())
    else:
        found = import_path(where)
    module = getattr(found, attribute or "module", None)
    if not isinstance(module, Module):
        others = [name for name, value in vars(found).items() if isinstance(value, Module)]
        hint = f'; it has `{others[0]}`: write use = "{where}:{others[0]}"' if others else ""
        raise ConfigError(f"{where} has no Module value called `{attribute or 'module'}`{hint}")
    mistakes = [
        f"{where}: its settings cannot have a key called `{name}`; that one means something to botkit"
        for name in (f.alias or n for n, f in module.config.model_fields.items())
        if name in RESERVED
    ]
    mistakes += check(module.router)
    if mistakes:
        raise ConfigError(mistakes)
    return module
