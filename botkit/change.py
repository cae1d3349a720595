"""What a new config changes in a bot that runs: what can be had at once, and what takes a restart. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from botkit.config.schema import Config
from botkit.loading import LoadedConfig
from botkit.model.address import Address
from botkit.model.rooms import RoomSettings
from botkit.modules import LoadedModule

_AT_ONCE = {
    "access": {"admins"},
    "commands": {"prefix"},
    "history": {"catch_up"},
    "log": {"level"},
    "runtime": {"handler_timeout", "shutdown_timeout"},
}
"""By table: what counts from the moment of a reload on; rooms, modules and hooks, too. The rest takes a restart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """From one config to another. ``after`` is what can be had now: whatever takes a restart is as before.

    ``kept``: names of modules that are the same, code and settings. ``told``: a line for each thing, for people.
    """

    after: LoadedConfig
    enter: tuple[RoomSettings, ...]
    leave: tuple[Address, ...]
    alter: tuple[RoomSettings, ...]
    kept: frozenset[str]
    told: tuple[str, ...]


def compare(before: LoadedConfig, found: LoadedConfig) -> Change:
    """What is to be done to get from ``before`` to ``found``. Reads the rooms' passwords: blocks.

    Raises ``ConfigError`` for a password that cannot be read.
    """
    config, restart = _possible(before.config, found.config)
    old = {room.address: room for room in before.config.room_settings()}
    new = {room.address: room for room in config.room_settings()}
    modules = {one.name: one for one in before.modules}
    kept = frozenset(one.name for one in found.modules if modules.get(one.name) == one)
    enter = tuple(room for address, room in new.items() if address not in old)
    leave = tuple(address for address in old if address not in new)
    alter = tuple(room for address, room in new.items() if address in old and old[address] != room)
    told = (
        *(f"room {room.address}: new" for room in enter),
        *(f"room {address}: no more" for address in leave),
        *(f"room {room.address}: changed" for room in alter),
        *_modules(modules, {one.name: one for one in found.modules}),
        *_hooks(before.config, config),
        *_settings(before.config, config),
        *(f"{key}: needs a restart" for key in restart),
    )
    return Change(
        after=LoadedConfig(found.path, config, found.modules, found.warnings),
        enter=enter,
        leave=leave,
        alter=alter,
        kept=kept,
        told=told or ("nothing has changed",),
    )


def _modules(before: Mapping[str, LoadedModule], after: Mapping[str, LoadedModule]) -> Iterator[str]:
    for name, one in after.items():
        if name not in before:
            yield f"module {name}: new"
        elif before[name].module != one.module:
            yield f"module {name}: other code"
        elif before[name] != one:
            yield f"module {name}: other settings"
    yield from (f"module {name}: no more" for name in before if name not in after)


def _hooks(before: Config, after: Config) -> Iterator[str]:
    for name, hook in after.hooks.items():
        if before.hooks.get(name) != hook:
            yield f"hook {name}: {'changed' if name in before.hooks else 'new'}"
    yield from (f"hook {name}: no more" for name in before.hooks if name not in after.hooks)


def _settings(before: Config, after: Config) -> Iterator[str]:
    for table in _AT_ONCE:
        old, new = getattr(before, table), getattr(after, table)
        yield from (
            f"{table}.{key}: changed" for key in type(old).model_fields if getattr(old, key) != getattr(new, key)
        )


def _possible(before: Config, found: Config) -> tuple[Config, tuple[str, ...]]:
    """``found`` as far as it can be had without a restart, and the keys of the rest."""
    restart: list[str] = []
    parts: dict[str, object] = {}
    for table in type(before).model_fields:
        if table in ("rooms", "modules", "hooks"):
            continue
        old, new = getattr(before, table), getattr(found, table)
        differ = _differing(old, new)
        at_once = _AT_ONCE.get(table, set())
        restart += [f"{table}.{key}" for key in differ if key not in at_once]
        parts[table] = old.model_copy(update={key: getattr(new, key) for key in differ if key in at_once})
    return found.model_copy(update=parts), tuple(restart)


def _differing(one: BaseModel, other: BaseModel) -> list[str]:
    return [key for key in type(one).model_fields if getattr(one, key) != getattr(other, key)]
