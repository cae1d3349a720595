"""How much was said in a room, by the hour or the day, as a picture."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, Protocol

from botkit.errors import MisuseError
from botkit.model.address import Address
from botkit.services.charts.bars import Bars, Mark, bar_chart

_HOURLY: Final = timedelta(days=8)
_DAILY: Final = timedelta(days=100)
LONGEST: Final = timedelta(days=5000)

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Counting(Protocol):
    """The part of ``ports.MessageLog`` that is needed."""

    async def counts(self, room: Address, times: Sequence[datetime]) -> list[int]:
        """See ``ports.MessageLog``."""


async def activity_chart(
    history: Counting, room: Address, since: datetime, until: datetime, *, zone: tzinfo = UTC
) -> bytes:
    """A PNG with a bar for each hour, day or week from ``since`` to ``until`` (aware; at most 5000 days).

    ``history`` is ``ctx.history``. The bars begin at full hours, or at midnight, in ``zone``. Messages that were taken
    away do not count. Raises ``MisuseError`` for times that are no such span, ``StoreError``.
    """
    if since.tzinfo is None or until.tzinfo is None or not timedelta(0) < until - since <= LONGEST:
        raise MisuseError("a chart is of a time of at most 5000 days, between two aware datetimes")
    times = edges(since, until, zone)
    values = await history.counts(room, times)
    return await asyncio.to_thread(bar_chart, activity_bars(room, times, values, until))  # some 50 ms


def edges(since: datetime, until: datetime, zone: tzinfo) -> list[datetime]:
    """Where the bars begin, and where the last one ends: aware, rising, in ``zone``."""
    span = until - since
    start = since.astimezone(zone).replace(minute=0, second=0, microsecond=0)
    if span > _HOURLY:
        start = start.replace(hour=0, fold=0)
    found = [start]
    for at in _steps(start, span, zone):
        found.append(at)
        if at.astimezone(UTC) >= until:
            return found
    raise AssertionError("steps have no end")


def _steps(start: datetime, span: timedelta, zone: tzinfo) -> Iterator[datetime]:
    """An hour is an hour, whatever the clocks do; a day ends at midnight, be it of 23 hours or 25."""
    at = start
    while True:
        if span <= _HOURLY:
            at = (at.astimezone(UTC) + timedelta(hours=1)).astimezone(zone)
        else:
            at = at + timedelta(days=1 if span <= _DAILY else 7)
        yield at


def activity_bars(room: Address, times: Sequence[datetime], values: Sequence[int], until: datetime) -> Bars:
    """What is drawn of the counts between ``times``, which are of one time zone."""
    hourly = times[1].astimezone(UTC) - times[0].astimezone(UTC) == timedelta(hours=1)
    step = "hour" if hourly else "day" if times[1] - times[0] == timedelta(days=1) else "week"
    total = sum(values)
    zone = times[0].tzinfo
    last = min(times[-1].astimezone(UTC), until.astimezone(UTC)) - timedelta(seconds=1)
    return Bars(
        title=f"{total:,} {'message' if total == 1 else 'messages'} in {room}",
        subtitle=f"per {step}, {_date(times[0])} to {_date(last.astimezone(zone))}, time zone {zone}",
        values=values,
        marks=list(_marks(times, step)),
    )


def _date(at: datetime) -> str:
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"


def _marks(times: Sequence[datetime], step: str) -> Iterator[Mark]:
    before: datetime | None = None
    for number, at in enumerate(times[:-1]):
        if step == "hour":
            few = len(times) <= 49
            if few and at.hour % 6 == 0 and at.hour:
                yield Mark(number, f"{at.hour:02}:00")
            elif before is not None and at.date() != before.date():
                yield Mark(number, f"{_DAYS[at.weekday()]} {at.day}")
        elif step == "day":
            if at.weekday() == 0:
                yield Mark(number, f"{at.day} {_MONTHS[at.month - 1]}")
        elif before is not None and at.month != before.month:
            yield Mark(number, _MONTHS[at.month - 1] if at.month > 1 else str(at.year))
        before = at
