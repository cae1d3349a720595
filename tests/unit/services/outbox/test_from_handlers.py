"""What contexts and rooms hand to the outbox."""

from __future__ import annotations

from datetime import timedelta

import pytest

from botkit.errors import MisuseError
from botkit.model.actions import Notice, Priority, SendMessage
from botkit.model.address import Address
from botkit.modules import Module
from botkit.routing.context import Context
from botkit.routing.router import Router
from botkit.testing.tester import RoomTester

router = Router("talker")


@router.command("hello")
async def hello(ctx: Context) -> str:
    """Say hello."""
    return "hello"


@router.command("later")
async def later(ctx: Context) -> None:
    """Keep a notice."""
    await ctx.notify("tea at five", key="tea", expires=ctx.now() + timedelta(hours=1))


@router.command("count")
async def count(ctx: Context) -> None:
    """Count, in one message."""
    assert ctx.room is not None
    progress = await ctx.room.say("1", priority=Priority.CHATTER)
    for number in range(2, 4):
        await progress.update(str(number))
    assert await progress.reflected(1) is None


@router.command("tell")
async def tell(ctx: Context) -> list[Notice | str]:
    """Keep a notice for somebody."""
    return [Notice(to=Address.parse("alice@example.org"), text="psst", groupchat=False), "kept"]


module = Module(name="talker", router=router)


async def test_an_answer_says_whom_it_answers_by_identity() -> None:
    async with RoomTester(module) as room:
        alice = room.join("alice", real="alice@example.org/x")
        await alice.says("!hello")
        [said] = [action for action in room.link.done if isinstance(action, SendMessage)]
        assert (said.body, said.answers, said.priority) == ("hello", "jid:alice@example.org", Priority.REPLY)


async def test_in_a_chat_with_one_the_account_is_whom_it_answers() -> None:
    async with RoomTester(module) as room:
        await room.direct("alice@example.org/phone", "hello")
        [said] = [action for action in room.link.done if isinstance(action, SendMessage)]
        assert said.answers == "alice@example.org"


async def test_a_notice_goes_to_the_room_of_the_event() -> None:
    async with RoomTester(module) as room:
        alice = room.join("alice", real="alice@example.org/x")
        await alice.says("!later")
        [notice] = room.link.notices
        assert (notice.key, notice.text, notice.groupchat) == ("tea", "tea at five", True)
        assert room.said == ["tea at five"]


async def test_a_notice_needs_somebody_to_go_to() -> None:
    async with RoomTester(module) as room:
        await room.direct("alice@example.org/phone", "later")
        assert room.link.notices == []
        assert room.failures
        with pytest.raises(MisuseError, match="to whom"):
            raise room.failures.pop().error


async def test_a_running_message_is_updated_in_tests_too() -> None:
    async with RoomTester(module) as room:
        alice = room.join("alice", real="alice@example.org/x")
        await alice.says("!count")
        said = [action for action in room.link.done if isinstance(action, SendMessage)]
        assert [(action.body, action.replaces) for action in said] == [("1", None), ("2", "sent-1"), ("3", "sent-1")]


async def test_a_notice_may_be_returned() -> None:
    async with RoomTester(module) as room:
        alice = room.join("alice", real="alice@example.org/x")
        await alice.says("!tell")
        [notice] = room.link.notices
        assert (str(notice.to), notice.groupchat) == ("alice@example.org", False)
        assert room.said == ["kept"]
