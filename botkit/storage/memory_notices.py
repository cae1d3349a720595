"""Notices in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from botkit.model.messages import ArchiveId
from botkit.model.notices import NoticeState, StoredNotice


class MemoryNotices:
    """``NoticeStore`` in memory: outlives nothing."""

    def __init__(self) -> None:
        self._rows: dict[int, StoredNotice] = {}
        self._number = 0

    async def add(self, parts: Sequence[StoredNotice]) -> bool:
        """See ``ports.NoticeStore``."""
        taken = {(row.key, row.part) for row in self._rows.values()}
        if any((one.key, one.part) in taken for one in parts):
            return False
        for one in parts:
            self._number += 1
            self._rows[self._number] = replace(one, number=self._number)
        return True

    async def of_key(self, key: str) -> list[StoredNotice]:
        """See ``ports.NoticeStore``."""
        return sorted((row for row in self._rows.values() if row.key == key), key=lambda row: row.part)

    async def open(self) -> list[StoredNotice]:
        """See ``ports.NoticeStore``."""
        return [row for row in self._rows.values() if row.state.is_open]

    async def begin(self, number: int, *, at: datetime, sent_as: str | None, anchor: str | None) -> None:
        """See ``ports.NoticeStore``."""
        row = self._rows[number]
        if row.state.is_open:
            first = row.attempted is None
            self._rows[number] = replace(
                row,
                state=NoticeState.SENDING,
                attempted=at if first else row.attempted,
                anchor=anchor if first else row.anchor,
                sent_as=sent_as,
                tries=row.tries + 1,
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
        row = self._rows[number]
        self._rows[number] = replace(row, state=state, settled=at, archive_id=archive_id, reason=reason)

    async def forget(self, before: datetime) -> int:
        """See ``ports.NoticeStore``."""
        kept = {row.key for row in self._rows.values() if row.settled is None or row.settled >= before}
        old = [number for number, row in self._rows.items() if row.key not in kept]
        for number in old:
            del self._rows[number]
        return len(old)
