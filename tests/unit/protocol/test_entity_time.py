"""Entity time (XEP-0202)."""

from __future__ import annotations

from datetime import timedelta
from xml.etree.ElementTree import fromstring

import pytest

from botkit.protocol.entity_time import TIME_TAG, parse_offset, query


def test_the_question_is_an_empty_element() -> None:
    asked = query()
    assert (asked.tag, len(asked), asked.attrib) == (TIME_TAG, 0, {})


@pytest.mark.parametrize(
    ("tzo", "hours"),
    [("-06:00", -6), ("+05:30", 5.5), ("Z", 0), (" +01:00 ", 1), ("+14:00", 14), ("+15:00", None), ("+1:00", None),
     ("0100", None), ("", None), ("+٠١:00", None)],
)  # fmt: skip
def test_the_offset_of_an_answer(tzo: str, hours: float | None) -> None:
    answer = fromstring(f"<time xmlns='urn:xmpp:time'><tzo>{tzo}</tzo><utc>2006-12-19T17:58:35Z</utc></time>")
    assert parse_offset(answer) == (None if hours is None else timedelta(hours=hours))


def test_an_answer_about_something_else_tells_nothing() -> None:
    assert parse_offset(None) is None
    assert parse_offset(fromstring("<time xmlns='x'><tzo>Z</tzo></time>")) is None
    assert parse_offset(fromstring("<time xmlns='urn:xmpp:time'/>")) is None
