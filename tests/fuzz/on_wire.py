"""Targets: bytes to elements, elements to events, presences to who is in a room."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterable, Iterator
from typing import Final
from xml.etree.ElementTree import Element

from botkit.model.address import Address
from botkit.model.events import PresenceReceived
from botkit.model.rooms import OCCUPANT_ID_0
from botkit.protocol.decode import NOTHING, Known, decode_stanza
from botkit.protocol.namespaces import MESSAGE, PRESENCE
from botkit.session import parser
from botkit.session.exact_parser import ExactParser
from botkit.session.occupancy import Occupancy
from botkit.session.parser import FOOTER, StreamHeader, StreamItem, StreamLimits, StreamParser, StreamViolation
from tests.fuzz import mutate, seeds
from tests.fuzz.promises import check_event, same_element
from tests.fuzz.target import Target
from tests.unit.protocol.wire import NICK, NOW, ROOM, Rooms

HEADER: Final = (
    b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
    b"from='home.example' id='1' version='1.0' xml:lang='en'>"
)
_TIGHT: Final = StreamLimits(stanza_bytes=3000, depth=12, elements=60, attributes=9)
_POLICY: Final = "policy-violation"
_OFTEN: Final = ("_RENEW_AFTER", "_MOST_KEPT")

Read = tuple[list[StreamItem], str | None]


def read(chunks: Iterable[bytes], limits: StreamLimits | None = None) -> Read:
    """What came out, and the condition that ended the stream; None if it goes on."""
    stream, out = StreamParser(limits), list[StreamItem]()
    try:
        for chunk in chunks:
            stream.feed(chunk, out)
    except StreamViolation as violation:
        return out, violation.condition
    return out, None


def elements(data: bytes) -> list[Element]:
    """The stanzas in ``data``, which stands inside of a stream."""
    return [item for item in read((HEADER, data))[0] if isinstance(item, Element)]


# --- stream -------------------------------------------------------------------------------------------------------


def run_stream(data: bytes) -> None:
    """The same bytes give the same, however they are cut, within ordinary limits and tight ones."""
    rng = random.Random(zlib.crc32(data))
    whole_stream = data if data.startswith((b"<?xml", b"<stream")) else HEADER + data
    for limits in (None, _TIGHT):
        whole = _exactly(whole_stream, limits)
        _same(whole, read((whole_stream,), limits), limits)
        for _ in range(2):
            pieces = list(_cut(whole_stream, rng))
            cut = read(pieces, limits)
            if len(pieces) <= parser._MOST_PACKETS:  # else the end of a long tag may be held back
                _same(whole, cut, limits)
    if len(data) < 600:
        _same(read((whole_stream,)), read(whole_stream[i : i + 1] for i in range(len(whole_stream))), None)
    _with_renewals(whole_stream, rng)


def _exactly(data: bytes, limits: StreamLimits | None) -> Read:
    """What the parser makes of it that has to decide in the end."""
    stream, out = ExactParser(limits or StreamLimits()), list[StreamItem]()
    try:
        stream.feed(data, out)
    except StreamViolation as violation:
        return out, violation.condition
    return out, None


def _cut(data: bytes, rng: random.Random) -> Iterator[bytes]:
    size = rng.choice((3, 20, 200, 2000))
    at = 0
    while at < len(data):
        to = at + rng.randint(1, size)
        if rng.random() < 0.3:  # also at the end of an element, where a parser may be exchanged for a fresh one
            end = data.find(b">", at, to + 200)
            to = end + 1 if end >= 0 else to
        yield data[at:to]
        at = to


def _same(whole: Read, cut: Read, limits: StreamLimits | None) -> None:
    (items, condition), (others, other) = _up_to_footer(whole), _up_to_footer(cut)
    if condition != other and _POLICY in (condition, other):
        # A limit is looked at when a packet ends, and again when the stanza has grown by a quarter or ends: of two
        # faults either may be met first, and a stanza that has not ended may not have been looked at yet.
        if condition and other:
            items, others = items[: len(others)], others[: len(items)]
    else:
        assert condition == other, f"{condition} in one piece, {other} in several, {limits}"
    assert len(items) == len(others), f"{len(items)} items in one piece, {len(others)} in several, {condition}"
    for one, two in zip(items, others, strict=True):
        if isinstance(one, Element) and isinstance(two, Element):
            one.tail = two.tail = None  # white space between stanzas, which nobody reads
            assert same_element(one, two), "another element when cut"
        elif isinstance(one, StreamHeader):
            assert one == two, "another header when cut"
        else:
            assert one is two, "another item when cut"


def _up_to_footer(found: Read) -> Read:
    """The stream ends there; what comes after is nobody's."""
    items, condition = found
    if FOOTER not in items:
        return items, condition
    return items[: items.index(FOOTER) + 1], None


