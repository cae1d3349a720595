"""The rooms of one account: entered, kept and left, each by a task of its own, so that none can harm another.

What a room says goes through ``Occupancy``; what it refuses through ``verdicts``; ``Supervisor`` has the life of each,
``Watch`` looks after those that we are in. This file is what others ask, and what the stream tells.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from botkit.errors import LinkError, StanzaError
from botkit.model.address import Address
from botkit.model.events import (
    Departure,
    ErrorReceived,
    Event,
    InvitationReceived,
    OccupantLeft,
    PresenceReceived,
    RightsChanged,
    RoomNotice,
    StreamEstablished,
    StreamLost,
    SubjectChanged,
)
from botkit.model.rooms import OCCUPANT_ID_0, Occupant, RoomInfo, RoomSettings, RoomState
from botkit.ports import Clock, Spawn
from botkit.protocol import muc
from botkit.session.connection import Connection
from botkit.session.life import Cause
from botkit.session.occupancy import departure
from botkit.session.room import Room
from botkit.session.settings import Keeping
from botkit.session.supervisor import Supervisor
from botkit.session.verdicts import Next, Verdict, of_departure, of_join_error
from botkit.session.watch import Watch

_CONFIGURATION_CODES: Final = frozenset({104, 170, 171, 172, 173, 174})  # 174 until XEP-0045 1.25; some send it still
_KEPT: Final = frozenset({RoomState.ASKING, RoomState.JOINING, RoomState.JOINED, RoomState.LOST})
_TALKING: Final = frozenset({RoomState.JOINING, RoomState.JOINED, RoomState.LOST})
_NOT_INSIDE: Final = frozenset({"not-acceptable", "item-not-found"})
_LEAVE_TIMEOUT: Final = 3.0
_MOST_HOPS: Final = 3
"""Destroyed rooms that are followed one after the other: their owners could lead us round in circles."""
_INVITED_AGAIN: Final = 60.0
"""Seconds for which a room must have refused us before its invitation makes us try: it can send any number."""


class Rooms:
    """All rooms of one account. ``emit`` gets the events; ``spawn`` owns the tasks."""

    def __init__(
        self,
        connection: Connection,
        *,
        emit: Callable[[Event], None],
        clock: Clock,
        spawn: Spawn,
        keeping: Keeping | None = None,
    ) -> None:
        self._connection = connection
        self._emit = emit
        self._clock = clock
        self._spawn = spawn
        self._rooms: dict[Address, Room] = {}
        self._supervisor = Supervisor(
            connection, self._rooms, emit=emit, clock=clock, entered=self._entered, moved=self._follow
        )
        self._watch = Watch(self._supervisor, keeping or Keeping(), spawn)

    # --- what decoding and handlers ask -----------------------------------------------------------------------

    def occupant(self, address: Address) -> Occupant | None:
        """Who is at this occupant JID now. Asked by decoding: what comes from a room shows that we are in it."""
        room = self._rooms.get(address.bare)
        if room is None:
            return None
        room.heard = True
        return room.occupancy.people.get(address)

    def present(self, address: Address) -> Occupant | None:
        """Who is at this occupant JID now, for whoever else wants to know."""
        room = self._rooms.get(address.bare)
        return room.occupancy.people.get(address) if room else None

    def features(self, room: Address) -> frozenset[str] | None:
        """What a room of ours advertises; None for what is no room of ours."""
        found = self._rooms.get(room)
        return found.features if found else None

    def info(self, room: Address) -> RoomInfo | None:
        """What is known of one room."""
        found = self._rooms.get(room)
        return found.info() if found else None

    def all(self) -> tuple[RoomInfo, ...]:
        """What is known of every room, in the order in which they were asked for."""
        return tuple(room.info() for room in self._rooms.values())

    def occupants(self, room: Address) -> tuple[Occupant, ...]:
        """Everybody in ``room``; () while we are not in it."""
        found = self._rooms.get(room)
        return tuple(found.occupancy.people.values()) if found and found.occupancy.complete else ()

    def is_replaying(self, sender: str | None) -> bool:
        """True while the room of ``sender`` may be sending its history; its subject ends that (XEP-0045 §7.2.15)."""
        return Address.received(sender or "").bare in self._supervisor.replaying

    @property
    def any_replaying(self) -> bool:
        """True while any room may be: asked for every stanza."""
        return bool(self._supervisor.replaying)

    def on_subject(self, event: SubjectChanged) -> None:
        """A room told its subject: from here on it speaks live."""
        self._supervisor.replaying.discard(event.room)

    # --- what the app asks ------------------------------------------------------------------------------------

    def join(self, settings: RoomSettings) -> None:
        """Begin to keep a room. Asked for again it is tried again at once, also one that had refused us."""
        self._join(settings, hops=0)

    def _join(self, settings: RoomSettings, hops: int) -> None:
        room = self._rooms.get(settings.address)
        if room is not None and not room.leaving and room.state in _KEPT:
            return
        if room is not None:
            room.leaving = True  # its task ends by itself
            room.hurry.set()
        room = Room(settings, self._clock.now(), hops)
        self._rooms[settings.address] = room
        self._keep(room)
        self._watch.start()

    def _keep(self, room: Room) -> None:
        self._spawn(self._supervisor.keep(room), f"room {room.address}")

    def retry(self, address: Address) -> bool:
        """Try again now to enter a room that refused us, or that is waited for. False: there is nothing to try."""
        room = self._rooms.get(address)
        if room is None or self._supervisor.is_over(room):
            return False
        if room.state is RoomState.WAITING:
            room.attempts = 0
            room.hurry.set()
            return True
        if room.state is not RoomState.REFUSED:
            return False
        room.attempts = 0
        self._supervisor.step(room, Cause.ASKED_AGAIN, "asked for again", next_try=self._clock.now())
        self._keep(room)
        return True

    def _follow(self, room: Room, venue: Address) -> bool:
        """``room`` was destroyed and names ``venue``: go there. False: it leads nowhere."""
        if venue == room.address or room.hops >= _MOST_HOPS:
            return False
        room.leaving = True
        self._supervisor.step(room, Cause.LEFT, f"it was destroyed and goes on at {venue}")
        if self._rooms.get(room.address) is room:
            del self._rooms[room.address]
        # Its password is for that room: whoever destroyed it could have it shown to them elsewhere.
        self._join(replace(room.settings, address=venue, create=False, password=None), room.hops + 1)
        return True

    async def alter(self, settings: RoomSettings) -> None:
        """Keep a room by other settings from now on, or ask for it.

        Another nick is asked for at once, without leaving (XEP-0045 §7.6); if it is taken the one before stays. The
        rest counts when the room is entered next.
        """
        room = self._rooms.get(settings.address)
        if room is None or room.leaving or room.state not in _KEPT:
            self.join(settings)
            return
        renamed = room.settings.nick != settings.nick
        room.settings = settings
        if renamed and room.state is RoomState.JOINED:
            await self._connection.send(muc.nick_presence(room.address.with_resource(settings.nick)))

    async def leave(self, address: Address, reason: str | None = None) -> None:
        """Leave a room and forget it; waits a little for the room's word that we are out."""
        room = self._rooms.get(address)
        if room is None:
            return
        await self._depart(room, reason)
        if self._rooms.get(address) is room:  # else it was asked for again meanwhile
            del self._rooms[address]
            self._supervisor.replaying.discard(address)

    async def leave_all(self, reason: str | None = None) -> None:
        """Leave every room at once: the way down."""
        self._supervisor.closing = True
        async with asyncio.TaskGroup() as group:
            for room in list(self._rooms.values()):
                group.create_task(self._depart(room, reason))

    async def _depart(self, room: Room, reason: str | None) -> None:
        room.leaving = True
        room.hurry.set()
        # While joining the room may have let us in already; a connection that is away may be resumed (XEP-0198 §5).
        inside = room.state in (RoomState.JOINING, RoomState.JOINED, RoomState.LOST)
        answered = inside and self._supervisor.online.is_set()
        room.gone.clear()
        self._supervisor.settle(room, Verdict(Next.STOP, "left"))
        try:
            if inside:
                await self._connection.send(muc.leave_presence(room.mine, reason))
            if answered:
                await asyncio.wait_for(room.gone.wait(), _LEAVE_TIMEOUT)
        except (LinkError, TimeoutError):
            pass  # the stream's end takes us out of the room as well (XEP-0045 §7.14)
        if room.state is not RoomState.LEFT:  # it may have had no turn yet
            self._supervisor.step(room, Cause.LEFT, reason)

    # --- what the stream tells --------------------------------------------------------------------------------

    def on_stream(self, event: StreamEstablished | StreamLost) -> None:
        """The stream is there, or is gone. A resumed one has kept our rooms (XEP-0198 §5)."""
        supervisor = self._supervisor
        if isinstance(event, StreamLost):
            supervisor.online.clear()
            for room in self._rooms.values():
                if room.state is RoomState.JOINED:
                    supervisor.step(room, Cause.STREAM_LOST, "the connection was lost")
                elif room.answer is not None:
                    _resolve(room.answer, Verdict(Next.RETRY, "the connection was lost"))
            return
        supervisor.online.set()
        if not event.resumed:
            supervisor.new_session()
        for room in self._rooms.values():
            if event.resumed and room.state is RoomState.LOST and room.occupancy.complete:
                supervisor.step(room, Cause.RESUMED, "the connection was resumed")
                self._watch.soon(room)
            elif not event.resumed:
                room.occupancy.clear()
                supervisor.settle(room, Verdict(Next.RETRY, "a new connection was made"))

    def on_presence(self, event: PresenceReceived) -> bool:
        """A presence; True if it was a room's and is dealt with."""
        room = self._rooms.get(event.sender.bare)
        if room is None:
            return False
        if room.state not in _TALKING:
            return True  # nothing was asked of it: not to be kept, however much of it comes
        room.heard = True
        if event.kind == "error":
            self._refused(room, event)
        elif event.kind in ("", "unavailable") and not event.sender.is_bare:
            is_self = room.occupancy.is_self(event, room.mine)
            if event.kind == "":
                self._arrived(room, event, is_self=is_self)
            else:
                self._left(room, event, is_self=is_self)
        return True

    def on_notice(self, event: RoomNotice) -> None:
        """The room's configuration changed: ask again what it can do (XEP-0045 §10.2.1)."""
        room = self._rooms.get(event.room)
        if room is not None and room.state is RoomState.JOINED and event.codes & _CONFIGURATION_CODES:
            self._watch.ask_again(room)

    def on_error(self, event: ErrorReceived) -> None:
        """A message of ours bounced. ``not-acceptable`` may mean that we are not in the room (XEP-0045 §7.4).

        ``item-not-found``: there may be no such room any more, as after a restart of the service. Filters of a room
        refuse single messages with the same words, so it is asked.
        """
        room = self._rooms.get(event.sender)
        if room is not None and room.state is RoomState.JOINED and event.error.condition in _NOT_INSIDE:
            self._watch.ping(room)

    def on_invitation(self, event: InvitationReceived) -> None:
        """A room that refused us asks us in: it is tried again. Its own word only (XEP-0045 §7.8.2)."""
        room = self._rooms.get(event.room)
        if not event.mediated or room is None or room.state is not RoomState.REFUSED:
            return
        if (self._clock.now() - room.since).total_seconds() >= _INVITED_AGAIN:
            self.retry(event.room)

    def _entered(self, room: Room) -> None:
        self._watch.entered(room)

    def _arrived(self, room: Room, event: PresenceReceived, *, is_self: bool) -> None:
        was_complete = room.occupancy.complete
        for said in room.occupancy.arrived(event, is_self=is_self, occupant_ids=OCCUPANT_ID_0 in room.features):
            self._emit(said)
            if is_self and isinstance(said, RightsChanged):
                self._supervisor.tell_capabilities(room)
                self._watch.ask_again(room)
        if is_self:
            room.nick = event.sender.resource or room.nick
            if not was_complete and room.answer is not None:
                _resolve(room.answer, event.codes)

    def _left(self, room: Room, event: PresenceReceived, *, is_self: bool) -> None:
        was_inside = room.occupancy.me is not None
        for said in room.occupancy.left(event):
            self._emit(said)
            if is_self and isinstance(said, OccupantLeft):
                self._out(room, event)
        if is_self and not was_inside and room.answer is not None and departure(event) is not Departure.LEFT:
            # Put out before we were in. A plain one is about an older session of ours under the same full JID.
            self._out(room, event)
        if is_self and room.occupancy.me is not None:
            room.nick = room.occupancy.me.nick

    def _out(self, room: Room, event: PresenceReceived) -> None:
        room.occupancy.clear()
        room.gone.set()
        if not room.leaving:
            room.put_out = of_departure(departure(event), event)
            self._supervisor.settle(room, room.put_out)

    def _refused(self, room: Room, event: PresenceReceived) -> None:
        if not event.sender.is_bare and event.sender != room.mine:
            return  # about another nick, asked for before, or said by somebody else
        error = event.error or StanzaError("undefined-condition", "cancel")
        if room.answer is not None:
            _resolve(room.answer, of_join_error(error))
        elif room.state is RoomState.JOINED:
            # Prosody 0.12.3 says item-not-found in answer to a presence from somebody who is not in the room
            self._watch.ping(room)


def _resolve(answer: asyncio.Future[frozenset[int] | Verdict], value: frozenset[int] | Verdict) -> None:
    if not answer.done():
        answer.set_result(value)
