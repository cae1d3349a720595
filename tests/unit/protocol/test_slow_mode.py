from __future__ import annotations

import pytest

from botkit.protocol.muc import ROOM_INFO, slow_mode


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("20", 20.0), (" 5 ", 5.0), ("0", None), ("", None), ("-3", None), ("2.5", None), ("\N{SUPERSCRIPT TWO}", None),
     ("9" * 400, 86_400.0)],
)  # fmt: skip
def test_slow_mode_is_a_positive_number_of_seconds(value: str, seconds: float | None) -> None:
    assert slow_mode({ROOM_INFO: {"muc#roominfo_slow_mode_duration": (value,)}}) == seconds


def test_a_room_without_slow_mode_tells_none() -> None:
    assert slow_mode({}) is None
    assert slow_mode({ROOM_INFO: {"muc#roominfo_slow_mode_duration": ()}}) is None
