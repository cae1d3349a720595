"""Corrections of commands: run as meant, answered in place, and never twice with effects."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from botkit.model.actions import SendMessage
from botkit.model.events import RoomMessage
from botkit.model.messages import MessageId, Source
from botkit.routing.context import Context
from botkit.routing.corrections import GONE, TOO_LATE, WITHIN
from botkit.routing.router import Router
from botkit.testing.tester import RoomTester

Said = list[tuple[str, str | None]]


def make() -> Router:
    router = Router("m")
    log = router.group("log")

    @router.command("sum", effects=False)
    async def add(*numbers: int) -> str:
        """Add numbers."""
        return str(sum(numbers))

    @router.command("lines", effects=False)
    async def lines(number: int) -> list[str]:
        return [f"line {n}" for n in range(number)]

    @log.command("add")
    async def write(ctx: Context, what: int) -> str:
        kept = await ctx.storage.get("kept") or []
        assert isinstance(kept, list)
        await ctx.storage.put("kept", [*kept, what])
        return f"kept {what}"

    @router.command("say", effects=False)
    async def say(ctx: Context, *, text: str) -> None:
        await ctx.reply(text)
        await ctx.reply("and more", quote=True)

    return router


@pytest.fixture
async def room() -> AsyncIterator[RoomTester]:
    async with RoomTester(make()) as tester:
        yield tester


def told(room: RoomTester) -> Said:
    """What the bot said, and which of its sayings each replaces: by what it was."""
    sent = [action for action in room.link.done if isinstance(action, SendMessage)]
    ids = {f"sent-{n}": action.body for n, action in enumerate(sent, 1)}
    return [(action.body, ids.get(action.replaces or "", action.replaces)) for action in sent]


async def test_a_corrected_command_puts_its_answer_right(room: RoomTester) -> None:
    alice = room.join("alice")
    said = await alice.says("!sum 1 2")
    await alice.corrects(said, "!sum 1 3")
    await alice.corrects(said, "!sum 1 x")
    await alice.corrects(said, "!sum 1 4")
    assert told(room) == [
        ("3", None),
        ("4", "3"),
        ('numbers "x": expected a whole number\nUsage: !sum [numbers …]', "3"),
        ("5", "3"),
    ]


async def test_a_correction_may_name_the_correction_before_it(room: RoomTester) -> None:
    alice = room.join("alice")
    second = await alice.corrects(await alice.says("!sum 1 2"), "!sum 1 3")
    await alice.corrects(second, "!sum 1 4")
    assert told(room) == [("3", None), ("4", "3"), ("5", "3")]


@pytest.mark.parametrize("mistyped", ["!log add x", "!logg add 7", "!log ad 7", "!log"])
async def test_what_was_not_understood_runs_as_it_was_meant(room: RoomTester, mistyped: str) -> None:
    alice = room.join("alice")
    said = await alice.says(mistyped)
    await alice.corrects(said, "!log add 7")
    assert told(room)[1][0] == "kept 7"
    assert told(room)[1][1] is not None
    assert await room.values.get("m", "kept") == [7]


async def test_what_had_effects_is_not_run_again(room: RoomTester) -> None:
    alice = room.join("alice")
    said = await alice.says("!log add 7")
    await alice.corrects(said, "!log add 8")
    await alice.corrects(said, "!sum 1 2")
    assert told(room) == [("kept 7", None), (TOO_LATE, None), (TOO_LATE, None)]
    assert await room.values.get("m", "kept") == [7]


async def test_a_correction_of_talk_is_no_command(room: RoomTester) -> None:
    alice = room.join("alice")
    said = await alice.says("sum 1 2")
    await alice.corrects(said, "!sum 1 2")
    await alice.says("!sum 1 2", replaces=MessageId("never said"))
    assert told(room) == []


async def test_a_command_corrected_to_talk_keeps_its_answer(room: RoomTester) -> None:
    alice = room.join("alice")
    said = await alice.says("!sum 1 2")
    await alice.corrects(said, "never mind")
    assert told(room) == [("3", None)]


async def test_only_who_said_it_corrects_it(room: RoomTester) -> None:
    alice, mallory = room.join("alice"), room.join("mallory")
    said = await alice.says("!sum 1 2")
    await mallory.corrects(said, "!sum 1 3")
    await alice.leaves()
    await room.join("alice", real="mallory@example.org").corrects(said, "!sum 1 3")
    assert told(room) == [("3", None)]


async def test_a_late_correction_is_none(room: RoomTester) -> None:
    alice = room.join("alice")
    said = await alice.says("!sum 1 2")
    await room.passes(WITHIN + 1)
    await alice.corrects(said, "!sum 1 3")
    assert told(room) == [("3", None)]


async def test_a_correction_from_history_is_none(room: RoomTester) -> None:
    alice = room.join("alice")
    said = await alice.says("!sum 1 2")
    await alice.says("!sum 1 3", replaces=said.message_id, source=Source.ARCHIVE)
    assert told(room) == [("3", None)]


async def test_an_answer_that_became_longer_or_shorter_is_put_right(room: RoomTester) -> None:
    alice = room.join("alice")
    said = await alice.says("!lines 2")
    await alice.corrects(said, "!lines 3")
    await alice.corrects(said, "!lines 1")
    assert told(room) == [
        ("line 0", None),
        ("line 1", None),
        ("line 0", "line 0"),
        ("line 1", "line 1"),
        ("line 2", None),
        ("line 0", "line 0"),
        (GONE, "line 1"),
        (GONE, "line 2"),
    ]


async def test_what_a_handler_says_by_itself_is_put_right_too(room: RoomTester) -> None:
    alice = room.join("alice")
    said = await alice.says("!say helo")
    await alice.corrects(said, "!say hello")
    assert told(room) == [("helo", None), ("and more", None), ("hello", "helo"), ("and more", "and more")]
    assert all(a.reply is None for a in room.link.done if isinstance(a, SendMessage) and a.replaces)


async def test_in_private_too() -> None:
    async with RoomTester(make()) as room:
        alice = room.join("alice")
        await alice.whispers("sum 1 2")
        first = room.dispatcher
        assert first.failures == 0
        said = await alice.says("!sum 1 2")
        twin = replace(said, message_id=None)
        assert isinstance(twin, RoomMessage)
        await room.hears(twin)  # a message without an id cannot be corrected, and is answered all the same
        assert room.said == ["3", "3"]
        assert alice.received == ["3"]


async def test_whoever_corrects_too_often_is_told_and_the_answer_stays() -> None:
    async with RoomTester(make(), command_rate=(2, 100.0)) as room:
        alice = room.join("alice")
        said = await alice.says("!sum 1 2")
        for number in range(3, 8):
            await alice.corrects(said, f"!sum 1 {number}")
        assert told(room) == [
            ("3", None),
            ("4", "3"),
            ("That is too many commands; try again in 50 s.", None),
        ]
