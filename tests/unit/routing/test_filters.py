"""Filters: what passes, and how they combine."""

from __future__ import annotations

import time
from typing import Any

import pytest

from botkit.errors import BadAddress
from botkit.model.address import Address
from botkit.model.events import BotStarted, DirectMessage, Event, OccupantJoined, RoomMessage
from botkit.model.messages import Attachment, Content, MessageId, Reply, Source, Text
from botkit.model.rooms import Affiliation, Role
from botkit.routing.context import Context, ModuleStorage, Services
from botkit.routing.filters import (
    Filter,
    Links,
    Yield,
    addressed,
    caught_up,
    contains,
    from_affiliation,
    from_member,
    from_moderator,
    from_role,
    from_self,
    has_link,
    in_room,
    is_correction,
    is_reply,
    live,
    matches,
    predicate,
    starts_with,
)
from botkit.routing.handles import RoomHandle
from botkit.storage.memory import MemoryValues
from botkit.testing.fakes import NOON, FakeClock, FakeLink, FakeLog, make_occupant, make_room

ROOM = Address.parse("room@rooms.example.org")
LINK = FakeLink("bot@example.org/x")
LINK.add_room(make_room(ROOM, nick="bot"))


def message(body: str = "hello", **more: Any) -> RoomMessage:
    author = make_occupant(ROOM, "alice", **{k: more.pop(k) for k in ("affiliation", "role", "known") if k in more})
    source = more.pop("source", Source.LIVE)
    content = Content(body=body, bodies=(Text(body),), **more)
    return RoomMessage(at=NOON, room=ROOM, author=author, content=content, source=source)


def passes(wanted: Filter, event: Event) -> bool | Yield:
    services = Services(link=LINK, clock=FakeClock(), log=FakeLog(), spawn=lambda work, name: None)
    room = RoomHandle(ROOM, LINK) if hasattr(event, "room") else None
    storage = ModuleStorage(MemoryValues(), "m")
    return wanted.check(event, Context(event, services, module="m", config=None, storage=storage, room=room))


DIRECT = DirectMessage(at=NOON, sender=Address.parse("bob@example.org/x"), content=Content(body="hello"))
JOINED = OccupantJoined(at=NOON, room=ROOM, author=make_occupant(ROOM, "alice"))


@pytest.mark.parametrize(
    ("wanted", "event", "expected"),
    [
        (contains("ell"), message("hello"), False),
        (contains("HELLO", "x"), message("well, hello!"), True),
        (contains("c++"), message("c++ is"), True),
        (contains(), message("hello"), False),
        (contains("hello"), JOINED, False),
        (starts_with("he", "x"), message("hello"), True),
        (starts_with("el"), message("hello"), False),
        (is_correction, message(replaces=MessageId("1")), True),
        (is_correction, message(), False),
        (is_reply, message(reply=Reply("1")), True),
        (from_member, message(affiliation=Affiliation.MEMBER), True),
        (from_member, message(), False),
        (from_member, message(affiliation=Affiliation.OWNER, known=False), False),
        (from_affiliation(Affiliation.ADMIN), message(affiliation=Affiliation.OWNER), True),
        (from_moderator, message(role=Role.MODERATOR), True),
        (from_role(Role.PARTICIPANT), message(role=Role.VISITOR), False),
        (from_member, DIRECT, False),
        (from_self, message(), False),
        (from_self, DirectMessage(at=NOON, sender=Address.parse("bot@example.org/y"), content=Content()), True),
        (in_room("room@rooms.example.org"), message(), True),
        (in_room("other@rooms.example.org"), message(), False),
        (in_room("other@rooms.example.org"), DIRECT, False),
        (addressed, message("bot: hello"), True),
        (addressed, message("@Bot, hello"), True),
        (addressed, message("both: hello"), False),
        (addressed, message("hello bot"), False),
        (addressed, DIRECT, True),
        (addressed, BotStarted(at=NOON), False),
        (live, message(), True),
        (live, message(source=Source.ARCHIVE), False),
        (live, JOINED, True),
        (caught_up, message(source=Source.ARCHIVE), True),
        (~contains("x") & starts_with("he"), message("hello"), True),
        (contains("x") | starts_with("he"), message("hello"), True),
        (~(contains("x") | starts_with("he")), message("hello"), False),
    ],
)
def test_what_passes(wanted: Filter, event: Event, expected: bool) -> None:
    assert bool(passes(wanted, event)) is expected


def yielded(wanted: Filter, event: Event) -> tuple[object, ...]:
    passed = passes(wanted, event)
    return passed.values if isinstance(passed, Yield) else ()


@pytest.mark.parametrize(
    ("body", "links"),
    [
        ("see https://example.org/a, and www.example.org!", ("https://example.org/a", "www.example.org")),
        ("(http://example.org/a_(b))", ("http://example.org/a_(b",)),
        ("xmpp:room@rooms.example.org?join", ("xmpp:room@rooms.example.org?join",)),
        ("no link: at all", ()),
        ("HTTPS://EXAMPLE.ORG", ("HTTPS://EXAMPLE.ORG",)),
    ],
)
def test_links_are_found_and_yielded(body: str, links: tuple[str, ...]) -> None:
    assert yielded(has_link, message(body)) == ((Links(links),) if links else ())


def test_links_are_found_wherever_a_client_shows_them() -> None:
    assert passes(has_link, message("", attachments=(Attachment("https://example.org/x"),)))
    assert passes(has_link, message("hello", html="https://example.org/x"))


def test_values_come_in_the_order_of_the_types() -> None:
    both = matches("h(.)") & has_link
    assert [t.__name__ for t in both.yields] == ["Match", "Links"]
    match, links = yielded(both, message("hi www.example.org"))
    assert match[1] == "i"  # type: ignore[index]
    assert links == ("www.example.org",)
    assert yielded(contains("hi") & has_link, message("hi www.example.org")) == (("www.example.org",),)
    assert yielded(has_link & contains("hi"), message("hi www.example.org")) == (("www.example.org",),)


def test_either_of_two_that_yield_the_same_yields_it() -> None:
    either = matches("a(.)") | matches("b(.)")
    (match,) = yielded(either, message("bx"))
    assert match[1] == "x"  # type: ignore[index]
    assert (has_link | matches("a")).yields == ()
    assert yielded(has_link | matches("a"), message("a")) == ()


def test_a_predicate_looks_only_at_the_events_that_it_names() -> None:
    @predicate
    def short(event: RoomMessage | DirectMessage, ctx: Context) -> bool:
        return len(event.text) < 6

    assert passes(short, message("hello"))
    assert passes(short, DIRECT)
    assert not passes(short, message("hello there"))
    assert not passes(short, JOINED)
    assert repr(short & ~has_link) == "(short & ~_links)"


def test_a_room_that_is_no_jid_is_refused_at_once() -> None:
    with pytest.raises(BadAddress):
        in_room("@")


def test_looking_for_links_takes_linear_time() -> None:
    hostile = message("www." + "a" * 100_000 + " http" * 20_000)
    started = time.perf_counter()
    passes(has_link, hostile)
    assert time.perf_counter() - started < 1
