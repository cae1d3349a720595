from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from botkit.model.quiet import QuietHours, parse_quiet

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str, zone: ZoneInfo = BERLIN, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("hours", "now", "end"),
    [
        ("22:00-07:00", "2026-01-05 21:59:59", None),
        ("22:00-07:00", "2026-01-05 22:00", "2026-01-06 07:00"),
        ("22:00-07:00", "2026-01-06 06:59:59", "2026-01-06 07:00"),
        ("22:00-07:00", "2026-01-06 07:00", None),
        ("12:00-13:30", "2026-01-06 12:59:01", "2026-01-06 13:30"),
        ("12:00-13:30", "2026-01-06 13:30", None),
        ("00:00-06:00", "2026-01-06 00:00", "2026-01-06 06:00"),
        ("18:00-00:00", "2026-01-06 18:00", "2026-01-07 00:00"),
        # the night is an hour shorter, and an hour longer
        ("22:00-07:00", "2026-03-28 23:00", "2026-03-29 07:00"),
        ("22:00-07:00", "2026-10-24 23:00", "2026-10-25 07:00"),
    ],
)
def test_quiet_ends_by_the_clock_on_the_wall(hours: str, now: str, end: str | None) -> None:
    quiet = parse_quiet(hours, BERLIN)
    assert quiet.until(at(now)) == (at(end) if end is not None else None)
    assert quiet.covers(at(now)) == (end is not None)


def test_an_end_that_the_clock_leaps_over_comes_with_the_leap() -> None:
    quiet = parse_quiet("22:00-02:30", BERLIN)  # 02:00 is 03:00 on that day
    assert quiet.until(at("2026-03-29 01:30")) == at("2026-03-29 03:00")


def test_an_hour_that_comes_twice_is_quiet_twice() -> None:
    quiet = parse_quiet("22:00-02:30", BERLIN)  # 03:00 is 02:00 again on that day
    assert quiet.until(at("2026-10-25 01:30")) == at("2026-10-25 02:30")
    assert quiet.until(at("2026-10-25 02:45")) is None
    assert quiet.until(at("2026-10-25 02:10", fold=1)) == at("2026-10-25 02:30", fold=1)


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"]
)
def test_the_end_is_the_first_minute_that_is_not_quiet_all_the_year(zone: str) -> None:
    quiet = QuietHours(time(22, 0), time(2, 30), ZoneInfo(zone))
    now = datetime(2026, 1, 1, 12, 17, tzinfo=UTC)
    for _ in range(400 * 8):
        end = quiet.until(now)
        assert (end is not None) == quiet.covers(now)
        if end is not None:
            assert not quiet.covers(end)
            minutes = int((end - now).total_seconds() // 60)
            assert 0 <= minutes <= 6 * 60
            assert all(quiet.covers(now + timedelta(minutes=n)) for n in range(minutes))
        now += timedelta(hours=3)


@pytest.mark.parametrize("text", ["", "22-7", "22:00", "24:00-07:00", "22:60-07:00", "07:00-07:00", "22:00-07:00 UTC"])
def test_what_are_no_hours_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="hours"):
        parse_quiet(text, BERLIN)
