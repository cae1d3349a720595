"""A room in memory with a real dispatcher behind it: for testing a module as people in the room meet it.

::

    async def test_dice_are_thrown() -> None:
        async with RoomTester(dice.module) as room:
            alice = room.join("alice")
            await alice.says("!dice 2d6")
            assert len(room.said) == 1

Everything that a handler can use is there: occupants with rights, private and 1:1 messages, storage, history, a clock
that stands still until ``room.clock.advance``. Each ``await`` returns once every handler is done, or waits for the
clock. A handler that failed makes the test fail at the end, unless ``room.failures`` was looked at.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Protocol

from botkit.model.actions import Action, SendMessage, Sent
from botkit.model.address import Address
from botkit.model.archive import Said
from botkit.model.events import (
    BotStarted,
    BotStopping,
    Departure,
    DirectMessage,
    Event,
    OccupantJoined,
    OccupantLeft,
    RightsChanged,
    RoomMessage,
    Tick,
)
from botkit.model.messages import ArchiveId, Content, MessageId, Source, Text
from botkit.model.rooms import Affiliation, Occupant, Role
from botkit.ports import Claims
from botkit.routing.context import ModuleStorage
from botkit.routing.dispatch import Dispatcher
from botkit.routing.failures import Failure
from botkit.routing.router import Router
from botkit.routing.syntax import CommandSyntax
from botkit.services.schedule import MadeJobs, Scheduler
from botkit.storage.memory import MemoryClaims, MemoryLog, MemoryValues
from botkit.storage.memory_jobs import MemoryJobs
from botkit.testing.fakes import FakeClock, FakeLink, FakeLog, make_occupant, make_room
from botkit.testing.people import Somebody


class ModuleLike(Protocol):
    """A ``Module``, or anything with a name, a router and a config model."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def router(self) -> Router:
        """Its handlers."""

    @property
    def config(self) -> Any:
        """The pydantic model of its settings."""


