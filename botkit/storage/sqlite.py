"""One account's storage in a SQLite file.

The file is in WAL mode, so it can be read by others (``botkit history``) while the bot writes. What
"durably" means: when ``log.write`` has returned, the rows and the cursor survive the death of the
process, ``kill -9`` included. After a power cut or a crash of the system the last moments of the log may
be missing, but rows and cursor together and never in part, so the room's archive fills them in again.
``values.put``,
``claims.claim`` and ``notices`` wait for the disk itself, because nothing could bring those back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from botkit.model.address import Address
from botkit.storage.sqlite_base import Connections, connect
from botkit.storage.sqlite_claims import SqliteClaims, SqliteLife
from botkit.storage.sqlite_jobs import SqliteJobs
from botkit.storage.sqlite_log import SqliteLog
from botkit.storage.sqlite_notices import SqliteNotices
from botkit.storage.sqlite_values import SqliteValues


class SqliteStorage:
    """``log`` is a ``MessageLog``, ``values`` are ``KeyValues``, ``claims`` are ``Claims``, ``life`` is a ``Life``,
    ``jobs`` a ``JobStore``, ``notices`` a ``NoticeStore``, all of one account."""

    def __init__(self, connections: Connections, account: Address) -> None:
        self.log = SqliteLog(connections, str(account.bare))
        self.values = SqliteValues(connections, str(account.bare))
        self.claims = SqliteClaims(connections, str(account.bare))
        self.life = SqliteLife(connections, str(account.bare))
        self.jobs = SqliteJobs(connections, str(account.bare))
        self.notices = SqliteNotices(connections, str(account.bare))
        self.path = Path(connections.path)

    @staticmethod
    @asynccontextmanager
    async def open(path: Path, account: Address, *, read_only: bool = False) -> AsyncIterator[SqliteStorage]:
        """Open the database for ``account``; it may hold others' rows, too.

        Makes the file and its folder where they are missing, unless ``read_only``. Raises
        ``StoreError`` if the file cannot be read or written, is no database, is another program's or
        a newer botkit's, or is locked.
        """
        connections = await connect(Path(path), read_only=read_only)
        try:
            yield SqliteStorage(connections, account)
        finally:
            await connections.close()
