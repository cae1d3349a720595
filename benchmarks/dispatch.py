"""``dispatch``: what the dispatcher alone costs for each event: queue, context, filter, handler; and 200 commands."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

from benchmarks.receive import Figures
from botkit.clock import SystemClock
from botkit.model.address import Address
from botkit.model.events import RoomMessage
from botkit.model.messages import ArchiveId, Content, Text
from botkit.model.rooms import Affiliation, Occupant
from botkit.routing.context import Context, ModuleStorage
from botkit.routing.dispatch import Dispatcher
from botkit.routing.filters import contains, predicate
from botkit.routing.router import Router
from botkit.storage.memory import MemoryValues
from botkit.testing.fakes import FakeLink, FakeLog, make_occupant, make_room

ROOM = Address.parse("room@rooms.example.org")
EVENTS = 20_000


class _Module:
    def __init__(self, router: Router) -> None:
        self.name = router.name
        self.router = router
        self.storage = ModuleStorage(MemoryValues(), router.name)

    def settings_for(self, room: Address | None) -> object:
        return None

    def active_in(self, room: Address | None) -> bool:
        return True


@predicate
def anything(message: RoomMessage, ctx: Context) -> bool:
    """Passes everything."""
    return True


def one_handler() -> Router:
    router = Router("bench")

    @router.message(anything)
    async def handle(ctx: Context, message: RoomMessage) -> None: ...

    return router


def none_match() -> Router:
    router = Router("bench")

    @router.message(contains("viagra"))
    async def handle(ctx: Context, message: RoomMessage) -> None: ...

    return router


def commands() -> Router:
    router = Router("bench")
    for number in range(200):

        @router.command(f"command{number}")
        async def run(ctx: Context, count: int, *, text: str = "") -> None: ...

    return router


def rich_commands() -> Router:
    router = Router("bench")
    for number in range(200):

        @router.command(f"command{number}")
        async def run(
            ctx: Context, who: Occupant, span: timedelta, *, silent: bool = False, to: Affiliation, text: str = ""
        ) -> None: ...

    return router


async def measure(router: Router, text: str) -> tuple[float, float]:
    """Microseconds of CPU and of time for each event."""
    link = FakeLink()
    link.add_room(make_room(ROOM))
    tasks: list[asyncio.Future[None]] = []

    def spawn(work: Awaitable[None], name: str) -> None:
        tasks.append(asyncio.ensure_future(work))

    dispatcher = Dispatcher(
        [_Module(router)], link=link, clock=SystemClock(), log=FakeLog(), spawn=spawn, limit=EVENTS, command_rate=None
    )
    author = make_occupant(ROOM, "alice", real="alice@example.org")
    link.set_occupant(author)
    now = SystemClock().now()
    messages = [
        RoomMessage(
            at=now,
            room=ROOM,
            author=author,
            content=Content(body=text, bodies=(Text(text),)),
            archive_id=ArchiveId(str(number)),
        )
        for number in range(EVENTS)
    ]
    started, wall = time.process_time(), time.perf_counter()
    for message in messages:
        dispatcher.dispatch(message)
    await dispatcher.drain(60)
    spent, waited = time.process_time() - started, time.perf_counter() - wall
    assert dispatcher.failures == 0
    return spent / EVENTS * 1e6, waited / EVENTS * 1e6


async def run(rounds: int, progress: Callable[[str], None]) -> dict[str, Figures]:
    """Figures for each case."""
    cases = [
        ("no handler", Router("bench"), "hello everybody"),
        ("one handler, its filter passes", one_handler(), "hello everybody"),
        ("one handler, its filter refuses", none_match(), "hello everybody"),
        ("talk, 200 commands loaded", commands(), "hello everybody"),
        ("one of 200 commands, two arguments", commands(), "!command150 7 all of this"),
        (
            "one of 200 commands, five of all kinds",
            rich_commands(),
            "!command150 alice 1h30m -s --to=member all of this",
        ),
    ]
    found = {name: Figures() for name, _, _ in cases}
    for name, router, text in cases:
        for turn in range(rounds + 1):
            progress(f"{name}: round {turn} of {rounds}")
            cpu, wall = await measure(router, text)
            if turn:
                found[name].cpu.append(cpu)
                found[name].wall.append(wall)
    return found
