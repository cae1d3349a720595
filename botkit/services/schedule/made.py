"""Jobs that people and modules make while the bot runs: in the store before they are acknowledged."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import chain

from botkit.errors import ConfigError, MisuseError
from botkit.model.address import Address
from botkit.model.jobs import FireRecord, JobInfo, Missed
from botkit.ports import JobStore, When
from botkit.routing.plan import LoadedSchedule
from botkit.services.schedule.declared import Schedules, job_name, run_in_rooms
from botkit.services.schedule.job import Job
from botkit.services.schedule.scheduler import Scheduler
from botkit.services.schedule.times import trigger_of

MOST_OF_ONE = 1000
"""Jobs of one owner; a person who asks for more is refused."""


class MadeJobs:
    """Fulfils ``ports.Jobs``. Handlers may ask it before ``attach``, but for nothing that is done."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._scheduler: Scheduler | None = None
        self._dispatcher: Schedules | None = None

    def attach(self, dispatcher: Schedules, scheduler: Scheduler) -> None:
        """Say who runs them."""
        self._dispatcher, self._scheduler = dispatcher, scheduler

    async def restore(self) -> None:
        """Take in the jobs of the store whose handlers are loaded, and let go those of others, which wait there.

        To be called at the start, and whenever other modules were loaded. Raises ``StoreError``.
        """
        scheduler, handlers = self._parts()
        idle = []
        for record in await self._store.jobs():
            if record.declared:
                continue
            schedule = handlers.get(record.handler)
            try:
                if schedule is None:
                    raise ConfigError(f"{record.handler} is not loaded")
                run = run_in_rooms(self._here(), schedule, rooms=record.rooms, arguments=record.arguments)
                scheduler.add([Job.of_record(record, run)])
            except ConfigError:
                scheduler.remove(record.name)
                idle.append(record.name)
        if idle:
            self._here().services.log.warning("jobs wait: nothing that is loaded runs them", jobs=idle)

    async def add(
        self,
        handler: str,
        when: When,
        *,
        name: str | None = None,
        arguments: object = None,
        rooms: Sequence[Address] | None = None,
        owner: Address | None = None,
        missed: Missed = Missed.ONCE,
        grace: timedelta = timedelta(days=1),
    ) -> str:
        """See ``ports.Jobs``."""
        scheduler, handlers = self._parts()
        schedule = handlers.get(handler)
        if schedule is None:
            raise MisuseError(f"there is no handler {handler!r}; declare it with @router.job")
        if (rooms is None) != (schedule.spec.rooms is None):
            wanted = "needs rooms" if rooms is None else "takes no rooms"
            raise MisuseError(f"the job {handler!r} {wanted}; say so at @router.job, too")
        if owner is not None and sum(job.owner == owner for job in scheduler.jobs()) >= MOST_OF_ONE:
            raise MisuseError(f"{owner} has {MOST_OF_ONE} jobs already; cancel some")
        full = name or f"{handler}.{secrets.token_hex(4)}"
        spec = schedule.spec
        where = None if rooms is None else tuple(rooms)
        run = run_in_rooms(self._here(), schedule, rooms=where, arguments=arguments)
        job = Job(
            name=full, trigger=trigger_of(when.rule), run=run, handler=handler, arguments=arguments, rooms=where,
            missed=missed, grace=grace, retries=spec.retries, pause_after=spec.pause_after, owner=owner,
            declared=False,
        )  # fmt: skip
        if job.trigger.next(self._now() - grace) is None:
            raise MisuseError(f"the job {full!r} never comes: its time has passed")
        await scheduler.keep(job)
        return full

    async def cancel(self, name: str) -> bool:
        """See ``ports.Jobs``."""
        return await self._parts()[0].cancel(name)

    async def pause(self, name: str, reason: str) -> bool:
        """See ``ports.Jobs``."""
        return await self._parts()[0].pause(name, reason)

    async def resume(self, name: str) -> bool:
        """See ``ports.Jobs``."""
        return await self._parts()[0].resume(name)

    async def run_now(self, name: str) -> bool:
        """See ``ports.Jobs``."""
        return await self._parts()[0].run_now(name)

    async def all(self) -> list[JobInfo]:
        """See ``ports.Jobs``."""
        scheduler, _ = self._parts()
        stored = {record.name: record for record in await self._store.jobs()}
        due: dict[str, datetime] = {job.name: at for at, job in scheduler.upcoming()}
        found = []
        for name in sorted({*stored, *(job.name for job in scheduler.jobs())}):
            record = stored.get(name) or next(j for j in scheduler.jobs() if j.name == name).record(self._now())
            found.append(JobInfo(record=record, due=due.get(name), loaded=scheduler.has(name)))
        return found

    async def fires(self, name: str, limit: int = 20) -> list[FireRecord]:
        """See ``ports.Jobs``."""
        return await self._store.fires(name, limit)

    def _now(self) -> datetime:
        return self._here().services.clock.now()

    def _here(self) -> Schedules:
        if self._dispatcher is None:
            raise MisuseError("jobs can be made once the bot runs")
        return self._dispatcher

    def _parts(self) -> tuple[Scheduler, dict[str, LoadedSchedule]]:
        here = self._here()
        assert self._scheduler is not None, "attached together with the dispatcher"
        on_demand = (schedule for schedule in chain(here.schedules) if schedule.spec.on_demand)
        return self._scheduler, {job_name(schedule): schedule for schedule in on_demand}
