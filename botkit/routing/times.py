"""Times as people write them: ``1h30m``, ``2 hours``, ``PT90S``; ``tomorrow 9:00``, ``next friday 18:00``, ``in 2h``.

A small grammar, in which every text has one meaning or none: where a library would guess (is ``03/04`` in March or in
April, is ``9`` in the morning?), this refuses. In English and ISO 8601.

- A time of day alone is the next such time; a day of the week is the next such day, today only if the time is ahead and
  nobody said "next"; a date without a year is the next such date.
- A length of time is time that passes: "in 24h" is not "tomorrow" where the clocks are set forward between.
- A time that clocks skip is refused; of one that comes twice, as clocks are set back, the first is meant.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from botkit.routing.spans import ISO_SPAN, NotATime, Words, span_of, span_parts

MOMENT = 'a time like "tomorrow 9:00", "next friday 18:00", "in 2h" or 2026-11-21T18:00'
DAY = "a day like today, friday, 21 nov or 2026-11-21"
CLOCK = "a time of day like 9:00 or 6pm"

_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d(?::\d\d)?)(?:[.,]\d{1,6})?(Z|[+-]\d\d:?\d\d)?", re.IGNORECASE | re.ASCII
)
_ISO_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})?", re.ASCII)
_CLOCK = re.compile(r"(\d{1,2})(?::(\d\d)(?::(\d\d))?)?(am|pm)?(Z|[+-]\d\d:\d\d)?", re.IGNORECASE | re.ASCII)
_NUMBER = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?", re.IGNORECASE | re.ASCII)
_YEAR = re.compile(r"\d{4}", re.ASCII)

_WEEKDAYS = {"mon": 0, "tue": 1, "tues": 1, "wed": 2, "thu": 3, "thur": 3, "thurs": 3, "fri": 4, "sat": 5, "sun": 6}
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKDAYS |= {name: number for number, name in enumerate(_DAYS)}
_NAMES = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_MONTHS = {name: number for number, name in enumerate(_NAMES, 1)}
_MONTHS |= {name[:3]: number for name, number in _MONTHS.items()} | {"sept": 9}
_NEAR = {"yesterday": -1, "today": 0, "tomorrow": 1}


# --- moments ------------------------------------------------------------------------------------------------------


def take_moment(text: str, at: int, now: datetime, zone: tzinfo) -> tuple[datetime, int]:
    """The moment that ``text[at:]`` begins with, in ``zone`` where it names none, and where its last word ends.

    ``now`` is aware; so is what is returned. Raises ``NotATime``.
    """
    words = Words(text, at)
    try:
        return _moment(words, now, zone), words.end
    except NotATime as problem:
        problem.read = words.end
        raise
    except OverflowError:
        raise NotATime("a time that calendars have", next_wrong=False) from None


def take_day(text: str, at: int, now: datetime, zone: tzinfo) -> tuple[date, int]:
    """The day that ``text[at:]`` begins with, as it is in ``zone``, and where its last word ends.

    Raises ``NotATime``.
    """
    words = Words(text, at)
    try:
        found = _day(words, now.astimezone(zone).date())
    except OverflowError:
        raise NotATime("a day that calendars have", next_wrong=False) from None
    if found is None:
        raise NotATime(DAY)
    return found[0], words.end


def take_clock(text: str, at: int = 0) -> tuple[time, int]:
    """The time of day that ``text[at:]`` begins with, naive, and where its last word ends. Raises ``NotATime``."""
    words = Words(text, at)
    found = _clock(words)
    if found is None or found[1] is not None:
        raise NotATime(CLOCK)
    return found[0], words.end


def _moment(words: Words, now: datetime, zone: tzinfo) -> datetime:
    if words.said() == "now":
        words.take()
        return now.astimezone(zone)
    if (passed := _passing(words)) is not None:
        return (now.astimezone(UTC) + passed).astimezone(zone)
    first = words.peek()
    if first is not None and (iso := _ISO.fullmatch(first.raw)):
        words.take()
        return _iso(iso, _zone_word(words) or zone)
    day = _day(words, now.astimezone(zone).date())
    if words.said() == "at":
        words.take()
    found = _clock(words)
    if found is None:
        raise NotATime(MOMENT if day is None else f"{CLOCK} behind the day")
    clock, own = found
    zone = own or _zone_word(words) or zone
    if day is not None:
        moment = _at(day[0], clock, zone)
        return _at(day[0] + timedelta(days=7), clock, zone) if day[1] and moment <= now else moment
    today = now.astimezone(zone).date()
    moment = _at(today, clock, zone)
    return moment if moment > now else _at(today + timedelta(days=1), clock, zone)


def _passing(words: Words) -> timedelta | None:
    """``in 2h``, ``2h`` and ``2h ago``: how far from now."""
    if words.said() == "in":
        words.take()
        return span_of(words)
    if not span_parts(words, 0)[0] and not ISO_SPAN.fullmatch(words.said()):
        return None
    span = span_of(words)
    if words.said() == "ago":
        words.take()
        return -span
    return span


def _iso(found: re.Match[str], zone: tzinfo) -> datetime:
    try:
        day, clock = date.fromisoformat(found[1]), time.fromisoformat(found[2])
        if found[3]:
            offset = found[3].upper().replace("Z", "+00:00")
            return datetime.fromisoformat(f"{day.isoformat()}T{clock.isoformat()}{offset}").astimezone(zone)
    except ValueError:
        raise NotATime("a time that calendars have", next_wrong=False) from None
    return _at(day, clock, zone)


def _at(day: date, clock: time, zone: tzinfo) -> datetime:
    """That time by the clocks of ``zone``; of two such times the first (``fold=0``)."""
    naive = datetime.combine(day, clock)
    moment = naive.replace(tzinfo=zone)
    if moment.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != naive:
        raise NotATime(f"a time that there is: clocks skip {clock:%H:%M} on {day.isoformat()}", next_wrong=False)
    return moment


def _day(words: Words, today: date) -> tuple[date, bool] | None:
    """A day, and whether it is today and might be meant in a week: a day of the week without "next"."""
    word = words.said()
    if word == "day" and words.said(1) == "after" and words.said(2) == "tomorrow":
        words.take(3)
        return today + timedelta(days=2), False
    if word in _NEAR:
        words.take()
        return today + timedelta(days=_NEAR[word]), False
    ahead = 1 if word in ("next", "this", "on") else 0
    if (weekday := _WEEKDAYS.get(words.said(ahead))) is not None:
        words.take(ahead + 1)
        days = (weekday - today.weekday()) % 7
        if word == "next":
            return today + timedelta(days=days or 7), False
        return today + timedelta(days=days), days == 0
    if word == "on":
        found = _dated(words, today, 1)
    else:
        found = _dated(words, today, 0)
    return None if found is None else (found, False)


def _dated(words: Words, today: date, ahead: int) -> date | None:
    word, then = words.said(ahead), words.said(ahead + 1)
    if iso := _ISO_DAY.fullmatch(word):
        words.take(ahead + 1)
        return _date(int(iso[1]), int(iso[2]), int(iso[3]), today)
    if dotted := _DOTTED.fullmatch(word):
        words.take(ahead + 1)
        return _date(int(dotted[3]) if dotted[3] else None, int(dotted[2]), int(dotted[1]), today)
    for month, number in ((then, word), (word, then)):
        if (of := _MONTHS.get(month.rstrip("."))) is not None and (counted := _NUMBER.fullmatch(number)):
            words.take(ahead + 2)
            year = None
            if _YEAR.fullmatch(words.said()):
                year = int(words.said())
                words.take()
            return _date(year, of, int(counted[1]), today)
    return None


def _date(year: int | None, month: int, day: int, today: date) -> date:
    for candidate in (year,) if year is not None else range(today.year, today.year + 9):
        try:
            found = date(candidate, month, day)
        except ValueError:
            continue
        if year is not None or found >= today:
            return found
    raise NotATime("a day that calendars have", next_wrong=False)


def _clock(words: Words) -> tuple[time, tzinfo | None] | None:
    """A time of day, and the zone that is written without a space behind it."""
    word = words.said()
    if word == "noon":
        words.take()
        return time(12), None
    found = _CLOCK.fullmatch(word)
    if found is None or len(found[1]) > 2:
        return None
    hour, minute, second = int(found[1]), int(found[2] or 0), int(found[3] or 0)
    half, count = found[4], 1
    if half is None and found[5] is None and words.said(1) in ("am", "pm"):
        half, count = words.said(1), 2
    if found[2] is None and half is None:
        return None  # a number alone is no time
    if half is not None and not 1 <= hour <= 12:
        raise NotATime(CLOCK)
    if half is not None:
        hour = hour % 12 + (12 if half.lower() == "pm" else 0)
    try:
        clock = time(hour, minute, second)
    except ValueError:
        raise NotATime(CLOCK) from None
    words.take(count)
    return clock, _offset(found[5])


def _offset(text: str | None) -> tzinfo | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(f"2000-01-01T00:00{text.upper().replace('Z', '+00:00')}").tzinfo
    except ValueError:
        raise NotATime("an offset like +02:00") from None


def _zone_word(words: Words) -> tzinfo | None:
    """``UTC`` or a name like ``Europe/Berlin`` behind a time; both are no words of a sentence."""
    word = words.peek()
    if word is None:
        return None
    if word.raw in ("UTC", "GMT", "Z"):
        words.take()
        return UTC
    if "/" not in word.raw or not re.fullmatch(r"[A-Za-z_]{1,20}(?:/[A-Za-z0-9_+-]{1,30}){1,2}", word.raw):
        return None
    try:
        zone = ZoneInfo(word.raw)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        return None
    words.take()
    return zone
