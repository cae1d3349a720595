"""What is counted of handlers, and that it goes on over a reload."""

from __future__ import annotations

import asyncio
from math import inf

from botkit.model.events import RoomMessage
from botkit.routing.context import Context
from botkit.routing.router import Router
from botkit.routing.tally import Tallies, Tally
from botkit.testing.tester import RoomTester


def test_a_histogram_counts_all_that_took_no_longer() -> None:
    tally = Tally()
    for seconds in (0.0001, 0.001, 0.3, 99.0):
        tally.took(seconds)
    counted = dict(tally.cumulative())
    assert (counted[0.001], counted[0.25], counted[0.5], counted[60.0], counted[inf]) == (2, 2, 3, 3, 4)
    assert tally.seconds == 99.3011


def test_handlers_that_are_gone_are_forgotten() -> None:
    tallies = Tallies()
    tallies.of("m.old").calls += 1
    tallies.of("m.new").calls += 2
    tallies.keep(["m.new"])
    assert [(name, tally.calls) for name, tally in tallies.items()] == [("m.new", 2)]


async def test_calls_failures_and_waits_are_counted_by_handler() -> None:
    router = Router("m")
    gate = asyncio.Event()

    @router.message
    async def at_once(message: RoomMessage) -> None:
        pass

    @router.message
    async def waits(message: RoomMessage) -> None:
        await gate.wait()

    @router.message
    async def fails(message: RoomMessage) -> None:
        raise ValueError("oops")

    async with RoomTester(router) as room:
        gate_opens = asyncio.get_running_loop().call_later(0.01, gate.set)
        await room.join("alice").says("hello")
        gate_opens.cancel()
        assert len(room.failures) == 1
        found = dict(room.dispatcher.tallies.items())
    by_name = {name.rpartition(".")[2]: tally for name, tally in found.items()}
    assert [by_name[name].calls for name in ("at_once", "waits", "fails")] == [1, 1, 1]
    assert [by_name[name].failures for name in ("at_once", "waits", "fails")] == [0, 0, 1]
    assert [sum(by_name[name].waited) for name in ("at_once", "waits", "fails")] == [0, 1, 0]


async def test_commands_are_counted_where_they_ran() -> None:
    router = Router("m")

    @router.command("hello")
    async def hello(ctx: Context) -> str:
        """Say hello."""
        return "hello"

    async with RoomTester(router) as room:
        alice = room.join("alice")
        await alice.says("!hello")
        await alice.says("!nothing")
        assert room.dispatcher.tallies.called == {"chat": 1, "form": 0}
        assert {name.rpartition(".")[2]: tally.calls for name, tally in room.dispatcher.tallies.items()}["hello"] == 1


async def test_counts_go_on_over_a_reload() -> None:
    router = Router("m")

    @router.message
    async def counted(message: RoomMessage) -> None:
        pass

    async with RoomTester(router) as room:
        alice = room.join("alice")
        await alice.says("one")
        room.dispatcher.load([room._runtime])
        await alice.says("two")
        (calls,) = (tally.calls for name, tally in room.dispatcher.tallies.items() if name.endswith("counted"))
    assert calls == 2


async def test_events_that_wait_are_told_by_room() -> None:
    router = Router("m")
    gate = asyncio.Event()

    @router.message
    async def waits(message: RoomMessage) -> None:
        await gate.wait()

    async with RoomTester(router) as room:
        alice = room.join("alice")
        async with asyncio.TaskGroup() as group:
            for text in "abcd":
                group.create_task(alice.says(text))
            async with asyncio.timeout(5):
                while room.dispatcher.running != 1 or room.dispatcher.waiting != 3:  # noqa: ASYNC110
                    await asyncio.sleep(0)
            assert room.dispatcher.waiting_for(room.address) == 3
            gate.set()
        assert room.dispatcher.waiting_for(room.address) == 0
