"""Lanes: one ordered queue and one worker for each room, peer and job, side by side.

A lane comes into being with its first item and ends when it was idle for a while (rooms) or at once
(peers, jobs): nothing is kept for those who are gone. What happens when a lane is full depends on
whose it is: see ``put``.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from botkit.ports import Spawn
from botkit.routing.context import Logger

T = TypeVar("T")

PEERS = 256
"""Lanes of strangers that may have work at the same time."""
PEER_LIMIT = 32
"""Items that one stranger's lane holds."""
_HARD = 8
_BREATH = 64


class _Lane(Generic[T]):
    __slots__ = ("done", "key", "parked", "peer", "pressing", "refusing", "since", "task", "waiting")

    def __init__(self, key: Hashable, peer: bool) -> None:
        self.key = key
        self.peer = peer
        self.waiting: deque[T] = deque()
        self.parked: asyncio.Future[None] | None = None
        self.since = 0  # the number of the sweep before which it parked
        self.task: asyncio.Task[object] | None = None
        self.pressing = False
        self.refusing = False
        self.done: asyncio.Future[None] | None = None  # somebody waits for the end of what is in hand

    def wake(self) -> None:
        if self.parked is not None and not self.parked.done():
            self.parked.set_result(None)

    def ended(self) -> None:
        if self.done is not None and not self.done.done():
            self.done.set_result(None)
        self.done = None


