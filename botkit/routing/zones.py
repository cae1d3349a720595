"""Whose clock is meant: the time zone of whoever asks, where their client tells it, else the bot's."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import UTC, timedelta, timezone, tzinfo
from typing import TypeVar

from botkit.errors import BotkitError
from botkit.model.address import Address
from botkit.ports import Clock

AskOffset = Callable[[Address], Awaitable[timedelta | None]]
"""How far a full JID's clock is ahead of UTC (XEP-0202); None where it does not say. May raise ``BotkitError``."""

K = TypeVar("K")
V = TypeVar("V")

_PATIENCE = 3.0
_REMEMBERED = 3600.0
_MOST = 1024


class Zones:
    """The zones of people, asked for at most once an hour, when a command needs one.

    A client tells an offset, not a zone. Where that is the offset of ``default`` now, ``default`` is meant, which
    knows when clocks change; else the offset alone counts.
    """

    def __init__(self, default: tzinfo = UTC, ask: AskOffset | None = None, clock: Clock | None = None) -> None:
        self.default = default
        self._ask = ask
        self._clock = clock
        self._known: OrderedDict[Address, tuple[float, tzinfo]] = OrderedDict()
        self._silent: OrderedDict[str, float] = OrderedDict()

    def of(self, who: Address | None) -> tzinfo:
        """The zone of a full JID, as far as it was learned."""
        known = self._known.get(who) if who is not None else None
        return known[1] if known is not None else self.default

    async def learn(self, who: Address | None, person: str = "") -> None:
        """Ask for the zone of ``who``, unless it is known; takes 3 s at most, and raises nothing.

        ``person`` is a key for who is behind it. Commands of a room wait for each other, so somebody whose client
        does not answer in time is not waited for again under another nick.
        """
        if self._ask is None or self._clock is None or who is None or who.resource is None:
            return
        now = self._clock.monotonic()
        known = self._known.get(who)
        if known is not None and known[0] > now:
            return
        offset: timedelta | None = None
        if person and self._silent.get(person, 0.0) > now:
            return
        try:
            async with asyncio.timeout(_PATIENCE):
                offset = await self._ask(who)
        except TimeoutError:
            _keep(self._silent, person, now + _REMEMBERED)
        except BotkitError:  # most clients do not say; the bot's own zone will do
            pass
        _keep(self._known, who, (now + _REMEMBERED, self._zone(offset)))

    def _zone(self, offset: timedelta | None) -> tzinfo:
        if offset is None or self._clock is None or self._clock.now().astimezone(self.default).utcoffset() == offset:
            return self.default
        return timezone(offset)


def _keep(store: OrderedDict[K, V], key: K, value: V) -> None:
    """Bounded: what was kept longest ago is forgotten first."""
    store[key] = value
    store.move_to_end(key)
    while len(store) > _MOST:
        store.popitem(last=False)
