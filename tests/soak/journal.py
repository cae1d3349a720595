"""What a bot's handlers saw and did, written down at once by the module ``witness``, apart from the bot's database.

Lines of JSON in files of less than one page: so a bot whose files may not grow past a page (our way to fill its disk)
can still tell what it does.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_MOST = 3_500
FULL_AT = 4_096
"""Bytes that a file may have while "the disk is full"; a file of a journal stays below."""


class Journal:
    """The writing side. Blocking, on purpose: what is told is on the disk when ``tell`` returns."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._number = max((int(path.stem) for path in folder.glob("*.jsonl")), default=0)
        self._file = -1
        self._size = _MOST

    def tell(self, what: str, **said: object) -> None:
        """Write a line: ``what`` and whatever belongs to it."""
        told = {"what": what, "at": time.time(), "pid": os.getpid()} | said
        line = json.dumps(told, ensure_ascii=True).encode() + b"\n"
        if self._size + len(line) > _MOST:
            self._next_file()
        os.write(self._file, line)
        os.fsync(self._file)
        self._size += len(line)

    def _next_file(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._number += 1
        path = self._folder / f"{self._number:06}.jsonl"
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._size = 0


def read(folder: Path) -> Iterator[dict[str, Any]]:
    """All lines, in their order."""
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            yield json.loads(line)
