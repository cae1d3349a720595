"""What we want done: imperative, frozen. ``Link.perform`` does them; a handler may return them."""

from __future__ import annotations

from dataclasses import dataclass

from botkit.model.address import Address
from botkit.model.messages import ArchiveId, MessageId, Reply
from botkit.model.rooms import Affiliation, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class SendMessage:
    """Say ``body`` in a room (``to`` its bare JID, ``groupchat``), to an occupant or to an account.

    ``quote`` is the text that a reply carries for old clients. ``ephemeral`` asks the
    server not to keep it (XEP-0334 ``no-store``). ``url`` is sent as an attachment, too (XEP-0066).
    ``unstyled`` keeps clients from reading markup in it (XEP-0393 §5).
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


Action = SendMessage | React | RetractOwn | Moderate | SetRole | SetAffiliation | SetSubject | Invite


@dataclass(frozen=True, slots=True)
class Sent:
    """A message is on its way; ``message_id`` is its ``id`` attribute and origin-id."""

    message_id: MessageId
