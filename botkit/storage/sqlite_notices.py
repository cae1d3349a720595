"""Notices in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from botkit.model.address import Address
from botkit.model.messages import ArchiveId, MessageId
from botkit.model.notices import NoticeState, StoredNotice
from botkit.storage.sqlite_base import Connections
from botkit.storage.sqlite_shelf import micros, moment, moment_or_none

_COLUMNS = (
    "number, key, part, recipient, groupchat, text, message_id, created, not_before, expires,"
    " state, attempted, anchor, sent_as, tries, settled, archive_id, reason"
)
_OPEN = tuple(state.value for state in NoticeState if state.is_open)


class SqliteNotices:
    """``NoticeStore`` for one account."""

    def __init__(self, connections: Connections, account: str) -> None:
        self._connections = connections
        self._account = account

    async def add(self, parts: Sequence[StoredNotice]) -> bool:
        """See ``ports.NoticeStore``."""
        return await self._connections.write(self._add, parts)

    def _add(self, connection: sqlite3.Connection, parts: Sequence[StoredNotice]) -> bool:
        rows = [
            (
                self._account, one.key, one.part, str(one.to), one.groupchat, one.text, one.message_id,
                micros(one.created), _or_none(one.not_before), _or_none(one.expires), one.state.value,
            )
            for one in parts
        ]  # fmt: skip
        with _on_disk(connection):
            # One statement, hence all or none; and other programs that use the same database see either.
            places = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"] * len(rows))
            try:
                connection.execute(
                    "INSERT INTO notice (account, key, part, recipient, groupchat, text, message_id, created,"
                    f" not_before, expires, state) VALUES {places}",
                    [value for row in rows for value in row],
                )
            except sqlite3.IntegrityError as problem:
                if problem.sqlite_errorname != "SQLITE_CONSTRAINT_UNIQUE":
                    raise
                return False
        return True

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

    async def begin(self, number: int, *, at: datetime, sent_as: str | None, anchor: str | None) -> None:
        """See ``ports.NoticeStore``."""
        await self._connections.write(
            self._change,
            "UPDATE notice SET state = 'sending', anchor = iif(attempted IS NULL, ?, anchor),"
            " attempted = coalesce(attempted, ?), sent_as = ?, tries = tries + 1"
            " WHERE account = ? AND number = ? AND state IN ('waiting', 'sending')",
            (anchor, micros(at), sent_as, self._account, number),
        )

    async def settle(
        self,
        number: int,
        state: NoticeState,
        *,
        at: datetime,
        archive_id: ArchiveId | None = None,
        reason: str | None = None,
    ) -> None:
        """See ``ports.NoticeStore``."""
        await self._connections.write(
            self._change,
            "UPDATE notice SET state = ?, settled = ?, archive_id = ?, reason = ? WHERE account = ? AND number = ?",
            (state.value, micros(at), archive_id, reason, self._account, number),
        )

    def _change(self, connection: sqlite3.Connection, sql: str, values: Sequence[Any]) -> None:
        with _on_disk(connection):
            connection.execute(sql, values)

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


@contextmanager
def _on_disk(connection: sqlite3.Connection) -> Iterator[None]:
    """As for modules' values: nothing could bring it back after a power cut."""
    connection.execute("PRAGMA synchronous = FULL")
    try:
        yield
    finally:
        connection.execute("PRAGMA synchronous = NORMAL")


def _or_none(time: datetime | None) -> int | None:
    return None if time is None else micros(time)


def _notice(row: tuple[Any, ...]) -> StoredNotice:
    (number, key, part, to, groupchat, text, message_id, created, not_before, expires, state, attempted, anchor,
     sent_as, tries, settled, archive_id, reason) = row  # fmt: skip
    return StoredNotice(
        number=number, key=key, part=part, to=Address.received(to), groupchat=bool(groupchat), text=text,
        message_id=MessageId(message_id), created=moment(created), not_before=moment_or_none(not_before),
        expires=moment_or_none(expires), state=NoticeState(state), attempted=moment_or_none(attempted),
        anchor=anchor, sent_as=sent_as, tries=tries, settled=moment_or_none(settled), archive_id=archive_id,
        reason=reason,
    )  # fmt: skip
