"""Mistakes in a config: one value for each, and how it is written for the person who made it."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, time

from botkit.config.lines import Path
from botkit.errors import ConfigError

_SECRET_WORDS = re.compile(r"pass|secret|token|credential|api.?key|private.?key", re.IGNORECASE)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_ABSENT = object()
_SOURCES = frozenset(("env", "file", "command"))
HIDDEN = "***"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One mistake. ``value`` is as TOML would write it, ``***`` for a secret, None where there is no value."""

    file: str
    line: int
    key: str
    value: str | None
    expected: str

    def __str__(self) -> str:
        key = self.key if self.value is None else f"{self.key} = {self.value}"
        return (
            f"{self.file}:{self.line}: {key}: {self.expected}" if key else f"{self.file}:{self.line}: {self.expected}"
        )


class ConfigMistakes(ConfigError):
    """All mistakes of one config file; ``details`` has them as values, in the order of the file."""

    def __init__(self, details: Iterable[Mistake]) -> None:
        self.details = tuple(sorted(details, key=lambda mistake: mistake.line))
        super().__init__([str(mistake) for mistake in self.details])


class Draft:
    """A config while it is being checked: its data, where each key stands, and the mistakes found so far."""

    def __init__(self, file: str, data: dict[str, object], lines: dict[Path, int]) -> None:
        self.file = file
        self.data = data
        self.lines = lines
        self.mistakes: list[Mistake] = []
        self.secret_paths: set[Path] = set()  # beyond those whose names tell
        self._scrub: list[str] | None = None

    def at(self, path: Path) -> object:
        """The value at ``path``; ``Draft.absent`` if there is none."""
        value: object = self.data
        for step in path:
            if isinstance(value, list):
                value = dict(enumerate(value))
            if not isinstance(value, dict) or step not in value:
                return _ABSENT
            value = value[step]
        return value

    def has(self, path: Path) -> bool:
        """Does the file have this key?"""
        return self.at(path) is not _ABSENT

    def line(self, path: Path) -> int:
        """The line of ``path``, or of the nearest table around it."""
        while path not in self.lines and path:
            path = path[:-1]
        return self.lines.get(path, 1)

    def is_secret(self, path: Path) -> bool:
        """May the value at ``path`` not be shown?"""
        if any(path[:length] in self.secret_paths for length in range(1, len(path) + 1)):
            return True
        return any(isinstance(step, str) and sounds_secret(step) for step in path)

    def add(self, path: Path, expected: str, *, where: Path | None = None) -> None:
        """Note a mistake at ``path``. ``where``: the key whose line is meant, if not that one's."""
        value = self.at(path)
        shown = None if value is _ABSENT else HIDDEN if self.is_secret(path) else show(value)
        mistake = Mistake(
            file=self.file,
            line=self.line(path if where is None else where),
            key=write_path(path),
            value=shown,
            expected=_printable(self.scrubbed(expected)),
        )
        if mistake not in self.mistakes:
            self.mistakes.append(mistake)

    def scrubbed(self, text: str) -> str:
        """``text`` without any secret of the file; others' validators may quote what they were given."""
        if self._scrub is None:
            self._scrub = sorted(set(self._secrets()), key=len, reverse=True)
        for secret in self._scrub:
            # a short one would tear ordinary words apart, so it must stand as a word of its own
            if len(secret) >= 4:
                text = text.replace(secret, HIDDEN)
            else:
                text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", HIDDEN, text)
        return text

    def _secrets(self) -> Iterator[str]:
        for path, value in _leaves(self.data):
            # { env = "NAME" } says where a secret is, and is none itself: "keeper" may well be a word of a command
            text = value if isinstance(value, str) else str(value) if type(value) is int and value > 999 else ""
            if text and self.is_secret(path) and not _SOURCES.intersection(path[-2:]):
                yield text

    def raise_if_any(self) -> None:
        """Raise ``ConfigMistakes`` if there are any."""
        if self.mistakes:
            raise ConfigMistakes(self.mistakes)


def sounds_secret(name: str) -> bool:
    """Does a key of this name hold a secret? Also where the name is misspelt."""
    return bool(_SECRET_WORDS.search(name) or difflib.get_close_matches(name.lower(), ("password", "secret"), 1, 0.7))


def suggestion(word: str, known: Iterable[str]) -> str:
    """``; did you mean `x`?``, or "" if nothing known is close."""
    close = difflib.get_close_matches(word, list(known), 1)
    return f"; did you mean `{close[0]}`?" if close else ""


def write_path(path: Path) -> str:
    """A path as TOML would write it: ``modules.keeper.rooms."lobby@rooms.example.org".warn_after``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            key = step if _BARE_KEY.fullmatch(step) else json.dumps(step, ensure_ascii=False)
            text += f".{_cut(key)}" if text else _cut(key)
    return text


def show(value: object) -> str:
    """A value as TOML would write it, cut to a line; of tables only that they are some."""
    if isinstance(value, str):
        return _cut(json.dumps(value, ensure_ascii=False))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{…}" if value else "{}"
    if isinstance(value, list):
        if any(isinstance(one, dict | list) for one in value):
            return "[…]"
        return _cut("[" + ", ".join(show(one) for one in value[:20]) + "]")
    if isinstance(value, date | time):
        return value.isoformat()
    return _cut(str(value))


def _cut(text: str, length: int = 80) -> str:
    printable = _printable(text)
    return printable if len(printable) <= length else printable[: length - 1] + "…"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " if c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _leaves(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _leaves(inner, (*path, position))
    else:
        yield path, value
