"""How a running bot is, at one moment: what ``botkit status``, ``/readyz`` and the ad-hoc command show.

The JSON form (``model.plain``) has the names of the fields, times as ISO 8601 in UTC, enums as their words, JIDs as
text. It only ever grows: a field may be added, none changes its meaning.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from botkit.model.address import Address
from botkit.model.rooms import Affiliation, Role, RoomState


class HistoryState(Enum):
    """How far the log of a room goes."""

    OFF = "off"  # the config does not want archives read
    UNAVAILABLE = "unavailable"  # the room keeps no archive, or not for us; ``reason`` says which
    BEHIND = "behind"  # something may be missing, and nobody reads now: we are not in, or the archive did not answer
    CATCHING_UP = "catching up"
    CAUGHT_UP = "caught up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """What was said from ``since`` to ``until`` is missing in the log, or may be; ``reason``: why it could not be had.

    None for a bound that is not known, or for a gap that still grows.
    """

    since: datetime | None
    until: datetime | None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryStatus:
    """The log of one room. ``read`` rows of the archive in the present or last catch-up, ``new`` of them not known.

    ``fraction`` is how much of the time is read (0 to 1), None where nothing is read now or the beginning is not
    known. ``lag``: seconds from the end of what is read to now while catching up; None else.
    """

    state: HistoryState
    read: int = 0
    new: int = 0
    fraction: float | None = None
    lag: float | None = None
    gaps: tuple[Gap, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """The bot as an occupant."""

    nick: str
    affiliation: Affiliation
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomStatus:
    """One room. ``attempts`` is how often entering it failed since it last went well; ``next_try`` None: none is due.

    ``error``: the condition of the last error that kept us out; None: none since we were in. ``moved_to``: the room
    that a destroyed one named in its place. ``me`` is None while we are not in. ``features`` are words for what the
    room has (``archive``, ``moderation:1``, ``occupant ids`` …), ``can`` for what the bot may do there, ``missing`` the
    reasons for which it may not do the rest. ``unanswered``: self-pings in a row that decided nothing (XEP-0410).
    ``events`` wait for handlers, ``outgoing`` to be sent.
    """

    room: Address
    state: RoomState
    reason: str | None = None
    since: datetime | None = None
    next_try: datetime | None = None
    attempts: int = 0
    error: str | None = None
    moved_to: Address | None = None
    me: Me | None = None
    features: tuple[str, ...] = ()
    can: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unanswered: int = 0
    occupants: int = 0
    history: HistoryStatus = HistoryStatus(state=HistoryState.BEHIND)
    events: int = 0
    outgoing: int = 0

    @property
    def problem(self) -> str | None:
        """Why the room is not as it should be; None: we are in."""
        if self.state is RoomState.JOINED:
            return None
        return f"{self.state.value}{f': {self.reason}' if self.reason else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStatus:
    """One queue of an account. ``limit`` None: bounded by others. ``dropped`` since the start."""

    name: str
    waiting: int
    limit: int | None = None
    dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleStatus:
    """One module that is loaded. ``calls`` of its handlers and ``failures`` (raised, or took too long) since the start.

    ``use`` is what the config names (``bots.keeper``), ``rooms`` where it is active; () for all.
    """

    name: str
    use: str = ""
    rooms: tuple[Address, ...] = ()
    calls: int = 0
    failures: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadStatus:
    """The last reload. Where not ``ok`` everything went on as it was; ``told`` says what changed, or what is wrong."""

    at: datetime
    ok: bool
    told: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountStatus:
    """One account. ``since``: connected or not since then. ``retry_at``: when connecting is tried next.

    ``reconnects`` counts new connections after the first; ``resumptions`` are those of them that kept the session
    (XEP-0198). ``running`` is False for an account that has ended, by the reason told.
    """

    account: Address
    address: Address | None = None
    running: bool = True
    connected: bool = False
    since: datetime | None = None
    reason: str | None = None
    retry_at: datetime | None = None
    reconnects: int = 0
    resumptions: int = 0
    config: str | None = None
    rooms: tuple[RoomStatus, ...] = ()
    modules: tuple[ModuleStatus, ...] = ()
    queues: tuple[QueueStatus, ...] = ()
    paused_reading: tuple[str, ...] = ()
    reload: ReloadStatus | None = None

    @property
    def problems(self) -> tuple[str, ...]:
        """A line for each thing that keeps the account from doing its work; () if it is ready."""
        why = f": {self.reason}" if self.reason else ""
        own = "ended" if not self.running else None if self.connected else "not connected"
        rooms = (f"{room.room}: {room.problem}" for room in self.rooms if room.problem is not None)
        return (*((f"{own}{why}",) if own else ()), *rooms)

    @property
    def ready(self) -> bool:
        """True if it is connected and in every room that the config asks for."""
        return not self.problems


@dataclass(frozen=True, slots=True, kw_only=True)
class BotStatus:
    """A whole process, ``at`` this time; ``lag`` is how many seconds late its event loop was at worst in the last
    minute."""

    at: datetime
    started: datetime
    version: str
    pid: int
    lag: float = 0.0
    accounts: tuple[AccountStatus, ...] = ()

    @property
    def ready(self) -> bool:
        """True if every account is; a process without accounts is not."""
        return bool(self.accounts) and all(account.ready for account in self.accounts)
