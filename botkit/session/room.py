"""What is known of one room that was asked for, and what its task waits for."""

from __future__ import annotations

import asyncio
from datetime import datetime

from botkit.model.address import Address
from botkit.model.rooms import RoomInfo, RoomSettings, RoomState
from botkit.session.occupancy import Occupancy
from botkit.session.verdicts import Verdict


class Room:
    """One room that was asked for. ``nick`` is the one in use, which may differ from the one in the config."""

    def __init__(self, settings: RoomSettings, now: datetime) -> None:
        self.settings = settings
        self.address = settings.address
        self.nick = settings.nick
        self.occupancy = Occupancy(settings.address)
        self.state = RoomState.LEFT
        self.reason: str | None = None
        self.since = now
        self.next_try: datetime | None = None
        self.features: frozenset[str] = frozenset()
        self.name: str | None = None
        self.slow_mode: float | None = None
        self.attempts = 0
        self.answer: asyncio.Future[frozenset[int] | Verdict] | None = None  # to a join under way
        self.lost: asyncio.Future[Verdict] | None = None  # set while we are in
        self.gone = asyncio.Event()  # the room confirmed that we left
        self.leaving = False
        self.asking_again = False
        self.changed_again = False  # while that was under way
        self._known: tuple[object, ...] = ()
        self._info: RoomInfo | None = None  # as of ``_known``

    @property
    def mine(self) -> Address:
        """The occupant JID that we have, or are asking for."""
        return self.address.with_resource(self.nick)

    def info(self) -> RoomInfo:
        """What is known now, frozen. Asked for with every message that may be addressed to us: made when it changed."""
        occupancy = self.occupancy
        known = (
            self.state,
            self.reason,
            self.since,
            self.next_try,
            self.features,
            self.name,
            self.slow_mode,
            occupancy.me,
            len(occupancy.people),
        )
        if self._info is None or known != self._known:
            self._known = known
            self._info = RoomInfo(
                address=self.address,
                state=self.state,
                reason=self.reason,
                since=self.since,
                next_try=self.next_try,
                features=self.features,
                name=self.name,
                slow_mode=self.slow_mode,
                me=occupancy.me,
                occupants=len(occupancy.people),
            )
        return self._info