class RoomTester:
    """One room, one bot with one module (or a bare ``Router``), and whoever joins.

    ``config``: the module's settings, as a mapping (validated by its model) or as a value.
    ``affiliation``: the bot's own standing. ``admins``: JIDs of those who run the bot.
    """

    def __init__(
        self,
        module: ModuleLike | Router,
        *,
        config: Any = None,
        room: str = "room@rooms.example.org",
        nick: str = "bot",
        affiliation: Affiliation = Affiliation.ADMIN,
        admins: Iterable[str] = (),
        prefixes: tuple[str, ...] = ("!",),
        timeout: float = 5.0,
        command_rate: tuple[int, float] | None = None,
    ) -> None:
        self.address = Address.parse(room)
        self.clock = FakeClock()
        self.log = FakeLog()
        self.link = FakeLink()
        self.history = MemoryLog()
        self.values = MemoryValues()
        self.claims: Claims = MemoryClaims()
        self._job_store = MemoryJobs()
        self.jobs = MadeJobs(self._job_store)
        self._always_asleep = 0
        self.link.add_room(make_room(self.address, nick=nick, affiliation=affiliation))
        self.link.on_sent = self._reflect
        self.link.on_change = self._changed
        self._runtime = _Runtime(module, config, self.values)
        self._options: dict[str, Any] = {
            "admins": [Address.parse(a) for a in admins],
            "syntax": CommandSyntax(prefixes),
            "timeout": timeout,
            "command_rate": command_rate,
        }
        self._numbers = itertools.count(1)
        self._failures: list[Failure] = []
        self._looked = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._group: asyncio.TaskGroup
        self.dispatcher: Dispatcher

    # --- what came of it --------------------------------------------------------------------------------------

    @property
    def said(self) -> list[str]:
        """What the bot said to the whole room, in order."""
        return self._sent_to(self.address, groupchat=True)

    @property
    def done(self) -> list[Action]:
        """All that the bot did besides saying something, in order."""
        return [action for action in self.link.done if not isinstance(action, SendMessage)]

    @property
    def failures(self) -> list[Failure]:
        """Handlers that raised or took too long. Looking at them is saying that they were expected."""
        self._looked = True
        return self._failures

    def sent_to(self, address: Address | str) -> list[str]:
        """What the bot wrote privately to an occupant or account."""
        return self._sent_to(Address.parse(address) if isinstance(address, str) else address, groupchat=False)

    # --- what happens -----------------------------------------------------------------------------------------

    def join(
        self,
        nick: str,
        *,
        affiliation: Affiliation = Affiliation.NONE,
        role: Role | None = None,
        real: str | None = "",
        occupant_id: str | None = None,
    ) -> Somebody:
        """Somebody comes in. ``real`` "": ``nick@example.org``; None: the room hides it."""
        account = f"{nick.replace(' ', '.').lower()}@example.org" if real == "" else real
        occupant = make_occupant(
            self.address, nick, affiliation=affiliation, role=role, real=account, occupant_id=occupant_id
        )
        self.link.set_occupant(occupant)
        self.dispatcher.dispatch(OccupantJoined(at=self.clock.now(), room=self.address, author=occupant))
        return Somebody(self, occupant.address)

    async def hears(self, event: Event) -> None:
        """Any event at all."""
        if isinstance(event, RoomMessage):
            await self.history.write([_said(event)])
        self.dispatcher.dispatch(event)
        await self.settle()

    async def direct(self, sender: str, text: str) -> list[str]:
        """``sender`` writes to the bot in a 1:1 chat. Returns what it answers."""
        address = Address.parse(sender)
        before = len(self.sent_to(address))
        await self.hears(
            DirectMessage(at=self.clock.now(), sender=address, content=content(text), message_id=self.message_id())
        )
        return self.sent_to(address)[before:]

    async def tick(self, job: str, room: Address | None = None) -> None:
        """The scheduled handler ``job`` is due."""
        schedule = next(s for s in self.dispatcher.schedules if s.spec.job == job)
        key = f"{schedule.runtime.name}.{job} {self.clock.now().isoformat()}"
        await self.dispatcher.run_schedule(schedule, Tick(at=self.clock.now(), job=job, key=key), room)

    async def passes(self, seconds: float) -> None:
        """Time passes."""
        await self.clock.advance(seconds)
        await self.settle()

    async def settle(self) -> None:
        """Wait until every handler is done, or waits for the clock; 10 seconds at most."""
        quiet = 0
        async with asyncio.timeout(10):
            while quiet < 20:
                await asyncio.sleep(0)
                if not self.dispatcher.running and not self.dispatcher.waiting:
                    quiet += 7
                elif 0 < self.dispatcher.running <= self.clock.sleepers - self._always_asleep:
                    quiet += 1
                else:
                    quiet = 0
                    await asyncio.sleep(0.001)  # something waits for the real world

    def message_id(self) -> MessageId:
        """A fresh id."""
        return MessageId(f"m{next(self._numbers)}")

    def archive_id(self) -> ArchiveId:
        """A fresh id."""
        return ArchiveId(f"a{next(self._numbers)}")

    # --- life -------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> RoomTester:
        self._group = asyncio.TaskGroup()
        await self._group.__aenter__()
        self.dispatcher = Dispatcher(
            [self._runtime],
            link=self.link,
            clock=self.clock,
            log=self.log,
            spawn=self._spawn,
            history=self.history,
            claims=self.claims,
            on_failure=self._failures.append,
            jobs=self.jobs,
            **self._options,
        )
        self._begin_jobs()
        await self.hears(BotStarted(at=self.clock.now()))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self.hears(BotStopping(at=self.clock.now()))
        await self.dispatcher.drain(0.1)
        for task in tuple(self._tasks):
            task.cancel()
        await self._group.__aexit__(None, None, None)
        if error is None and self._failures and not self._looked:
            raise AssertionError(f"{self._failures[0].handler} failed") from self._failures[0].error

    def _begin_jobs(self) -> None:
        """Jobs that the module makes run at their times; what it declares runs by ``tick``, when a test says so."""
        scheduler = Scheduler(self.clock, self.log, self._job_store, process="test")
        self.jobs.attach(self.dispatcher, scheduler)
        if any(schedule.spec.on_demand for schedule in self.dispatcher.schedules):
            self._spawn(scheduler.run(), "schedule")
            self._always_asleep = 2  # the scheduler, until the next time, and until it looks round

    def _spawn(self, work: Awaitable[None], name: str) -> None:
        async def run() -> None:
            try:
                await work
            except Exception as problem:  # a boundary, as in the app
                self.log.error("a task failed", task=name, exc_info=problem)

        task = self._group.create_task(run(), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- the room's side --------------------------------------------------------------------------------------

    def _reflect(self, action: SendMessage, sent: Sent) -> None:
        """A room shows everybody's messages to everybody, the sender included (XEP-0045 §7.4)."""
        me = self.link.room(self.address)
        if action.groupchat and action.to == self.address and me is not None and me.me is not None:
            message = RoomMessage(
                at=self.clock.now(),
                room=self.address,
                author=me.me,
                content=content(action.body),
                archive_id=self.archive_id(),
                message_id=sent.message_id,
            )
            self._spawn(self.history.write([_said(message)]), "history")
            self.dispatcher.dispatch(message)

    def _changed(self, before: Occupant, after: Occupant | None) -> None:
        now = self.clock.now()
        if after is not None:
            self.dispatcher.dispatch(RightsChanged(at=now, room=before.room, author=after, before=before))
            return
        banned = before.real is not None and (
            self.link.affiliations.get(before.room, {}).get(before.real.bare) is Affiliation.OUTCAST
        )
        how = Departure.BANNED if banned else Departure.KICKED
        out = replace(before, role=Role.NONE)
        self.dispatcher.dispatch(OccupantLeft(at=now, room=before.room, author=out, how=how))

    def _sent_to(self, address: Address, *, groupchat: bool) -> list[str]:
        return [
            action.body
            for action in self.link.done
            if isinstance(action, SendMessage) and action.to == address and action.groupchat is groupchat
        ]


class _Runtime:
    """The module, active everywhere, with one config for all rooms."""

    def __init__(self, module: ModuleLike | Router, config: Any, values: MemoryValues) -> None:
        self.name = module.name
        self.router = module if isinstance(module, Router) else module.router
        model = None if isinstance(module, Router) else module.config
        if model is not None and (config is None or isinstance(config, Mapping)):
            config = model(**(config or {}))
        self._config = config
        self.storage = ModuleStorage(values, module.name)

    def settings_for(self, room: Address | None) -> object:
        return self._config

    def active_in(self, room: Address | None) -> bool:
        return True


def content(text: str, **more: Any) -> Content:
    """What a plain message with this text shows."""
    return Content(body=text, bodies=(Text(text),), **more)


def _said(message: RoomMessage) -> Said:
    author = message.author
    return Said(
        room=message.room,
        archive_id=message.archive_id,
        message_id=message.message_id,
        at=message.at,
        nick=author.nick,
        identity=author.identity,
        occupant_id=author.occupant_id,
        real=author.real,
        body=message.body,
        replaces=message.content.replaces,
        source=Source.LIVE,
    )
