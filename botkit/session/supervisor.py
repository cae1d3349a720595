"""The life of one room: asked what it is, entered, kept, entered again. ``life`` says what may follow on what."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from botkit.errors import BotkitError, LinkError, StanzaError
from botkit.model.address import Address
from botkit.model.events import Event, RoomStateChanged
from botkit.model.room_events import CapabilitiesChanged
from botkit.model.rooms import RoomState
from botkit.ports import Clock
from botkit.protocol import muc
from botkit.session.connection import Connection
from botkit.session.door import Door
from botkit.session.life import Cause
from botkit.session.race import Interrupted, unless
from botkit.session.room import Room
from botkit.session.verdicts import (
    NO_SUCH_ROOM,
    Next,
    Verdict,
    of_disco_error,
    of_link_error,
)

MUC: Final = "http://jabber.org/protocol/muc"
_log = logging.getLogger(__name__)
_CREATED: Final = 201
_NICK_TRIES: Final = 5
_JOIN_TIMEOUT: Final = 45.0
_BACKOFF_FIRST: Final = 2.0
_BACKOFF_CAP: Final = 300.0
_SETTLED: Final = 60.0  # in a room for this long: the next loss starts from the first delay again
_COMEBACKS: Final = 50
"""Rooms of one service that begin to come back within a second, on average, when all of them were lost at once."""


class Supervisor:
    """Keeps rooms in step with ``life``. ``entered`` is called for each room that we are in; ``moved`` for one that is
    to be followed to its new place, and says whether it is."""

    def __init__(
        self,
        connection: Connection,
        rooms: Mapping[Address, Room],
        *,
        emit: Callable[[Event], None],
        clock: Clock,
        entered: Callable[[Room], None],
        moved: Callable[[Room, Address], bool],
    ) -> None:
        self.connection = connection
        self.rooms = rooms
        self.clock = clock
        self._emit = emit
        self._entered = entered
        self._moved = moved
        self.online = asyncio.Event()
        self.closing = False
        self.replaying: set[Address] = set()
        self._doors: dict[str, Door] = {}  # by the service's domain: one that is dead holds up no other

    # --- states -----------------------------------------------------------------------------------------------

    def step(self, room: Room, cause: Cause, reason: str | None = None, *, next_try: datetime | None = None) -> bool:
        """Go on in the room's life and tell of it. False: ``cause`` cannot happen now, and nothing was done."""
        before, now = room.state, self.clock.now()
        if not room.step(cause, now, reason, next_try):
            _log.debug("%s: %s cannot happen while %s", room.address, cause.name, before.value)
            return False
        self._emit(
            RoomStateChanged(
                at=now,
                room=room.address,
                state=room.state,
                before=before,
                reason=reason,
                next_try=next_try,
                attempts=room.attempts,
            )
        )
        return True

    def settle(self, room: Room, verdict: Verdict) -> None:
        """What the room's task waits for has come."""
        for waiting in (room.answer, room.lost):
            if waiting is not None and not waiting.done():
                waiting.set_result(verdict)

    def new_session(self) -> None:
        """What services bear is not known any more."""
        for door in self._doors.values():
            door.reset()

    def tell_capabilities(self, room: Room) -> None:
        """An event if what we can do there is not what it was."""
        if room.state is not RoomState.JOINED or not room.occupancy.complete:
            return
        now = room.info().capabilities
        before, room.told = room.told, now
        if before is not None and before != now:
            self._emit(CapabilitiesChanged(at=self.clock.now(), room=room.address, before=before, now=now))

    def is_over(self, room: Room) -> bool:
        """True once nobody wants us in ``room`` any more."""
        return room.leaving or self.closing

    # --- the life of one room ---------------------------------------------------------------------------------

    async def keep(self, room: Room) -> None:
        """Be in ``room`` until it is left, or only a person can help."""
        door = self._doors.setdefault(room.address.domain, Door())
        while not self.is_over(room):
            await self.online.wait()  # no deadline: without a stream there is nothing to do, and the link says so
            async with door:
                if self.is_over(room):
                    return
                verdict = await self._enter(room)
                self._judge(door, verdict)
            if verdict is None:
                verdict = await self._stay(room)
            if self.is_over(room):
                return
            if verdict.next is Next.STOP:
                self._stop(room, verdict)
                return
            await self._wait_before_retry(room, verdict)

    def _judge(self, door: Door, verdict: Verdict | None) -> None:
        if verdict is not None and verdict.strain:
            door.strained()
        elif self.online.is_set():
            door.bore()

    def _stop(self, room: Room, verdict: Verdict) -> None:
        room.error, room.moved_to = verdict.error, verdict.venue
        venue = verdict.venue if room.settings.follow else None
        if venue is None or not self._moved(room, venue):
            self.step(room, Cause.REFUSED, verdict.reason)

    async def _enter(self, room: Room) -> Verdict | None:
        """Ask what the room is, then join. None: we are in."""
        try:
            self.step(room, Cause.TURN)
            verdict = await self.ask(room)
            if verdict is None and not self.is_over(room):
                self.step(room, Cause.IS_ROOM)
                verdict = await self._join(room)
        except LinkError as problem:
            verdict = of_link_error(problem)
        except BotkitError as problem:  # a nick or password that cannot be sent
            verdict = Verdict(Next.STOP, f"it cannot be joined as the config says: {problem}")
        return verdict if not self.is_over(room) else Verdict(Next.STOP, "left")

    async def ask(self, room: Room) -> Verdict | None:
        """Ask what the room is and can do. None: it is one. Raises ``LinkError``."""
        try:
            info = await self.connection.disco_info(room.address)
        except StanzaError as error:
            return of_disco_error(error, create=room.settings.create, known=room.was_inside)
        if MUC not in info.features and all(i.category != "conference" for i in info.identities):
            return Verdict(Next.STOP, "this JID is no room (XEP-0045); check it in the config")
        room.learn(info, self.clock.now())
        return None

    async def _join(self, room: Room) -> Verdict | None:
        for attempt in range(_NICK_TRIES):
            room.nick = room.settings.nick if attempt == 0 else f"{room.settings.nick}_{attempt + 1}"
            answer = await self._ask_to_join(room)
            if not isinstance(answer, Verdict):
                return await self._joined(room, answer)
            if answer.next is not Next.OTHER_NICK:
                return answer
        taken = f"the nick {room.settings.nick!r} and {_NICK_TRIES - 1} variants of it are taken"
        return Verdict(Next.RETRY, taken, "conflict")

    async def _ask_to_join(self, room: Room) -> frozenset[int] | Verdict:
        room.occupancy.clear()
        room.put_out = None
        room.answer = asyncio.get_running_loop().create_future()
        self.replaying.add(room.address)
        try:
            occupant = room.address.with_resource(room.nick)  # raises for a nick that cannot be
            await self.connection.send(muc.join_presence(occupant, room.settings.password))
            return await asyncio.wait_for(room.answer, _JOIN_TIMEOUT)
        except TimeoutError:
            reason = f"the room did not answer within {_JOIN_TIMEOUT:.0f} s"
            return Verdict(Next.RETRY, reason, "timeout", strain=True)
        finally:
            room.answer = None
            if not room.occupancy.complete:
                self.replaying.discard(room.address)

    async def _joined(self, room: Room, codes: frozenset[int]) -> Verdict | None:
        if _CREATED in codes:
            if not room.settings.create:
                # The room went away between our question and our joining; nobody asked us to make a new one.
                await self.connection.send(muc.leave_presence(room.mine, None))
                return of_disco_error(
                    StanzaError("item-not-found", "cancel"), create=False, known=room.was_inside
                ) or Verdict(Next.STOP, NO_SUCH_ROOM)
            try:
                await self.connection.request(muc.instant_room(), to=room.address, kind="set")
                await self.ask(room)
            except StanzaError as error:
                return Verdict(Next.RETRY, f"the new room could not be configured: {error}", error.condition)
        if room.occupancy.me is None or self.is_over(room):
            return room.put_out or Verdict(Next.RETRY, "the room put us out again at once")
        room.lost = asyncio.get_running_loop().create_future()
        room.gone.clear()
        room.was_inside, room.error, room.moved_to = True, None, None
        room.unanswered, room.renamed = 0, False
        self._entered(room)
        self.step(room, Cause.ENTERED)
        self.tell_capabilities(room)
        return None

    async def _stay(self, room: Room) -> Verdict:
        entered = self.clock.monotonic()
        assert room.lost is not None
        verdict = await room.lost  # no deadline: for as long as the room keeps us
        room.lost = None
        if self.clock.monotonic() - entered >= _SETTLED:
            room.attempts = 0
        if room.state is RoomState.JOINED and not room.leaving and verdict.next is not Next.STOP:
            self.step(room, Cause.PUT_OUT, verdict.reason)
        return verdict

    async def _wait_before_retry(self, room: Room, verdict: Verdict) -> None:
        cap = min(_BACKOFF_CAP, _BACKOFF_FIRST * 2**room.attempts)
        if room.attempts == 0:
            cap = max(cap, sum(1 for a in self.rooms if a.domain == room.address.domain) / _COMEBACKS)
        # full jitter: rooms do not come back in step; without a stream ``keep`` waits for that
        delay = random.uniform(0.1, cap) if self.online.is_set() else 0.0
        room.attempts = min(room.attempts + 1, 16)
        room.error = verdict.error or room.error
        room.hurry.clear()
        next_try = self.clock.now() + timedelta(seconds=delay)
        self.step(room, Cause.TROUBLE, verdict.reason, next_try=next_try)
        with suppress(Interrupted):
            await unless(room.hurry, self.clock.sleep(delay))
