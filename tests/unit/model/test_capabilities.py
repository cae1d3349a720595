"""What we can do in a room follows from its features and our rights."""

from __future__ import annotations

import pytest

from botkit.model.capabilities import Capabilities, Capability
from botkit.model.room_events import CapabilitiesChanged
from botkit.model.rooms import MAM_2, MODERATE_0, NON_ANONYMOUS, Affiliation, Role, RoomInfo, RoomState
from botkit.testing.fakes import NOON, make_occupant

C = Capability
ROOM = "lobby@rooms.example.org"
FULL = frozenset({MAM_2, MODERATE_0})


def info(
    affiliation: Affiliation, role: Role, features: frozenset[str] = FULL, *, open_subject: bool = False
) -> RoomInfo:
    me = make_occupant(ROOM, "bot", affiliation=affiliation, role=role, is_self=True)
    return RoomInfo(address=me.room, state=RoomState.JOINED, features=features, me=me, open_subject=open_subject)


@pytest.mark.parametrize(
    ("affiliation", "role", "held"),
    [
        (Affiliation.OWNER, Role.MODERATOR, set(C)),
        (Affiliation.ADMIN, Role.MODERATOR, set(C) - {C.CONFIGURE}),
        (Affiliation.MEMBER, Role.MODERATOR, set(C) - {C.CONFIGURE, C.BAN}),
        (Affiliation.ADMIN, Role.PARTICIPANT, {C.SPEAK, C.BAN, C.RETRACT, C.READ_ARCHIVE}),
        (Affiliation.NONE, Role.PARTICIPANT, {C.SPEAK, C.READ_ARCHIVE}),
        (Affiliation.NONE, Role.VISITOR, {C.READ_ARCHIVE}),
    ],
)
def test_rights_make_capabilities(affiliation, role, held):
    assert info(affiliation, role).capabilities.held == held


def test_features_of_the_room_make_capabilities():
    bare = info(Affiliation.OWNER, Role.MODERATOR, frozenset()).capabilities
    assert bare.missing.keys() == {C.RETRACT, C.READ_ARCHIVE}
    opened = info(Affiliation.NONE, Role.PARTICIPANT, FULL | {NON_ANONYMOUS}, open_subject=True).capabilities
    assert {C.SEE_JIDS, C.SUBJECT} <= opened.held
    mute = info(Affiliation.NONE, Role.VISITOR, FULL, open_subject=True).capabilities
    assert C.SUBJECT not in mute


def test_everything_that_is_missing_has_a_reason():
    nobody = info(Affiliation.NONE, Role.VISITOR, frozenset()).capabilities
    assert all(nobody.why_not(one) for one in C)
    outside = RoomInfo(address=make_occupant(ROOM, "x").room, state=RoomState.REFUSED, reason="banned")
    assert not outside.capabilities.held
    assert outside.capabilities.why_not(C.SPEAK) == "the bot is not in the room: banned"


def test_value_is_frozen_and_compared_by_what_it_says():
    one, other = Capabilities({C.BAN: "no admin"}), Capabilities({C.BAN: "no admin"})
    assert one == other
    assert hash(one) == hash(other)
    with pytest.raises(TypeError):
        one.missing[C.KICK] = "no"  # type: ignore[index]


def test_change_tells_what_was_lost_and_gained():
    event = CapabilitiesChanged(
        at=NOON,
        room=make_occupant(ROOM, "x").room,
        before=Capabilities({C.BAN: "no admin"}),
        now=Capabilities({C.KICK: "no moderator"}),
    )
    assert (event.lost, event.gained) == ({C.KICK}, {C.BAN})
