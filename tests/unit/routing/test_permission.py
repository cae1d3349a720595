"""Who may run what: affiliation by role by where it is said, and what changes between asking and running."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from botkit.errors import ConfigError
from botkit.model.events import RoomMessage
from botkit.model.messages import Content
from botkit.model.rooms import Affiliation, Role
from botkit.routing.router import Router
from botkit.routing.specs import Need, Right
from botkit.testing.fakes import make_occupant
from botkit.testing.tester import RoomTester

NEEDS: list[Right | tuple[Right, ...] | None] = [
    None,
    *Affiliation,
    *Role,
    Need.BOT_ADMIN,
    (Affiliation.OWNER, Role.MODERATOR),
]


def guarded(needs: Right | tuple[Right, ...] | None) -> Router:
    router = Router("m")

    @router.command("do", needs=needs)
    async def do() -> str:
        return "done"

    return router


def may(needs: Right | tuple[Right, ...] | None, affiliation: Affiliation, role: Role) -> bool:
    """The rule, written a second time."""
    if needs is None:
        return True
    if isinstance(needs, tuple):
        return any(may(one, affiliation, role) for one in needs)
    if isinstance(needs, Affiliation):
        return affiliation >= needs
    return isinstance(needs, Role) and role >= needs


@pytest.mark.parametrize("needs", NEEDS, ids=str)
@pytest.mark.parametrize("role", [Role.VISITOR, Role.PARTICIPANT, Role.MODERATOR])
@pytest.mark.parametrize("affiliation", [Affiliation.NONE, Affiliation.MEMBER, Affiliation.ADMIN, Affiliation.OWNER])
async def test_affiliation_and_role_decide_in_the_room_and_in_private(
    affiliation: Affiliation, role: Role, needs: Right | tuple[Right, ...] | None
) -> None:
    async with RoomTester(guarded(needs)) as room:
        alice = room.join("alice", affiliation=affiliation, role=role)
        await alice.says("!do")
        expected = may(needs, affiliation, role)
        assert (room.said == ["done"]) is expected
        assert (await alice.whispers("do") == ["done"]) is expected
        if not expected:
            assert room.said[0].startswith("do is for ")


@pytest.mark.parametrize("needs", NEEDS, ids=str)
async def test_an_unknown_occupant_has_no_rights(needs: Right | tuple[Right, ...] | None) -> None:
    async with RoomTester(guarded(needs)) as room:
        ghost = make_occupant(room.address, "ghost", affiliation=Affiliation.OWNER, known=False)
        message = RoomMessage(at=room.clock.now(), room=room.address, author=ghost, content=Content(body="!do"))
        await room.hears(message)
        assert (room.said == ["done"]) is (needs is None)


@pytest.mark.parametrize("needs", NEEDS, ids=str)
async def test_a_stranger_in_a_direct_chat_has_no_rights(needs: Right | tuple[Right, ...] | None) -> None:
    async with RoomTester(guarded(needs)) as room:
        answers = [
            await room.direct("eve@example.net/x", "do"),
            await room.direct("eve@example.net/x", f"do {room.address}"),
        ]
        assert (answers[0] == ["done"]) is (needs is None)
        assert answers[1] != ["done"]


@pytest.mark.parametrize("needs", NEEDS, ids=str)
async def test_who_runs_the_bot_may_everything_from_their_own_account(
    needs: Right | tuple[Right, ...] | None,
) -> None:
    async with RoomTester(guarded(needs), admins=["boss@example.org"]) as room:
        command = room.dispatcher.commands[0]
        text = f"do {room.address}" if command.wants_room else "do"
        assert await room.direct("boss@example.org/x", text) == ["done"]


async def test_a_room_s_word_for_a_real_jid_gives_that_room_s_rights_and_no_more() -> None:
    async with RoomTester(guarded(Affiliation.OWNER), admins=["boss@example.org"]) as room:
        await room.join("boss", real="boss@example.org").says("!do")
        assert room.said == ["done"]
    async with RoomTester(guarded(Need.BOT_ADMIN), admins=["boss@example.org"]) as room:
        await room.join("boss", real="boss@example.org").says("!do")
        assert room.said == ["do is for those who run this bot (write to it directly)."]


async def test_the_nick_of_an_admin_gives_nothing() -> None:
    async with RoomTester(guarded(Affiliation.ADMIN), admins=["boss@example.org"]) as room:
        await room.join("boss@example.org", real=None).says("!do")
        assert room.said != ["done"]


async def test_rights_by_presence_in_the_room_count_in_a_direct_chat() -> None:
    async with RoomTester(guarded(Affiliation.ADMIN)) as room:
        room.join("mod", affiliation=Affiliation.ADMIN)
        room.join("alice")
        assert await room.direct("mod@example.org/x", f"do {room.address}") == ["done"]
        assert await room.direct("alice@example.org/x", f"do {room.address}") == ["do is for admins of the room."]


async def changed_meanwhile(change: str) -> list[str]:
    """Alice, an admin, says ``!do`` while the room is busy, and ``change`` happens before it is her turn."""
    router = guarded(Affiliation.ADMIN)
    gate = asyncio.Event()

    @router.message
    async def slow(message: RoomMessage) -> None:
        await gate.wait()

    async with RoomTester(router) as room:
        alice = room.join("alice", affiliation=Affiliation.ADMIN)
        asking = asyncio.create_task(alice.says("!do"))
        async with asyncio.timeout(5):
            while not room.dispatcher.running:  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0)
        now = alice.occupant
        if change == "demoted":
            room.link.set_occupant(replace(now, affiliation=Affiliation.NONE))
        elif change == "gone":
            room.link.remove_occupant(now.address)
        elif change == "nick taken over":
            mallory = make_occupant(room.address, "alice", affiliation=Affiliation.OWNER, real="mallory@example.org")
            room.link.set_occupant(mallory)
        gate.set()
        await asking
        return room.said


@pytest.mark.parametrize("change", ["demoted", "gone", "nick taken over"])
async def test_rights_that_were_lost_before_a_command_runs_are_lost(change: str) -> None:
    assert await changed_meanwhile(change) == ["do is for admins of the room."]


async def test_rights_that_stand_still_stand() -> None:
    assert await changed_meanwhile("nothing") == ["done"]


def test_needs_joined_by_a_bar_are_refused_rather_than_taken_for_a_number() -> None:
    with pytest.raises(ConfigError, match="is no right"):
        Router("m").command("do", needs=Affiliation.ADMIN | Role.MODERATOR)  # type: ignore[arg-type]
