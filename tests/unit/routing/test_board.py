"""Modules that take the place of others while events wait: each event is handled once, by one or the other."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from typing import Any

import pytest

from botkit.errors import ConfigError
from botkit.model.address import Address
from botkit.model.events import BotStarted, BotStopping, RoomMessage, Tick
from botkit.model.messages import ArchiveId, Content
from botkit.modules import LoadedModule, Module, NoSettings, RunningModule
from botkit.routing.context import Context, ModuleStorage
from botkit.routing.router import Router
from botkit.storage.memory import MemoryValues
from botkit.testing.fakes import make_occupant
from botkit.testing.tester import RoomTester

ROOM = Address.parse("room@rooms.example.org")


class Bot:
    """Modules that note what they are told, and a gate at which their handlers wait."""

    def __init__(self, tester: RoomTester) -> None:
        self.tester = tester
        self.told: list[str] = []
        self.gate = asyncio.Event()
        self.numbers = iter(range(1000))

    def module(self, name: str, generation: str, *, urgent: bool = False, command: str = "name") -> RunningModule:
        router = Router(name, urgent=urgent)
        told, gate = self.told, self.gate

        @router.message
        async def hear(message: RoomMessage) -> None:
            told.append(f"{generation} begins {message.text}")
            await gate.wait()
            told.append(f"{generation} ends {message.text}")

        @router.command(command)
        async def tell(ctx: Context[Any]) -> str:
            return generation

        @router.every(hours=1, name="job")
        async def job(ctx: Context[Any]) -> None:
            told.append(f"{generation} ticks")

        @router.on(BotStopping)
        async def stop(event: BotStopping) -> None:
            told.append(f"{generation} stops")

        @router.on(BotStarted)
        async def start(event: BotStarted) -> None:
            told.append(f"{generation} starts")

        loaded = LoadedModule(name=name, module=Module(name=name, router=router), settings=NoSettings())
        return loaded.running(ModuleStorage(MemoryValues(), name))

    def say(self, text: str) -> None:
        number = next(self.numbers)
        self.tester.dispatcher.dispatch(
            RoomMessage(
                at=self.tester.clock.now(), room=ROOM, author=make_occupant(ROOM, "alice"),
                content=Content(body=text), archive_id=ArchiveId(f"a{number}"),
            )
        )  # fmt: skip

    async def change(self, *modules: RunningModule) -> None:
        dispatcher = self.tester.dispatcher
        handover = dispatcher.take(dispatcher.prepare(modules))
        now = self.tester.clock.now()
        task = asyncio.create_task(handover.finish(5, stopping=BotStopping(at=now), started=BotStarted(at=now)))
        self.gate.set()
        await task
        await self.tester.settle()


@pytest.fixture
async def bot() -> AsyncIterator[Bot]:
    async with RoomTester(Router("none")) as tester:
        yield Bot(tester)


async def test_what_is_in_hand_ends_with_the_old_and_what_waits_begins_with_the_new(bot: Bot) -> None:
    bot.tester.dispatcher.load([bot.module("m", "old")])
    for text in ("a", "b"):
        bot.say(text)
    await asyncio.sleep(0.01)
    await bot.change(bot.module("m", "new"))
    bot.say("c")
    await bot.tester.settle()
    messages = [line for line in bot.told if "s " in line]
    assert messages == [
        "old begins a", "old ends a", "new begins b", "new ends b", "new begins c", "new ends c",
    ]  # fmt: skip
    assert bot.told.index("old ends a") < bot.told.index("old stops") < bot.told.index("new starts")


async def test_only_what_changed_stops_and_starts(bot: Bot) -> None:
    stays, goes = bot.module("stays", "stays"), bot.module("goes", "goes", command="other")
    bot.tester.dispatcher.load([stays, goes])
    await bot.change(stays, bot.module("comes", "comes", command="third"))
    assert bot.told == ["goes stops", "comes starts"]
    assert {command.name for command in bot.tester.dispatcher.commands} == {"name", "third", "help"}


async def test_a_message_that_waits_is_judged_once_when_an_urgent_module_comes_or_goes(bot: Bot) -> None:
    for before, after in ((False, True), (True, False), (True, True)):
        bot.told.clear()
        bot.gate.clear()
        bot.tester.dispatcher.load([bot.module("m", "old", urgent=before)])
        for text in ("a", "b"):
            bot.say(text)
        await asyncio.sleep(0.01)
        await bot.change(bot.module("m", "new", urgent=after))
        assert [line for line in bot.told if "begins" in line] == ["old begins a", "new begins b"], (before, after)


async def test_a_tick_that_waits_runs_by_the_new_code_and_not_at_all_where_the_job_is_gone(bot: Bot) -> None:
    dispatcher = bot.tester.dispatcher
    dispatcher.load([bot.module("m", "old")])
    (schedule,) = dispatcher.schedules
    tick = Tick(at=bot.tester.clock.now(), job="job", key="job now")
    bot.say("a")
    await asyncio.sleep(0.01)
    waiting = asyncio.create_task(dispatcher.run_schedule(schedule, tick, ROOM))
    await asyncio.sleep(0.01)
    await bot.change(bot.module("m", "new"))
    assert await waiting
    assert "new ticks" in bot.told
    await bot.change()
    assert await dispatcher.run_schedule(schedule, tick, ROOM)
    assert bot.told.count("new ticks") == 1
    assert "old ticks" not in bot.told


async def test_a_command_of_a_module_that_stays_is_still_known_by_the_value_from_before(bot: Bot) -> None:
    dispatcher, stays = bot.tester.dispatcher, bot.module("m", "same")
    dispatcher.load([stays])
    command = next(one for one in dispatcher.commands if one.name == "name")
    bot.tester.join("alice")
    alice = ROOM.with_resource("alice")
    await bot.change(stays)
    ctx = dispatcher.context(command, alice, ROOM)
    assert await dispatcher.invoke(command, ctx, {}) == ("same",)


async def test_what_cannot_be_called_is_refused_and_nothing_changes(bot: Bot) -> None:
    bot.gate.set()
    bot.tester.dispatcher.load([bot.module("m", "old")])
    router = Router("bad")

    @router.message
    async def bad(nonsense: complex) -> None: ...

    loaded = LoadedModule(name="bad", module=Module(name="bad", router=router), settings=NoSettings())
    with pytest.raises(ConfigError, match="nonsense"):
        bot.tester.dispatcher.prepare([loaded.running(ModuleStorage(MemoryValues(), "bad"))])
    bot.say("a")
    await bot.tester.settle()
    assert bot.told == ["old begins a", "old ends a"]


async def test_of_a_module_that_is_gone_nothing_is_kept(bot: Bot) -> None:
    bot.gate.set()
    old = bot.module("m", "old")
    kept = weakref.ref(old.router)
    bot.tester.dispatcher.load([old])
    del old
    bot.say("a")
    await bot.tester.settle()
    await bot.change(bot.module("m", "new"))
    bot.say("b")
    await bot.tester.settle()
    gc.collect()
    assert kept() is None


async def test_one_module_with_two_settings_stays_apart(bot: Bot) -> None:
    router = Router("shared")

    @router.command("mine")
    async def mine(ctx: Context[Any]) -> str:
        await ctx.storage.put("seen", ctx.module)
        return ctx.module

    values = MemoryValues()
    module = Module(name="shared", router=router)
    for name in ("one", "two"):
        async with RoomTester(Router("none")) as tester:
            loaded = LoadedModule(name=name, module=module, settings=NoSettings())
            tester.dispatcher.load([loaded.running(ModuleStorage(values, name))])
            await tester.join("alice").says("!mine")
            assert tester.said == [name]
    assert await values.get("one", "seen") == "one"
    assert await values.get("two", "seen") == "two"
