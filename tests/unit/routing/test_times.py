"""Times as people write them: what each text means, and what is refused rather than guessed."""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.routing.spans import NotATime, take_span
from botkit.routing.times import take_clock, take_day, take_moment

BERLIN = ZoneInfo("Europe/Berlin")
SATURDAY = datetime(2026, 11, 21, 14, 30, tzinfo=UTC)  # 15:30 in Berlin


def span(text: str) -> tuple[timedelta, str]:
    value, end = take_span(text)
    return value, text[end:]


def moment(text: str, now: datetime = SATURDAY, zone: Any = BERLIN) -> tuple[str, str]:
    value, end = take_moment(text, 0, now, zone)
    return value.isoformat(timespec="minutes"), text[end:]


@pytest.mark.parametrize(
    ("text", "seconds", "left"),
    [
        ("90s", 90, ""),
        ("30m", 1800, ""),
        ("30min", 1800, ""),
        ("1h30m", 5400, ""),
        ("1H30M", 5400, ""),
        ("1h 30m", 5400, ""),
        ("1 hour 30 minutes", 5400, ""),
        ("1 hour and 30 minutes", 5400, ""),
        ("2 days", 172_800, ""),
        ("2d", 172_800, ""),
        ("1w", 604_800, ""),
        ("1.5h", 5400, ""),
        ("1,5h", 5400, ""),
        ("PT90S", 90, ""),
        ("PT1H30M", 5400, ""),
        ("pt0.5s", 0.5, ""),
        ("P1DT2H", 93_600, ""),
        ("P2W", 1_209_600, ""),
        ("2h, please", 7200, " please"),
        ("5 minutes of fame", 300, " of fame"),
        ("1h 2h later", 3600, " 2h later"),  # not smaller: something else
        ("30m 1h", 1800, " 1h"),
        ("1h and so on", 3600, " and so on"),
    ],
)
def test_a_length_of_time(text: str, seconds: float, left: str) -> None:
    assert span(text) == (timedelta(seconds=seconds), left)


@pytest.mark.parametrize(
    "text", ["", "soon", "5", "5 m", "h", "-1h", "1x", "1hx", "P", "PT", "P1M", "1y", "１h", "1 000s", "99999999999h"]
)
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(NotATime):
        take_span(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("now", "2026-11-21T15:30+01:00"),
        ("in 2h", "2026-11-21T17:30+01:00"),
        ("in 2 hours", "2026-11-21T17:30+01:00"),
        ("2h", "2026-11-21T17:30+01:00"),
        ("PT2H", "2026-11-21T17:30+01:00"),
        ("2h ago", "2026-11-21T13:30+01:00"),
        ("16:00", "2026-11-21T16:00+01:00"),
        ("at 16:00", "2026-11-21T16:00+01:00"),
        ("15:30", "2026-11-22T15:30+01:00"),  # now is not ahead
        ("9:00", "2026-11-22T09:00+01:00"),
        ("9am", "2026-11-22T09:00+01:00"),
        ("9 pm", "2026-11-21T21:00+01:00"),
        ("12am", "2026-11-22T00:00+01:00"),
        ("12:30pm", "2026-11-22T12:30+01:00"),
        ("noon", "2026-11-22T12:00+01:00"),
        ("today 9:00", "2026-11-21T09:00+01:00"),  # past, and said so
        ("yesterday 9:00", "2026-11-20T09:00+01:00"),
        ("tomorrow 9:00", "2026-11-22T09:00+01:00"),
        ("tomorrow, 9:00", "2026-11-22T09:00+01:00"),
        ("Tomorrow at 9:00", "2026-11-22T09:00+01:00"),
        ("day after tomorrow 9:00", "2026-11-23T09:00+01:00"),
        ("friday 18:00", "2026-11-27T18:00+01:00"),
        ("next friday 18:00", "2026-11-27T18:00+01:00"),
        ("on fri at 6pm", "2026-11-27T18:00+01:00"),
        ("saturday 18:00", "2026-11-21T18:00+01:00"),  # today, still ahead
        ("saturday 9:00", "2026-11-28T09:00+01:00"),
        ("this saturday 9:00", "2026-11-28T09:00+01:00"),
        ("next saturday 18:00", "2026-11-28T18:00+01:00"),  # never today
        ("24.12. 18:00", "2026-12-24T18:00+01:00"),
        ("1.2. 18:00", "2027-02-01T18:00+01:00"),
        ("1.2.2026 18:00", "2026-02-01T18:00+01:00"),
        ("24 dec 18:00", "2026-12-24T18:00+01:00"),
        ("december 24th 18:00", "2026-12-24T18:00+01:00"),
        ("24 December 2027 18:00", "2027-12-24T18:00+01:00"),
        ("29 feb 12:00", "2028-02-29T12:00+01:00"),
        ("2026-12-24 18:00", "2026-12-24T18:00+01:00"),
        ("2026-12-24T18:00", "2026-12-24T18:00+01:00"),
        ("2026-07-24T18:00:30", "2026-07-24T18:00+02:00"),
        ("2026-12-24T18:00Z", "2026-12-24T19:00+01:00"),
        ("2026-12-24T18:00:00+05:30", "2026-12-24T13:30+01:00"),
        ("2026-12-24t18:00z", "2026-12-24T19:00+01:00"),
        ("tomorrow 9:00 UTC", "2026-11-22T09:00+00:00"),
        ("tomorrow 9:00 America/New_York", "2026-11-22T09:00-05:00"),
        ("tomorrow 9:00+02:00", "2026-11-22T09:00+02:00"),
    ],
)
def test_a_moment_in_the_asker_s_zone(text: str, meant: str) -> None:
    assert moment(text) == (meant, "")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("tomorrow 9:00 buy milk", " buy milk"),
        ("in 2h 30m tea", " tea"),
        ("friday 18:00, at the pub", " at the pub"),
        ("9 pm maybe", " maybe"),
        ("9:00 and/or later", " and/or later"),
        ("24 dec 18:00 2026 things", " 2026 things"),
    ],
)
def test_what_follows_a_moment_is_left(text: str, left: str) -> None:
    assert moment(text)[1] == left


