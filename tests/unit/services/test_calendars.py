"""iCalendar: when events take place."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from botkit.services.calendars import CalendarError, occurrences

BERLIN = ZoneInfo("Europe/Berlin")


def calendar(*events: str) -> bytes:
    inner = "".join(f"BEGIN:VEVENT\n{event.strip()}\nEND:VEVENT\n" for event in events)
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{inner}END:VCALENDAR\n".replace("\n", "\r\n").encode()


def starts(body: bytes, since: str = "2026-01-01", until: str = "2026-02-01") -> list[str]:
    window = (datetime.fromisoformat(since).replace(tzinfo=UTC), datetime.fromisoformat(until).replace(tzinfo=UTC))
    return [f"{o.start:%m-%d %H:%M} {o.summary}" for o in occurrences(body, *window, BERLIN)]


WEEKLY = "UID:w\nSUMMARY:meet\nDTSTART;TZID=Europe/Berlin:20260105T090000\nRRULE:FREQ=WEEKLY"


@pytest.mark.parametrize(
    ("event", "found"),
    [
        ("UID:1\nSUMMARY:utc\nDTSTART:20260110T090000Z", ["01-10 09:00 utc"]),
        ("UID:1\nSUMMARY:floating\nDTSTART:20260110T090000", ["01-10 08:00 floating"]),
        ("UID:1\nSUMMARY:day\nDTSTART;VALUE=DATE:20260110", ["01-09 23:00 day"]),
        ("UID:1\nDTSTART:20260110T090000Z", ["01-10 09:00 (no title)"]),
        ("UID:1\nSUMMARY:off\nSTATUS:CANCELLED\nDTSTART:20260110T090000Z", []),
        ("UID:1\nSUMMARY:x\nDTSTART:20260110T090000Z\nRRULE:FREQ=SECONDLY", ["01-10 09:00 x"]),
        ("UID:1\nSUMMARY:x\nDTSTART:20260110T090000Z\nRRULE:FREQ=DAILY;COUNT=2", ["01-10 09:00 x", "01-11 09:00 x"]),
        ("UID:1\nSUMMARY:x\nDTSTART:20260110T090000Z\nRDATE:20260112T100000Z", ["01-10 09:00 x", "01-12 10:00 x"]),
        ("UID:1\nSUMMARY:a\\, b\\nc\nDTSTART:20260110T090000Z", ["01-10 09:00 a, b c"]),
        (f"{WEEKLY};UNTIL=20260112T080000Z", ["01-05 08:00 meet", "01-12 08:00 meet"]),
        (f"{WEEKLY};BYDAY=MO,TH;UNTIL=20260112", ["01-05 08:00 meet", "01-08 08:00 meet", "01-12 08:00 meet"]),
        (f"{WEEKLY};UNTIL=20260126T080000Z\nEXDATE;TZID=Europe/Berlin:20260112T090000,20260119T090000",
         ["01-05 08:00 meet", "01-26 08:00 meet"]),
    ],
)  # fmt: skip
def test_events_take_place_as_rfc_5545_says(event: str, found: list[str]) -> None:
    assert starts(calendar(event)) == found


def test_a_rule_keeps_to_the_wall_clock_when_summer_time_begins() -> None:
    assert starts(calendar(WEEKLY), "2026-03-22", "2026-04-01") == ["03-23 08:00 meet", "03-30 07:00 meet"]


def test_one_time_of_a_rule_is_moved_and_another_cancelled() -> None:
    moved = "UID:w\nSUMMARY:moved\nRECURRENCE-ID;TZID=Europe/Berlin:20260112T090000\nDTSTART:20260113T100000Z"
    off = "UID:w\nSTATUS:CANCELLED\nRECURRENCE-ID;TZID=Europe/Berlin:20260119T090000\nDTSTART:20260119T080000Z"
    body = calendar(WEEKLY, moved, off)
    assert starts(body) == ["01-05 08:00 meet", "01-13 10:00 moved", "01-26 08:00 meet"]
    before = occurrences(calendar(WEEKLY), *WINDOW, BERLIN)
    after = occurrences(body, *WINDOW, BERLIN)
    assert before[1].key == after[1].key


WINDOW = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))


def test_one_event_that_cannot_be_read_does_not_hide_the_others() -> None:
    body = calendar("UID:1\nDTSTART:nonsense\nRRULE:FREQ=NEVER", "UID:2\nSUMMARY:ok\nDTSTART:20260110T090000Z")
    assert starts(body) == ["01-10 09:00 ok"]


@pytest.mark.parametrize("body", [b"", b"<html>", b"BEGIN:VCALENDAR", b"\xff\xfe"])
def test_what_is_no_calendar_is_told(body: bytes) -> None:
    with pytest.raises(CalendarError):
        starts(body)


def test_rules_that_never_come_true_are_given_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botkit.services.calendars.MOST_SECONDS", 0.1)
    never = "SUMMARY:x\nDTSTART:20260110T090000Z\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"
    with pytest.raises(CalendarError, match="seconds"):
        starts(calendar(f"UID:1\n{never}", f"UID:2\n{never}"))
