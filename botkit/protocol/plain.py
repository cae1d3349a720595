"""The short way of what most messages in a room are: one body, and ids that leave nothing to ask.

It gives exactly the event that ``message`` would make, or None for whatever is not so plain.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from xml.etree.ElementTree import Element

from botkit.model.address import Address
from botkit.model.events import RoomMessage
from botkit.model.messages import Content, Source, Text
from botkit.model.quick import maker
from botkit.model.rooms import MAM_2, OCCUPANT_ID_0, STANZA_ID_0, Occupant
from botkit.protocol import namespaces as ns
from botkit.protocol.known import Known
from botkit.protocol.occupant_id import OCCUPANT_ID_TAG, valid
from botkit.protocol.stanza_ids import ORIGIN_ID_TAG, STANZA_ID_TAG

_BODY: Final = f"{{{ns.CLIENT}}}body"
_SAYS_NOTHING: Final = frozenset(
    {
        # XEP-0085, XEP-0333, XEP-0184 and XEP-0334: about how to deliver and mark the message
        *(f"{{http://jabber.org/protocol/chatstates}}{state}" for state in ("active", "inactive", "gone", "paused")),
        "{urn:xmpp:chat-markers:0}markable",
        "{urn:xmpp:receipts}request",
        *(f"{{{ns.HINTS}}}{hint}" for hint in ("store", "no-store", "no-copy", "no-permanent-store")),
    }
)
_text, _content, _message = maker(Text), maker(Content), maker(RoomMessage)


_Parts = tuple[Element, str | None, str | None, str | None]


def plain_message(stanza: Element, at: datetime, known: Known) -> RoomMessage | None:
    """The event of a groupchat message from the stream; None where it takes a closer look."""
    sender = stanza.get("from")
    read = _read(stanza, sender)
    if read is None or not sender:
        return None
    body, own_id, origin_id, occupant_id = read
    address = Address.received(sender)
    author = known.occupant(address)
    if author is None or (occupant_id is not None and author.occupant_id != occupant_id):
        return None
    offered = known.features(address.bare)
    if offered is None or (occupant_id is not None and OCCUPANT_ID_0 not in offered):
        return None
    if own_id is not None and STANZA_ID_0 not in offered and MAM_2 not in offered:
        return None
    return _event(stanza, body, at, author, own_id, origin_id, Source.LIVE)


def plain_archived(stanza: Element, at: datetime, known: Known, archive: Address, own_id: str) -> RoomMessage | None:
    """The event of a groupchat message that the ``archive`` of its room has under ``own_id``; None as above."""
    sender = stanza.get("from")
    read = _read(stanza, sender)
    if read is None or not sender:
        return None
    body, _, origin_id, occupant_id = read
    address = Address.received(sender)
    offered = known.features(archive)
    if address.bare is not archive or address.resource is None or offered is None:
        return None
    if occupant_id is not None and (OCCUPANT_ID_0 not in offered or not valid(occupant_id)):
        return None
    author = known.occupant(address) if occupant_id is not None else None
    if author is None or author.occupant_id != occupant_id:  # the nick says nothing: anybody may have it by now
        author = Occupant(address=address, known=False, occupant_id=occupant_id)
    return _event(stanza, body, at, author, own_id, origin_id, Source.ARCHIVE)


def _read(stanza: Element, sender: str | None) -> _Parts | None:
    """The body, and the ids by the room, by the author and of the author; None if there is more, or anything odd."""
    if not sender or stanza.text:
        return None
    bare = sender.partition("/")[0]
    body = own_id = origin_id = occupant_id = None
    for child in stanza:
        tag = child.tag
        if child.tail:
            return None
        if tag == _BODY:
            if body is not None or len(child):
                return None
            body = child
        elif tag == STANZA_ID_TAG:
            if own_id is not None or child.get("by") != bare or not (own_id := child.get("id")):
                return None
        elif tag == OCCUPANT_ID_TAG:
            if occupant_id is not None or not (occupant_id := child.get("id")):
                return None
        elif tag == ORIGIN_ID_TAG:
            if origin_id is not None or not (origin_id := child.get("id")):
                return None
        elif tag not in _SAYS_NOTHING:
            return None
    return None if body is None else (body, own_id, origin_id, occupant_id)


def _event(
    stanza: Element,
    body: Element,
    at: datetime,
    author: Occupant,
    own_id: str | None,
    origin_id: str | None,
    source: Source,
) -> RoomMessage:
    text = body.text or ""
    return _message(
        at=at,
        room=author.address.bare,
        author=author,
        content=_content(body=text, bodies=(_text(text, body.get(ns.XML_LANG) or stanza.get(ns.XML_LANG)),)),
        archive_id=own_id,  # type: ignore[arg-type]  # a NewType costs a call
        message_id=stanza.get("id") or None,  # type: ignore[arg-type]
        origin_id=origin_id,
        source=source,
    )
