"""When jobs run: zones, daylight saving, lateness."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from botkit.errors import ConfigError
from botkit.services.schedule import Cron, Interval, Monthly, Once, trigger_of
from botkit.services.schedule import times as times_module
from botkit.services.schedule.times import Trigger


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


def test_a_date_moves_with_its_zone_when_the_zone_s_rules_change(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Once.at(utc("2027-07-01 07:00"), "Europe/Berlin").rule  # 9:00 there, in summer time
    assert trigger_of(kept).next(utc("2027-01-01 00:00")) == utc("2027-07-01 07:00")
    # The zone database is changed: Berlin has given up summer time.
    monkeypatch.setattr(times_module, "time_zone", lambda name: ZoneInfo("Etc/GMT-1"))
    assert trigger_of(kept).next(utc("2027-01-01 00:00")) == utc("2027-07-01 08:00")


@pytest.mark.parametrize(
    "trigger",
    [
        Cron.parse("30 2 * * 1-5", "Europe/Berlin"),
        Monthly.parse("last fri", "17:30", "America/New_York"),
        Monthly.parse("29", "02:30", "UTC", (2,)),
        Interval(timedelta(minutes=7), utc("2026-01-01 00:00")),
        Once.at(utc("2026-10-25 00:30"), "Europe/Berlin"),
        Once.at(utc("2026-10-25 01:30"), "Europe/Berlin"),  # the second 02:30 of that night
    ],
    ids=lambda trigger: type(trigger).__name__,
)
def test_a_trigger_comes_back_from_its_rule(trigger: Trigger) -> None:
    again, at = trigger_of(json.loads(json.dumps(trigger.rule))), utc("2026-01-01 00:00")
    assert again.rule == trigger.rule
    assert again.next(at) == trigger.next(at)


@pytest.mark.parametrize(
    "rule",
    [{}, {"cron": 5}, {"cron": "x"}, {"every": 0, "from": "2026-01-01"}, {"at": "2026-01-01", "timezone": "Mars"},
     {"day": "8th fri", "months": [], "at": "09:00"}, {"day": "31", "months": [2], "at": "09:00"},
     {"day": "1", "months": [13], "at": "09:00"}, {"day": "1", "months": [], "at": "25:00"},
     {"day": "1", "months": [], "at": "09:00+01:00"}],
)  # fmt: skip
def test_what_is_no_rule_is_refused(rule: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        trigger_of(rule)
