"""What every ``Link`` must do: the one in memory that bots are tested with, and the one to a real server."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Protocol

import pytest

from botkit.errors import Forbidden, ItemNotFound, LinkClosed, MisuseError
from botkit.model.actions import Moderate, React, SendMessage, SetAffiliation, SetRole, SetSubject
from botkit.model.address import Address
from botkit.model.archive import ArchivedEvent, ArchiveQuery
from botkit.model.messages import ArchiveId
from botkit.model.rooms import Affiliation, Role, RoomSettings, RoomState
from botkit.ports import Link
from botkit.services.outbox.outbox import Outbox
from botkit.storage.memory import MemoryStorage
from botkit.testing.fakes import FakeClock, FakeLink, make_occupant, make_room
from botkit.testing.prosody import Generation, Prosody, find_or_fetch
from tests.server.bots import RunningLink, link_settings
from tests.server.clients import Client


class World(Protocol):
    """A room with the bot as admin, alice as owner, and carol with no rights."""

    link: Link
    room: Address

    def real(self, nick: str) -> Address: ...
    async def say(self, count: int) -> None: ...
    async def other_room(self) -> Address: ...


class InMemory:
    def __init__(self) -> None:
        self.fake = FakeLink("bot@example.org/r")
        self.link: Link = self.fake
        self.room = Address.parse("lobby@rooms.example.org")
        self.fake.add_room(make_room(self.room))
        self.fake.archives[self.room] = []
        owner = make_occupant(self.room, "alice", affiliation=Affiliation.OWNER, real=self.real("alice"))
        self.fake.set_occupant(owner)
        self.fake.set_occupant(make_occupant(self.room, "carol", real=self.real("carol")))

    def real(self, nick: str) -> Address:
        return Address.parse(f"{nick}@example.org/r")

    async def say(self, count: int) -> None:
        now = datetime.now(UTC)
        rows = self.fake.archives[self.room]
        rows += [ArchivedEvent(archive_id=ArchiveId(uuid.uuid4().hex), at=now, event=None) for _ in range(count)]

    async def other_room(self) -> Address:
        return Address.parse("other@rooms.example.org")


class ThroughOutbox(InMemory):
    """The first with an outbox before it, as bots have it."""

    def __init__(self) -> None:
        super().__init__()
        self.link = Outbox(self.fake, MemoryStorage().notices, FakeClock())


class OnServer:
    """The same on a real server."""

    def __init__(self, server: Prosody, running: RunningLink, people: dict[str, Client], room: str) -> None:
        self.server = server
        self.running = running
        self.link = running.link
        self.people = people
        self.room = Address.parse(room)

    @staticmethod
    async def enter(server: Prosody, ends: list[Callable[[], Awaitable[None]]]) -> OnServer:
        tail = uuid.uuid4().hex[:8]
        names = {nick: f"{nick}-{tail}" for nick in ("alice", "carol", "bot")}
        for name in names.values():
            await server.add_account(name, "secret")
        people = {}
        for nick in ("alice", "carol"):
            people[nick] = await Client.connect(server, names[nick], "r")
            ends.append(people[nick].close)
        room = f"room-{tail}@{server.muc}"
        await people["alice"].create_room(room, "alice", affiliations={f"{names['bot']}@{server.domain}": "admin"})
        await people["carol"].join(room, "carol")
        running = RunningLink(link_settings(server, names["bot"]))
        ends.append(running.stop)
        await running.link.join(RoomSettings(address=Address.parse(room), nick="bot"))
        await running.wait_state(room, RoomState.JOINED)
        return OnServer(server, running, people, room)

    def real(self, nick: str) -> Address:
        return Address.parse(self.people[nick].jid)

    async def say(self, count: int) -> None:
        for number in range(count):
            await self.people["carol"].say(str(self.room), f"line {number}")

    async def other_room(self) -> Address:
        other = f"other-{self.room.local}@{self.room.domain}"
        await self.people["alice"].create_room(other, "alice")
        return Address.parse(other)


@pytest.fixture(scope="module")
def servers() -> Iterator[Callable[[str], Prosody]]:
    """Servers by generation, each started when it is first asked for."""
    running: dict[str, Prosody] = {}

    def of(generation: str) -> Prosody:
        if generation not in running:
            running[generation] = Prosody(find_or_fetch(Generation(generation)))
            running[generation].launch()
        return running[generation]

    yield of
    for server in running.values():
        server.close()


@pytest.fixture(
    params=[
        "memory",
        "outbox",
        pytest.param("0.12", id="prosody-0.12", marks=pytest.mark.server),
        pytest.param("13", id="prosody-13", marks=pytest.mark.server),
    ]
)
async def world(request: pytest.FixtureRequest, servers: Callable[[str], Prosody]) -> AsyncIterator[World]:
    if request.param == "memory":
        yield InMemory()
        return
    if request.param == "outbox":
        yield ThroughOutbox()
        return
    ends: list[Callable[[], Awaitable[None]]] = []
    try:
        yield await OnServer.enter(servers(request.param), ends)
    finally:
        for end in reversed(ends):
            await end()


async def until(condition: Callable[[], Any]) -> None:
    """What the server does to a room comes by presence, a moment later."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


