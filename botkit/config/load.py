"""Reading a config file: one pass that finds every mistake, and tells them all at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path as FilePath

from botkit.config.hooks import check_hooks
from botkit.config.lines import Path, index_lines
from botkit.config.mistakes import ConfigMistakes, Draft, Mistake, suggestion
from botkit.config.schema import Config
from botkit.config.validate import note_errors, note_secrets, validate
from botkit.config.values import Listen
from botkit.errors import BadAddress
from botkit.model.address import Address

LARGEST = 1 << 20  # bytes; a config that is larger is no config
DEEPEST = 32
_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_TOML_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")

Check = Callable[[Draft, FilePath], None]
"""A further check of a config: notes mistakes in the draft. Gets the config's folder."""


def load_config(path: str | FilePath, *, check: Check | None = None) -> Config:
    """Read the config at ``path``. Raises ``ConfigMistakes`` (a ``ConfigError``) with every mistake in it.

    ``check`` sees the draft before anything is raised, so that its mistakes are told together with
    these; ``botkit.modules.load`` gives one that loads the modules.
    """
    path = FilePath(path)
    draft = read_draft(path)
    folder = path.absolute().parent
    note_secrets(draft, Config, ())
    # [storage] is always there, so that its default path starts from the config's folder, too
    config, errors = validate(Config, {"storage": {}, **draft.data}, folder)
    note_errors(draft, Config, errors)
    _cross_check(draft)
    if check is not None:
        check(draft, folder)
    draft.raise_if_any()
    assert config is not None  # without a mistake there is a config
    return config


def read_draft(path: FilePath) -> Draft:
    """The file's data and lines. Raises ``ConfigMistakes`` where it cannot be read as TOML at all."""
    text = _read(path)
    try:
        data: dict[str, object] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        line, message = _toml_place(str(problem), text)
        failure = (line, f"not TOML: {message}")
    except RecursionError:
        failure = (1, f"not a config: nested deeper than {DEEPEST} levels")
    except ValueError as problem:  # an int of more digits than Python turns into a number, an impossible date
        failure = (1, f"not TOML: {problem}")
    else:
        too_much = _excess(data)
        if too_much is None:
            return Draft(str(path), data, index_lines(text.replace("\r\n", "\n")))
        failure = (1, too_much)
    raise _single(path, *failure)


def _read(path: FilePath) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except (OSError, ValueError) as problem:  # ValueError: a path with a NUL in it
        reason = getattr(problem, "strerror", None) or str(problem)
    else:
        if len(raw) > LARGEST:
            raise _single(path, 1, f"not a config: larger than {LARGEST} bytes")
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError as problem:
            line, byte = raw.count(b"\n", 0, problem.start) + 1, raw[problem.start]
        raise _single(path, line, f"not UTF-8 text: byte 0x{byte:02x}; save the file as UTF-8")
    raise _single(path, 1, f"the config cannot be read: {reason}")


def _single(path: FilePath, line: int, text: str) -> ConfigMistakes:
    return ConfigMistakes([Mistake(file=str(path), line=line, key="", value=None, expected=text)])


def _toml_place(message: str, text: str) -> tuple[int, str]:
    match = _TOML_PLACE.search(message)
    if match is None:
        return 1, message
    said = message[: match.start()]
    if match[1] is None:
        return text.count("\n") + (not text.endswith("\n")), f"{said} at the end of the file"
    return int(match[1]), f"{said} (column {match[2]})"


def _excess(data: object) -> str | None:
    """What no config needs and some code below could not bear; None if there is nothing of the kind."""
    level = [data]
    for _ in range(DEEPEST):
        below: list[object] = []
        for value in level:
            if isinstance(value, dict):
                below += value.values()
            elif isinstance(value, list):
                below += value
            elif isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
                return "not TOML: a number of more than 64 bits"
        if not below:
            return None
        level = below
    return f"not a config: nested deeper than {DEEPEST} levels"


def _cross_check(draft: Draft) -> None:
    """What one field cannot know of another. Works on the raw data, since other parts of it may be wrong."""
    if draft.has(("account", "port")) and not draft.has(("account", "host")):
        draft.add(("account", "port"), "a port belongs to a host; set `host`, too, or let DNS say both")
    _check_listen(draft)
    rooms = room_addresses(draft)
    check_hooks(draft, rooms)
    modules = draft.at(("modules",))
    for name, module in modules.items() if isinstance(modules, dict) else ():
        if not _NAME.fullmatch(name):
            draft.add(("modules", name), "expected a name of small letters, digits, - and _, a letter first")
        if isinstance(module, dict):
            _check_module_rooms(draft, ("modules", name), module, rooms)


def _check_listen(draft: Draft) -> None:
    if draft.has(("http", "tls_key")) and not draft.has(("http", "tls_cert")):
        draft.add(("http", "tls_key"), "a key belongs to a certificate; set `tls_cert`, too")
    listen = Listen.read(draft.at(("http", "listen"))) if draft.has(("http", "listen")) else None
    if listen is not None and not listen.is_loopback and draft.at(("http", "allow_remote")) is not True:
        draft.add(
            ("http", "listen"),
            "other machines can reach this address, and would read the bot's rooms and figures;"
            " use 127.0.0.1, or set `allow_remote = true`, too",
        )


def room_addresses(draft: Draft) -> dict[Address, Path]:
    """The rooms of the config that are written well enough to be known; notes those that stand there twice."""
    found: dict[Address, Path] = {}
    rooms = draft.at(("rooms",))
    for position, room in enumerate(rooms if isinstance(rooms, list) else ()):
        address = _address(room.get("jid")) if isinstance(room, dict) else None
        if address is None:
            continue
        path: Path = ("rooms", position, "jid")
        if address in found:
            draft.add(path, f"this room is there already, on line {draft.line(found[address])}")
        else:
            found[address] = path
    return found


def _check_module_rooms(draft: Draft, base: Path, module: dict[str, object], rooms: dict[Address, Path]) -> None:
    if isinstance(module.get("rooms"), list):
        return  # told by the schema: expected a table
    overrides = module.get("rooms")
    only_in = module.get("only_in")
    named: list[tuple[Path, str]] = [
        ((*base, "rooms", room), room) for room in (overrides if isinstance(overrides, dict) else ())
    ]
    listed = only_in if isinstance(only_in, list) else []
    named += [((*base, "only_in", i), room) for i, room in enumerate(listed) if isinstance(room, str)]
    for path, room in named:
        address = _address(room)
        if address is None and path[len(base)] == "only_in":
            continue  # told by the schema, too
        if address not in rooms:
            known = [str(one) for one in rooms]
            draft.add(path, f"the config has no such room in [[rooms]]{suggestion(room, known)}")


def _address(text: object) -> Address | None:
    try:
        return Address.parse(text) if isinstance(text, str) else None
    except BadAddress:
        return None
