"""Running things by the clock. APScheduler's triggers reckon when; the waiting and the firing are ours.

The rules, where zones and clocks are concerned:

- a time that daylight saving skips runs as much later as the gap is long (02:30 becomes 03:30);
- a time that comes twice runs once, the first time, unless the hour field has a ``*``
  (``*/30 * * * *`` means every half hour that passes);
- days of the week are cron's: 0 and 7 are Sunday. APScheduler's own numbers begin with Monday;
- where both the day of the month and the day of the week are given, both must hold;
- what was due while the machine slept runs once, late, if no more than its grace has passed; else it is left out.
  Either is logged.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from botkit.errors import ConfigError
from botkit.model.address import Address
from botkit.model.events import Tick
from botkit.ports import Clock
from botkit.routing.context import Logger, Services
from botkit.routing.plan import LoadedSchedule
from botkit.routing.specs import ScheduleSpec

LONGEST_SLEEP = 60.0  # seconds; then the wall clock is looked at again, which may have been set or have stood still
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Trigger(Protocol):
    """Says when."""

    def next(self, after: datetime) -> datetime | None:
        """The first time later than ``after`` (both aware UTC); None if there is none."""


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression in a time zone. Made by ``parse``."""

    expression: str
    zone: str
    _trigger: CronTrigger
    _every_hour: bool

    @staticmethod
    def parse(expression: str, zone: str | None = None, *, now: datetime | None = None) -> Cron:
        """Five fields, as in cron; ``zone`` an IANA name, UTC if None.

        Raises ``ConfigError`` for what is no expression, no zone, or never comes (31 February).
        """
        name = zone or "UTC"
        tz = time_zone(name)
        fields = expression.split()
        if len(fields) != 5:
            raise ConfigError(
                f"{expression!r} has {len(fields)} fields; a cron expression has five: minute hour day month weekday"
            )
        try:
            fields[4] = _weekdays(fields[4])
            trigger = CronTrigger.from_crontab(" ".join(fields), timezone=tz)
            cron = Cron(expression, name, trigger, "*" in fields[1])
            never = cron.next(now or datetime.now(UTC)) is None
        except (ValueError, TypeError, OverflowError) as problem:
            raise ConfigError(f"{expression!r} is no cron expression: {problem}") from None
        if never:
            raise ConfigError(f"{expression!r} never comes: there is no such day")
        return cron

    def next(self, after: datetime) -> datetime | None:
        """The first time later than ``after``, in UTC."""
        moment = after
        while True:
            local = self._trigger.get_next_fire_time(None, moment + timedelta(microseconds=1))
            if local is None:
                return None
            due: datetime = local.astimezone(UTC)
            if local.fold == 0 or self._every_hour:
                return due
            moment = due  # the second time of an hour that comes twice


