"""Jobs and their fires in memory, for tests and for bots that forget."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from botkit.model.jobs import FireKey, FireRecord, FireState, JobRecord
from botkit.storage.json_text import as_json


class MemoryJobs:
    """``JobStore`` for one account, gone with the process."""

    def __init__(self) -> None:
        self._jobs: dict[str, JobRecord] = {}
        self._fires: dict[FireKey, FireRecord] = {}
        self._leases: dict[str, datetime] = {}

    async def jobs(self) -> list[JobRecord]:
        """See ``ports.JobStore``."""
        return [self._jobs[name] for name in sorted(self._jobs)]

    async def put(self, *jobs: JobRecord) -> list[JobRecord]:
        """See ``ports.JobStore``."""
        return [self._put(job) for job in jobs]

    def _put(self, job: JobRecord) -> JobRecord:
        rule, arguments = (json.loads(as_json("job", job.name, value)) for value in (dict(job.rule), job.arguments))
        kept = replace(job, rule=rule, arguments=arguments)
        before = self._jobs.get(job.name)
        if before is not None and before.rule == kept.rule:
            kept = replace(
                kept, made=before.made, checked=before.checked, failures=before.failures, paused=before.paused,
                reason=before.reason,
            )  # fmt: skip
        self._jobs[job.name] = kept
        return kept

    async def remove(self, name: str) -> bool:
        """See ``ports.JobStore``."""
        self._fires = {key: fire for key, fire in self._fires.items() if key.job != name}
        return self._jobs.pop(name, None) is not None

    async def begin(
        self,
        process: str,
        at: datetime,
        *,
        begun: Sequence[FireKey] = (),
        missed: Sequence[FireKey] = (),
        checked: Mapping[str, datetime],
    ) -> set[FireKey]:
        """See ``ports.JobStore``."""
        mine = set()
        for key in begun:
            if key.job in self._jobs and key not in self._fires:
                self._fires[key] = FireRecord(key=key, state=FireState.RUNNING, process=process, begun=at)
                mine.add(key)
        for key in missed:
            if key.job in self._jobs and key not in self._fires:
                self._fires[key] = FireRecord(
                    key=key, state=FireState.MISSED, process=process, begun=at, ended=at, attempts=0
                )
        for name, until in checked.items():
            if job := self._jobs.get(name):
                self._jobs[name] = replace(job, checked=max(job.checked, until))
        return mine

    async def end(self, fires: Sequence[FireRecord]) -> None:
        """See ``ports.JobStore``."""
        for fire in fires:
            before = self._fires.get(fire.key)
            if before is None or before.process != fire.process:
                continue
            self._fires[fire.key] = replace(fire, begun=before.begun)
            job = self._jobs.get(fire.key.job)
            if job is not None and fire.state in (FireState.DONE, FireState.FAILED):
                failures = 0 if fire.state is FireState.DONE else job.failures + 1
                self._jobs[job.name] = replace(job, failures=failures)

    async def open_fires(self) -> list[FireRecord]:
        """See ``ports.JobStore``."""
        still = [fire for fire in self._fires.values() if fire.state in (FireState.RUNNING, FireState.RETRY)]
        return sorted(still, key=lambda fire: (fire.key.due, fire.key.job))

    async def fires(self, job: str, limit: int = 100) -> list[FireRecord]:
        """See ``ports.JobStore``."""
        found = [fire for key, fire in self._fires.items() if key.job == job]
        return sorted(found, key=lambda fire: fire.key.due, reverse=True)[:limit]

    async def take_over(self, process: str, fire: FireRecord) -> bool:
        """See ``ports.JobStore``."""
        if self._fires.get(fire.key) != fire:
            return False
        self._fires[fire.key] = replace(fire, process=process)
        return True

    async def pause(self, name: str, reason: str | None, at: datetime | None) -> bool:
        """See ``ports.JobStore``."""
        job = self._jobs.get(name)
        if job is None:
            return False
        changed = replace(job, paused=at, reason=reason if at is not None else None)
        self._jobs[name] = replace(changed, failures=0) if at is None else changed
        return True

    async def hold(self, process: str, until: datetime) -> None:
        """See ``ports.JobStore``."""
        self._leases[process] = until

    async def lease(self, process: str) -> datetime | None:
        """See ``ports.JobStore``."""
        return self._leases.get(process)

    async def prune(self, before: datetime) -> int:
        """See ``ports.JobStore``."""
        self._leases = {process: until for process, until in self._leases.items() if until >= before}
        ended = [
            key for key, fire in self._fires.items()
            if fire.ended is not None and fire.ended < before and fire.retry_at is None
        ]  # fmt: skip
        for key in ended:
            del self._fires[key]
        return len(ended)
