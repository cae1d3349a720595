"""Jobs of what modules declared: ``router.every`` and ``router.schedules_from``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Protocol

from botkit.errors import BotkitError, ConfigError
from botkit.model.actions import Notice
from botkit.model.address import Address
from botkit.model.events import Tick
from botkit.model.jobs import FireKey
from botkit.ports import JobStore
from botkit.routing.context import Services
from botkit.routing.plan import LoadedSchedule
from botkit.routing.specs import ScheduleSpec
from botkit.services.schedule.job import Due, Job, Run
from botkit.services.schedule.scheduler import Scheduler
from botkit.services.schedule.times import Cron, Interval, Trigger, trigger_of
from botkit.services.schedule.turns import OnPaused

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class JobFailed(BotkitError):
    """A handler that ran by the clock failed; what it raised is in the log."""


class Schedules(Protocol):
    """What the dispatcher does for handlers that run by the clock."""

    @property
    def services(self) -> Services:
        """What all contexts of the account share."""

    @property
    def schedules(self) -> tuple[LoadedSchedule, ...]:
        """Every handler that runs by the clock."""

    async def run_schedule(self, schedule: LoadedSchedule, tick: Tick, room: Address | None = None) -> bool:
        """Run one in the lane of ``room``, or of the job. Raises nothing; False if it failed."""


def scheduler_of(dispatcher: Schedules, store: JobStore, on_paused: OnPaused | None = None) -> Scheduler:
    """A scheduler with every scheduled handler of ``dispatcher``; ``run`` it beside the dispatcher.

    Raises ``ConfigError`` with every bad expression and zone.
    """
    services = dispatcher.services
    scheduler = Scheduler(services.clock, services.log, store, on_paused=on_paused or telling(services))
    scheduler.add(jobs_of(dispatcher))
    return scheduler


def telling(services: Services) -> OnPaused:
    """Tells the owner of a job that is paused, or where it has none those who run the bot."""

    def tell(job: Job, reason: str) -> None:
        text = f"The job {job.name} is paused: {reason}. It goes on with: jobs resume {job.name}"
        for to in (job.owner,) if job.owner is not None else sorted(services.admins, key=str):
            services.spawn(_told(services, Notice(to=to.bare, text=text, groupchat=False)), f"word of {job.name}")

    return tell


async def _told(services: Services, notice: Notice) -> None:
    await services.link.perform(notice)


def jobs_of(dispatcher: Schedules, schedules: Iterable[LoadedSchedule] | None = None) -> list[Job]:
    """A job for each of ``schedules`` (None: every one of ``dispatcher``), which ``dispatcher`` will have.

    Raises ``ConfigError`` with all that is wrong.
    """
    jobs: list[Job] = []
    mistakes: list[str] = []
    for schedule in dispatcher.schedules if schedules is None else schedules:
        if schedule.spec.on_demand:
            continue
        name = job_name(schedule)
        try:
            run = run_in_rooms(dispatcher, schedule, rooms=schedule.spec.rooms)
            jobs.append(job_of(schedule.spec, name, dispatcher.services.clock.now(), run))
        except ConfigError as problem:
            mistakes += problem.mistakes
    if mistakes:
        raise ConfigError(mistakes)
    return jobs


def job_name(schedule: LoadedSchedule) -> str:
    """The name of its job."""
    return f"{schedule.runtime.name}.{schedule.spec.job}"


def job_of(spec: ScheduleSpec, name: str, now: datetime, run: Run) -> Job:
    """The job for what ``router.every`` recorded; an interval that is not kept begins ``now`` (aware UTC).

    Raises ``ConfigError``, naming the handler's place, for a bad expression or zone.
    """
    try:
        trigger: Trigger
        if spec.rule is not None:
            trigger = trigger_of(spec.rule)
        elif spec.cron is not None:
            trigger = Cron.parse(spec.cron, spec.timezone, now=now)
        else:
            assert spec.interval is not None, "a ScheduleSpec says when"
            # Kept over restarts a beat must not begin anew with each: it is counted from a moment that stays.
            trigger = Interval(spec.interval, _EPOCH if spec.kept else now)
    except ConfigError as problem:
        raise ConfigError([f"{spec.place}: schedule {spec.job!r}: {line}" for line in problem.mistakes]) from None
    return Job(
        name=name, trigger=trigger, run=run, handler=name, missed=spec.missed, grace=spec.grace,
        retries=spec.retries, pause_after=spec.pause_after, kept=spec.kept,
    )  # fmt: skip


def run_in_rooms(
    dispatcher: Schedules, schedule: LoadedSchedule, *, rooms: tuple[Address, ...] | None, arguments: object = None
) -> Run:
    """What runs ``schedule``: in all of ``rooms`` side by side (() is every room); tried again only where it failed."""
    services, spec = dispatcher.services, schedule.spec
    done: dict[FireKey, set[Address | None]] = {}

    async def run(due: Due) -> None:
        where: Iterable[Address | None] = (None,) if rooms is None else rooms
        if rooms == ():
            where = [info.address for info in services.link.rooms()]
        before = done.setdefault(due.key, set())
        left = [room for room in where if room not in before]
        key = f"{due.key.job} {due.key.due.isoformat()}"
        tick = Tick(at=due.key.due, job=spec.job, key=key, begun=due.begun, arguments=arguments)
        worked = await asyncio.gather(*(dispatcher.run_schedule(schedule, tick, room) for room in left))
        before.update(room for room, well in zip(left, worked, strict=True) if well)
        if failed := [str(room or spec.job) for room, well in zip(left, worked, strict=True) if not well]:
            if due.attempt > spec.retries:
                del done[due.key]
            raise JobFailed(f"failed: {', '.join(failed)}")
        del done[due.key]

    return run
