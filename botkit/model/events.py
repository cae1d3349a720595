"""What happened: past tense, frozen, typed. ``protocol`` makes them of stanzas, ``session`` of what it knows besides.

::

    Event
    ├── StreamEstablished  StreamLost                    the connection
    ├── BotStarted  BotStopping  Tick                    the runtime itself
    ├── RoomStateChanged  (CapabilitiesChanged)          our standing with a room; what we can do: ``room_events``
    ├── OccupantEvent                                    somebody in a room ...
    │   ├── OccupantJoined  OccupantLeft  NickChanged  RightsChanged  StatusChanged
    │   ├── RoomMessage  PrivateMessage                  ... said something
    │   ├── SubjectChanged  ReactionsChanged  MessageRetracted
    │   └── TombstoneSeen                                ... had said something that is gone
    ├── MessageModerated  RoomNotice                     said by the room itself
    ├── DirectMessage  DirectRetraction  DirectReactions a 1:1 chat
    ├── InvitationReceived
    └── PresenceReceived  ArchiveResult  ErrorReceived   raw material for ``session``; handlers do not see it
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from botkit.errors import StanzaError
from botkit.model.address import Address
from botkit.model.messages import ArchiveId, Content, MessageId, Moderation, Source, Text
from botkit.model.rooms import Affiliation, Occupant, Role, RoomState


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened ``at`` this time (aware UTC): as the room tells it for history, else when we got it."""

    at: datetime


# --- the connection and the runtime ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEstablished(Event):
    """We are connected as ``address`` (full). ``resumed``: the old session goes on (XEP-0198), rooms are kept."""

    address: Address
    resumed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLost(Event):
    """The connection went away, or an attempt failed. ``retry_in`` seconds; None: will not be retried."""

    reason: str
    retry_in: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BotStarted(Event):
    """All rooms have been asked for; handlers may begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BotStopping(Event):
    """The runtime goes down in order; the link is still up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick(Event):
    """A schedule is due. ``at`` is the time it was due, not the time it ran, which is ``begun`` (None: the same).

    ``key`` is the same whenever this one is run again, after a failure or a crash; None outside of the scheduler.
    ``arguments`` are what a job was made with (JSON).
    """

    job: str
    key: str | None = None
    begun: datetime | None = None
    arguments: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomStateChanged(Event):
    """Our standing with ``room`` changed. ``next_try`` is set while waiting; ``attempts`` that failed so far."""

    room: Address
    state: RoomState
    before: RoomState
    reason: str | None = None
    next_try: datetime | None = None
    attempts: int = 0


# --- somebody in a room ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OccupantEvent(Event):
    """Something that an occupant did. ``author`` is a snapshot from the moment when the stanza came."""

    room: Address
    author: Occupant


@dataclass(frozen=True, slots=True, kw_only=True)
class OccupantJoined(OccupantEvent):
    """Came in after us. Those who were there already are no joins."""

    anomalies: tuple[str, ...] = ()


class Departure(Enum):
    """Why somebody is no longer in a room (XEP-0045 §15.6.2)."""

    LEFT = "left"
    KICKED = "kicked"  # 307 without 333
    BANNED = "banned"  # 301
    AFFILIATION = "lost the affiliation"  # 321
    MEMBERS_ONLY = "room became members-only"  # 322
    SHUTDOWN = "service shut down"  # 332
    ERROR = "technical error"  # 333
    DESTROYED = "room destroyed"


