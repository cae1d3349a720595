"""Stanzas for the tests: from text, from the fixtures, and a room to decode them in."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from xml.etree.ElementTree import Element, fromstring

from botkit.model.address import Address
from botkit.model.events import DirectMessage, Event, PrivateMessage, RoomMessage
from botkit.model.rooms import MAM_2, MODERATE_0, MODERATE_1, OCCUPANT_ID_0, STANZA_ID_0, Affiliation, Occupant, Role
from botkit.protocol.decode import decode_stanza

STANZAS = Path(__file__).parents[2] / "stanzas"
NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
ROOM = Address.parse("room@muc.example.org")
NICK = "room@muc.example.org/nick"
FEATURES = frozenset({MAM_2, MODERATE_0, MODERATE_1, OCCUPANT_ID_0, STANZA_ID_0})
OCCUPANT = Occupant(
    address=Address.parse(NICK),
    affiliation=Affiliation.MEMBER,
    role=Role.PARTICIPANT,
    real=Address.parse("nick@home.example/phone"),
    occupant_id="occ-1",
)


class Rooms:
    """One room of ours with one occupant."""

    def __init__(self, features: frozenset[str] = FEATURES, occupant: Occupant | None = OCCUPANT) -> None:
        self._features = features
        self._occupant = occupant

    def occupant(self, address: Address) -> Occupant | None:
        return self._occupant if self._occupant and address == self._occupant.address else None

    def features(self, room: Address) -> frozenset[str] | None:
        return self._features if room == ROOM else None


def elements(text: str) -> list[Element]:
    """Every element of ``text``, as a stream of ``jabber:client`` would hold them."""
    return list(fromstring(f"<stream xmlns='jabber:client'>{text}</stream>"))


def element(text: str) -> Element:
    return elements(text)[0]


def fixture(name: str) -> list[Element]:
    """The stanzas of ``tests/stanzas/<name>.xml``."""
    return elements((STANZAS / f"{name}.xml").read_text(encoding="utf-8"))


def decode(text: str, rooms: Rooms | None = None) -> Event | None:
    return decode_stanza(element(text), received=NOW, known=rooms or Rooms())


def said(children: str, *, sender: str = NICK, rooms: Rooms | None = None) -> RoomMessage:
    """A groupchat message, which must be seen as one."""
    event = decode(f"<message type='groupchat' from='{sender}' id='m1'>{children}</message>", rooms)
    assert isinstance(event, RoomMessage), event
    return event


def groupchat(children: str, *, sender: str = NICK, rooms: Rooms | None = None) -> Event | None:
    return decode(f"<message type='groupchat' from='{sender}' id='m1'>{children}</message>", rooms)


def told(children: str, *, sender: str = "friend@home.example/phone", kind: str = "chat") -> DirectMessage:
    """A message to us alone, from an account."""
    event = decode(f"<message type='{kind}' from='{sender}' to='bot@home.example/r' id='m1'>{children}</message>")
    assert isinstance(event, DirectMessage), event
    return event


def whispered(children: str, kind: str = "chat") -> PrivateMessage:
    """A private message of the room."""
    event = decode(f"<message type='{kind}' from='{NICK}' id='m1'>{children}</message>")
    assert isinstance(event, PrivateMessage), event
    return event


def archived(
    children: str, *, sender: str = NICK, archive: str = str(ROOM), rooms: Rooms | None = None
) -> Event | None:
    return decode(
        f"<message from='{archive}' to='bot@home.example/r'><result xmlns='urn:xmpp:mam:2' queryid='q' id='s9'>"
        "<forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2026-04-01T10:00:00Z'/>"
        f"<message xmlns='jabber:client' type='groupchat' from='{sender}' id='m1'>{children}</message>"
        "</forwarded></result></message>",
        rooms,
    )
