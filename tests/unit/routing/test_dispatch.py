"""The dispatcher: order, isolation, time limits, pressure."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from botkit.errors import ConfigError
from botkit.model.actions import React, SendMessage
from botkit.model.address import Address
from botkit.model.events import (
    BotStarted,
    DirectMessage,
    Event,
    OccupantEvent,
    OccupantJoined,
    PrivateMessage,
    RoomMessage,
    RoomStateChanged,
    Tick,
)
from botkit.model.messages import ArchiveId, Content, Source
from botkit.model.rooms import Occupant, RoomState
from botkit.routing.context import Context, Next, Reply
from botkit.routing.filters import Links, has_link, matches, predicate
from botkit.routing.handles import RoomHandle
from botkit.routing.router import Router
from botkit.testing.fakes import make_occupant, make_room
from botkit.testing.tester import RoomTester

ROOM = Address.parse("room@rooms.example.org")
OTHER = Address.parse("other@rooms.example.org")


def message(text: str, room: Address = ROOM, nick: str = "alice", **more: Any) -> RoomMessage:
    content = more.pop("content", None) or Content(body=text)
    author = more.pop("author", None) or make_occupant(room, nick)
    return RoomMessage(
        at=more.pop("at"), room=room, author=author, content=content, archive_id=ArchiveId("a-" + text), **more
    )


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - anything may become true
            await asyncio.sleep(0.001)


async def test_messages_of_one_room_are_handled_one_after_the_other() -> None:
    router = Router("m")
    log: list[str] = []

    @router.message
    async def slow(message: RoomMessage) -> None:
        log.append(f"begin {message.text}")
        await asyncio.sleep(0)
        log.append(f"end {message.text}")

    async with RoomTester(router) as room:
        for text in "abc":
            room.dispatcher.dispatch(message(text, at=room.clock.now()))
        await room.settle()
    assert log == ["begin a", "end a", "begin b", "end b", "begin c", "end c"]


async def test_a_slow_room_delays_no_other() -> None:
    router = Router("m")
    gate = asyncio.Event()
    seen: list[str] = []

    @router.message
    async def handle(message: RoomMessage) -> None:
        if message.room == OTHER:
            await gate.wait()
        seen.append(message.text)

    async with RoomTester(router) as room:
        room.link.add_room(make_room(OTHER))
        room.dispatcher.dispatch(message("slow", OTHER, at=room.clock.now()))
        room.dispatcher.dispatch(message("slow too", OTHER, at=room.clock.now()))
        room.dispatcher.dispatch(message("quick", at=room.clock.now()))
        await until(lambda: seen == ["quick"])
        gate.set()
        await until(lambda: seen == ["quick", "slow", "slow too"])


async def test_urgent_handlers_do_not_wait_for_slow_ones_and_keep_their_order() -> None:
    chatter, watch = Router("chatter"), Router("watch", urgent=True)
    gate = asyncio.Event()
    seen: list[str] = []

    @chatter.message
    async def slow(message: RoomMessage) -> None:
        await gate.wait()
        seen.append(f"slow {message.text}")

    @chatter.command("hello")
    async def hello() -> None:
        seen.append("hello")

    @watch.message
    async def judge(message: RoomMessage) -> None:
        await asyncio.sleep(0)
        seen.append(f"judge {message.text}")

    chatter.include(watch)
    async with RoomTester(chatter) as room:
        for text in ("a", "b", "!hello"):
            room.dispatcher.dispatch(message(text, at=room.clock.now(), author=room.join("alice").occupant))
        await until(lambda: len(seen) == 3)
        assert seen == ["judge a", "judge b", "judge !hello"]
        gate.set()
        await until(lambda: len(seen) == 7)
        assert seen[3:] == ["slow a", "slow b", "slow !hello", "hello"]


@pytest.mark.parametrize("urgent", [True, False])
async def test_handlers_that_want_no_commands_get_none_also_after_one_that_waited(urgent: bool) -> None:
    router = Router("m", urgent=urgent)
    seen: list[str] = []

    @router.command("hello")
    async def hello() -> None:
        seen.append("hello")

    @router.message
    async def waits(message: RoomMessage) -> None:
        await asyncio.sleep(0)
        seen.append(f"waits {message.text}")

    @router.message(commands=False)
    async def talk_alone(message: RoomMessage) -> None:
        seen.append(f"talk {message.text}")

    async with RoomTester(router) as room:
        for text in ("!hello", "a"):
            room.dispatcher.dispatch(message(text, at=room.clock.now(), author=room.join("alice").occupant))
        await until(lambda: len(seen) == 4)
        assert sorted(seen) == ["hello", "talk a", "waits !hello", "waits a"]


async def test_a_slow_peer_delays_no_other_peer() -> None:
    router = Router("m")
    gate = asyncio.Event()
    seen: list[str] = []

    @router.message
    async def handle(message: DirectMessage) -> None:
        if message.sender.local == "slow":
            await gate.wait()
        seen.append(message.text)

    async with RoomTester(router) as room:
        for who in ("slow@a.example/1", "slow@a.example/2", "quick@a.example/1"):
            room.dispatcher.dispatch(
                DirectMessage(at=room.clock.now(), sender=Address.parse(who), content=Content(body=who))
            )
        await until(lambda: seen == ["quick@a.example/1"])
        gate.set()
        await until(lambda: seen[1:] == ["slow@a.example/1", "slow@a.example/2"])


async def test_a_handler_that_raises_harms_neither_the_others_nor_the_next_event() -> None:
    router = Router("m")
    seen: list[str] = []

    @router.message
    async def broken(message: RoomMessage) -> None:
        raise ZeroDivisionError("oh")

    @router.message
    async def fine(message: RoomMessage) -> None:
        seen.append(message.text)

    async with RoomTester(router) as room:
        alice = room.join("alice")
        await alice.says("one")
        await alice.says("two")
        assert seen == ["one", "two"]
        assert room.dispatcher.failures == 2
        assert [f.handler.split(".")[-1] for f in room.failures] == ["broken", "broken"]
        level, _, values = next(line for line in room.log.lines if line[0] == "error")
        assert level == "error"
        assert values["room"] == str(ROOM)
        assert values["from"] == "alice"
        assert values["archive_id"].startswith("a")
        assert values["message_id"].startswith("m")
        assert values["reference"] == room.failures[0].reference
        assert isinstance(values["exc_info"], ZeroDivisionError)


async def test_a_filter_that_raises_is_a_failure_of_its_handler_alone() -> None:
    router = Router("m")
    seen: list[str] = []

    @predicate
    def broken(message: RoomMessage, ctx: Context) -> bool:
        raise KeyError("oh")

    @router.message(broken)
    async def never(message: RoomMessage) -> None:
        seen.append("never")

    @router.message
    async def fine(message: RoomMessage) -> None:
        seen.append("fine")

    async with RoomTester(router) as room:
        await room.join("alice").says("hello")
        assert seen == ["fine"]
        assert len(room.failures) == 1


async def test_middleware_that_raises_is_a_failure_of_the_handlers_inside_it_alone() -> None:
    outer, inner = Router("outer"), Router("inner")
    seen: list[str] = []

    @inner.middleware
    async def broken(call: Next, event: Event, ctx: Context[Any]) -> Reply:
        raise KeyError("oh")

    @inner.message
    async def inside(message: RoomMessage) -> None:
        seen.append("inside")

    @outer.message
    async def outside(message: RoomMessage) -> None:
        seen.append("outside")

    outer.include(inner)
    async with RoomTester(outer) as room:
        await room.join("alice").says("hello")
        assert seen == ["outside"]
        assert len(room.failures) == 1


async def test_a_wrong_return_value_is_a_failure() -> None:
    router = Router("m")

    @router.message
    async def odd(message: RoomMessage) -> Any:
        return 7

    async with RoomTester(router) as room:
        await room.join("alice").says("hello")
        assert "returned 7" in str(room.failures[0].error)


async def test_a_hanging_handler_is_cancelled_and_its_room_goes_on() -> None:
    router = Router("m")
    seen: list[str] = []

    @router.message(timeout=0.02)
    async def hanging(message: RoomMessage) -> None:
        if message.text == "hang":
            await asyncio.Event().wait()
        seen.append(message.text)

    async with RoomTester(router) as room:
        alice = room.join("alice")
        await alice.says("hang")
        await alice.says("go on")
        assert seen == ["go on"]
        assert "longer than 0.02 s" in str(room.failures[0].error)


async def test_a_handler_that_awaits_something_cancelled_does_not_end_its_room() -> None:
    router = Router("m")
    seen: list[str] = []

    @router.message
    async def odd(message: RoomMessage) -> None:
        seen.append(message.text)
        if message.text == "cancel":
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            waiter.cancel()
            await waiter

    async with RoomTester(router) as room:
        alice = room.join("alice")
        await alice.says("cancel")
        await alice.says("go on")
        assert seen == ["cancel", "go on"]
        assert len(room.failures) == 1


async def test_a_timeout_of_the_handlers_own_is_told_apart_from_ours() -> None:
    router = Router("m")

    @router.message
    async def impatient(message: RoomMessage) -> None:
        async with asyncio.timeout(0.001):
            await asyncio.Event().wait()

    async with RoomTester(router) as room:
        await room.join("alice").says("hello")
        assert type(room.failures[0].error) is TimeoutError


async def test_a_report_that_raises_is_logged_and_ends_nothing() -> None:
    router = Router("m")

    @router.message
    async def broken(message: RoomMessage) -> None:
        raise ValueError("oh")

    async with RoomTester(router) as room:
        room.dispatcher._failures._report = lambda failure: 1 // 0  # type: ignore[assignment,return-value,func-returns-value]
        alice = room.join("alice")
        await alice.says("one")
        await alice.says("two")
        assert room.dispatcher.failures == 2
        assert "reporting a failure failed" in room.log.of("error")


async def test_handlers_run_in_order_of_registration_with_included_routers_in_their_place() -> None:
    first, second = Router("first"), Router("second")
    seen: list[str] = []

    def note(name: str) -> Callable[[RoomMessage], Awaitable[None]]:
        async def handler(message: RoomMessage) -> None:
            seen.append(name)

        return handler

    first.message(note("a"))
    first.include(second)
    first.message(note("c"))
    second.message(note("b"))
    async with RoomTester(first) as room:
        await room.join("alice").says("hello")
    assert seen == ["a", "b", "c"]


async def test_middleware_runs_outermost_first_and_may_change_the_reply() -> None:
    outer, inner = Router("outer"), Router("inner")
    seen: list[str] = []

    def ring(name: str) -> Any:
        async def wrap(call: Next, event: Event, ctx: Context[Any]) -> Reply:
            seen.append(f"{name} in")
            reply = await call(event, ctx)
            seen.append(f"{name} out")
            return f"{name}({reply})"

        return wrap

    outer.middleware(ring("outer"))
    inner.middleware(ring("inner"))

    @inner.message
    async def answer(message: RoomMessage) -> str:
        return "yes"

    outer.include(inner)
    async with RoomTester(outer) as room:
        await room.join("alice").says("hello")
        assert room.said == ["outer(inner(yes))"]
    assert seen == ["outer in", "inner in", "inner out", "outer out"]


async def test_returned_texts_and_actions_are_done_in_order() -> None:
    router = Router("m")
    reaction = React(to=ROOM, target="a1", reactions=("👍",), groupchat=True)

    @router.message
    async def several(message: RoomMessage) -> list[str | React]:
        return ["one", reaction, "two"]

    async with RoomTester(router) as room:
        await room.join("alice").says("hello")
        kinds = [a.body if isinstance(a, SendMessage) else a for a in room.link.done]
        assert kinds == ["one", reaction, "two"]


async def test_a_str_answers_a_private_message_privately_and_a_direct_one_directly() -> None:
    router = Router("m")

    @router.message
    async def answer(message: RoomMessage | PrivateMessage | DirectMessage) -> str:
        return "yes"

    async with RoomTester(router) as room:
        alice = room.join("alice")
        assert await alice.whispers("hello") == ["yes"]
        assert await room.direct("bob@example.org/phone", "hello") == ["yes"]
        assert room.said == []
        private = room.link.done[0]
        assert isinstance(private, SendMessage)
        assert private.private


async def test_a_private_answer_never_reaches_whoever_took_the_nick_over() -> None:
    router = Router("m")
    gate = asyncio.Event()

    @router.message
    async def answer(message: PrivateMessage) -> str:
        await gate.wait()
        return "your secret"

    async with RoomTester(router) as room:
        alice = room.join("alice", real="alice@example.org")
        asking = asyncio.create_task(alice.whispers("hello"))
        await until(lambda: room.dispatcher.running == 1)
        room.link.set_occupant(make_occupant(ROOM, "alice", real="mallory@example.org"))
        gate.set()
        assert await asking == []
        assert room.dispatcher.failures == 0


async def test_our_own_messages_come_only_to_handlers_that_ask_for_them() -> None:
    router = Router("m")
    seen: list[str] = []

    @router.message
    async def echo(message: RoomMessage) -> str:
        return f"{message.text}!"

    @router.message(own=True)
    async def all_of_it(message: RoomMessage) -> None:
        seen.append(message.text)

    async with RoomTester(router) as room:
        await room.join("alice").says("hello")
        await room.direct(str(room.link.address), "me")
        assert room.said == ["hello!"]
    assert seen == ["hello", "hello!"]


@pytest.mark.parametrize("source", [Source.ARCHIVE, Source.JOIN_HISTORY])
async def test_what_is_not_live_comes_only_to_handlers_that_catch_up(source: Source) -> None:
    router = Router("m")
    seen: list[str] = []

    @router.message
    async def live(message: RoomMessage) -> None:
        seen.append("live")

    @router.message(catch_up=True)
    async def always(message: RoomMessage) -> None:
        seen.append(message.source.value)

    async with RoomTester(router) as room:
        await room.join("alice").says("hello", source=source)
    assert seen == [source.value]


async def test_a_base_type_gets_its_subclasses() -> None:
    router = Router("m")
    seen: list[type] = []

    @router.on(OccupantEvent)
    async def anything(event: OccupantEvent, who: Occupant, where: RoomHandle) -> None:
        assert who is event.author
        assert where.address == ROOM
        seen.append(type(event))

    async with RoomTester(router) as room:
        await room.join("alice").says("hello")
    assert seen == [OccupantJoined, RoomMessage]


async def test_filters_hand_over_what_they_found() -> None:
    router = Router("m")
    seen: list[object] = []

    @router.message(has_link & matches(r"n(\d)"))
    async def both(found: re.Match[str], links: Links) -> None:
        seen.append((found[1], links))

    async with RoomTester(router) as room:
        alice = room.join("alice")
        await alice.says("n5 at https://example.org/x.")
        await alice.says("n5 without")
    assert seen == [("5", ("https://example.org/x",))]


async def test_runtime_events_and_room_states_have_handlers() -> None:
    router = Router("m")
    seen: list[str] = []

    @router.start
    async def start(ctx: Context, event: BotStarted) -> None:
        assert ctx.room is None
        seen.append("start")

    @router.stop
    async def stop() -> None:
        seen.append("stop")

    @router.room_state
    async def state(event: RoomStateChanged, room: RoomHandle) -> None:
        seen.append(event.state.value)

    async with RoomTester(router) as room:
        await room.hears(
            RoomStateChanged(at=room.clock.now(), room=ROOM, state=RoomState.LOST, before=RoomState.JOINED)
        )
    assert seen == ["start", "lost", "stop"]


async def test_a_schedule_runs_with_and_without_a_room() -> None:
    router = Router("m")

    @router.every(minutes=5, rooms=())
    async def here(ctx: Context, tick: Tick, room: RoomHandle) -> str:
        return f"{tick.job} in {room.address.local}"

    @router.every(cron="0 9 * * *", name="nowhere")
    async def nowhere(ctx: Context) -> SendMessage:
        assert ctx.room is None
        return SendMessage(to=ROOM, body="morning", groupchat=True)

    async with RoomTester(router) as room:
        await room.tick("here", ROOM)
        await room.tick("nowhere")
        assert room.said == ["here in room", "morning"]


async def test_what_a_schedule_says_is_said_once_however_often_the_same_time_is_run() -> None:
    router = Router("m")

    @router.every(cron="0 9 * * *", rooms=())
    async def here() -> list[str]:
        return ["morning", "how are you?"]

    async with RoomTester(router) as room:
        await room.tick("here", ROOM)
        await room.tick("here", ROOM)  # the same moment: run again after a crash
        assert room.said == ["morning", "how are you?"]
        await room.passes(60)
        await room.tick("here", ROOM)
        assert room.said == ["morning", "how are you?"] * 2


async def test_a_schedule_that_raises_is_counted_and_nothing_more() -> None:
    router = Router("m")

    @router.every(minutes=5)
    async def broken() -> None:
        raise ValueError("oh")

    async with RoomTester(router) as room:
        await room.tick("broken")
        assert len(room.failures) == 1


async def test_a_full_lane_asks_for_a_pause_and_gives_the_all_clear_below_half() -> None:
    router = Router("m")
    gate = asyncio.Event()
    pressure: list[bool] = []
    seen: list[str] = []

    @router.message
    async def handle(message: RoomMessage) -> None:
        await gate.wait()
        seen.append(message.text)

    async with RoomTester(router) as room:
        room.dispatcher._lanes._limit = 4
        room.dispatcher._lanes._on_pressure = pressure.append
        for number in range(5):
            room.dispatcher.dispatch(message(str(number), at=room.clock.now()))
        assert pressure == [True]
        gate.set()
        await until(lambda: len(seen) == 5)
        assert pressure == [True, False]
        assert room.dispatcher.dropped == 0


async def test_a_flooding_stranger_loses_messages_and_pauses_nobody() -> None:
    router = Router("m")
    gate = asyncio.Event()
    pressure: list[bool] = []

    @router.message
    async def handle(message: DirectMessage) -> None:
        await gate.wait()

    async with RoomTester(router) as room:
        room.dispatcher._lanes._on_pressure = pressure.append
        mallory = Address.parse("mallory@example.net/x")
        for _ in range(100):
            room.dispatcher.dispatch(DirectMessage(at=room.clock.now(), sender=mallory, content=Content(body="x")))
        assert room.dispatcher.dropped > 0
        assert pressure == []
        assert len(room.log.of("error")) == 1
        gate.set()
        await room.settle()


async def test_draining_finishes_what_is_queued_and_takes_nothing_new() -> None:
    router = Router("m")
    seen: list[str] = []

    @router.message
    async def handle(message: RoomMessage) -> None:
        await asyncio.sleep(0)
        seen.append(message.text)

    async with RoomTester(router) as room:
        for text in "abc":
            room.dispatcher.dispatch(message(text, at=room.clock.now()))
        assert await room.dispatcher.drain(5) == 0
        room.dispatcher.dispatch(message("late", at=room.clock.now()))
        assert seen == ["a", "b", "c"]
        assert room.dispatcher.dropped == 1


async def test_draining_cancels_what_hangs_and_counts_it() -> None:
    router = Router("m")

    @router.message
    async def handle(message: RoomMessage) -> None:
        await asyncio.Event().wait()

    async with RoomTester(router) as room:
        for text in "abc":
            room.dispatcher.dispatch(message(text, at=room.clock.now()))
        await until(lambda: room.dispatcher.running == 1)
        assert await room.dispatcher.drain(0.01) == 3


async def test_idle_lanes_end() -> None:
    router = Router("m")

    @router.message
    async def handle(message: RoomMessage | DirectMessage) -> None: ...

    async with RoomTester(router) as room:
        room.dispatcher._lanes._idle = 0.001
        await room.join("alice").says("hello")
        await room.direct("bob@example.org", "hello")
        await until(lambda: len(room.dispatcher._lanes) == 1)  # that of BotStarted parked with the old time


async def test_a_message_that_nobody_wants_is_not_queued() -> None:
    async with RoomTester(Router("m")) as room:
        room.dispatcher.dispatch(message("hello", at=room.clock.now()))
        assert room.dispatcher.waiting == 0


async def test_loading_replaces_all_handlers_or_none() -> None:
    old, new, broken = Router("m"), Router("m"), Router("m")

    @old.command("name")
    async def old_name() -> str:
        return "old"

    @new.command("name")
    async def new_name() -> str:
        return "new"

    @broken.message
    async def nothing_gives_this(what: bytes) -> None: ...

    class Runtime:
        name = "m"
        storage: Any = None

        def __init__(self, router: Router) -> None:
            self.router = router

        def settings_for(self, room: Address | None) -> object:
            return None

        def active_in(self, room: Address | None) -> bool:
            return True

    async with RoomTester(old) as room:
        alice = room.join("alice")
        await alice.says("!name")
        with pytest.raises(ConfigError):
            room.dispatcher.load([Runtime(broken)])
        await alice.says("!name")
        room.dispatcher.load([Runtime(new)])
        await alice.says("!name")
        assert room.said == ["old", "old", "new"]


async def test_a_module_whose_settings_fail_harms_no_other() -> None:
    class Runtime:
        storage: Any = None

        def __init__(self, router: Router, fails: bool) -> None:
            self.name = router.name
            self.router = router
            self._fails = fails

        def settings_for(self, room: Address | None) -> object:
            if self._fails:
                raise KeyError("oh")
            return None

        def active_in(self, room: Address | None) -> bool:
            return True

    bad, good = Router("bad"), Router("good")
    seen: list[str] = []

    @bad.message
    async def never(ctx: Context) -> None:
        seen.append("never")

    @good.message
    async def always(ctx: Context) -> None:
        seen.append("always")

    async with RoomTester(Router("m")) as room:
        room.dispatcher.load([Runtime(bad, True), Runtime(good, False)])
        await room.join("alice").says("hello")
        assert seen == ["always"]
        assert [f.handler for f in room.failures] == ["bad"]


async def test_a_module_works_only_where_it_is_active() -> None:
    router = Router("m")
    seen: list[Address] = []

    class Runtime:
        name = "m"
        storage: Any = None

        def __init__(self) -> None:
            self.router = router

        def settings_for(self, room: Address | None) -> object:
            return str(room)

        def active_in(self, room: Address | None) -> bool:
            return room == OTHER

    @router.message
    async def handle(ctx: Context, message: RoomMessage) -> None:
        assert ctx.config == str(OTHER)
        seen.append(message.room)

    @router.command("hi")
    async def hi() -> str:
        return "hi"

    async with RoomTester(Router("m")) as room:
        room.link.add_room(make_room(OTHER))
        room.dispatcher.load([Runtime()])
        alice = room.join("alice")
        await alice.says("!hi")
        await room.hears(message("!hi", OTHER, at=room.clock.now()))
        assert seen == [OTHER]
        assert room.said == []
        assert [a.body for a in room.link.done if isinstance(a, SendMessage)] == ["hi"]
