"""Rooms and who is in them (XEP-0045)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, IntEnum

from botkit.model.address import Address
from botkit.model.capabilities import Capabilities, Capability

MODERATE_0 = "urn:xmpp:message-moderate:0"
MODERATE_1 = "urn:xmpp:message-moderate:1"
MAM_2 = "urn:xmpp:mam:2"
OCCUPANT_ID_0 = "urn:xmpp:occupant-id:0"
STANZA_ID_0 = "urn:xmpp:sid:0"
SELF_PING_OPTIMIZATION = "http://jabber.org/protocol/muc#self-ping-optimization"
NON_ANONYMOUS = "muc_nonanonymous"


class Affiliation(IntEnum):
    """Long-lived standing in a room, lowest first (XEP-0045 §5.2), so that ``>=`` reads as "at least"."""

    OUTCAST = 0
    NONE = 1
    MEMBER = 2
    ADMIN = 3
    OWNER = 4

    @property
    def word(self) -> str:
        """The word on the wire: ``owner``."""
        return self.name.lower()


class Role(IntEnum):
    """Standing for the length of a visit, lowest first (XEP-0045 §5.1)."""

    NONE = 0
    VISITOR = 1
    PARTICIPANT = 2
    MODERATOR = 3

    @property
    def word(self) -> str:
        """The word on the wire: ``moderator``."""
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupant:
    """Somebody in a room, as the room's presence told it at one moment.

    ``real`` is the real JID, or None where the room hides it from us. ``occupant_id`` is
    None unless the room advertises XEP-0421. ``known`` is False for a speaker of whom no
    presence was seen; such a one has no rights. ``titles`` are what clients show beside the
    nick: a nickname (XEP-0172), hats (XEP-0317); the occupant may have made them up.
    """

    address: Address
    affiliation: Affiliation = Affiliation.NONE
    role: Role = Role.NONE
    real: Address | None = None
    occupant_id: str | None = None
    status: str | None = None
    is_self: bool = False
    known: bool = True
    titles: tuple[str, ...] = ()
    _identity: str | None = field(default=None, init=False, repr=False, compare=False)  # once it was asked for

    @property
    def nick(self) -> str:
        """The nick: the resource of the occupant's JID. It identifies nobody."""
        return self.address.resource or ""

    @property
    def is_room(self) -> bool:
        """True if this is the room itself speaking (its bare JID): nobody to act against, and without rights."""
        return self.address.resource is None

    @property
    def room(self) -> Address:
        """The room's bare JID."""
        return self.address.bare

    @property
    def identity(self) -> str | None:
        """A key that another person cannot take: real bare JID, else occupant-id; None where there is neither."""
        if self._identity is None:
            if self.real is not None:
                object.__setattr__(self, "_identity", f"jid:{self.real.bare}")
            elif self.occupant_id is not None:
                object.__setattr__(self, "_identity", f"occupant:{self.room}:{self.occupant_id}")
        return self._identity


class RoomState(Enum):
    """Where the bot stands with a room."""

    ASKING = "asking"  # disco#info is under way
    JOINING = "joining"
    JOINED = "joined"
    LOST = "lost"  # was in, is not any more; will come back
    WAITING = "waiting"  # will try again at ``next_try``
    REFUSED = "refused"  # will not try again by itself; ``reason`` says why
    LEFT = "left"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomSettings:
    """A room as the config asks for it.

    ``create`` allows to create the room where it does not exist; without it a mistyped
    JID is refused rather than turned into a new room. ``password`` None: none is sent.
    ``follow``: where the room was destroyed and names another that takes its place, go there.
    """

    address: Address
    nick: str
    password: str | None = field(default=None, repr=False)
    create: bool = False
    follow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomInfo:
    """What is known about one room at one moment. ``me`` is None while we are not in it.

    ``slow_mode``: seconds between two messages of one participant (XEP-0500); None where it has none.
    ``attempts``: how often entering it failed since it last went well. ``error``: the condition of the last
    error that kept us out, ``timeout`` for no answer, None if there was none since we were in. ``moved_to``:
    the room that a destroyed one named in its place. ``unanswered``: self-pings in a row that decided nothing
    (XEP-0410 §3.2). ``asked_at``: when the room last told its features. ``open_subject``: it lets participants
    set its subject.
    """

    address: Address
    state: RoomState
    reason: str | None = None
    since: datetime | None = None
    next_try: datetime | None = None
    features: frozenset[str] = frozenset()
    name: str | None = None
    me: Occupant | None = None
    occupants: int = 0
    slow_mode: float | None = None
    attempts: int = 0
    error: str | None = None
    moved_to: Address | None = None
    unanswered: int = 0
    asked_at: datetime | None = None
    open_subject: bool = False
    _capabilities: Capabilities | None = field(default=None, init=False, repr=False, compare=False)  # once asked for

    @property
    def capabilities(self) -> Capabilities:
        """What we can do here now; nothing while we are not in."""
        if self._capabilities is None:
            object.__setattr__(self, "_capabilities", Capabilities(_missing(self)))
        assert self._capabilities is not None
        return self._capabilities

    @property
    def archive(self) -> bool:
        """True if the room offers its archive (XEP-0313)."""
        return MAM_2 in self.features

    @property
    def moderation(self) -> int | None:
        """The version of XEP-0425 to use: 1 before 0; None where the room has neither."""
        if MODERATE_1 in self.features:
            return 1
        return 0 if MODERATE_0 in self.features else None

    @property
    def occupant_ids(self) -> bool:
        """True if occupant-ids of this room may be trusted (XEP-0421 §4)."""
        return OCCUPANT_ID_0 in self.features


def _missing(room: RoomInfo) -> dict[Capability, str]:
    me = room.me
    if me is None:
        return dict.fromkeys(Capability, f"the bot is not in the room{f': {room.reason}' if room.reason else ''}")
    missing: dict[Capability, str] = {}
    if me.role < Role.PARTICIPANT:
        missing[Capability.SPEAK] = "the bot has no voice here"
    if me.role is not Role.MODERATOR:  # XEP-0045 §5.1.1: what moderators may
        for able in (Capability.DEVOICE, Capability.KICK):
            missing[able] = f"the bot is no moderator here: it cannot {able.value}"
        if not room.open_subject or me.role < Role.PARTICIPANT:
            missing[Capability.SUBJECT] = "the bot is no moderator here: it cannot set the subject"
        if NON_ANONYMOUS not in room.features:
            missing[Capability.SEE_JIDS] = "the bot is no moderator here: the room hides real JIDs from it"
    if me.affiliation < Affiliation.ADMIN:  # §5.2.1
        missing[Capability.BAN] = "the bot is no admin here: it cannot ban"
    if me.affiliation < Affiliation.OWNER:
        missing[Capability.CONFIGURE] = "the bot is no owner here: it cannot configure"
    if room.moderation is None:
        missing[Capability.RETRACT] = "this room has no message moderation (XEP-0425): nothing can be retracted here"
    elif me.role is not Role.MODERATOR and me.affiliation < Affiliation.ADMIN:
        missing[Capability.RETRACT] = "the bot is no moderator here: it cannot retract"
    if not room.archive:
        missing[Capability.READ_ARCHIVE] = "this room keeps no archive (XEP-0313)"
    return missing
