"""Where in a TOML text each key stands: the standard library's parser keeps no positions."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right

Path = tuple[str | int, ...]
"""Keys from the top, and positions in arrays: ``("rooms", 0, "nick")``."""

_SKIP = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})'  # up to two quotes may stand directly before the closing three
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:[^"\\]|\\.)*"'
    r"|'[^']*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]+")


def index_lines(text: str) -> dict[Path, int]:
    """The line (from 1) of each table, key and array element in ``text``.

    ``text`` must be TOML that ``tomllib`` has accepted: this only finds what is known to be there.
    """
    scanner = _Scanner(text)
    scanner.document()
    return scanner.found


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[Path, int] = {(): 1}
        self._line_ends = [match.start() for match in re.finditer("\n", text)]
        self._tables: dict[Path, int] = {}  # how many [[headers]] an array of tables has had

    def document(self) -> None:
        table: Path = ()
        self._skip()
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip()

    def _skip(self) -> None:
        match = _SKIP.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def _note(self, path: Path) -> None:
        line = bisect_right(self._line_ends, self.at - 1) + 1
        for length in range(1, len(path) + 1):
            self.found.setdefault(path[:length], line)

    def _header(self) -> Path:
        start = self.at
        array = self.text.startswith("[[", self.at)
        self.at += 2 if array else 1
        keys = self._keys()
        self.at += 2 if array else 1
        path = self._resolved(keys[:-1])
        path += (keys[-1],)
        if array:
            count = self._tables.get(path, 0)
            self._tables[path] = count + 1
            path += (count,)
        elif path in self._tables:
            path += (self._tables[path] - 1,)
        end, self.at = self.at, start
        self._note(path)
        self.at = end
        return path

    def _resolved(self, keys: list[str]) -> Path:
        """A header's keys, with the position of the newest element after each array of tables."""
        path: Path = ()
        for key in keys:
            path += (key,)
            if path in self._tables:
                path += (self._tables[path] - 1,)
        return path

    def _keys(self) -> list[str]:
        keys = [self._key()]
        self._skip()
        while self.text.startswith(".", self.at):
            self.at += 1
            keys.append(self._key())
            self._skip()
        return keys

    def _key(self) -> str:
        self._skip()
        if match := _BARE_KEY.match(self.text, self.at):
            self.at = match.end()
            return match.group()
        return str(tomllib.loads(f"key = {self._take(_STRING)}")["key"])

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise ValueError(f"no TOML at {self.at}")
        self.at = match.end()
        return match.group()

    def _pair(self, table: Path) -> None:
        start = self.at
        path = table + tuple(self._keys())
        end, self.at = self.at, start
        self._note(path)
        self.at = end + 1  # past the "="
        self._skip()
        self._value(path)

    def _value(self, path: Path) -> None:
        first = self.text[self.at]
        if first == "[":
            self._array(path)
        elif first == "{":
            self._inline(path)
        else:
            self._take(_STRING if first in "\"'" else _SCALAR)

    def _array(self, path: Path) -> None:
        self.at += 1
        position = 0
        self._skip()
        while self.text[self.at] != "]":
            self._note((*path, position))
            self._value((*path, position))
            position += 1
            self._comma()
        self.at += 1

    def _inline(self, path: Path) -> None:
        self.at += 1
        self._skip()
        while self.text[self.at] != "}":
            self._pair(path)
            self._comma()
        self.at += 1

    def _comma(self) -> None:
        self._skip()
        if self.text[self.at] == ",":
            self.at += 1
            self._skip()
