"""Messages: what the draft amounts to (RFC 6121 §5, XEP-0045 §7.4, §7.5, §8.1)."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from xml.etree.ElementTree import Element

from botkit.model import anomalies
from botkit.model.address import Address
from botkit.model.events import (
    ArchiveResult,
    DirectMessage,
    ErrorReceived,
    Event,
    PrivateMessage,
    RoomMessage,
)
from botkit.model.messages import ArchiveId, Content, MessageId, Source
from botkit.model.quick import maker
from botkit.protocol.children import read_message
from botkit.protocol.claims import direct_claims, occupant_claims, room_claims
from botkit.protocol.draft import Draft
from botkit.protocol.encryption import is_encrypted
from botkit.protocol.fallback import fallbacks
from botkit.protocol.invitations import mediated_invitation
from botkit.protocol.known import Known
from botkit.protocol.mam import RESULT_TAG, parse_result
from botkit.protocol.occupant_id import author
from botkit.protocol.plain import plain_archived, plain_message
from botkit.protocol.shown import read_unbelieved
from botkit.protocol.stanza_errors import parse_error
from botkit.protocol.stanza_ids import archive_id
from botkit.protocol.text import note_languages
from botkit.protocol.xhtml import different_html

_content_of = maker(Content)
_room_message = maker(RoomMessage)
_KINDS: Final = frozenset({"chat", "error", "groupchat", "headline", "normal"})
_CALM_KINDS: Final = frozenset({"chat", "headline", "normal"})


def decode_message(stanza: Element, at: datetime, known: Known, replaying: bool = True) -> Event | None:
    """What a message that came over the stream tells."""
    if stanza.get("type") == "groupchat":
        plain = plain_message(stanza, at, known)
        if plain is not None:
            return plain
    elif len(stanza) == 1 and stanza[0].tag == RESULT_TAG:
        row = _plain_row(stanza, stanza[0], at, known)
        if row is not None:
            return row
    draft = read_message(stanza)
    if draft.groupchat:
        if draft.delayed is not None and not replaying:
            draft.delayed = None
            draft.odd(anomalies.FORGED_DELAY)
        if draft.result is not None:
            draft.odd(anomalies.FORGED_ARCHIVE_RESULT)
        return _groupchat(stanza, draft, at, known, None)
    kind = stanza.get("type", "normal")
    if kind == "error":
        return ErrorReceived(
            at=at,
            sender=draft.sender,
            message_id=_message_id(stanza),
            error=parse_error(draft.error, str(draft.sender)),
        )
    if draft.result is not None:
        beside = draft.has_body or draft.has_subject or draft.stray or draft.attachments or draft.html_texts
        if draft.sender.is_bare and not beside:
            return _archive_result(stanza, draft, draft.result, at, known)
        draft.odd(anomalies.FORGED_ARCHIVE_RESULT)
    return _single(stanza, draft, at, known)


def _message_id(stanza: Element) -> MessageId | None:
    value = stanza.get("id")
    return value or None  # type: ignore[return-value]  # a NewType costs a call


def _content(draft: Draft) -> Content:
    """Everything that the message shows."""
    bodies = draft.bodies
    if len(bodies) > 1:
        note_languages(draft)
    return _content_of(
        body=bodies[0].text if bodies else "",
        bodies=(bodies[0],) if len(bodies) == 1 else tuple(bodies),
        subjects=tuple(draft.subjects) if draft.subjects else (),
        html=different_html(draft) if draft.html_texts else None,
        attachments=tuple(draft.attachments) if draft.attachments else (),
        fallbacks=fallbacks(draft) if draft.fallbacks else (),
        reply=draft.reply,
        replaces=draft.replaces,
        thread=draft.thread,
        stray=draft.stray,
        encrypted=is_encrypted(draft),
        others=tuple(draft.others) if draft.others else (),
    )


def _shows(draft: Draft, content: Content) -> bool:
    """Whether there is anything to see besides a subject on its own."""
    return draft.has_body or bool(
        draft.attachments
        or draft.stray
        or content.html
        or content.others
        or content.encrypted
        or (draft.has_subject and draft.thread is not None)
    )


def _groupchat(stanza: Element, draft: Draft, at: datetime, known: Known, archived: ArchiveId | None) -> Event | None:
    """A message of a room; ``archived`` is its id if it comes out of the room's archive."""
    room = draft.sender.bare
    features = known.features(room)
    if archived is not None:
        draft.source = Source.ARCHIVE
        own_id: ArchiveId | None = archived
    else:
        if draft.delayed is not None:
            draft.source = Source.JOIN_HISTORY
            at = draft.delayed
        own_id = archive_id(draft, features)
    speaker = author(draft, known, features)
    if (draft.moderations or draft.muc_users or draft.tombstones) and draft.sender.resource is not None:
        read_unbelieved(draft)
    content = _content(draft)
    shows = _shows(draft, content)
    if draft.error is not None:
        draft.odd(anomalies.STRAY_ERROR)
    if draft.conferences:
        draft.odd(anomalies.FORGED_INVITATION)
    also: list[Event] = []
    if draft.moderations or draft.muc_users:
        also = room_claims(draft, at, features, own_id)
    if draft.retractions or draft.reactions or draft.has_subject or draft.tombstones:
        also += occupant_claims(draft, at, speaker, own_id, shows)
    if not shows and len(also) < 2:
        return also[0] if also else None
    return _room_message(
        at=at,
        room=room,
        author=speaker,
        content=content,
        archive_id=own_id,
        message_id=_message_id(stanza),
        origin_id=draft.origin_id,
        source=draft.source,
        also=tuple(also) if also else (),
        anomalies=tuple(draft.anomalies) if draft.anomalies else (),
    )


