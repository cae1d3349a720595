"""History: what rooms said, live and from their archives, in one log without a gap and without doubles.

The cursor of a room says: everything up to here is in the log. Live messages move it only while the room is
*caught up*. Why no message can be missed:

- While caught up, we are in the room, and a room sends everything to everybody in it in the order of its
  archive (XEP-0045 §7.4); a resumed stream loses nothing of that (XEP-0198 §5). So the next live message
  directly follows what the log has.
- Whatever may have broken the order (the stream is lost without resumption, the room is left or lost) ends
  the caught-up state at once. Live messages are still stored then, but the cursor stays where it is.
- A catch-up starts after we have come in, and reads forward from the cursor. Its last page was made by the room
  after that, so the archive up to that moment is in the pages, and what came later came live.
  Only then does the cursor jump to the newest of both, and only if nothing broke meanwhile.
- Rows and cursor go through one queue in order, and into the log in one transaction.

Messages are in the log as soon as may be, handled or not. The cursor follows the handlers: it moves over a message once
they are done with it. So after a crash the archive is read from before whatever was not handled, and what the log has
from there on already is handed on again, marked as perhaps handled (``Source.REPEATED``). Up to when that may be, a
sign of life tells that each run renews; an orderly end takes it back.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from botkit.errors import StoreError
from botkit.model.address import Address
from botkit.model.archive import Cursor, LogQuery, LogRow
from botkit.model.events import Event, RoomMessage, RoomStateChanged, StreamEstablished
from botkit.model.messages import ArchiveId, Source
from botkit.model.rooms import RoomState
from botkit.ports import Clock, Life, Link, MessageLog
from botkit.services.catch_up import CatchUp, CatchUpProgress, CatchUpResult
from botkit.services.history_buffer import Buffer, Counters, Place, WhenHandled
from botkit.services.history_changes import as_repeated, changes_of, row_key, said_of, sender_key

_log = logging.getLogger(__name__)

_LEASE = timedelta(seconds=60)
"""For how long ahead a sign of life holds. It is renewed three times as often."""

_CLOCKS = timedelta(seconds=60)
"""How much a server's clock may be behind ours."""

_REPLAYED = 100  # messages of a room without an archive that are known again after a restart


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryOptions:
    """``first_catch_up`` is what to read of a room that was never read: None for nothing (from now on), a
    number of messages, or a time back from now. ``keep_originals`` is how long the first texts of
    corrected and retracted messages are kept, None for ever. ``write_every``: seconds from a change to its
    transaction; ``write_archived_every`` where the room's archive has it too. ``capacity`` bounds the changes that
    wait for the store, ``recent`` the archive ids remembered for each room against repetitions.
    """

    first_catch_up: int | timedelta | None = None
    keep_originals: timedelta | None = timedelta(days=30)
    page_size: int = 100
    write_every: float = 0.1
    write_archived_every: float = 3.0
    capacity: int = 10_000
    recent: int = 256


@dataclass(slots=True)
class RoomHistory:
    """What ``History`` and ``CatchUp`` know of a room in this run. ``newest`` is the last live message since we
    came in that no page has shown yet; ``visit`` counts the times that the order was broken. ``here`` is since when all
    that is said comes to us; ``replayed_from`` the time of the oldest message that the room replayed then, and
    ``overlap`` that one of those had been seen before: then nothing was missed. ``absence`` is what was missed without
    an archive that could tell it, once that was looked for. ``skipped`` are messages for which the handlers had no
    room, true where some may have got it; ``skipping`` until a catch-up that brings them has begun."""

    caught_up: bool = False
    newest: Cursor | None = None
    visit: int = 0
    here: datetime | None = None
    replayed_from: datetime | None = None
    overlap: bool = False
    skipped: dict[ArchiveId, bool] = field(default_factory=dict)
    skipping: bool = False
    absence: tuple[datetime, datetime] | None = None
    looked_for_absence: bool = False
    recent: OrderedDict[str, None] = field(default_factory=OrderedDict)
    catching_up: asyncio.Lock = field(default_factory=asyncio.Lock)


