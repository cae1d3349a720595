"""botkit's receive path alone: its link, with stream, ``decode_stanza`` and rooms; nothing stored, nothing routed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.child import COUNTER, Control
from benchmarks.receiver import Orders
from botkit.clock import SystemClock
from botkit.model.address import Address
from botkit.model.events import Event, RoomMessage, RoomStateChanged, StreamEstablished
from botkit.model.rooms import RoomSettings, RoomState
from botkit.session.connection import ConnectionSettings
from botkit.session.link import XmppLink


def run(orders: Orders, control: Control) -> None:
    """Join the room and count until told to stop, on the loop that ``botkit run`` takes."""
    import uvloop

    uvloop.run(_main(orders, control))


async def _main(orders: Orders, control: Control) -> None:
    wanted = set(orders.all_rooms)
    joined, stopped = asyncio.Event(), asyncio.Event()

    def emit(event: Event) -> None:
        if isinstance(event, RoomMessage):
            if event.author.nick:
                COUNTER.seen(event.body)
        elif isinstance(event, RoomStateChanged) and event.state is RoomState.JOINED:
            wanted.discard(str(event.room))
            if not wanted:
                joined.set()

    async with linked(orders, emit) as link:
        async with asyncio.timeout(20 + 0.2 * len(orders.rooms)):
            for room in orders.all_rooms:
                await link.join(RoomSettings(address=Address.parse(room), nick=orders.account))
            await joined.wait()
        loop = asyncio.get_running_loop()
        control.ready(lambda: loop.call_soon_threadsafe(stopped.set))
        await stopped.wait()


@asynccontextmanager
async def linked(orders: Orders, emit: Callable[[Event], None]) -> AsyncIterator[XmppLink]:
    """botkit's link, connected; closed with the block."""
    connected = asyncio.Event()

    def told(event: Event) -> None:
        if isinstance(event, StreamEstablished):
            connected.set()
        emit(event)

    settings = ConnectionSettings(
        address=Address.parse(orders.jid),
        password=lambda: orders.password,
        host=orders.host,
        port=orders.port,
        tls="direct",
        ca_file=Path(orders.ca_file),
    )
    async with asyncio.TaskGroup() as group:

        def spawn(work: Awaitable[None], name: str) -> None:
            group.create_task(_awaited(work), name=name)

        link = XmppLink(settings, emit=told, clock=SystemClock(), spawn=spawn)
        spawn(link.run(), "link")
        async with asyncio.timeout(20):
            await connected.wait()
        yield link
        await link.close()


async def _awaited(work: Awaitable[None]) -> None:
    await work
