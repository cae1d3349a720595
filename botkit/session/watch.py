"""Looking after rooms that we are in: are we still (XEP-0410), and what can we do there now?"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import defaultdict
from typing import Final
from xml.etree.ElementTree import Element

from botkit.errors import BotkitError, LinkError, RequestTimeout, StanzaError
from botkit.model.rooms import RoomState
from botkit.ports import Spawn
from botkit.session.room import Room
from botkit.session.settings import Keeping
from botkit.session.supervisor import Supervisor
from botkit.session.verdicts import Next, Ping, Verdict, of_self_ping

_log = logging.getLogger(__name__)
_PING: Final = "{urn:xmpp:ping}ping"
_TICK: Final = 5.0
_AT_ONCE: Final = 16
"""Rooms of one service that are asked something at the same time: hundreds of silent ones must not weigh on it."""
_AGAIN: Final = 60.0  # after a self-ping that decided nothing
_RENAMED: Final = 5.0  # after one that found nobody under our nick
_LEAST: Final = 2.0
"""Seconds between two questions of the same kind to one room, whatever it, or somebody in it, makes us ask."""


class Watch:
    """Asks the rooms. What follows from the answers is done by the supervisor."""

    def __init__(self, supervisor: Supervisor, keeping: Keeping, spawn: Spawn) -> None:
        self._supervisor = supervisor
        self._keeping = keeping
        self._spawn = spawn
        self._turns: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(_AT_ONCE))
        self._running = False

    def start(self) -> None:
        """Begin to look after the rooms, if that is not done yet."""
        if not self._running:
            self._running = True
            self._spawn(self._run(), "watch over rooms")

    async def _run(self) -> None:
        supervisor = self._supervisor
        while not supervisor.closing:
            await supervisor.clock.sleep(_TICK)
            if supervisor.online.is_set():  # XEP-0410 §4: none while the session is in hibernation
                for room in tuple(supervisor.rooms.values()):
                    self._look_at(room)

    def _look_at(self, room: Room) -> None:
        if room.state is not RoomState.JOINED:
            return
        now = self._supervisor.clock.monotonic()
        if room.heard:
            room.heard = False
            self._rest(room)
        elif now >= room.ping_due:
            self.ping(room)
        if now >= room.ask_due:
            self.ask_again(room)

    def entered(self, room: Room) -> None:
        """We are in: it has just told everything."""
        room.heard = False
        self._rest(room)
        room.ask_due = self._in(self._keeping.features_every)

    def soon(self, room: Room) -> None:
        """Self-ping with the next round: the session was resumed, and the room may have lost us meanwhile."""
        room.heard = False
        room.ping_due = self._supervisor.clock.monotonic()

    def ping(self, room: Room) -> None:
        """Self-ping now, but not more often than every few seconds."""
        now = self._supervisor.clock.monotonic()
        if room.pinging or now - room.pinged < _LEAST:
            room.ping_due = min(room.ping_due, now + _LEAST)
            return
        room.pinging, room.pinged = True, now
        self._rest(room)
        self._spawn(self._ping(room), f"self-ping in {room.address}")

    def _rest(self, room: Room) -> None:
        room.ping_due = self._in(self._keeping.silence)

    def _in(self, seconds: float) -> float:
        """A time from now, with a fifth of jitter: rooms that were entered together are not asked together."""
        return self._supervisor.clock.monotonic() + seconds * random.uniform(0.8, 1.0)

    # --- are we in? -------------------------------------------------------------------------------------------

    async def _ping(self, room: Room) -> None:
        try:
            async with self._turns[room.address.domain]:  # no deadline: each request before ours has its own
                stay, mine = room.lost, room.mine
                answer = await self._answer(room)
            if answer is None or stay is None or room.lost is not stay or room.mine != mine:
                return  # nothing asked, or asked in another life or under another nick
            self._apply(room, answer)
        finally:
            room.pinging = False

    async def _answer(self, room: Room) -> str | None:
        if room.state is not RoomState.JOINED:
            return None
        try:
            await self._supervisor.connection.request(Element(_PING), to=room.mine, kind="get")
        except StanzaError as error:
            return error.condition
        except RequestTimeout:
            return "timeout"
        except LinkError:
            return None
        return "result"

    def _apply(self, room: Room, answer: str) -> None:
        said = of_self_ping(answer)
        if said is Ping.UNKNOWN:
            if not room.unanswered:
                _log.warning("%s: it is not known whether we are still in (self-ping: %s)", room.address, answer)
            room.unanswered += 1
            room.ping_due = self._in(min(_AGAIN, self._keeping.silence))
            return
        room.unanswered = 0
        if said is Ping.RENAMED and not room.renamed:
            # Another client of ours may have changed the nick; its presence is on the way then (XEP-0410 §4).
            room.renamed = True
            room.ping_due = self._in(min(_RENAMED, self._keeping.silence))
        elif said is Ping.IN:
            room.renamed = False
        else:
            self.out(room, answer)

    def out(self, room: Room, answer: str) -> None:
        """The room says that we are not in it."""
        room.occupancy.clear()
        reason = f"the room does not know us any more ({answer})"
        self._supervisor.settle(room, Verdict(Next.RETRY, reason, answer))

    # --- what can we do there? --------------------------------------------------------------------------------

    def ask_again(self, room: Room) -> None:
        """Ask what the room can do; of many reasons to, in a row, some are dealt with together."""
        room.ask_due = self._in(self._keeping.features_every)
        if room.asking_again:
            room.changed_again = True
        else:
            room.asking_again = True
            self._spawn(self._ask(room), f"features of {room.address}")

    async def _ask(self, room: Room) -> None:
        try:
            room.changed_again = True
            while room.changed_again and room.state is RoomState.JOINED:
                room.changed_again = False
                async with self._turns[room.address.domain]:  # no deadline: each request before ours has its own
                    verdict = await self._supervisor.ask(room)
                if verdict is not None:
                    self.ping(room)  # destroyed, perhaps: are we still in?
                self._supervisor.tell_capabilities(room)
                await self._supervisor.clock.sleep(_LEAST)
        except BotkitError:
            pass  # what was known stays; it is asked again with the next change, or after some hours
        finally:
            room.asking_again = False