@dataclass(frozen=True, slots=True, kw_only=True)
class OccupantLeft(OccupantEvent):
    """Went out. ``actor`` is the nick of whoever did it, None where not told; ``reason`` likewise."""

    how: Departure
    actor: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NickChanged(OccupantEvent):
    """``author`` has the new nick; ``before`` is the old one."""

    before: str
    anomalies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RightsChanged(OccupantEvent):
    """Affiliation or role changed; ``before`` is the occupant as it was."""

    before: Occupant
    actor: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChanged(OccupantEvent):
    """The presence's status text or titles changed (clients show both, so spam can stand in them)."""

    anomalies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomMessage(OccupantEvent):
    """A groupchat message that shows something.

    ``archive_id`` is None where the room gave none (no archive, or ``<no-store/>``): such a
    message cannot be moderated. ``also`` holds what the same stanza says besides its body
    (a retraction or reactions with a fallback body). ``anomalies`` names what was odd in it.
    """

    content: Content
    archive_id: ArchiveId | None = None
    message_id: MessageId | None = None
    origin_id: str | None = None
    source: Source = Source.LIVE
    also: tuple[Event, ...] = ()
    anomalies: tuple[str, ...] = ()

    @property
    def body(self) -> str:
        """The first body, as sent."""
        return self.content.body

    @property
    def text(self) -> str:
        """The body without a reply's quotation: what commands see."""
        return self.content.text


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateMessage(OccupantEvent):
    """A message from an occupant to us alone (XEP-0045 §7.5)."""

    content: Content
    message_id: MessageId | None = None
    anomalies: tuple[str, ...] = ()
    also: tuple[Event, ...] = ()

    @property
    def body(self) -> str:
        """The first body, as sent."""
        return self.content.body

    @property
    def text(self) -> str:
        """The body without a reply's quotation: what commands see."""
        return self.content.text


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectChanged(OccupantEvent):
    """The room's subject was set; it also ends the joining of a room (XEP-0045 §7.2.15). "" means: none.

    ``subjects`` has every language of it, the first being ``subject``.
    """

    subject: str
    archive_id: ArchiveId | None = None
    source: Source = Source.LIVE
    subjects: tuple[Text, ...] = ()
    anomalies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionsChanged(OccupantEvent):
    """All reactions of ``author`` to ``target`` now; empty: none any more (XEP-0444 §3.2). Texts are not checked."""

    target: str
    reactions: tuple[str, ...]
    archive_id: ArchiveId | None = None
    source: Source = Source.LIVE
    anomalies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRetracted(OccupantEvent):
    """``author`` claims to take back ``target``: an archive id, or from old clients an origin or message id (XEP-0424).

    A claim: whoever acts on it checks that ``author`` wrote ``target`` (XEP-0424 §5).
    """

    target: str
    archive_id: ArchiveId | None = None
    source: Source = Source.LIVE
    anomalies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TombstoneSeen(OccupantEvent):
    """The archive tells that a message was here; its text is gone (XEP-0424 §5.1, XEP-0425 §4.1).

    ``moderation`` is None where the author retracted it.
    """

    archive_id: ArchiveId
    moderation: Moderation | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageModerated(Event):
    """The room took ``target`` away: said by the room's bare JID, else it is not believed (XEP-0425 §5)."""

    room: Address
    target: ArchiveId
    moderation: Moderation
    archive_id: ArchiveId | None = None
    source: Source = Source.LIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomNotice(Event):
    """Status codes said by the room itself (104: configuration changed), or the affiliation of somebody absent."""

    room: Address
    codes: frozenset[int]
    subject_jid: Address | None = None
    affiliation: Affiliation | None = None


# --- 1:1 ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectMessage(Event):
    """A message from an account (no room). ``sender`` is a full JID as a rule."""

    sender: Address
    content: Content
    message_id: MessageId | None = None
    anomalies: tuple[str, ...] = ()
    source: Source = Source.LIVE
    also: tuple[Event, ...] = ()

    @property
    def body(self) -> str:
        """The first body, as sent."""
        return self.content.body

    @property
    def text(self) -> str:
        """The body without a reply's quotation: what commands see."""
        return self.content.text


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectRetraction(Event):
    """``sender`` takes back its message ``target`` (a message id, XEP-0424 §3.1)."""

    sender: Address
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectReactions(Event):
    """All reactions of ``sender`` to our or its message ``target``."""

    sender: Address
    target: str
    reactions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationReceived(Event):
    """Somebody asks us into ``room``.

    ``mediated``: the room's service says so (XEP-0045 §7.8.2) and ``inviter`` is its claim;
    else the inviter said it directly (XEP-0249).
    """

    room: Address
    inviter: Address | None
    mediated: bool
    reason: str | None = None
    password: str | None = None


# --- raw material ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MucItem:
    """One ``<item/>`` of ``muc#user``. What is missing or no known word is None."""

    affiliation: Affiliation | None = None
    role: Role | None = None
    jid: Address | None = None
    nick: str | None = None
    actor: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceReceived(Event):
    """A presence. ``kind`` is its type, "" for available. ``items`` is None where there is no ``muc#user`` at all.

    ``destroyed`` is the alternate venue or True where the room was destroyed without one.
    """

    sender: Address
    kind: str
    status: str | None = None
    show: str | None = None
    items: tuple[MucItem, ...] | None = None
    codes: frozenset[int] = frozenset()
    occupant_id: str | None = None
    titles: tuple[str, ...] = ()
    destroyed: Address | bool = False
    error: StanzaError | None = None
    anomalies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveResult(Event):
    """One ``<result/>`` of an archive query (XEP-0313 §4.2). ``sender`` None: our own server.

    ``event`` is what was archived, with ``at`` and ``source`` set; None where it shows nothing.
    """

    sender: Address | None
    query_id: str | None
    archive_id: ArchiveId
    event: Event | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorReceived(Event):
    """A message of ours came back with an error."""

    sender: Address
    message_id: MessageId | None
    error: StanzaError
