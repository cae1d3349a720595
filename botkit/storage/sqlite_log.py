"""The message log in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from botkit.model.address import Address
from botkit.model.archive import Cursor, Gap, GapReason, LogChange, LogQuery, LogRow
from botkit.model.messages import ArchiveId, MessageId
from botkit.storage.rules import unspaced, words
from botkit.storage.sqlite_base import Connections
from botkit.storage.sqlite_shelf import SqliteShelf, micros, moment, moment_or_none

_ROW = (
    "SELECT number, archive_id, message_id, at, nick, identity, real, body, original, corrected, retracted,"
    " retracted_by, reason FROM message WHERE room = (SELECT id FROM room WHERE account = ? AND address = ?)"
)


class SqliteLog:
    """``MessageLog`` for one account. Every write is one transaction and one visit to the database's thread."""

    def __init__(self, connections: Connections, account: str) -> None:
        self._connections = connections
        self._account = account
        self._shelf: SqliteShelf | None = None

    async def write(self, changes: Sequence[LogChange]) -> None:
        """Apply ``changes`` in order, all or none. Raises ``StoreError``."""
        await self._connections.write(self._write, tuple(changes))

    def _write(self, connection: sqlite3.Connection, changes: tuple[LogChange, ...]) -> None:
        if self._shelf is None:
            self._shelf = SqliteShelf(connection, self._account)
        self._shelf.write(changes)

    async def known(self, room: Address, ids: Collection[ArchiveId]) -> set[ArchiveId]:
        """Those of ``ids`` that the log has."""
        return set(await self._connections.read(self._numbers, room, tuple(ids)))

    async def numbers(self, room: Address, ids: Collection[ArchiveId]) -> dict[ArchiveId, int]:
        """As ``known``, with the numbers of the rows."""
        return await self._connections.read(self._numbers, room, tuple(ids))

    def _numbers(
        self, connection: sqlite3.Connection, room: Address, ids: tuple[ArchiveId, ...]
    ) -> dict[ArchiveId, int]:
        found: dict[ArchiveId, int] = {}
        for start in range(0, len(ids), 500):  # SQLITE_MAX_VARIABLE_NUMBER was 999 once
            some = ids[start : start + 500]
            found.update(
                connection.execute(
                    "SELECT archive_id, number FROM message"
                    " WHERE room = (SELECT id FROM room WHERE account = ? AND address = ?)"
                    f" AND archive_id IN ({','.join('?' * len(some))})",
                    (self._account, str(room), *some),
                )
            )
        return found

    async def newest(self) -> int:
        """The highest number; 0 if there is none."""
        row = await self._connections.read(_one, "SELECT coalesce(max(number), 0) FROM message", ())
        return 0 if row is None else int(row[0])

    async def gaps(self, room: Address) -> list[Gap]:
        """Where something may be missing, oldest first."""
        rows = await self._connections.read(
            _many,
            "SELECT number, after_id, after, before_id, before, reason, found, closed FROM gap"
            " WHERE room = (SELECT id FROM room WHERE account = ? AND address = ?)"
            " ORDER BY coalesce(before, after, found), number",
            (self._account, str(room)),
        )
        return [_gap(room, row) for row in rows]

    async def cursor(self, room: Address) -> Cursor | None:
        """Where to go on reading, or None."""
        row = await self._connections.read(
            _one,
            "SELECT archive_id, cursor.at FROM cursor JOIN room ON room.id = cursor.room"
            " WHERE account = ? AND address = ?",
            (self._account, str(room)),
        )
        return None if row is None else Cursor(ArchiveId(row[0]), moment(row[1]))

    async def get(self, room: Address, archive_id: ArchiveId) -> LogRow | None:
        """One message, or None. The id of a correction gives the correction itself."""
        values = (self._account, str(room), archive_id)
        row = await self._connections.read(_one, _ROW + " AND archive_id = ?", values)
        return None if row is None else _log_row(room, row)

    async def find(self, query: LogQuery) -> list[LogRow]:
        """Messages, oldest first. ``since`` is included, ``until`` is not."""
        where, values = _conditions(query)
        sql = f"{_ROW} AND corrects IS NULL{where} ORDER BY at DESC, number DESC LIMIT ?"
        found = await self._connections.read(_many, sql, (self._account, str(query.room), *values, max(query.limit, 0)))
        return [_log_row(query.room, row) for row in reversed(found)]

    async def counts(self, room: Address, times: Sequence[datetime]) -> list[int]:
        """How many messages from each of ``times`` up to the next."""
        return await self._connections.read(_counted, self._account, str(room), [micros(at) for at in times])

    async def rooms(self) -> list[Address]:
        """Every room with at least one message."""
        found = await self._connections.read(
            _many,
            "SELECT address FROM room WHERE account = ? AND EXISTS (SELECT 1 FROM message WHERE room = room.id)"
            " ORDER BY address",
            (self._account,),
        )
        return [Address.parse(address) for (address,) in found]

    async def expire_originals(self, before: datetime) -> int:
        """Forget original texts. Returns of how many messages."""
        return await self._connections.write(self._expire, micros(before))

    def _expire(self, connection: sqlite3.Connection, before: int) -> int:
        ours = "room IN (SELECT id FROM room WHERE account = :account)"
        values = {"before": before, "account": self._account}
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Versions between the first and the last are originals, too.
            connection.execute(
                f"UPDATE message AS m SET body = '' WHERE {ours} AND corrects IS NOT NULL AND body <> '' AND EXISTS"
                " (SELECT 1 FROM message root WHERE root.number = m.corrects AND root.corrected < :before) AND EXISTS"
                " (SELECT 1 FROM message later WHERE later.corrects = m.corrects"
                " AND (later.at, later.number) > (m.at, m.number))",
                values,
            )
            old = "max(coalesce(corrected, 0), coalesce(retracted, 0)) < :before"
            forget = f"UPDATE message SET original = NULL WHERE {ours} AND original IS NOT NULL AND {old}"
            connection.execute(f"{forget} AND corrects IS NOT NULL", values)
            count = connection.execute(f"{forget} AND corrects IS NULL", values).rowcount
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return count


