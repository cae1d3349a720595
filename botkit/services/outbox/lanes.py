"""What waits for one recipient, and whose turn it is."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator

from botkit.errors import OutboxFull
from botkit.model.actions import Priority, SendMessage
from botkit.model.address import Address
from botkit.services.outbox.bucket import Bucket
from botkit.services.outbox.entry import Entry
from botkit.services.outbox.settings import OutboxSettings

_KEPT = 512
"""Recipients whose rates are remembered though nothing waits for them."""


class Lane:
    """One room, or one account."""

    def __init__(self, to: Address, bucket: Bucket) -> None:
        self.to = to
        self.bucket = bucket
        self.queues: dict[Priority, deque[Entry]] = {}
        self.silent_until = -math.inf  # slow mode
        self.waiting = 0

    def put(self, entry: Entry) -> None:
        """Queue ``entry`` in the order of its number, which is behind its like unless it is sent again."""
        queue = self.queues.setdefault(entry.priority, deque())
        at = len(queue)
        while at and queue[at - 1].number > entry.number:
            at -= 1
        queue.insert(at, entry)
        entry.queued = True
        self.waiting += 1

    def depth(self, priority: Priority) -> int:
        """How many of this priority wait."""
        return len(self.queues.get(priority, ()))

    def head(self, now: float) -> Entry | None:
        """The most urgent one, oldest first; what was given up is dropped. Reactions pass what slow mode holds up."""
        silent = now < self.silent_until
        found: Entry | None = None
        for priority in sorted(self.queues):
            for entry in tuple(self.queues[priority]):
                if entry.is_given_up:
                    self.drop(entry)
                elif not silent or not entry.has_text:
                    return entry
                else:
                    found = found or entry
        return found

    def drop(self, entry: Entry) -> None:
        """Take ``entry`` out."""
        self.queues[entry.priority].remove(entry)
        entry.queued = False
        self.waiting -= 1

    def ready_in(self, entry: Entry, now: float) -> float:
        """Seconds until ``entry`` may be sent."""
        silent = self.silent_until - now if entry.has_text else 0.0
        return max(self.bucket.ready_in(now), silent)

    def correction_of(self, action: SendMessage) -> Entry | None:
        """The correction of the same message that waits, if there is one."""
        for queue in self.queues.values():
            for entry in queue:
                waiting = entry.action
                if isinstance(waiting, SendMessage) and waiting.replaces == action.replaces and waiting.to == action.to:
                    return entry
        return None


class Lanes:
    """All recipients. ``waiting`` is how many messages wait for any."""

    def __init__(self, settings: OutboxSettings, now: Callable[[], float]) -> None:
        self._settings = settings
        self._now = now
        self._lanes: dict[Address, Lane] = {}
        self._busy: dict[Address, Lane] = {}  # with something waiting
        self._number = 0
        self.account = Bucket(settings.account, now())

    @property
    def waiting(self) -> int:
        """How many messages wait."""
        return sum(lane.waiting for lane in self._busy.values())

    def waiting_for(self, to: Address) -> int:
        """How many messages wait for one recipient."""
        lane = self._busy.get(to)
        return lane.waiting if lane is not None else 0

    def depths(self) -> dict[Priority, int]:
        """How many messages of each priority wait."""
        return {p: sum(lane.depth(p) for lane in self._busy.values()) for p in Priority}

    def slowed(self) -> int:
        """How many recipients are served slower than the settings say."""
        return sum(lane.bucket.is_slowed for lane in self._lanes.values())

    def of(self, to: Address) -> Lane:
        """The lane of a recipient."""
        lane = self._lanes.get(to)
        if lane is None:
            self._prune()
            lane = self._lanes[to] = Lane(to, Bucket(self._settings.room, self._now()))
        return lane

    def put(self, entries: list[Entry]) -> None:
        """Queue ``entries``, which have one recipient and priority. Raises ``OutboxFull``, and then takes none."""
        lane = self.of(entries[0].to)
        priority = entries[0].priority
        if lane.depth(priority) + len(entries) > self._settings.queue:
            raise OutboxFull(f"{lane.depth(priority)} messages wait for {lane.to} already")
        if self.waiting + len(entries) > self._settings.queue_all:
            raise OutboxFull(f"{self.waiting} messages wait to be sent already")
        for entry in entries:
            self.number(entry)
            lane.put(entry)
        self._busy[lane.to] = lane

    def number(self, entry: Entry) -> None:
        """Give ``entry`` its place in the order of all."""
        self._number += 1
        entry.number = self._number

    def put_back(self, entry: Entry) -> None:
        """Queue again what was taken out and refused: in its old order, whatever the bounds."""
        lane = self.of(entry.to)
        lane.put(entry)
        self._busy[lane.to] = lane

    def drop(self, entry: Entry) -> None:
        """Take ``entry`` out."""
        lane = self._lanes[entry.to]
        lane.drop(entry)
        if not lane.waiting:
            self._busy.pop(lane.to, None)

    def next(self, now: float) -> tuple[Entry | None, float | None]:
        """Whose turn it is, or None and after how many seconds to ask again; None: nothing waits."""
        account = self.account.ready_in(now)
        best: Entry | None = None
        soonest: float | None = None
        for lane in tuple(self._busy.values()):
            entry = lane.head(now)
            if entry is None:
                self._busy.pop(lane.to, None)
                continue
            delay = max(lane.ready_in(entry, now), account)
            if delay <= 0:
                if best is None or (entry.priority, entry.number) < (best.priority, best.number):
                    best = entry
            elif soonest is None or delay < soonest:
                soonest = delay
        return best, soonest

    def everything(self) -> Iterator[Entry]:
        """All that waits."""
        for lane in tuple(self._busy.values()):
            for queue in lane.queues.values():
                yield from tuple(queue)

    def _prune(self) -> None:
        if len(self._lanes) < _KEPT:
            return
        now = self._now()
        for to, lane in tuple(self._lanes.items()):
            if not lane.waiting and lane.bucket.is_idle(now) and now >= lane.silent_until:
                del self._lanes[to]
