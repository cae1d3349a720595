"""``botkit check`` and ``botkit schema``: what a config means, without connecting."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from botkit.config.hooks import HookConfig
from botkit.config.json_schema import json_schema
from botkit.config.load import read_draft
from botkit.config.mistakes import ConfigMistakes
from botkit.config.schema import Config
from botkit.errors import ConfigError
from botkit.loading import LoadedConfig, load
from botkit.modules import LoadedModule, load_module

CONFIG_WRONG = 3
"""The exit code for mistakes in a config."""


def check(path: str | Path, console: Console, *, as_json: bool = False) -> int:
    """Print what the config at ``path`` means, or every mistake in it. Returns the exit code: 0 or ``CONFIG_WRONG``.

    Imports the modules, reads no secret and connects to nothing.
    """
    try:
        loaded = load(path)
    except ConfigMistakes as problem:
        _print_mistakes(path, problem, console, as_json)
        return CONFIG_WRONG
    if as_json:
        _print_json(console, describe(loaded))
    elif console.is_terminal:
        _print_tables(path, loaded, console)
    else:
        _print_plain(path, loaded, console)
    return 0


def schema(console: Console, modules: Iterable[str] = (), *, config: str | Path | None = None) -> int:
    """Print a JSON Schema (draft 2020-12) of the config file as JSON. Returns 0.

    ``modules`` are import paths or files whose settings it covers; with ``config``, also those in use there.
    Raises ``ConfigError`` for a module that cannot be loaded.
    """
    folder = Path(config).absolute().parent if config is not None else Path.cwd()
    uses = [*modules, *(_uses(Path(config)) if config is not None else ())]
    found: dict[str, ConfigError] = {}
    models = {}
    for use in dict.fromkeys(uses):
        try:
            models[use] = load_module(use, folder).config
        except ConfigError as problem:
            found[use] = problem
    if found:
        raise ConfigError([f"{use}: {text}" for use, problem in found.items() for text in problem.mistakes])
    _print_json(console, json_schema(models))
    return 0


def describe(loaded: LoadedConfig) -> dict[str, object]:
    """What a config means, as JSON values; no secret is among them."""
    config = loaded.config
    return {
        "ok": True,
        "account": {
            "jid": str(config.account.jid),
            "server": _server(config),
            "password": str(config.account.password),
        },
        "rooms": [
            {"jid": str(r.jid), "nick": config.nick_in(r), "create": r.create, "catch_up": config.catches_up(r.jid)}
            for r in config.rooms
        ],
        "modules": [{"name": m.name, "use": config.modules[m.name].use, **_counts(m)} for m in loaded.modules]
        + [
            {"name": name, "use": module.use, "enabled": False}
            for name, module in config.modules.items()
            if not module.enabled
        ],
        "hooks": [
            {"name": name, "format": hook.format, "secret": str(hook.secret), "to": _heard(hook)}
            for name, hook in config.hooks.items()
        ],
        "storage": str(config.storage.path),
        "warnings": list(loaded.warnings),
    }


def _counts(loaded: LoadedModule) -> dict[str, object]:
    routers = list(loaded.router.walk())
    made = [len(list(make(loaded.settings))) for router in routers for make in router.schedule_makers]
    return {
        "enabled": True,
        "handlers": sum(len(router.handlers) for router in routers),
        "commands": [spec.names[0] for router in routers for spec in router.commands],
        "schedules": sum(len(router.schedules) for router in routers) + sum(made),
        "adhoc": [spec.node for router in routers for spec in router.adhoc_commands],
        "only_in": None if loaded.only_in is None else sorted(map(str, loaded.only_in)),
        "not_in": sorted(map(str, loaded.not_in)),
        "overrides": sorted(map(str, loaded.room_settings)),
    }


def _heard(hook: HookConfig) -> list[str]:
    return [str(one) for one in (*hook.rooms, *hook.people)]


def _uses(path: Path) -> Sequence[str]:
    tables = read_draft(path).data.get("modules")
    found = [t.get("use") for t in tables.values() if isinstance(t, dict)] if isinstance(tables, dict) else []
    return [use for use in found if isinstance(use, str)]


def _server(config: Config) -> str:
    account = config.account
    if account.host is None:
        return f"as DNS says for {account.jid.domain}"
    return account.host + (f":{account.port}" if account.port is not None else "")


def _print_json(console: Console, value: object) -> None:
    console.file.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def _print_mistakes(path: str | Path, problem: ConfigMistakes, console: Console, as_json: bool) -> None:
    if as_json:
        mistakes = [{**asdict(mistake), "text": str(mistake)} for mistake in problem.details]
        _print_json(console, {"ok": False, "mistakes": mistakes})
        return
    for mistake in problem.details:
        _line(console, Text(str(mistake)))
    count = len(problem.details)
    _line(console, Text(f"{path}: {count} mistake{'s' if count != 1 else ''}", style="bold red"))


def _rows(loaded: LoadedConfig) -> Iterable[tuple[str, str]]:
    config = loaded.config
    yield "account", f"{config.account.jid}, server {_server(config)}, password from {config.account.password}"
    for room in config.rooms:
        notes = [f"as {config.nick_in(room)}"]
        notes += ["created if missing"] if room.create else []
        notes += [] if config.catches_up(room.jid) else ["no catch-up"]
        yield "room", f"{room.jid} {', '.join(notes)}"
    for module in loaded.modules:
        yield "module", f"{module.name} ({config.modules[module.name].use}): {_summary(module)}"
    for name, table in config.modules.items():
        if not table.enabled:
            yield "module", f"{name} ({table.use}): not enabled"
    for name, hook in config.hooks.items():
        yield "hook", f"{name} ({hook.format}): to {', '.join(_heard(hook))}, secret from {hook.secret}"
    yield "database", str(config.storage.path)


def _summary(module: LoadedModule) -> str:
    counts = _counts(module)
    commands = counts["commands"]
    names = f" ({', '.join(map(str, commands))})" if isinstance(commands, list) and commands else ""
    number = len(commands) if isinstance(commands, list) else 0
    parts = [
        _many(counts["handlers"], "handler"),
        _many(number, "command") + names,
        _many(counts["schedules"], "schedule"),
    ]
    if module.room_settings:
        parts.append(f"other settings in {', '.join(sorted(map(str, module.room_settings)))}")
    if module.only_in is not None:
        parts.append(f"only in {', '.join(sorted(map(str, module.only_in))) or 'no room'}")
    if module.not_in:
        parts.append(f"not in {', '.join(sorted(map(str, module.not_in)))}")
    return ", ".join(parts)


def _many(number: object, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _print_tables(path: str | Path, loaded: LoadedConfig, console: Console) -> None:
    table = Table(title=Text(f"{path}: good"), title_justify="left", show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for what, text in _rows(loaded):
        table.add_row(Text(what), Text(text))
    console.print(table)
    for warning in loaded.warnings:
        _line(console, Text(f"warning: {warning}", style="yellow"))


def _print_plain(path: str | Path, loaded: LoadedConfig, console: Console) -> None:
    for what, text in _rows(loaded):
        _line(console, Text(f"{what}: {text}"))
    for warning in loaded.warnings:
        _line(console, Text(f"warning: {warning}"))
    _line(console, Text(f"{path}: good"))


def _line(console: Console, text: Text) -> None:
    console.print(text, soft_wrap=True)