@pytest.mark.parametrize(
    "text",
    [
        "", "soon", "tomorrow", "friday", "next 9:00", "9", "25:00", "12:60", "13pm", "0am", "03/04 9:00",
        "30 feb 9:00", "2026-13-01 9:00", "2026-02-30T09:00", "2026-11-21T25:00", "at", "in", "in soon",
        "next next friday 9:00",         "9999-12-31T23:00-10:00", "in 999999999 weeks",
    ],
)  # fmt: skip
def test_what_has_two_meanings_or_none_is_refused(text: str) -> None:
    with pytest.raises(NotATime):
        moment(text)


def test_a_time_that_clocks_skip_is_refused() -> None:
    march = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
    with pytest.raises(NotATime, match="skip 02:30 on 2026-03-29"):
        moment("tomorrow 2:30", march)
    assert moment("tomorrow 3:30", march)[0] == "2026-03-29T03:30+02:00"


def test_of_a_time_that_comes_twice_the_first_is_meant() -> None:
    october = datetime(2026, 10, 24, 12, 0, tzinfo=UTC)
    assert moment("tomorrow 2:30", october)[0] == "2026-10-25T02:30+02:00"
    assert moment("2026-10-25T02:30+01:00", october)[0] == "2026-10-25T02:30+01:00"


def test_a_length_passes_whatever_clocks_do() -> None:
    march = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
    assert moment("in 24h", march)[0] == "2026-03-29T14:00+02:00"
    assert moment("tomorrow 13:00", march)[0] == "2026-03-29T13:00+02:00"


def test_days_and_times_of_day_alone() -> None:
    assert take_day("tomorrow lunch", 0, SATURDAY, BERLIN) == (date(2026, 11, 22), 8)
    assert take_day("today", 0, datetime(2026, 11, 21, 23, 30, tzinfo=UTC), BERLIN)[0] == date(2026, 11, 22)
    assert take_clock("6pm tea") == (time(18), 3)
    for wrong in ("soon", "9"):
        with pytest.raises(NotATime):
            take_day(wrong, 0, SATURDAY, BERLIN)
        with pytest.raises(NotATime):
            take_clock(wrong)


WORDS = st.sampled_from(
    re.split(
        " ",
        "in at on next this now today tomorrow friday 24 dec 2026 24.12. 9:00 9 pm 9am 2h 30m and ago UTC "
        "Europe/Berlin PT2H 2026-12-24 2026-12-24T18:00Z 25:99 , day after Foo/Bar -1 9:00+99:99",
    )
)


@given(
    st.lists(WORDS | st.text(max_size=6)).map(" ".join), st.sampled_from([UTC, BERLIN, timezone(timedelta(hours=-9))])
)
def test_no_text_raises_anything_but_that_it_is_no_time(text: str, zone: Any) -> None:
    for take in (take_moment, take_day):
        with contextlib.suppress(NotATime):
            value, end = take(text, 0, SATURDAY, zone)
            assert 0 < end <= len(text)
            assert not isinstance(value, datetime) or value.tzinfo is not None


@given(st.integers(0, 4_000_000_000))
def test_what_is_written_by_iso_comes_back(seconds: int) -> None:
    at = datetime.fromtimestamp(seconds, UTC)
    assert take_moment(at.isoformat(), 0, SATURDAY, BERLIN)[0] == at
