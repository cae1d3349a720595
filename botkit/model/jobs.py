"""Things to do by the clock, as they are kept: jobs, and each time that one fired."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple

from botkit.model.address import Address


class Missed(Enum):
    """What becomes of times that passed while nobody could run the job."""

    ONCE = "once"  # one run for all of them, for the last
    EACH = "each"  # a run for each of them, in order
    SKIP = "skip"  # none


class FireState(Enum):
    """How far one fire came."""

    RUNNING = "running"
    RETRY = "retry"  # failed, will be tried again at ``retry_at``
    DONE = "done"
    FAILED = "failed"  # failed, and will not be tried again
    MISSED = "missed"  # was not run at all: too late, or told by the policy


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A job as the store keeps it. ``name`` is unique for an account.

    ``rule`` says when, as JSON (``services.schedule.times.trigger_of`` reads it). ``handler`` names what runs,
    ``arguments`` is JSON for it. ``rooms`` None: it runs once without a room; else for each of them. ``missed`` and
    ``grace``: what becomes of times that passed. A run that fails is tried ``retries`` times more; after
    ``pause_after`` fires that failed for good, one after the other, the job is paused (0: never). No more than
    ``at_once`` runs of it go on at the same time. ``owner`` is who made it, None for the config. ``declared``: it comes
    from code or config, and goes with it.

    Its progress: every time up to ``checked`` has its fire, or was left out. ``failures`` counts fires that failed for
    good since the last that did not. ``paused`` is since when, ``reason`` why.
    """

    name: str
    rule: Mapping[str, object]
    handler: str
    made: datetime
    checked: datetime
    arguments: object = None
    rooms: tuple[Address, ...] | None = None
    missed: Missed = Missed.ONCE
    grace: timedelta = timedelta(minutes=5)
    retries: int = 3
    pause_after: int = 5
    at_once: int = 1
    owner: Address | None = None
    declared: bool = False
    failures: int = 0
    paused: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobInfo:
    """A job as people are told of it. ``due``: its next time (aware UTC), None where there is none or it rests.

    ``loaded`` is False where the module that runs it is not there.
    """

    record: JobRecord
    due: datetime | None
    loaded: bool = True


class FireKey(NamedTuple):
    """One fire of one job: there is no second with the same key. ``due`` is aware UTC, to the microsecond."""

    job: str
    due: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FireRecord:
    """One fire, as the store keeps it. ``process`` is who runs it, or ran it last."""

    key: FireKey
    state: FireState
    process: str
    begun: datetime
    attempts: int = 1
    ended: datetime | None = None
    retry_at: datetime | None = None
    error: str | None = field(default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class FireStatus:
    """One fire, as people are told of it. Times are aware UTC."""

    due: datetime
    state: FireState
    begun: datetime
    ended: datetime | None = None
    attempts: int = 1
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """One job, as people are told of it. ``when`` is its rule in words; ``fires`` are its last ones, newest first.

    ``next`` is None where there is no other time, or it rests. ``loaded`` False: what runs it is not there.
    """

    name: str
    when: str
    handler: str
    rooms: tuple[str, ...] | None = None
    owner: str | None = None
    declared: bool = False
    loaded: bool = True
    next: datetime | None = None
    paused: datetime | None = None
    reason: str | None = None
    failures: int = 0
    fires: tuple[FireStatus, ...] = ()
