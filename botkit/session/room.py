"""What is known of one room that was asked for, and what its task waits for."""

from __future__ import annotations

import asyncio
from datetime import datetime

from botkit.model.address import Address
from botkit.model.capabilities import Capabilities
from botkit.model.rooms import RoomInfo, RoomSettings, RoomState
from botkit.protocol.muc import slow_mode
from botkit.session.disco import DiscoInfo
from botkit.session.life import Cause, after
from botkit.session.occupancy import Occupancy
from botkit.session.verdicts import Verdict

_ROOM_INFO = "http://jabber.org/protocol/muc#roominfo"
# XEP-0045 §15.5.3 has subjectmod; Prosody 0.12 and 13 tell the same as changesubject
_OPEN_SUBJECT = ("muc#roominfo_subjectmod", "muc#roominfo_changesubject")


class Room:
    """One room that was asked for. ``nick`` is the one in use, which may differ from the one in the config.

    Its ``state`` changes by ``step`` alone, hence only as ``life.TRANSITIONS`` says.
    """

    def __init__(self, settings: RoomSettings, now: datetime, hops: int = 0) -> None:
        self.settings = settings
        self.address = settings.address
        self.nick = settings.nick
        self.hops = hops  # how many destroyed rooms were followed to come here
        self.occupancy = Occupancy(settings.address)
        self._state = RoomState.LEFT
        self.reason: str | None = None
        self.since = now
        self.next_try: datetime | None = None
        self.attempts = 0
        self.error: str | None = None
        self.moved_to: Address | None = None
        self.was_inside = False
        # --- what its task waits for
        self.answer: asyncio.Future[frozenset[int] | Verdict] | None = None  # to a join under way
        self.put_out: Verdict | None = None  # while it was letting us in
        self.lost: asyncio.Future[Verdict] | None = None  # set while we are in; one for each stay
        self.gone = asyncio.Event()  # the room confirmed that we left
        self.hurry = asyncio.Event()  # ends the waiting for the next try
        self.leaving = False
        # --- what it can do
        self.features: frozenset[str] = frozenset()
        self.name: str | None = None
        self.slow_mode: float | None = None
        self.open_subject = False
        self.asked_at: datetime | None = None
        self.asking_again = False
        self.changed_again = False  # while that was under way
        self.ask_due = 0.0  # monotonic
        self.told: Capabilities | None = None  # what handlers were last told, or began with
        # --- self-pings
        self.heard = False  # something came from it since that was last looked at
        self.ping_due = 0.0  # monotonic
        self.pinging = False
        self.pinged = float("-inf")
        self.unanswered = 0
        self.renamed = False
        self._known: tuple[object, ...] = ()
        self._info: RoomInfo | None = None  # as of ``_known``

    @property
    def state(self) -> RoomState:
        """Where we stand with it."""
        return self._state

    @property
    def mine(self) -> Address:
        """The occupant JID that we have, as the room has it, or are asking for."""
        me = self.occupancy.me
        return me.address if me is not None else Address.received(f"{self.address}/{self.nick}")

    def step(self, cause: Cause, now: datetime, reason: str | None = None, next_try: datetime | None = None) -> bool:
        """Go where ``cause`` leads. False: it cannot happen in this state, and nothing was changed."""
        state = after(self._state, cause)
        if state is None:
            return False
        self._state, self.reason, self.since, self.next_try = state, reason, now, next_try
        return True

    def learn(self, told: DiscoInfo, now: datetime) -> None:
        """What the room says that it can do."""
        self.features = told.features
        self.name = next((i.name for i in told.identities if i.category == "conference" and i.name), None)
        self.slow_mode = slow_mode(told.forms)
        form = told.forms.get(_ROOM_INFO, {})
        self.open_subject = any(form.get(field, ("",))[:1] in (("1",), ("true",)) for field in _OPEN_SUBJECT)
        self.asked_at = now

    def info(self) -> RoomInfo:
        """What is known now, frozen. Asked for with every message that may be addressed to us: made when it changed."""
        occupancy = self.occupancy
        known = (
            self._state,
            self.reason,
            self.since,
            self.next_try,
            occupancy.me,
            len(occupancy.people),
            self.features,
            self.name,
            self.asked_at,
            self.unanswered,
            self.attempts,
            self.moved_to,
        )
        if self._info is None or known != self._known:
            self._known = known
            self._info = self._made()
        return self._info

    def _made(self) -> RoomInfo:
        return RoomInfo(
            address=self.address,
            state=self._state,
            reason=self.reason,
            since=self.since,
            next_try=self.next_try,
            features=self.features,
            name=self.name,
            me=self.occupancy.me,
            occupants=len(self.occupancy.people),
            attempts=self.attempts,
            error=self.error,
            moved_to=self.moved_to,
            unanswered=self.unanswered,
            asked_at=self.asked_at,
            open_subject=self.open_subject,
            slow_mode=self.slow_mode,
        )
