"""What somebody said, whatever kind of stanza carried it, ready for the rules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from botkit.model.address import Address
from botkit.model.events import (
    Event,
    NickChanged,
    OccupantJoined,
    ReactionsChanged,
    RoomMessage,
    StatusChanged,
    SubjectChanged,
)
from botkit.model.messages import ArchiveId, MessageId, Source
from botkit.model.rooms import Occupant
from botkit.text import ACCENTS, DISGUISED, LINKS, Link, Readings, find_links, glance, readings_of, unaccented, words


@dataclass(slots=True)  # neither frozen nor kw_only: made for every message, and either would double its cost
class Statement:
    """One thing that clients show: all its texts in ``text``, the same normalised in ``folded``.

    ``hints`` are those of ``glance``. ``second`` is ``at`` as a POSIX time. ``spoken`` is True for messages, which
    flood and duplicate rules count. ``stock`` says that the text is a client's own and the same each time: the body of
    an encrypted message, or one that only stands in for a retraction or the like (XEP-0428). ``replaces`` is the id of
    the message that this one corrects (XEP-0308).
    """

    room: Address
    author: Occupant
    at: datetime
    second: float
    text: str
    folded: str
    hints: int
    spoken: bool = True
    subject: bool = False
    stock: bool = False
    archive_id: ArchiveId | None = None
    message_id: MessageId | None = None
    replaces: MessageId | None = None
    source: Source = Source.LIVE
    anomalies: tuple[str, ...] = ()
    _tokens: list[str] | None = None
    _readings: Readings | None = None
    _links: tuple[Link, ...] | None = None

    @property
    def tokens(self) -> list[str]:
        """The words of ``folded``; found once for all rules."""
        if self._tokens is None:
            self._tokens = words(self.folded)
        return self._tokens

    @property
    def readings(self) -> Readings:
        """How ``text`` can be read beside as it stands; found once for all rules."""
        if self._readings is None:
            if self.hints & DISGUISED:
                self._readings = readings_of(self.text, self.folded)
            else:
                self._readings = Readings(self.folded, (), unaccented(self.folded) if self.hints & ACCENTS else "")
        return self._readings

    @property
    def links(self) -> tuple[Link, ...]:
        """The links in ``folded``; found once for all rules."""
        if self._links is None:
            self._links = find_links(self.folded, normalised=True) if self.hints & LINKS else ()
        return self._links

    @property
    def live(self) -> bool:
        """True if it was said just now; False for what history or an archive brought."""
        return self.source is Source.LIVE

    @staticmethod
    def of(event: Event) -> Statement | None:
        """What ``event`` shows to the room; None if it is of another kind, or shows nothing."""
        return _of_message(event) if isinstance(event, RoomMessage) else _of_presence(event) or _other(event)


def _of_message(event: RoomMessage) -> Statement:
    content, also = event.content, event.also
    text = content.everything
    stock = content.encrypted
    if also:
        text = "\n".join([text, *(t for one in also if isinstance(one, ReactionsChanged) for t in one.reactions)])
        stock = stock or any(f.start is None for f in content.fallbacks)
    folded, hints = glance(text)
    at = event.at
    return Statement(
        event.room,
        event.author,
        at,
        at.timestamp(),
        text,
        folded,
        hints,
        True,
        False,
        stock,
        event.archive_id,
        event.message_id,
        content.replaces,
        event.source,
        event.anomalies,
    )


def _other(event: Event) -> Statement | None:
    """Statements that are no messages. Every client shows subjects and reactions (whose text nobody checks,
    XEP-0444 §3), so that spam can stand in them."""
    archive_id: ArchiveId | None = None
    source = Source.LIVE
    match event:
        case SubjectChanged():
            text = "\n".join(one.text for one in event.subjects) or event.subject
            archive_id, source = event.archive_id, event.source
        case ReactionsChanged():
            text, archive_id, source = " ".join(event.reactions), event.archive_id, event.source
        case _:
            return None
    if not text and not isinstance(event, SubjectChanged):  # that there is no subject has to be known, too
        return None
    folded, hints = glance(text)
    return Statement(
        room=event.room,
        author=event.author,
        at=event.at,
        second=event.at.timestamp(),
        text=text,
        folded=folded,
        hints=hints,
        spoken=False,
        subject=isinstance(event, SubjectChanged),
        archive_id=archive_id,
        source=source,
        anomalies=event.anomalies,
    )


def _of_presence(event: Event) -> Statement | None:
    """What the presence of somebody shows: the status text with nickname and hats, and of who is new here the nick."""
    if not isinstance(event, OccupantJoined | NickChanged | StatusChanged):
        return None
    author = event.author
    status = "\n".join((author.status or "", *author.titles)).strip()
    nick = "" if isinstance(event, StatusChanged) else author.nick
    text = f"{nick}\n{status}".strip()
    # Many nicks have a dot in them, and are no links for that; what names a listed site is one all the same.
    doubtful = (replace(link, certain=False) for link in find_links(nick)) if "." in nick else ()
    if not text:
        return None
    folded, hints = glance(text)
    return Statement(
        room=event.room,
        author=author,
        at=event.at,
        second=event.at.timestamp(),
        text=text,
        folded=folded,
        hints=hints,
        spoken=False,
        anomalies=event.anomalies,
        _links=(*doubtful, *find_links(status)),
    )
