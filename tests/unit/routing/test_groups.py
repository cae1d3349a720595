"""Commands under one word: found, guessed, listed, offered."""

from __future__ import annotations

from typing import Any

import pytest

from botkit.errors import ConfigError
from botkit.model.address import Address
from botkit.model.events import RoomMessage
from botkit.model.rooms import Affiliation
from botkit.routing.context import Context
from botkit.routing.router import Router
from botkit.routing.specs import Example
from botkit.services.adhoc import AdhocService
from botkit.testing.tester import RoomTester


def polls() -> Router:
    router = Router("polls")
    poll = router.group("poll", "vote", doc="Ask the room.")

    @poll.command("start", "begin")
    async def start(*, question: str) -> str:
        """Start a poll."""
        return f"started {question}"

    @poll.command("close", needs=Affiliation.ADMIN)
    async def close(number: int = 1) -> str:
        """Close a poll."""
        return f"closed {number}"

    option = poll.group("option", needs=Affiliation.MEMBER)

    @option.command("add")
    async def add(what: str) -> str:
        """Add an option."""
        return f"added {what}"

    @router.command("plan")
    async def plan() -> str:
        """Plan."""
        return "plan"

    return router


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("!poll start tea or  coffee?", "started tea or  coffee?"),
        ("!POLL Start tea", "started tea"),
        ("!vote begin tea", "started tea"),
        ("!poll   start   tea", "started tea"),
        ("bot: poll start tea", "started tea"),
        ("!poll close 3", "closed 3"),
        ("!poll option add milk", "added milk"),
        ("!poll close x", 'number "x": expected a whole number\nUsage: !poll close [number]'),
        ("!poll", "poll: expected one of start, begin, close, option"),
        ("!poll strat tea", "poll: expected one of start, begin, close, option; did you mean !poll start?"),
        ("!poll option", "poll option: expected one of add"),
        ('!poll "start', "poll: expected one of start, begin, close, option; did you mean !poll start?"),
        ("!pol start", "I know no pol; did you mean !poll?"),
        ("!plam", "I know no plam; did you mean !plan?"),
        ("!start tea", None),
    ],
)
async def test_a_command_of_a_group_is_named_by_all_its_words(typed: str, answer: str | None) -> None:
    async with RoomTester(polls()) as room:
        boss = room.join("boss", affiliation=Affiliation.ADMIN)
        await boss.says(typed)
        assert room.said == ([answer] if answer else [])


async def test_only_what_one_may_run_is_proposed() -> None:
    async with RoomTester(polls()) as room:
        guest = room.join("guest")
        await guest.says("!poll")
        await guest.says("!poll close")
        await guest.says("!poll option add milk")
        assert room.said == [
            "poll: expected one of start, begin",
            "poll close is for admins of the room.",
            "poll option add is for members of the room.",
        ]


async def test_a_group_s_own_command_runs_where_no_other_is_named() -> None:
    router = polls()

    @router.command("poll")
    async def poll(*, rest: str = "") -> str:
        return f"bare {rest}"

    async with RoomTester(router) as room:
        alice = room.join("alice")
        await alice.says("!poll")
        await alice.says("!poll about tea")
        await alice.says("!poll start tea")
        assert room.said == ["bare ", "bare about tea", "started tea"]


async def test_help_lists_a_group_once_and_tells_of_it() -> None:
    async with RoomTester(polls()) as room:
        alice = room.join("alice")
        await alice.says("!help")
        await alice.says("!help poll")
        await alice.says("!help poll  start")
        await alice.says("!help pol")
        assert room.said == [
            "!poll …, !plan, !help. More: !help <command>",
            "Ask the room.\n!poll start <question …>: Start a poll.",
            "!poll start <question …>\nStart a poll.\nAlso: !poll begin, !vote start, !vote begin",
            "There is no command pol that you may run here.",
        ]


async def test_handlers_that_leave_commands_out_are_not_shown_those_of_groups() -> None:
    router, seen = polls(), []

    @router.message(commands=False)
    async def talk(message: RoomMessage) -> None:
        seen.append(message.text)

    async with RoomTester(router) as room:
        alice = room.join("alice")
        await alice.says("!poll start tea")
        await alice.says("hello")
        assert seen == ["hello"]


async def test_a_command_of_a_group_is_offered_as_a_form() -> None:
    async with RoomTester(polls()) as room:
        room.join("boss", affiliation=Affiliation.ADMIN)
        service = AdhocService(room.dispatcher)
        listed = dict(await service.listed(Address.parse("boss@example.org/x")))
        assert listed["poll start"] == "Start a poll"
        assert listed["poll option add"] == "Add an option"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda r: r.group("two words"), "is no name"),
        (lambda r: r.group("a").command(""), "is no name"),
        (lambda r: r.group("a", needs=3), "is no right"),
        (lambda r: r.command("a", examples=["b c"]), "does not begin with the command's name"),
        (lambda r: r.group("a").command("b", examples=["b c"]), "does not begin with the command's name"),
    ],
)
def test_what_cannot_be_is_refused_at_once(wrong: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        wrong(Router("m"))


async def test_help_shows_arguments_options_and_examples() -> None:
    router = Router("m")

    @router.command("tea", needs=Affiliation.MEMBER, examples=["tea green", Example("tea green -s", "no noise")])
    async def tea(ctx: Context, kind: str, cups: int = 2, *, silent: bool = False, milk: bool = True) -> None:
        """Make tea."""

    async with RoomTester(router) as room:
        await room.join("alice", affiliation=Affiliation.MEMBER).says("!help tea")
        assert room.said[0] == (
            "!tea [--silent] [--no-milk] <kind> [cups]\nMake tea.\n"
            "For example: !tea green\nFor example: !tea green -s (no noise)\nFor members of the room."
        )
