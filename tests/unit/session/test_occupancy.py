"""Who is in a room, by the presences that the room sends (XEP-0045 §7, §8, §9)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from botkit.model.address import Address
from botkit.model.events import (
    Departure,
    Event,
    NickChanged,
    OccupantJoined,
    OccupantLeft,
    PresenceReceived,
    RightsChanged,
    StatusChanged,
)
from botkit.model.rooms import Affiliation, Role
from botkit.session.occupancy import Occupancy
from tests.unit.session.presences import ROOM, at, gone, presence

BOT = at("bot")


class Room(Occupancy):
    """Takes presences as ``Rooms`` does."""

    def take(self, event: PresenceReceived, *, occupant_ids: bool = True) -> list[Event]:
        if event.kind == "unavailable":
            return self.left(event)
        return self.arrived(event, is_self=self.is_self(event, BOT), occupant_ids=occupant_ids)


@pytest.fixture
def room() -> Room:
    entered = Room(ROOM)
    assert entered.take(presence("alice", affiliation=Affiliation.OWNER, role=Role.MODERATOR)) == []
    assert entered.take(presence("bot", 110)) == []
    return entered


def test_who_was_there_before_us_is_known_and_no_join(room):
    assert set(room.people) == {at("alice"), BOT}
    assert room.people[at("alice")].affiliation is Affiliation.OWNER
    assert room.me == room.people[BOT]
    assert room.me.is_self
    assert room.complete


def test_our_own_presence_is_known_without_its_status_code_too():
    room = Room(ROOM)
    room.take(presence("bot"))
    assert room.complete


def test_join_has_real_jid_occupant_id_and_status(room):
    real = Address.parse("carol@example.org/phone")
    (event,) = room.take(presence("carol", jid=real, occupant_id="o-1", status="here"))
    assert isinstance(event, OccupantJoined)
    assert (event.author.real, event.author.occupant_id, event.author.status) == (real, "o-1", "here")
    assert event.author.identity == "jid:carol@example.org"


def test_occupant_id_of_a_room_that_does_not_offer_them_is_not_kept(room):
    (event,) = room.take(presence("carol", occupant_id="forged"), occupant_ids=False)
    assert event.author.occupant_id is None


def test_second_presence_is_no_second_join(room):
    room.take(presence("carol"))
    assert room.take(presence("carol")) == []
    (event,) = room.take(presence("carol", status="brb"))
    assert isinstance(event, StatusChanged)
    assert event.author.status == "brb"


def test_presence_without_an_item_changes_no_rights_and_keeps_the_real_jid(room):
    real = Address.parse("carol@example.org/phone")
    room.take(presence("carol", jid=real, affiliation=Affiliation.ADMIN, role=Role.MODERATOR))
    assert room.take(presence("carol", affiliation=None, role=None)) == []
    carol = room.people[at("carol")]
    assert (carol.affiliation, carol.role, carol.real) == (Affiliation.ADMIN, Role.MODERATOR, real)


def test_change_of_rights_tells_before_and_who_did_it(room):
    room.take(presence("carol"))
    (event,) = room.take(presence("carol", role=Role.VISITOR, actor="alice", reason="flood"))
    assert isinstance(event, RightsChanged)
    assert (event.before.role, event.author.role) == (Role.PARTICIPANT, Role.VISITOR)
    assert (event.actor, event.reason) == ("alice", "flood")


def test_our_own_rights_change_in_what_we_know_of_ourselves(room):
    (event,) = room.take(presence("bot", 110, affiliation=Affiliation.ADMIN, role=Role.MODERATOR))
    assert isinstance(event, RightsChanged)
    assert room.me.affiliation is Affiliation.ADMIN
    assert room.me.is_self


@pytest.mark.parametrize(("nick", "codes"), [("carol", (303,)), ("bot", (303, 110))])
def test_nick_change_is_one_event_and_nobody_leaves(room, nick, codes):
    room.take(presence("carol", occupant_id="o-1"))
    (event,) = room.take(gone(nick, *codes, nick="renamed"))
    assert isinstance(event, NickChanged)
    assert (event.before, event.author.nick) == (nick, "renamed")
    assert at(nick) not in room.people
    known = room.people[at("renamed")]
    # the new presence that follows is neither a join nor a change
    follows = presence("renamed", *([110] if nick == "bot" else []), occupant_id=known.occupant_id)
    assert room.take(follows) == []
    if nick == "bot":
        assert room.me.nick == "renamed"
        assert room.is_self(presence("renamed"), BOT)
        assert not room.is_self(presence("bot"), BOT)


@pytest.mark.parametrize("nick", ["x" * 2000, "\u06441", "\U0001f9d9"])
def test_nick_that_only_we_would_refuse_is_a_nick_change_all_the_same(room, nick):
    room.take(presence("carol", occupant_id="o-1"))
    (event,) = room.take(gone("carol", 303, nick=nick))
    assert isinstance(event, NickChanged)
    follows = replace(presence("carol", occupant_id="o-1"), sender=Address.received(f"{ROOM}/{nick}"))
    assert room.take(follows) == []
    assert len(room.people) == 3


@pytest.mark.parametrize(
    ("codes", "how"),
    [
        ((), Departure.LEFT),
        ((307,), Departure.KICKED),
        ((301,), Departure.BANNED),
        ((301, 307), Departure.BANNED),
        ((321,), Departure.AFFILIATION),
        ((322,), Departure.MEMBERS_ONLY),
        ((321, 322), Departure.AFFILIATION),
        ((332,), Departure.SHUTDOWN),
        ((333,), Departure.ERROR),
        ((307, 333), Departure.ERROR),
    ],
)
def test_departure_tells_how(room, codes, how):
    room.take(presence("carol"))
    (event,) = room.take(gone("carol", *codes, actor="alice", reason="because"))
    assert isinstance(event, OccupantLeft)
    assert (event.how, event.actor, event.reason) == (how, "alice", "because")
    assert at("carol") not in room.people


def test_room_that_is_destroyed_puts_out_everybody(room):
    (event,) = room.take(gone("bot", 110, destroyed=Address.parse("new@rooms.example.org")))
    assert event.how is Departure.DESTROYED
    assert room.me is None
    assert not room.complete


def test_stranger_that_leaves_was_never_there(room):
    # Prosody sends unavailable presences with affiliations of absent people
    assert room.take(gone("dave", affiliation=Affiliation.MEMBER)) == []


def test_nick_that_changes_hands_is_another_person(room):
    room.take(presence("carol", jid=Address.parse("carol@example.org/a"), occupant_id="o-1"))
    room.take(gone("carol"))
    (event,) = room.take(presence("carol", jid=Address.parse("mallory@example.org/b"), occupant_id="o-2"))
    assert isinstance(event, OccupantJoined)
    assert event.author.identity == "jid:mallory@example.org"


def test_cleared_room_knows_nobody(room):
    room.clear()
    assert not room.people
    assert not room.complete
