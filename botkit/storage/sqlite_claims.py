"""What was begun, and signs of life, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from datetime import datetime

from botkit.storage.sqlite_base import Connections, to_the_disk
from botkit.storage.sqlite_shelf import micros, moment


class SqliteClaims:
    """``Claims`` for one account."""

    def __init__(self, connections: Connections, account: str) -> None:
        self._connections = connections
        self._account = account

    async def claim(self, keys: Collection[bytes], at: datetime, *, since: datetime) -> bool:
        """Claim all ``keys``; False if one of them was taken since. Raises ``StoreError``."""
        return await self._connections.write(self._claim, tuple(keys), micros(at), micros(since))

    def _claim(self, connection: sqlite3.Connection, keys: tuple[bytes, ...], at: int, since: int) -> bool:
        # On the disk before anything is done: after a power cut, too, it must be known that it was begun.
        with to_the_disk(connection):
            connection.execute("BEGIN IMMEDIATE")
            try:
                taken = 0
                for key in keys:
                    done = connection.execute(
                        "INSERT INTO claim (account, key, at) VALUES (?, ?, ?) ON CONFLICT (account, key)"
                        " DO UPDATE SET at = excluded.at WHERE claim.at < ?",
                        (self._account, key, at, since),
                    )
                    taken += done.rowcount
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        return taken == len(keys)

    async def expire(self, before: datetime) -> int:
        """Forget old claims. Returns how many. Raises ``StoreError``."""
        return await self._connections.write(
            _changed, "DELETE FROM claim WHERE account = ? AND at < ?", (self._account, micros(before))
        )


class SqliteLife:
    """``Life`` for one account. It survives the death of the process; that it survives a power cut is likely."""

    def __init__(self, connections: Connections, account: str) -> None:
        self._connections = connections
        self._account = account

    async def last(self) -> datetime | None:
        """What was said last, or None. Raises ``StoreError``."""
        row = await self._connections.read(_until, self._account)
        return None if row is None else moment(row)

    async def renew(self, until: datetime) -> None:
        """Alive until then. Raises ``StoreError``."""
        await self._connections.write(
            _changed,
            "INSERT INTO life (account, until) VALUES (?, ?) ON CONFLICT DO UPDATE SET until = excluded.until",
            (self._account, micros(until)),
        )

    async def end(self) -> None:
        """An orderly end. Raises ``StoreError``."""
        await self._connections.write(_changed, "DELETE FROM life WHERE account = ?", (self._account,))


def _until(connection: sqlite3.Connection, account: str) -> int | None:
    row = connection.execute("SELECT until FROM life WHERE account = ?", (account,)).fetchone()
    return None if row is None else int(row[0])


def _changed(connection: sqlite3.Connection, sql: str, values: tuple[object, ...]) -> int:
    return connection.execute(sql, values).rowcount
