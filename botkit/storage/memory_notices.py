"""Notices in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from botkit.model.address import Address
from botkit.model.messages import ArchiveId, MessageId
from botkit.model.notices import NoticeState, StoredNotice


class MemoryNotices:
    """``NoticeStore`` in memory: outlives nothing."""

    def __init__(self) -> None:
        self._rows: dict[int, StoredNotice] = {}
        self._number = 0

    async def add(self, parts: Sequence[StoredNotice]) -> list[int] | None:
        """See ``ports.NoticeStore``."""
        taken = {(row.key, row.part) for row in self._rows.values()}
        if any((one.key, one.part) in taken for one in parts):
            return None
        replaced = [number for number, row in self._rows.items() if _replaces(parts[0], row)]
        for number in replaced:
            old = self._rows[number]
            self._rows[number] = replace(old, state=NoticeState.REPLACED, settled=parts[0].created)
        self._put(parts)
        return replaced

    def _put(self, parts: Sequence[StoredNotice]) -> None:
        for one in parts:
            self._number += 1
            self._rows[self._number] = replace(one, number=self._number)

    async def of_key(self, key: str) -> list[StoredNotice]:
        """See ``ports.NoticeStore``."""
        return sorted((row for row in self._rows.values() if row.key == key), key=lambda row: row.part)

    async def open(self) -> list[StoredNotice]:
        """See ``ports.NoticeStore``."""
        return [row for row in self._rows.values() if row.state.is_open]

    async def told(self, to: Address, topic: str) -> StoredNotice | None:
        """See ``ports.NoticeStore``."""
        for row in reversed(self._rows.values()):
            same = row.to == to and row.topic == topic and row.replaces is None and row.within is None
            if same and row.state is NoticeState.DONE:
                return row if len(await self.of_key(row.key)) == 1 else None
        return None

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
        row = self._rows[number]
        if not row.state.is_open:
            return False
        first = row.attempted is None
        self._rows[number] = replace(
            row,
            state=NoticeState.SENDING,
            attempted=at if first else row.attempted,
            anchor=anchor if first else row.anchor,
            sent_as=sent_as,
            tries=row.tries + 1,
            stay=stay,
            replaces=replaces,
        )
        return True

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
        row = self._rows[number]
        end = {"state": state, "settled": at, "archive_id": archive_id, "reason": reason}
        self._rows[number] = replace(row, **end)  # type: ignore[arg-type]
        digest = await self.of_key(row.key) if row.is_digest else ()
        for other, one in tuple(self._rows.items()):
            if digest and one.within == row.key and not any(part.state.is_open for part in digest):
                self._rows[other] = replace(one, **end)  # type: ignore[arg-type]
            elif state is NoticeState.DONE and _retracts_what_is_corrected_by(row, one):
                self._rows[other] = replace(one, state=NoticeState.REPLACED, settled=at)
        if then is not None and not await self.of_key(then.key):
            self._put([then])

    async def gather(self, parts: Sequence[StoredNotice], numbers: Sequence[int]) -> bool:
        """See ``ports.NoticeStore``."""
        if any(self._rows[number].state is not NoticeState.WAITING for number in numbers):
            return False
        for number in numbers:
            self._rows[number] = replace(self._rows[number], state=NoticeState.COLLECTED, within=parts[0].key)
        self._put(parts)
        return True

    async def scatter(self, key: str, *, at: datetime) -> None:
        """See ``ports.NoticeStore``."""
        for number, row in tuple(self._rows.items()):
            if row.key == key and row.state.is_open:
                self._rows[number] = replace(row, state=NoticeState.EXPIRED, settled=at)
            elif row.within == key and row.state is NoticeState.COLLECTED:
                self._rows[number] = replace(row, state=NoticeState.WAITING, within=None)

    async def forget(self, before: datetime) -> int:
        """See ``ports.NoticeStore``."""
        kept = {row.key for row in self._rows.values() if row.settled is None or row.settled >= before}
        old = [number for number, row in self._rows.items() if row.key not in kept]
        for number in old:
            del self._rows[number]
        return len(old)


def _replaces(new: StoredNotice, row: StoredNotice) -> bool:
    if new.topic is None or (row.topic, row.to, row.state) != (new.topic, new.to, NoticeState.WAITING):
        return False
    return new.not_before is None or (row.not_before is not None and row.not_before >= new.not_before)


def _retracts_what_is_corrected_by(new: StoredNotice, row: StoredNotice) -> bool:
    if new.replaces is None or new.retracts is not None or row.retracts is None:
        return False
    return (row.to, row.replaces, row.state) == (new.to, new.replaces, NoticeState.WAITING)
