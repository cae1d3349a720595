"""A whole config with its modules, loaded in one pass that tells every mistake at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath

from pydantic import BaseModel

from botkit.config.lines import Path
from botkit.config.load import load_config, read_draft
from botkit.config.mistakes import Draft
from botkit.config.schema import Config
from botkit.config.secrets import SecretSource
from botkit.config.validate import note_errors, note_secrets, validate
from botkit.errors import BadAddress, ConfigError
from botkit.model.address import Address
from botkit.modules import RESERVED, LoadedModule, Module, load_module

Told = tuple[str, tuple[str | int, ...]]
"""A pydantic error that was told of the module's own settings, and need not be told again of each room."""


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """The config at ``path`` with its modules, in the order of the file.

    ``warnings``: what works, but should be known.
    """

    path: FilePath
    config: Config
    modules: tuple[LoadedModule, ...]
    warnings: tuple[str, ...]


def load(path: str | FilePath) -> LoadedConfig:
    """Read the config at ``path`` and load its modules. Imports run the modules' code.

    Raises ``ConfigMistakes`` (a ``ConfigError``) with every mistake of the config, of the modules'
    settings, and of handlers that cannot be called.
    """
    loaded: list[LoadedModule] = []

    def load_modules(draft: Draft, folder: FilePath) -> None:
        tables = draft.at(("modules",))
        for name, table in tables.items() if isinstance(tables, dict) else ():
            if isinstance(table, dict) and table.get("enabled", True) is not False:
                one = _load_one(draft, folder, name, table)
                if one is not None:
                    loaded.append(one)

        try_templates(draft)

    config = load_config(path, check=load_modules)
    return LoadedConfig(FilePath(path), config, tuple(loaded), _warnings(config))


def try_templates(draft: Draft) -> None:
    """Note what is wrong with the templates of webhooks."""
    hooks = draft.at(("hooks",))
    for name, hook in hooks.items() if isinstance(hooks, dict) else ():
        template = hook.get("template") if isinstance(hook, dict) else None
        if isinstance(template, str):
            from botkit.services.hooks.sandbox import mistake_in  # jinja2 takes a while; few configs have templates

            if (found := mistake_in(template)) is not None:
                draft.add(("hooks", name, "template"), f"line {found[0]} of the template: {found[1]}")


def load_all(paths: Sequence[str | FilePath]) -> tuple[LoadedConfig, ...]:
    """``load`` for each, to run in one process; secrets must be there, too, as far as no command tells them.

    Raises ``ConfigError`` with the mistakes of all.
    """
    loaded: list[LoadedConfig] = []
    mistakes: list[str] = []
    for path in paths:
        try:
            loaded.append(load(path))
            mistakes += _absent_secrets(loaded[-1])
        except ConfigError as problem:
            mistakes += problem.mistakes
    if mistakes:
        raise ConfigError(mistakes)
    check_together(loaded)
    return tuple(loaded)


def _absent_secrets(loaded: LoadedConfig) -> list[str]:
    """Passwords that a login would miss; found now, and not when the bot has connected. Commands are not run."""
    config = loaded.config
    named: list[tuple[Path, SecretSource | None]] = [(("account", "password"), config.account.password)]
    named += [(("rooms", position, "password"), room.password) for position, room in enumerate(config.rooms)]
    named += [(("hooks", name, "secret"), hook.secret) for name, hook in config.hooks.items()]
    draft: Draft | None = None
    for key, secret in named:
        if secret is None or secret.kind not in ("env", "file"):
            continue
        try:
            secret.resolve()
        except ConfigError as problem:
            draft = draft or read_draft(loaded.path)
            draft.add(key, str(problem))
    return [str(mistake) for mistake in draft.mistakes] if draft is not None else []


def check_together(configs: Sequence[LoadedConfig]) -> None:
    """Raises ``ConfigError`` where two of ``configs`` cannot run in one process, naming both files."""
    mistakes: list[str] = []
    for position, one in enumerate(configs):
        for other in configs[:position]:
            mistakes += [f"{other.path} and {one.path} {fault}" for fault in _clashes(other.config, one.config)]
    if mistakes:
        raise ConfigError(mistakes)


def _clashes(one: Config, other: Config) -> Iterator[str]:
    same_account = one.account.jid == other.account.jid
    if same_account and one.account.resource == other.account.resource:
        resource = f" with the resource {one.account.resource}" if one.account.resource else ""
        yield f"have the same account {one.account.jid}{resource}: give each its own account, or resource"
    elif same_account and _same(one.storage.path, other.storage.path):
        yield f"have the same account and the same database {one.storage.path}: give each its own"
    file = one.runtime.health_file
    if file is not None and other.runtime.health_file is not None and _same(file, other.runtime.health_file):
        yield f"have the same health file {file}: give each its own"
    for name in sorted(set(one.hooks) & set(other.hooks)):
        yield f"have the same hook {name}: one process has one address for each name"
    at, http = one.http.listen, other.http
    if at is not None and at == http.listen and _tls(one) != _tls(other):
        yield f"listen both at {at}, but with different certificates: give each the same `tls_cert` and `tls_key`"


def _tls(config: Config) -> tuple[FilePath | None, FilePath | None]:
    return config.http.tls_cert, config.http.tls_key


def _same(one: FilePath, other: FilePath) -> bool:
    return one.resolve() == other.resolve()


