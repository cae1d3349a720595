"""What moderators do: at once, whatever else waits; again if the room says that it is too much for now."""

from __future__ import annotations

import logging
import math

from botkit.errors import ItemNotFound, OutboxFull, StanzaError
from botkit.model.actions import Moderate, SetAffiliation, SetRole
from botkit.model.address import Address
from botkit.model.rooms import Occupant
from botkit.ports import Clock, Link
from botkit.routing.handles import same_person
from botkit.services.outbox.bucket import Bucket

_log = logging.getLogger(__name__)

Measure = Moderate | SetRole | SetAffiliation

_AT_ONCE = 256
"""Measures under way; past it the next is refused, as the server is not answering."""

_MOST_TRIES = 4
_FIRST_PAUSE = 1.0


class Moderating:
    """Performs measures. Each costs the account a token, on credit: talk waits for it, never the other way round."""

    def __init__(self, link: Link, clock: Clock, account: Bucket) -> None:
        self._link = link
        self._clock = clock
        self._account = account
        self._not_before: dict[Address, float] = {}
        self.under_way = 0
        self.done = 0
        self.tried_again = 0

    async def perform(self, measure: Measure) -> None:
        """Do it. Raises what ``Link.perform`` raises, ``OutboxFull``, and ``ItemNotFound`` if, after a wait, the nick
        is somebody else's."""
        if self.under_way >= _AT_ONCE:
            raise OutboxFull(f"{self.under_way} measures are under way already; the server does not answer them")
        meant = self._meant(measure)
        self.under_way += 1
        try:
            for number in range(1, _MOST_TRIES + 1):
                await self._wait(measure, meant)
                self._account.take(self._clock.monotonic())
                try:
                    await self._link.perform(measure)
                except StanzaError as error:
                    if not error.retryable or number == _MOST_TRIES:
                        raise
                    self._slow_down(measure.room, error, _FIRST_PAUSE * 2 ** (number - 1))
                else:
                    self.done += 1
                    return
        finally:
            self.under_way -= 1

    def _slow_down(self, room: Address, error: StanzaError, pause: float) -> None:
        _log.info("%s wants moderation to wait (%s); tried again in %.0f s", room, error.condition, pause)
        self.tried_again += 1
        self._not_before[room] = self._clock.monotonic() + pause

    async def _wait(self, measure: Measure, meant: Occupant | None) -> None:
        waited = False
        while (left := self._not_before.get(measure.room, -math.inf) - self._clock.monotonic()) > 0:
            await self._clock.sleep(left)
            waited = True
        if not waited:
            return
        self._not_before.pop(measure.room, None)
        if isinstance(measure, SetRole) and (meant is None or not same_person(meant, self._now(measure))):
            raise ItemNotFound("item-not-found", "cancel", f"{measure.nick!r} is not the same person any more")

    def _meant(self, measure: Measure) -> Occupant | None:
        return self._now(measure) if isinstance(measure, SetRole) else None

    def _now(self, measure: SetRole) -> Occupant | None:
        return self._link.occupant(Address.received(f"{measure.room}/{measure.nick}"))