# --- what is known ------------------------------------------------------------------------------------------------


async def test_room_and_occupants_are_known_while_we_are_in(world: World) -> None:
    info = world.link.room(world.room)
    assert info is not None
    assert info.state is RoomState.JOINED
    assert info.me is not None
    assert info.me.is_self
    assert info.me.affiliation is Affiliation.ADMIN
    assert info.archive
    assert info.moderation is not None
    assert info.occupants == 3
    assert world.link.rooms() == (info,)
    assert {occupant.nick for occupant in world.link.occupants(world.room)} == {"alice", "bot", "carol"}
    carol = world.link.occupant(world.room.with_resource("carol"))
    assert carol is not None
    assert (carol.affiliation, carol.role, carol.real) == (Affiliation.NONE, Role.PARTICIPANT, world.real("carol"))
    assert world.link.occupant(world.room.with_resource("nobody")) is None


async def test_room_that_was_never_asked_for_is_unknown(world: World) -> None:
    stranger = Address.parse(f"stranger@{world.room.domain}")
    assert world.link.room(stranger) is None
    assert world.link.occupants(stranger) == ()
    assert world.link.occupant(stranger.with_resource("x")) is None
    await world.link.leave(stranger)


async def test_rooms_are_told_in_the_order_in_which_they_were_asked_for(world: World) -> None:
    other = await world.other_room()
    await world.link.join(RoomSettings(address=other, nick="bot"))
    await until(lambda: world.link.room(other).me)  # type: ignore[union-attr]
    assert [info.address for info in world.link.rooms()] == [world.room, other]
    await world.link.leave(world.room)
    assert [info.address for info in world.link.rooms()] == [other]
    assert world.link.room(world.room) is None
    assert world.link.occupants(world.room) == ()


# --- actions ------------------------------------------------------------------------------------------------------


async def test_messages_get_ids_of_their_own(world: World) -> None:
    to = world.room
    sent = [
        await world.link.perform(SendMessage(to=to, body="one", groupchat=True)),
        await world.link.perform(SendMessage(to=to, body="two", groupchat=True)),
        await world.link.perform(SendMessage(to=to.with_resource("carol"), body="three", groupchat=False)),
        await world.link.perform(React(to=to, target="x", reactions=("👍",), groupchat=True)),
        await world.link.perform(SetSubject(room=to, subject="tea")),
    ]
    assert all(one is not None for one in sent)
    assert len({one.message_id for one in sent if one is not None}) == 5


async def test_room_that_we_are_not_in_hears_nothing(world: World) -> None:
    stranger = Address.parse(f"stranger@{world.room.domain}")
    with pytest.raises(LinkClosed):
        await world.link.perform(SendMessage(to=stranger, body="hello?", groupchat=True))
    with pytest.raises(LinkClosed):
        await world.link.perform(SetSubject(room=stranger, subject="tea"))


