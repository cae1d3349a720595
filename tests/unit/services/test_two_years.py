"""Two years of jobs, over every change of a dozen zones, against python-dateutil's reckoning of the same rules."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from dateutil import rrule, tz
from hypothesis import given, settings
from hypothesis import strategies as st

from botkit.services.schedule import Cron, Due, Job, Monthly, Scheduler
from botkit.services.schedule.times import Trigger
from botkit.storage.memory_jobs import MemoryJobs
from botkit.testing.fakes import FakeClock, FakeLog

START = datetime(2027, 1, 1, tzinfo=UTC)  # with 29 February 2028
END = datetime(2029, 1, 1, tzinfo=UTC)
ZONES = (
    "UTC",
    "Europe/Berlin",
    "Europe/Dublin",
    "America/New_York",
    "America/St_Johns",
    "America/Havana",  # changes at midnight
    "America/Santiago",
    "Asia/Kolkata",
    "Africa/Casablanca",  # goes back for Ramadan
    "Australia/Lord_Howe",  # by half an hour
    "Pacific/Chatham",
    "Pacific/Apia",
    "Asia/Beirut",
)


@dataclass(frozen=True)
class Rule:
    """A rule as ours is written, and as dateutil has it (``None`` options: every hour or minute that passes)."""

    name: str
    ours: str | tuple[str, str, tuple[int, ...]]
    freq: int
    options: dict[str, object]
    passing: bool = False

    def trigger(self, zone: str) -> Trigger:
        if isinstance(self.ours, str):
            return Cron.parse(self.ours, zone)
        day, at, months = self.ours
        return Monthly.parse(day, at, zone, months)


RULES = (
    Rule("at nine on workdays", "0 9 * * 1-5", rrule.DAILY, {"byweekday": range(5), "byhour": 9}),
    Rule("at half past two", "30 2 * * *", rrule.DAILY, {"byhour": 2, "byminute": 30}),
    Rule("at midnight", "0 0 * * *", rrule.DAILY, {"byhour": 0}),
    Rule("at 01:45 on Sundays", "45 1 * * 7", rrule.WEEKLY, {"byweekday": rrule.SU, "byhour": 1, "byminute": 45}),
    Rule("on the 31st", "15 12 31 * *", rrule.MONTHLY, {"bymonthday": 31, "byhour": 12, "byminute": 15}),
    Rule("at 2 and 3", "10 2,3 * * *", rrule.DAILY, {"byhour": (2, 3), "byminute": 10}),
    Rule("every hour that passes", "20 * * * *", rrule.HOURLY, {"byminute": 20}, passing=True),
    Rule("last Friday", ("last fri", "17:30", ()), rrule.MONTHLY,
         {"byweekday": rrule.FR(-1), "byhour": 17, "byminute": 30}),
    Rule("last of the month", ("last", "23:59", ()), rrule.MONTHLY, {"bymonthday": -1, "byhour": 23, "byminute": 59}),
    Rule("29 February", ("29", "02:30", (2,)), rrule.YEARLY,
         {"bymonth": 2, "bymonthday": -1, "byhour": 2, "byminute": 30}),
)  # fmt: skip


def expected(rule: Rule, zone: str) -> set[datetime]:
    """By dateutil: wall clock times without a zone, then put into it as our rules say."""
    there = tz.gettz(zone)
    if rule.passing:  # offsets are whole quarters of an hour, and so are their changes
        steps = (START + n * timedelta(minutes=15) for n in range(int((END - START) / timedelta(minutes=15)) + 1))
        at_20 = (at + timedelta(minutes=5) for at in steps)
        return {at for at in at_20 if at <= END and at.astimezone(there).minute == rule.options["byminute"]}
    options = {"byminute": 0, "bysecond": 0} | rule.options
    walls = rrule.rrule(rule.freq, dtstart=datetime(2026, 12, 31), until=datetime(2029, 1, 2), **options)  # noqa: DTZ001
    return {at for at in _moments(walls, there) if START < at <= END}


def _moments(walls: Iterator[datetime], there: object) -> Iterator[datetime]:
    for wall in walls:
        local = wall.replace(tzinfo=there, fold=0)  # type: ignore[arg-type]
        yield tz.resolve_imaginary(local).astimezone(UTC)  # what is skipped comes as much later as the gap is long


@pytest.mark.parametrize("zone", ZONES)
def test_each_rule_comes_when_an_independent_reckoning_says(zone: str) -> None:
    for rule in RULES:
        if rule.passing and zone not in ("Europe/Berlin", "Australia/Lord_Howe", "America/Havana"):
            continue  # 17,544 times each
        trigger, found, at = rule.trigger(zone), set(), START
        while (due := trigger.next(at)) is not None and due <= END:
            found.add(due)
            at = due
        assert found == expected(rule, zone), f"{rule.name} in {zone}"


async def test_two_years_of_jobs_fire_each_time_once_and_in_order() -> None:
    clock, log, fired = FakeClock(START), FakeLog(), list[Due]()

    async def run(due: Due) -> None:
        fired.append(due)

    rules = [rule for rule in RULES if rule.name in ("at half past two", "on the 31st", "last Friday", "29 February")]
    scheduler = Scheduler(clock, log, MemoryJobs(), look_again=86_400.0)
    scheduler.add(
        Job(name=f"{rule.name} in {zone}", trigger=rule.trigger(zone), run=run) for rule in rules for zone in ZONES
    )
    task = asyncio.create_task(scheduler.run())
    for _ in range(20):
        await asyncio.sleep(0)
    for _ in range(2 * 366):
        await clock.advance(86_400)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert [due.begun for due in fired] == sorted(due.begun for due in fired)
    assert all(due.late == timedelta(0) for due in fired)
    for rule in rules:
        for zone in ZONES:
            times = [due.key.due for due in fired if due.key.job == f"{rule.name} in {zone}" and due.key.due <= END]
            assert len(times) == len(set(times)), f"{rule.name} in {zone} fired twice"
            assert set(times) == expected(rule, zone), f"{rule.name} in {zone}"
    assert log.of("error") == log.of("warning") == []


CHANGES = (
    ("Europe/Berlin", datetime(2027, 3, 28, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2027, 10, 31, 1, tzinfo=UTC)),
    ("America/Havana", datetime(2027, 3, 14, 5, tzinfo=UTC)),  # at midnight
    ("America/Havana", datetime(2027, 11, 7, 5, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2027, 4, 3, 15, tzinfo=UTC)),  # by half an hour
    ("Australia/Lord_Howe", datetime(2027, 10, 2, 15, 30, tzinfo=UTC)),
    ("Pacific/Chatham", datetime(2027, 4, 3, 14, tzinfo=UTC)),
)


@given(
    change=st.sampled_from(CHANGES),
    minutes=st.sampled_from(("0", "*/30", "15,45", "*", "59")),
    hours=st.sampled_from(("*", "*/2", "*/5")),
    before=st.integers(-180, 1500),
)
@settings(deadline=None, max_examples=150)
def test_around_a_change_every_hour_that_passes_counts(
    change: tuple[str, datetime], minutes: str, hours: str, before: int
) -> None:
    zone, moment = change
    start = moment - timedelta(minutes=before, seconds=7)
    end, there = start + timedelta(hours=12), tz.gettz(zone)
    trigger, found, at = Cron.parse(f"{minutes} {hours} * * *", zone), [], start
    while (due := trigger.next(at)) is not None and due <= end:
        assert due > at
        found.append(due)
        at = due
    whole = (start + timedelta(minutes=1)).replace(second=0)
    passing = (whole + n * timedelta(minutes=1) for n in range(12 * 60))
    shown = ((one, one.astimezone(there)) for one in passing)
    assert found == [one for one, wall in shown if one <= end and _in(wall.minute, minutes) and _in(wall.hour, hours)]


def _in(value: int, field: str) -> bool:
    if field.startswith("*"):
        return value % int(field[2:] or 1) == 0
    return str(value) in field.split(",")
