"""Reading a room's archive from where our log ends (XEP-0313, paged by XEP-0059); ``history`` tells the order of it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botkit.errors import BotkitError, ItemNotFound, LinkClosed, LinkError, StanzaError, StoreError
from botkit.model.address import Address
from botkit.model.archive import ArchivedEvent, ArchiveQuery, Cursor, CursorMoved, GapReason, LogChange, Page
from botkit.model.events import Event, MessageModerated, MessageRetracted, RoomMessage, TombstoneSeen
from botkit.model.messages import ArchiveId, Delivery
from botkit.services.archive_pages import Pages
from botkit.services.catch_up_result import CatchUpProgress as CatchUpProgress
from botkit.services.catch_up_result import CatchUpResult as CatchUpResult
from botkit.services.catch_up_result import CatchUpStatus as CatchUpStatus
from botkit.services.gaps import Gaps
from botkit.services.history_changes import as_repeated, changes_of

if TYPE_CHECKING:
    from botkit.services.history import History, RoomHistory

_log = logging.getLogger(__name__)

SLACK = timedelta(minutes=10)
"""How far before the cursor's time to read where its id has expired: clocks differ; ids keep doubles out."""

SKEW = timedelta(minutes=1)
"""How much later than the archive says a message is noted, where that keeps it behind the one that it follows."""

NEAR = timedelta(hours=1)
"""How far before the rows of a page the next page is looked for. A time is found quickly; an id, by Prosody's internal
storage, only by reading all that stands before it, so that a long gap would cost as its square. What a room's server
stamped too early by more than this, as its clock was set back, would not be found."""

_BY_ID = 5
"""So many pages are asked for by id alone, which finds whatever a room's server stamped; ``NEAR`` begins after them."""

_NOT_FOR_US = frozenset({"forbidden", "not-allowed", "not-authorized", "registration-required"})
_WRITE_AT = 500
_FIRST_LIMIT = 5000


class _Broken(BotkitError):
    """The visit ended while we read."""