async def test_groupchat_to_one_occupant_is_misuse(world: World) -> None:
    with pytest.raises(MisuseError):
        await world.link.perform(SendMessage(to=world.room.with_resource("carol"), body="x", groupchat=True))


async def test_devoice_kick_and_ban_take_effect(world: World) -> None:
    carol = world.room.with_resource("carol")
    answer = await world.link.perform(SetRole(room=world.room, nick="carol", role=Role.VISITOR))
    assert answer is None
    await until(lambda: world.link.occupant(carol).role is Role.VISITOR)  # type: ignore[union-attr]
    await world.link.perform(SetRole(room=world.room, nick="carol", role=Role.NONE, reason="flood"))
    await until(lambda: world.link.occupant(carol) is None)
    banned = world.real("carol").bare
    ban = SetAffiliation(room=world.room, address=banned, affiliation=Affiliation.OUTCAST, reason="spam")
    assert await world.link.perform(ban) is None
    assert await world.link.affiliated(world.room, Affiliation.OUTCAST) == (banned,)
    assert await world.link.affiliated(world.room, Affiliation.MEMBER) == ()


async def test_ban_puts_out_whoever_is_there(world: World) -> None:
    banned = world.real("carol").bare
    await world.link.perform(SetAffiliation(room=world.room, address=banned, affiliation=Affiliation.OUTCAST))
    await until(lambda: world.link.occupant(world.room.with_resource("carol")) is None)


async def test_owner_cannot_be_kicked_or_banned_by_an_admin(world: World) -> None:
    with pytest.raises(Forbidden):
        await world.link.perform(SetRole(room=world.room, nick="alice", role=Role.NONE))
    with pytest.raises(Forbidden):
        await world.link.perform(
            SetAffiliation(room=world.room, address=world.real("alice").bare, affiliation=Affiliation.OUTCAST)
        )
    assert world.link.occupant(world.room.with_resource("alice")) is not None


async def test_moderation_of_a_message_that_is_not_there_is_told(world: World) -> None:
    with pytest.raises(ItemNotFound):
        await world.link.perform(Moderate(room=world.room, archive_id=ArchiveId("not-there")))


# --- the archive --------------------------------------------------------------------------------------------------


async def test_archive_is_read_in_pages_both_ways(world: World) -> None:
    await world.say(5)
    whole = await world.link.page(ArchiveQuery(archive=world.room))
    ids = [row.archive_id for row in whole.rows]
    assert whole.complete
    assert len(ids) >= 5
    assert (whole.first, whole.last) == (ids[0], ids[-1])
    first = await world.link.page(ArchiveQuery(archive=world.room, page_size=2))
    assert [row.archive_id for row in first.rows] == ids[:2]
    assert not first.complete
    second = await world.link.page(ArchiveQuery(archive=world.room, page_size=100, after=first.last))
    assert [row.archive_id for row in second.rows] == ids[2:]
    assert second.complete
    last = await world.link.page(ArchiveQuery(archive=world.room, page_size=2, before=ArchiveId("")))
    assert [row.archive_id for row in last.rows] == ids[-2:]
    none = await world.link.page(ArchiveQuery(archive=world.room, after=whole.last))
    assert (none.rows, none.first, none.last, none.complete) == ((), None, None, True)


async def test_nothing_comes_after_an_id_that_has_expired(world: World) -> None:
    await world.say(1)
    try:
        page = await world.link.page(ArchiveQuery(archive=world.room, after=ArchiveId("expired")))
    except ItemNotFound:
        return  # XEP-0313: "is not present in the archive, the server MUST return an item-not-found error"
    # Prosody 13.0.1 with internal storage: an empty page, said to be complete
    assert (page.rows, page.complete) == ((), True)


async def test_a_file_gets_an_https_url(world: World) -> None:
    url = await world.link.upload(b"picture", name="a chart.png", content_type="image/png")
    assert url.startswith("https://")
    assert url.endswith("/a%20chart.png")
    with pytest.raises(MisuseError):
        await world.link.upload(b"", name="nothing.png")
