"""What we want done: imperative, frozen. ``Link.perform`` does them; a handler may return them."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Protocol

from botkit.errors import MisuseError
from botkit.model.address import Address
from botkit.model.messages import ArchiveId, MessageId, Reply
from botkit.model.rooms import Affiliation, Role


class Priority(IntEnum):
    """Who goes first of what waits to be sent; the lowest does. ``MODERATION`` waits for nobody."""

    MODERATION = 0
    REPLY = 1
    NOTICE = 2
    CHATTER = 3


class Urgency(IntEnum):
    """Who goes first of the notices to one recipient; the lowest does. ``URGENT`` waits for no quiet hours."""

    URGENT = 0
    NORMAL = 1
    LOW = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SendMessage:
    """Say ``body`` in a room (``to`` its bare JID, ``groupchat``), to an occupant or to an account.

    ``quote`` is the text that a reply carries for old clients. ``ephemeral`` asks the
    server not to keep it (XEP-0334 ``no-store``). ``url`` is sent as an attachment, too (XEP-0066).
    ``unstyled`` keeps clients from reading markup in it (XEP-0393 §7). A text that is too long for one message is
    sent as several if ``split``, else refused. ``message_id`` None: a new one; given where the same message is sent
    again. ``answers`` says whom this answers (``Occupant.identity``, or an address) for the guard against loops.
    """

    to: Address
    body: str
    groupchat: bool
    reply: Reply | None = None
    quote: str | None = None
    replaces: MessageId | None = None
    url: str | None = None
    ephemeral: bool = False
    unstyled: bool = False
    private: bool = False  # to an occupant: marked as a private message of the room
    priority: Priority = Priority.REPLY
    split: bool = True
    message_id: MessageId | None = None
    answers: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class React:
    """Set all our reactions to ``target`` (in rooms an archive id). Empty: take them back (XEP-0444)."""

    to: Address
    target: str
    reactions: tuple[str, ...]
    groupchat: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RetractOwn:
    """Take back a message of our own (XEP-0424): in rooms by archive id, else by message id."""

    to: Address
    target: str
    groupchat: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Moderate:
    """Ask the room to retract somebody's message (XEP-0425), in the version that the room speaks."""

    room: Address
    archive_id: ArchiveId
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRole:
    """Kick (``Role.NONE``), devoice (``VISITOR``) or voice (``PARTICIPANT``) whoever has ``nick`` (XEP-0045 §8)."""

    room: Address
    nick: str
    role: Role
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAffiliation:
    """Ban (``OUTCAST``), unban (``NONE``) or grant, by bare JID or domain (XEP-0045 §9)."""

    room: Address
    address: Address
    affiliation: Affiliation
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSubject:
    """Set the room's subject."""

    room: Address
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite:
    """Ask somebody into a room, through the room (XEP-0045 §7.8.2)."""

    room: Address
    address: Address
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Say ``text`` exactly once: written down first, sent when that is possible, sent again until it stands there.

    ``to`` is a room's or an account's bare JID; ``groupchat`` says which. A notice whose ``key`` was used before is
    not sent again; None: it has no other like it. It is not sent before ``not_before``, nor begun after ``expires``.

    A notice takes the place of the one before it of the same ``topic`` to the same recipient: in the queue if that
    waits still, else by correcting it (XEP-0308), else, where no correction would be believed, as a message of its own.

    ``retract_on_expiry``: what was said is taken back (XEP-0424) once it has expired. ``digest``: for so long others to
    the same recipient are waited for, to be said in one message with it; None: as the room's config says.

    ``attached``: the text is the URL of a file, and is sent as one (XEP-0066). Files have keys of their own.
    """

    to: Address
    text: str
    groupchat: bool = True
    key: str | None = None
    not_before: datetime | None = None
    expires: datetime | None = None
    split: bool = True
    topic: str | None = None
    urgency: Urgency = Urgency.NORMAL
    retract_on_expiry: bool = False
    digest: timedelta | None = None
    attached: bool = False


Action = SendMessage | React | RetractOwn | Moderate | SetRole | SetAffiliation | SetSubject | Invite | Notice


class Following(Protocol):
    """What goes on with a message after it was sent; the outbox fulfils it."""

    def reflected(self, timeout: float) -> Awaitable[ArchiveId | None]:
        """See ``Sent.reflected``."""

    def update(self, text: str) -> Awaitable[None]:
        """See ``Sent.update``."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message is on its way; ``message_id`` is its ``id`` attribute and origin-id.

    A text in several parts has all their ids in ``parts``, in order. ``withheld`` tells why nothing was sent: the guard
    against loops kept it back.
    """

    message_id: MessageId
    parts: tuple[MessageId, ...] = ()
    withheld: str | None = None
    following: Following | None = field(default=None, repr=False, compare=False)

    def reflected(self, timeout: float) -> Awaitable[ArchiveId | None]:
        """Wait until the room sent the message back to us; its archive id, None where the room gave none.

        Raises ``RequestTimeout`` after ``timeout`` seconds, ``StanzaError`` if the room refused it, ``LinkClosed`` if
        the session ended first; ``MisuseError`` where there is no reflection to wait for (1:1 chats).
        """
        return self._followed().reflected(timeout)

    def update(self, text: str) -> Awaitable[None]:
        """Have the message say ``text`` from now on (XEP-0308). Returns at once; of several waiting the newest is sent.

        Raises ``MisuseError`` for a text that cannot be sent or is too long for one message.
        """
        return self._followed().update(text)

    def _followed(self) -> Following:
        if self.following is None:
            raise MisuseError(
                f"message {self.message_id} is not followed up: {self.withheld or 'sent past the outbox'}"
            )
        return self.following
