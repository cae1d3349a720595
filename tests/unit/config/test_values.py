"""Texts that become lengths of time, addresses and paths."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.model.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("1h30m", 5400), ("1h 30min", 5400), ("2d", 172_800), ("1w", 604_800), ("250ms", 0.25), ("0s", 0)],
)
def test_lengths_of_time_are_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "90", "s", "1h30", "-1h", "1.5h", "1 year", "999999999w", "١h", "1h\n1m"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a length of time"):
        parse_duration(text)


@given(st.integers(0, 10**12))
def test_a_written_length_reads_back(milliseconds: int) -> None:
    span = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(span)) == span
