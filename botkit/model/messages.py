"""What people say: the content that rooms, private messages and 1:1 chats have in common."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import NewType

from botkit.model.address import Address

ArchiveId = NewType("ArchiveId", str)
"""The id that a room's archive gave to a message: ``<stanza-id by=room>`` (XEP-0359), ``<result id>`` (XEP-0313)."""

MessageId = NewType("MessageId", str)
"""The ``id`` attribute, chosen by the sender; unique for one sender at best. Never mixed up with an ``ArchiveId``."""


class Source(Enum):
    """How a stanza came to us."""

    LIVE = "live"
    JOIN_HISTORY = "join history"  # replayed by the room on join: ``<delay from=room>``
    ARCHIVE = "archive"  # read from the archive after an absence
    REPEATED = "repeated"  # as ARCHIVE or JOIN_HISTORY, and handlers may have had it before a crash


class Delivery(Enum):
    """How often a handler may get an event: ``Context.delivery``."""

    LIVE = "live"  # as it happens; the first time
    CAUGHT_UP = "caught up"  # said while we were away; the first time
    REPEATED = "repeated"  # perhaps handled before, by a run that was killed


@dataclass(frozen=True, slots=True)
class Text:
    """One body or subject with its ``xml:lang`` (None where neither it nor the stanza has one)."""

    text: str
    lang: str | None = None


@dataclass(frozen=True, slots=True)
class Fallback:
    """A part of the body that is there only for clients without ``feature`` (XEP-0428).

    ``start`` and ``end`` count code points of the body; both None: the whole body.
    ``feature`` None: the element did not name one.
    """

    feature: str | None
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """Which message this one answers (XEP-0461). In rooms ``target`` is an archive id. ``to`` None: not said."""

    target: str
    to: Address | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A link offered as a file (XEP-0066). ``desc`` None: none given."""

    url: str
    desc: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """All that one stanza shows to people, as sent; nothing is cleaned or left out.

    ``body`` is the first body (the one most clients show), "" if there is none; ``bodies`` has
    every body in order. ``html`` is the text of an XHTML-IM body where it differs from ``body``.
    ``others`` are texts of further children that some client shows: a spoiler's hint, the title of a link's preview,
    a form, a body in a foreign namespace. ``encrypted`` says that the stanza carries an encrypted payload that we
    cannot read.
    """

    body: str = ""
    bodies: tuple[Text, ...] = ()
    subjects: tuple[Text, ...] = ()
    html: str | None = None
    attachments: tuple[Attachment, ...] = ()
    fallbacks: tuple[Fallback, ...] = ()
    reply: Reply | None = None
    replaces: MessageId | None = None
    thread: str | None = None
    stray: str | None = None  # text directly inside <message/>, outside of every child
    encrypted: bool = False
    others: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The body without the quotation that a reply carries for old clients (XEP-0461 §3.1): what commands see."""
        body = self.body
        if not self.fallbacks:
            return body
        for part in sorted(self.fallbacks, key=lambda f: f.start or 0, reverse=True):
            if part.feature == "urn:xmpp:reply:0" and part.start is not None and part.end is not None:
                body = body[: part.start] + body[part.end :]
        return body

    @property
    def everything(self) -> str:
        """Every text that some client may show, one a line, each once: what moderation looks at."""
        if len(self.bodies) == 1 and not (self.html or self.attachments or self.subjects or self.stray or self.others):
            return self.body
        parts = [t.text for t in self.bodies]
        parts += [t.text for t in self.subjects]
        if self.html:
            parts.append(self.html)
        for attachment in self.attachments:
            parts += [attachment.url, attachment.desc or ""]
        if self.stray:
            parts.append(self.stray)
        parts += self.others
        return "\n".join(dict.fromkeys(p for p in parts if p))

    def only_fallback_for(self, feature: str) -> bool:
        """True if the whole body is there only for clients that lack ``feature``."""
        return any(f.feature == feature and f.start is None for f in self.fallbacks)


@dataclass(frozen=True, slots=True)
class Moderation:
    """How and by whom a message was taken away by the room (XEP-0425).

    ``by`` is the moderator's occupant JID or None where the room hides it; ``occupant_id``
    likewise; ``stamp`` is set in tombstones alone.
    """

    by: Address | None = None
    occupant_id: str | None = None
    reason: str | None = None
    stamp: datetime | None = None
