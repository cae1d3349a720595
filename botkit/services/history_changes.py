"""What the log keeps of an event."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from botkit.model.archive import LogChange, LogRow, Retracted, Said
from botkit.model.events import Event, MessageModerated, MessageRetracted, RoomMessage, TombstoneSeen
from botkit.model.messages import ArchiveId, Moderation, Source
from botkit.model.quick import maker

_said = maker(Said)
_RETRACTION_FALLBACKS = ("urn:xmpp:message-retract:1", "urn:xmpp:message-retract:0")


def changes_of(event: Event, *, at: datetime | None = None, archive_id: ArchiveId | None = None) -> list[LogChange]:
    """The log's changes for one event; [] for what the log does not keep (subjects, reactions, presence).

    ``at`` and ``archive_id`` are what the archive says of the stanza, where it was read there.
    """
    if isinstance(event, RoomMessage):
        return _message(event, at or event.at, archive_id or event.archive_id)
    if isinstance(event, MessageRetracted):
        return [
            Retracted(room=event.room, target=event.target, at=at or event.at, by_room=False, nick=event.author.nick,
                      identity=event.author.identity)
        ]  # fmt: skip
    if isinstance(event, MessageModerated):
        by = event.moderation
        return [
            Retracted(room=event.room, target=event.target, at=by.stamp or at or event.at, by_room=True,
                      nick=_moderator(by), reason=by.reason)
        ]  # fmt: skip
    if isinstance(event, TombstoneSeen):
        return _tombstone(event, at or event.at, archive_id or event.archive_id)
    return []


def _moderator(moderation: Moderation) -> str | None:
    """Version 1 may hide the nick and tell the occupant-id alone (XEP-0425 §3.1)."""
    return (moderation.by.resource if moderation.by is not None else None) or moderation.occupant_id


def _message(event: RoomMessage, at: datetime, archive_id: ArchiveId | None) -> list[LogChange]:
    also: list[LogChange] = []
    if event.also:
        also = [change for other in event.also for change in changes_of(other, at=at)]
        retracts = any(isinstance(other, MessageRetracted | MessageModerated) for other in event.also)
        if retracts and any(event.content.only_fallback_for(feature) for feature in _RETRACTION_FALLBACKS):
            # "/me retracted a message, but it's unsupported by your client": no client that knows better shows it
            return also
    return [said_of(event, at, archive_id), *also]


def said_of(event: RoomMessage, at: datetime, archive_id: ArchiveId | None) -> Said:
    """The row of a message itself."""
    content, author = event.content, event.author
    return _said(
        room=event.room, archive_id=archive_id, message_id=event.message_id, at=at, nick=author.address.resource or "",
        identity=author.identity, occupant_id=author.occupant_id, real=author.real, origin_id=event.origin_id,
        body=content.body or content.everything, replaces=content.replaces, source=event.source,
    )  # fmt: skip


def _tombstone(event: TombstoneSeen, at: datetime, archive_id: ArchiveId) -> list[LogChange]:
    """A row for the message, if we never saw it, and that it is gone. The archive is the room's word either way."""
    author, by = event.author, event.moderation
    said = Said(
        room=event.room, archive_id=archive_id, message_id=None, at=at, nick=author.nick, identity=author.identity,
        occupant_id=author.occupant_id, real=author.real, body="", source=Source.ARCHIVE,
    )  # fmt: skip
    gone = Retracted(
        room=event.room, target=archive_id, at=(by.stamp if by else None) or at, by_room=True,
        nick=_moderator(by) if by else author.nick, reason=by.reason if by else None,
    )  # fmt: skip
    return [said, gone]


def as_repeated(event: Event) -> Event:
    """``event``, and what the same stanza says besides, marked as perhaps handled before."""
    changes: dict[str, Any] = {"source": Source.REPEATED} if hasattr(event, "source") else {}
    if also := getattr(event, "also", ()):
        changes["also"] = tuple(map(as_repeated, also))
    return replace(event, **changes) if changes else event


def sender_key(event: RoomMessage) -> str:
    """Stands in for the archive id where there is none. A line feed is in no archive id, as it is an attribute."""
    return f"\n{event.message_id}\n{event.author.nick}\n{event.content.body}"


def row_key(row: LogRow) -> str:
    """The same key, from what the log has of it."""
    return f"\n{row.message_id}\n{row.nick}\n{row.body if row.original is None else row.original}"
