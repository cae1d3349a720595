"""When: cron expressions, spans, dates, and days of a month. APScheduler's triggers reckon; the rules are ours.

The rules, where zones and clocks are concerned:

- a time that daylight saving skips runs as much later as the gap is long (02:30 becomes 03:30);
- a time that comes twice runs once, the first time, unless the hour field has a ``*``
  (``*/30 * * * *`` means every half hour that passes);
- days of the week are cron's: 0 and 7 are Sunday. APScheduler's own numbers begin with Monday;
- where both the day of the month and the day of the week are given, both must hold;
- a date is kept as the wall clock there will show it, with its zone: if the zone's rules change, it moves with them;
- 29 February is the last of February: in other years it comes on the 28th.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from botkit.errors import ConfigError

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKDAY = "mon|tue|wed|thu|fri|sat|sun"
_DAY_OF_MONTH = re.compile(rf"(?:last|[1-9]|[12]\d|3[01])|(?:1st|2nd|3rd|4th|5th|last) (?:{_WEEKDAY})", re.ASCII)
SHORTEST_SPAN = timedelta(seconds=1)
_TICK = timedelta(microseconds=1)
_A_DAY = timedelta(days=1, hours=1)  # longer than any gap; Pacific/Apia left out 30 December 2011


class Trigger(Protocol):
    """Says when."""

    def next(self, after: datetime) -> datetime | None:
        """The first time later than ``after`` (both aware UTC); None if there is none."""

    @property
    def rule(self) -> Mapping[str, object]:
        """Itself as JSON, for ``trigger_of``."""


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression in a time zone. Made by ``parse``."""

    expression: str
    zone: str
    _walls: CronTrigger
    _zone: ZoneInfo
    _passing: bool

    @staticmethod
    def parse(expression: str, zone: str | None = None, *, now: datetime | None = None) -> Cron:
        """Five fields, as in cron; ``zone`` an IANA name, UTC if None.

        Raises ``ConfigError`` for what is no expression, no zone, or never comes (31 February).
        """
        name = zone or "UTC"
        tz = time_zone(name)
        fields = expression.split()
        if len(fields) != 5:
            raise ConfigError(
                f"{expression!r} has {len(fields)} fields; a cron expression has five: minute hour day month weekday"
            )
        try:
            fields[4] = _weekdays(fields[4])
            trigger = CronTrigger.from_crontab(" ".join(fields), timezone=UTC)
            cron = Cron(expression, name, trigger, tz, "*" in fields[1])
            never = cron.next(now or datetime.now(UTC)) is None
        except (ValueError, TypeError, OverflowError) as problem:
            raise ConfigError(f"{expression!r} is no cron expression: {problem}") from None
        if never:
            raise ConfigError(f"{expression!r} never comes: there is no such day")
        return cron

    def next(self, after: datetime) -> datetime | None:
        """The first time later than ``after``, in UTC."""
        return (_first_passing if self._passing else _first)(self._walls, self._zone, after)

    @property
    def rule(self) -> Mapping[str, object]:
        """See ``Trigger``."""
        return {"cron": self.expression, "timezone": self.zone}


