"""When jobs run: zones, daylight saving, lateness."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from botkit.errors import ConfigError
from botkit.services.schedule import Cron, Interval


def times(cron: Cron, start: datetime, count: int) -> list[str]:
    found = []
    moment = start
    for _ in range(count):
        due = cron.next(moment)
        assert due is not None
        found.append(due.strftime("%d %H:%M"))
        moment = due
    return found


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# --- cron -----------------------------------------------------------------------------------------------------


def test_the_zone_decides_what_nine_o_clock_is() -> None:
    assert times(Cron.parse("0 9 * * *", "Europe/Berlin"), utc("2026-03-28 00:00"), 2) == ["28 08:00", "29 07:00"]


def test_a_time_that_daylight_saving_skips_runs_as_much_later_as_the_gap_is_long() -> None:
    # 29 March 2026, Berlin: 02:00 becomes 03:00. 02:30 is 03:30 then, which is 01:30 UTC.
    assert times(Cron.parse("30 2 * * *", "Europe/Berlin"), utc("2026-03-28 12:00"), 2) == ["29 01:30", "30 00:30"]


def test_a_time_that_comes_twice_runs_once_the_first_time() -> None:
    # 25 October 2026, Berlin: 03:00 becomes 02:00. 02:30 is at 00:30 and at 01:30 UTC.
    assert times(Cron.parse("30 2 * * *", "Europe/Berlin"), utc("2026-10-24 12:00"), 2) == ["25 00:30", "26 01:30"]


def test_what_runs_every_half_hour_runs_in_both_hours_that_are_two_o_clock() -> None:
    found = times(Cron.parse("*/30 * * * *", "Europe/Berlin"), utc("2026-10-24 23:59"), 5)
    assert found == ["25 00:00", "25 00:30", "25 01:00", "25 01:30", "25 02:00"]


@pytest.mark.parametrize(
    ("field", "days"),
    [("1-5", [1, 2, 3, 4, 5]),
     ("0", [0]), ("7", [0]), ("0,6", [0, 6]), ("mon-fri", [1, 2, 3, 4, 5]), ("5-7", [5, 6, 0]),
     ("*/2", [0, 2, 4, 6]), ("1-5/2", [1, 3, 5]), ("*", [0, 1, 2, 3, 4, 5, 6])],
)  # fmt: skip
def test_numbers_of_weekdays_are_crons(field: str, days: list[int]) -> None:
    cron, moment, found = Cron.parse(f"0 0 * * {field}"), utc("2026-03-01 00:00") - timedelta(minutes=1), set()
    while (due := cron.next(moment)) is not None and due < utc("2026-03-15 00:00"):
        found.add((due.weekday() + 1) % 7)
        moment = due
    assert found == set(days)


@pytest.mark.parametrize(
    "expression", ["", "* * * *", "0 99 * * *", "0 0 31 2 *", "a b c d e", "0 0 * * 8", "0 0 * * 5-1"]
)
def test_what_is_no_expression_is_refused(expression: str) -> None:
    with pytest.raises(ConfigError):
        Cron.parse(expression)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "Europe", "/etc/localtime", "a\0b"])
def test_what_is_no_zone_is_refused(zone: str) -> None:
    if zone == "":
        assert Cron.parse("0 0 * * *", zone).zone == "UTC"
        return
    with pytest.raises(ConfigError, match="time zone"):
        Cron.parse("0 0 * * *", zone)


def test_an_interval_keeps_its_beat_however_late_it_is_asked() -> None:
    start = utc("2026-01-01 00:00")
    beat = Interval(timedelta(minutes=10), start)
    assert beat.next(start) == start + timedelta(minutes=10)
    assert beat.next(start + timedelta(minutes=25)) == start + timedelta(minutes=30)
