"""SQLite's errors as ours, each with the file and what to do about it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from botkit.errors import StoreError

_CURES = {
    "SQLITE_FULL": "the disk is full; make room on it, and writing goes on by itself",
    "SQLITE_READONLY": "it may not be written to; let the bot's user write the file and its folder",
    "SQLITE_CANTOPEN": "it cannot be opened; let the bot's user read and write the file and its folder",
    "SQLITE_PERM": "it cannot be opened; let the bot's user read and write the file and its folder",
    "SQLITE_AUTH": "it cannot be opened; let the bot's user read and write the file and its folder",
    "SQLITE_NOTADB": "it is not a SQLite database; name another file in [storage] path, or move this one away",
    "SQLITE_CORRUPT": "the database is damaged; stop the bot and put a good copy back (or try sqlite3's .recover)",
    "SQLITE_BUSY": "another process has it locked; stop the other bot, or whatever keeps it open",
    "SQLITE_LOCKED": "another process has it locked; stop the other bot, or whatever keeps it open",
    "SQLITE_IOERR": "the disk fails to read or write; look at the system's log, and at the room left on the disk",
    "SQLITE_NOLFS": "the file system takes no file of this size; move the database to another one",
}
_PASSING = {"SQLITE_FULL", "SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_IOERR"}


@contextmanager
def explained(path: str) -> Iterator[None]:
    """Raise what SQLite raises as a ``StoreError`` that names ``path`` and the cure."""
    try:
        yield
    except sqlite3.Error as problem:
        raise of(problem, path) from problem


def of(problem: sqlite3.Error, path: str) -> StoreError:
    """The ``StoreError`` for ``problem``; ``retryable`` where the same may work later."""
    name = getattr(problem, "sqlite_errorname", "") or ""
    kind = "_".join(name.split("_")[:2])  # SQLITE_IOERR_WRITE: an extended code of SQLITE_IOERR
    cure = _CURES.get(kind, "see the error")
    error = StoreError(f"{path}: {cure} ({problem})")
    error.retryable = kind in _PASSING
    return error
