"""What a message says besides its text: which claims are believed, from whom, and as what event."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from xml.etree.ElementTree import Element

from botkit.model import anomalies
from botkit.model.address import Address
from botkit.model.events import (
    DirectReactions,
    DirectRetraction,
    Event,
    MessageModerated,
    MessageRetracted,
    ReactionsChanged,
    RoomNotice,
    SubjectChanged,
    TombstoneSeen,
)
from botkit.model.messages import ArchiveId, Moderation, Source
from botkit.model.rooms import MODERATE_0, MODERATE_1, Occupant
from botkit.protocol.draft import Draft
from botkit.protocol.invitations import direct_invitation
from botkit.protocol.moderation import parse_moderation, parse_tombstone
from botkit.protocol.muc_user import INVITE, parse_muc_user

_MODERATE: Final = frozenset({MODERATE_0, MODERATE_1})


def occupant_claims(
    draft: Draft, at: datetime, speaker: Occupant, archive_id: ArchiveId | None, shows: bool
) -> list[Event]:
    """What an occupant (or the room, as author) says in a groupchat: retractions, reactions, subject, tombstone."""
    room, source, odd = draft.sender.bare, draft.source, tuple(draft.anomalies)
    events: list[Event] = [
        MessageRetracted(
            at=at, room=room, author=speaker, target=target, archive_id=archive_id, source=source, anomalies=odd
        )
        for target in draft.retractions
    ]
    if draft.reactions is not None:
        target, texts = draft.reactions
        events.append(
            ReactionsChanged(
                at=at,
                room=room,
                author=speaker,
                target=target,
                reactions=texts,
                archive_id=archive_id,
                source=source,
                anomalies=odd,
            )
        )
    # XEP-0045 §8.1: a subject change has "a <subject/> but no <body/> ... and no <thread/>"
    if draft.has_subject and not draft.has_body and draft.thread is None:
        events.append(_subject(draft, at, speaker, archive_id))
    if draft.tombstones:
        tombstone = None if shows else _tombstone(draft, at, speaker, archive_id)
        if tombstone is None:
            draft.odd(anomalies.FORGED_TOMBSTONE)
        else:
            events.append(tombstone)
    return events


def _subject(draft: Draft, at: datetime, speaker: Occupant, archive_id: ArchiveId | None) -> SubjectChanged:
    return SubjectChanged(
        at=at,
        room=draft.sender.bare,
        author=speaker,
        subject=draft.subjects[0].text,
        archive_id=archive_id,
        source=draft.source,
        subjects=tuple(draft.subjects),
        anomalies=tuple(draft.anomalies),
    )


def _tombstone(draft: Draft, at: datetime, speaker: Occupant, archive_id: ArchiveId | None) -> TombstoneSeen | None:
    """Only archives have tombstones, and a tombstone shows no text: one beside a text was written by its author."""
    if draft.source is not Source.ARCHIVE or archive_id is None:
        return None
    moderation: Moderation | None = None
    found = False
    for child in draft.tombstones:
        is_one, how = parse_tombstone(child)
        found = found or is_one
        moderation = moderation or how
    if not found:
        return None
    return TombstoneSeen(at=at, room=draft.sender.bare, author=speaker, archive_id=archive_id, moderation=moderation)


def room_claims(
    draft: Draft, at: datetime, features: frozenset[str] | None, archive_id: ArchiveId | None
) -> list[Event]:
    """What only the room itself may say: moderation, status codes, affiliations of the absent.

    From an occupant it is not believed, and named (XEP-0425 §5, XEP-0045 §15.4).
    """
    events: list[Event] = []
    if draft.sender.resource is not None:
        _name_forgeries(draft)
        return events
    if draft.moderations:
        if features is not None and not features & _MODERATE:
            draft.odd(anomalies.UNOFFERED_MODERATION)
        else:
            events += _moderations(draft, at, archive_id)
    for x in draft.muc_users:
        notice = _notice(draft, x, at)
        if notice is not None:
            events.append(notice)
    return events


def _name_forgeries(draft: Draft) -> None:
    if draft.moderations:
        draft.odd(anomalies.FORGED_MODERATION)
    if draft.source is Source.ARCHIVE:
        return  # an archive may add the real JID (XEP-0313 §5.1.2), or keep what the author wrote: not believed either
    for x in draft.muc_users:
        if len(x):  # empty, it marks a private message (XEP-0045 §7.5)
            invites = any(child.tag == INVITE for child in x)
            draft.odd(anomalies.FORGED_INVITATION if invites else anomalies.FORGED_MUC_USER)


def _moderations(draft: Draft, at: datetime, archive_id: ArchiveId | None) -> list[Event]:
    """One event for each target: services announce the same in both versions within one stanza, each telling a part."""
    told: dict[str, Moderation] = {}
    for target, moderated, container in draft.moderations:
        one = parse_moderation(moderated, container)
        other = told.get(target, one)
        told[target] = Moderation(
            by=other.by or one.by,
            occupant_id=other.occupant_id or one.occupant_id,
            reason=other.reason or one.reason,
        )
    return [
        MessageModerated(
            at=at,
            room=draft.sender,
            target=ArchiveId(target),
            moderation=moderation,
            archive_id=archive_id,
            source=draft.source,
        )
        for target, moderation in told.items()
    ]


def _notice(draft: Draft, x: Element, at: datetime) -> RoomNotice | None:
    items, codes, _, odd = parse_muc_user(x)
    if odd:
        draft.odd(anomalies.MALFORMED_MUC_USER)
    if not items and not codes:
        return None
    first = items[0] if items else None
    jid: Address | None = first.jid if first else None
    return RoomNotice(
        at=at,
        room=draft.sender,
        codes=codes,
        subject_jid=jid,
        affiliation=first.affiliation if first else None,
    )


def direct_claims(draft: Draft, at: datetime) -> list[Event]:
    """What one says to us alone, an account or an occupant: never about the messages of a room."""
    events: list[Event] = [DirectRetraction(at=at, sender=draft.sender, target=target) for target in draft.retractions]
    if draft.reactions is not None:
        target, texts = draft.reactions
        events.append(DirectReactions(at=at, sender=draft.sender, target=target, reactions=texts))
    invitation = direct_invitation(draft, at)
    if invitation is not None:
        events.append(invitation)
    if draft.tombstones:
        draft.odd(anomalies.FORGED_TOMBSTONE)
    return events