def _single(stanza: Element, draft: Draft, at: datetime, known: Known) -> Event | None:
    """Anything but groupchat: from a room of ours, from somebody in it, or from an account."""
    if stanza.get("type", "normal") not in _KINDS:
        draft.odd(anomalies.ODD_TYPE)
    if draft.error is not None:
        draft.odd(anomalies.STRAY_ERROR)
    if draft.sender.is_bare and draft.muc_users:
        invitation = mediated_invitation(draft, at)
        if invitation is not None:  # a body beside it repeats it for old clients
            return invitation
    features = known.features(draft.sender.bare)
    if features is not None and draft.sender.is_bare:
        draft.others = ()  # forms that a room itself sends, such as requests for voice (XEP-0045 §7.13): nobody's words
    content = _content(draft)
    also = direct_claims(draft, at)
    if features is not None:
        also = room_claims(draft, at, features, None) + also
    elif draft.muc_users or draft.moderations:
        draft.odd(anomalies.FORGED_MUC_USER if draft.muc_users else anomalies.FORGED_MODERATION)
    if not (_shows(draft, content) or draft.has_subject) and len(also) < 2:
        return also[0] if also else None
    if features is not None:
        return PrivateMessage(
            at=at,
            room=draft.sender.bare,
            author=author(draft, known, features),
            content=content,
            message_id=_message_id(stanza),
            also=tuple(also),
            anomalies=tuple(draft.anomalies),
        )
    return _direct(stanza, draft, at, content, also)


def _direct(stanza: Element, draft: Draft, at: datetime, content: Content, also: list[Event]) -> DirectMessage:
    return DirectMessage(
        at=draft.server_delayed or at,
        sender=draft.sender,
        content=content,
        message_id=_message_id(stanza),
        source=draft.source,
        also=tuple(also),
        anomalies=tuple(draft.anomalies),
    )


def _archive_result(stanza: Element, outer: Draft, result: Element, at: datetime, known: Known) -> ArchiveResult | None:
    """One row of an archive. Whoever asked checks sender and query id; here what a room's archive holds must be of
    that room, as the archive of one room says nothing about another."""
    forwarded = parse_result(result)
    if forwarded is None:
        return None
    at = forwarded.stamp or at
    return ArchiveResult(
        at=at,
        sender=outer.sender if stanza.get("from") else None,
        query_id=forwarded.query_id,
        archive_id=forwarded.archive_id,
        event=_archived(forwarded.message, outer, forwarded.archive_id, at, known),
    )


def _plain_row(stanza: Element, result: Element, at: datetime, known: Known) -> ArchiveResult | None:
    """The short way of ``_archive_result``, which it equals, or None."""
    sender = stanza.get("from")
    if not sender or stanza.get("type", "normal") not in _CALM_KINDS or stanza.text or result.tail:
        return None
    archive = Address.received(sender)
    forwarded = parse_result(result) if archive.is_bare and archive.domain else None
    if forwarded is None or forwarded.message is None or forwarded.message.get("type") != "groupchat":
        return None
    at = forwarded.stamp or at
    event = plain_archived(forwarded.message, at, known, archive, forwarded.archive_id)
    if event is None:
        return None
    return ArchiveResult(
        at=at, sender=archive, query_id=forwarded.query_id, archive_id=forwarded.archive_id, event=event
    )


def _archived(message: Element | None, outer: Draft, own_id: ArchiveId, at: datetime, known: Known) -> Event | None:
    if message is None or not message.get("from"):
        return None
    draft = read_message(message)
    if draft.groupchat:
        return _groupchat(message, draft, at, known, own_id) if draft.sender.bare == outer.sender else None
    if message.get("type") == "error" or known.features(outer.sender) is not None:
        return None
    draft.source = Source.ARCHIVE
    return _single(message, draft, at, known)