def _with_renewals(data: bytes, rng: random.Random) -> None:
    """The same with parsers that are exchanged for fresh ones all the time."""
    whole = read((data,))
    kept = {name: getattr(parser, name) for name in _OFTEN}
    for name in _OFTEN:
        setattr(parser, name, 200)
    try:
        pieces = list(_cut(data, rng))
        cut = read(pieces)
        if len(pieces) <= parser._MOST_PACKETS:
            _same(whole, cut, None)
    finally:
        for name, value in kept.items():
            setattr(parser, name, value)


# --- decode -------------------------------------------------------------------------------------------------------

KNOWNS: Final[tuple[Known, ...]] = (NOTHING, Rooms(), Rooms(features=frozenset(), occupant=None))


def run_decode(data: bytes) -> None:
    """No stanza raises, nothing shown is lost, nothing is believed from whom it must not be."""
    for stanza in elements(data):
        if stanza.tag not in (MESSAGE, PRESENCE):
            continue
        for known in KNOWNS:
            for replaying in (True, False):
                event = decode_stanza(stanza, received=NOW, known=known, replaying=replaying)
                again = decode_stanza(stanza, received=NOW, known=known, replaying=replaying)
                # an error within is an exception, and those are equal to themselves alone
                assert event == again or repr(event) == repr(again), "another event"
                hash(event)
                check_event(stanza, event, known, replaying)


# --- room ---------------------------------------------------------------------------------------------------------


def run_room(data: bytes) -> None:
    """Presences one after the other, as the rooms' supervisor shows them to ``Occupancy``."""
    occupancy, expected = Occupancy(ROOM), Address.received(f"{ROOM}/bot")
    for stanza in elements(data):
        presence = decode_stanza(stanza, received=NOW) if stanza.tag == PRESENCE else None
        if not isinstance(presence, PresenceReceived) or presence.sender.bare != ROOM or presence.kind == "error":
            continue
        if presence.kind == "unavailable":
            occupancy.left(presence)
        elif presence.sender.resource is not None:
            me = occupancy.is_self(presence, expected)
            occupancy.arrived(presence, is_self=me, occupant_ids=OCCUPANT_ID_0 in Rooms().features(ROOM))  # type: ignore[operator]
        for address, occupant in occupancy.people.items():
            assert address == occupant.address, "an occupant under another's address"
            assert address.bare == ROOM, "an occupant of another room"
        assert occupancy.me is None or occupancy.me.address.bare == ROOM


def _stream_seeds() -> list[bytes]:
    return [*seeds.streams(), *(HEADER + seed for seed in seeds.streams()[:4]), HEADER + b"<presence/></stream:stream>"]


def _mutate_stream(data: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.5:
        return _mutate_xml(data, rng)
    return mutate.bytes_at_random(data, rng)


def _room_seeds() -> list[bytes]:
    presences = seeds.of("presence")
    return [*presences, b"".join(presences), b"".join(presences).replace(NICK.encode(), b"room@muc.example.org/other")]


_mutate_xml = mutate.xml(seeds.stanzas)

TARGETS: Final = (
    Target("stream", "bytes to elements, cut anywhere", run_stream, _stream_seeds, _mutate_stream),
    Target("decode", "elements to events", run_decode, seeds.stanzas, _mutate_xml),
    Target("room", "presences to occupants", run_room, _room_seeds, mutate.xml(_room_seeds)),
)
