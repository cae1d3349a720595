"""Commands about the message that they are sent in reply to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from botkit.model.archive import ArchivedEvent
from botkit.model.messages import ArchiveId, Reply
from botkit.routing.context import Context
from botkit.routing.replied import RepliedTo, recent_messages
from botkit.routing.router import Router
from botkit.testing.fakes import make_room
from botkit.testing.tester import RoomTester


def pins() -> Router:
    router = Router("m")

    @router.command("pin")
    async def pin(ctx: Context, message: RepliedTo, *, note: str = "") -> str:
        """Pin a message."""
        return f"{message.author.nick} ({message.author.known}) said {message.text!r}: {note}"

    @router.command("maybe")
    async def maybe(message: RepliedTo | None = None) -> str:
        """Say whether there is a message."""
        return message.text if message is not None else "nothing"

    return router


async def test_a_command_finds_the_message_that_it_replies_to() -> None:
    async with RoomTester(pins()) as room:
        alice, bob = room.join("alice"), room.join("bob")
        said = await bob.says("the key is under the mat")
        await alice.replies(said, "!pin so good")
        await bob.renames("robert")
        await alice.replies(said, "!pin")
        await bob.leaves()
        await alice.replies(said, "!pin")
        assert room.said == [
            "bob (True) said 'the key is under the mat': so good",
            "robert (True) said 'the key is under the mat': ",  # as they are now: that is who could be acted upon
            "bob (False) said 'the key is under the mat': ",
        ]


async def test_without_a_reply_it_says_how_and_an_optional_one_is_none() -> None:
    async with RoomTester(pins()) as room:
        alice = room.join("alice")
        await alice.says("!pin so good")
        await alice.says("!maybe")
        await alice.replies(await alice.says("something"), "!maybe")
        assert room.said == [
            "message is missing: send the command as a reply to the message you mean\n"
            "Usage: !pin (as a reply) [note …]",
            "nothing",
            "something",
        ]


async def test_a_message_that_nobody_knows_is_refused() -> None:
    async with RoomTester(pins()) as room:
        alice = room.join("alice")
        await alice.says("!pin", reply=Reply("no such id"))
        assert "expected a reply to a message of this room that I can still find" in room.said[0]


async def test_a_message_of_another_room_is_not_found() -> None:
    async with RoomTester(pins()) as room:
        alice = room.join("alice")
        other = make_room("other@rooms.example.org")
        room.link.add_room(other)
        said = await alice.says("here")
        elsewhere = replace(said, room=other.address, archive_id=ArchiveId("elsewhere"))
        await room.hears(elsewhere)
        await alice.says("!pin", reply=Reply("elsewhere"))
        assert "that I can still find" in room.said[-1]


@pytest.mark.parametrize("place", [0, 1])
async def test_what_the_log_does_not_have_comes_from_the_archive(place: int) -> None:
    async with RoomTester(pins()) as room:
        alice = room.join("alice")
        said = await alice.says("x")
        old = [
            replace(said, archive_id=ArchiveId(f"old{n}"), content=replace(said.content, body=f"older {n}"))
            for n in range(3)
        ]
        room.link.archives[room.address] = [
            ArchivedEvent(archive_id=m.archive_id, at=m.at - timedelta(days=9), event=m)
            for m in old
            if m.archive_id is not None
        ]
        await alice.replies(old[place], "!pin")
        assert room.said == [f"alice (True) said 'older {place}': "]


async def test_the_newest_messages_are_offered_newest_first() -> None:
    async with RoomTester(pins()) as room:
        alice = room.join("alice")
        for number in range(25):
            await alice.says(f"message {number} " + "x" * 80)
        ctx = room.dispatcher.context(room.dispatcher.commands[0], alice.occupant.address, room.address)
        found = await recent_messages(ctx)
        assert len(found) == 20
        assert found[0].shown.startswith("alice: message 24 xxx")
        assert len(found[0].shown) < 80
