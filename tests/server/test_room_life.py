"""Rooms stay alive on a real server: a silent loss is noticed, what was lost comes back, rights are known."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from botkit.model.address import Address
from botkit.model.capabilities import Capability
from botkit.model.events import RoomStateChanged, StreamEstablished
from botkit.model.room_events import CapabilitiesChanged
from botkit.model.rooms import SELF_PING_OPTIMIZATION, RoomSettings, RoomState
from botkit.protocol import muc
from botkit.session.link import XmppLink
from botkit.session.settings import Keeping
from tests.server.bots import RunningLink, room_settings
from tests.server.clients import Client
from tests.server.cutter import Cutter
from tests.server.wire import is_presence

pytestmark = pytest.mark.server


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rooms are looked after every moment rather than every few minutes."""
    made = XmppLink.__init__

    def init(self: XmppLink, *args: Any, **more: Any) -> None:
        made(self, *args, **more | {"keeping": Keeping(silence=0.3, features_every=3600)})

    monkeypatch.setattr(XmppLink, "__init__", init)
    monkeypatch.setattr("botkit.session.watch._TICK", 0.1)
    monkeypatch.setattr("botkit.session.watch._LEAST", 0.2)


def told(bot: RunningLink, room: str, since: int = 0) -> list[RoomState]:
    return [event.state for event in bot.of(RoomStateChanged, since) if str(event.room) == room]


