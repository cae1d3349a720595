"""Reading an archive (XEP-0313) and the log that we keep of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from botkit.model.address import Address
from botkit.model.events import Event
from botkit.model.messages import ArchiveId, MessageId, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveQuery:
    """Which page of which archive. ``archive`` is a room's bare JID, or None for our own account's.

    ``after`` and ``before`` page forward and backward (RSM, XEP-0059); "" as ``before`` is the
    last page. ``start``/``end`` bound the time. ``page_size`` is a wish; servers cap it.
    """

    archive: Address | None
    after: ArchiveId | None = None
    before: ArchiveId | None = None
    start: datetime | None = None
    end: datetime | None = None
    page_size: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedEvent:
    """One row of a page. ``event`` is None where the stanza shows nothing that we know."""

    archive_id: ArchiveId
    at: datetime
    event: Event | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page, oldest first. ``first``/``last`` are its ids, None if it is empty. ``count`` is the server's
    reckoning of the whole result, None where it did not say."""

    rows: tuple[ArchivedEvent, ...]
    first: ArchiveId | None
    last: ArchiveId | None
    complete: bool
    count: int | None = None


# --- changes to our log, written in order, a batch in one transaction -----------------------------------------


@dataclass(slots=True, kw_only=True)  # not frozen: made for every message, and freezing would double its cost
class Said:
    """A message to keep. A row with the same ``archive_id`` in the same room is not written twice.

    ``identity`` is ``Occupant.identity`` of the author, or None. A correction names the
    ``message_id`` that it ``replaces`` and takes effect if the same identity (else the same nick
    and no identity on either side) wrote it.
    """

    room: Address
    archive_id: ArchiveId | None
    message_id: MessageId | None
    at: datetime
    nick: str
    identity: str | None
    occupant_id: str | None
    real: Address | None
    body: str
    origin_id: str | None = None
    replaces: MessageId | None = None
    source: Source = Source.LIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Retracted:
    """A message was taken away. ``by_room``: the room says so, and ``target`` is an archive id.

    Else the author says so (``identity``/``nick``), and the change has effect only where the same
    author wrote ``target`` (archive, origin or message id).
    """

    room: Address
    target: str
    at: datetime
    by_room: bool
    nick: str | None = None
    identity: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CursorMoved:
    """Everything of ``room`` up to and including ``archive_id`` is in the log, and handled; "" is before all."""

    room: Address
    archive_id: ArchiveId
    at: datetime


class GapReason(Enum):
    """Why a part of a room's past is not in the log."""

    EXPIRED = "expired"  # the archive had forgotten it before we came back
    FORBIDDEN = "forbidden"  # the archive is not for us
    NO_ARCHIVE = "no archive"  # the room kept none while we were away
    FAILED = "failed"  # the archive was asked, and could not answer
    NOT_READ = "not read"  # older than what a first catch-up was to read

    @property
    def can_be_closed(self) -> bool:
        """True if a later catch-up may find what is missing: it was archived, but not told to us."""
        return self in (GapReason.FORBIDDEN, GapReason.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class GapFound:
    """Something may be missing in the log of ``room``: after ``after`` and before ``before``.

    A bound is None where there is none: no message before it was ever in the log, or it is not known when it ends.
    ``after_id`` and ``before_id`` are the messages at its bounds, None where only the time is known. One with the
    same reason and ``after`` bound that is still open is not recorded twice: its end moves.
    """

    room: Address
    after_id: ArchiveId | None
    after: datetime | None
    before_id: ArchiveId | None
    before: datetime | None
    reason: GapReason
    found: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GapsClosed:
    """A catch-up has read all that the archive of ``room`` has, so no gap that can be closed is open any more."""

    room: Address
    at: datetime


LogChange = Said | Retracted | CursorMoved | GapFound | GapsClosed


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A ``GapFound`` as the log has it. ``closed`` is when it was read after all, None while it is open."""

    number: int
    room: Address
    after_id: ArchiveId | None
    after: datetime | None
    before_id: ArchiveId | None
    before: datetime | None
    reason: GapReason
    found: datetime
    closed: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRow:
    """One message as the log has it now.

    ``body`` is the text to show: the newest correction's, or "" once retracted. ``original`` is what
    was first said, for moderators, None once its retention has passed. ``corrected`` and
    ``retracted`` are the times of it, None if never.
    """

    number: int
    room: Address
    archive_id: ArchiveId | None
    message_id: MessageId | None
    at: datetime
    nick: str
    identity: str | None
    real: Address | None
    body: str
    original: str | None
    corrected: datetime | None = None
    retracted: datetime | None = None
    retracted_by: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogQuery:
    """What to read: the ``limit`` newest rows, oldest first. ``search`` is full text (all words)."""

    room: Address
    search: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    identity: str | None = None
    nick: str | None = None
    limit: int = 100
    include_retracted: bool = True


@dataclass(frozen=True, slots=True)
class Cursor:
    """Up to where our log of a room has no gap, and its messages are handled. An ``archive_id`` of "" is before all."""

    archive_id: ArchiveId
    at: datetime
