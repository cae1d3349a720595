"""Rooms that we are in are looked after: self-pings (XEP-0410) and capabilities."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from botkit.errors import ItemNotFound, LinkClosed, RequestTimeout, StanzaError
from botkit.model.address import Address
from botkit.model.capabilities import Capability
from botkit.model.events import ErrorReceived, RoomNotice
from botkit.model.room_events import CapabilitiesChanged
from botkit.model.rooms import MODERATE_1, Affiliation, Role, RoomState
from botkit.session.settings import Keeping
from botkit.session.supervisor import MUC
from botkit.testing.fakes import NOON
from tests.unit.session.presences import ROOM, at, gone, presence
from tests.unit.session.stage import A_ROOM, ESTABLISHED, LOST, OTHER, Stage, opened

SILENCE = 100.0
ANSWERS: list[tuple[Exception | None, str]] = [
    (None, "in"),
    (StanzaError.of("service-unavailable", "cancel"), "in"),
    (StanzaError.of("feature-not-implemented", "cancel"), "in"),
    (StanzaError.of("item-not-found", "cancel"), "asked again"),
    (StanzaError.of("remote-server-not-found", "cancel"), "unknown"),
    (StanzaError.of("remote-server-timeout", "wait"), "unknown"),
    (RequestTimeout("no answer"), "unknown"),
    (StanzaError.of("not-acceptable", "cancel"), "out"),
    (StanzaError.of("not-allowed", "cancel"), "out"),
    (StanzaError.of("bad-request", "modify"), "out"),
    (StanzaError.of("undefined-condition", "cancel"), "out"),
    (LinkClosed("away"), "in"),
]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with opened(Keeping(silence=SILENCE, features_every=3600)) as made:
        yield made


def changes(stage: Stage) -> list[CapabilitiesChanged]:
    return [event for event in stage.events if isinstance(event, CapabilitiesChanged)]


@pytest.mark.parametrize(("pong", "follows"), ANSWERS, ids=[f"{type(a).__name__}-{a}" for a, _ in ANSWERS])
async def test_answer_to_a_self_ping(stage, pong, follows):
    await stage.enter()
    stage.wire.pong = pong
    for _ in range(int(SILENCE)):
        if not stage.wire.pinged:
            await stage.after(1)
    assert stage.wire.pinged == [at("bot")]
    info = stage.rooms.info(ROOM)
    assert (RoomState.LOST in stage.states()) is (follows == "out")
    assert (info.unanswered > 0) is (follows == "unknown")
    if follows == "out":
        assert info.state is RoomState.WAITING
        assert "does not know us" in info.reason
        assert str(pong.condition) in info.reason
    elif follows == "unknown":
        stage.wire.pong = None
        await stage.after(65)
        assert len(stage.wire.pinged) >= 2
        assert stage.rooms.info(ROOM).unanswered == 0
    elif follows == "asked again":
        stage.wire.pong = None
        await stage.after(15)
        assert len(stage.wire.pinged) == 2
        assert stage.rooms.info(ROOM).state is RoomState.JOINED


async def test_room_that_knows_nobody_under_our_nick_twice_is_entered_again(stage):
    await stage.enter()
    stage.wire.pong = StanzaError.of("item-not-found", "cancel")
    await stage.after(SILENCE + 20)
    assert RoomState.LOST in stage.states()


async def test_room_that_speaks_is_not_pinged(stage):
    await stage.enter()
    await stage.enter(OTHER)
    for _ in range(40):
        stage.rooms.occupant(at("alice"))  # decoding asks who sent a message
        stage.rooms.present(OTHER.with_resource("alice"))  # and a handler who is there
        await stage.after(10)
    assert set(stage.wire.pinged) == {OTHER.with_resource("bot")}


async def test_no_self_ping_while_the_session_sleeps_and_one_of_every_room_once_it_is_resumed(stage):
    await stage.enter()
    stage.rooms.on_stream(LOST)
    await stage.after(5 * SILENCE)
    assert stage.wire.pinged == []
    stage.rooms.on_stream(replace(ESTABLISHED, resumed=True))
    await stage.after(6)
    assert stage.wire.pinged == [at("bot")]


async def test_answer_about_an_earlier_stay_says_nothing_of_this_one(stage):
    await stage.enter()
    held = asyncio.Event()

    async def request(*_: object, **__: object) -> None:
        await held.wait()
        raise StanzaError.of("not-acceptable", "cancel")

    stage.wire.request = request
    await stage.after(SILENCE + 5)
    stage.rooms.on_presence(gone("bot", 110, 307))
    await stage.until_state(RoomState.WAITING)
    await stage.after(2)
    stage.let_in()
    await stage.until_state(RoomState.JOINED)
    held.set()
    await stage.after(0.1)
    assert stage.rooms.info(ROOM).state is RoomState.JOINED


async def test_flood_of_bounces_and_presences_makes_few_questions(stage):
    await stage.enter()
    bounced = ErrorReceived(at=NOON, sender=ROOM, message_id=None, error=StanzaError.of("not-acceptable", "cancel"))
    for _ in range(100):
        for _ in range(50):
            stage.rooms.on_error(bounced)
            stage.rooms.on_notice(RoomNotice(at=NOON, room=ROOM, codes=frozenset({104})))
            for role in (Role.VISITOR, Role.PARTICIPANT):
                stage.rooms.on_presence(presence("bot", 110, role=role))
        await stage.after(0.1)
    assert len(stage.wire.pinged) <= 7  # in ten seconds
    assert len(stage.wire.asked) <= 8


@pytest.mark.parametrize("code", [104, 170, 171, 172, 173, 174])
async def test_features_are_asked_again_when_the_room_says_that_they_changed(stage, code):
    await stage.enter()
    stage.wire.disco[ROOM] = replace(A_ROOM, features=frozenset({MUC, "muc_nonanonymous"}))
    stage.rooms.on_notice(RoomNotice(at=NOON, room=ROOM, codes=frozenset({code})))
    await stage.until(lambda: changes(stage))
    assert changes(stage)[0].gained == {Capability.SEE_JIDS}


async def test_features_are_asked_again_every_few_hours(stage):
    await stage.enter()
    stage.wire.disco[ROOM] = replace(A_ROOM, features=frozenset({MUC, "urn:xmpp:mam:2"}))
    await stage.after(3700)
    assert changes(stage)[0].gained == {Capability.READ_ARCHIVE}
    assert len(stage.wire.asked) == 2


async def test_rights_of_ours_that_change_are_told_and_features_asked_again(stage):
    stage.wire.disco[ROOM] = replace(A_ROOM, features=frozenset({MUC, MODERATE_1}))
    stage.join()
    await stage.until(lambda: stage.wire.sent)
    stage.rooms.on_presence(presence("bot", 110, affiliation=Affiliation.ADMIN, role=Role.MODERATOR))
    await stage.until_state(RoomState.JOINED)
    assert changes(stage) == []  # what it began with is no change
    stage.rooms.on_presence(presence("bot", 110, affiliation=Affiliation.NONE, role=Role.VISITOR))
    (event,) = changes(stage)
    assert {Capability.SPEAK, Capability.KICK, Capability.BAN, Capability.RETRACT} <= event.lost
    assert "no admin" in event.now.why_not(Capability.BAN)
    await stage.until(lambda: len(stage.wire.asked) == 2)
    stage.rooms.on_presence(presence("bot", 110, affiliation=Affiliation.ADMIN, role=Role.MODERATOR))
    assert changes(stage)[1].gained == event.lost


async def test_right_lost_over_an_absence_is_told_after_coming_back(stage):
    stage.join()
    await stage.until(lambda: stage.wire.sent)
    stage.rooms.on_presence(presence("bot", 110, affiliation=Affiliation.ADMIN, role=Role.MODERATOR))
    await stage.until_state(RoomState.JOINED)
    stage.rooms.on_presence(gone("bot", 110, 307))
    await stage.until_state(RoomState.WAITING)
    assert changes(stage) == []
    await stage.after(2.1)
    await stage.until(lambda: len(stage.wire.sent) == 2)
    stage.let_in()
    await stage.until_state(RoomState.JOINED)
    assert Capability.BAN in changes(stage)[0].lost


async def test_room_destroyed_while_its_features_are_asked_is_refused_with_its_own_word(stage):
    await stage.enter()
    stage.wire.gate.clear()
    stage.wire.disco[ROOM] = ItemNotFound("item-not-found", "cancel")
    stage.rooms.on_notice(RoomNotice(at=NOON, room=ROOM, codes=frozenset({104})))
    await stage.until(lambda: len(stage.wire.asked) == 2)
    stage.wire.gate.set()
    stage.rooms.on_presence(gone("bot", 110, destroyed=Address.parse("new@rooms.example.org")))
    await stage.until_state(RoomState.REFUSED)
    info = stage.rooms.info(ROOM)
    assert "it goes on at new@rooms.example.org" in info.reason
    assert info.moved_to == Address.parse("new@rooms.example.org")
    await stage.after(10)
    assert stage.states()[-1] is RoomState.REFUSED


async def test_room_that_is_not_there_when_asked_what_it_can_do_is_pinged(stage):
    await stage.enter()
    stage.wire.disco[ROOM] = ItemNotFound("item-not-found", "cancel")
    stage.rooms.on_notice(RoomNotice(at=NOON, room=ROOM, codes=frozenset({104})))
    await stage.until(lambda: stage.wire.pinged == [at("bot")])