@dataclass(frozen=True, slots=True)
class Interval:
    """Every ``span``, counted from ``start`` (aware UTC)."""

    span: timedelta
    start: datetime

    def next(self, after: datetime) -> datetime | None:
        """The first whole number of spans after ``start`` that is later than ``after``."""
        if after < self.start:
            return self.start + self.span
        return self.start + ((after - self.start) // self.span + 1) * self.span


def time_zone(name: str) -> ZoneInfo:
    """The zone of an IANA name. Raises ``ConfigError`` for what is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError; a folder's name is an OSError
        raise ConfigError(f"{name!r} is no time zone; write an IANA name such as 'Europe/Berlin'") from None


Fire = Callable[["Job", datetime], None]
"""Puts a due job where it is run, at once and without waiting; with the time that it was due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Something to run by the clock. ``name`` is unique in a scheduler.

    ``grace``: how late it may run. ``cargo`` is the caller's own: whatever ``Fire`` needs to run it.
    """

    name: str
    trigger: Trigger
    grace: timedelta = timedelta(minutes=5)
    cargo: object = None


class Schedules(Protocol):
    """What the dispatcher does for handlers that run by the clock."""

    @property
    def services(self) -> Services:
        """What all contexts of the account share."""

    @property
    def schedules(self) -> tuple[LoadedSchedule, ...]:
        """Every handler that runs by the clock."""

    async def run_schedule(self, schedule: LoadedSchedule, tick: Tick, room: Address | None = None) -> None:
        """Run one in the lane of ``room``, or of the job. Raises nothing."""


class Scheduler:
    """Fires jobs at their times while ``run`` runs. One task for each job: none waits for another."""

    def __init__(self, clock: Clock, log: Logger, fire: Fire) -> None:
        self._clock = clock
        self._log = log
        self._fire = fire
        self._jobs: dict[str, Job] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None

    def add(self, jobs: Iterable[Job]) -> None:
        """Take in ``jobs``, before or during ``run``. One with the name of an earlier one replaces it."""
        for job in jobs:
            self.remove(job.name)
            self._jobs[job.name] = job
            if self._group is not None:
                self._begin(job, self._group)

    def remove(self, name: str) -> None:
        """Forget a job, if there is one of that name."""
        self._jobs.pop(name, None)
        if task := self._tasks.pop(name, None):
            task.cancel()

    def upcoming(self) -> list[tuple[datetime, Job]]:
        """The next time of each job (UTC) that has one, soonest first."""
        now = self._clock.now()
        found = [(due, job) for job in self._jobs.values() if (due := job.trigger.next(now)) is not None]
        return sorted(found, key=lambda pair: (pair[0], pair[1].name))

    async def run(self) -> None:
        """Fire jobs until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for job in self._jobs.values():
                    self._begin(job, group)
                await asyncio.get_running_loop().create_future()  # no deadline: jobs may be added at any time
        finally:
            self._group = None
            self._tasks.clear()

    def _begin(self, job: Job, group: asyncio.TaskGroup) -> None:
        self._tasks[job.name] = group.create_task(self._keep(job), name=f"schedule: {job.name}")

    async def _keep(self, job: Job) -> None:
        seen = self._clock.now()
        while (due := job.trigger.next(seen)) is not None:
            await self._until(due)
            now = self._clock.now()
            late, last = now - due, self._latest(job, due, now)
            if last != due:
                self._log.warning("several times of a job passed at once: run for the last", job=job.name,
                                  first=due.isoformat(), last=last.isoformat())  # fmt: skip
                late = now - last
            if late > job.grace:
                self._log.warning("too late for a job: left out", job=job.name, due=last.isoformat(), late=str(late))
            else:
                self._fire_safely(job, last)
            seen = now
        self._log.info("a job has no more times", job=job.name)

    async def _until(self, due: datetime) -> None:
        while (left := (due - self._clock.now()).total_seconds()) > 0:
            await self._clock.sleep(min(left, LONGEST_SLEEP))

    def _latest(self, job: Job, due: datetime, now: datetime) -> datetime:
        """The last time of ``job`` that is not after ``now``, looking no further than the grace allows."""
        if now - due < timedelta(seconds=1):
            return due
        last = due
        begin = max(due, now - job.grace)
        following = job.trigger.next(begin - timedelta(microseconds=1)) if begin > due else job.trigger.next(due)
        while following is not None and following <= now:
            last = following
            following = job.trigger.next(following)
        return last

    def _fire_safely(self, job: Job, due: datetime) -> None:
        try:
            self._fire(job, due)
        except Exception as problem:  # a boundary: one job's fault must not end the others
            self._log.error("a job could not be started", job=job.name, due=due.isoformat(), exc_info=problem)


def scheduler_of(dispatcher: Schedules) -> Scheduler:
    """A scheduler with every scheduled handler of ``dispatcher``; ``run`` it beside the dispatcher.

    Each fire is one task in the app's care: it runs in the lane of each of its rooms, and a slow one holds up no
    other job. Raises ``ConfigError`` with every bad expression and zone.
    """
    services = dispatcher.services

    def fire(job: Job, due: datetime) -> None:
        schedule = job.cargo
        assert isinstance(schedule, LoadedSchedule), "the jobs of this scheduler come from here"
        tick = Tick(at=due, job=schedule.spec.job)
        rooms: Iterable[Address | None] = (None,) if schedule.spec.rooms is None else schedule.spec.rooms
        if schedule.spec.rooms == ():
            rooms = [info.address for info in services.link.rooms()]
        for room in rooms:
            services.spawn(dispatcher.run_schedule(schedule, tick, room), f"job {job.name}")

    scheduler = Scheduler(services.clock, services.log, fire)
    mistakes: list[str] = []
    for schedule in dispatcher.schedules:
        try:
            job = job_of(schedule.spec, schedule.runtime.name, services.clock.now())
        except ConfigError as problem:
            mistakes += problem.mistakes
        else:
            scheduler.add([replace(job, cargo=schedule)])
    if mistakes:
        raise ConfigError(mistakes)
    return scheduler


def _weekdays(field: str) -> str:
    """Cron's numbers of days (0 and 7 are Sunday) as names, ranges and lists too: ``1-5`` is ``mon-fri``."""
    return ",".join(_weekday_part(part) for part in field.split(","))


def _weekday_part(part: str) -> str:
    match = re.fullmatch(r"(?:\*|(\d)(?:-(\d))?)(?:/([1-9]\d*))?", part)
    if match is None or part == "*":
        return part
    if match[1] is None:
        first, last = 0, 6
    else:
        first = int(match[1])
        last = int(match[2]) if match[2] else (7 if match[3] else first)
    days = range(first, last + 1)[:: int(match[3] or 1)]
    if last > 7 or not days:
        raise ValueError(f"{part!r} is no range of days; they go from 0 (Sunday) to 7 (Sunday, too)")
    return ",".join(dict.fromkeys(_DAYS[day] for day in days))


def job_of(spec: ScheduleSpec, module: str, start: datetime) -> Job:
    """The job for what ``router.every`` recorded; ``start`` (aware UTC) is where intervals begin.

    Raises ``ConfigError``, naming the handler's place, for a bad expression or zone.
    """
    trigger: Trigger
    try:
        if spec.cron is not None:
            trigger = Cron.parse(spec.cron, spec.timezone, now=start)
        else:
            assert spec.interval is not None, "a ScheduleSpec has cron or interval"
            trigger = Interval(spec.interval, start)
    except ConfigError as problem:
        raise ConfigError([f"{spec.place}: schedule {spec.job!r}: {line}" for line in problem.mistakes]) from None
    return Job(name=f"{module}.{spec.job}", trigger=trigger, cargo=spec)
