"""Notices in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from botkit.model.actions import Urgency
from botkit.model.address import Address
from botkit.model.messages import ArchiveId, MessageId
from botkit.model.notices import DIGEST, NoticeState, StoredNotice
from botkit.storage.sqlite_base import Connections
from botkit.storage.sqlite_shelf import micros, moment, moment_or_none
from botkit.storage.sqlite_together import Together

_COLUMNS = (
    "number, key, part, recipient, groupchat, text, message_id, created, not_before, expires,"
    " state, attempted, anchor, sent_as, tries, settled, archive_id, reason,"
    " topic, stay, replaces, urgency, retract_on_expiry, retracts, digest, within"
)
_INSERT = (
    "INSERT INTO notice (account, key, part, recipient, groupchat, text, message_id, created, not_before, expires,"
    " state, topic, sent_as, urgency, retract_on_expiry, retracts, digest, replaces)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_OPEN = tuple(state.value for state in NoticeState if state.is_open)


class SqliteNotices:
    """``NoticeStore`` for one account."""

    def __init__(self, connections: Connections, account: str) -> None:
        self._connections = connections
        self._account = account
        self._together = Together(connections)

    async def add(self, parts: Sequence[StoredNotice]) -> list[int] | None:
        """See ``ports.NoticeStore``."""
        return await self._together.do(self._add, parts)

    def _add(self, connection: sqlite3.Connection, parts: Sequence[StoredNotice]) -> list[int] | None:
        taken = connection.execute(
            f"SELECT 1 FROM notice WHERE account = ? AND key = ? AND part IN ({', '.join('?' * len(parts))})",
            (self._account, parts[0].key, *(one.part for one in parts)),
        ).fetchone()
        if taken is not None:
            return None
        replaced = self._replace(connection, parts[0])
        self._insert(connection, parts)
        return replaced

    def _insert(self, connection: sqlite3.Connection, parts: Sequence[StoredNotice]) -> None:
        connection.executemany(_INSERT, [(self._account, *_values(one)) for one in parts])

    def _replace(self, connection: sqlite3.Connection, new: StoredNotice) -> list[int]:
        if new.topic is None:
            return []
        due = _or_none(new.not_before)
        rows = connection.execute(
            "UPDATE notice SET state = 'replaced', settled = ? WHERE account = ? AND recipient = ? AND topic = ?"
            " AND state = 'waiting' AND (? IS NULL OR not_before >= ?) RETURNING number",
            (micros(new.created), self._account, str(new.to), new.topic, due, due),
        )
        return sorted(number for (number,) in rows)

    async def of_key(self, key: str) -> list[StoredNotice]:
        """See ``ports.NoticeStore``."""
        return await self._connections.read(self._find, "key = ? ORDER BY part", (key,))

    async def open(self) -> list[StoredNotice]:
        """See ``ports.NoticeStore``."""
        places = ", ".join("?" * len(_OPEN))
        return await self._connections.read(self._find, f"state IN ({places}) ORDER BY number", _OPEN)

    def _find(self, connection: sqlite3.Connection, where: str, values: Sequence[str]) -> list[StoredNotice]:
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM notice WHERE account = ? AND {where}", (self._account, *values)
        )
        return [_notice(row) for row in rows]

    async def told(self, to: Address, topic: str) -> StoredNotice | None:
        """See ``ports.NoticeStore``."""
        rows = await self._connections.read(
            self._find,
            "recipient = ? AND topic = ? AND state = 'done' AND replaces IS NULL AND within IS NULL"
            " ORDER BY number DESC LIMIT 1",
            (str(to), topic),
        )
        return rows[0] if rows and len(await self.of_key(rows[0].key)) == 1 else None

    async def begin(
        self,
        number: int,
        *,
        at: datetime,
        sent_as: str | None,
        anchor: str | None,
        stay: str | None = None,
        replaces: MessageId | None = None,
    ) -> bool:
        """See ``ports.NoticeStore``."""
        changed = await self._together.do(
            _change,
            "UPDATE notice SET state = 'sending', anchor = iif(attempted IS NULL, ?, anchor),"
            " attempted = coalesce(attempted, ?), sent_as = ?, stay = ?, replaces = ?, tries = tries + 1"
            " WHERE account = ? AND number = ? AND state IN ('waiting', 'sending')",
            (anchor, micros(at), sent_as, stay, replaces, self._account, number),
        )
        return changed > 0

    async def settle(
        self,
        number: int,
        state: NoticeState,
        *,
        at: datetime,
        archive_id: ArchiveId | None = None,
        reason: str | None = None,
        then: StoredNotice | None = None,
    ) -> None:
        """See ``ports.NoticeStore``."""
        await self._together.do(self._settle, number, (state.value, micros(at), archive_id, reason), then)

    def _settle(
        self, connection: sqlite3.Connection, number: int, end: tuple[Any, ...], then: StoredNotice | None
    ) -> None:
        rows = connection.execute(
            "UPDATE notice SET state = ?, settled = ?, archive_id = ?, reason = ? WHERE account = ? AND number = ?"
            " RETURNING key, recipient, replaces, retracts",
            (*end, self._account, number),
        ).fetchall()
        for key, recipient, replaces, retracts in rows:
            if key.startswith(DIGEST):
                self._settle_members(connection, key, end)
            if end[0] == NoticeState.DONE.value and replaces is not None and retracts is None:
                connection.execute(
                    "UPDATE notice SET state = 'replaced', settled = ? WHERE account = ? AND recipient = ?"
                    " AND replaces = ? AND retracts IS NOT NULL AND state = 'waiting'",
                    (end[1], self._account, recipient, replaces),
                )
        if then is not None:
            self._insert(connection, [then])

    def _settle_members(self, connection: sqlite3.Connection, key: str, end: tuple[Any, ...]) -> None:
        connection.execute(
            "UPDATE notice SET state = ?, settled = ?, archive_id = ?, reason = ? WHERE account = ? AND within = ?"
            " AND state = 'collected' AND NOT EXISTS"
            " (SELECT 1 FROM notice WHERE account = ? AND key = ? AND state IN ('waiting', 'sending'))",
            (*end, self._account, key, self._account, key),
        )

    async def gather(self, parts: Sequence[StoredNotice], numbers: Sequence[int]) -> bool:
        """See ``ports.NoticeStore``."""
        return await self._together.do(self._gather, parts, numbers)

    def _gather(self, connection: sqlite3.Connection, parts: Sequence[StoredNotice], numbers: Sequence[int]) -> bool:
        places = ", ".join("?" * len(numbers))
        waiting = f"account = ? AND state = 'waiting' AND number IN ({places})"
        (count,) = connection.execute(
            f"SELECT count(*) FROM notice WHERE {waiting}", (self._account, *numbers)
        ).fetchone()
        if count != len(numbers):
            return False
        connection.execute(
            f"UPDATE notice SET state = 'collected', within = ? WHERE {waiting}",
            (parts[0].key, self._account, *numbers),
        )
        self._insert(connection, parts)
        return True

    async def scatter(self, key: str, *, at: datetime) -> None:
        """See ``ports.NoticeStore``."""
        await self._together.do(self._scatter, key, micros(at))

    def _scatter(self, connection: sqlite3.Connection, key: str, at: int) -> None:
        connection.execute(
            "UPDATE notice SET state = 'expired', settled = ? WHERE account = ? AND key = ?"
            " AND state IN ('waiting', 'sending')",
            (at, self._account, key),
        )
        connection.execute(
            "UPDATE notice SET state = 'waiting', within = NULL WHERE account = ? AND within = ?"
            " AND state = 'collected'",
            (self._account, key),
        )

    async def forget(self, before: datetime) -> int:
        """See ``ports.NoticeStore``."""
        return await self._connections.write(self._forget, before)

    def _forget(self, connection: sqlite3.Connection, before: datetime) -> int:
        # Only when the whole notice is done, as the key guards all of its parts.
        return connection.execute(
            "DELETE FROM notice WHERE account = ? AND key NOT IN"
            " (SELECT key FROM notice WHERE account = ? AND (settled IS NULL OR settled >= ?))",
            (self._account, self._account, micros(before)),
        ).rowcount


def _change(connection: sqlite3.Connection, sql: str, values: Sequence[Any]) -> int:
    return connection.execute(sql, values).rowcount


def _values(one: StoredNotice) -> tuple[Any, ...]:
    return (
        one.key, one.part, str(one.to), one.groupchat, one.text, one.message_id, micros(one.created),
        _or_none(one.not_before), _or_none(one.expires), one.state.value, one.topic, one.sent_as, one.urgency.value,
        one.retract_on_expiry, one.retracts, None if one.digest is None else one.digest // timedelta(microseconds=1),
        one.replaces,
    )  # fmt: skip


def _or_none(time: datetime | None) -> int | None:
    return None if time is None else micros(time)


def _notice(row: tuple[Any, ...]) -> StoredNotice:
    (number, key, part, to, groupchat, text, message_id, created, not_before, expires, state, attempted, anchor,
     sent_as, tries, settled, archive_id, reason, topic, stay, replaces, urgency,
     retract_on_expiry, retracts, digest, within) = row  # fmt: skip
    return StoredNotice(
        number=number, key=key, part=part, to=Address.received(to), groupchat=bool(groupchat), text=text,
        message_id=MessageId(message_id), created=moment(created), not_before=moment_or_none(not_before),
        expires=moment_or_none(expires), state=NoticeState(state), attempted=moment_or_none(attempted),
        anchor=anchor, sent_as=sent_as, tries=tries, settled=moment_or_none(settled), archive_id=archive_id,
        reason=reason, topic=topic, stay=stay, replaces=replaces, urgency=Urgency(urgency),
        retract_on_expiry=bool(retract_on_expiry), retracts=retracts,
        digest=None if digest is None else timedelta(microseconds=digest), within=within,
    )  # fmt: skip
