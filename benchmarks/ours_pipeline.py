"""botkit's whole receive path: link, dedupe, SQLite log in batches, dispatcher, handler; with the keeper or without.

The parts are those that the app wires, in its order: what the link emits is remembered by ``History``, which drops
what was seen before, and goes to the dispatcher, whose modules are the counting bot and, for ``botkit-keeper``,
``bots.keeper`` before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from pathlib import Path

import structlog
import uvloop

from benchmarks import counting_bot
from benchmarks.child import Control
from benchmarks.receiver import Orders
from botkit.clock import SystemClock
from botkit.model.address import Address
from botkit.model.events import Event, RoomStateChanged, StreamEstablished
from botkit.model.rooms import RoomSettings, RoomState
from botkit.routing.context import ModuleStorage
from botkit.routing.dispatch import Dispatcher
from botkit.routing.router import Router
from botkit.services.history import History
from botkit.session.connection import ConnectionSettings
from botkit.session.link import XmppLink
from botkit.storage.sqlite import SqliteStorage

_RULES = {
    "dry_run": True,
    "words": ["viagra", "casino*", "free money", "crypto giveaway", "buy followers"],
    "deny_links": ["spam.example", "phish.example"],
    "allow_links": ["example.org", "example.com", "example.net"],
    # Talkers say in a second what people say in an hour; the rules are to look at all and find nothing.
    "flood_messages": 60,
    "flood_seconds": 0.001,
    "duplicate_times": 60,
}


class _Runtime:
    """A module as the dispatcher needs it, active in every room."""

    def __init__(self, router: Router, config: object, storage: ModuleStorage) -> None:
        self.name = router.name
        self.router = router
        self.storage = storage
        self._config = config

    def settings_for(self, _room: Address | None) -> object:
        return self._config

    def active_in(self, _room: Address | None) -> bool:
        return True


def run(orders: Orders, control: Control) -> None:
    """Join the room and count until told to stop."""
    uvloop.run(_main(orders, control))


async def _main(orders: Orders, control: Control) -> None:
    connected, joined, stopped = asyncio.Event(), asyncio.Event(), asyncio.Event()
    clock = SystemClock()
    log = structlog.get_logger()
    path = Path(orders.folder) / "botkit.db"
    async with AsyncExitStack() as stack:
        storage = await stack.enter_async_context(SqliteStorage.open(path, Address.parse(orders.jid)))
        group = await stack.enter_async_context(asyncio.TaskGroup())

        def spawn(work: Awaitable[None], name: str) -> None:
            group.create_task(_awaited(work), name=name)

        def emit(event: Event) -> None:
            if history.remember(event):
                dispatcher.dispatch(event)
            if isinstance(event, StreamEstablished):
                connected.set()
            elif isinstance(event, RoomStateChanged) and event.state is RoomState.JOINED:
                joined.set()

        link = XmppLink(_settings(orders), emit=emit, clock=clock, spawn=spawn)
        history = History(storage.log, link, clock)
        modules = [_Runtime(*each, ModuleStorage(storage.values, each[0].name)) for each in _modules(orders)]
        dispatcher = Dispatcher(modules, link=link, clock=clock, log=log, spawn=spawn, history=storage.log)
        spawn(link.run(), "link")
        writing = group.create_task(history.run(), name="history")
        async with asyncio.timeout(20):
            await connected.wait()
            room = Address.parse(orders.room)
            await link.join(RoomSettings(address=room, nick=orders.account))
            await joined.wait()
            # From here on the cursor moves with every message, as it does in a bot that runs.
            await history.catch_up(room, on_event=dispatcher.dispatch)
        loop = asyncio.get_running_loop()
        control.ready(lambda: loop.call_soon_threadsafe(stopped.set))
        await stopped.wait()
        await link.close()
        await dispatcher.drain(5)
        await history.flush()
        writing.cancel()


def _settings(orders: Orders) -> ConnectionSettings:
    return ConnectionSettings(
        address=Address.parse(orders.jid),
        password=lambda: orders.password,
        host=orders.host,
        port=orders.port,
        tls="direct",
        ca_file=Path(orders.ca_file),
    )


def _modules(orders: Orders) -> list[tuple[Router, object]]:
    modules: list[tuple[Router, object]] = [(counting_bot.router, None)]
    if orders.name == "botkit-keeper":
        modules.insert(0, _keeper())
    return modules


def _keeper() -> tuple[Router, object]:
    from bots import keeper, keeper_settings

    return keeper.router, keeper_settings.KeeperConfig.model_validate(_RULES)


async def _awaited(work: Awaitable[None]) -> None:
    await work
