"""What the scheduler does about jobs that are due: each fire once, late ones as they say, failures again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from botkit.errors import StoreError
from botkit.model.jobs import FireKey, FireState, Missed
from botkit.services.schedule import Cron, Due, Interval, Job, Scheduler, scheduler
from botkit.storage.memory_jobs import MemoryJobs
from botkit.testing.fakes import NOON, FakeClock, FakeLog

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


class Bench:
    """A scheduler over a clock that stands still; ``fired`` is what ran, in order."""

    def __init__(self, store: MemoryJobs | None = None, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.log = FakeLog()
        self.store = store or MemoryJobs()
        self.fired: list[tuple[str, datetime]] = []
        self.dues: list[Due] = []
        self.failing: Callable[[Due], bool] = lambda due: False
        self.gates: dict[str, asyncio.Event] = {}
        self.paused: list[tuple[str, str]] = []
        self.scheduler = self.another("one")

    def another(self, process: str) -> Scheduler:
        return Scheduler(
            self.clock, self.log, self.store, process=process,
            on_paused=lambda job, reason: self.paused.append((job.name, reason)),
        )  # fmt: skip

    async def fire(self, due: Due) -> None:
        self.dues.append(due)
        if gate := self.gates.get(due.key.job):
            await gate.wait()
        if self.failing(due):
            raise RuntimeError("the feed is away")
        self.fired.append(due.key)

    @contextlib.asynccontextmanager
    async def running(self, scheduler: Scheduler | None = None) -> AsyncIterator[None]:
        task = asyncio.create_task((scheduler or self.scheduler).run())
        await self.settle()
        try:
            yield
            await self.settle()
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def settle(self) -> None:
        for _ in range(50):
            await asyncio.sleep(0)

    def every(self, seconds: float, name: str = "beat", **options: object) -> Job:
        job = Job(name=name, trigger=Interval(timedelta(seconds=seconds), self.clock.now()), run=self.fire)
        return replace(job, **options)  # type: ignore[arg-type]

    def cron(self, expression: str, name: str = "daily", **options: object) -> Job:
        return replace(Job(name=name, trigger=Cron.parse(expression), run=self.fire), **options)  # type: ignore[arg-type]


@pytest.fixture(params=[True, False], ids=["kept", "not kept"])
def kept(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


async def test_a_job_fires_at_each_of_its_times_with_the_time_that_was_due(kept: bool) -> None:
    bench = Bench()
    bench.scheduler.add([bench.every(90, kept=kept)])
    async with bench.running():
        await bench.clock.advance(300)
    assert bench.fired == [("beat", NOON + timedelta(seconds=90 * n)) for n in (1, 2, 3)]
    states = [fire.state for fire in await bench.store.fires("beat")]
    assert states == ([FireState.DONE] * 3 if kept else [])


async def test_jobs_come_and_go_while_it_runs(kept: bool) -> None:
    bench = Bench()
    async with bench.running():
        bench.scheduler.add([bench.every(60, kept=kept)])
        await bench.settle()
        await bench.clock.advance(61)
        bench.scheduler.remove("beat")
        await bench.clock.advance(300)
    assert len(bench.fired) == 1


async def test_upcoming_tells_the_next_time_of_each_job_that_does_not_rest() -> None:
    bench = Bench()
    bench.scheduler.add([bench.every(600, "b"), bench.every(60, "a"), bench.every(60, "resting")])
    await bench.scheduler.pause("resting", "holiday")
    found = [(job.name, due - bench.clock.now()) for due, job in bench.scheduler.upcoming()]
    assert found == [("a", MINUTE), ("b", timedelta(minutes=10))]


# --- what was missed ------------------------------------------------------------------------------------------


def jump(clock: FakeClock, span: timedelta) -> None:
    clock._start += span  # the wall clock is set, or the machine slept: nobody was woken


async def test_times_that_passed_run_once_for_the_last_of_them() -> None:
    bench = Bench()
    bench.scheduler.add([bench.every(60)])
    async with bench.running():
        jump(bench.clock, timedelta(minutes=3, seconds=30))
        await bench.clock.advance(15)
    assert bench.fired == [("beat", NOON + timedelta(minutes=3))]
    assert any("left out" in line for line in bench.log.of("warning"))


async def test_times_that_passed_run_each_in_order_where_that_is_asked_for() -> None:
    bench = Bench()
    bench.scheduler.add([bench.every(60, missed=Missed.EACH)])
    async with bench.running():
        jump(bench.clock, timedelta(minutes=3, seconds=30))
        await bench.clock.advance(15)
    assert bench.fired == [("beat", NOON + n * MINUTE) for n in (1, 2, 3)]


async def test_times_that_passed_are_skipped_where_that_is_asked_for() -> None:
    bench = Bench()
    bench.scheduler.add([bench.every(600, missed=Missed.SKIP)])
    async with bench.running():
        jump(bench.clock, timedelta(minutes=15))
        await bench.clock.advance(15)
        assert bench.fired == []
        await bench.clock.advance(300)
    assert bench.fired == [("beat", NOON + timedelta(minutes=20))]
    assert FireState.MISSED in [fire.state for fire in await bench.store.fires("beat")]


async def test_what_is_later_than_its_grace_is_left_out_and_said() -> None:
    bench = Bench()
    bench.scheduler.add([bench.cron("0 13 * * *")])
    async with bench.running():
        jump(bench.clock, timedelta(days=3, hours=5))
        await bench.clock.advance(61)
        assert bench.fired == []
        assert len(bench.log.of("warning")) == 1
        await bench.clock.advance(86400)
    assert len(bench.fired) == 1


async def test_a_clock_that_is_set_back_fires_nothing_again() -> None:
    bench = Bench()
    bench.scheduler.add([bench.every(60)])
    async with bench.running():
        await bench.clock.advance(130)
        jump(bench.clock, -2 * MINUTE)
        await bench.clock.advance(130)
    assert bench.fired == [("beat", NOON + n * MINUTE) for n in (1, 2)]


async def test_what_was_due_while_the_bot_was_away_is_made_up_for_at_the_next_start() -> None:
    first = Bench()
    first.scheduler.add([first.cron("0 13 * * *")])
    async with first.running():
        pass
    jump(first.clock, timedelta(hours=1, minutes=2))
    second = Bench(first.store, first.clock)
    second.scheduler.add([second.cron("0 13 * * *")])
    async with second.running():
        await second.clock.advance(1)
        assert second.fired == [("daily", NOON + HOUR)]
        await second.clock.advance(30)
    assert len(second.fired) == 1
    assert second.dues[0].late == timedelta(minutes=2)


# --- once -----------------------------------------------------------------------------------------------------


async def test_two_processes_with_one_database_fire_each_time_once() -> None:
    bench = Bench()
    other = bench.another("two")
    for one in (bench.scheduler, other):
        one.add([bench.every(60, "a"), bench.every(90, "b")])
    async with bench.running(), bench.running(other):
        await bench.clock.advance(600)
    assert len(bench.fired) == len(set(bench.fired)) == 10 + 6


async def test_a_fire_whose_process_was_killed_is_run_by_the_next_start_under_the_same_key() -> None:
    bench = Bench()
    bench.gates["daily"] = asyncio.Event()
    bench.scheduler.add([bench.cron("0 13 * * *")])
    async with bench.running():
        await bench.clock.advance(3605)
    assert (len(bench.dues), bench.fired) == (1, [])
    jump(bench.clock, timedelta(minutes=2))
    after = Bench(bench.store, bench.clock)
    after.scheduler = after.another("two")
    after.scheduler.add([after.cron("0 13 * * *")])
    async with after.running():
        await after.clock.advance(1)
    assert after.fired == [("daily", NOON + HOUR)]
    assert [due.key for due in after.dues] == [due.key for due in bench.dues]
    assert [f.state for f in await bench.store.fires("daily")] == [FireState.DONE]


async def test_a_fire_of_a_process_that_lives_is_left_to_it() -> None:
    bench = Bench()
    bench.gates["daily"] = asyncio.Event()
    other = bench.another("two")
    for one in (bench.scheduler, other):
        one.add([bench.cron("0 13 * * *")])
    async with bench.running(), bench.running(other):
        await bench.clock.advance(3605)
        await bench.clock.advance(600)  # far longer than a lease that is not renewed
        bench.gates["daily"].set()
        await bench.settle()
    assert len(bench.dues) == len(bench.fired) == 1


async def test_a_retry_that_was_waiting_is_made_by_the_next_start() -> None:
    bench = Bench()
    bench.failing = lambda due: True
    bench.scheduler.add([bench.cron("0 13 * * *")])
    async with bench.running():
        await bench.clock.advance(3602)
    assert len(bench.dues) == 1
    jump(bench.clock, 5 * MINUTE)
    after = Bench(bench.store, bench.clock)
    after.scheduler = after.another("two")
    after.scheduler.add([after.cron("0 13 * * *")])
    async with after.running():
        await after.clock.advance(1)
    assert [(due.key, due.attempt) for due in after.dues] == [(FireKey("daily", NOON + HOUR), 2)]


# --- slow and failing -----------------------------------------------------------------------------------------


async def test_a_slow_job_holds_up_no_other_and_runs_once_at_a_time(kept: bool) -> None:
    bench = Bench()
    bench.gates["slow"] = asyncio.Event()
    bench.scheduler.add([bench.every(60, "slow", kept=kept), bench.every(60, kept=kept)])
    async with bench.running():
        await bench.clock.advance(200)
        assert [due.key.job for due in bench.dues] == ["slow", "beat", "beat", "beat"]
        bench.gates["slow"].set()
        await bench.settle()
    assert [key[0] for key in bench.fired].count("slow") == 3


async def test_a_job_may_run_several_times_at_once_if_it_says_so() -> None:
    bench = Bench()
    bench.gates["beat"] = asyncio.Event()
    bench.scheduler.add([bench.every(60, at_once=2)])
    async with bench.running():
        await bench.clock.advance(200)
        assert len(bench.dues) == 2


async def test_what_fails_is_tried_again_later_and_later(kept: bool) -> None:
    bench = Bench()
    begun: list[float] = []
    bench.failing = lambda due: begun.append(bench.clock.monotonic()) or due.attempt < 3  # type: ignore[func-returns-value]
    bench.scheduler.add([bench.cron("0 13 * * *", kept=kept)])
    async with bench.running():
        await bench.clock.advance(3800)
    assert [due.attempt for due in bench.dues] == [1, 2, 3]
    assert bench.fired == [("daily", NOON + HOUR)]
    assert 7 <= begun[1] - begun[0] <= 20
    assert 14 <= begun[2] - begun[1] <= 35


async def test_a_job_that_fails_and_fails_is_paused_and_told(kept: bool) -> None:
    bench = Bench()
    bench.failing = lambda due: due.key.job == "broken"
    bench.scheduler.add([bench.every(600, "broken", retries=1, pause_after=2, kept=kept), bench.every(600, "well")])
    async with bench.running():
        await bench.clock.advance(3600)
    assert [due.key.job for due in bench.dues].count("broken") == 4
    ((name, reason),) = bench.paused
    assert name == "broken"
    assert "2 times" in reason
    assert "the feed is away" in reason
    assert bench.scheduler.is_paused("broken")


async def test_a_paused_job_rests_over_a_restart_until_it_is_let_go_on() -> None:
    bench = Bench()
    bench.scheduler.add([bench.every(600)])
    async with bench.running():
        assert await bench.scheduler.pause("beat", "holiday")
        await bench.clock.advance(1200)
    after = Bench(bench.store, bench.clock)
    after.scheduler.add([replace(bench.every(600), run=after.fire, trigger=Interval(10 * MINUTE, NOON))])
    async with after.running():
        await after.clock.advance(1200)
        assert after.fired == []
        assert await after.scheduler.resume("beat")
        await after.clock.advance(601)
    assert after.fired == [("beat", NOON + timedelta(minutes=50))]


async def test_a_job_can_be_run_now_beside_its_times(kept: bool) -> None:
    bench = Bench()
    bench.scheduler.add([bench.every(600, kept=kept)])
    async with bench.running():
        await bench.clock.advance(10)
        assert await bench.scheduler.run_now("beat")
        await bench.settle()
        assert bench.fired == [("beat", NOON + timedelta(seconds=10))]
        await bench.clock.advance(600)
        assert not await bench.scheduler.run_now("nobody")
    assert len(bench.fired) == 2


async def test_a_job_that_is_replaced_keeps_its_times_and_what_waits_to_be_tried_again() -> None:
    bench = Bench()
    bench.failing = lambda due: len(bench.dues) == 1
    bench.scheduler.add([bench.cron("0 13 * * *")])
    async with bench.running():
        await bench.clock.advance(3601)
        bench.scheduler.add([bench.cron("0 13 * * *", retries=9)])
        bench.scheduler.add([bench.cron("0 13 * * *", retries=8)])
        await bench.clock.advance(86400)
    assert [due.attempt for due in bench.dues] == [1, 2, 1]
    assert [key[1] for key in bench.fired] == [NOON + HOUR, NOON + 25 * HOUR]


async def test_a_replaced_job_follows_its_new_times_alone() -> None:
    bench = Bench()
    bench.scheduler.add([bench.cron("0 13 * * *")])
    async with bench.running():
        bench.scheduler.add([bench.cron("0 14 * * *")])
        await bench.clock.advance(86400)
    assert bench.fired == [("daily", NOON + 2 * HOUR)]


async def test_what_is_declared_no_more_is_forgotten_and_what_people_made_is_not() -> None:
    bench = Bench()
    bench.scheduler.add([bench.every(60, "from config"), bench.every(60, "from a person", declared=False)])
    async with bench.running():
        assert len(await bench.store.jobs()) == 2
    async with bench.running(bench.another("two")):
        assert [job.name for job in await bench.store.jobs()] == ["from a person"]


async def test_a_cancelled_job_is_gone_from_the_store_too() -> None:
    bench = Bench()
    async with bench.running():
        await bench.scheduler.keep(bench.every(60))
        assert [job.name for job in await bench.store.jobs()] == ["beat"]
        assert await bench.scheduler.cancel("beat")
        await bench.clock.advance(200)
    assert (bench.fired, await bench.store.jobs()) == ([], [])


class FullDisk(MemoryJobs):
    """Cannot be written while ``full``."""

    full = False

    async def begin(self, process: str, at: datetime, **noted: object) -> set[FireKey]:  # type: ignore[override]
        if self.full:
            raise StoreError("the disk is full")
        return await super().begin(process, at, **noted)  # type: ignore[arg-type]


async def test_a_full_disk_delays_a_fire_and_loses_none() -> None:
    store = FullDisk()
    bench = Bench(store)
    bench.scheduler.add([bench.every(60)])
    async with bench.running():
        store.full = True
        await bench.clock.advance(70)
        assert bench.fired == []
        assert "the database cannot be written" in bench.log.of("error")[0]
        store.full = False
        await bench.clock.advance(10)
    assert bench.fired == [("beat", NOON + MINUTE)]


async def test_jobs_of_one_minute_all_run_but_no_more_than_the_bound_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scheduler, "_MOST_OPEN", 200)
    bench = Bench()
    most = 0

    async def run(due: Due) -> None:
        nonlocal most
        most = max(most, bench.scheduler._open)
        await asyncio.sleep(0)
        bench.fired.append(due.key)

    trigger = Cron.parse("0 13 * * *")
    bench.scheduler.add(Job(name=f"job {n}", trigger=trigger, run=run) for n in range(1_000))
    async with bench.running():
        await bench.clock.advance(3601)
        for _ in range(30):
            await bench.settle()
    assert len(set(bench.fired)) == 1_000
    assert most <= 200
