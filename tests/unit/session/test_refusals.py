"""Every way in which a room keeps us out or puts us out, and what follows (XEP-0045 §7.2, §9, §10.9, §15.6)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from botkit.errors import StanzaError
from botkit.model.address import Address
from botkit.model.events import InvitationReceived, OccupantLeft
from botkit.model.rooms import RoomState
from botkit.testing.fakes import NOON
from tests.unit.session.presences import ROOM, at, gone, presence, refusal
from tests.unit.session.stage import ESTABLISHED, LOST, OTHER, Stage, kinds, opened

NEW = Address.parse("new@rooms.example.org")
WAITING, REFUSED = RoomState.WAITING, RoomState.REFUSED

JOIN: list[tuple[str, str, RoomState, str]] = [
    ("not-authorized", "auth", REFUSED, "password"),
    ("forbidden", "auth", REFUSED, "banned"),
    ("forbidden", "cancel", REFUSED, "banned"),  # Prosody's RTBL
    ("registration-required", "auth", REFUSED, "members-only"),
    ("not-allowed", "cancel", REFUSED, "does not let us"),
    ("not-allowed", "modify", REFUSED, "does not let us"),  # Prosody: a blank nick
    ("not-acceptable", "cancel", REFUSED, "registered nick"),
    ("jid-malformed", "modify", REFUSED, "nick"),
    ("gone", "cancel", REFUSED, "destroyed"),
    ("item-not-found", "cancel", WAITING, "locked"),
    ("service-unavailable", "wait", WAITING, "full"),
    ("resource-constraint", "wait", WAITING, "overloaded"),
    ("internal-server-error", "wait", WAITING, "fault"),
    ("policy-violation", "wait", WAITING, "too busy"),
    ("policy-violation", "modify", WAITING, "too long"),
    ("remote-server-not-found", "cancel", WAITING, "cannot be found"),
    ("remote-server-timeout", "wait", WAITING, "does not answer"),
    ("a-condition-of-tomorrow", "cancel", WAITING, "a-condition-of-tomorrow"),
]

OUT: list[tuple[tuple[int, ...], Address | bool, RoomState, str]] = [
    ((110, 307), False, WAITING, "kicked"),
    ((307,), False, WAITING, "kicked"),
    ((110, 301), False, REFUSED, "banned"),
    ((110, 301, 307), False, REFUSED, "banned"),
    ((110, 321), False, REFUSED, "affiliation"),
    ((110, 321, 307), False, REFUSED, "affiliation"),
    ((110, 322), False, REFUSED, "members-only"),
    ((110, 322, 307), False, REFUSED, "members-only"),
    ((110, 332), False, WAITING, "shuts down"),
    ((110, 332, 307), False, WAITING, "shuts down"),
    ((110, 333), False, WAITING, "technical error"),
    ((110, 333, 307), False, WAITING, "technical error"),
    ((110,), True, REFUSED, "destroyed"),
    ((110,), NEW, REFUSED, "it goes on at new@rooms.example.org"),
    ((110, 307), True, REFUSED, "destroyed"),
    ((110,), False, WAITING, "did not"),
    ((), False, WAITING, "did not"),
]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with opened() as made:
        yield made


@pytest.mark.parametrize(("condition", "kind", "state", "part"), JOIN)
async def test_error_in_answer_to_our_join(stage, condition, kind, state, part):
    stage.join()
    await stage.until(lambda: stage.wire.sent)
    stage.rooms.on_presence(refusal("bot", condition, kind, "said the room"))
    await stage.until_state(state)
    info = stage.rooms.info(ROOM)
    assert part in info.reason
    assert "said the room" in info.reason
    assert info.error == condition
    assert (info.next_try is not None) is (state is WAITING)
    assert info.me is None
    await stage.after(4000)
    assert (len(stage.wire.sent) > 1) is (state is WAITING)


async def test_join_that_is_not_answered_is_tried_again(stage, monkeypatch):
    monkeypatch.setattr("botkit.session.supervisor._JOIN_TIMEOUT", 0.01)
    stage.join()
    await stage.until_state(WAITING)
    info = stage.rooms.info(ROOM)
    assert "did not answer" in info.reason
    assert info.error == "timeout"
    await stage.after(2.1)
    await stage.until(lambda: len(stage.wire.sent) == 2)


@pytest.mark.parametrize(("codes", "destroyed", "state", "part"), OUT)
async def test_our_own_unavailable_presence(stage, codes, destroyed, state, part):
    await stage.enter()
    stage.rooms.on_presence(gone("bot", *codes, destroyed=destroyed, actor="alice", reason="because"))
    await stage.until_state(state)
    info = stage.rooms.info(ROOM)
    assert part in info.reason
    assert "by alice: because" in info.reason
    assert info.me is None
    assert stage.rooms.occupants(ROOM) == ()
    assert (RoomState.LOST in stage.states()) is (state is WAITING)
    assert any(isinstance(event, OccupantLeft) and event.author.is_self for event in stage.events)


@pytest.mark.parametrize(("codes", "destroyed", "state", "part"), [one for one in OUT if one[3] != "did not"])
async def test_put_out_while_joining(stage, codes, destroyed, state, part):
    stage.join()
    await stage.until(lambda: stage.wire.sent)
    stage.rooms.on_presence(gone("bot", *codes, destroyed=destroyed))
    await stage.until_state(state)
    assert part in stage.rooms.info(ROOM).reason


@pytest.mark.parametrize(("codes", "destroyed", "state", "part"), [one for one in OUT if one[3] != "did not"])
async def test_put_out_in_the_moment_in_which_it_let_us_in(stage, codes, destroyed, state, part):
    stage.join()
    await stage.until(lambda: stage.wire.sent)
    stage.let_in()
    stage.rooms.on_presence(gone("bot", *codes, destroyed=destroyed))
    await stage.until_state(state)
    assert part in stage.rooms.info(ROOM).reason
    assert RoomState.JOINED not in stage.states()


async def test_end_of_an_older_session_of_ours_does_not_end_a_join(stage):
    stage.join()
    await stage.until(lambda: stage.wire.sent)
    stage.rooms.on_presence(gone("bot", 110))
    stage.let_in()
    await stage.until_state(RoomState.JOINED)


async def test_nick_that_the_service_changes_is_ours_from_then_on(stage):
    await stage.enter()
    stage.rooms.on_presence(gone("bot", 110, 303, nick="Bot2"))
    stage.rooms.on_presence(presence("Bot2", 110))
    info = stage.rooms.info(ROOM)
    assert (info.state, info.me.nick, info.occupants) == (RoomState.JOINED, "Bot2", 1)
    stage.rooms.on_presence(gone("bot", 110, 301))  # nobody is there
    assert stage.rooms.info(ROOM).state is RoomState.JOINED


async def test_nick_that_only_we_refuse_is_ours_all_the_same(stage):
    await stage.enter()
    nick = "\u0627a\u200e"  # stringprep forbids mixed directions, servers that follow RFC 7622 may not
    odd = Address.received(f"{ROOM}/{nick}")
    stage.rooms.on_presence(gone("bot", 110, 303, nick=nick))
    stage.rooms.on_presence(replace(presence("x", 110), sender=odd))
    stage.rooms.on_presence(presence("alice"))
    assert stage.rooms.info(ROOM).me.address == odd
    await stage.after(1000)
    assert stage.wire.pinged == [odd]
    stage.rooms.on_presence(replace(gone("x", 110, 307), sender=odd))
    await stage.until_state(WAITING)
    await stage.after(5)
    assert kinds(stage.wire)[-1] == (f"{ROOM}/bot", "")


# --- moved ----------------------------------------------------------------------------------------------------


async def test_alternate_venue_is_told_and_not_followed_unless_the_config_says_so(stage):
    await stage.enter()
    stage.rooms.on_presence(gone("bot", 110, destroyed=NEW))
    await stage.until_state(REFUSED)
    assert stage.rooms.info(ROOM).moved_to == NEW
    assert stage.rooms.info(NEW) is None


async def test_destroyed_room_is_followed_without_its_password(stage):
    await stage.enter(follow=True, password="sesame", create=True)
    stage.rooms.on_presence(gone("bot", 110, destroyed=NEW))
    await stage.until_state(RoomState.LEFT)
    await stage.until(lambda: len(stage.wire.sent) == 2)
    assert stage.wire.sent[1].get("to") == f"{NEW}/bot"
    assert "sesame" not in "".join(stage.wire.sent[1].itertext())
    assert "sesame" in "".join(stage.wire.sent[0].itertext())
    stage.let_in(NEW)
    await stage.until_state(RoomState.JOINED, NEW)
    assert [info.address for info in stage.rooms.all()] == [NEW]


@pytest.mark.parametrize("where", ["xmpp:new@rooms.example.org?join", "new@rooms.example.org"])
async def test_room_that_is_gone_is_followed_too(stage, where):
    stage.join(follow=True)
    await stage.until(lambda: stage.wire.sent)
    error = StanzaError.of("gone", "cancel", where, where=where)
    stage.rooms.on_presence(replace(refusal("bot", "gone"), error=error))
    await stage.until(lambda: NEW in stage.wire.asked)


@pytest.mark.parametrize("where", ["", "http://example.org/", "@", "example.org", str(ROOM), f"{ROOM}/x"])
async def test_nonsense_is_not_followed(stage, where):
    stage.join(follow=True)
    await stage.until(lambda: stage.wire.sent)
    error = StanzaError.of("gone", "cancel", where, where=where)
    stage.rooms.on_presence(replace(refusal("bot", "gone"), error=error))
    await stage.until_state(REFUSED)
    assert stage.wire.asked == [ROOM]


async def test_rooms_that_send_us_round_in_a_circle_are_followed_some_times_only(stage):
    stage.join(follow=True)
    for count, (asked, other) in enumerate([(ROOM, OTHER), (OTHER, ROOM), (ROOM, OTHER), (OTHER, ROOM)], 1):
        await stage.until(lambda count=count: len(stage.wire.sent) == count)
        error = StanzaError.of("gone", "cancel", None, where=str(other))
        stage.rooms.on_presence(replace(refusal("bot", "gone"), sender=asked.with_resource("bot"), error=error))
    await stage.until_state(REFUSED, OTHER)
    assert [info.address for info in stage.rooms.all()] == [OTHER]
    assert len(stage.wire.sent) == 4


# --- asked for again ------------------------------------------------------------------------------------------


async def banned(stage: Stage) -> None:
    stage.join()
    await stage.until(lambda: stage.wire.sent)
    stage.rooms.on_presence(refusal("bot", "forbidden", "auth"))
    await stage.until_state(REFUSED)


async def test_refused_room_is_tried_again_when_an_admin_says_so(stage):
    await banned(stage)
    assert stage.rooms.retry(ROOM)
    await stage.until(lambda: len(stage.wire.sent) == 2)
    assert stage.states()[-3:] == [WAITING, RoomState.ASKING, RoomState.JOINING]
    assert not stage.rooms.retry(ROOM)  # it is on its way
    stage.let_in()
    await stage.until_state(RoomState.JOINED)
    assert not stage.rooms.retry(ROOM)
    assert not stage.rooms.retry(OTHER)
    assert stage.rooms.info(ROOM).error is None


async def test_waiting_is_cut_short_when_an_admin_says_so(stage):
    stage.wire.disco[ROOM] = StanzaError.of("remote-server-timeout", "wait")
    stage.join()
    await stage.after(3000)
    await stage.until_state(WAITING)
    assert stage.rooms.info(ROOM).attempts > 5
    del stage.wire.disco[ROOM]
    assert stage.rooms.retry(ROOM)
    await stage.until(lambda: stage.wire.sent)


@pytest.mark.parametrize(
    ("room", "mediated", "after", "tried"),
    [(ROOM, True, 61, True), (ROOM, True, 10, False), (ROOM, False, 61, False), (OTHER, True, 61, False)],
)
async def test_room_that_refused_us_may_invite_us(stage, room, mediated, after, tried):
    await banned(stage)
    await stage.after(after)
    for _ in range(100):
        stage.rooms.on_invitation(InvitationReceived(at=NOON, room=room, inviter=None, mediated=mediated))
    await stage.after(0.1)
    assert (len(stage.wire.sent) == 2) is tried


async def test_room_that_we_were_in_and_that_is_not_there_any_more_is_waited_for(stage):
    await stage.enter()
    stage.rooms.on_stream(LOST)
    stage.wire.disco[ROOM] = StanzaError.of("item-not-found", "cancel")
    stage.rooms.on_stream(ESTABLISHED)
    await stage.after(2.1)
    await stage.until_state(WAITING)
    assert "made again" in stage.rooms.info(ROOM).reason
    del stage.wire.disco[ROOM]
    await stage.after(10)
    await stage.until(lambda: len(stage.wire.sent) == 2)
    stage.let_in(ROOM, 201)  # somebody else's leaving took it away again
    await stage.until_state(WAITING)
    assert kinds(stage.wire)[-1] == (f"{ROOM}/bot", "unavailable")


# --- forged ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sender", [OTHER.with_resource("bot"), Address.parse("rooms.example.org/bot"), Address.parse("bot@example.org/r")]
)
async def test_presence_from_elsewhere_does_nothing_to_the_room(stage, sender):
    await stage.enter()
    for forged in (gone("bot", 110, 301), gone("bot", 110, destroyed=NEW), refusal("bot", "forbidden")):
        assert not stage.rooms.on_presence(replace(forged, sender=sender))
    await stage.after(1)
    assert stage.rooms.info(ROOM).state is RoomState.JOINED


async def test_occupant_who_claims_to_be_us_is_not_believed(stage):
    await stage.enter()
    stage.rooms.on_presence(presence("mallory", 110))
    stage.rooms.on_presence(gone("mallory", 110, 301))
    await stage.after(1)
    info = stage.rooms.info(ROOM)
    assert (info.state, info.me.nick) == (RoomState.JOINED, "bot")


async def test_error_about_another_nick_does_not_end_a_join(stage):
    stage.join()
    await stage.until(lambda: stage.wire.sent)
    stage.rooms.on_presence(refusal("bot", "conflict"))
    await stage.until(lambda: len(stage.wire.sent) == 2)
    stage.rooms.on_presence(refusal("bot", "conflict"))  # once more
    stage.rooms.on_presence(refusal("mallory", "forbidden"))
    stage.rooms.on_presence(presence("bot_2", 110))
    await stage.until_state(RoomState.JOINED)
    assert stage.rooms.info(ROOM).me.address == at("bot_2")


async def test_room_that_refused_us_is_not_listened_to(stage):
    await banned(stage)
    for number in range(1000):
        stage.rooms.on_presence(presence(f"flood{number}", 110))
    assert stage.rooms.info(ROOM).occupants == 0
    assert stage.wire.asked == [ROOM]
