"""A command that is sent twice runs once, whatever happened in between."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from botkit.errors import StoreError
from botkit.model.address import Address
from botkit.model.events import DirectMessage, PrivateMessage, RoomMessage
from botkit.model.messages import ArchiveId, Content, MessageId, Text
from botkit.model.rooms import Occupant
from botkit.ports import Claims
from botkit.routing.once import KEPT
from botkit.routing.router import Router
from botkit.storage.sqlite import SqliteStorage
from botkit.testing.tester import RoomTester

ACCOUNT = Address.parse("keeper@example.org")
ROOM = Address.parse("room@rooms.example.org")


def counting(done: list[str]) -> Router:
    router = Router("m")

    @router.command("count")
    async def count(*, word: str = "") -> str:
        """Count."""
        done.append(word)
        return f"{len(done)}"

    return router


def written(author: Occupant, text: str = "!count one", **changes: Any) -> RoomMessage:
    values: dict[str, Any] = {
        "at": datetime.fromisoformat("2026-03-01T12:00:00Z"),
        "room": ROOM,
        "author": author,
        "content": Content(body=text, bodies=(Text(text),)),
        "archive_id": ArchiveId("a-1"),
        "message_id": MessageId("m-1"),
    }
    return RoomMessage(**{**values, **changes})


async def test_command_that_is_sent_again_is_not_run_again() -> None:
    done: list[str] = []
    async with RoomTester(counting(done)) as room:
        alice = room.join("alice").occupant
        await room.hears(written(alice))
        await room.hears(written(alice, archive_id=ArchiveId("a-2")))
        assert done == ["one"]
        assert room.said == ["1"]


async def test_same_origin_id_is_enough_to_know_a_command_again() -> None:
    done: list[str] = []
    async with RoomTester(counting(done)) as room:
        alice = room.join("alice").occupant
        await room.hears(written(alice, origin_id="o-1"))
        await room.hears(written(alice, origin_id="o-1", message_id=MessageId("m-2")))
        await room.hears(written(alice, origin_id="o-2", message_id=MessageId("m-2")))
        assert done == ["one"]


async def test_other_words_another_id_and_another_person_are_other_commands() -> None:
    done: list[str] = []
    async with RoomTester(counting(done)) as room:
        alice, bob = room.join("alice").occupant, room.join("bob").occupant
        for message in (
            written(alice),
            written(alice, message_id=MessageId("m-2")),
            written(alice, "!count two"),
            written(bob),
        ):
            await room.hears(message)
        assert done == ["one", "one", "two", "one"]


async def test_author_is_known_by_whatever_the_room_shows_of_them() -> None:
    done: list[str] = []
    async with RoomTester(counting(done)) as room:
        seen = replace(room.join("alice").occupant, real=Address.parse("alice@example.org/a"), occupant_id="x1")
        await room.hears(written(seen))
        await room.hears(written(replace(seen, real=None, address=ROOM.with_resource("other"))))
        await room.hears(written(replace(seen, real=Address.parse("alice@example.org/b"), occupant_id=None)))
        assert done == ["one"]
        await room.hears(written(replace(seen, real=Address.parse("mallory@example.org/b"), occupant_id="x2")))
        assert done == ["one", "one"]


async def test_nick_alone_makes_nobody_the_same_person() -> None:
    done: list[str] = []
    async with RoomTester(counting(done)) as room:
        known = replace(room.join("alice").occupant, real=None, occupant_id="x1")
        await room.hears(written(known))
        await room.hears(written(replace(known, occupant_id="x2")))
        assert done == ["one", "one"]


async def test_private_and_direct_commands_run_once_too() -> None:
    done: list[str] = []
    async with RoomTester(counting(done)) as room:
        alice = room.join("alice").occupant
        said = written(alice)
        private = PrivateMessage(at=said.at, room=ROOM, author=alice, content=said.content, message_id=MessageId("p-1"))
        direct = DirectMessage(
            at=said.at, sender=Address.parse("root@example.org/a"), content=said.content, message_id=MessageId("d-1")
        )
        for event in (private, private, direct, replace(direct, sender=Address.parse("root@example.org/b"))):
            await room.hears(event)
        assert done == ["one", "one"]


async def test_message_without_any_id_is_a_new_command_each_time() -> None:
    done: list[str] = []
    async with RoomTester(counting(done)) as room:
        alice = room.join("alice").occupant
        message = written(alice, message_id=None, archive_id=None, at=room.clock.now())
        await room.hears(message)
        await room.hears(message)
        assert done == ["one", "one"]


async def test_message_without_any_id_that_the_server_kept_back_and_gives_again_is_not_run_again() -> None:
    done: list[str] = []
    async with RoomTester(counting(done)) as room:
        start = room.clock.now()
        message = DirectMessage(
            at=start, sender=Address.parse("root@example.org/a"), content=Content(body="!count one")
        )
        await room.hears(message)
        await room.passes(300)
        await room.hears(message)
        await room.hears(replace(message, at=start + timedelta(seconds=200)))
        assert done == ["one", "one"]


async def test_room_message_with_an_archive_id_alone_is_known_by_that() -> None:
    done: list[str] = []
    async with RoomTester(counting(done)) as room:
        alice = room.join("alice").occupant
        await room.hears(written(alice, message_id=None))
        await room.hears(written(alice, message_id=None))
        assert done == ["one"]


async def test_complaint_about_a_command_is_not_made_twice_either() -> None:
    async with RoomTester(counting([])) as room:
        alice = room.join("alice").occupant
        for message in (written(alice, "!coumt"), written(alice, "!count 'one", message_id=MessageId("m-2"))):
            await room.hears(message)
            await room.hears(message)
        assert len(room.said) == 2


async def test_claim_is_forgotten_after_a_while() -> None:
    done: list[str] = []
    async with RoomTester(counting(done)) as room:
        alice = room.join("alice").occupant
        await room.hears(written(alice))
        await room.passes(KEPT.total_seconds() + 1)
        await room.hears(written(alice))
        assert done == ["one", "one"]


class _FullDisk:
    async def claim(self, keys: Collection[bytes], at: datetime, *, since: datetime) -> bool:
        raise StoreError("the disk is full")

    async def expire(self, before: datetime) -> int:
        raise StoreError("the disk is full")


async def test_command_that_cannot_be_written_down_is_not_run_and_that_is_said() -> None:
    done: list[str] = []
    tester = RoomTester(counting(done))
    tester.claims = _FullDisk()
    async with tester as room:
        await room.hears(written(room.join("alice").occupant))
        assert done == []
        assert "cannot write anything down" in room.said[0]
        assert len(room.failures) == 1


# --- death at every step --------------------------------------------------------------------------------------------


class _DiedError(Exception):
    pass


class _Dying:
    """Stops for ever before or after the claim is written, as a process that is killed there."""

    def __init__(self, claims: Claims, where: str) -> None:
        self._claims = claims
        self._where = where
        self.stopped = asyncio.Event()

    async def claim(self, keys: Collection[bytes], at: datetime, *, since: datetime) -> bool:
        if self._where == "before the claim":
            await self.stop()
        first = await self._claims.claim(keys, at, since=since)
        if self._where == "after the claim":
            await self.stop()
        return first

    async def stop(self) -> None:
        self.stopped.set()
        await asyncio.Event().wait()

    async def expire(self, before: datetime) -> int:
        return await self._claims.expire(before)


@pytest.mark.parametrize(
    ("where", "runs"),
    [("before the claim", 1), ("after the claim", 0), ("in the handler", 1), ("in the answer", 1)],
)
async def test_command_runs_at_most_once_wherever_the_bot_dies(tmp_path: Path, where: str, runs: int) -> None:
    done: list[str] = []

    async def run(where: str) -> None:
        async with SqliteStorage.open(tmp_path / "bot.db", ACCOUNT) as storage:
            dying = _Dying(storage.claims, where)
            router = Router("m")

            @router.command("count")
            async def count(*, word: str = "") -> str:
                """Count."""
                done.append(word)
                if where == "in the handler":
                    await dying.stop()
                return word

            @router.middleware
            async def ring(call: Any, event: Any, ctx: Any) -> Any:
                answer = await call(event, ctx)
                if where == "in the answer":
                    await dying.stop()
                return answer

            tester = RoomTester(router)
            tester.claims = dying
            async with tester as room:
                alice = replace(room.join("alice").occupant, occupant_id="x1")
                if where == "nowhere":
                    await room.hears(written(alice, archive_id=ArchiveId("a-2")))
                    return
                room.dispatcher.dispatch(written(alice))
                async with asyncio.timeout(5):
                    await dying.stopped.wait()
                raise _DiedError

    with pytest.raises(_DiedError):
        await run(where)
    await run("nowhere")
    await run("nowhere")
    assert len(done) == runs
