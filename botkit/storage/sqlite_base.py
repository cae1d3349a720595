"""Opening the database: one connection that writes, one that reads, each in a thread of its own."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar
from urllib.parse import quote

import aiosqlite

from botkit.errors import StoreError
from botkit.storage import migrations
from botkit.storage.problems import explained

P = ParamSpec("P")
T = TypeVar("T")

BUSY_SECONDS = 5.0
"""How long to wait for another process's lock."""


class Connections:
    """Runs functions on the two connections. Reads see what was written before, and wait for no write."""

    def __init__(self, path: str, writer: aiosqlite.Connection | None, reader: aiosqlite.Connection) -> None:
        self.path = path
        self._writer = writer
        self._reader = reader

    async def write(
        self, function: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``function`` on the writing connection, in its thread. Raises ``StoreError``."""
        if self._writer is None:
            raise StoreError(f"{self.path} was opened for reading only")
        return await self._run(self._writer, function, *args, **kwargs)

    async def read(
        self, function: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``function`` on the reading connection, in its thread. Raises ``StoreError``."""
        return await self._run(self._reader, function, *args, **kwargs)

    async def _run(
        self,
        connection: aiosqlite.Connection,
        function: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        # aiosqlite has no public way to run a function in its thread; this is the door that all of its own
        # methods use. Statement by statement a batch would cost a thirty times longer way.
        try:
            with explained(self.path):
                result: T = await connection._execute(  # type: ignore[no-untyped-call]
                    function, connection._conn, *args, **kwargs
                )
                return result
        except ValueError as problem:
            if "onnection" in str(problem):  # "Connection closed", "no active connection"
                raise StoreError(f"{self.path} is closed") from None
            raise

    async def close(self) -> None:
        """Close both; what was queued before is still done."""
        with explained(self.path):
            await self._reader.close()
            if self._writer is not None:
                await self._writer.close()


@contextmanager
def to_the_disk(connection: sqlite3.Connection) -> Iterator[None]:
    """What is committed inside is on the disk itself afterwards, not only with the system."""
    connection.execute("PRAGMA synchronous = FULL")
    try:
        yield
    finally:
        connection.execute("PRAGMA synchronous = NORMAL")


async def connect(path: Path, *, read_only: bool) -> Connections:
    """Open ``path`` and bring it up to date; the file and its folder are made where missing. Raises ``StoreError``."""
    name = str(path)
    _check_path(path, read_only)
    if read_only:
        return Connections(name, None, await _open_to_read(path))
    writer = await _open(f"file:{quote(name)}", name, _prepare_to_write)
    try:
        reader = await _open(f"file:{quote(name)}", name, _prepare_to_read)
    except BaseException:
        await writer.close()
        raise
    return Connections(name, writer, reader)


def _check_path(path: Path, read_only: bool) -> None:
    try:
        if read_only and not path.exists():
            raise StoreError(f"{path} does not exist; run the bot first, or look at [storage] path in its config")
        if path.is_dir():
            raise StoreError(f"{path} is a folder; name a file in it in [storage] path")
        if not read_only:
            path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise StoreError(
            f"{path.parent}: the folder for the database cannot be used or made ({problem.strerror}); "
            "make it and let the bot's user write to it, or name another in [storage] path"
        ) from None


async def _open_to_read(path: Path) -> aiosqlite.Connection:
    name = str(path)
    try:
        return await _open(f"file:{quote(name)}?mode=ro", name, _prepare_to_read)
    except StoreError:
        # A database in WAL mode needs its -shm file even for reading. Where nobody has it open and we may not make
        # one, it cannot change either (sqlite.org/wal.html, "Read-Only Databases"); with a -wal it could.
        if _has_wal(name):
            raise
        return await _open(f"file:{quote(name)}?immutable=1", name, _prepare_to_read)


def _has_wal(name: str) -> bool:
    return Path(f"{name}-wal").exists()


async def _open(uri: str, path: str, prepare: Callable[[sqlite3.Connection, str], None]) -> aiosqlite.Connection:
    with explained(path):
        connection = await aiosqlite.connect(
            uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, cached_statements=256
        )
    try:
        with explained(path):
            await connection._execute(prepare, connection._conn, path)  # type: ignore[no-untyped-call]
    except BaseException:
        await connection.close()
        raise
    return connection


def _prepare_to_write(connection: sqlite3.Connection, path: str) -> None:
    migrations.check(connection, path)
    _use_wal(connection)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = FAST")  # what was forgotten should not stay readable in the file
    migrations.migrate(connection, path)
    # Fails here, at start, where the file may be read but not written.
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(f"PRAGMA user_version = {migrations.VERSION}")
    connection.execute("COMMIT")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Put the database into WAL mode, where it is not. SQLite does not wait for others' locks to do so: we do."""
    give_up = time.monotonic() + BUSY_SECONDS
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as problem:
            if problem.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > give_up:
                raise
            time.sleep(0.02)  # in the connection's own thread: another process, or account, makes the same database


def _prepare_to_read(connection: sqlite3.Connection, path: str) -> None:
    version = migrations.check(connection, path)
    if version < migrations.VERSION:
        raise StoreError(
            f"{path} has an older shape (version {version}, wanted {migrations.VERSION}); "
            "start the bot once to bring it up to date"
        )
    connection.execute("PRAGMA query_only = ON")
