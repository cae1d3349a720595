"""A job as the scheduler runs it."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from botkit.model.address import Address
from botkit.model.jobs import FireKey, JobRecord, Missed
from botkit.services.schedule.times import Trigger, trigger_of

_RETRY_FIRST, _RETRY_LONGEST = 10.0, 1800.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """One run of a job. ``attempt`` counts from 1; ``begun`` is when it was begun the first time (aware UTC)."""

    key: FireKey
    begun: datetime
    attempt: int = 1

    @property
    def late(self) -> timedelta:
        """How much later than it was due it was begun."""
        return self.begun - self.key.due


def pause_before(attempt: int) -> timedelta:
    """How long to wait before the second attempt, and each further one: twice as long each time, and never the same."""
    seconds = min(_RETRY_LONGEST, _RETRY_FIRST * 2.0 ** min(attempt - 2, 32))
    return timedelta(seconds=seconds * random.uniform(0.75, 1.25))


Run = Callable[[Due], Awaitable[None]]
"""Does what a job is there for; raises if it could not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Something to run by the clock; see ``JobRecord`` for what the fields mean.

    ``kept``: its fires are noted in the store, so that each happens once whatever is killed. Else it lives in this
    process alone, as suits a short interval.
    """

    name: str
    trigger: Trigger
    run: Run = field(repr=False, compare=False)
    handler: str = ""
    arguments: object = None
    rooms: tuple[Address, ...] | None = None
    missed: Missed = Missed.ONCE
    grace: timedelta = timedelta(minutes=5)
    retries: int = 3
    pause_after: int = 5
    at_once: int = 1
    owner: Address | None = None
    declared: bool = True
    kept: bool = True

    def record(self, now: datetime) -> JobRecord:
        """What is to be stored of a job that is new at ``now``."""
        return JobRecord(
            name=self.name, rule=self.trigger.rule, handler=self.handler, arguments=self.arguments, rooms=self.rooms,
            missed=self.missed, grace=self.grace, retries=self.retries, pause_after=self.pause_after,
            at_once=self.at_once, owner=self.owner, declared=self.declared, made=now, checked=now,
        )  # fmt: skip

    @staticmethod
    def of_record(record: JobRecord, run: Run) -> Job:
        """The job that was stored. Raises ``ConfigError`` if its rule is none."""
        return Job(
            name=record.name, trigger=trigger_of(record.rule), run=run, handler=record.handler,
            arguments=record.arguments, rooms=record.rooms, missed=record.missed, grace=record.grace,
            retries=record.retries, pause_after=record.pause_after, at_once=record.at_once, owner=record.owner,
            declared=record.declared,
        )  # fmt: skip
