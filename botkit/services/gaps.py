"""Where the log of a room may lack something: found, written down with its bounds, told once."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botkit.model.address import Address
from botkit.model.archive import Cursor, Gap, GapFound, GapReason, GapsClosed, LogQuery, LogRow, Page
from botkit.model.messages import ArchiveId

if TYPE_CHECKING:
    from botkit.services.history import History, RoomHistory

_log = logging.getLogger(__name__)

_STAMPS = timedelta(seconds=1)
"""How exact Prosody 0.12 stamps what it archives, and what it replays on joining."""

_LOOKED_AT = 100  # of the newest rows of the log; more than a room replays
_WHY = {
    GapReason.EXPIRED: "its archive has forgotten the last message that we know",
    GapReason.FORBIDDEN: "we may not read its archive",
    GapReason.NO_ARCHIVE: "it keeps no archive",
    GapReason.FAILED: "its archive cannot be read",
}

Span = tuple[datetime, datetime]


class Gaps:
    """The gaps of one room during one catch-up."""

    def __init__(self, history: History, room: Address, state: RoomHistory) -> None:
        self._history = history
        self._room = room
        self._state = state

    async def expired(self, cursor: Cursor, page: Page) -> Span | None:
        """Where the archive has nothing left that we have, something in between may be gone for good: from when to
        when; None where the first page by time overlaps with what we have."""
        # Not those that came live since: we have them, and yet there may be a hole before them.
        old = [row.archive_id for row in page.rows if row.at <= cursor.at + _STAMPS]
        if await self._history.log.known(self._room, old):
            return None
        first = page.rows[0] if page.rows else None
        oldest = first.at if first is not None else self._history.clock.now()
        if oldest <= cursor.at - _STAMPS:
            return None
        end = max(oldest, cursor.at)
        await self._record(
            GapReason.EXPIRED, cursor.archive_id, cursor.at, None if first is None else first.archive_id, end
        )
        return cursor.at, end

    async def not_read(self, before_id: ArchiveId | None, before: datetime) -> None:
        """A room that was never read has an older past, of which nothing was wanted."""
        await self._record(GapReason.NOT_READ, None, None, before_id, before)

    async def absence(self, reason: GapReason) -> Span | None:
        """What was said while we were away cannot be read: from when to when; None if nothing is missing.

        That is so where the room was never seen before, and where what it replayed on joining reaches back to what
        we have. Reckoned once for each visit.
        """
        if not self._state.looked_for_absence:
            self._state.absence = await self._absence(reason)
            self._state.looked_for_absence = True
        return self._state.absence

    async def _absence(self, reason: GapReason) -> Span | None:
        here = self._state.here or self._history.clock.now()
        replayed = self._state.replayed_from
        rows = await self._history.find(LogQuery(room=self._room, until=here, limit=_LOOKED_AT))
        if self._state.overlap or (replayed is not None and self._reaches(rows, replayed)):
            return None
        end = min(here, replayed or here)
        last = next((row for row in reversed(rows) if row.at < end), None)
        cursor = await self._history.log.cursor(self._room)
        after_id, after = (None, None) if last is None else (last.archive_id, last.at)
        if cursor is not None and (after is None or cursor.at > after):
            after_id, after = cursor.archive_id or None, cursor.at
        if after is None or after >= end:
            return None
        await self._record(reason, after_id, after, None, end)
        return after, end

    def _reaches(self, rows: list[LogRow], replayed: datetime) -> bool:
        """Whether a row of an earlier run was said since the oldest message that was replayed."""
        return any(row.number <= self._history.written_before and row.at >= replayed - _STAMPS for row in rows)

    async def begin(self) -> datetime | None:
        """From when to read a room without a cursor whose archive could not be read before; None: no such gap."""
        begins = [gap.after for gap in await self._open() if gap.reason.can_be_closed and gap.after is not None]
        return min(begins, default=None)

    async def close(self) -> None:
        """All that the archive has was read."""
        if any(gap.reason.can_be_closed for gap in await self._open()):
            self._history.buffer.add((GapsClosed(room=self._room, at=self._history.clock.now()),))
            _log.info("what was missing of %s was read, as far as its archive has it", self._room)

    async def _open(self) -> list[Gap]:
        return [gap for gap in await self._history.log.gaps(self._room) if gap.closed is None]

    async def _record(
        self,
        reason: GapReason,
        after_id: ArchiveId | None,
        after: datetime | None,
        before_id: ArchiveId | None,
        before: datetime,
    ) -> None:
        found = GapFound(
            room=self._room, after_id=after_id, after=after, before_id=before_id, before=before, reason=reason,
            found=self._history.clock.now(),
        )  # fmt: skip
        told = any((gap.reason, gap.after_id, gap.after) == (reason, after_id, after) for gap in await self._open())
        self._history.buffer.add((found,))
        if not told and reason in _WHY:
            _log.warning(
                "%s: %s; what was said there from %s to %s may be missing", self._room, _WHY[reason], after, before
            )
