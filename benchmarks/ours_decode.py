"""botkit's receive path alone: its link, with stream, ``decode_stanza`` and rooms; nothing stored, nothing routed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
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
    connected, joined, stopped = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def emit(event: Event) -> None:
        if isinstance(event, RoomMessage):
            if event.author.nick:
                COUNTER.seen(event.body)
        elif isinstance(event, StreamEstablished):
            connected.set()
        elif isinstance(event, RoomStateChanged) and event.state is RoomState.JOINED:
            joined.set()

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

        link = XmppLink(settings, emit=emit, clock=SystemClock(), spawn=spawn)
        spawn(link.run(), "link")
        async with asyncio.timeout(20):
            await connected.wait()
            await link.join(RoomSettings(address=Address.parse(orders.room), nick=orders.account))
            await joined.wait()
        loop = asyncio.get_running_loop()
        control.ready(lambda: loop.call_soon_threadsafe(stopped.set))
        await stopped.wait()
        await link.close()


async def _awaited(work: Awaitable[None]) -> None:
    await work