class _Settings:
    """The settings of one module while they are checked: its own, and those of each room with an override."""

    def __init__(self, draft: Draft, folder: FilePath, module: Module, base: Path, table: dict[str, object]) -> None:
        self.draft = draft
        self.folder = folder
        self.model = module.config
        self.base = base
        self.table = table
        self.by_room: dict[Address, BaseModel] = {}
        self.not_in: set[Address] = set()
        overrides = table.get("rooms")
        self.overrides: dict[str, object] = overrides if isinstance(overrides, dict) else {}

    def check(self) -> BaseModel | None:
        """The module's own settings, or None if they are wrong; fills ``by_room`` and ``not_in``."""
        note_secrets(self.draft, self.model, self.base)
        for room in self.overrides:
            note_secrets(self.draft, self.model, (*self.base, "rooms", room))
        own = {key: value for key, value in self.table.items() if key not in RESERVED}
        settings, errors = validate(self.model, own, self.folder, forbid_extra=True)
        note_errors(self.draft, self.model, errors, self.base, reserved=RESERVED)
        told: set[Told] = {(error["type"], error["loc"]) for error in errors}
        for room, override in self.overrides.items():
            if isinstance(override, dict):  # else told by the schema
                self._check_room(own, room, override, told)
        return settings

    def _check_room(self, own: dict[str, object], room: str, override: dict[str, object], told: set[Told]) -> None:
        path = (*self.base, "rooms", room)
        address = _address(room)
        enabled = override.get("enabled", True)
        if not isinstance(enabled, bool):
            self.draft.add((*path, "enabled"), "expected true or false")
        changed = {key: value for key, value in override.items() if key != "enabled"}
        merged, errors = validate(self.model, merge(own, changed), self.folder, forbid_extra=True)
        fresh = [e for e in errors if (e["type"], e["loc"]) not in told or (e["loc"] and e["loc"][0] in changed)]
        note_errors(self.draft, self.model, fresh, path, reserved=("enabled",))
        if address is not None and enabled is False:
            self.not_in.add(address)
        if address is not None and merged is not None and changed:
            self.by_room[address] = merged


def _load_one(draft: Draft, folder: FilePath, name: str, table: dict[str, object]) -> LoadedModule | None:
    base: Path = ("modules", name)
    use = table.get("use")
    if not isinstance(use, str) or not use:
        return None  # told by the schema
    before = len(draft.mistakes)
    try:
        module = load_module(use, folder)
    except ConfigError as problem:
        for text in problem.mistakes:
            draft.add((*base, "use"), text)
        return None
    checked = _Settings(draft, folder, module, base, table)
    settings = checked.check()
    if settings is not None:
        _try_schedules(draft, module, settings, base)
    if settings is None or len(draft.mistakes) > before:
        return None
    return LoadedModule(
        name=name,
        module=module,
        settings=settings,
        room_settings=checked.by_room,
        only_in=_only_in(table),
        not_in=frozenset(checked.not_in),
    )


def _try_schedules(draft: Draft, module: Module, settings: BaseModel, base: Path) -> None:
    """Let the module make its schedules once, so that what is wrong with them is told here."""
    for router in module.router.walk():
        for make in router.schedule_makers:
            try:
                list(make(settings))
            except Exception as problem:
                draft.add((*base, "use"), f"its schedules cannot be made: {type(problem).__name__}: {problem}")


def merge(base: Mapping[str, object], over: Mapping[str, object]) -> dict[str, object]:
    """``base`` with ``over`` laid on it: tables are merged key by key, everything else is replaced."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _only_in(table: dict[str, object]) -> frozenset[Address] | None:
    listed = table.get("only_in")
    if not isinstance(listed, list):
        return None
    return frozenset(address for room in listed if (address := _address(room)) is not None)


def _address(text: object) -> Address | None:
    try:
        return Address.parse(text) if isinstance(text, str) else None
    except BadAddress:
        return None


def _warnings(config: Config) -> tuple[str, ...]:
    found = []
    if said := config.account.password.warning():
        found.append(f"account.password: {said}")
    for position, room in enumerate(config.rooms):
        if room.password is not None and (said := room.password.warning()):
            found.append(f"rooms[{position}].password: {said}")
    if config.account.allow_plain:
        found.append("account.allow_plain: a server that asks for it gets the password itself")
    if config.http.listen is not None and not config.http.listen.is_loopback:
        found.append(f"http.listen: everybody who reaches {config.http.listen} may read the bot's rooms and figures")
    found += _hook_warnings(config)
    if not config.hooks and not any(module.enabled for module in config.modules.values()):
        found.append("modules: none is in use; the bot would do nothing")
    if said := _unreadable(config.account.ca_file):
        found.append(f"account.ca_file: {said}")
    return tuple(found)


def _hook_warnings(config: Config) -> Iterator[str]:
    http = config.http
    for name, hook in config.hooks.items():
        if said := hook.secret.warning():
            yield f"hooks.{name}.secret: {said}"
    if config.hooks and http.listen is None:
        yield "hooks: nothing listens; set `listen` in [http], here or in another config of the same process"
    if config.hooks and http.listen is not None and not http.listen.is_loopback and http.tls_cert is None:
        yield "hooks: without `tls_cert` in [http] whoever is on the way can read and repeat what comes"
    for key, path in (("tls_cert", http.tls_cert), ("tls_key", http.tls_key)):
        if said := _unreadable(path):
            yield f"http.{key}: {said}"


def _unreadable(path: FilePath | None) -> str | None:
    if path is None:
        return None
    try:
        return None if path.is_file() else f"there is no file {path}"
    except OSError as problem:  # a folder on the way may not be entered
        return f"{path} cannot be read ({problem.strerror})"
