"""``Rooms`` over a connection that does what the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from xml.etree.ElementTree import Element

from botkit.model.address import Address
from botkit.model.events import Event, RoomStateChanged, StreamEstablished, StreamLost
from botkit.model.rooms import RoomSettings, RoomState
from botkit.session.disco import DiscoIdentity, DiscoInfo
from botkit.session.rooms import Rooms
from botkit.session.settings import Keeping
from botkit.session.supervisor import MUC
from botkit.testing.fakes import NOON, FakeClock
from tests.unit.session.presences import ROOM, presence

OTHER = Address.parse("other@rooms.example.org")
A_ROOM = DiscoInfo(identities=(DiscoIdentity("conference", "text", "Lobby"),), features=frozenset({MUC}))
ESTABLISHED = StreamEstablished(at=NOON, address=Address.parse("bot@example.org/r"), resumed=False)
LOST = StreamLost(at=NOON, reason="gone", retry_in=1.0)


PING = "{urn:xmpp:ping}ping"


class Wire:
    """A connection: ``sent`` has every presence; ``disco`` answers, or raises, by room."""

    def __init__(self) -> None:
        self.sent: list[Element] = []
        self.requested: list[Element] = []
        self.asked: list[Address] = []
        self.disco: dict[Address, Any] = {}
        self.gate = asyncio.Event()
        self.gate.set()
        self.refuses_to_send: Exception | None = None
        self.pinged: list[Address | None] = []
        self.pong: Exception | None = None  # instead of a result

    async def send(self, element: Element, *, acked: bool = False) -> None:
        if self.refuses_to_send is not None:
            raise self.refuses_to_send
        self.sent.append(element)

    async def request(self, payload: Element, *, to: Address | None = None, **_: Any) -> None:
        if payload.tag == PING:
            self.pinged.append(to)
            if self.pong is not None:
                raise self.pong
            return
        self.requested.append(payload)

    async def disco_info(self, address: Address) -> DiscoInfo:
        self.asked.append(address)
        await self.gate.wait()
        answer = self.disco.get(address, A_ROOM)
        if isinstance(answer, Exception):
            raise answer
        found: DiscoInfo = answer
        return found


class Stage:
    """``Rooms`` over a ``Wire``, with what they emit."""

    def __init__(self, keeping: Keeping | None = None) -> None:
        self.wire = Wire()
        self.clock = FakeClock()
        self.events: list[Event] = []
        self.tasks: list[asyncio.Task[None]] = []  # of rooms, and for their features
        self.beside: list[asyncio.Task[None]] = []
        self.rooms = Rooms(self.wire, emit=self.events.append, clock=self.clock, spawn=self._spawn, keeping=keeping)  # type: ignore[arg-type]

    def _spawn(self, work: Awaitable[None], name: str) -> None:
        task = asyncio.ensure_future(work)
        (self.beside if name.startswith(("watch", "self-ping")) else self.tasks).append(task)

    async def end(self) -> None:
        """Raises what a task raised."""
        tasks = [*self.tasks, *self.beside]
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended

    def states(self, room: Address = ROOM) -> list[RoomState]:
        return [e.state for e in self.events if isinstance(e, RoomStateChanged) and e.room == room]

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110  tasks step on without a signal
                await asyncio.sleep(0)

    async def after(self, seconds: float) -> None:
        """Let time pass once every task waits for something."""
        for _ in range(10):
            await asyncio.sleep(0)
        await self.clock.advance(seconds)

    async def until_state(self, state: RoomState, room: Address = ROOM) -> None:
        await self.until(lambda: self.states(room)[-1:] == [state])

    def join(self, room: Address = ROOM, **more: Any) -> None:
        self.rooms.join(RoomSettings(address=room, nick="bot", **more))

    async def enter(self, room: Address = ROOM, *codes: int, **more: Any) -> None:
        """Asked for, and let in."""
        before = len(self.wire.sent)
        self.join(room, **more)
        await self.until(lambda: len(self.wire.sent) > before)
        self.let_in(room, *codes)
        await self.until_state(RoomState.JOINED, room)

    def let_in(self, room: Address = ROOM, *codes: int) -> None:
        said = presence("bot", 110, *codes)
        self.rooms.on_presence(replace(said, sender=room.with_resource("bot")))


@asynccontextmanager
async def opened(keeping: Keeping | None = None) -> AsyncIterator[Stage]:
    """A stage whose stream is there."""
    made = Stage(keeping)
    made.rooms.on_stream(ESTABLISHED)
    yield made
    await made.end()


def kinds(wire: Wire) -> list[tuple[str, str]]:
    return [(element.get("to", ""), element.get("type", "")) for element in wire.sent]