@dataclass(frozen=True, slots=True)
class Monthly:
    """A day of some months at a time of day. Made by ``parse``.

    ``day`` is ``"last"``, ``"15"``, ``"last fri"`` or ``"2nd tue"``; a month that has no such day is left out, but
    for 29 February.
    """

    day: str
    months: tuple[int, ...]
    at: time
    zone: str
    _walls: CronTrigger
    _zone: ZoneInfo

    @staticmethod
    def parse(day: str, at: time | str, zone: str | None = None, months: tuple[int, ...] = ()) -> Monthly:
        """``months`` () is every month; ``at`` a time of day without a zone. Raises ``ConfigError``."""
        said, tz = " ".join(day.lower().split()), time_zone(zone or "UTC")
        if not _DAY_OF_MONTH.fullmatch(said):
            raise ConfigError(f"{day!r} is no day of a month; write 15, last, last fri or 2nd tue")
        if any(not 1 <= month <= 12 for month in months):
            raise ConfigError(f"{months!r} has what is no month; they go from 1 to 12")
        wall = _time_of_day(at)
        leap = months == (2,) and said == "29"
        if months and said.isdigit() and not leap and not any(int(said) <= _LONGEST[month - 1] for month in months):
            raise ConfigError(f"day {day} never comes in {', '.join(map(str, months))}")
        trigger = CronTrigger(
            month=",".join(map(str, months)) or "*", day="last" if leap else said, hour=wall.hour, minute=wall.minute,
            second=wall.second, timezone=UTC,
        )  # fmt: skip
        return Monthly(said, months, wall, zone or "UTC", trigger, tz)

    def next(self, after: datetime) -> datetime | None:
        """The first time later than ``after``, in UTC."""
        return _first(self._walls, self._zone, after)

    @property
    def rule(self) -> Mapping[str, object]:
        """See ``Trigger``."""
        return {
            "day": self.day, "months": list(self.months), "at": self.at.isoformat(), "timezone": self.zone
        }  # fmt: skip


