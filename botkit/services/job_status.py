"""Jobs as people are told of them, and what people do about them: the same from the shell, in a chat and by a form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

from botkit.logs import printable
from botkit.model.jobs import FireRecord, FireStatus, JobInfo, JobStatus

ACTIONS: Final = ("pause", "resume", "run", "cancel")
BY_HAND: Final = "by hand"
"""Why a job rests that somebody paused."""


class Kept(Protocol):
    """The part of ``ports.Jobs`` that is needed."""

    async def all(self) -> list[JobInfo]:
        """See ``ports.Jobs``."""

    async def fires(self, name: str, limit: int = 20) -> list[FireRecord]:
        """See ``ports.Jobs``."""

    async def cancel(self, name: str) -> bool:
        """See ``ports.Jobs``."""

    async def pause(self, name: str, reason: str) -> bool:
        """See ``ports.Jobs``."""

    async def resume(self, name: str) -> bool:
        """See ``ports.Jobs``."""

    async def run_now(self, name: str) -> bool:
        """See ``ports.Jobs``."""


async def job_statuses(jobs: Kept) -> list[JobStatus]:
    """Every job, by name, with its last fire. Raises ``StoreError``."""
    return [_status(info, await jobs.fires(info.record.name, 1)) for info in await jobs.all()]


async def job_status(jobs: Kept, name: str, fires: int = 20) -> JobStatus | None:
    """One job with its last fires, newest first; None if there is none of that name. Raises ``StoreError``."""
    info = next((info for info in await jobs.all() if info.record.name == name), None)
    return _status(info, await jobs.fires(name, fires)) if info is not None else None


async def act(jobs: Kept, action: str, name: str) -> tuple[bool, str]:
    """Do one of ``ACTIONS``; whether it was done, and a sentence about it. Raises ``StoreError``."""
    info = next((info for info in await jobs.all() if info.record.name == name), None)
    shown = printable(name)
    if info is None:
        return False, f"There is no job {shown}."
    if action == "cancel" and info.record.declared:
        return False, f"{shown} comes from a module or the config: pause it, or take it out there."
    done = False
    if action == "pause":
        done = await jobs.pause(name, BY_HAND)
    elif action == "resume":
        done = await jobs.resume(name)
    elif action == "run":
        done = await jobs.run_now(name)
    elif action == "cancel":
        done = await jobs.cancel(name)
    return (True, _DONE[action].format(shown)) if done else (False, f"{shown}: what runs it is not loaded.")


_DONE = {
    "pause": "{0} is paused; it goes on with: jobs resume {0}",
    "resume": "{0} goes on; what it would have done meanwhile is left out.",
    "run": "{0} runs now.",
    "cancel": "{0} is cancelled.",
}


def when_words(rule: Mapping[str, object]) -> str:
    """A job's rule as one line."""
    zone = f" ({rule['timezone']})" if rule.get("timezone") else ""
    match rule:
        case {"cron": cron}:
            return f"cron {cron}{zone}"
        case {"day": day, "at": at}:
            return f"{day} of the month at {at}{zone}"
        case {"every": seconds}:
            return f"every {seconds:g} s" if isinstance(seconds, int | float) else f"every {seconds}"
        case {"at": at}:
            return f"once, {at}{zone}"
    return ", ".join(f"{key} {value}" for key, value in rule.items())


def job_lines(job: JobStatus) -> list[str]:
    """One job in a few lines: its state, and its fires."""
    return [f"{printable(job.name)}: {printable(job.when)}; {state_words(job)}", *map(fire_words, job.fires)]


def summaries(jobs: Sequence[JobStatus]) -> list[str]:
    """A line for each job."""
    return [f"{printable(job.name)}: {state_words(job)}; {last_words(job)}" for job in jobs]


def state_words(job: JobStatus) -> str:
    """When it fires next, or why it does not."""
    failures = f", {job.failures} failures" if job.failures else ""
    if job.paused is not None:
        return f"paused since {moment(job.paused)}{failures}: {printable(job.reason or 'no reason given')}"
    if not job.loaded:
        return "waits: what runs it is not loaded"
    return f"next {moment(job.next)}{failures}" if job.next is not None else f"does not come again{failures}"


def last_words(job: JobStatus) -> str:
    """Its last fire in a few words."""
    if not job.fires:
        return "has not fired yet"
    return f"last {fire_words(job.fires[0])}"


def fire_words(fire: FireStatus) -> str:
    """One fire in a few words."""
    tries = f" after {fire.attempts} tries" if fire.attempts > 1 else ""
    error = f": {printable(fire.error)}" if fire.error else ""
    return f"{moment(fire.due)} {fire.state.value}{tries}{error}"


def moment(at: datetime) -> str:
    """A time as it is shown: UTC, to the second."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC".replace(":00 UTC", " UTC")


def _status(info: JobInfo, fires: Sequence[FireRecord]) -> JobStatus:
    record = info.record
    return JobStatus(
        name=record.name,
        when=when_words(record.rule),
        handler=record.handler,
        rooms=None if record.rooms is None else tuple(map(str, record.rooms)),
        owner=None if record.owner is None else str(record.owner),
        declared=record.declared,
        loaded=info.loaded,
        next=info.due,
        paused=record.paused,
        reason=record.reason,
        failures=record.failures,
        fires=tuple(
            FireStatus(due=f.key.due, state=f.state, begun=f.begun, ended=f.ended, attempts=f.attempts, error=f.error)
            for f in fires
        ),
    )
