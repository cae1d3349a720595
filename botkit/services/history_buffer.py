"""Changes on their way to the log: collected, written in batches, kept while the store fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from botkit.errors import StoreError
from botkit.model.address import Address
from botkit.model.archive import CursorMoved, LogChange, Said
from botkit.model.messages import ArchiveId
from botkit.ports import Clock, MessageLog

_log = logging.getLogger(__name__)

BATCH = 2048
_CHUNK = 2048
_LONGEST_PAUSE = 30.0
Place = tuple[ArchiveId, datetime]
"""Of a message in a room's archive: its id there, and when it was said."""

WhenHandled = Callable[[Address, Callable[[], None]], None]
"""Calls the second once the handlers are done with all that they were given of the room so far."""


@dataclass(slots=True)
class Counters:
    """What history did since the start, for metrics. ``waiting`` changes are not written yet; ``write_seconds`` is what
    all ``batches`` took."""

    remembered: int = 0
    repeated: int = 0
    written: int = 0
    batches: int = 0
    write_seconds: float = 0.0
    write_failures: int = 0
    waiting: int = 0
    pages: int = 0
    caught_up: int = 0
    expired_originals: int = 0


class Buffer:
    """A queue before the log.

    Nothing is ever dropped: at ``capacity`` it calls ``on_pressure(True)``, so that the stream is read
    no further, and below half of it ``on_pressure(False)``. What was read by then still goes in.
    """

    def __init__(
        self,
        log: MessageLog,
        clock: Clock,
        counters: Counters,
        *,
        capacity: int,
        on_pressure: Callable[[bool], None] | None,
        when_handled: WhenHandled = lambda _, then: then(),
    ) -> None:
        self._log = log
        self._clock = clock
        self._counters = counters
        self._capacity = capacity
        self._on_pressure = on_pressure
        self._pressing = False
        self._changes: list[LogChange] = []
        self._when_handled = when_handled
        self._cursors: dict[Address, Place] = {}  # where live messages have brought rooms
        self._asked: set[Address] = set()  # whether that is handled
        self._handled: dict[Address, Place] = {}  # what was; goes behind all changes
        self._writing = asyncio.Lock()
        self.live = False
        """Something waits that came live, or otherwise than out of an archive."""
        self._watch = 0  # so many changes must wait before a new one makes a difference to who waits for them
        self._some = asyncio.Event()
        self._soon = asyncio.Event()
        self._many = asyncio.Event()

    def add(self, changes: Iterable[LogChange], *, archived: bool = False) -> None:
        """Put ``changes`` behind what waits already. ``archived``: they can be had again, and may wait longer."""
        self._take_handled()
        self._changes += changes
        self.live = self.live or not archived
        self._added(soon=not archived)

    def add_live(self, changes: Iterable[LogChange], room: Address, place: Place | None) -> None:
        """As ``add``, for what comes one by one. ``place``: the room's log is without a gap up to there.

        What has an id in an archive may wait longer: while it is not written, the cursor is not either, and a new run
        reads it again from the archive.
        """
        self._changes += changes
        self.live = True
        if place is not None:
            self._cursors[room] = place  # its message is given to the handlers next
        waiting = self._counters.waiting = len(self._changes)
        if place is None or waiting >= self._watch:
            self._added(soon=place is None)

    def _added(self, *, soon: bool) -> None:
        waiting = self._counters.waiting = len(self._changes)
        if waiting or self._cursors:
            self._some.set()
            self._watch = min(BATCH, self._capacity)
        if soon:
            self._soon.set()
        if waiting >= BATCH:
            self._soon.set()
            self._many.set()
            self._watch = self._capacity
        if waiting >= self._capacity and not self._pressing:
            self._press(True)

    def _press(self, pressing: bool) -> None:
        self._pressing = pressing
        if self._on_pressure is not None:
            self._on_pressure(pressing)

    async def filled(self, soon: float, longest: float) -> None:
        """Wait until there is something, and then for ``longest`` seconds; for ``soon`` once there is something that no
        archive could tell again; or until there is a batch."""
        await self._some.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(longest):
                await self._soon.wait()
                async with asyncio.timeout(soon):
                    await self._many.wait()

    def forget(self, room: Address) -> None:
        """Don't move the cursor of ``room`` to where live messages have brought it since the last writing."""
        self._cursors.pop(room, None)

    def _ask(self) -> None:
        """A cursor moves once the handlers are done with what it moves over: a crash before that leaves it to be read
        again. Asked for each room and writing, not for each message."""
        for room, place in tuple(self._cursors.items()):
            if room not in self._asked:
                self._asked.add(room)
                self._when_handled(room, partial(self._was_handled, room, place))

    def _was_handled(self, room: Address, place: Place) -> None:
        self._asked.discard(room)
        if self._cursors.get(room) == place:
            del self._cursors[room]
        self._handled[room] = place
        self._some.set()

    def _take_handled(self) -> None:
        if self._handled:
            self._changes += _moves(self._handled)
            self._handled.clear()

    async def flush(self) -> None:
        """Write all that waits now. Raises ``StoreError``; what was not written stays in its place."""
        async with self._writing:
            self._ask()
            self._take_handled()
            left = len(self._changes)
            while left > 0:
                count = min(left, _CHUNK)
                began = self._clock.monotonic()
                await self._log.write(_last_cursors(self._changes[:count]))
                self._counters.write_seconds += self._clock.monotonic() - began
                # Only now: whatever ends the write above, an error or a cancellation, the changes are still here. Those
                # that were written nonetheless are known to the log by their archive ids.
                del self._changes[:count]
                left -= count
                self._wrote(count)
            self.live = self.live and bool(self._changes)
            if not self._changes and not self._handled and self._cursors.keys() <= self._asked:
                self._some.clear()
                self._soon.clear()
                self._watch = 0

    def _wrote(self, count: int) -> None:
        waiting = self._counters.waiting = len(self._changes)
        self._counters.written += count
        self._counters.batches += 1
        if waiting < BATCH:
            self._many.clear()
            self._watch = min(self._watch, BATCH)
        if self._pressing and waiting < self._capacity / 2:
            self._press(False)

    async def settle(self) -> None:
        """As ``flush``, again and again until the store works: a full disk is waited out, up to 30 s apart."""
        pause = 0.5
        while True:
            try:
                return await self.flush()
            except StoreError as problem:
                self._counters.write_failures += 1
                _log.error(
                    "history cannot be written, %d changes wait; trying again in %.1f s: %s",
                    len(self._changes), pause, problem,
                )  # fmt: skip
            await self._clock.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)


def _moves(cursors: dict[Address, Place]) -> list[CursorMoved]:
    return [CursorMoved(room=room, archive_id=archive_id, at=at) for room, (archive_id, at) in cursors.items()]


def _last_cursors(changes: list[LogChange]) -> list[LogChange]:
    """Without the cursor moves that a later one of the same transaction covers."""
    last: dict[Address, CursorMoved] = {}
    rest: list[LogChange] = []
    for change in changes:
        if type(change) is Said or not isinstance(change, CursorMoved):
            rest.append(change)
        else:
            last[change.room] = change
    return [*rest, *last.values()]
