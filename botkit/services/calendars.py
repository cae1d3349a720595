"""iCalendar (RFC 5545): when the events of a calendar take place, within a time. Read by icalendar, and by
python-dateutil where they recur."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import islice
from time import thread_time as time_used
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr
from icalendar import Calendar

from botkit.errors import BotkitError

MOST_EVENTS, MOST_TIMES, MOST_FOUND = 20_000, 20_000, 500
MOST_SECONDS = 5.0  # of this thread's own time
_FREQUENCIES = frozenset(("DAILY", "WEEKLY", "MONTHLY", "YEARLY"))
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")
_LONGEST = 300  # characters


class CalendarError(BotkitError):
    """It is no calendar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One time that an event takes place. ``key`` stays the same if it is moved or renamed. Texts are one line.

    ``start`` is aware UTC; of an ``all_day`` event it is the day's first moment in the zone that was asked for.
    """

    key: str
    start: datetime
    summary: str
    location: str
    all_day: bool


def occurrences(body: bytes, since: datetime, until: datetime, zone: ZoneInfo) -> list[Occurrence]:
    """What begins from ``since`` to ``until`` (aware), in order, at most 500. Times without a zone are in ``zone``.

    Cancelled events and exceptions are left out, and single times that were changed are as they were changed. An event
    that recurs more often than daily counts once, at its beginning. ``RANGE=THISANDFUTURE`` changes that one time
    alone. Blocks for as long as it takes: it belongs into a thread. Raises ``CalendarError``.
    """
    try:
        events: list[Any] = [e for calendar in Calendar.from_ical(body, multiple=True) for e in calendar.walk("VEVENT")]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as problem:
        raise CalendarError(f"it is no calendar: {problem}") from None
    if b"END:VCALENDAR" not in body.upper():
        raise CalendarError("it is no calendar, or not all of one")
    found: list[Occurrence] = []
    window = (since, until)
    known = [event for event in events[:MOST_EVENTS] if "DTSTART" in event]
    changed = {(_uid(e), at) for e in known if (at := _replaces(e, zone)) is not None}
    end = time_used() + MOST_SECONDS
    for event in known:
        if time_used() > end:
            # a rule that never comes true is looked for until the year 9999, some seconds each
            raise CalendarError(f"its rules take more than {MOST_SECONDS:g} seconds to reckon")
        try:
            found += _of_event(event, window, zone, changed)
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
            continue  # one event that cannot be understood is no reason to forget the others
    return sorted(found, key=lambda o: (o.start, o.key))[:MOST_FOUND]


def _of_event(
    event: Any, window: tuple[datetime, datetime], zone: ZoneInfo, changed: set[tuple[str, datetime]]
) -> Iterator[Occurrence]:
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return
    uid, first = _uid(event), event["DTSTART"].dt
    all_day = not isinstance(first, datetime)
    if "RECURRENCE-ID" in event:
        starts: Iterable[tuple[str, datetime]] = [
            (_moment(event["RECURRENCE-ID"].dt, zone).isoformat(), _moment(first, zone))
        ]
    elif "RRULE" in event or "RDATE" in event:
        out = _excluded(event, zone)
        moments = {m for m in _recurring(event, first, window, zone) if m not in out and (uid, m) not in changed}
        starts = [(moment.isoformat(), moment) for moment in moments]
    else:
        starts = [("", _moment(first, zone))]
    for which, start in starts:
        if window[0] <= start <= window[1]:
            yield Occurrence(
                key=f"{uid} {which}", start=start, summary=_line(event.get("SUMMARY")) or "(no title)",
                location=_line(event.get("LOCATION")), all_day=all_day,
            )  # fmt: skip


def _recurring(
    event: Any, first: date | datetime, window: tuple[datetime, datetime], zone: ZoneInfo
) -> Iterator[datetime]:
    """Rules are reckoned by the wall clock of the event's own zone, so that 9:00 stays 9:00 all year."""
    own: tzinfo = first.tzinfo or zone if isinstance(first, datetime) else zone
    wall = first.replace(tzinfo=None) if isinstance(first, datetime) else datetime.combine(first, time())
    yield _moment(first, zone)
    for rule in _listed(event.get("RRULE")):
        if str(rule.get("FREQ", [""])[0]).upper() not in _FREQUENCIES:
            continue
        until = _wall(window[1], own) + timedelta(days=1)
        for said in rule.pop("UNTIL", []):
            until = min(until, _wall(said, own))
        text = rule.to_ical().decode()
        if "COUNT" not in rule:
            text += f";UNTIL={until:%Y%m%dT%H%M%S}"
        for found in islice(rrulestr(text, dtstart=wall), MOST_TIMES):
            yield found.replace(tzinfo=own).astimezone(UTC)
    for dates in _listed(event.get("RDATE")):
        for one in dates.dts:
            yield _moment(one.dt[0] if isinstance(one.dt, tuple) else one.dt, zone)


def _excluded(event: Any, zone: ZoneInfo) -> set[datetime]:
    return {_moment(one.dt, zone) for dates in _listed(event.get("EXDATE")) for one in dates.dts}


def _replaces(event: Any, zone: ZoneInfo) -> datetime | None:
    """The time of a recurring event that this one stands for."""
    at = getattr(event.get("RECURRENCE-ID"), "dt", None)
    return _moment(at, zone) if isinstance(at, date) else None


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def _moment(value: date | datetime, zone: ZoneInfo) -> datetime:
    """Aware UTC; a day is its first moment in ``zone``."""
    if not isinstance(value, datetime):
        value = datetime.combine(value, time())
    return (value if value.tzinfo is not None else value.replace(tzinfo=zone)).astimezone(UTC)


def _wall(value: date | datetime, own: tzinfo) -> datetime:
    """What the clocks of ``own`` show then; a day's end for a day (RFC 5545 §3.3.10: UNTIL is included)."""
    if not isinstance(value, datetime):
        return datetime.combine(value, time(23, 59, 59))
    return value.astimezone(own).replace(tzinfo=None) if value.tzinfo is not None else value


def _uid(event: Any) -> str:
    return str(event.get("UID", ""))[:500]


def _line(value: object) -> str:
    line = " ".join(_UNSEEN.sub(" ", str(value or "")).split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
