"""Modules' small values in SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping

from botkit.storage.json_text import as_json
from botkit.storage.sqlite_base import Connections, to_the_disk


class SqliteValues:
    """``KeyValues`` for one account."""

    def __init__(self, connections: Connections, account: str) -> None:
        self._connections = connections
        self._account = account

    async def get(self, space: str, key: str) -> object | None:
        """The value, or None."""
        return await self._connections.read(self._get, space, key)

    def _get(self, connection: sqlite3.Connection, space: str, key: str) -> object | None:
        row = connection.execute(
            "SELECT value FROM key_value WHERE account = ? AND space = ? AND key = ?", (self._account, space, key)
        ).fetchone()
        value: object = None if row is None else json.loads(row[0])
        return value

    async def put(self, space: str, key: str, value: object) -> None:
        """Keep a value; on the disk itself when this returns. Raises ``MisuseError`` for what is no JSON."""
        await self._connections.write(
            self._change,
            "INSERT INTO key_value (account, space, key, value) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET value = excluded.value",
            (self._account, space, key, as_json(space, key, value)),
        )

    async def delete(self, space: str, key: str) -> None:
        """Forget a value."""
        await self._connections.write(
            self._change,
            "DELETE FROM key_value WHERE account = ? AND space = ? AND key = ?",
            (self._account, space, key),
        )

    def _change(self, connection: sqlite3.Connection, sql: str, values: tuple[str, ...]) -> None:
        # Unlike the log, which the archive could fill again, a value has no other copy: it must outlive a power cut.
        with to_the_disk(connection):
            connection.execute(sql, values)

    async def items(self, space: str, prefix: str = "") -> Mapping[str, object]:
        """All values whose key starts with ``prefix``, by key."""
        return await self._connections.read(self._items, space, prefix)

    def _items(self, connection: sqlite3.Connection, space: str, prefix: str) -> dict[str, object]:
        rows = connection.execute(
            "SELECT key, value FROM key_value WHERE account = ? AND space = ? AND substr(key, 1, ?) = ? ORDER BY key",
            (self._account, space, len(prefix), prefix),
        )
        return {key: json.loads(value) for key, value in rows}
