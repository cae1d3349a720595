"""The tables of docs/rooms.md are what the code does: they are made of the same data."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from botkit.model.capabilities import Capability
from botkit.model.rooms import RoomState
from botkit.session.life import TRANSITIONS, Cause
from botkit.session.verdicts import DEPARTED, JOIN_ERRORS, SELF_PING, Next

PAGE = Path(__file__).resolve().parents[2] / "docs" / "rooms.md"
FOLLOWS = {
    Next.RETRY: "tried again",
    Next.OTHER_NICK: "another nick is tried",
    Next.STOP: "**refused**",
}
CODES = {
    "KICKED": "307",
    "BANNED": "301",
    "AFFILIATION": "321",
    "MEMBERS_ONLY": "322",
    "SHUTDOWN": "332",
    "ERROR": "333, also with 307",
    "DESTROYED": "`<destroy/>`",
    "LEFT": "none of these",
}


def table(head: str, rows: Iterable[Iterable[str]]) -> str:
    count = head.count("|") - 1
    return "\n".join([head, "|" + "---|" * count, *("| " + " | ".join(row) + " |" for row in rows)])


def states() -> str:
    listed = sorted(TRANSITIONS.items(), key=lambda one: list(RoomState).index(one[0][0]))
    rows = ((f"`{state.value}`", cause.value, f"`{to.value}`") for (state, cause), to in listed)
    return table("| From | Because | To |", rows)


def join_errors() -> str:
    rows = [(f"`{name}`", FOLLOWS[one.next], one.reason) for name, one in JOIN_ERRORS.items()]
    rows.append(("any other, or none in 45 s", FOLLOWS[Next.RETRY], "the condition as it came"))
    return table("| The room answers | The room is | The bot says |", rows)


def departures() -> str:
    rows = ((CODES[how.name], FOLLOWS[one.next], one.reason) for how, one in DEPARTED.items())
    return table("| Status code | The room is | The bot says |", rows)


def self_ping() -> str:
    rows = [("no answer" if name == "timeout" else f"`{name}`", said.value) for name, said in SELF_PING.items()]
    rows.append(("any other error", "we are not in the room: it is entered again"))
    return table("| Answer | Means |", rows)


@pytest.mark.parametrize("made", [states, join_errors, departures, self_ping])
def test_table_of_the_page_is_made_of_the_data(made):
    assert made() in PAGE.read_text()


def test_every_cause_and_every_capability_is_used_and_named():
    assert {cause for _, cause in TRANSITIONS} == set(Cause)
    page = PAGE.read_text()
    assert all(f"`{capability.value}`" in page for capability in Capability)