class History:
    """Remembers what rooms say, reads what was missed, and answers questions about it."""

    def __init__(
        self,
        log: MessageLog,
        link: Link,
        clock: Clock,
        options: HistoryOptions | None = None,
        *,
        life: Life | None = None,
        when_handled: WhenHandled = lambda _, then: then(),
        on_skipped: Callable[[Address], None] = lambda _: None,
        on_pressure: Callable[[bool], None] | None = None,
    ) -> None:
        self.options = options or HistoryOptions()
        self.counters = Counters()
        self.log = log
        self.link = link
        self.clock = clock
        self.buffer = Buffer(
            log,
            clock,
            self.counters,
            capacity=self.options.capacity,
            on_pressure=on_pressure,
            when_handled=when_handled,
        )
        self._life = life
        self._when_handled = when_handled
        self._on_skipped = on_skipped
        self._reading = 0
        self.partly_handled = False
        self.behind: set[Address] = set()  # catch-ups that began and did not end: live messages passed the cursor
        """Some page was refused, of which some handlers may have had a part."""
        self._unrecorded: set[tuple[Address, str]] = set()
        self.lived_until: datetime | None = None
        """Until when an earlier run that was killed may have handled events; None: it ended in order."""
        self.written_before = 0
        """The highest number in the log that an earlier run gave."""
        self._rooms: dict[Address, RoomHistory] = {}

    async def begin(self) -> None:
        """Look at what earlier runs left, and give a sign of life; before the first event. Raises ``StoreError``."""
        self.written_before = await self.log.newest()
        for room in await self.log.rooms():
            # What has no archive id can only be known again by its words, should the room replay it.
            rows = await self.log.find(LogQuery(room=room, limit=_REPLAYED))
            self._unrecorded.update((room, row_key(row)) for row in rows if row.archive_id is None)
        if self._life is not None:
            last = await self._life.last()
            now = self.clock.now()
            self.lived_until = None if last is None else min(last, now) + _CLOCKS
            await self._life.renew(now + _LEASE)

    async def end(self) -> None:
        """All that was handed on is handled, and written: a new run repeats nothing. Raises ``StoreError``."""
        if self._life is not None and not self._reading and not self.partly_handled and not self.behind:
            await self._life.end()

    def stop_moving(self) -> None:
        """What comes from now on is written, but no more handled: the next run begins with it."""
        for room in tuple(self._rooms):
            self.lost(room)

    # --- while it happens -------------------------------------------------------------------------------------

    def remember(self, event: Event) -> Event | None:
        """Take note of any event as it comes from the link; cheap, waits for nothing.

        Returns what handlers are to see, which is ``event`` as a rule; None if nothing: it was seen before, or it is
        history that the room replays on joining and that its archive will tell better.
        """
        source = getattr(event, "source", None)
        if source is Source.LIVE:
            if type(event) is RoomMessage and event.archive_id is not None and not event.also:
                return event if self._said(event, event.archive_id) else None
            room: Address | None = getattr(event, "room", None)
            return event if room is None or self._live(event, room) else None  # without a room it is a 1:1 chat
        if source is Source.JOIN_HISTORY:
            return self._replayed(event)
        if isinstance(event, RoomStateChanged):
            if event.state is RoomState.JOINED:
                self.state(event.room).here = event.at
            else:
                self.lost(event.room)
        elif isinstance(event, StreamEstablished) and not event.resumed:
            for room in self._rooms:
                self.lost(room)
        return event  # no part of a room's history, or handed over by a catch-up, which stores it

    def _said(self, event: RoomMessage, archive_id: ArchiveId) -> bool:
        """As ``_live``, for what is by far the most."""
        state = self._rooms.get(event.room) or self.state(event.room)
        if archive_id in state.recent:
            self.counters.repeated += 1
            return False
        self.mark(state, archive_id)
        self.counters.remembered += 1
        place = self._place(state, archive_id, event.at)
        self.buffer.add_live((said_of(event, event.at, archive_id),), event.room, place)
        return True

    def _place(self, state: RoomHistory, archive_id: ArchiveId, at: datetime) -> Place | None:
        """Where a live message brings the cursor; None while a catch-up has to come first, which then looks here."""
        if state.caught_up:
            return archive_id, at
        state.newest = Cursor(archive_id, at)
        return None

    def _live(self, event: Event, room: Address) -> bool:
        state = self._rooms.get(room) or self.state(room)
        archive_id: ArchiveId | None = getattr(event, "archive_id", None)
        if archive_id is None:
            if isinstance(event, RoomMessage):
                self.mark(state, sender_key(event))
            self._add(event, room, None)
            return True
        if archive_id in state.recent:
            self.counters.repeated += 1
            return False
        self.mark(state, archive_id)
        self._add(event, room, self._place(state, archive_id, event.at))
        return True

    def _replayed(self, event: Event) -> Event | None:
        if not isinstance(event, RoomMessage) or event.archive_id is not None:
            return None
        # A room without an archive: its last messages are all that can be had, and each join repeats them.
        state, key = self.state(event.room), sender_key(event)
        if key in state.recent:
            self.counters.repeated += 1
            state.overlap = True
            return None
        self.mark(state, key)
        state.replayed_from = min(event.at, state.replayed_from or event.at)
        if (event.room, key) in self._unrecorded:
            state.overlap = True
            return as_repeated(event) if self.lived_until is not None else None
        self._add(event, event.room, None)
        return event

    def _add(self, event: Event, room: Address, place: Place | None) -> None:
        changes = changes_of(event)
        if changes:
            self.counters.remembered += 1
        elif place is None:
            return
        self.buffer.add_live(changes, room, place)

    def mark(self, state: RoomHistory, key: str) -> None:
        """Note that this was seen; the oldest note beyond the bound goes."""
        state.recent[key] = None
        if len(state.recent) > self.options.recent:
            state.recent.popitem(last=False)

    def state(self, room: Address) -> RoomHistory:
        """This run's knowledge of ``room``, made at first sight."""
        state = self._rooms.get(room)
        if state is None:
            state = self._rooms[room] = RoomHistory()
        return state

    def seen(self, room: Address, archive_id: ArchiveId) -> bool:
        """True if this message came in this run, as far as the last ``options.recent`` of the room go."""
        state = self._rooms.get(room)
        return state is not None and archive_id in state.recent

    def caught_up(self, room: Address) -> bool:
        """True if the log has everything of ``room`` up to now."""
        state = self._rooms.get(room)
        return state is not None and state.caught_up

    def visit(self, room: Address) -> int:
        """How often the order of ``room``'s messages was broken in this run: another number, another visit."""
        return self.state(room).visit

    def is_reading(self, room: Address) -> bool:
        """True while a catch-up reads the archive of ``room``."""
        state = self._rooms.get(room)
        return state is not None and state.catching_up.locked()

    def skip(self, event: Event, partly: bool) -> bool:
        """The handlers have no room for ``event``, the last that was remembered: may it be left to a catch-up?

        False where no archive could bring it again: then it must be kept in their queue. ``partly``: some handlers may
        get it nonetheless.
        """
        room: Address | None = getattr(event, "room", None)
        archive_id: ArchiveId | None = getattr(event, "archive_id", None)
        state = self._rooms.get(room) if room is not None else None
        if room is None or state is None or archive_id is None or not (state.caught_up or state.skipping):
            return False
        state.skipped[archive_id] = state.skipped.get(archive_id, False) or partly
        if not state.skipping:
            self.buffer.forget(room)
            state.skipping, state.caught_up = True, False
            state.visit += 1
            self._when_handled(room, lambda: self._on_skipped(room))
        return True

    def lost(self, room: Address) -> None:
        """Messages of ``room`` may be missed from now on; only a catch-up ends that."""
        state = self.state(room)
        state.caught_up = state.skipping = False
        state.newest = state.here = state.replayed_from = state.absence = None
        state.overlap = state.looked_for_absence = False
        state.visit += 1

    # --- what was missed --------------------------------------------------------------------------------------

    async def catch_up(
        self,
        room: Address,
        *,
        on_events: Callable[[Sequence[Event]], Awaitable[None]],
        progress: Callable[[CatchUpProgress], None] | None = None,
    ) -> CatchUpResult:
        """Read what was said in ``room`` since the cursor; call it each time that we have come in.

        ``on_events`` gets what is new of each page, in the archive's order, ``source`` being ``ARCHIVE``. Live
        messages are not held back meanwhile: ``remember`` lets them pass at once, in their own order, and the
        pages leave them out. Never raises for what the network does; the result says how it ended.
        """
        state = self.state(room)
        if state.here is None:
            state.here = self.clock.now()
        self._reading += 1
        async with state.catching_up:  # a catch-up of an earlier visit ends by itself: it sees that ``visit`` changed
            result = await CatchUp(self, room, state, on_events, progress).run()
        self._reading -= 1
        return result

    async def handled(self, room: Address) -> None:
        """Wait until the handlers are done with all that they were given of ``room``; each of them has its deadline."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._when_handled(room, lambda: None if done.done() else done.set_result(None))
        await done

    # --- the store --------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Write what is remembered, in batches, and let originals expire; until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._write(), name="history writes")
            group.create_task(self._expire(), name="history expires originals")
            group.create_task(self._live_on(), name="history signs of life")

    async def _write(self) -> None:
        while True:
            await self.buffer.filled(self.options.write_every, self.options.write_archived_every)
            await self.buffer.settle()

    async def _live_on(self) -> None:
        while self._life is not None:
            await self.clock.sleep(_LEASE.total_seconds() / 3)
            try:
                await self._life.renew(self.clock.now() + _LEASE)
            except StoreError as problem:
                _log.warning("no sign of life could be left: %s", problem)

    async def _expire(self) -> None:
        keep = self.options.keep_originals
        if keep is None:
            return
        while True:
            try:
                self.counters.expired_originals += await self.log.expire_originals(self.clock.now() - keep)
            except StoreError as problem:
                _log.error("originals could not be expired, will try again in a day: %s", problem)
            await self.clock.sleep(max(60.0, min(86_400.0, keep.total_seconds())))

    async def flush(self) -> None:
        """Write all that waits now, once. Raises ``StoreError``; nothing is lost by it. For an orderly end."""
        await self.buffer.flush()

    # --- questions --------------------------------------------------------------------------------------------

    async def recent(self, room: Address, count: int = 50) -> list[LogRow]:
        """The last messages, oldest first."""
        return await self.find(LogQuery(room=room, limit=count))

    async def search(self, room: Address, text: str, *, since: datetime | None = None, limit: int = 50) -> list[LogRow]:
        """The newest messages that have every word of ``text``, oldest first."""
        return await self.find(LogQuery(room=room, search=text, since=since, limit=limit))

    async def by_author(self, room: Address, identity: str, *, limit: int = 50) -> list[LogRow]:
        """The newest messages of one author (``Occupant.identity``), oldest first."""
        return await self.find(LogQuery(room=room, identity=identity, limit=limit))

    async def find(self, query: LogQuery) -> list[LogRow]:
        """Any question to the log; what was remembered up to now counts. Raises ``StoreError``."""
        await self.buffer.flush()
        return await self.log.find(query)

    async def get(self, room: Address, archive_id: ArchiveId) -> LogRow | None:
        """One message, or None. Raises ``StoreError``."""
        await self.buffer.flush()
        return await self.log.get(room, archive_id)