_LONGEST = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class Interval:
    """Every ``span``, counted from ``start`` (aware UTC)."""

    span: timedelta
    start: datetime

    def next(self, after: datetime) -> datetime | None:
        """The first whole number of spans after ``start`` that is later than ``after``."""
        if after < self.start:
            return self.start + self.span
        return self.start + ((after - self.start) // self.span + 1) * self.span

    @property
    def rule(self) -> Mapping[str, object]:
        """See ``Trigger``."""
        return {"every": self.span.total_seconds(), "from": self.start.isoformat()}


@dataclass(frozen=True, slots=True)
class Once:
    """Once, when a wall clock in ``zone`` shows ``wall`` (ISO 8601 without an offset). Made by ``at``."""

    wall: str
    zone: str
    moment: datetime

    @staticmethod
    def at(moment: datetime, zone: str | None = None) -> Once:
        """At ``moment`` (aware), meant as a time of ``zone`` (UTC if None). Raises ``ConfigError``."""
        local = moment.astimezone(time_zone(zone or "UTC"))
        return Once._of(local.replace(tzinfo=None, fold=0).isoformat(), zone or "UTC", local.fold)

    @staticmethod
    def _of(wall: str, zone: str, fold: int) -> Once:
        local = datetime.fromisoformat(wall).replace(tzinfo=time_zone(zone), fold=fold)
        # A time that is skipped: zoneinfo takes the offset of before (fold 0), which is as much later as the gap.
        return Once(wall, zone, local.astimezone(UTC))

    def next(self, after: datetime) -> datetime | None:
        """The moment if it is later than ``after``, in UTC."""
        return self.moment if self.moment > after else None

    @property
    def rule(self) -> Mapping[str, object]:
        """See ``Trigger``."""
        fold = self.moment.astimezone(ZoneInfo(self.zone)).fold
        return {"at": self.wall, "timezone": self.zone, **({"fold": 1} if fold else {})}


def trigger_of(rule: Mapping[str, object]) -> Trigger:
    """The trigger that made this ``rule``. Raises ``ConfigError`` for what is none."""
    zone = rule.get("timezone", "UTC")
    match rule:
        case {"cron": str(expression)} if isinstance(zone, str):
            return Cron.parse(expression, zone)
        case {"day": str(day), "months": list(months), "at": str(at)} if isinstance(zone, str):
            return Monthly.parse(day, at, zone, tuple(months))
        case {"every": int() | float() as seconds, "from": str(start)} if seconds >= SHORTEST_SPAN.total_seconds():
            return Interval(timedelta(seconds=seconds), datetime.fromisoformat(start).astimezone(UTC))
        case {"at": str(wall)} if isinstance(zone, str):
            return Once._of(wall, zone, 1 if rule.get("fold") else 0)
    raise ConfigError(f"{dict(rule)!r} does not say when")


def time_zone(name: str) -> ZoneInfo:
    """The zone of an IANA name. Raises ``ConfigError`` for what is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError; a folder's name is an OSError
        raise ConfigError(f"{name!r} is no time zone; write an IANA name such as 'Europe/Berlin'") from None


def _first(walls: CronTrigger, zone: ZoneInfo, after: datetime) -> datetime | None:
    """The first moment later than ``after`` at which a clock in ``zone`` shows a time of ``walls``, in UTC.

    ``walls`` reckons with bare clock times, as if they were UTC: given a zone, APScheduler 3.11 leaves out the midnight
    that follows a change to summer time, and fires twice in an hour that comes twice.
    """
    wall = _wall(after, zone)
    if _offset(after - _A_DAY, zone) < _offset(after, zone):
        wall -= _A_DAY  # what was skipped just now may still be due, later than the clock says
    best: datetime | None = None
    until: datetime | None = None  # walls up to here may come before ``best``, which was moved by a skipped hour
    while True:
        found = walls.get_next_fire_time(None, wall + _TICK)
        if found is None or (until is not None and found > until):
            return best
        wall = found
        due, moved = _moment(wall, zone)
        if due <= after or (best is not None and due >= best):
            continue
        best = due
        if not moved and until is None:
            return best
        if until is None:
            until = _wall(due, zone)


def _first_passing(walls: CronTrigger, zone: ZoneInfo, after: datetime) -> datetime | None:
    """As ``_first``, but every hour that passes counts: both of an hour that comes twice, none that is skipped."""
    while True:
        offset = _offset(after, zone)
        found = walls.get_next_fire_time(None, _wall(after, zone) + _TICK)
        if found is None:
            return None
        due: datetime = found - offset
        if _offset(due, zone) == offset:
            return due
        change = _change(after, due, zone)
        if due < change:
            return due
        if _matches(walls, change, zone):
            return change
        after = change


def _matches(walls: CronTrigger, moment: datetime, zone: ZoneInfo) -> bool:
    wall = _wall(moment, zone)
    return bool(walls.get_next_fire_time(None, wall) == wall)


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The moment between the two at which the offset changes; whole seconds."""
    old = _offset(before, zone)
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        middle = max(before + timedelta(seconds=1), middle.replace(microsecond=0))
        if _offset(middle, zone) == old:
            before = middle
        else:
            after = middle
    return after


def _moment(wall: datetime, zone: ZoneInfo) -> tuple[datetime, bool]:
    """When a clock shows ``wall`` (written as UTC) for the first time; True if it never does, and this is later."""
    local = wall.replace(tzinfo=zone, fold=0)  # fold 0 in a gap: the offset of before, so as much later as it is long
    moment = local.astimezone(UTC)
    return moment, _wall(moment, zone) != wall


def _wall(moment: datetime, zone: ZoneInfo) -> datetime:
    """What a clock in ``zone`` shows, written as if it were UTC."""
    return moment.astimezone(zone).replace(tzinfo=UTC, fold=0)


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None, "a ZoneInfo always has one"
    return offset


def _time_of_day(at: time | str) -> time:
    try:
        wall = time.fromisoformat(at) if isinstance(at, str) else at
    except ValueError:
        raise ConfigError(f"{at!r} is no time of day; write 09:00") from None
    if wall.tzinfo is not None:
        raise ConfigError(f"{at!r} has a zone of its own; name the zone beside it")
    return wall.replace(microsecond=0)


def _weekdays(field: str) -> str:
    """Cron's numbers of days (0 and 7 are Sunday) as names, ranges and lists too: ``1-5`` is ``mon-fri``."""
    return ",".join(_weekday_part(part) for part in field.split(","))


def _weekday_part(part: str) -> str:
    match = re.fullmatch(r"(?:\*|(\d)(?:-(\d))?)(?:/([1-9]\d*))?", part)
    if match is None or part == "*":
        return part
    if match[1] is None:
        first, last = 0, 6
    else:
        first = int(match[1])
        last = int(match[2]) if match[2] else (7 if match[3] else first)
    days = range(first, last + 1)[:: int(match[3] or 1)]
    if last > 7 or not days:
        raise ValueError(f"{part!r} is no range of days; they go from 0 (Sunday) to 7 (Sunday, too)")
    return ",".join(dict.fromkeys(_DAYS[day] for day in days))
