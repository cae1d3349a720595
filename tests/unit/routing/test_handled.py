"""When the handlers are done with a room, and what happens to events for which they have no room."""

from __future__ import annotations

import asyncio

from botkit.model.address import Address
from botkit.model.events import Event, RoomMessage, TombstoneSeen
from botkit.model.messages import ArchiveId, Delivery, Source
from botkit.routing.context import Context
from botkit.routing.filters import caught_up, live, repeated
from botkit.routing.router import Router
from botkit.testing.tester import RoomTester
from tests.unit.routing.test_dispatch import message, until

OTHER = Address.parse("other@rooms.example.org")


def gated(gate: asyncio.Event, seen: list[str], *, urgent: bool = False) -> Router:
    router = Router("m", urgent=urgent)

    @router.message
    async def handle(message: RoomMessage) -> None:
        await gate.wait()
        seen.append(message.text)

    return router


async def test_room_without_work_is_handled_at_once() -> None:
    async with RoomTester(gated(asyncio.Event(), [])) as room:
        told: list[str] = []
        room.dispatcher.when_handled(OTHER, lambda: told.append("now"))
        assert told == ["now"]


async def test_handled_is_told_once_all_lanes_of_the_room_are_done_with_what_was_queued_before() -> None:
    gates, seen = (asyncio.Event(), asyncio.Event()), list[str]()
    router = Router("m")
    router.include(gated(gates[0], seen))
    router.include(gated(gates[1], seen, urgent=True))
    async with RoomTester(router) as room:
        told: list[str] = []
        event = message("one", at=room.clock.now())
        room.dispatcher.dispatch(event)
        room.dispatcher.when_handled(event.room, lambda: told.append(f"after {len(seen)}"))
        room.dispatcher.when_handled(OTHER, lambda: told.append("other"))
        gates[0].set()
        await until(lambda: seen == ["one"])
        assert told == ["other"]
        gates[1].set()
        await until(lambda: len(told) == 2)
        assert told == ["other", "after 2"]
        room.dispatcher.when_handled(event.room, lambda: told.append("idle"))
        await until(lambda: told[-1] == "idle")


async def test_room_whose_handlers_were_cancelled_on_the_way_down_is_never_told_to_be_handled() -> None:
    seen: list[str] = []
    async with RoomTester(gated(asyncio.Event(), seen)) as room:
        told: list[str] = []
        event = message("one", at=room.clock.now())
        room.dispatcher.dispatch(event)
        room.dispatcher.when_handled(event.room, lambda: told.append("before"))
        await until(lambda: room.dispatcher.running == 1)
        assert await room.dispatcher.drain(0.01) == 2
        room.dispatcher.when_handled(event.room, lambda: told.append("after"))
        assert told == []


async def test_full_lane_goes_on_taking_what_cannot_come_again_and_drops_what_can() -> None:
    gate, seen = asyncio.Event(), list[str]()
    asked: list[tuple[str, bool]] = []

    def may_drop(event: Event, partly: bool) -> bool:
        assert isinstance(event, RoomMessage)
        asked.append((event.text, partly))
        return event.text != "must"

    async with RoomTester(gated(gate, seen)) as room:
        room.dispatcher._lanes._limit = 1
        room.dispatcher._may_drop = may_drop
        for number in range(8):
            room.dispatcher.dispatch(message(str(number), at=room.clock.now()))
        assert asked == []
        for text in ("may", "must"):
            room.dispatcher.dispatch(message(text, at=room.clock.now()))
        assert asked == [("may", False), ("must", False)]
        gate.set()
        await until(lambda: len(seen) == 9)
        assert seen[-1] == "must"
        assert room.dispatcher.dropped == 1
        assert room.log.of("error")


async def test_context_and_filters_tell_how_an_event_came() -> None:
    router = Router("m")
    got: list[tuple[Delivery, bool, bool, bool]] = []

    @router.on(RoomMessage, catch_up=True)
    async def handle(event: RoomMessage, ctx: Context) -> None:
        passed = [bool(one.check(event, ctx)) for one in (live, caught_up, repeated)]
        got.append((ctx.delivery, passed[0], passed[1], passed[2]))

    deliveries: list[Delivery] = []

    @router.on(TombstoneSeen, catch_up=True)
    async def gone(event: TombstoneSeen, ctx: Context) -> None:
        deliveries.append(ctx.delivery)

    async with RoomTester(router) as room:
        alice = room.join("alice")
        for source in Source:
            await alice.says("hello", source=source)
        await room.hears(
            TombstoneSeen(
                at=room.clock.now(), room=room.address, author=alice.occupant, archive_id=ArchiveId("a1"),
                moderation=None,
            )
        )  # fmt: skip
    assert got == [
        (Delivery.LIVE, True, False, False),
        (Delivery.CAUGHT_UP, False, True, False),
        (Delivery.CAUGHT_UP, False, True, False),
        (Delivery.REPEATED, False, True, True),
    ]
    assert deliveries == [Delivery.CAUGHT_UP]


async def test_command_that_is_repeated_from_an_archive_does_not_run() -> None:
    router = Router("m")

    @router.command("ping")
    async def ping() -> str:
        """Answer."""
        return "pong"

    async with RoomTester(router) as room:
        await room.join("alice").says("!ping", source=Source.REPEATED)
        assert room.said == []
