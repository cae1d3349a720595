"""What decoding promises, written a second time and in another way: straight from the element, without its readers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element

from botkit.model.address import Address
from botkit.model.events import (
    ArchiveResult,
    DirectMessage,
    Event,
    InvitationReceived,
    MessageModerated,
    OccupantEvent,
    PresenceReceived,
    PrivateMessage,
    RoomMessage,
    RoomNotice,
    SubjectChanged,
    TombstoneSeen,
)
from botkit.model.messages import Content, Source
from botkit.model.rooms import MAM_2, MODERATE_0, MODERATE_1, OCCUPANT_ID_0, STANZA_ID_0, Affiliation, Role
from botkit.protocol.decode import Known
from botkit.protocol.namespaces import MESSAGE

_BODY: Final = "{jabber:client}body"
_SUBJECT: Final = "{jabber:client}subject"
_STATUS: Final = "{jabber:client}status"
_OOB: Final = "{jabber:x:oob}x"
_HTML: Final = "{http://jabber.org/protocol/xhtml-im}html"
_RESULT: Final = "{urn:xmpp:mam:2}result"
_FORWARDED: Final = "{urn:xmpp:forward:0}forwarded"


def same_element(one: Element, two: Element) -> bool:
    """The same tree; no recursion, as a stanza may be nested deep."""
    pairs = [(one, two)]
    while pairs:
        a, b = pairs.pop()
        if (a.tag, a.attrib, a.text, a.tail, len(a)) != (b.tag, b.attrib, b.text, b.tail, len(b)):
            return False
        pairs.extend(zip(a, b, strict=True))
    return True


def check_event(stanza: Element, event: Event | None, known: Known, replaying: bool) -> None:
    """Raises ``AssertionError`` for the first promise that is broken."""
    if stanza.tag == MESSAGE:
        _check_shown(stanza, event)
    else:
        _check_presence(stanza, event)
    for one, archived in _all(event):
        _check_trust(stanza, one, known, archived)
        assert archived or replaying or getattr(one, "source", None) is not Source.JOIN_HISTORY, "history out of time"


def _all(event: Event | None, archived: bool = False) -> Iterator[tuple[Event, bool]]:
    if event is None:
        return
    yield event, archived
    if isinstance(event, ArchiveResult):
        yield from _all(event.event, True)
    for also in getattr(event, "also", ()):
        yield from _all(also, archived)


# --- nothing shown is lost -----------------------------------------------------------------------------------------


def _check_shown(stanza: Element, event: Event | None) -> None:
    if stanza.get("type") == "error":
        return  # what comes back is our own
    if isinstance(event, InvitationReceived) and event.mediated:
        return  # its body repeats it for old clients (XEP-0045 §7.8.2)
    if isinstance(event, ArchiveResult):
        inner = _inner(stanza)
        if event.event is not None and inner is not None:
            _contains(inner, event.event)
        elif inner is not None and _of_the_archive(stanza, inner):
            assert not any(text.strip() for text in _texts(inner)), "an archive's text is nowhere"
        return
    _contains(stanza, event)


def _contains(stanza: Element, event: Event | None) -> None:
    content = _content(event)
    shown = _squeezed(content.everything if content is not None else "")
    subjects = "\n".join(t.text for t in event.subjects) if isinstance(event, SubjectChanged) else ""
    for text in _texts(stanza):
        assert _squeezed(text) in shown, f"a text is not in {type(event).__name__}"
    for child in stanza:
        if child.tag == _SUBJECT and (text := "".join(child.itertext())):
            assert _squeezed(text) in shown or text in subjects, f"a subject is not in {type(event).__name__}"


def _texts(stanza: Element) -> Iterator[str]:
    if stanza.text:
        yield stanza.text
    for child in stanza:
        if child.tag == _BODY:
            yield "".join(child.itertext())
        elif child.tag == _OOB:
            yield next(
                (
                    part.text or ""
                    for part in child
                    if part.tag.endswith("}url") and part.tag.startswith("{jabber:x:oob")
                ),
                "",
            )
        elif child.tag == _HTML:
            yield from ("".join(part.itertext()) for part in child if part.tag == "{http://www.w3.org/1999/xhtml}body")
        yield child.tail or ""


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _content(event: Event | None) -> Content | None:
    return event.content if isinstance(event, RoomMessage | PrivateMessage | DirectMessage) else None


def _inner(stanza: Element) -> Element | None:
    result = next((child for child in stanza if child.tag == _RESULT), None)
    forwarded = next((child for child in result if child.tag == _FORWARDED), None) if result is not None else None
    return next((child for child in forwarded if child.tag == MESSAGE), None) if forwarded is not None else None


def _of_the_archive(stanza: Element, inner: Element) -> bool:
    """Whether a room's archive must show it: a groupchat of that very room."""
    sender = inner.get("from")
    archive = stanza.get("from") or (stanza.get("to") or "").partition("/")[0]
    return (
        bool(sender)
        and inner.get("type") == "groupchat"
        and Address.received(sender or "").bare == Address.received(archive)
    )


def _check_presence(stanza: Element, event: Event | None) -> None:
    if event is None:
        assert not (stanza.get("from") or (stanza.get("to") or "").partition("/")[0]), "a presence is lost"
        return
    assert isinstance(event, PresenceReceived)
    for child in stanza:
        if child.tag == _STATUS:
            assert _squeezed("".join(child.itertext())) in _squeezed(event.status or ""), "a status text is lost"


# --- nothing is believed from whom it must not be --------------------------------------------------------------------


def _check_trust(stanza: Element, event: Event, known: Known, archived: bool) -> None:
    sender = stanza.get("from") or ""
    if isinstance(event, MessageModerated | RoomNotice):
        assert event.room.resource is None, "the room's word from an occupant"
        assert archived or "/" not in sender or sender.endswith("/"), "the room's word from an occupant"
    if isinstance(event, MessageModerated):
        features = known.features(event.room)
        assert features is None or features & {MODERATE_0, MODERATE_1}, "moderation where there is none"
    if isinstance(event, TombstoneSeen):
        assert archived, "a tombstone outside of an archive"
    if isinstance(event, OccupantEvent):
        _check_author(event, known)
        assert archived or getattr(event, "source", None) is not Source.ARCHIVE, "an archive's message without archive"
    if isinstance(event, RoomMessage) and event.archive_id is not None and not archived:
        _check_archive_id(stanza, event, known)


def _check_author(event: OccupantEvent, known: Known) -> None:
    author, features = event.author, known.features(event.room)
    present = known.occupant(author.address)
    assert author.address.bare == event.room, "an author of another room"
    if present is None or author.occupant_id not in (None, present.occupant_id):
        assert (author.real, author.affiliation, author.role) == (None, Affiliation.NONE, Role.NONE), "rights of nobody"
    if author.occupant_id is not None and (present is None or author.occupant_id != present.occupant_id):
        assert features is None or OCCUPANT_ID_0 in features, "an occupant-id where there is none"


def _check_archive_id(stanza: Element, event: RoomMessage, known: Known) -> None:
    features = known.features(event.room)
    assert features is None or features & {STANZA_ID_0, MAM_2}, "an archive id where there is none"
    own = [
        child.get("id")
        for child in stanza
        if child.tag == "{urn:xmpp:sid:0}stanza-id" and Address.received(child.get("by") or "") == event.room
    ]
    assert own == [event.archive_id], "an archive id that the room did not give"
