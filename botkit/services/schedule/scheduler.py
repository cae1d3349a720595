"""Fires jobs at their times, each fire once.

How it is once: a fire is noted in the store, under the key (job, time), before it is run. Whoever notes it first runs
it; who finds it noted does not. A fire whose process is gone is taken over by another, or by the next start; then it is
run again, under the same key. What it sends must be known by that key to be there once (``Due.key``).
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from botkit.errors import StoreError
from botkit.model.jobs import FireKey, FireRecord, FireState
from botkit.ports import Clock, JobStore
from botkit.routing.context import Logger
from botkit.services.schedule.job import Due, Job, pause_before
from botkit.services.schedule.ledger import STORE_AGAIN, Ledger
from botkit.services.schedule.missed import PUNCTUAL, judge
from botkit.services.schedule.process import own_name
from botkit.services.schedule.turns import Entry, OnPaused, Turn

LONGEST_SLEEP = 10.0  # seconds; then the wall clock is looked at again, which may have been set or have stood still
_BATCH = 500  # fires noted in one transaction
_MOST_OPEN = 2000  # fires begun and not ended; what is due beyond that waits its turn, in the heap
_KEPT_FOR = timedelta(days=30)


class Scheduler:
    """Fires jobs at their times while ``run`` runs. ``on_paused`` is told of a job that failed too often."""

    def __init__(
        self,
        clock: Clock,
        log: Logger,
        store: JobStore,
        *,
        process: str | None = None,
        on_paused: OnPaused | None = None,
        look_again: float = LONGEST_SLEEP,
    ) -> None:
        self._clock = clock
        self._log = log
        self._store = store
        self._look_again = look_again
        self._ledger = Ledger(store, process or own_name(), clock, log)
        self._on_paused = on_paused
        self._entries: dict[str, Entry] = {}
        self._turns: list[Turn] = []
        self._numbers = itertools.count()
        self._open = 0  # begun, and not ended
        self.fires: Counter[FireState] = Counter()  # how they ended, since the start
        self._changed = asyncio.Event()
        self._group: asyncio.TaskGroup | None = None
        self._swept = False  # what is not declared any more was looked for

    # --- which jobs there are ---------------------------------------------------------------------------------

    def add(self, jobs: Iterable[Job]) -> None:
        """Take in ``jobs``, before or during ``run``. One with the name of an earlier one replaces it.

        What runs of the earlier one, or waits to be tried again, goes on.
        """
        for job in jobs:
            entry = self._entries.get(job.name)
            if entry is None:
                self._entries[job.name] = Entry(job, self._clock.now())
            else:
                entry.job, entry.stored = job, False
        self._changed.set()

    def change(self, gone: Iterable[str], jobs: Iterable[Job]) -> None:
        """Forget the jobs ``gone``, and take in ``jobs``: code or config changed. What runs goes on."""
        new = list(jobs)
        left_out = {id(self._entries.pop(name)) for name in set(gone) - {job.name for job in new} & set(self._entries)}
        self._turns = [turn for turn in self._turns if id(turn.entry) not in left_out]
        heapq.heapify(self._turns)
        self._swept = False
        self.add(new)

    async def keep(self, job: Job) -> None:
        """As ``add``, and in the store on return; what has just missed its last time runs. Raises ``StoreError``."""
        now, before = self._clock.now(), self._entries.get(job.name)
        entry = Entry(job, now if job.trigger.next(now) else now - job.grace, stored=True)  # taken in here, not by run
        self._entries[job.name] = entry  # before its turn, which may be at once
        try:
            await self._take_in([entry])
        except BaseException:
            self._entries.pop(job.name)
            self._entries.update({job.name: before} if before is not None else {})
            raise

    def remove(self, name: str) -> None:
        """Forget a job, if there is one of that name. What is running of it goes on. It stays in the store."""
        self._entries.pop(name, None)

    async def cancel(self, name: str) -> bool:
        """Forget a job for good; False if there is none."""
        self.remove(name)
        return await self._store.remove(name)

    async def pause(self, name: str, reason: str) -> bool:
        """Let a job rest until ``resume``, also over a restart; False if there is none."""
        entry = self._entries.get(name)
        if entry is None:
            return False
        if entry.job.kept:
            await self._store.pause(name, reason, self._clock.now())
        entry.paused = True
        return True

    async def resume(self, name: str) -> bool:
        """Let a job go on; what it would have done meanwhile is left out. False if there is none."""
        entry = self._entries.get(name)
        if entry is None:
            return False
        now = self._clock.now()
        if entry.job.kept:
            await self._store.pause(name, None, None)
            await self._ledger.begin(now, checked={name: now})
        entry.paused, entry.failures = False, 0
        entry.checked = max(entry.checked, now)
        self._arm(entry)
        return True

    async def run_now(self, name: str) -> bool:
        """Fire a job now, beside its times; False if there is none."""
        entry = self._entries.get(name)
        if entry is None:
            return False
        key = FireKey(name, self._clock.now())
        if not entry.job.kept or key in await self._ledger.begin(key.due, [key], checked={}):
            self._start(entry, Due(key=key, begun=key.due))
        return True

    def jobs(self) -> tuple[Job, ...]:
        """Every job, by name."""
        return tuple(self._entries[name].job for name in sorted(self._entries))

    def has(self, name: str) -> bool:
        """True if there is a job of that name."""
        return name in self._entries

    def is_paused(self, name: str) -> bool:
        """True if a job of that name is there and rests."""
        entry = self._entries.get(name)
        return entry is not None and entry.paused

    def upcoming(self) -> list[tuple[datetime, Job]]:
        """The next time of each job (UTC) that has one and does not rest, soonest first."""
        now = self._clock.now()
        going = (entry.job for entry in self._entries.values() if not entry.paused)
        found = [(due, job) for job in going if (due := job.trigger.next(now)) is not None]
        return sorted(found, key=lambda pair: (pair[0], pair[1].name))

    # --- running ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Fire jobs until cancelled. What runs then is not finished: it is run again by whoever comes next."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                group.create_task(self._ledger.run(), name="schedule: ends")
                group.create_task(self._look_round(), name="schedule: others")
                while True:
                    try:
                        more = await self._turn()
                    except StoreError as problem:
                        self._log.error("jobs wait: the database cannot be written", reason=str(problem))
                        await self._clock.sleep(STORE_AGAIN)
                    else:
                        if not more:
                            await self._rest()
        finally:
            self._group = None

    async def flush(self) -> None:
        """Write down how fires ended; for the way down, after ``run`` was cancelled. Raises ``StoreError``."""
        await self._ledger.flush()

    async def _turn(self) -> bool:
        """Do what is due; True if there may be more at once."""
        self._changed.clear()
        if new := [entry for entry in self._entries.values() if not entry.stored]:
            await self._take_in(new)
        if not self._swept:
            for record in await self._store.jobs():
                if record.declared and record.name not in self._entries:  # code or config has it no more
                    await self._store.remove(record.name)
            self._swept = True
        return await self._fire_due()

    async def _take_in(self, entries: list[Entry]) -> None:
        now = self._clock.now()
        kept = [entry for entry in entries if entry.job.kept]
        records = await self._store.put(*(entry.job.record(entry.checked) for entry in kept)) if kept else []
        for entry, record in zip(kept, records, strict=True):
            entry.checked, entry.failures = record.checked, record.failures
            entry.paused = record.paused is not None
        for entry in entries:
            entry.stored = True
            self._arm(entry)
        if kept:
            await self._own_left(now)

    def _arm(self, entry: Entry) -> None:
        entry.next = None if entry.paused else entry.job.trigger.next(entry.checked)
        if entry.next is not None:
            self._push(entry.next, entry)

    def _push(self, at: datetime, entry: Entry, retry: Due | None = None) -> None:
        heapq.heappush(self._turns, Turn(at, next(self._numbers), entry, retry))
        self._changed.set()

    # --- what is due ------------------------------------------------------------------------------------------

    async def _fire_due(self) -> bool:
        now = self._clock.now()
        turns: list[Turn] = []
        begun: dict[FireKey, Entry] = {}
        missed: list[FireKey] = []
        checked: dict[str, datetime] = {}
        while self._turns and self._turns[0].at <= now and len(begun) < _BATCH and self._open + len(begun) < _MOST_OPEN:
            turn = heapq.heappop(self._turns)
            entry = turn.entry
            if self._entries.get(entry.job.name) is not entry:
                continue
            if turn.retry is not None:
                self._try_again(entry, turn.retry)
            elif turn.at == entry.next and not entry.paused:
                turns.append(turn)
                self._judge(entry, now, begun, missed, checked)
        if not turns:
            return False
        kept = {key: entry for key, entry in begun.items() if entry.job.kept}
        try:
            mine = await self._ledger.begin(
                now,
                kept,
                missed=[key for key in missed if self._entries[key.job].job.kept],
                checked={name: at for name, at in checked.items() if self._entries[name].job.kept},
            )
        except BaseException:
            for turn in turns:  # nothing was noted: they come again
                heapq.heappush(self._turns, turn)
            raise
        for turn in turns:
            turn.entry.checked = max(turn.entry.checked, checked.get(turn.entry.job.name, turn.entry.checked))
            self._arm(turn.entry)
        for key, entry in begun.items():
            if not entry.job.kept or key in mine:
                self._start(entry, Due(key=key, begun=now))
        return True

    def _judge(
        self,
        entry: Entry,
        now: datetime,
        begun: dict[FireKey, Entry],
        missed: list[FireKey],
        checked: dict[str, datetime],
    ) -> None:
        job = entry.job
        verdict = judge(job.trigger, entry.checked, now, job.missed, job.grace)
        if verdict is None:  # the clock was set back
            return
        checked[job.name] = verdict.checked
        begun.update((FireKey(job.name, due), entry) for due in verdict.run)
        if verdict.left_out is not None:
            first, why = verdict.left_out
            self.fires[FireState.MISSED] += 1
            missed.append(FireKey(job.name, first))
            self._log.warning("a job's times passed: left out", job=job.name, first=first.isoformat(), why=why)
        if verdict.run and now - verdict.run[0] > PUNCTUAL:
            self._log.warning(
                "a job runs late", job=job.name, due=verdict.run[0].isoformat(), late=str(now - verdict.run[0])
            )

    async def _rest(self) -> None:
        """Wait for the next time, or until something changes; no longer than the wall clock may go unseen."""
        left = self._look_again
        if self._turns and self._open < _MOST_OPEN:
            left = min(left, max(0.0, (self._turns[0].at - self._clock.now()).total_seconds()))
        sleep = asyncio.ensure_future(self._clock.sleep(left))
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait((sleep, changed), return_when=asyncio.FIRST_COMPLETED)  # no later than the sleep
        finally:
            sleep.cancel()
            changed.cancel()

    def _try_again(self, entry: Entry, due: Due) -> None:
        entry.retrying = max(0, entry.retrying - 1)
        if entry.paused:
            self._end(entry, due, FireState.FAILED, error="the job was paused before it was tried again")
        else:
            self._start(entry, due)

    # --- one fire ---------------------------------------------------------------------------------------------

    def _start(self, entry: Entry, due: Due) -> None:
        assert self._group is not None, "fires are begun while the scheduler runs"
        self._open += 1
        if entry.running >= entry.job.at_once:
            entry.waiting.append(due)
            return
        entry.running += 1
        self._group.create_task(self._fire(entry, due), name=f"job {entry.job.name}")

    async def _fire(self, entry: Entry, due: Due) -> None:
        while True:
            try:
                await entry.job.run(due)
            except Exception as problem:  # the boundary: whatever a job raises is its own affair
                await self._failed(entry, due, problem)
            else:
                entry.failures = 0
                self._end(entry, due, FireState.DONE)
            self._open -= 1
            if not entry.waiting:
                break
            due = entry.waiting.popleft()
        entry.running -= 1
        self._changed.set()
        if not entry.job.declared and entry.is_done and self._entries.get(entry.job.name) is entry:
            await self._retire(entry)

    async def _retire(self, entry: Entry) -> None:
        """Forget a job that somebody made and that has done all it was made for."""
        try:
            await self._ledger.flush()
            await self.cancel(entry.job.name)
        except StoreError as problem:  # it is done, and stays in the list: nothing runs it again
            self._log.warning("a job that is done was not forgotten", job=entry.job.name, reason=str(problem))

    async def _failed(self, entry: Entry, due: Due, problem: Exception) -> None:
        job = entry.job
        if due.attempt <= job.retries:
            again = self._clock.now() + pause_before(due.attempt + 1)
            self._log.warning("a job failed, and is tried again", job=job.name, attempt=due.attempt,
                              again=again.isoformat(timespec="seconds"), reason=str(problem))  # fmt: skip
            self._end(entry, due, FireState.RETRY, error=str(problem), retry_at=again)
            entry.retrying += 1
            self._push(again, entry, replace(due, attempt=due.attempt + 1))
            return
        entry.failures += 1
        self._log.error("a job failed", job=job.name, due=due.key.due.isoformat(), attempt=due.attempt,
                        reason=str(problem))  # fmt: skip
        self._end(entry, due, FireState.FAILED, error=str(problem))
        if 0 < job.pause_after <= entry.failures and not entry.paused:
            reason = f"it failed {entry.failures} times one after the other, at last: {problem}"
            entry.paused = True
            self._log.error("a job is paused", job=job.name, reason=reason)
            try:
                await self._store.pause(job.name, reason, self._clock.now())
            except StoreError as unwritten:
                self._log.error("that a job is paused could not be stored", job=job.name, reason=str(unwritten))
            if self._on_paused is not None:
                self._on_paused(job, reason)

    def _end(
        self, entry: Entry, due: Due, state: FireState, *, error: str | None = None, retry_at: datetime | None = None
    ) -> None:
        self.fires[state] += 1
        if not entry.job.kept:
            return
        fire = FireRecord(
            key=due.key, state=state, process=self._ledger.process, begun=due.begun, attempts=due.attempt,
            ended=self._clock.now(), retry_at=retry_at, error=error,
        )  # fmt: skip
        self._ledger.end(fire)

    # --- others, and those before us --------------------------------------------------------------------------

    async def _look_round(self) -> None:
        pruned: datetime | None = None
        while True:
            await self._clock.sleep(2 * self._look_again)
            now = self._clock.now()
            try:
                if self._open:
                    await self._ledger.hold(now, renew=True)
                await self._own_left(now)
                if pruned is None or now - pruned > timedelta(days=1):
                    await self._store.prune(now - _KEPT_FOR)
                    pruned = now
            except StoreError as problem:
                self._log.error("jobs of others were not looked at", reason=str(problem))

    async def _own_left(self, now: datetime) -> None:
        stored = {name: entry for name, entry in self._entries.items() if entry.stored}
        for fire in await self._ledger.take_over(stored, now):
            waits = fire.state is FireState.RETRY
            due = Due(key=fire.key, begun=fire.begun, attempt=fire.attempts + waits)
            self._push(fire.retry_at if waits and fire.retry_at else now, stored[fire.key.job], due)
