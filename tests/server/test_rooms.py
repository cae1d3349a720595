"""Rooms on a real server: entered, refused, lost and left, and none of them harmed by another."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from botkit.errors import LinkClosed
from botkit.model.actions import SendMessage
from botkit.model.address import Address
from botkit.model.events import OccupantJoined, RoomStateChanged, StreamEstablished
from botkit.model.rooms import Affiliation, Role, RoomSettings, RoomState
from botkit.protocol import muc
from tests.server.bots import RunningLink, room_settings
from tests.server.clients import Client
from tests.server.cutter import Cutter
from tests.server.wire import StanzaFailed, is_message, is_presence

pytestmark = pytest.mark.server


def rooms_of(base: str, *names: str) -> dict[str, str]:
    return {name: f"{name}-{base}" for name in names}


async def works(bot: RunningLink, person: Client, room: str, text: str) -> None:
    """The room is heard, and hears us."""
    await person.say(room, text)
    await bot.wait_body(text)
    await bot.link.perform(SendMessage(to=Address.parse(room), body=f"re: {text}", groupchat=True))
    await person.wait_for(lambda e: is_message(e, text=f"re: {text}"))


def told(bot: RunningLink, room: str) -> list[RoomState]:
    return [event.state for event in bot.of(RoomStateChanged) if str(event.room) == room]


def with_settings(room: str, nick: str = "bot", **more: Any) -> RoomSettings:
    return room_settings(room, nick, **more)


async def test_rooms_that_refuse_harm_no_room_that_works(server, account, people, fresh_room, start_link):
    alice, bob = await people("alice", "bob")
    name = await account("bot")
    ours = f"{name}@{server.domain}"
    room = rooms_of(fresh_room, "good", "banned", "members", "secret", "opened", "taken", "typo", "locked")
    await alice.create_room(room["good"], "alice")
    await alice.create_room(room["banned"], "alice", affiliations={ours: "outcast"})
    await alice.create_room(room["members"], "alice", config={"membersonly": True})
    for closed in ("secret", "opened"):
        await alice.create_room(room[closed], "alice", config={"roomsecret": "sesame"})
    await alice.create_room(room["taken"], "alice")
    await bob.join(room["taken"], "bot")
    await alice.join_new(room["locked"], "alice")
    elsewhere, person, upload = "room@rooms.unreachable.invalid", alice.bare, f"x@{server.upload}"

    bot = await start_link(server, name, room["good"])
    works_meanwhile = asyncio.create_task(_talk(bot, alice, room["good"]))
    asked = [with_settings(room[one]) for one in ("banned", "members", "secret", "taken", "typo", "locked")]
    asked += [with_settings(one) for one in (elsewhere, person, upload, ours)]
    asked += [with_settings(room["opened"], password="sesame")]
    for settings in asked:
        await bot.link.join(settings)

    refused = {
        room["banned"]: "banned",
        room["members"]: "members-only",
        room["secret"]: "password",
        room["typo"]: "create = true",
        ours: "no room",
    }
    for one, reason in refused.items():
        info = await bot.wait_state(one, RoomState.REFUSED)
        assert reason in info.reason
        assert info.me is None
        assert info.next_try is None
        with pytest.raises(LinkClosed, match="not in"):
            await bot.link.perform(SendMessage(to=info.address, body="hello?", groupchat=True))
    for one in (elsewhere, person, upload, room["locked"]):
        info = await bot.wait_state(one, RoomState.WAITING, RoomState.REFUSED)
        assert info.reason
    assert (await bot.wait_state(room["opened"], RoomState.JOINED)).me.nick == "bot"
    assert (await bot.wait_state(room["taken"], RoomState.JOINED)).me.nick == "bot_2"
    await works(bot, bob, room["taken"], "under another nick")

    with pytest.raises(StanzaFailed) as caught:
        await alice.features(room["typo"])
    assert caught.value.condition == "item-not-found"
    assert await works_meanwhile >= 3
    assert told(bot, room["good"]) == [RoomState.ASKING, RoomState.JOINING, RoomState.JOINED]
    assert [str(info.address) for info in bot.link.rooms()][:3] == [room["good"], room["banned"], room["members"]]

    # once cured, asking again is enough
    await alice.set_affiliation(room["banned"], ours, "none")
    await alice.set_affiliation(room["members"], ours, "member")
    for one in ("banned", "members"):
        await bot.link.join(with_settings(room[one]))
        assert (await bot.wait_state(room[one], RoomState.JOINED)).me is not None
    await works(bot, alice, room["members"], "now a member")


async def _talk(bot: RunningLink, person: Client, room: str) -> int:
    count = 0
    while count < 3 or not all(info.reason or info.me for info in bot.link.rooms()):
        count += 1
        await works(bot, person, room, f"line {count}")
    return count


async def test_room_is_made_and_unlocked_where_the_config_says_so(server, account, people, fresh_room, start_link):
    (bob,) = await people("bob")
    bot = await start_link(server, await account("bot"), with_settings(fresh_room, create=True))
    info = bot.link.room(Address.parse(fresh_room))
    assert info.me.affiliation is Affiliation.OWNER
    assert info.me.role is Role.MODERATOR
    assert info.archive
    assert info.occupant_ids
    await bob.join(fresh_room, "bob")
    await bot.wait_for(OccupantJoined, lambda event: event.author.nick == "bob")
    await works(bot, bob, fresh_room, "a new room")


async def test_room_comes_back_after_a_kick_and_tells_why_it_stays_out(server, account, people, fresh_room, start_link):
    (alice,) = await people("alice")
    name = await account("bot")
    ours = f"{name}@{server.domain}"
    room = rooms_of(fresh_room, "good", "kicked", "banned", "closed", "demoted", "destroyed", "left")
    for one in room.values():
        await alice.create_room(one, "alice")
    await alice.configure(room["demoted"], {"membersonly": True})
    await alice.set_affiliation(room["demoted"], ours, "member")
    bot = await start_link(server, name, *room.values())
    since = bot.mark()

    await alice.set_role(room["kicked"], "bot", "none", "too loud")
    await alice.set_affiliation(room["banned"], ours, "outcast", "go away")
    await alice.configure(room["closed"], {"membersonly": True})
    await alice.set_affiliation(room["demoted"], ours, "none")
    await alice.destroy(room["destroyed"])
    # as if another client of ours had left for us
    await bot.link.connection.send(muc.leave_presence(Address.parse(f"{room['left']}/bot")))

    for one, reason in {
        "banned": ("banned", "go away"),
        "closed": ("members-only",),
        "demoted": ("affiliation",),
        "destroyed": ("destroyed",),
    }.items():
        info = await bot.wait_state(room[one], RoomState.REFUSED, since=since)
        assert all(part in info.reason for part in reason), info.reason
        assert info.me is None
        assert bot.link.occupants(info.address) == ()
        assert RoomState.LOST not in told(bot, room[one])
    for one in ("kicked", "left"):
        await bot.wait_state(room[one], RoomState.JOINED, since=since)
        assert told(bot, room[one])[3:5] == [RoomState.LOST, RoomState.WAITING]
        await works(bot, alice, room[one], f"back in {one}")
    lost = next(event for event in bot.of(RoomStateChanged) if event.state is RoomState.LOST)
    assert lost.reason
    assert told(bot, room["good"]) == [RoomState.ASKING, RoomState.JOINING, RoomState.JOINED]
    await works(bot, alice, room["good"], "not harmed")


async def test_room_that_forgot_us_is_entered_again(server, account, people, fresh_room, start_link, monkeypatch):
    (alice,) = await people("alice")
    await alice.create_room(fresh_room, "alice")
    bot = await start_link(server, await account("bot"), fresh_room)
    address = Address.parse(fresh_room)
    with monkeypatch.context() as patch:  # we leave, and do not hear that we are out
        patch.setattr(bot.link._rooms, "on_presence", lambda event: True)
        gone = alice.mark()
        await bot.link.connection.send(muc.leave_presence(address.with_resource("bot")), acked=True)
        await alice.wait_for(lambda e: is_presence(e, f"{fresh_room}/bot"), since=gone)
    since = bot.mark()
    await bot.link.perform(SendMessage(to=address, body="into the void", groupchat=True))
    info = await bot.wait_state(fresh_room, RoomState.WAITING, since=since)
    assert "does not know us" in info.reason
    await bot.wait_state(fresh_room, RoomState.JOINED, since=since)
    await works(bot, alice, fresh_room, "back")


async def test_features_are_asked_for_again_when_the_configuration_changes(
    server, account, people, fresh_room, start_link
):
    (alice,) = await people("alice")
    await alice.create_room(fresh_room, "alice")
    bot = await start_link(server, await account("bot"), fresh_room)
    info = bot.link.room(Address.parse(fresh_room))
    assert info.archive
    await alice.configure(fresh_room, {"enablearchiving": False, "roomname": "renamed"})
    await bot.until(lambda: not bot.link.room(info.address).archive)
    assert bot.link.room(info.address).name == "renamed"
    for on in (True, False, True):
        await alice.configure(fresh_room, {"enablearchiving": on})
    await bot.until(lambda: bot.link.room(info.address).archive)
    await works(bot, alice, fresh_room, "as before")


async def test_leaving_leaves_no_ghost_behind_however_early(server, account, people, fresh_room, start_link):
    (alice,) = await people("alice")
    room = rooms_of(fresh_room, "joined", "asking", "joining", "away")
    for one in room.values():
        await alice.create_room(one, "alice")
    name = await account("bot")
    async with Cutter(server.host, server.port) as cutter:
        bot = await start_link(server, name, room["joined"], room["away"], port=cutter.port)
        address = {key: Address.parse(one) for key, one in room.items()}
        await bot.link.join(with_settings(room["asking"]))
        await bot.wait_state(room["asking"], RoomState.ASKING)
        await bot.link.leave(address["asking"])
        await bot.link.join(with_settings(room["joining"]))
        await bot.wait_state(room["joining"], RoomState.JOINING)
        await bot.link.leave(address["joining"])
        await bot.link.leave(address["joined"], "bye")
        cutter.cut()
        await bot.wait_state(room["away"], RoomState.LOST)
        await bot.link.leave(address["away"])
        await bot.wait_for(StreamEstablished, lambda event: event.resumed)
        assert bot.link.rooms() == ()
        for one in room.values():
            # what the room itself says, not what it may still have to tell
            await _until_alone(alice, one)
            assert RoomState.LEFT in told(bot, one)
        bye = await alice.wait_for(lambda e: is_presence(e, f"{room['joined']}/bot") and e.get("type") == "unavailable")
        assert "bye" in "".join(bye.itertext())


async def _until_alone(person: Client, room: str) -> None:
    async with asyncio.timeout(10):
        while True:
            payload = "<query xmlns='http://jabber.org/protocol/muc#admin'><item role='participant'/></query>"
            answer = await person.iq("get", room, payload)
            if answer.find(".//{http://jabber.org/protocol/muc#admin}item") is None:
                return
            await asyncio.sleep(0.05)


async def test_resumed_stream_keeps_rooms_and_a_restarted_server_gets_all_back(
    start_server, client_factory, start_link
):
    server = await start_server(accounts={"bot": "secret", "alice": "secret"})
    alice = await client_factory(on=server, account="alice")
    rooms = [f"room{number}@{server.muc}" for number in range(5)]
    for room in rooms:
        await alice.create_room(room, "alice", config={"persistentroom": True})
    async with Cutter(server.host, server.port) as cutter:
        bot = await start_link(server, "bot", *rooms, port=cutter.port)
        since = bot.mark()
        cutter.cut()
        resumed = await bot.wait_for(StreamEstablished, since=since)
        assert resumed.resumed
        for room in rooms:
            assert bot.link.room(Address.parse(room)).state is RoomState.JOINED
            assert told(bot, room)[3:] == [RoomState.LOST, RoomState.JOINED]
        await works(bot, alice, rooms[4], "still here")

        since = bot.mark()
        await server.restart()
        for room in rooms:
            await bot.wait_state(room, RoomState.JOINED, since=since)
        alice = await client_factory(on=server, account="alice")
        for room in rooms:
            await alice.join(room, "alice")
            await works(bot, alice, room, f"again in {room}")
