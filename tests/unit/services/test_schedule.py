"""When jobs run: zones, daylight saving, lateness."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from botkit.errors import ConfigError
from botkit.services.schedule import Cron, Interval, Job, Scheduler
from botkit.testing.fakes import FakeClock, FakeLog


def times(cron: Cron, start: datetime, count: int) -> list[str]:
    found = []
    moment = start
    for _ in range(count):
        due = cron.next(moment)
        assert due is not None
        found.append(due.strftime("%d %H:%M"))
        moment = due
    return found


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# --- cron -----------------------------------------------------------------------------------------------------


def test_the_zone_decides_what_nine_o_clock_is() -> None:
    assert times(Cron.parse("0 9 * * *", "Europe/Berlin"), utc("2026-03-28 00:00"), 2) == ["28 08:00", "29 07:00"]


def test_a_time_that_daylight_saving_skips_runs_as_much_later_as_the_gap_is_long() -> None:
    # 29 March 2026, Berlin: 02:00 becomes 03:00. 02:30 is 03:30 then, which is 01:30 UTC.
    assert times(Cron.parse("30 2 * * *", "Europe/Berlin"), utc("2026-03-28 12:00"), 2) == ["29 01:30", "30 00:30"]


def test_a_time_that_comes_twice_runs_once_the_first_time() -> None:
    # 25 October 2026, Berlin: 03:00 becomes 02:00. 02:30 is at 00:30 and at 01:30 UTC.
    assert times(Cron.parse("30 2 * * *", "Europe/Berlin"), utc("2026-10-24 12:00"), 2) == ["25 00:30", "26 01:30"]


def test_what_runs_every_half_hour_runs_in_both_hours_that_are_two_o_clock() -> None:
    found = times(Cron.parse("*/30 * * * *", "Europe/Berlin"), utc("2026-10-24 23:59"), 5)
    assert found == ["25 00:00", "25 00:30", "25 01:00", "25 01:30", "25 02:00"]


@pytest.mark.parametrize(
    ("field", "days"),
    [("1-5", [1, 2, 3, 4, 5]),
     ("0", [0]), ("7", [0]), ("0,6", [0, 6]), ("mon-fri", [1, 2, 3, 4, 5]), ("5-7", [5, 6, 0]),
     ("*/2", [0, 2, 4, 6]), ("1-5/2", [1, 3, 5]), ("*", [0, 1, 2, 3, 4, 5, 6])],
)  # fmt: skip
def test_numbers_of_weekdays_are_crons(field: str, days: list[int]) -> None:
    cron, moment, found = Cron.parse(f"0 0 * * {field}"), utc("2026-03-01 00:00") - timedelta(minutes=1), set()
    while (due := cron.next(moment)) is not None and due < utc("2026-03-15 00:00"):
        found.add((due.weekday() + 1) % 7)
        moment = due
    assert found == set(days)


@pytest.mark.parametrize(
    "expression", ["", "* * * *", "0 99 * * *", "0 0 31 2 *", "a b c d e", "0 0 * * 8", "0 0 * * 5-1"]
)
def test_what_is_no_expression_is_refused(expression: str) -> None:
    with pytest.raises(ConfigError):
        Cron.parse(expression)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "Europe", "/etc/localtime", "a\0b"])
def test_what_is_no_zone_is_refused(zone: str) -> None:
    if zone == "":
        assert Cron.parse("0 0 * * *", zone).zone == "UTC"
        return
    with pytest.raises(ConfigError, match="time zone"):
        Cron.parse("0 0 * * *", zone)


def test_an_interval_keeps_its_beat_however_late_it_is_asked() -> None:
    start = utc("2026-01-01 00:00")
    beat = Interval(timedelta(minutes=10), start)
    assert beat.next(start) == start + timedelta(minutes=10)
    assert beat.next(start + timedelta(minutes=25)) == start + timedelta(minutes=30)


# --- running --------------------------------------------------------------------------------------------------


class Bench:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.log = FakeLog()
        self.fired: list[tuple[str, datetime]] = []
        self.scheduler = Scheduler(self.clock, self.log, self.fire)

    def fire(self, job: Job, due: datetime) -> None:
        if job.name == "broken":
            raise RuntimeError("no")
        self.fired.append((job.name, due))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.scheduler.run())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def every(self, seconds: float, name: str = "beat") -> Job:
        return Job(name=name, trigger=Interval(timedelta(seconds=seconds), self.clock.now()))


async def test_a_job_fires_at_each_of_its_times_with_the_time_that_was_due() -> None:
    bench = Bench()
    start = bench.clock.now()
    bench.scheduler.add([bench.every(90)])
    async with bench.running():
        await bench.clock.advance(300)
    assert bench.fired == [("beat", start + timedelta(seconds=90 * n)) for n in (1, 2, 3)]


async def test_a_job_that_cannot_be_started_stops_neither_itself_nor_others() -> None:
    bench = Bench()
    bench.scheduler.add([bench.every(60, "broken"), bench.every(60)])
    async with bench.running():
        await bench.clock.advance(130)
    assert [name for name, _ in bench.fired] == ["beat", "beat"]
    assert len(bench.log.of("error")) == 2


async def test_jobs_come_and_go_while_it_runs() -> None:
    bench = Bench()
    async with bench.running():
        bench.scheduler.add([bench.every(60)])
        await asyncio.sleep(0)
        await bench.clock.advance(61)
        bench.scheduler.remove("beat")
        await bench.clock.advance(300)
    assert len(bench.fired) == 1


async def test_what_was_due_while_the_machine_slept_runs_once_late_within_its_grace() -> None:
    bench = Bench()
    start = bench.clock.now()
    bench.scheduler.add([bench.every(60)])
    async with bench.running():
        bench.clock._start += timedelta(minutes=3, seconds=30)  # the wall clock jumps; nobody was woken
        await bench.clock.advance(61)
    assert bench.fired[0] == ("beat", start + timedelta(minutes=4))
    assert len(bench.fired) == 1
    assert any("several times" in line for line in bench.log.of("warning"))


async def test_what_is_later_than_its_grace_is_left_out_and_said() -> None:
    bench = Bench()
    bench.scheduler.add([Job(name="daily", trigger=Cron.parse("0 13 * * *"))])
    async with bench.running():
        bench.clock._start += timedelta(days=3, hours=5)
        await bench.clock.advance(61)
        assert bench.fired == []
        assert len(bench.log.of("warning")) >= 1
        await bench.clock.advance(86400)
    assert len(bench.fired) == 1


async def test_upcoming_tells_the_next_time_of_each_job() -> None:
    bench = Bench()
    bench.scheduler.add([bench.every(600, "b"), bench.every(60, "a")])
    assert [(job.name, due - bench.clock.now()) for due, job in bench.scheduler.upcoming()] == [
        ("a", timedelta(minutes=1)),
        ("b", timedelta(minutes=10)),
    ]
