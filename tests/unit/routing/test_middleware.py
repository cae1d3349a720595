"""Log fields and limits."""

from __future__ import annotations

from typing import Any

from botkit.model.address import Address
from botkit.model.events import BotStarted, DirectMessage, RoomMessage
from botkit.model.messages import Content, MessageId
from botkit.routing.context import Context
from botkit.routing.middleware import Buckets, add_event_fields, asker, throttle
from botkit.routing.router import Router
from botkit.testing.fakes import NOON, make_occupant
from botkit.testing.tester import RoomTester


def test_a_bucket_lets_so_many_through_tells_once_and_fills_again() -> None:
    buckets = Buckets(2, 10.0)
    assert [buckets.take("a", 0.0) for _ in range(2)] == [None, None]
    assert buckets.take("a", 0.0) == "That is too many commands; try again in 5 s."
    assert buckets.take("a", 1.0) == ""
    assert buckets.take("b", 1.0) is None
    assert buckets.take("a", 6.0) is None
    assert buckets.take("a", 6.0)
    assert [buckets.take("a", 1000.0) for _ in range(3)][:2] == [None, None]


def test_buckets_remember_a_bounded_number_of_people() -> None:
    buckets = Buckets(1, 10.0, most=10)
    for number in range(1000):
        buckets.take(str(number), 0.0)
    assert len(buckets._state) == 10


def test_who_asks_is_known_by_identity_and_only_else_by_nick() -> None:
    room = "room@rooms.example.org"

    def of(**more: Any) -> str:
        author = make_occupant(room, "alice", **more)
        return asker(RoomMessage(at=NOON, room=author.room, author=author, content=Content(body="x")))

    assert of(real="a@example.org/x") == "jid:a@example.org"
    assert of(occupant_id="1") == f"occupant:{room}:1"
    assert of() == f"{room}/alice"
    direct = DirectMessage(at=NOON, sender=Address.parse("a@example.org/x"), content=Content(body="x"))
    assert asker(direct) == "jid:a@example.org"
    assert asker(BotStarted(at=NOON)) == "?"


async def test_lines_logged_by_a_handler_name_its_event() -> None:
    router = Router("m")
    lines: list[Any] = []

    @router.message
    async def handle(message: RoomMessage | DirectMessage) -> None:
        lines.append(add_event_fields(None, "info", {"event": "x", "from": "kept"}))

    assert add_event_fields(None, "info", {"event": "x"}) == {"event": "x"}
    async with RoomTester(router) as room:
        message = await room.join("alice").says("hello")
        await room.hears(
            DirectMessage(
                at=NOON,
                sender=Address.parse("a@example.org/x"),
                content=Content(body="x"),
                message_id=MessageId("7"),
            )
        )
    assert lines == [
        {
            "event": "x",
            "from": "kept",
            "room": str(message.room),
            "archive_id": message.archive_id,
            "message_id": message.message_id,
        },
        {"event": "x", "from": "kept", "message_id": "7"},
    ]


async def test_throttle_limits_the_commands_of_its_router_and_lets_talk_through() -> None:
    router = Router("m")
    router.middleware(throttle(1, 10.0))
    heard: list[str] = []

    @router.command("hi")
    async def hi() -> str:
        return "hi"

    @router.message
    async def listen(message: RoomMessage) -> None:
        heard.append(message.text)

    async with RoomTester(router) as room:
        alice = room.join("alice")
        for _ in range(3):
            await alice.says("!hi")
        assert room.said == ["hi", "That is too many commands; try again in 10 s."]
        assert len(heard) == 3


async def test_a_context_names_its_module_and_room_in_the_log_and_keeps_values_apart() -> None:
    router = Router("mine")

    @router.message
    async def handle(ctx: Context, message: RoomMessage) -> None:
        ctx.log.info("here")
        await ctx.storage.put("k", [1])
        assert await ctx.storage.get("k") == [1]
        assert dict(await ctx.storage.items()) == {"k": [1]}
        assert ctx.now() == NOON
        assert await ctx.history.rooms() == [message.room]

    async with RoomTester(router) as room:
        await room.join("alice").says("hello")
        assert ("info", "here", {"module": "mine", "room": str(room.address)}) in room.log.lines
        assert await room.values.get("mine", "k") == [1]
