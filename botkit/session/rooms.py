"""The rooms of one account: entered, kept and left, each by a task of its own, so that none can harm another.

What a room says goes through ``Occupancy``; what it refuses through ``verdicts``; this file does the waiting.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import datetime, timedelta

from botkit.errors import BotkitError, LinkError, StanzaError
from botkit.model.address import Address
from botkit.model.events import (
    ErrorReceived,
    Event,
    OccupantLeft,
    PresenceReceived,
    RoomNotice,
    RoomStateChanged,
    StreamEstablished,
    StreamLost,
    SubjectChanged,
)
from botkit.model.rooms import OCCUPANT_ID_0, Occupant, RoomInfo, RoomSettings, RoomState
from botkit.ports import Clock, Spawn
from botkit.protocol import muc
from botkit.session.connection import Connection
from botkit.session.room import Room
from botkit.session.verdicts import Next, Verdict, of_departure, of_disco_error, of_join_error

MUC = "http://jabber.org/protocol/muc"
_CREATED = 201
_CONFIGURATION_CODES = frozenset({104, 170, 171, 172, 173})
_KEPT = frozenset({RoomState.ASKING, RoomState.JOINING, RoomState.JOINED, RoomState.LOST})
_NOT_INSIDE = frozenset({"not-acceptable", "item-not-found"})
_NICK_TRIES = 5
AT_ONCE = 32
"""Rooms of one service that are being entered at the same time: the next as one is in. A bot with hundreds must not
press them all upon a server at once, nor have the last of them wait past the time for an answer."""
_JOIN_TIMEOUT = 45.0
_LEAVE_TIMEOUT = 3.0
_BACKOFF_FIRST = 2.0
_BACKOFF_CAP = 300.0
_SETTLED = 60.0  # in a room for this long: the next loss starts from the first delay again


class Rooms:
    """All rooms of one account. ``emit`` gets the events; ``spawn`` owns the tasks."""

    def __init__(self, connection: Connection, *, emit: Callable[[Event], None], clock: Clock, spawn: Spawn) -> None:
        self._connection = connection
        self._emit = emit
        self._clock = clock
        self._spawn = spawn
        self._rooms: dict[Address, Room] = {}
        self._online = asyncio.Event()
        self._replaying: set[Address] = set()
        self._doors: dict[str, asyncio.Semaphore] = {}  # by the service's domain: one that is dead holds up no other
        self._closing = False

    # --- what decoding and handlers ask -----------------------------------------------------------------------

    def occupant(self, address: Address) -> Occupant | None:
        """Who is at this occupant JID now."""
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
        return Address.received(sender or "").bare in self._replaying

    @property
    def any_replaying(self) -> bool:
        """True while any room may be: asked for every stanza."""
        return bool(self._replaying)

    def on_subject(self, event: SubjectChanged) -> None:
        """A room told its subject: from here on it speaks live."""
        self._replaying.discard(event.room)

    # --- what the app asks ------------------------------------------------------------------------------------

    def join(self, settings: RoomSettings) -> None:
        """Begin to keep a room. Asked for again it is tried again at once, also one that had refused us."""
        room = self._rooms.get(settings.address)
        if room is not None and not room.leaving and room.state in _KEPT:
            return
        if room is not None:
            room.leaving = True  # its task ends by itself
        room = Room(settings, self._clock.now())
        self._rooms[settings.address] = room
        self._spawn(self._keep(room), f"room {room.address}")

    async def leave(self, address: Address, reason: str | None = None) -> None:
        """Leave a room and forget it; waits a little for the room's word that we are out."""
        room = self._rooms.get(address)
        if room is None:
            return
        await self._depart(room, reason)
        if self._rooms.get(address) is room:  # else it was asked for again meanwhile
            del self._rooms[address]
            self._replaying.discard(address)

    async def leave_all(self, reason: str | None = None) -> None:
        """Leave every room at once: the way down."""
        self._closing = True
        async with asyncio.TaskGroup() as group:
            for room in list(self._rooms.values()):
                group.create_task(self._depart(room, reason))

    async def _depart(self, room: Room, reason: str | None) -> None:
        room.leaving = True
        # While joining the room may have let us in already; a connection that is away may be resumed (XEP-0198 §5).
        inside = room.state in (RoomState.JOINING, RoomState.JOINED, RoomState.LOST)
        answered = inside and self._online.is_set()
        room.gone.clear()
        self._settle(room, Verdict(Next.STOP, "left"))
        try:
            if inside:
                await self._connection.send(muc.leave_presence(room.mine, reason))
            if answered:
                await asyncio.wait_for(room.gone.wait(), _LEAVE_TIMEOUT)
        except (LinkError, TimeoutError):
            pass  # the stream's end takes us out of the room as well (XEP-0045 §7.14)
        self._enter_state(room, RoomState.LEFT, reason)

    # --- what the stream tells --------------------------------------------------------------------------------

    def on_stream(self, event: StreamEstablished | StreamLost) -> None:
        """The stream is there, or is gone. A resumed one has kept our rooms (XEP-0198 §5)."""
        if isinstance(event, StreamLost):
            self._online.clear()
            for room in self._rooms.values():
                if room.state is RoomState.JOINED:
                    self._enter_state(room, RoomState.LOST, "the connection was lost")
                elif room.answer is not None:
                    _resolve(room.answer, Verdict(Next.RETRY, "the connection was lost"))
            return
        for room in self._rooms.values():
            if event.resumed and room.state is RoomState.LOST and room.occupancy.complete:
                self._enter_state(room, RoomState.JOINED, "the connection was resumed")
            elif not event.resumed:
                room.occupancy.clear()
                self._settle(room, Verdict(Next.RETRY, "a new connection was made"))
        self._online.set()

    def on_presence(self, event: PresenceReceived) -> bool:
        """A presence; True if it was a room's and is dealt with."""
        room = self._rooms.get(event.sender.bare)
        if room is None:
            return False
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
        if room is None or room.state is not RoomState.JOINED or not event.codes & _CONFIGURATION_CODES:
            return
        if room.asking_again:
            room.changed_again = True
        else:
            room.asking_again = True
            self._spawn(self._ask_again(room), f"features of {room.address}")

    def on_error(self, event: ErrorReceived) -> None:
        """A message of ours bounced. ``not-acceptable`` from the room means that we are not in it (XEP-0045 §7.4).

        ``item-not-found``: there is no such room any more, as after a restart of the service.
        """
        room = self._rooms.get(event.sender)
        if room is not None and room.state is RoomState.JOINED and event.error.condition in _NOT_INSIDE:
            room.occupancy.clear()
            self._settle(room, Verdict(Next.RETRY, "the room does not know us any more"))

    def _arrived(self, room: Room, event: PresenceReceived, *, is_self: bool) -> None:
        was_complete = room.occupancy.complete
        for said in room.occupancy.arrived(event, is_self=is_self, occupant_ids=OCCUPANT_ID_0 in room.features):
            self._emit(said)
        if is_self:
            room.nick = event.sender.resource or room.nick
            if not was_complete and room.answer is not None:
                _resolve(room.answer, event.codes)

    def _left(self, room: Room, event: PresenceReceived, *, is_self: bool) -> None:
        for said in room.occupancy.left(event):
            self._emit(said)
            if is_self and isinstance(said, OccupantLeft):
                room.occupancy.clear()
                room.gone.set()
                if not room.leaving:
                    self._settle(room, of_departure(said.how, event))
        if is_self and room.occupancy.me is not None:
            room.nick = room.occupancy.me.nick

    def _refused(self, room: Room, event: PresenceReceived) -> None:
        error = event.error or StanzaError("undefined-condition", "cancel")
        if room.answer is not None:
            _resolve(room.answer, of_join_error(error))
        elif room.state is RoomState.JOINED and error.condition == "item-not-found":
            # Prosody 0.12.3 says so in answer to a presence from somebody who is not in the room
            room.occupancy.clear()
            self._settle(room, Verdict(Next.RETRY, "the room does not know us any more"))

    def _settle(self, room: Room, verdict: Verdict) -> None:
        for waiting in (room.answer, room.lost):
            if waiting is not None and not waiting.done():
                waiting.set_result(verdict)

    # --- the life of one room ---------------------------------------------------------------------------------

    async def _keep(self, room: Room) -> None:
        door = self._doors.setdefault(room.address.domain, asyncio.Semaphore(AT_ONCE))
        while not self._is_over(room):
            await self._online.wait()  # no deadline: without a stream there is nothing to do, and the link says so
            async with door:  # no deadline: each of those before us has its own
                if self._is_over(room):
                    return
                verdict = await self._enter(room)
            if verdict is None:
                verdict = await self._stay(room)
            if self._is_over(room):
                return
            if verdict.next is Next.STOP:
                self._enter_state(room, RoomState.REFUSED, verdict.reason)
                return
            await self._wait_before_retry(room, verdict)

    def _is_over(self, room: Room) -> bool:
        return room.leaving or self._closing

    async def _enter(self, room: Room) -> Verdict | None:
        """Ask what the room is, then join. None: we are in."""
        try:
            self._enter_state(room, RoomState.ASKING)
            verdict = await self._ask(room)
            if verdict is None and not self._is_over(room):
                self._enter_state(room, RoomState.JOINING)
                verdict = await self._join(room)
        except LinkError as problem:
            verdict = Verdict(Next.RETRY, str(problem))
        except BotkitError as problem:  # a nick or password that cannot be sent
            verdict = Verdict(Next.STOP, f"it cannot be joined as the config says: {problem}")
        return verdict if not self._is_over(room) else Verdict(Next.STOP, "left")

    async def _ask(self, room: Room) -> Verdict | None:
        try:
            info = await self._connection.disco_info(room.address)
        except StanzaError as error:
            return of_disco_error(error, create=room.settings.create)
        if MUC not in info.features and all(i.category != "conference" for i in info.identities):
            return Verdict(Next.STOP, "this JID is no room (XEP-0045); check it in the config")
        room.features = info.features
        room.slow_mode = muc.slow_mode(info.forms)
        room.name = next((i.name for i in info.identities if i.category == "conference" and i.name), None)
        return None

    async def _join(self, room: Room) -> Verdict | None:
        for attempt in range(_NICK_TRIES):
            room.nick = room.settings.nick if attempt == 0 else f"{room.settings.nick}_{attempt + 1}"
            answer = await self._ask_to_join(room)
            if not isinstance(answer, Verdict):
                return await self._joined(room, answer)
            if answer.next is not Next.OTHER_NICK:
                return answer
        return Verdict(Next.RETRY, f"the nick {room.settings.nick!r} and {_NICK_TRIES - 1} variants of it are taken")

    async def _ask_to_join(self, room: Room) -> frozenset[int] | Verdict:
        room.occupancy.clear()
        room.answer = asyncio.get_running_loop().create_future()
        self._replaying.add(room.address)
        try:
            await self._connection.send(muc.join_presence(room.mine, room.settings.password))
            return await asyncio.wait_for(room.answer, _JOIN_TIMEOUT)
        except TimeoutError:
            return Verdict(Next.RETRY, f"the room did not answer within {_JOIN_TIMEOUT:.0f} s")
        finally:
            room.answer = None
            if not room.occupancy.complete:
                self._replaying.discard(room.address)

    async def _joined(self, room: Room, codes: frozenset[int]) -> Verdict | None:
        if _CREATED in codes:
            if not room.settings.create:
                # The room went away between our question and our joining; nobody asked us to make a new one.
                await self._connection.send(muc.leave_presence(room.mine, None))
                return Verdict(Next.STOP, "there is no such room; check its JID, or set create = true to make it")
            try:
                await self._connection.request(muc.instant_room(), to=room.address, kind="set")
                await self._ask(room)
            except StanzaError as error:
                return Verdict(Next.RETRY, f"the new room could not be configured: {error}")
        if room.occupancy.me is None or self._is_over(room):
            return Verdict(Next.RETRY, "the room put us out again at once")
        room.lost = asyncio.get_running_loop().create_future()
        room.gone.clear()
        self._enter_state(room, RoomState.JOINED)
        return None

    async def _stay(self, room: Room) -> Verdict:
        entered = self._clock.monotonic()
        assert room.lost is not None
        verdict = await room.lost  # no deadline: for as long as the room keeps us
        room.lost = None
        if self._clock.monotonic() - entered >= _SETTLED:
            room.attempts = 0
        if room.state is RoomState.JOINED and not room.leaving and verdict.next is not Next.STOP:
            self._enter_state(room, RoomState.LOST, verdict.reason)
        return verdict

    async def _wait_before_retry(self, room: Room, verdict: Verdict) -> None:
        cap = min(_BACKOFF_CAP, _BACKOFF_FIRST * 2**room.attempts)
        # full jitter: rooms do not come back in step; without a stream ``_keep`` waits for that
        delay = random.uniform(0.1, cap) if self._online.is_set() else 0.0
        room.attempts = min(room.attempts + 1, 16)
        self._enter_state(
            room, RoomState.WAITING, verdict.reason, next_try=self._clock.now() + timedelta(seconds=delay)
        )
        await self._clock.sleep(delay)

    async def _ask_again(self, room: Room) -> None:
        try:
            room.changed_again = True
            while room.changed_again:
                room.changed_again = False
                await self._ask(room)
        except BotkitError:
            pass  # what was known stays; it is asked again with the next change
        finally:
            room.asking_again = False

    def _enter_state(
        self, room: Room, state: RoomState, reason: str | None = None, *, next_try: datetime | None = None
    ) -> None:
        if (room.state, room.reason) == (state, reason):
            return
        before, room.state, room.reason = room.state, state, reason
        room.since = self._clock.now()
        room.next_try = next_try
        self._emit(
            RoomStateChanged(
                at=room.since, room=room.address, state=state, before=before, reason=reason, next_try=next_try
            )
        )


def _resolve(answer: asyncio.Future[frozenset[int] | Verdict], value: frozenset[int] | Verdict) -> None:
    if not answer.done():
        answer.set_result(value)