def _one(connection: sqlite3.Connection, sql: str, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
    row: tuple[Any, ...] | None = connection.execute(sql, values).fetchone()
    return row


def _many(connection: sqlite3.Connection, sql: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    return connection.execute(sql, values).fetchall()


def _counted(connection: sqlite3.Connection, account: str, room: str, times: Sequence[int]) -> list[int]:
    sql = (
        "SELECT count(*) FROM message WHERE room = (SELECT id FROM room WHERE account = ? AND address = ?)"
        " AND at >= ? AND at < ? AND corrects IS NULL AND retracted IS NULL"
    )
    return [connection.execute(sql, (account, room, *span)).fetchone()[0] for span in pairwise(times)]


def _conditions(query: LogQuery) -> tuple[str, list[object]]:
    parts: list[str] = []
    values: list[object] = []
    if query.search is not None:
        _search(query.search, parts, values)
    if query.since is not None:
        parts.append("at >= ?")
        values.append(micros(query.since))
    if query.until is not None:
        parts.append("at < ?")
        values.append(micros(query.until))
    if query.identity is not None:
        _author(query.identity, query.room, parts, values)
    if query.nick is not None:
        parts.append("nick = ?")
        values.append(query.nick)
    if not query.include_retracted:
        parts.append("retracted IS NULL")
    return "".join(f" AND {part}" for part in parts), values


def _author(identity: str, room: Address, parts: list[str], values: list[object]) -> None:
    """As ``rules.author_keys``: the identity itself, or the real JID or occupant-id that it is made of."""
    ways = ["identity = ?"]
    values.append(identity)
    if identity.startswith("jid:"):
        jid = identity.removeprefix("jid:")
        ways.append("real = ? OR substr(real, 1, ?) = ?")
        values += [jid, len(jid) + 1, f"{jid}/"]
    elif identity.startswith(f"occupant:{room}:"):
        ways.append("occupant_id = ?")
        values.append(identity.removeprefix(f"occupant:{room}:"))
    parts.append(f"({' OR '.join(ways)})")


def _search(search: str, parts: list[str], values: list[object]) -> None:
    """Every word as a quoted string (sqlite.org/fts5.html §3.1): nothing in it is an operator."""
    asked = words(search)
    for word in asked:
        if unspaced(word):
            parts.append("instr(body, ?)")
            values.append(word)
    spaced = ['"' + word.replace('"', '""') + '"' for word in asked if not unspaced(word)]
    if not asked:
        parts.append("FALSE")
    if spaced:
        parts.append("number IN (SELECT rowid FROM message_words WHERE message_words MATCH ?)")
        values.append(" ".join(spaced))


def _log_row(room: Address, row: tuple[Any, ...]) -> LogRow:
    (number, archive_id, message_id, at, nick, identity, real, body, original, corrected, retracted, by, reason) = row
    unchanged = corrected is None and retracted is None
    return LogRow(
        number=number,
        room=room,
        archive_id=None if archive_id is None else ArchiveId(archive_id),
        message_id=None if message_id is None else MessageId(message_id),
        at=moment(at),
        nick=nick,
        identity=identity,
        real=None if real is None else Address.parse(real),
        body=body,
        original=body if unchanged else original,
        corrected=moment_or_none(corrected),
        retracted=moment_or_none(retracted),
        retracted_by=by,
        reason=reason,
    )


def _gap(room: Address, row: tuple[Any, ...]) -> Gap:
    number, after_id, after, before_id, before, reason, found, closed = row
    return Gap(
        number=number, room=room, after_id=after_id, after=moment_or_none(after), before_id=before_id,
        before=moment_or_none(before), reason=GapReason(reason), found=moment(found), closed=moment_or_none(closed),
    )  # fmt: skip
