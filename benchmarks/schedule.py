"""``schedule``: what a fire costs beside bare apscheduler; and 10,000 jobs due at once, each with a notice to a room.

No server: a link in memory sends back at once what it is given, so that what is measured is botkit alone. Jobs, fires
and notices are in SQLite, on the disk, as they are in a running bot.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from benchmarks.report import Sheet
from botkit.clock import SystemClock
from botkit.model.actions import Action, Notice, SendMessage, Sent
from botkit.model.address import Address
from botkit.model.archive import ArchiveQuery, Page
from botkit.model.events import RoomMessage
from botkit.model.messages import ArchiveId, Content
from botkit.services.outbox.outbox import Outbox
from botkit.services.outbox.settings import OutboxSettings, Rate
from botkit.services.schedule.job import Due, Job
from botkit.services.schedule.scheduler import Scheduler
from botkit.services.schedule.times import Once
from botkit.storage.sqlite import SqliteStorage
from botkit.testing.fakes import FakeLink, make_room

BOT = Address.parse("herald@example.org/bench")
_AHEAD = 2.0  # seconds between the adding of jobs and their time
_FAST = Rate(per_second=100_000.0, burst=100_000)
_NO_PAGE = Page(rows=(), first=None, last=ArchiveId("a0"), complete=True)


class Echo(FakeLink):
    """Rooms that send back at once what they are told, and remember of it only how often."""

    def __init__(self, rooms: int) -> None:
        super().__init__(BOT)
        self.rooms_there = [Address.parse(f"room-{number}@rooms.example.org") for number in range(rooms)]
        for room in self.rooms_there:
            self.add_room(make_room(room))
        self.heard: Counter[str] = Counter()
        self.hear: Callable[[RoomMessage], None] = lambda event: None
        self._ids = count(1)

    async def perform(self, action: Action) -> Sent | None:
        assert isinstance(action, SendMessage)
        assert action.message_id is not None
        info = self.room(action.to)
        assert info is not None
        assert info.me is not None
        self.heard[action.body] += 1
        event = RoomMessage(
            at=datetime.now(UTC), room=action.to, author=info.me, content=Content(body=action.body),
            message_id=action.message_id, archive_id=ArchiveId(f"a{next(self._ids)}"),
        )  # fmt: skip
        asyncio.get_running_loop().call_soon(self.hear, event)
        return Sent(action.message_id)

    async def page(self, query: ArchiveQuery) -> Page:
        await asyncio.sleep(0)
        return _NO_PAGE


async def run(jobs: int, rooms: int, progress: Callable[[str], None], fires: int = 2000) -> Sheet:
    """Raises ``AssertionError`` if a fire or a notice was lost or doubled."""
    rows: list[tuple[str | float | None, ...]] = []
    cases: tuple[tuple[str, Callable[[int], Awaitable[float]]], ...] = (
        ("apscheduler 3.11, in memory", _apscheduler),
        ("botkit, in memory", _in_memory),
        ("botkit, each fire on the disk", _on_disk),
    )
    for name, case in cases:
        progress(name)
        rows.append((name, await case(fires), None, None, None, None, None))
    progress(f"{jobs} jobs with notices")
    rows.append((f"botkit, {jobs} with notices", *await _notices(jobs, rooms)))
    return Sheet(
        title=f"schedule: jobs due at the same moment; {jobs} of them with a notice each, to {rooms} rooms",
        notes="CPU for each fire; a notice is added, begun and settled on the disk. Lag: of the event loop",
        settings={"jobs": jobs, "rooms": rooms},
        columns=("case", "CPU µs", "s", "lag p50 ms", "p99 ms", "MiB", "MiB after"),
        rows=rows,
    )


class _Fires:
    """Counts fires; ``done`` once there were enough."""

    def __init__(self, wanted: int) -> None:
        self.left = wanted
        self.done = asyncio.Event()

    async def fire(self, *_: Any) -> None:
        self.left -= 1
        if not self.left:
            self.done.set()


async def _until(moment: datetime) -> int:
    """Wait until just before, and read the CPU time."""
    await asyncio.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds() - 0.2))
    return time.process_time_ns()


async def _apscheduler(jobs: int) -> float:
    fires = _Fires(jobs)
    scheduler: Any = AsyncIOScheduler(timezone=UTC, job_defaults={"misfire_grace_time": None})
    moment = datetime.now(UTC) + timedelta(seconds=_AHEAD)
    for _ in range(jobs):
        scheduler.add_job(fires.fire, "date", run_date=moment)
    scheduler.start()
    before = await _until(moment)
    await asyncio.wait_for(fires.done.wait(), 60)
    scheduler.shutdown(wait=False)
    return (time.process_time_ns() - before) / jobs / 1000


async def _in_memory(jobs: int) -> float:
    return await _ours(jobs, kept=False)


async def _on_disk(jobs: int) -> float:
    return await _ours(jobs, kept=True)


async def _ours(jobs: int, *, kept: bool) -> float:
    fires = _Fires(jobs)
    with tempfile.TemporaryDirectory(prefix="botkit-bench-") as folder:
        async with SqliteStorage.open(Path(folder) / "bench.db", BOT) as storage:
            scheduler = Scheduler(SystemClock(), structlog.get_logger("bench"), storage.jobs)
            moment = datetime.now(UTC) + timedelta(seconds=_AHEAD)
            scheduler.add(Job(name=f"job {n}", trigger=Once.at(moment), run=fires.fire, kept=kept) for n in range(jobs))
            async with _running(scheduler.run):
                before = await _until(moment)
                await asyncio.wait_for(fires.done.wait(), 60)
                return (time.process_time_ns() - before) / jobs / 1000


async def _notices(jobs: int, rooms: int) -> tuple[float, float, float, float, float, float]:
    """CPU µs for each, seconds, lag p50 and p99 in ms, MiB before and after."""
    link = Echo(rooms)
    with tempfile.TemporaryDirectory(prefix="botkit-bench-") as folder:
        async with SqliteStorage.open(Path(folder) / "bench.db", BOT) as storage:
            settings = OutboxSettings(room=_FAST, account=_FAST, queue=jobs, queue_all=jobs, notices=jobs)
            outbox = Outbox(link, storage.notices, SystemClock(), settings)
            link.hear = outbox.on_message

            async def say(due: Due) -> None:
                number = int(due.key.job)
                await outbox.perform(Notice(to=link.rooms_there[number % rooms], text=due.key.job, key=due.key.job))

            scheduler = Scheduler(SystemClock(), structlog.get_logger("bench"), storage.jobs)
            moment = datetime.now(UTC) + timedelta(seconds=2 * _AHEAD)
            scheduler.add(Job(name=str(n), trigger=Once.at(moment), run=say, retries=0) for n in range(jobs))
            async with _running(scheduler.run), _running(outbox.run):
                cpu = await _until(moment)
                gc.collect()
                memory = _resident()
                lags: list[float] = []
                async with _running(lambda: _feel(lags)):
                    begun = time.monotonic()
                    await _all_done(outbox, jobs)
                    seconds = time.monotonic() - begun
                used = (time.process_time_ns() - cpu) / jobs / 1000
                gc.collect()
                assert link.heard == Counter(str(n) for n in range(jobs)), "a notice was lost or doubled"
                lags.sort()
                return used, seconds, lags[len(lags) // 2], lags[len(lags) * 99 // 100], memory, _resident()


async def _all_done(outbox: Outbox, jobs: int) -> None:
    async with asyncio.timeout(600):
        while outbox.status().counters.notices_done < jobs:  # noqa: ASYNC110  the loop is what is measured
            await asyncio.sleep(0.05)


async def _feel(lags: list[float]) -> None:
    """How much later than asked for the loop gets to us, in milliseconds."""
    while True:
        begun = time.perf_counter()
        await asyncio.sleep(0.005)
        lags.append((time.perf_counter() - begun - 0.005) * 1000)


class _running:
    """A task for as long as the block runs."""

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work

    async def __aenter__(self) -> None:
        self._task = asyncio.ensure_future(self._work())

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def _resident() -> float:
    """MiB of this process."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024
