"""Whatever JSON comes: a report or a ``BadPayload``, and texts that a room can bear."""

from __future__ import annotations

import json
from contextlib import suppress
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botkit.errors import BadPayload
from botkit.services.hooks.desk import _REPORTS
from botkit.services.hooks.payload import Payload, parse
from tests.unit.services.hooks import payloads as p

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
GITHUB = {
    "push": p.push(),
    "issues": p.issue(),
    "pull_request": p.pull(),
    "release": p.RELEASE,
    "workflow_run": p.workflow(),
}
SAMPLES: list[tuple[str, str, dict[str, Any]]] = [
    *(("github", event, payload) for event, payload in GITHUB.items()),
    ("gitea", "push", p.GITEA_PUSH),
    *(
        ("gitlab", "", one)
        for one in (p.GITLAB_PUSH, p.GITLAB_TAG, p.GITLAB_MERGE, p.GITLAB_ISSUE, p.GITLAB_NOTE, p.GITLAB_RELEASE)
    ),
    ("gitlab", "", p.pipeline()),
    ("alertmanager", "", p.alertmanager()),
    ("grafana", "", p.grafana()),
]


def paths(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a payload."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [*([path] if path else []), *(one for key, each in inner for one in paths(each, (*path, key)))]


@pytest.mark.parametrize(
    ("format_", "event", "payload"), SAMPLES, ids=lambda value: value if isinstance(value, str) else ""
)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_payload_with_something_else_in_it(format_: str, event: str, payload: dict[str, Any], data: Any) -> None:
    changed = deepcopy(payload)
    for path in data.draw(st.lists(st.sampled_from(paths(payload)), min_size=1, max_size=3)):
        place: Any = changed
        try:
            for step in path[:-1]:
                place = place[step]
            place[path[-1]] = data.draw(JSON)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    value = parse(json.dumps(changed).encode(), "application/json")
    assert isinstance(value, dict)
    try:
        report = _REPORTS[format_]({f"x-{format_}-event": event}, Payload(value))
    except BadPayload:
        return
    for said in report.said:
        assert 0 < len(said.text) < 4000
        assert said.text.count("\n") < 8
        assert said.key != ""


@given(st.binary(max_size=200))
def test_bytes_are_json_or_told_not_to_be(body: bytes) -> None:
    for kind in ("application/json", "application/x-www-form-urlencoded"):
        with suppress(ValueError):
            parse(body, kind)
