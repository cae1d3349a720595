"""The fakes keep the contracts of the ports."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from botkit.errors import Forbidden, ItemNotFound, LinkClosed
from botkit.model.actions import Moderate, SendMessage, SetAffiliation, SetRole
from botkit.model.address import Address
from botkit.model.archive import ArchivedEvent, ArchiveQuery
from botkit.model.messages import ArchiveId
from botkit.model.rooms import Affiliation, Role, RoomSettings, RoomState
from botkit.ports import Clock, Link
from botkit.routing.context import Context, Logger
from botkit.routing.router import Router
from botkit.testing.fakes import NOON, FakeClock, FakeLink, FakeLog, make_occupant, make_room
from botkit.testing.tester import RoomTester

ROOM = Address.parse("room@rooms.example.org")


def test_fakes_are_what_they_stand_for() -> None:
    link: Link = FakeLink()
    clock: Clock = FakeClock()
    log: Logger = FakeLog()
    assert all((link, clock, log))


async def test_sleepers_wake_in_the_order_of_their_times() -> None:
    clock = FakeClock()
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, *spans: float) -> None:
        for span in spans:
            await clock.sleep(span)
            woken.append((name, clock.monotonic()))

    tasks = [asyncio.create_task(sleeper("a", 3, 3)), asyncio.create_task(sleeper("b", 2))]
    await asyncio.sleep(0)
    assert clock.sleepers == 2
    await clock.advance(1)
    assert woken == []
    await clock.advance(9)
    assert woken == [("b", 2), ("a", 3), ("a", 6)]
    assert clock.now() == NOON + timedelta(seconds=10)
    await asyncio.gather(*tasks)


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    clock = FakeClock()
    task = asyncio.create_task(clock.sleep(5))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    assert clock.sleepers == 0
    await clock.advance(10)


async def test_actions_are_kept_and_change_who_is_there() -> None:
    link = FakeLink()
    link.add_room(make_room(ROOM))
    link.set_occupant(make_occupant(ROOM, "bob", real="bob@example.org/x"))
    link.set_occupant(make_occupant(ROOM, "boss", affiliation=Affiliation.OWNER))
    info = link.room(ROOM)
    assert info is not None
    assert info.occupants == 3
    await link.perform(SetRole(room=ROOM, nick="bob", role=Role.VISITOR))
    bob = link.occupant(ROOM.with_resource("bob"))
    assert bob is not None
    assert bob.role is Role.VISITOR
    await link.perform(
        SetAffiliation(room=ROOM, address=Address.parse("bob@example.org"), affiliation=Affiliation.OUTCAST)
    )
    assert link.occupant(ROOM.with_resource("bob")) is None
    assert await link.affiliated(ROOM, Affiliation.OUTCAST) == (Address.parse("bob@example.org"),)
    with pytest.raises(ItemNotFound):
        await link.perform(SetRole(room=ROOM, nick="bob", role=Role.NONE))
    with pytest.raises(Forbidden):
        await link.perform(SetRole(room=ROOM, nick="boss", role=Role.NONE))
    link.refusing[Moderate] = Forbidden("forbidden", "auth")
    with pytest.raises(Forbidden):
        await link.perform(Moderate(room=ROOM, archive_id=ArchiveId("1")))
    assert len(link.done) == 2
    link.connected = False
    with pytest.raises(LinkClosed):
        await link.perform(SendMessage(to=ROOM, body="x", groupchat=True))


async def test_rooms_are_joined_and_left() -> None:
    link = FakeLink()
    await link.join(RoomSettings(address=ROOM, nick="me"))
    info = link.room(ROOM)
    assert info is not None
    assert info.state is RoomState.JOINED
    assert [o.nick for o in link.occupants(ROOM)] == ["me"]
    await link.leave(ROOM)
    await link.leave(ROOM)
    assert link.rooms() == ()


async def test_archives_are_read_in_pages_forward_and_backward() -> None:
    link = FakeLink()
    link.archives[ROOM] = [ArchivedEvent(archive_id=ArchiveId(str(n)), at=NOON, event=None) for n in range(5)]

    async def ids(**more: object) -> tuple[list[str], bool]:
        page = await link.page(ArchiveQuery(archive=ROOM, page_size=2, **more))  # type: ignore[arg-type]
        return [row.archive_id for row in page.rows], page.complete

    assert await ids() == (["0", "1"], False)
    assert await ids(after="1") == (["2", "3"], False)
    assert await ids(after="3") == (["4"], True)
    assert await ids(after="4") == ([], True)
    assert await ids(before="") == (["3", "4"], False)
    assert await ids(before="2") == (["0", "1"], True)
    with pytest.raises(ItemNotFound):
        await ids(after="expired")


async def test_a_failure_that_nobody_looked_at_fails_the_test() -> None:
    router = Router("m")

    @router.start
    async def broken() -> None:
        raise ValueError("oh")

    with pytest.raises(AssertionError, match="broken failed"):
        async with RoomTester(router):
            pass


async def test_a_handler_that_waits_for_the_clock_does_not_hold_up_the_test() -> None:
    router = Router("m")

    @router.command("later")
    async def later(ctx: Context) -> str:
        await ctx.clock.sleep(4)
        return "now"

    async with RoomTester(router) as room:
        alice = room.join("alice")
        await alice.says("!later")
        assert room.said == []
        await room.passes(4)
        assert room.said == ["now"]


async def test_somebody_changes_rights_and_nick_and_leaves() -> None:
    router = Router("m")
    seen: list[str] = []

    @router.rights
    async def rights(ctx: Context) -> None:
        seen.append("rights")

    @router.nick
    async def nick(ctx: Context) -> None:
        seen.append("nick")

    @router.part
    async def part(ctx: Context) -> None:
        seen.append("part")

    @router.reaction
    async def reaction(ctx: Context) -> None:
        seen.append("reaction")

    @router.retraction
    async def retraction(ctx: Context) -> None:
        seen.append("retraction")

    async with RoomTester(router) as room:
        alice = room.join("alice")
        message = await alice.says("hello")
        await alice.reacts(message, "👍")
        await alice.retracts(message)
        await alice.becomes(affiliation=Affiliation.MEMBER)
        await alice.renames("alicia")
        assert alice.occupant.nick == "alicia"
        assert alice.occupant.affiliation is Affiliation.MEMBER
        await alice.leaves()
        assert not alice.here
    assert seen == ["reaction", "retraction", "rights", "nick", "part"]
