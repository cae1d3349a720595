"""What the scheduler writes down about fires, and reads of those that others have left."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from botkit.errors import StoreError
from botkit.model.jobs import FireKey, FireRecord
from botkit.ports import Clock, JobStore
from botkit.routing.context import Logger
from botkit.services.schedule.process import is_gone

LEASE = timedelta(seconds=60)
"""For how long a process that was heard of counts as alive, where nothing better is known."""
STORE_AGAIN = 5.0
"""Seconds until a store that failed is tried again."""


class Ledger:
    """The fires of one process in the store. ``process`` is its name (``process.own_name``)."""

    def __init__(self, store: JobStore, process: str, clock: Clock, log: Logger) -> None:
        self.process = process
        self._store = store
        self._clock = clock
        self._log = log
        self._ended: dict[FireKey, FireRecord] = {}
        self._something_ended = asyncio.Event()
        self._held_until: datetime | None = None

    async def begin(
        self,
        now: datetime,
        begun: Collection[FireKey] = (),
        *,
        missed: Iterable[FireKey] = (),
        checked: Mapping[str, datetime],
    ) -> set[FireKey]:
        """Note fires before they are run; returns those that are ours to run. Raises ``StoreError``."""
        left_out = list(missed)
        if not (begun or checked or left_out):
            return set()
        await self.hold(now)
        return await self._store.begin(self.process, now, begun=list(begun), missed=left_out, checked=checked)

    def end(self, fire: FireRecord) -> None:
        """Note how a fire ended; written down soon, many at once."""
        self._ended[fire.key] = fire
        self._something_ended.set()

    async def run(self) -> None:
        """Write down what ended, until cancelled. While one transaction goes on, the next is gathered."""
        while True:
            await self._something_ended.wait()  # no deadline: there is nothing to write before
            self._something_ended.clear()
            try:
                await self.flush()
            except StoreError as problem:
                self._log.error("how jobs ended waits: the database cannot be written", reason=str(problem))
                await self._clock.sleep(STORE_AGAIN)
                self._something_ended.set()

    async def flush(self) -> None:
        """Write down what ended up to now. Raises ``StoreError``, and keeps it then."""
        ended = dict(self._ended)
        if not ended:
            return
        await self._store.end(list(ended.values()))
        for key, fire in ended.items():
            if self._ended.get(key) is fire:
                del self._ended[key]

    async def hold(self, now: datetime, *, renew: bool = False) -> None:
        """Have a lease that reaches beyond the next renewal."""
        if renew or self._held_until is None or self._held_until - now < LEASE / 2:
            await self._store.hold(self.process, now + LEASE)
            self._held_until = now + LEASE

    async def take_over(self, jobs: Collection[str], now: datetime) -> list[FireRecord]:
        """Fires of ``jobs`` whose process is gone; they are ours from now on."""
        taken = []
        for fire in await self._store.open_fires():
            if fire.process == self.process or fire.key.job not in jobs or not await self._is_gone(fire.process, now):
                continue
            if await self._store.take_over(self.process, fire):
                self._log.warning("a job is taken up again: who ran it is gone", job=fire.key.job,
                                  due=fire.key.due.isoformat())  # fmt: skip
                taken.append(fire)
        return taken

    async def _is_gone(self, process: str, now: datetime) -> bool:
        if is_gone(process):
            return True
        lease = await self._store.lease(process)
        return lease is None or lease < now