class Lanes(Generic[T]):
    """All lanes of one dispatcher. ``run`` handles one item and raises nothing but ``CancelledError``; it
    returns None when that is done, else what is to be awaited for it. ``may_drop`` is asked where a room's lane is
    full: will this item come again in another way? Else the lane goes on growing."""

    def __init__(
        self,
        run: Callable[[T], Awaitable[object] | None],
        spawn: Spawn,
        log: Logger,
        *,
        limit: int = 1000,
        idle: float = 30.0,
        on_pressure: Callable[[bool], None] | None = None,
        may_drop: Callable[[T], bool] = lambda _: False,
    ) -> None:
        self._run = run
        self._spawn = spawn
        self._log = log
        self._limit = limit
        self._idle = idle
        self._on_pressure = on_pressure
        self._may_drop = may_drop
        self._undone: set[Hashable] = set()
        self._lanes: dict[Hashable, _Lane[T]] = {}
        self._peers = 0
        self._pressing = 0
        self._sweeps = 0
        self._next_sweep: asyncio.TimerHandle | None = None
        self._draining = False
        self._empty: asyncio.Future[None] | None = None
        self.dropped = 0
        self.running = 0

    @property
    def waiting(self) -> int:
        """Items that no worker has taken up yet."""
        return sum(len(lane.waiting) for lane in self._lanes.values())

    def depth(self, key: Hashable) -> int:
        """Items that wait in one lane."""
        lane = self._lanes.get(key)
        return len(lane.waiting) if lane is not None else 0

    def __len__(self) -> int:
        return len(self._lanes)

    def put(self, key: Hashable, item: T, *, peer: bool = False) -> bool:
        """Queue ``item`` behind everything with the same ``key``. False: it was dropped, counted and logged.

        A room's lane that has ``limit`` items waiting asks for a pause by ``on_pressure(True)``, and
        goes on taking what was read already; from eight times the limit on it drops what ``may_drop``.
        ``on_pressure(False)`` follows once every such lane is below half. A stranger's lane just drops:
        nobody outside may make the bot deaf for its rooms.
        """
        lane = self._lanes.get(key) if not self._draining else None
        if lane is None:
            lane = self._open(key, peer)
            if lane is None:
                return False
        depth = len(lane.waiting)
        if depth >= (PEER_LIMIT if peer else self._limit * _HARD) and (peer or self._may_drop(item)):
            return self._drop(lane)
        lane.waiting.append(item)
        if lane.parked is not None:
            lane.wake()
        if depth + 1 >= self._limit and not lane.pressing and not peer:
            self._press(lane)
        return True

    def in_hand(self) -> list[asyncio.Future[None]]:
        """One for each lane that is at work, done with what it has in hand now."""
        found = []
        for lane in self._lanes.values():
            if lane.task is not None and lane.parked is None:
                lane.done = lane.done or asyncio.get_running_loop().create_future()
                found.append(lane.done)
        return found

    def behind(self, key: Hashable, item: T) -> bool | None:
        """Queue ``item`` behind what is in this lane, however full. False: there is nothing, and it was not queued.
        None: the lane ended with something undone."""
        if key in self._undone:
            return None
        lane = self._lanes.get(key)
        if lane is None or (lane.parked is not None and not lane.waiting):
            return False
        lane.waiting.append(item)
        return True

    async def drain(self, seconds: float) -> int:
        """Take nothing more, and wait until all lanes are empty, ``seconds`` at most; then cancel what still runs.

        Returns how many items were left undone.
        """
        self._draining = True
        for lane in self._lanes.values():
            lane.wake()
        if self._lanes:
            self._empty = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(seconds):
                    await self._empty
            except TimeoutError:
                pass
        left = self.waiting
        tasks = [lane.task for lane in self._lanes.values() if lane.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            # A handler that swallows its cancellation must not hold up the end.
            await asyncio.wait(tasks, timeout=1.0)
        return left + len(tasks)

    def _open(self, key: Hashable, peer: bool) -> _Lane[T] | None:
        if self._draining or (peer and self._peers >= PEERS):
            self.dropped += 1
            self._log.warning("an event was dropped", lane=str(key), reason="going down" if self._draining else "busy")
            return None
        lane = _Lane[T](key, peer)
        work = self._work(lane)
        try:
            self._spawn(work, f"lane {key}")
        except RuntimeError as problem:  # the app's TaskGroup takes no more tasks
            work.close()
            self.dropped += 1
            self._log.warning("an event was dropped", lane=str(key), reason=str(problem))
            return None
        self._lanes[key] = lane
        self._peers += peer
        return lane

    async def _work(self, lane: _Lane[T]) -> None:
        lane.task = asyncio.current_task()
        breath = _BREATH
        try:
            while True:
                while lane.waiting:
                    item = lane.waiting.popleft()
                    if lane.pressing and len(lane.waiting) < self._limit // 2:
                        self._relieve(lane)
                    self.running += 1
                    try:
                        rest = self._run(item)
                        if rest is not None:
                            await rest
                    except Exception as problem:  # a boundary: a fault of our own must not make a room deaf
                        self._log.error("handling an event failed", lane=str(lane.key), exc_info=problem)
                    finally:
                        self.running -= 1
                        if lane.done is not None:
                            lane.ended()
                    breath -= 1
                    if not breath:
                        # Handlers that never wait would keep everybody else from the loop for as long as a flood lasts.
                        breath = _BREATH
                        await asyncio.sleep(0)
                if self._draining or lane.peer:
                    return
                await self._park(lane)
                if not lane.waiting:
                    return
        except BaseException:
            self._undone.add(lane.key)
            raise
        finally:
            self._close(lane)

    async def _park(self, lane: _Lane[T]) -> None:
        loop = asyncio.get_running_loop()
        lane.since = self._sweeps
        if self._next_sweep is None:
            self._next_sweep = loop.call_later(self._idle / 2, self._sweep)
        lane.parked = loop.create_future()
        try:
            await lane.parked
        finally:
            lane.parked = None

    def _sweep(self) -> None:
        """End the lanes that were idle since the sweep before the last: one timer for all, not one for each item."""
        self._sweeps += 1
        self._next_sweep = None
        for lane in self._lanes.values():
            if self._sweeps - lane.since > 2:
                lane.wake()
        if self._lanes:
            self._next_sweep = asyncio.get_running_loop().call_later(self._idle / 2, self._sweep)

    def _close(self, lane: _Lane[T]) -> None:
        lane.ended()
        if self._lanes.get(lane.key) is lane:
            del self._lanes[lane.key]
            self._peers -= lane.peer
        if lane.pressing:
            self._relieve(lane)
        if not self._lanes and self._empty is not None and not self._empty.done():
            self._empty.set_result(None)

    def _drop(self, lane: _Lane[T]) -> bool:
        self.dropped += 1
        if not lane.refusing:
            lane.refusing = True
            self._log.error("a queue is full; events of it are dropped", lane=str(lane.key), waiting=len(lane.waiting))
        return False

    def _press(self, lane: _Lane[T]) -> None:
        lane.pressing = True
        self._pressing += 1
        if self._pressing == 1 and self._on_pressure is not None:
            self._on_pressure(True)

    def _relieve(self, lane: _Lane[T]) -> None:
        lane.pressing = lane.refusing = False
        self._pressing -= 1
        if self._pressing == 0 and self._on_pressure is not None:
            self._on_pressure(False)
