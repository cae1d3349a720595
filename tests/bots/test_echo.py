"""The teaching bots, as people in a room meet them."""

from __future__ import annotations

from botkit.testing.tester import RoomTester
from bots import dice, echo


async def test_echo_says_a_text_again() -> None:
    async with RoomTester(echo.module) as room:
        alice = room.join("alice")
        await alice.says("!echo Hello,  everybody")
        assert room.said == ["Hello,  everybody"]
        assert await alice.whispers("echo psst") == ["psst"]


async def test_echo_without_a_text_tells_its_usage() -> None:
    async with RoomTester(echo.module) as room:
        await room.join("alice").says("!echo")
        assert room.said == ["text is missing\nUsage: !echo <text …>"]


async def test_dice_stay_within_their_sides() -> None:
    async with RoomTester(dice.module) as room:
        alice = room.join("alice")
        await alice.says("!dice")
        await alice.says("!roll 3d6")
        assert 1 <= int(room.said[0]) <= 6
        thrown, _, total = room.said[1].partition(" = ")
        assert sum(map(int, thrown.split(" + "))) == int(total)
        assert 3 <= int(total) <= 18


async def test_dice_know_what_they_have() -> None:
    async with RoomTester(dice.module, config={"most": 2}) as room:
        alice = room.join("alice")
        await alice.says("!dice 3d6")
        await alice.says("!dice many")
        assert room.said == ["I have 2 dice.", 'what "many": expected dice like 2d6\nUsage: !dice [what]']
