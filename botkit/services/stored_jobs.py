"""The jobs of a bot that does not run, as its database has them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from botkit.errors import ConfigError, MisuseError
from botkit.model.address import Address
from botkit.model.jobs import FireRecord, JobInfo, JobRecord, Missed
from botkit.ports import Clock, JobStore, When
from botkit.services.schedule.process import own_name
from botkit.services.schedule.times import trigger_of


class StoredJobs:
    """Fulfils ``ports.Jobs``: what is done takes effect with the next run of the bot. Nothing is run from here."""

    def __init__(self, store: JobStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

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
        """See ``ports.Jobs``; whether the handler is there is not known. Raises ``MisuseError`` for the past."""
        now = self._clock.now()
        if trigger_of(when.rule).next(now) is None:
            raise MisuseError("that time has passed")
        full = name or f"{handler}.{now:%Y%m%d%H%M%S%f}"
        where = None if rooms is None else tuple(rooms)
        await self._store.put(
            JobRecord(
                name=full, rule=when.rule, handler=handler, made=now, checked=now, arguments=arguments, rooms=where,
                owner=owner, missed=missed, grace=grace,
            )
        )  # fmt: skip
        return full

    async def all(self) -> list[JobInfo]:
        """See ``ports.Jobs``. ``due`` is reckoned as if the bot ran; ``loaded`` is not known, and True."""
        now = self._clock.now()
        return [JobInfo(record=one, due=_next(one, now)) for one in await self._store.jobs()]

    async def fires(self, name: str, limit: int = 20) -> list[FireRecord]:
        """See ``ports.Jobs``."""
        return await self._store.fires(name, limit)

    async def cancel(self, name: str) -> bool:
        """See ``ports.Jobs``."""
        return await self._store.remove(name)

    async def pause(self, name: str, reason: str) -> bool:
        """See ``ports.Jobs``."""
        return await self._store.pause(name, reason, self._clock.now())

    async def resume(self, name: str) -> bool:
        """See ``ports.Jobs``."""
        now = self._clock.now()
        done = await self._store.pause(name, None, None)
        if done:
            await self._store.begin(own_name(), now, checked={name: now})
        return done

    async def run_now(self, name: str) -> bool:
        """Nothing runs it."""
        return False


def _next(record: JobRecord, now: datetime) -> datetime | None:
    if record.paused is not None:
        return None
    try:
        return trigger_of(record.rule).next(now)
    except ConfigError:  # of a newer botkit
        return None