class CatchUp:
    """One catch-up of one room."""

    def __init__(
        self,
        history: History,
        room: Address,
        state: RoomHistory,
        on_events: Callable[[Sequence[Event]], Awaitable[None]],
        progress: Callable[[CatchUpProgress], None] | None,
    ) -> None:
        self._history = history
        self._room = room
        self._state = state
        self._visit = state.visit
        self._on_events = on_events
        self._progress = progress
        self._since: datetime | None = None
        self._last: Cursor | None = None
        self._gap: tuple[datetime, datetime] | None = None
        self._read = self._new = 0
        self._pages = Pages(history.link, history.clock, history.options.page_size, self._check)
        self._gaps = Gaps(history, room, state)
        self._first = self._no_archive = self._by_time = False
        self._begun: tuple[Cursor, dict[ArchiveId, int]] | None = None
        self._oldest: Cursor | None = None
        self._unwritten: set[ArchiveId] = set()  # of the last pages: not in the log yet, nor perhaps among the recent
        self._floor: datetime | None = None  # when the row before was said, as the log has it
        self._before: ArchiveId | None = None  # the row before, where the log had it already

    async def run(self) -> CatchUpResult:
        """Do it. Raises nothing but what cancels it."""
        self._state.skipping = False
        try:
            await self._history.handled(self._room)
            await self._history.buffer.flush()  # what was said before we were lost, and moves the cursor
            info = self._history.link.room(self._room)
            if info is not None and not info.archive:
                self._no_archive = True
                self._gap = await self._gaps.absence(GapReason.NO_ARCHIVE)
                return self._result(CatchUpStatus.UNAVAILABLE, "the room keeps no archive")
            self._history.behind.add(self._room)
            cursor = await self._history.log.cursor(self._room)
            if cursor is None:
                self._first = True
                await self._read_first()
            else:
                self._last, self._since = cursor, cursor.at
                self._begun = cursor, (await self._history.log.numbers(self._room, [cursor.archive_id]))
                await self._forward(cursor)
            await self._gaps.close()
            self._check()
        except (_Broken, LinkError, StoreError) as problem:
            return self._result(CatchUpStatus.INTERRUPTED, str(problem))
        except StanzaError as problem:
            return await self._refused(problem)
        self._close_up()
        return self._result(CatchUpStatus.CAUGHT_UP, None)

    async def _refused(self, problem: StanzaError) -> CatchUpResult:
        if problem.retryable:
            return self._result(CatchUpStatus.INTERRUPTED, str(problem))
        reason = GapReason.FORBIDDEN if problem.condition in _NOT_FOR_US else GapReason.FAILED
        try:
            self._gap = await self._gaps.absence(reason)
        except StoreError as unwritten:
            return self._result(CatchUpStatus.INTERRUPTED, str(unwritten))
        return self._result(CatchUpStatus.UNAVAILABLE, str(problem))

    def _close_up(self) -> None:
        """The last page is in: from here on live messages move the cursor. Nothing can come in between: no await."""
        state = self._state
        # ``newest`` was in no page, though all of the archive was read up to a moment when we were in the room: so it
        # was said after that moment, and everything since then came live and waits in the same queue.
        if state.newest is not None:
            self._history.buffer.add_live((), self._room, (state.newest.archive_id, state.newest.at))
            state.newest = None
        state.caught_up = True
        self._history.behind.discard(self._room)
        self._history.counters.caught_up += 1

    def _result(self, status: CatchUpStatus, reason: str | None) -> CatchUpResult:
        return CatchUpResult(
            room=self._room, status=status, read=self._read, new=self._new, pages=self._pages.read,
            first=self._first, gap=self._gap, reason=reason, no_archive=self._no_archive, visit=self._visit,
        )  # fmt: skip

    # --- ways through the archive -----------------------------------------------------------------------------

    async def _forward(self, cursor: Cursor) -> None:
        """From the cursor on; from its time where its id is no longer in the archive (XEP-0313 §3.1.4, item-not-found).

        Prosody forgets after a week and beyond a quota, so this happens to any bot that was away for long.
        """
        after: ArchiveId | None = cursor.archive_id or None
        start: datetime | None = None
        expired: ArchiveId | None = None
        if after is not None:
            self._floor, self._before = cursor.at, after
        while True:
            try:
                page = await self._page(ArchiveQuery(archive=self._room, after=after, start=start))
                if not page.rows and after == cursor.archive_id and not await self._is_newest(after):
                    raise ItemNotFound("item-not-found", "cancel", "the archive does not know the last message we have")
            except ItemNotFound:
                if after is None or after == expired:
                    raise  # not the id but the archive is not there, or it refuses ids that it gave a moment ago
                expired, self._by_time = after, True
                self._floor = self._before = None
                known = self._last or cursor
                after, start = None, self._from(known)
                page = await self._page(ArchiveQuery(archive=self._room, start=start))
                self._gap = await self._gaps.expired(known, page)
                if self._gap is not None:
                    self._floor = known.at  # all that is there came after what we have
            last = _last_id(page)
            await self._take(page)
            # Some servers never say complete; one that ignores ``after`` gives the same page for ever.
            if page.complete or last is None or last == after:
                return
            after, start = last, self._near(page, start)

    async def _is_newest(self, after: ArchiveId) -> bool:
        """Whether nothing came after ``after``, as an empty page says.

        Prosody 13.0.1 gives one for an id that it does not have, too (internal storage), where XEP-0059 §2.3
        wants item-not-found. The archive's last message tells which of both it is. If that came live just now, it
        tells nothing of what was said before it: then we go by time.
        """
        return _last_id(await self._page(ArchiveQuery(archive=self._room, before=ArchiveId(""), page_size=1))) == after

    def _from(self, cursor: Cursor) -> datetime | None:
        # A time in the future was written by a clock that was wrong: read all; ids keep doubles out.
        return None if cursor.at > self._history.clock.now() else cursor.at - SLACK

    def _near(self, page: Page, start: datetime | None) -> datetime | None:
        """From when the page after ``page`` is to be looked for. Rows that an archive did not stamp count as said now:
        where all are of the last hour nothing is narrowed down."""
        if not page.rows or (start is None and self._pages.read < _BY_ID):
            return start
        begin = min(row.at for row in page.rows) - NEAR
        if begin > self._history.clock.now() - 2 * NEAR:
            return start
        return begin if start is None else max(begin, start)

    async def _read_first(self) -> None:
        """A room that was never read: from now on, or some of its past, as the options say."""
        wanted = self._history.options.first_catch_up
        missed = await self._gaps.begin()
        if missed is not None:  # never read, but seen: its archive was not for us
            self._since = missed
            await self._from_time(missed - SLACK)
        elif isinstance(wanted, timedelta):
            self._since = self._history.clock.now() - wanted
            await self._from_time(self._since)
        elif wanted:
            await self._newest(min(wanted, _FIRST_LIMIT))
        if self._last is None:
            page = await self._page(ArchiveQuery(archive=self._room, before=ArchiveId(""), page_size=1))
            if page.rows and missed is None:
                await self._gaps.not_read(None, self._since or self._history.clock.now())
            await (self._move(page, ()) if page.rows else self._begin_before_all())
        elif missed is None and self._oldest is not None:
            older = ArchiveQuery(archive=self._room, before=self._oldest.archive_id, page_size=1)
            if (await self._page(older)).rows:
                await self._gaps.not_read(self._oldest.archive_id, self._oldest.at)

    async def _begin_before_all(self) -> None:
        """Nothing was ever archived: whatever comes is new, also if we are killed before the first of it is written."""
        at = self._history.clock.now() - SLACK
        self._history.buffer.add((CursorMoved(room=self._room, archive_id=ArchiveId(""), at=at),))
        await self._history.buffer.settle()

    async def _from_time(self, begin: datetime) -> None:
        after: ArchiveId | None = None
        start: datetime | None = begin
        while True:
            page = await self._page(ArchiveQuery(archive=self._room, after=after, start=start))
            last = _last_id(page)
            await self._take(page)
            if page.complete or last is None or last == after:
                return
            after, start = last, self._near(page, start)

    async def _newest(self, count: int) -> None:
        """The last ``count`` messages: pages backward, collected, so that they are told oldest first."""
        rows: list[ArchivedEvent] = []
        before = ArchiveId("")
        while len(rows) < count:
            size = min(self._history.options.page_size, count - len(rows))
            page = await self._page(ArchiveQuery(archive=self._room, before=before, page_size=size))
            if not page.rows or page.rows[0].archive_id == before:
                break
            rows = [*page.rows, *rows]
            before = page.first or page.rows[0].archive_id
            if page.complete:
                break
        if rows:
            rows = rows[-count:]
            self._since = rows[0].at
            await self._take(Page(rows=tuple(rows), first=None, last=rows[-1].archive_id, complete=True))

    # --- one page ---------------------------------------------------------------------------------------------

    async def _page(self, query: ArchiveQuery) -> Page:
        page = await self._pages.page(query)
        self._history.counters.pages += 1
        return page

    def _check(self) -> None:
        if self._state.visit != self._visit:
            raise _Broken("the room or the stream was lost meanwhile")

    async def _take(self, page: Page) -> None:
        """Hand on what is new, then write all rows and the cursor at once."""
        if self._oldest is None and page.rows:
            self._oldest = Cursor(page.rows[0].archive_id, page.rows[0].at)
        numbers = await self._numbers(page)
        changes: list[LogChange] = []
        new: dict[ArchiveId, Event] = {}
        for row in page.rows:
            self._read += 1
            if row.event is None:
                continue
            event, number = _as_archived(row, row.event), numbers.get(row.archive_id)
            recent = row.archive_id in self._state.recent or row.archive_id in self._unwritten
            # All rows are written: what came live may still wait in the queue, and the log leaves doubles out.
            at = await self._in_order(row, seen=number is not None or recent)
            changes += changes_of(event, at=at, archive_id=row.archive_id)
            how = self._delivery(row, number, recent=recent)
            self._history.mark(self._state, row.archive_id)
            # A tombstone has the id of the message that was, which was no reason to have seen its end.
            if how is not None or isinstance(event, TombstoneSeen):
                new[row.archive_id] = as_repeated(event) if how is Delivery.REPEATED else event
        self._new += len(new)
        if new:
            await self._hand(new)
        # The cursor moves over what came live, too, and may still wait in the handlers' queue.
        await self._history.handled(self._room)
        await self._move(page, changes)
        if self._progress is not None:
            now = self._history.clock.now()
            at = self._last.at if self._last is not None and not page.complete else now
            self._progress(
                CatchUpProgress(room=self._room, read=self._read, new=self._new, since=self._since, at=at, now=now)
            )

    def _delivery(self, row: ArchivedEvent, number: int | None, *, recent: bool) -> Delivery | None:
        """How handlers are to get ``row``; None: not at all, as they had it in this run, or well before.

        ``number`` is that of the log, if it has it.
        """
        partly = self._state.skipped.get(row.archive_id)
        if partly is not None:
            return Delivery.REPEATED if partly else Delivery.CAUGHT_UP
        earlier = number is not None and number <= self._history.written_before
        if recent or (number is not None and not earlier) or (earlier and not self._follows(row, number)):
            return None
        lived = self._history.lived_until
        if lived is not None and (earlier or row.at <= lived):
            return Delivery.REPEATED
        return Delivery.CAUGHT_UP

    def _follows(self, row: ArchivedEvent, number: int | None) -> bool:
        """Whether a row of an earlier run comes after the cursor: then its handlers may not have been done with it."""
        if self._begun is None or number is None:
            return False
        cursor, numbers = self._begun
        if not self._by_time or not cursor.archive_id:
            return True
        return number > numbers[cursor.archive_id] if numbers else row.at > cursor.at

    async def _in_order(self, row: ArchivedEvent, *, seen: bool) -> datetime:
        """When ``row`` was said, but not before the row that it follows: the archive's order is the room's.

        What came live has the time at which we read it, which is later than the archive's, and that may be in whole
        seconds. Clocks that differ by more than ``SKEW`` are left as they are.
        """
        if seen:
            self._before = row.archive_id
            return row.at
        if self._before is not None:
            logged = await self._history.get(self._room, self._before)
            self._before, self._floor = None, logged.at if logged is not None else self._floor
        at = row.at
        if self._floor is not None and at < self._floor <= at + SKEW:
            at = self._floor
        self._floor = at
        return at

    async def _numbers(self, page: Page) -> dict[ArchiveId, int]:
        buffer = self._history.buffer
        if buffer.live and len(self._state.recent) >= self._history.options.recent:
            await buffer.flush()  # what came live, and is no longer remembered, must be found in the log
        return await self._history.log.numbers(self._room, [row.archive_id for row in page.rows])

    async def _move(self, page: Page, changes: Sequence[LogChange]) -> None:
        last = _last_id(page)
        if last is None:
            return
        newest = self._state.newest
        if newest is not None and any(row.archive_id == newest.archive_id for row in page.rows):
            self._state.newest = None
        at = page.rows[-1].at if page.rows else self._history.clock.now()
        self._last = Cursor(last, at)
        buffer = self._history.buffer
        buffer.add((*changes, CursorMoved(room=self._room, archive_id=last, at=at)), archived=True)
        self._unwritten.update(row.archive_id for row in page.rows)
        if page.complete or self._history.counters.waiting >= _WRITE_AT or len(self._unwritten) >= _WRITE_AT:
            self._unwritten.clear()
            await buffer.settle()  # several pages in one transaction cost half, and no more than a few wait in memory
        self._check()

    async def _hand(self, new: dict[ArchiveId, Event]) -> None:
        try:
            await self._on_events(tuple(new.values()))
        except LinkClosed:
            for archive_id in new:  # not all handled: the page is read again, by the next try or the next run
                self._state.skipped[archive_id] = True
            self._history.partly_handled = True
            raise
        except Exception:  # a handler's mistake must not keep the rest of history from the others
            _log.exception("messages from the archive of %s were not handled", self._room)
        for archive_id in new:
            self._state.skipped.pop(archive_id, None)


def _last_id(page: Page) -> ArchiveId | None:
    return page.last or (page.rows[-1].archive_id if page.rows else None)


def _as_archived(row: ArchivedEvent, event: Event) -> Event:
    """With the archive's id for the stanza, which a stored stanza need not carry itself (XEP-0313 §4.2)."""
    if isinstance(event, RoomMessage | MessageRetracted | MessageModerated) and event.archive_id != row.archive_id:
        return replace(event, archive_id=row.archive_id)
    return event
