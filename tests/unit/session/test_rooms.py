"""How rooms are kept, with a connection that does what the test says; real ones are in tests/server/test_rooms.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from botkit.errors import ItemNotFound, LinkClosed, MisuseError, RequestTimeout, StanzaError
from botkit.model.address import Address
from botkit.model.events import ErrorReceived, RoomNotice
from botkit.model.rooms import MAM_2, RoomState
from botkit.session.door import AT_ONCE
from botkit.session.supervisor import MUC
from botkit.testing.fakes import NOON
from tests.unit.session.presences import ROOM, gone, presence, refusal
from tests.unit.session.stage import A_ROOM, ESTABLISHED, LOST, OTHER, Stage, kinds, opened


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with opened() as made:
        yield made


async def test_room_is_asked_what_it_is_before_it_is_joined(stage):
    await stage.enter()
    assert stage.wire.asked == [ROOM]
    assert stage.states() == [RoomState.ASKING, RoomState.JOINING, RoomState.JOINED]
    info = stage.rooms.info(ROOM)
    assert (info.name, info.me.nick, info.occupants) == ("Lobby", "bot", 1)


async def test_many_rooms_of_one_service_are_entered_some_at_a_time_and_another_service_waits_for_none(stage):
    many = [Address.parse(f"r{number}@rooms.example.org") for number in range(AT_ONCE + 5)]
    elsewhere = Address.parse("room@rooms.example.net")
    stage.wire.gate.clear()
    for room in (*many, elsewhere):
        stage.join(room)
    await stage.until(lambda: elsewhere in stage.wire.asked)
    assert stage.wire.asked == [*many[:AT_ONCE], elsewhere]
    stage.wire.gate.set()
    await stage.until(lambda: len(stage.wire.sent) == AT_ONCE + 1)
    stage.let_in(many[3])
    # one is in, so the next comes, and one more since the service bears it
    await stage.until(lambda: many[AT_ONCE + 1] in stage.wire.asked)
    assert many[AT_ONCE + 2] not in stage.wire.asked


async def test_room_left_before_its_turn_is_never_asked(stage):
    many = [Address.parse(f"r{number}@rooms.example.org") for number in range(AT_ONCE)]
    for room in (*many, ROOM):
        stage.join(room)
    await stage.until(lambda: len(stage.wire.sent) == AT_ONCE)
    await stage.rooms.leave(ROOM)
    stage.let_in(many[0])
    await stage.until(lambda: stage.tasks[-1].done())
    assert ROOM not in stage.wire.asked
    assert stage.states() == []


async def test_nothing_is_sent_before_there_is_a_stream():
    stage = Stage()
    stage.join()
    await asyncio.sleep(0)
    assert not stage.wire.asked
    await stage.end()


@pytest.mark.parametrize("problem", [MisuseError("cannot be written"), StanzaError("undefined-condition", "cancel")])
async def test_what_cannot_be_sent_refuses_that_room_alone(stage, problem):
    await stage.enter(OTHER)
    stage.wire.refuses_to_send = problem
    stage.join()
    await stage.until_state(RoomState.REFUSED)
    assert str(problem) in stage.rooms.info(ROOM).reason
    assert stage.states(OTHER)[-1] is RoomState.JOINED


@pytest.mark.parametrize("problem", [LinkClosed("away"), RequestTimeout("no answer")])
async def test_trouble_of_the_network_is_waited_out(stage, problem):
    stage.wire.disco[ROOM] = problem
    stage.join()
    await stage.until_state(RoomState.WAITING)
    info = stage.rooms.info(ROOM)
    assert info.reason == str(problem)
    assert info.next_try > stage.clock.now()
    del stage.wire.disco[ROOM]
    await stage.after(2.0)
    await stage.until_state(RoomState.JOINING)


async def test_delay_grows_and_begins_anew_after_a_steady_visit(stage):
    stage.wire.disco[ROOM] = LinkClosed("away")
    stage.join()
    longest = []
    for _ in range(12):
        await stage.until_state(RoomState.WAITING)
        longest.append((stage.rooms.info(ROOM).next_try - stage.clock.now()).total_seconds())
        await stage.after(301)
    assert longest[0] <= 2.0
    assert max(longest) <= 300
    assert max(longest[6:]) > 2.0
    del stage.wire.disco[ROOM]
    await stage.after(301)
    await stage.until_state(RoomState.JOINING)
    stage.let_in()
    await stage.until_state(RoomState.JOINED)
    await stage.after(61)
    stage.rooms.on_presence(gone("bot", 110, 307))
    await stage.until_state(RoomState.WAITING)
    assert (stage.rooms.info(ROOM).next_try - stage.clock.now()).total_seconds() <= 2.0


async def test_taken_nicks_are_varied_and_given_up_after_some(stage):
    stage.join()
    for number in range(5):
        nick = "bot" if number == 0 else f"bot_{number + 1}"
        await stage.until(lambda count=number: len(stage.wire.sent) > count)
        assert stage.wire.sent[-1].get("to") == f"{ROOM}/{nick}"
        stage.rooms.on_presence(refusal(nick, "conflict"))
    await stage.until_state(RoomState.WAITING)
    assert "taken" in stage.rooms.info(ROOM).reason


async def test_nick_that_the_service_gave_us_is_ours(stage):
    stage.join()
    await stage.until(lambda: stage.wire.sent)
    stage.rooms.on_presence(presence("Bot-of-bob", 110, 210))
    await stage.until_state(RoomState.JOINED)
    assert stage.rooms.info(ROOM).me.nick == "Bot-of-bob"
    leaving = asyncio.create_task(stage.rooms.leave(ROOM))
    await stage.until(lambda: len(stage.wire.sent) == 2)
    assert kinds(stage.wire)[-1] == (f"{ROOM}/Bot-of-bob", "unavailable")
    stage.rooms.on_presence(gone("Bot-of-bob", 110))
    await leaving


async def test_room_that_vanished_between_asking_and_joining_is_not_made(stage):
    stage.join()
    await stage.until(lambda: stage.wire.sent)
    stage.let_in(ROOM, 201)
    await stage.until_state(RoomState.REFUSED)
    assert "create = true" in stage.rooms.info(ROOM).reason
    assert kinds(stage.wire)[-1] == (f"{ROOM}/bot", "unavailable")
    assert not stage.wire.requested


async def test_new_room_is_unlocked_and_asked_what_it_can_do(stage):
    stage.wire.disco[ROOM] = ItemNotFound("item-not-found", "cancel")
    stage.join(create=True)
    await stage.until(lambda: stage.wire.sent)
    stage.wire.disco[ROOM] = replace(A_ROOM, features=frozenset({MUC, MAM_2}))
    stage.let_in(ROOM, 201)
    await stage.until_state(RoomState.JOINED)
    assert stage.wire.requested[0].tag.endswith("muc#owner}query")
    assert stage.rooms.info(ROOM).archive


async def test_loss_of_the_stream_while_joining_is_a_new_try(stage):
    await stage.enter(OTHER)
    stage.join()
    await stage.until(lambda: len(stage.wire.sent) == 2)
    stage.rooms.on_stream(LOST)
    await stage.until_state(RoomState.WAITING)
    assert stage.states(OTHER)[-1] is RoomState.LOST
    await stage.after(10)
    assert len(stage.wire.asked) == 2
    stage.rooms.on_stream(replace(ESTABLISHED, resumed=True))
    assert stage.states(OTHER)[-1] is RoomState.JOINED
    await stage.until_state(RoomState.JOINING)


async def test_new_session_enters_every_room_again(stage):
    await stage.enter()
    await stage.enter(OTHER)
    stage.rooms.on_stream(LOST)
    assert stage.rooms.occupants(ROOM)  # as they were: the session may be resumed
    stage.rooms.on_stream(ESTABLISHED)
    assert stage.rooms.occupants(ROOM) == ()
    for room in (ROOM, OTHER):
        await stage.until_state(RoomState.WAITING, room)
    await stage.after(2.1)
    for room in (ROOM, OTHER):
        await stage.until_state(RoomState.JOINING, room)


@pytest.mark.parametrize("condition", ["not-acceptable", "item-not-found"])
async def test_message_that_the_room_refuses_from_outsiders_shows_that_we_are_out(stage, condition):
    await stage.enter()
    error = StanzaError.of(condition, "cancel")
    stage.rooms.on_error(ErrorReceived(at=NOON, sender=ROOM.with_resource("mallory"), message_id=None, error=error))
    assert stage.states()[-1] is RoomState.JOINED  # an occupant's word says nothing of us
    stage.rooms.on_error(ErrorReceived(at=NOON, sender=ROOM, message_id=None, error=error))
    await stage.until(lambda: stage.wire.pinged == [ROOM.with_resource("bot")])
    await stage.after(1)
    assert stage.states()[-1] is RoomState.JOINED  # a filter of the room refused the message, and not us
    stage.wire.pong = StanzaError.of("not-acceptable", "cancel")
    await stage.after(2)
    stage.rooms.on_error(ErrorReceived(at=NOON, sender=ROOM, message_id=None, error=error))
    await stage.until_state(RoomState.WAITING)
    assert stage.rooms.info(ROOM).me is None


async def test_changes_of_the_configuration_in_a_row_are_asked_for_once_more(stage):
    await stage.enter()
    stage.wire.gate.clear()
    changed = RoomNotice(at=NOON, room=ROOM, codes=frozenset({104}))
    stage.rooms.on_notice(changed)
    await stage.until(lambda: len(stage.wire.asked) == 2)
    for _ in range(1000):
        stage.rooms.on_notice(changed)
    assert len(stage.tasks) == 2
    stage.wire.disco[ROOM] = replace(A_ROOM, features=frozenset({MUC, MAM_2}))
    stage.wire.gate.set()
    await stage.until(lambda: stage.rooms.info(ROOM).archive)
    await stage.after(1)
    assert len(stage.wire.asked) == 2  # not more often than every two seconds
    await stage.after(1)
    await stage.until(lambda: len(stage.wire.asked) == 3)
    await stage.after(2)
    await stage.until(lambda: stage.tasks[1].done())
    stage.wire.disco[ROOM] = LinkClosed("away")
    stage.rooms.on_notice(changed)
    await stage.until(lambda: stage.tasks[2].done())
    assert stage.rooms.info(ROOM).archive  # what was known stays
    del stage.wire.disco[ROOM]
    stage.rooms.on_notice(changed)
    await stage.until(lambda: not stage.rooms.info(ROOM).archive)


async def test_leaving_while_asking_never_joins(stage):
    stage.wire.gate.clear()
    stage.join()
    await stage.until(lambda: stage.wire.asked)
    await stage.rooms.leave(ROOM)
    stage.wire.gate.set()
    await stage.until(lambda: stage.tasks[0].done())
    assert stage.wire.sent == []
    assert stage.states() == [RoomState.ASKING, RoomState.LEFT]


async def test_leaving_while_joining_tells_the_room(stage):
    stage.join()
    await stage.until(lambda: stage.wire.sent)
    leaving = asyncio.create_task(stage.rooms.leave(ROOM))
    await stage.until(lambda: len(stage.wire.sent) == 2)
    stage.let_in()
    stage.rooms.on_presence(gone("bot", 110))
    await leaving
    assert kinds(stage.wire) == [(f"{ROOM}/bot", ""), (f"{ROOM}/bot", "unavailable")]
    assert stage.states() == [RoomState.ASKING, RoomState.JOINING, RoomState.LEFT]
    assert stage.rooms.all() == ()
    await stage.until(lambda: stage.tasks[0].done())


@pytest.mark.parametrize("lost", [False, True])
async def test_leaving_ends_the_rooms_task(stage, lost):
    await stage.enter()
    if lost:
        stage.rooms.on_stream(LOST)
    leaving = asyncio.create_task(stage.rooms.leave(ROOM))
    await stage.until(lambda: len(stage.wire.sent) == 2)
    if not lost:
        stage.rooms.on_presence(gone("bot", 110))
    await leaving
    await stage.until(lambda: stage.tasks[0].done())
    assert stage.states()[-1] is RoomState.LEFT


async def test_room_that_refused_is_tried_again_when_asked_for(stage):
    stage.join()
    await stage.until(lambda: stage.wire.sent)
    stage.rooms.on_presence(refusal("bot", "forbidden", "auth"))
    await stage.until_state(RoomState.REFUSED)
    await stage.enter()
    stage.join()  # it is kept already
    assert len(stage.tasks) == 2


async def test_room_asked_for_while_the_stream_is_away_is_kept_as_it_was(stage):
    await stage.enter()
    stage.rooms.on_stream(LOST)
    stage.join()
    assert len(stage.tasks) == 1
    stage.rooms.on_stream(replace(ESTABLISHED, resumed=True))
    assert stage.states()[-1] is RoomState.JOINED


async def test_only_the_room_that_is_being_joined_replays_history(stage):
    await stage.enter()
    assert stage.rooms.is_replaying(f"{ROOM}/alice")
    assert not stage.rooms.is_replaying(f"{OTHER}/alice")
    assert not stage.rooms.is_replaying(None)


async def test_presences_of_others_are_left_alone(stage):
    stranger = replace(presence("x"), sender=OTHER.with_resource("x"))
    assert not stage.rooms.on_presence(stranger)
    assert stage.rooms.info(OTHER) is None
    await stage.rooms.leave(OTHER)
