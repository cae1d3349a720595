"""The life of a room: only what the table has can happen."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest

from botkit.errors import ItemNotFound, LinkClosed, RequestTimeout, StanzaError
from botkit.model.address import Address
from botkit.model.events import ErrorReceived, InvitationReceived, RoomNotice, RoomStateChanged
from botkit.model.rooms import RoomSettings, RoomState
from botkit.session.life import TRANSITIONS, Cause, after
from botkit.session.room import Room
from botkit.session.settings import Keeping
from botkit.testing.fakes import NOON
from tests.unit.session.presences import ROOM, gone, presence, refusal
from tests.unit.session.stage import A_ROOM, ESTABLISHED, LOST, Stage, opened

WAY: dict[RoomState, tuple[Cause, ...]] = {
    RoomState.LEFT: (),
    RoomState.ASKING: (Cause.TURN,),
    RoomState.JOINING: (Cause.TURN, Cause.IS_ROOM),
    RoomState.JOINED: (Cause.TURN, Cause.IS_ROOM, Cause.ENTERED),
    RoomState.LOST: (Cause.TURN, Cause.IS_ROOM, Cause.ENTERED, Cause.STREAM_LOST),
    RoomState.WAITING: (Cause.TURN, Cause.TROUBLE),
    RoomState.REFUSED: (Cause.TURN, Cause.REFUSED),
}
"""How to come there."""


@pytest.mark.parametrize("state", list(RoomState))
@pytest.mark.parametrize("cause", list(Cause))
def test_room_goes_where_the_table_says_or_stays_untouched(state, cause):
    room = Room(RoomSettings(address=ROOM, nick="bot"), NOON)
    for step in WAY[state]:
        assert room.step(step, NOON)
    before = (room.state, room.reason, room.since, room.next_try)
    to = after(state, cause)
    assert room.step(cause, NOON.replace(year=2030), "why", NOON) is (to is not None)
    if to is None:
        assert (room.state, room.reason, room.since, room.next_try) == before
    else:
        assert (room.state, room.reason, room.next_try) == (to, "why", NOON)


def test_state_is_set_by_a_step_alone():
    with pytest.raises(AttributeError):
        Room(RoomSettings(address=ROOM, nick="bot"), NOON).state = RoomState.JOINED  # type: ignore[misc]


def test_every_state_can_be_left_for_good_and_no_state_is_a_trap():
    for state in RoomState:
        assert state is RoomState.LEFT or after(state, Cause.LEFT) is RoomState.LEFT
    reached = {RoomState.LEFT}
    while more := {to for (come, _), to in TRANSITIONS.items() if come in reached} - reached:
        reached |= more
    assert reached == set(RoomState)
    back = {RoomState.JOINED}
    while more := {come for (come, _), to in TRANSITIONS.items() if to in back} - back:
        back |= more
    assert back == set(RoomState)


LEGAL = {(come, to) for (come, _), to in TRANSITIONS.items()}


@pytest.mark.parametrize("seed", range(25))
async def test_whatever_comes_in_whatever_order_only_legal_steps_are_told(seed):
    rng = random.Random(seed)
    async with opened(Keeping(silence=20, features_every=60)) as stage:
        stage.join(follow=True)
        for _ in range(120):
            await _something(rng, stage)
            for _ in range(rng.randrange(4)):
                await asyncio.sleep(0)
        changes = [event for event in stage.events if isinstance(event, RoomStateChanged)]
        assert {(one.before, one.state) for one in changes} <= LEGAL
        assert all(one.next_try is not None for one in changes if one.state is RoomState.WAITING)
        assert len(changes) > 5
        await stage.until(lambda: all(not task.done() or not task.exception() for task in stage.tasks))


async def _something(rng: random.Random, stage: Stage) -> None:
    codes = rng.sample([110, 110, 201, 210, 301, 303, 307, 321, 322, 332, 333], rng.randrange(4))
    nick = rng.choice(["bot", "bot", "bot", "bot_2", "mallory"])
    condition = rng.choice(["conflict", "forbidden", "gone", "item-not-found", "not-acceptable", "resource-constraint"])
    destroyed = rng.choice([False, False, True, Address.parse("new@rooms.example.org")])
    from_room = replace(refusal(nick, condition), sender=rng.choice([ROOM, ROOM.with_resource(nick)]))
    rooms, error = stage.rooms, StanzaError.of(condition, "cancel")
    stage.wire.pong = rng.choice([None, None, error, RequestTimeout("no answer"), LinkClosed("away")])
    stage.wire.disco[ROOM] = rng.choice([A_ROOM, A_ROOM, A_ROOM, ItemNotFound("item-not-found", "cancel"), error])
    match rng.randrange(13):
        case 0:
            rooms.on_stream(LOST)
        case 1 | 2:
            rooms.on_stream(replace(ESTABLISHED, resumed=rng.random() < 0.5))
        case 3 | 4:
            rooms.on_presence(presence(nick, *codes))
        case 5:
            rooms.on_presence(gone(nick, *codes, destroyed=destroyed))
        case 6:
            rooms.on_presence(from_room)
        case 7:
            rooms.on_notice(RoomNotice(at=NOON, room=ROOM, codes=frozenset({104})))
        case 8:
            rooms.on_error(ErrorReceived(at=NOON, sender=ROOM, message_id=None, error=error))
        case 9:
            rooms.on_invitation(InvitationReceived(at=NOON, room=ROOM, inviter=None, mediated=True))
        case 10:
            rooms.retry(ROOM)
        case 11:
            stage.join()
        case _:
            await stage.after(rng.choice([1, 10, 100]))
