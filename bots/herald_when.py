"""``tomorrow 9:00``, ``in 2h`` and ``every monday 9:00``, as a parameter of a command."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from botkit.errors import ConfigError
from botkit.routing.constraints import Expected
from botkit.routing.context import Context
from botkit.routing.converters import Converter
from botkit.routing.router import Router
from botkit.routing.spans import NotATime, Words, take_span
from botkit.routing.times import take_clock, take_moment
from botkit.routing.words import Line
from botkit.services.schedule import Cron, Interval, Monthly, Once, time_zone
from bots.herald_times import When

SHORTEST = timedelta(minutes=10)
"""Between two times of what comes again and again."""
HINT = 'a time like "tomorrow 9:00", "in 2h" or "every monday 9:00"'

_EVERY = re.compile(r"\s*every\b", re.IGNORECASE)
_AT_HOUR = re.compile(r"\bat (\d{1,2})(?=\s|$)", re.IGNORECASE | re.ASCII)
_ZONE = re.compile(r"\s+(UTC|[A-Za-z_]{1,20}(?:/[A-Za-z0-9_+-]{1,30}){1,2})(?=\s|$)", re.ASCII)
_DAYS = {
    day: day[:3] for day in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
}  # fmt: skip
_DAYS |= {short: short for short in _DAYS.values()}
_COUNTED = re.compile(r"(last|[1-9]\d?(?:st|nd|rd|th))", re.ASCII)


@dataclass(frozen=True, slots=True)
class Wanted:
    """When something is wanted. ``zone`` is the asker's, by its IANA name; ``first`` the first time (aware UTC)."""

    when: When
    zone: str
    first: datetime

    @property
    def repeats(self) -> bool:
        """True if it comes more than once."""
        return not isinstance(self.when, Once)


def zone_name(zone: tzinfo) -> str:
    """The IANA name of ``zone``. Raises ``Expected`` where an offset has none."""
    if isinstance(zone, ZoneInfo) and zone.key:
        return zone.key
    offset = zone.utcoffset(None) or timedelta()
    if not offset:
        return "UTC"
    hours, rest = divmod(offset, timedelta(hours=1))
    if rest or not -12 <= hours <= 14:
        raise Expected("a time with its zone behind it, such as Asia/Kolkata: your clock tells none that has a name")
    return f"Etc/GMT{-hours:+d}"  # these names count westwards


def take(text: str, now: datetime, zone: tzinfo) -> tuple[Wanted, int]:
    """When the text that begins here says, and where its last word ends. Raises ``NotATime``, ``Expected``."""
    if _EVERY.match(text) is None:
        moment, end = _moment(text, now, zone)
        own = moment.tzinfo if isinstance(moment.tzinfo, ZoneInfo) else zone
        try:
            name = zone_name(own)
        except Expected:
            name = "UTC"  # for what comes once an offset is as good as a name
        if moment <= now:
            raise Expected("a time that is still ahead")
        return Wanted(Once.at(moment, name), name, moment.astimezone(UTC)), end
    try:
        return _repeating(text, now, zone)
    except ConfigError as problem:
        raise Expected(f"a time that comes ({problem})") from None


def _moment(text: str, now: datetime, zone: tzinfo) -> tuple[datetime, int]:
    try:
        return take_moment(text, 0, now, zone)
    except NotATime:
        # "tomorrow at 9": a number alone might be anything, behind "at" it is an hour
        found = _AT_HOUR.search(text)
        if found is None:
            raise
        moment, end = take_moment(f"{text[: found.end(1)]}:00{text[found.end(1) :]}", 0, now, zone)
        if end != found.end(1) + 3:
            raise
        return moment, found.end(1)


def _repeating(text: str, now: datetime, zone: tzinfo) -> tuple[Wanted, int]:
    words = Words(text, 0)
    words.take()
    if words.said()[:1].isdigit() and not _COUNTED.fullmatch(words.said()):
        span, end = take_span(text, words.end)
        if span < SHORTEST:
            raise Expected("at least ten minutes between two times")
        return Wanted(Interval(span, now), _name_or_utc(zone), now + span), end
    weekdays, monthly = _day(words)
    if words.said() == "at":
        words.take()
    try:
        clock, end = take_clock(text, words.end)
    except NotATime:
        hour = re.compile(r"\s+(\d{1,2})(?=\s|$)", re.ASCII).match(text, words.end)
        if hour is None or int(hour[1]) > 23 or text[: words.end].split()[-1].lower() != "at":
            raise
        clock, end = time(int(hour[1])), hour.end()
    named = _ZONE.match(text, end)
    name = zone_name(time_zone(named[1]) if named else zone)
    when: When
    if monthly is not None:
        when = Monthly.parse(monthly, clock, name)
    else:
        when = Cron.parse(f"{clock.minute} {clock.hour} * * {weekdays}", name)
    first = when.next(now)
    if first is None:
        raise Expected("a time that comes")
    return Wanted(when, name, first), named.end() if named else end


def _day(words: Words) -> tuple[str, str | None]:
    """Days of the week as cron has them, or a day of the month as ``Monthly`` has it."""
    word = words.said()
    if word in ("day", "weekday"):
        words.take()
        return ("*" if word == "day" else "mon-fri"), None
    if _COUNTED.fullmatch(word):
        return "*", _day_of_month(words)
    days = []
    while (day := _DAYS.get(words.said())) is not None:
        words.take()
        days.append(day)
        if words.said() == "and":
            words.take()
    if not days:
        raise NotATime('days like "every monday", "every day", "every weekday", "every 15th" or "every last friday"')
    return ",".join(days), None


def _day_of_month(words: Words) -> str:
    counted = words.said()
    words.take()
    day = words.said()
    if day in _DAYS:
        words.take()
        found = f"{counted} {_DAYS[day]}"
    else:
        if day == "day":
            words.take()
        found = counted if counted == "last" else counted.rstrip("stndrh")
    if words.said() == "of" and words.said(1) in ("the", "every", "each") and words.said(2) == "month":
        words.take(3)
    return found


def _name_or_utc(zone: tzinfo) -> str:
    try:
        return zone_name(zone)
    except Expected:
        return "UTC"


def _read(text: str, ctx: Context[Any]) -> tuple[Wanted, int]:
    try:
        return take(text, ctx.now(), ctx.zone)
    except NotATime as problem:
        raise Expected(str(problem)) from None


def _convert(word: str, ctx: Context[Any]) -> Wanted:
    wanted, end = _read(word, ctx)
    if extra := word[end:].strip():
        raise Expected(f"nothing behind it; there is {extra[:40]!r}")
    return wanted


def _take(line: Line, ctx: Context[Any]) -> Wanted:
    if line.quoted:
        return _convert(line.next() or "", ctx)
    wanted, end = _read(line.text[line.at :], ctx)
    line.skip_to(line.at + end)
    return wanted


def add_to(router: Router) -> None:
    """Let commands of ``router`` take a ``Wanted``."""
    router.converter(Wanted, Converter(convert=_convert, take=_take, hint=HINT, timed=True))
