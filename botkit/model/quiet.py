"""Hours of the day in which nothing is said that can wait."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

_SHAPE = re.compile(r"(\d\d?):(\d\d)\s*[-–]\s*(\d\d?):(\d\d)", re.ASCII)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From ``start`` to ``end`` by the clock on the wall in ``zone``; over midnight if ``end`` is before ``start``.

    What that clock shows counts: where it is put back, an hour that comes twice is quiet twice; where it is put forward
    over ``end``, the quiet ends with the leap.
    """

    start: time
    end: time
    zone: ZoneInfo

    def covers(self, at: datetime) -> bool:
        """True if it is quiet then."""
        wall = at.astimezone(self.zone).time()
        if self.start <= self.end:
            return self.start <= wall < self.end
        return wall >= self.start or wall < self.end

    def until(self, at: datetime) -> datetime | None:
        """When the quiet of ``at`` ends (UTC, on a minute of the wall clock); None if it is not quiet then."""
        if not self.covers(at):
            return None
        local = at.astimezone(self.zone)
        day = local.date() if local.time() < self.end else local.date() + timedelta(days=1)
        ends = [datetime.combine(day, self.end, self.zone).replace(fold=fold).astimezone(UTC) for fold in (0, 1)]
        later = [end for end in ends if end > at]
        end = min(later) if later else at + _MINUTE
        # Where the clock leaps over the end, that is named by two moments, and neither of them is the leap.
        while end > at and not self.covers(end - _MINUTE):
            end -= _MINUTE
        while self.covers(end):
            end += _MINUTE
        return end


def parse_quiet(text: str, zone: ZoneInfo) -> QuietHours:
    """``22:00-07:00``. Raises ``ValueError``."""
    found = _SHAPE.fullmatch(text.strip())
    if found is None:
        raise ValueError('expected hours like "22:00-07:00"')
    hours, minutes, end_hours, end_minutes = map(int, found.groups())
    try:
        start, end = time(hours, minutes), time(end_hours, end_minutes)
    except ValueError:
        raise ValueError('expected hours like "22:00-07:00"; a day has 24 of them') from None
    if start == end:
        raise ValueError("these hours end when they begin; leave them out for none")
    return QuietHours(start, end, zone)
