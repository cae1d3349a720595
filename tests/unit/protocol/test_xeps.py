"""What the XEPs print, decoded; the files are under ``tests/stanzas``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from botkit.errors import Forbidden
from botkit.model.address import Address
from botkit.model.events import (
    ArchiveResult,
    DirectMessage,
    DirectReactions,
    Event,
    InvitationReceived,
    MessageModerated,
    PresenceReceived,
    PrivateMessage,
    RoomMessage,
    RoomNotice,
    SubjectChanged,
    TombstoneSeen,
)
from botkit.model.messages import Fallback, Source
from botkit.model.rooms import Affiliation, Occupant, Role
from botkit.protocol.decode import decode_stanza
from botkit.protocol.stanza_errors import find_error, parse_error
from tests.unit.protocol.wire import NOW, STANZAS, fixture


class Everywhere:
    """Takes these bare JIDs for rooms of ours, which offer everything."""

    def __init__(self, *rooms: str) -> None:
        self._rooms = {Address.parse(room) for room in rooms}

    def occupant(self, address: Address) -> Occupant | None:
        return None

    def features(self, room: Address) -> frozenset[str] | None:
        offered = (
            "urn:xmpp:sid:0",
            "urn:xmpp:occupant-id:0",
            "urn:xmpp:message-moderate:0",
            "urn:xmpp:message-moderate:1",
        )
        return frozenset(offered) if room in self._rooms else None


def first(name: str, *rooms: str) -> Event | None:
    return decode_stanza(fixture(name)[0], received=NOW, known=Everywhere(*rooms))


ROOM = "room@muc.example.com"


@pytest.mark.parametrize("path", sorted(STANZAS.glob("*/*.xml")), ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_no_printed_stanza_is_odd(path: Path) -> None:
    for stanza in fixture(f"{path.parent.name}/{path.stem}"):
        event = decode_stanza(stanza, received=NOW, known=Everywhere(ROOM))
        odd = set(getattr(event, "anomalies", ()))
        # printed are also a private message of a room that is none of ours, and what a client sends: without "from"
        assert odd <= {"forged-muc-user", "odd-sender"}, odd


def test_a_message_has_the_id_that_the_room_gave_it() -> None:
    event = first("xep0425/message", ROOM)
    assert isinstance(event, RoomMessage)
    assert (event.archive_id, event.message_id) == ("stanza-id-1", "inappropriate-1")


@pytest.mark.parametrize(
    ("name", "by", "occupant_id", "reason"),
    [
        ("announcement", f"{ROOM}/macbeth", "dd72603deec90a38ba552f7c68cbcc61bca202cd", "This message contains"),
        ("announcement-v0", f"{ROOM}/macbeth", None, "This message contains"),
        ("announcement-both", f"{ROOM}/macbeth", "mod-1", "spam"),
        ("announcement-ejabberd-23.10", f"{ROOM}/macbeth", None, "spam"),
        ("announcement-ejabberd-24.06", f"{ROOM}/macbeth", None, "spam"),
    ],
)
def test_an_announcement_of_any_server_is_one_moderation(
    name: str, by: str, occupant_id: str | None, reason: str
) -> None:
    event = first(f"xep0425/{name}", ROOM)
    assert isinstance(event, MessageModerated)
    assert event.target == "stanza-id-1"
    assert event.room == Address.parse(ROOM)
    assert event.moderation.by == Address.parse(by)
    assert event.moderation.occupant_id == occupant_id
    assert (event.moderation.reason or "").startswith(reason)


@pytest.mark.parametrize(
    ("name", "by"),
    [
        ("tombstone-v0", f"{ROOM}/macbeth"),
        ("tombstone-v0-as-printed", f"{ROOM}/macbeth"),
    ],
)
def test_a_tombstone_of_any_version_is_seen(name: str, by: str) -> None:
    event = first(f"xep0425/{name}", ROOM)
    assert isinstance(event, ArchiveResult)
    assert isinstance(event.event, TombstoneSeen)
    assert event.event.archive_id == "stanza-id-1"
    assert event.event.author.nick == "oldhag"
    moderation = event.event.moderation
    assert moderation is not None
    assert (str(moderation.by), moderation.reason) == (by, "spam")
    assert moderation.stamp == datetime(2019, 9, 20, 23, 9, 32, tzinfo=UTC)


def test_the_printed_tombstone_counts_once_the_archive_says_whose_it_is() -> None:
    stanza = fixture("xep0425/tombstone")[0]
    stanza.set("to", "bot@example.com/r")
    without = decode_stanza(stanza, received=NOW, known=Everywhere(ROOM))
    assert isinstance(without, ArchiveResult)
    assert without.event is None  # the example left out "from": our own archive has no room's messages
    stanza.set("from", ROOM)
    event = decode_stanza(stanza, received=NOW, known=Everywhere(ROOM))
    assert isinstance(event, ArchiveResult)
    assert isinstance(event.event, TombstoneSeen)
    assert event.event.author.occupant_id == "ef73b09de9c90a38ba552f7c68cbeef1dca24429"
    moderation = event.event.moderation
    assert moderation is not None
    assert moderation.occupant_id == "dd72603deec90a38ba552f7c68cbcc61bca202cd"


def test_a_refused_moderation_is_forbidden() -> None:
    error = parse_error(find_error(fixture("xep0425/refused")[0]))
    assert isinstance(error, Forbidden)
    assert (error.kind, (error.text or "")[:15]) == ("modify", "Only moderators")


def test_a_retraction_to_us_is_a_claim_beside_its_fallback() -> None:
    stanza = fixture("xep0424/retraction")[0]
    stanza.set("from", "romeo@montague.example/orchard")
    event = decode_stanza(stanza, received=NOW)
    assert isinstance(event, DirectMessage)
    assert [e.target for e in event.also] == ["wrong-recipient-1"]  # type: ignore[attr-defined]
    assert event.content.only_fallback_for("urn:xmpp:message-retract:1")


def test_the_occupant_id_tells_the_author() -> None:
    event = first("xep0421/message", "coven@chat.shakespeare.lit")
    assert isinstance(event, RoomMessage)
    assert event.author.occupant_id == "dd72603deec90a38ba552f7c68cbcc61bca202cd"


def test_a_replys_quotation_is_left_out_of_its_text() -> None:
    stanza = fixture("xep0461/reply")[0]
    body = next(child for child in stanza if child.tag.endswith("body"))
    body.text = "> Anna wrote:\n> We should bake a cake\nGreat idea!"  # as printed, but for the layout
    event = decode_stanza(stanza, received=NOW)
    assert isinstance(event, DirectMessage)
    assert event.content.reply is not None
    assert event.content.reply.target == "message-id1"
    assert event.content.fallbacks == (Fallback("urn:xmpp:reply:0", 0, 38),)
    assert event.text == "Great idea!"


def test_reactions_are_set_and_taken_back() -> None:
    some, none = first("xep0444/reaction"), first("xep0444/none")
    assert isinstance(some, DirectReactions)
    assert isinstance(none, DirectReactions)
    assert (some.reactions, none.reactions) == (("👋",), ())


def test_a_correction_names_what_it_replaces() -> None:
    event = first("xep0308/correction")
    assert isinstance(event, DirectMessage)
    assert event.content.replaces == "bad1"


def test_a_direct_invitation_is_told() -> None:
    event = first("xep0249/invitation")
    assert isinstance(event, InvitationReceived)
    assert (str(event.room), str(event.inviter), event.mediated) == (
        "darkcave@macbeth.shakespeare.lit",
        "crone1@shakespeare.lit/desktop",
        False,
    )
    assert event.password == "cauldronburn"


def test_an_invitation_through_the_room_is_told() -> None:
    event = first("xep0045/invitation")
    assert isinstance(event, InvitationReceived)
    assert (str(event.room), event.mediated) == ("coven@chat.shakespeare.lit", True)
    assert (event.reason or "").startswith("Hey Hecate")
    assert event.password == "cauldronburn"


def test_history_is_dated_by_the_room() -> None:
    for name, room in (
        ("xep0203/history", "coven@macbeth.shakespeare.lit"),
        ("xep0045/history", "coven@chat.shakespeare.lit"),
    ):
        event = first(name, room)
        assert isinstance(event, RoomMessage)
        assert (event.source, event.at.year) == (Source.JOIN_HISTORY, 2002)


def test_what_waited_at_our_server_is_dated_by_it() -> None:
    stanza = fixture("xep0203/offline")[0]
    event = decode_stanza(stanza, received=NOW)
    assert event is not None
    assert event.at == datetime(2002, 9, 10, 23, 8, 25, tzinfo=UTC)


def test_the_subject_is_told_and_no_subject_too() -> None:
    some, none = first("xep0045/subject"), first("xep0045/no-subject")
    assert isinstance(some, SubjectChanged)
    assert isinstance(none, SubjectChanged)
    assert (some.subject, none.subject) == ("Fire Burn and Cauldron Bubble!", "")


def test_a_private_message_is_told_by_the_room_it_came_through() -> None:
    event = first("xep0045/private", "coven@chat.shakespeare.lit")
    assert isinstance(event, PrivateMessage)
    assert event.author.nick == "secondwitch"
    outside = first("xep0045/private")
    assert isinstance(outside, DirectMessage)


def test_a_configuration_change_is_a_notice() -> None:
    event = first("xep0045/configuration")
    assert isinstance(event, RoomNotice)
    assert event.codes == {170}


def test_a_presence_tells_standing_and_real_address() -> None:
    event = first("xep0045/presence")
    assert isinstance(event, PresenceReceived)
    assert event.items is not None
    (item,) = event.items
    assert (item.affiliation, item.role) == (Affiliation.NONE, Role.PARTICIPANT)
    assert str(item.jid) == "hag66@shakespeare.lit/pda"


def test_a_kick_tells_who_and_why() -> None:
    event = first("xep0045/kicked")
    assert isinstance(event, PresenceReceived)
    assert event.items is not None
    assert (event.kind, event.codes) == ("unavailable", {110, 307})
    assert (event.items[0].actor, event.items[0].reason) == ("Fluellen", "Avaunt, you cullion!")


def test_a_destroyed_room_tells_where_to_go() -> None:
    event = first("xep0045/destroyed")
    assert isinstance(event, PresenceReceived)
    assert event.destroyed == Address.parse("coven@chat.shakespeare.lit")


def test_a_nick_change_tells_the_new_nick() -> None:
    event = first("xep0045/nick")
    assert isinstance(event, PresenceReceived)
    assert event.items is not None
    assert (303 in event.codes, event.items[0].nick) == (True, "oldhag")


def test_a_refused_presence_tells_why() -> None:
    event = first("xep0045/refused")
    assert isinstance(event, PresenceReceived)
    assert isinstance(event.error, Forbidden)


def test_a_page_of_a_rooms_archive_has_its_messages() -> None:
    rows = [
        decode_stanza(s, received=NOW, known=Everywhere("coven@chat.shakespeare.lit"))
        for s in fixture("xep0313/room-messages")
    ]
    assert [type(row) for row in rows] == [ArchiveResult, ArchiveResult]
    row = rows[0]
    assert isinstance(row, ArchiveResult)
    assert (row.archive_id, row.query_id, str(row.sender)) == ("78527-06716-51603", "g27", "coven@chat.shakespeare.lit")
    assert isinstance(row.event, RoomMessage)
    assert (row.event.source, row.event.at.year, row.event.archive_id) == (Source.ARCHIVE, 2002, "78527-06716-51603")
