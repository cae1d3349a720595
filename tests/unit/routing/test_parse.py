"""Command lines of all kinds: reading one raises its own error or nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Ge, Le
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from botkit.errors import MisuseError
from botkit.model.address import Address
from botkit.model.events import RoomMessage
from botkit.model.messages import Content
from botkit.model.rooms import Affiliation, Occupant
from botkit.routing.commands import Command, load_command
from botkit.routing.constraints import Expected, check_of
from botkit.routing.context import Context, ModuleStorage, Services
from botkit.routing.converters import Range
from botkit.routing.handles import RoomHandle
from botkit.routing.router import Router
from botkit.routing.syntax import CommandSyntax
from botkit.routing.texts import sayable
from botkit.routing.words import UsageError
from botkit.storage.memory import MemoryValues
from botkit.testing.fakes import NOON, FakeClock, FakeLink, FakeLog, make_occupant, make_room

ROOM = Address.parse("room@rooms.example.org")
LINK = FakeLink()
LINK.add_room(make_room(ROOM))
for _nick in ("alice", "bob", "bob the builder", '"quoted"', "❤"):
    LINK.set_occupant(make_occupant(ROOM, _nick))


def no_tasks(work: Any, name: str) -> None:
    raise AssertionError(name)


def context() -> Context[Any]:
    message = RoomMessage(at=NOON, room=ROOM, author=make_occupant(ROOM, "alice"), content=Content(body="x"))
    services = Services(link=LINK, clock=FakeClock(), log=FakeLog(), spawn=no_tasks)
    storage = ModuleStorage(MemoryValues(), "m")
    return Context(message, services, module="m", config=None, storage=storage, room=RoomHandle(ROOM, LINK))


def command(handler: Any) -> Command:
    router = Router("m")
    router.command("c")(handler)
    loaded, mistakes = load_command(router.commands[0], "m", {})
    assert loaded is not None, mistakes
    return loaded


async def _some(
    who: Occupant,
    number: int,
    share: float,
    yes: bool,
    span: timedelta,
    jid: Address,
    room: RoomHandle,
    level: Affiliation = Affiliation.NONE,
    word: Literal["a", "b"] = "a",
    *,
    flag: bool = False,
    rest: str = "",
) -> None: ...


async def _many(*all_of_it: timedelta, flag: bool = False) -> None: ...


async def _someone(*, who: Occupant) -> None: ...


TEXTS = st.one_of(
    st.text(),
    st.lists(
        st.one_of(
            st.text(max_size=8),
            st.sampled_from(["alice", '"bob the builder"', "@bob:", "7", "yes", "1h", "PT", "a@b", "--flag", '"']),
        )
    ).map(" ".join),
)


@pytest.mark.parametrize("handler", [_some, _many, _someone])
@given(text=TEXTS)
def test_no_line_raises_anything_but_a_usage_error(handler: Any, text: str) -> None:
    loaded = command(handler)
    values, fault = None, None
    try:
        values = loaded.parse(text, context())
    except UsageError as problem:
        fault = problem
    if values is not None:
        assert set(values) == {p.name for p in loaded.parameters}
    else:
        assert fault is not None
        assert str(fault)
        assert 0 <= fault.start <= fault.end <= len(text)


@given(text=TEXTS)
def test_no_message_breaks_the_search_for_a_command(text: str) -> None:
    message = RoomMessage(at=NOON, room=ROOM, author=make_occupant(ROOM, "alice"), content=Content(body=text))
    found = CommandSyntax(("!", "++")).find(message, LINK)
    assert found is None or (found.name and 0 < found.at <= len(text))


def test_the_rest_of_the_line_may_be_a_nick_with_spaces() -> None:
    assert command(_someone).parse("bob the builder", context())["who"].nick == "bob the builder"


def test_several_prefixes_are_taken_and_the_first_is_shown() -> None:
    message = RoomMessage(at=NOON, room=ROOM, author=make_occupant(ROOM, "alice"), content=Content(body="++do it"))
    found = CommandSyntax(("!", "++")).find(message, LINK)
    assert found is not None
    assert (found.name, found.text[found.at :], found.prefix) == ("do", "it", "!")


@pytest.mark.parametrize(
    ("room", "text", "name"),
    [
        ("room", "!do", "do"),
        ("room", ".do", None),
        ("den", ".do", "do"),
        ("den", "??do", "do"),
        ("den", "!do", None),
        ("quiet", "!do", None),
        ("quiet", "bot: do", "do"),
    ],
)
def test_a_room_may_have_prefixes_of_its_own(room: str, text: str, name: str | None) -> None:
    link, here = FakeLink(), Address.parse(f"{room}@rooms.example.org")
    link.add_room(make_room(here))
    own = {Address.parse("den@rooms.example.org"): (".", "??"), Address.parse("quiet@rooms.example.org"): ()}
    message = RoomMessage(at=NOON, room=here, author=make_occupant(here, "alice"), content=Content(body=text))
    found = CommandSyntax(("!",), own).find(message, link)
    assert (found.name if found is not None else None) == name
    assert found is None or found.prefix == {"room": "!", "den": ".", "quiet": ""}[room]


@pytest.mark.parametrize(
    ("value", "constraints", "said"),
    [
        (5, (Range(1, 10),), None),
        (0, (Range(1),), "at least 1"),
        (11, (Range(None, 10),), "at most 10"),
        (0, (Ge(1), Le(10)), "from 1 to 10"),
        (11, (Ge(1), Le(10)), "from 1 to 10"),
        (0, (Field(ge=1),), "at least 1"),
        (5, (Field(ge=1),), None),
        ("abc", (Field(max_length=2),), "a length of at most 2"),
        (5, ("a text is no constraint",), None),
    ],
)
def test_limits_say_what_they_expect(value: Any, constraints: tuple[Any, ...], said: str | None) -> None:
    check = check_of(type(value), constraints)
    try:
        assert check is None or check(value) == value
        found = None
    except Expected as problem:
        found = str(problem)
    assert found == said


async def _limited(number: Annotated[int, Ge(1)] | None = None) -> None: ...


def test_limits_inside_of_an_optional_count() -> None:
    loaded = command(_limited)
    assert loaded.parse("", context()) == {"number": None}
    with pytest.raises(UsageError, match="at least 1"):
        loaded.parse("0", context())


def test_a_text_fit_to_be_sent_has_no_character_that_xml_forbids() -> None:
    assert sayable("a\x00b\x1bc\ufffed\ud800e\tf\ng❤") == "a\ufffdb\ufffdc\ufffdd\ufffde\tf\ng❤"
    for wrong in ("", " \n", "x" * 10_001):
        with pytest.raises(MisuseError):
            sayable(wrong)
