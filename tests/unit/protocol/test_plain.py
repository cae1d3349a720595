"""The short way of plain messages gives what the long way gives, or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botkit.model.address import Address
from botkit.model.events import Event, RoomMessage
from botkit.model.messages import Source
from botkit.model.rooms import MAM_2, OCCUPANT_ID_0, Occupant
from botkit.protocol import message as module
from botkit.protocol.plain import plain_archived, plain_message
from tests.unit.protocol.wire import FEATURES, NICK, NOW, OCCUPANT, ROOM, STANZAS, Rooms, element

OTHER_ID = Occupant(address=OCCUPANT.address, occupant_id="other")
CHILDREN = (
    "<body>hello</body>",
    "<body xml:lang='de'>hallo</body>",
    "<body/>",
    "<body>hello<b/></body>",
    "<body xmlns='urn:other'>hello</body>",
    "<subject>s</subject>",
    "<thread>t</thread>",
    "<stanza-id xmlns='urn:xmpp:sid:0' by='room@muc.example.org' id='a1'/>",
    "<stanza-id xmlns='urn:xmpp:sid:0' by='room@muc.example.org' id=''/>",
    "<stanza-id xmlns='urn:xmpp:sid:0' by='ROOM@muc.example.org' id='a2'/>",
    "<stanza-id xmlns='urn:xmpp:sid:0' by='other@muc.example.org' id='a3'/>",
    "<stanza-id xmlns='urn:xmpp:sid:0' id='a4'/>",
    "<origin-id xmlns='urn:xmpp:sid:0' id='o1'/>",
    "<origin-id xmlns='urn:xmpp:sid:0'/>",
    "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='occ-1'/>",
    "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='occ-2'/>",
    "<occupant-id xmlns='urn:xmpp:occupant-id:0'/>",
    "<active xmlns='http://jabber.org/protocol/chatstates'/>",
    "<active xmlns='http://jabber.org/protocol/chatstates'><body>x</body></active>",
    "<markable xmlns='urn:xmpp:chat-markers:0'/>",
    "<request xmlns='urn:xmpp:receipts'/>",
    "<store xmlns='urn:xmpp:hints'/>",
    "<delay xmlns='urn:xmpp:delay' from='room@muc.example.org' stamp='2026-04-01T00:00:00Z'/>",
    "<replace xmlns='urn:xmpp:message-correct:0' id='m0'/>",
    "<x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x>",
    "<error type='cancel'/>",
    "<unknown xmlns='urn:unknown'/>",
    "stray",
    " ",
)
_ROW = (
    "<result xmlns='urn:xmpp:mam:2' queryid='q' id='a7'><forwarded xmlns='urn:xmpp:forward:0'>"
    "<delay xmlns='urn:xmpp:delay' stamp='2026-04-01T00:00:00Z'/>{message}</forwarded></result>"
)
OUTER = (
    f"<message from='room@muc.example.org'>{_ROW}</message>",
    f"<message from='room@muc.example.org'>{_ROW}<body>beside</body></message>",
    f"<message from='room@muc.example.org'>{_ROW}stray</message>",
    f"<message from='room@muc.example.org/nick'>{_ROW}</message>",
    f"<message from='other@muc.example.org'>{_ROW}</message>",
    f"<message from='room@muc.example.org' type='error'>{_ROW}</message>",
    f"<message from='room@muc.example.org' type='odd'>{_ROW}</message>",
    f"<message>{_ROW}</message>",
)
PLAIN = tuple(CHILDREN[at] for at in (0, 7, 12, 14))


def long_way(monkeypatch: pytest.MonkeyPatch, text: str, rooms: Rooms) -> Event | None:
    with monkeypatch.context() as patch:
        patch.setattr(module, "plain_message", lambda *_: None)
        patch.setattr(module, "plain_archived", lambda *_: None)
        return module.decode_message(element(text), NOW, rooms, False)


def stanza(children: str, sender: str = NICK, lang: str = " xml:lang='en'", id: str = " id='m1'") -> str:
    return f"<message type='groupchat' from='{sender}'{lang}{id}>{children}</message>"


def test_a_plain_message_goes_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    text = stanza("".join(PLAIN))
    event = plain_message(element(text), NOW, Rooms())
    assert isinstance(event, RoomMessage)
    assert (event.body, event.archive_id, event.origin_id, event.message_id) == ("hello", "a1", "o1", "m1")
    assert event.author is OCCUPANT
    assert event == long_way(monkeypatch, text, Rooms())


def test_a_plain_row_of_an_archive_goes_the_short_way() -> None:
    inner = stanza("".join(PLAIN)).replace("<message ", "<message xmlns='jabber:client' ")
    row = element(OUTER[0].format(message=inner))
    event = plain_archived(row[0][0][1], NOW, Rooms(), ROOM, "a7")
    assert isinstance(event, RoomMessage)
    assert (event.body, event.archive_id, event.author, event.source) == ("hello", "a7", OCCUPANT, Source.ARCHIVE)


def test_a_room_archives_nothing_for_another() -> None:
    class Both(Rooms):
        def features(self, room: Address) -> frozenset[str] | None:
            return FEATURES

    other = Address.parse("other@muc.example.org")
    assert plain_archived(element(stanza("".join(PLAIN))), NOW, Both(), other, "a7") is None


@pytest.mark.parametrize("child", PLAIN)
def test_what_is_there_twice_is_not_plain(child: str) -> None:
    assert plain_message(element(stanza("".join(PLAIN) + child)), NOW, Rooms()) is None


@settings(max_examples=600, deadline=None)
@given(
    # One body, or none, and few others: more would hardly ever be plain.
    children=st.tuples(st.lists(st.sampled_from(CHILDREN[5:]), max_size=3), st.sampled_from(["", *CHILDREN[:4]]))
    .map(lambda parts: [*parts[0], parts[1]])
    .flatmap(st.permutations),
    sender=st.sampled_from(
        [NICK, NICK, NICK, "room@muc.example.org", "room@muc.example.org/gone", "ROOM@muc.example.org/nick"]
    ),
    lang=st.sampled_from(["", " xml:lang='en'", " xml:lang=''"]),
    id=st.sampled_from(["", " id=''", " id='m1'"]),
    features=st.sampled_from([FEATURES, frozenset(), frozenset({MAM_2}), frozenset({OCCUPANT_ID_0})]),
    occupant=st.sampled_from([OCCUPANT, OTHER_ID, None]),
)
def test_the_short_way_gives_what_the_long_way_gives(
    children: list[str], sender: str, lang: str, id: str, features: frozenset[str], occupant: Occupant | None
) -> None:
    text, rooms = stanza("".join(children), sender, lang, id), Rooms(features, occupant)
    short = plain_message(element(text), NOW, rooms)
    with pytest.MonkeyPatch.context() as patch:
        if short is not None:
            assert short == long_way(patch, text, rooms)
        for outer in OUTER:
            row = outer.format(message=text.replace("<message ", "<message xmlns='jabber:client' "))
            # As text: errors are equal to themselves alone.
            assert repr(module.decode_message(element(row), NOW, rooms, False)) == repr(long_way(patch, row, rooms))


@pytest.mark.parametrize("file", sorted(STANZAS.rglob("*.xml")), ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_no_fixture_is_told_otherwise_by_the_short_way(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = file.read_text()
    short = plain_message(element(text), NOW, Rooms())
    assert short is None or short == long_way(monkeypatch, text, Rooms())
