"""Whatever comes over the socket, from either side, is answered or refused in words."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from botkit.control.answers import answer
from botkit.control.client import _result
from botkit.errors import ControlError
from botkit.model.plain import from_plain, to_plain
from botkit.model.status import BotStatus
from tests.unit.control.test_control import FakeView

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
ASKED = st.fixed_dictionaries(
    {"do": st.sampled_from(["status", "retry", "log", "reload", "dance", "jobs", "job", "act", "send", ""]) | JSON},
    optional={
        "accounts": JSON,
        "room": JSON,
        "level": JSON,
        "account": JSON | st.just("keeper@example.org"),
        "name": JSON,
        "action": JSON,
        "wait": JSON,
        "post": JSON,
    },
)


@settings(max_examples=300, deadline=None)
@given(st.binary() | ASKED.map(lambda request: json.dumps(request).encode()))
def test_every_line_gets_an_answer_that_is_json(line: bytes) -> None:
    found = asyncio.run(answer(FakeView(), line))
    assert json.loads(json.dumps(found))["ok"] in (True, False)


@settings(max_examples=300)
@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_every_answer_is_understood_or_refused(line: bytes) -> None:
    try:
        _result(Path("bot.sock"), line)
    except ControlError:
        pass


@st.composite
def changed(draw: st.DrawFn) -> object:
    """A status with one value of it, anywhere, replaced."""
    plain = to_plain(FakeView().status())
    place: object = plain
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))  # type: ignore[arg-type]
        key = draw(st.sampled_from(keys))
        below = place[key]  # type: ignore[index]
        if not isinstance(below, dict | list) or not below or draw(st.booleans()):
            place[key] = draw(JSON)  # type: ignore[index]
            return plain
        place = below


@settings(max_examples=300)
@given(changed())
def test_a_status_with_anything_in_it_is_read_or_refused(plain: object) -> None:
    try:
        assert isinstance(from_plain(BotStatus, plain), BotStatus)
    except ValueError:
        pass