async def fall_out(bot: RunningLink, alice: Client, room: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bot is out of the room and was not told."""
    with monkeypatch.context() as patch:
        patch.setattr(bot.link._rooms, "on_presence", lambda event: True)
        since = alice.mark()
        await bot.link.connection.send(muc.leave_presence(Address.parse(f"{room}/bot")), acked=True)
        await alice.wait_for(lambda e: is_presence(e, f"{room}/bot") and e.get("type") == "unavailable", since=since)


async def test_room_that_we_silently_fell_out_of_is_noticed_and_entered_again(
    server, account, people, fresh_room, start_link, quick, monkeypatch
):
    (alice,) = await people("alice")
    await alice.create_room(fresh_room, "alice")
    bot = await start_link(server, await account("bot"), fresh_room)
    assert SELF_PING_OPTIMIZATION in bot.link.room(Address.parse(fresh_room)).features
    await asyncio.sleep(1.5)  # some self-pings that find us in
    assert told(bot, fresh_room)[-1] is RoomState.JOINED
    since = bot.mark()
    await fall_out(bot, alice, fresh_room, monkeypatch)
    lost = await bot.wait_for(RoomStateChanged, lambda event: event.state is RoomState.LOST, since=since)
    assert "not-acceptable" in lost.reason
    await bot.wait_state(fresh_room, RoomState.JOINED, since=since)
    await alice.say(fresh_room, "back?")
    await bot.wait_body("back?")


async def test_room_that_is_gone_without_a_word_is_noticed(
    server, account, people, fresh_room, start_link, quick, monkeypatch
):
    (alice,) = await people("alice")
    await alice.create_room(fresh_room, "alice", config={"persistentroom": False})
    bot = await start_link(server, await account("bot"), fresh_room)
    with monkeypatch.context() as patch:
        patch.setattr(bot.link._rooms, "on_presence", lambda event: True)
        await alice.destroy(fresh_room)
        info = await bot.wait_state(fresh_room, RoomState.LOST, RoomState.WAITING, RoomState.REFUSED)
    assert info.reason
    assert info.me is None


async def test_rights_of_the_bot_that_change_are_told_with_reasons(
    server, account, people, fresh_room, start_link, quick
):
    (alice,) = await people("alice")
    name = await account("bot")
    ours = f"{name}@{server.domain}"
    await alice.create_room(fresh_room, "alice", affiliations={ours: "admin"})
    bot = await start_link(server, name, fresh_room)
    address = Address.parse(fresh_room)
    able = bot.link.room(address).capabilities
    assert able.held == set(Capability) - {Capability.CONFIGURE}
    assert bot.of(CapabilitiesChanged) == []

    since = bot.mark()
    await alice.set_affiliation(fresh_room, ours, "none")
    event = await bot.wait_for(CapabilitiesChanged, lambda event: Capability.BAN in event.lost, since=since)
    assert "no admin" in event.now.why_not(Capability.BAN)
    await bot.until(lambda: Capability.KICK not in bot.link.room(address).capabilities)
    assert Capability.SPEAK in bot.link.room(address).capabilities

    since = bot.mark()
    await alice.set_role(fresh_room, "bot", "visitor")
    await bot.wait_for(CapabilitiesChanged, lambda event: Capability.SPEAK in event.lost, since=since)
    since = bot.mark()
    await alice.configure(fresh_room, {"whois": "anyone"})
    await bot.wait_for(CapabilitiesChanged, lambda event: Capability.SEE_JIDS in event.gained, since=since)
    await alice.configure(fresh_room, {"enablearchiving": False})
    await bot.wait_for(CapabilitiesChanged, lambda event: Capability.READ_ARCHIVE in event.lost, since=since)

    # lost while the bot was away
    await alice.set_affiliation(fresh_room, ours, "admin")
    await bot.until(lambda: Capability.BAN in bot.link.room(address).capabilities)
    since = bot.mark()
    await alice.set_role(fresh_room, "bot", "none")
    await alice.set_affiliation(fresh_room, ours, "none")
    await bot.wait_state(fresh_room, RoomState.JOINED, since=since)
    event = await bot.wait_for(CapabilitiesChanged, since=since)
    assert Capability.BAN in event.lost


async def test_destroyed_room_is_followed_only_where_the_config_says_so(
    server, account, people, fresh_room, start_link
):
    (alice,) = await people("alice")
    room = {name: f"{name}-{fresh_room}" for name in ("stays", "follows", "late", "new")}
    for one in room.values():
        await alice.create_room(one, "alice")
    settings = {name: RoomSettings(address=Address.parse(room[name]), nick="bot", follow=True) for name in room}
    bot = await start_link(server, await account("bot"), room["stays"], settings["follows"])
    destroy = f"<query xmlns='http://jabber.org/protocol/muc#owner'><destroy jid='{room['new']}'/></query>"
    for one in ("stays", "follows", "late"):
        await alice.iq("set", room[one], destroy)
    info = await bot.wait_state(room["stays"], RoomState.REFUSED)
    assert f"it goes on at {room['new']}" in info.reason
    assert str(info.moved_to) == room["new"]
    assert told(bot, room["stays"])[-1] is RoomState.REFUSED
    await bot.wait_state(room["new"], RoomState.JOINED)
    assert told(bot, room["follows"])[-1] is RoomState.LEFT
    since = bot.mark()
    await bot.link.join(settings["late"])  # it is not there any more, and says where it went, or nothing
    await bot.wait_state(room["late"], RoomState.REFUSED, RoomState.LEFT, since=since)


async def test_banned_bot_stops_trying_and_tries_again_when_told(server, account, people, fresh_room, start_link):
    (alice,) = await people("alice")
    name = await account("bot")
    ours = f"{name}@{server.domain}"
    await alice.create_room(fresh_room, "alice")
    bot = await start_link(server, name, fresh_room)
    address, since = Address.parse(fresh_room), bot.mark()
    await alice.set_affiliation(fresh_room, ours, "outcast", "go")
    await bot.wait_state(fresh_room, RoomState.REFUSED, since=since)
    assert bot.link.retry(address)
    await bot.until(lambda: told(bot, fresh_room, since).count(RoomState.REFUSED) == 2)
    assert bot.link.room(address).error == "forbidden"
    await alice.set_affiliation(fresh_room, ours, "none")
    assert bot.link.retry(address)
    await bot.wait_state(fresh_room, RoomState.JOINED, since=since)


async def test_bot_that_is_kicked_again_and_again_while_it_joins_is_in_in_the_end(
    server, account, people, fresh_room, start_link, monkeypatch
):
    monkeypatch.setattr("botkit.session.supervisor._BACKOFF_CAP", 0.3)
    (alice,) = await people("alice")
    await alice.create_room(fresh_room, "alice")
    seen = alice.mark()
    bot = await start_link(server, await account("bot"), room_settings(fresh_room), joined=False)
    for _ in range(10):
        came = await alice.wait_for(lambda e: is_presence(e, f"{fresh_room}/bot") and not e.get("type"), since=seen)
        seen = alice.received.index(came) + 1
        await alice.set_role(fresh_room, "bot", "none", "out")
    await alice.wait_for(lambda e: is_presence(e, f"{fresh_room}/bot") and not e.get("type"), since=seen)
    await bot.until(lambda: bot.link.room(Address.parse(fresh_room)).state is RoomState.JOINED)
    await alice.say(fresh_room, "still here?")
    await bot.wait_body("still here?")


async def test_cuts_while_many_rooms_are_entered_leave_every_room_joined(start_server, client_factory, start_link):
    server = await start_server(accounts={"bot": "secret", "alice": "secret"})
    alice = await client_factory(on=server, account="alice")
    rooms = [f"room{number}@{server.muc}" for number in range(30)]
    for room in rooms:
        await alice.create_room(room, "alice", config={"persistentroom": True})
    async with Cutter(server.host, server.port) as cutter:
        bot = await start_link(server, "bot", *rooms, port=cutter.port, joined=False)
        for count in (3, 10, 20, 30):
            await bot.until(lambda count=count: len(told_joined(bot)) >= count, 30)
            cutter.cut()
        for room in rooms:
            address = Address.parse(room)
            await bot.until(lambda address=address: bot.link.room(address).state is RoomState.JOINED, 30)
        assert len(bot.of(StreamEstablished)) >= 4


def told_joined(bot: RunningLink) -> set[str]:
    return {str(event.room) for event in bot.of(RoomStateChanged) if event.state is RoomState.JOINED}


async def test_hundred_and_thirty_rooms_come_back_after_a_restart_of_the_server(
    start_server, client_factory, start_link
):
    server = await start_server(accounts={"bot": "secret", "alice": "secret"})
    alice = await client_factory(on=server, account="alice")
    rooms = [f"room{number}@{server.muc}" for number in range(130)]
    for room in rooms:
        await alice.create_room(room, "alice", config={"persistentroom": True})
    bot = await start_link(server, "bot", *rooms)
    most = 0

    def look(event: RoomStateChanged) -> None:
        nonlocal most
        busy = (RoomState.ASKING, RoomState.JOINING)
        most = max(most, sum(1 for info in bot.link.rooms() if info.state in busy))

    since = bot.mark()
    await server.restart()
    await bot.wait_for(StreamEstablished, since=since)
    began = time.monotonic()
    seen = since
    while any(info.state is not RoomState.JOINED for info in bot.link.rooms()):
        for event in bot.of(RoomStateChanged, seen):
            look(event)
        seen = bot.mark()
        assert time.monotonic() - began < 60
        await asyncio.sleep(0.005)
    print(f"130 rooms back after {time.monotonic() - began:.1f} s, at most {most} at a time")
    assert most <= 32
    failed = [event for event in bot.of(RoomStateChanged, since) if event.state is RoomState.REFUSED]
    assert failed == []
