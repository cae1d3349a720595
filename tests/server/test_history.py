"""One log of what rooms say, live and from their archives, compared with what the room tells another client."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest

from botkit.testing.prosody import Prosody
from tests.server.clients import Client
from tests.server.running import Stay, history, history_lines, history_text, running_app, running_bot, write_config
from tests.server.wire import CLIENT, body, is_message, stanza_id

FORWARDED = "{urn:xmpp:forward:0}forwarded"
MANY = 130  # more than two pages of Prosody's 50


@dataclass
class Talk:
    """A room, two people in it, and a bot's config."""

    room: str
    owner: Client
    other: Client
    config: Path

    async def said(self) -> list[tuple[str, str, str]]:
        """(archive id, nick, body) of all that the room's archive has, as the owner reads it page by page."""
        return await archive_of(self.owner, self.room)

    async def logged(self, *arguments: str) -> list[tuple[str, str, str]]:
        """The same of what ``botkit history`` prints."""
        rows = await history(self.config, self.room, *arguments)
        return [(row["archive_id"], row["nick"], row["body"]) for row in rows]


async def archive_of(person: Client, room: str) -> list[tuple[str, str, str]]:
    found: list[Element] = []
    while page := await person.archive(room, after=found[-1].get("id", "") if found else ""):
        found += page
    rows = []
    for result in found:
        message = result.find(f"{FORWARDED}/{CLIENT}message")
        if message is not None and body(message) is not None:
            rows.append((result.get("id", ""), message.get("from", "").partition("/")[2], body(message) or ""))
    return rows


type_of_talk = Callable[..., Awaitable[Talk]]


@pytest.fixture
async def make_talk(server: Prosody, client_factory, account, fresh_room: str, tmp_path: Path) -> type_of_talk:
    async def make(on: Prosody = server, toml: str = "") -> Talk:
        name = "bot"
        if on is server:
            owner, other, name = await client_factory("owner"), await client_factory("other"), await account("bot")
        else:
            owner, other = [await client_factory(on=on, account=one) for one in ("owner", "other")]
        room = fresh_room
        affiliations = {f"{name}@{on.domain}": "admin"}
        await owner.create_room(room, "owner", config={"persistentroom": True}, affiliations=affiliations)
        await other.join(room, "other")
        return Talk(room, owner, other, write_config(tmp_path, on, name, [room], toml))

    return make


async def say_many(talk: Talk, count: int, what: str) -> None:
    """Both people talk at once, so that the room alone decides the order."""
    await asyncio.gather(
        *(
            person.say(talk.room, f"{what} {number} of {person.nicks[talk.room]}")
            for number in range(count // 2)
            for person in (talk.owner, talk.other)
        )
    )


async def test_gap_of_several_pages_is_closed_in_order_and_nothing_is_doubled(make_talk):
    talk = await make_talk()
    async with running_app(talk.config) as bot:
        await say_many(talk, 6, "live")
        await heard(bot, 6)
    await say_many(talk, MANY, "away")
    async with running_app(talk.config) as bot:
        [result] = bot.catch_ups
        assert result.new == MANY
        assert result.pages == 3
        await say_many(talk, 6, "live again")
        await heard(bot, 6)
    said = await talk.said()
    assert len(said) == MANY + 12
    assert await talk.logged() == said


async def test_gap_is_closed_while_people_go_on_talking(make_talk):
    talk = await make_talk()
    async with running_app(talk.config):
        await say_many(talk, 2, "live")
    await say_many(talk, MANY, "away")
    talking = asyncio.create_task(say_steadily(talk, asyncio.Event(), 100))
    async with running_app(talk.config) as bot:
        await talking
        await bot.until(lambda: bot.app.history.counters.remembered + bot.catch_ups[0].new >= MANY + 100)
    assert await talk.logged() == await talk.said()


async def heard(bot: Stay, count: int) -> None:
    """What is said last may come when the bot goes down already: then the next run has it as new."""
    await bot.until(lambda: bot.app.history.counters.remembered >= count)


async def say_steadily(talk: Talk, enough: asyncio.Event, most: int = 10_000) -> int:
    """Say one thing after the other until ``enough``; how many."""
    for number in range(most):
        await talk.owner.say(talk.room, f"steady {number}")
        await asyncio.sleep(0.02)  # about as fast as a busy room
        if enough.is_set():
            return number + 1
    return most


async def test_killed_in_the_middle_of_talk_it_loses_and_doubles_nothing(make_talk):
    talk = await make_talk()
    enough = asyncio.Event()
    talking = asyncio.create_task(say_steadily(talk, enough))
    for times in range(3):
        since = talk.owner.mark()
        async with running_bot(talk.config) as bot:
            await bot.wait_for_log("room joined")
            if times:
                await bot.wait_for_log("history caught up")
            # Some more is said, which may be in any state of being stored.
            for _ in range(20 * times + 7):
                heard = await talk.other.wait_for(lambda s: is_message(s, f"{talk.room}/owner"), since=since)
                since = talk.other.received.index(heard, since) + 1
            bot.kill()
            assert await bot.wait() == -9
    enough.set()
    count = await talking
    async with running_app(talk.config):
        pass
    said = await talk.said()
    assert len(said) == count
    assert await talk.logged() == said


async def test_cursor_that_the_archive_does_not_know_is_replaced_by_its_time(make_talk):
    talk = await make_talk()
    async with running_app(talk.config) as bot:
        await say_many(talk, 6, "live")
        await heard(bot, 6)
    with closing(sqlite3.connect(talk.config.with_name("bot.db"))) as database, database:
        changed = database.execute("UPDATE cursor SET archive_id = 'never-given'")
        assert changed.rowcount == 1
    await say_many(talk, 60, "away")
    async with running_app(talk.config) as bot:
        [result] = bot.catch_ups
        assert (result.new, result.gap) == (60, None)
    assert await talk.logged() == await talk.said()


async def test_archive_that_was_lost_is_told_as_a_gap_and_read_from_its_beginning(make_talk, start_server):
    accounts = dict.fromkeys(("owner", "other", "bot"), "secret")
    server = await start_server(accounts=accounts)
    talk = await make_talk(on=server)
    async with running_app(talk.config) as bot:
        await say_many(talk, 4, "live")
        await heard(bot, 4)
    before = await talk.said()
    server.kill()
    lost = list((server.folder / "data").rglob("muc_log/*"))
    assert lost
    for file in lost:
        file.unlink()
    await server.revive()
    owner = await Client.connect(server, "owner", "again")
    try:
        await owner.join(talk.room, "owner")
        await asyncio.gather(*(owner.say(talk.room, f"after {number}") for number in range(60)))
        async with running_app(talk.config) as bot:
            [result] = bot.catch_ups
            assert result.new == 60
            assert result.gap is not None
            [line] = bot.told("history caught up")
            assert "gap" in line
        [gap] = [line for line in await history_lines(talk.config, talk.room) if "gap" in line]
        assert (gap["gap"], gap["after_id"]) == ("expired", before[-1][0])
        assert gap["before_id"] == (await archive_of(owner, talk.room))[0][0]
        assert await talk.logged() == before + await archive_of(owner, talk.room)
    finally:
        await owner.close()


async def test_what_was_taken_back_or_corrected_is_shown_so_and_originals_only_on_demand(make_talk):
    talk = await make_talk()
    async with running_app(talk.config):
        await change(talk, await say_what_is_changed(talk))
    await check_changes(talk)


async def test_changes_made_while_the_bot_was_away_are_shown_too(make_talk):
    talk = await make_talk()
    async with running_app(talk.config):
        said = await say_what_is_changed(talk)
    await change(talk, said)
    async with running_app(talk.config):
        pass
    await check_changes(talk)


async def say_what_is_changed(talk: Talk) -> tuple[Element, Element]:
    wrong = await talk.other.say(talk.room, "a private number 4711", number="n1")
    await talk.other.say(talk.room, "the meating is at nine", number="n2")
    return wrong, await talk.other.say(talk.room, "something rude")


async def change(talk: Talk, said: tuple[Element, Element]) -> None:
    """Its author takes the first back and corrects the second; a moderator takes the third away."""
    correct = "<replace xmlns='urn:xmpp:message-correct:0' id='n2'/>"
    await talk.other.say(talk.room, "the meeting is at ten", correct)
    await talk.owner.moderate(talk.room, said[1], "rude")
    retract = (
        f"<retract xmlns='urn:xmpp:message-retract:1' id='{stanza_id(said[0], talk.room)}'/>"
        "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:message-retract:1'/>"
    )
    await talk.other.say(talk.room, "This person took back a message", retract)
    # A correction by somebody else is none.
    await talk.owner.say(talk.room, "the meeting is off", correct)


async def check_changes(talk: Talk) -> None:
    room = talk.room
    rows = {row["message_id"]: row for row in await history(talk.config, room)}
    assert rows["n1"]["retracted"]
    assert rows["n2"]["corrected"]
    assert (rows["n1"]["body"], rows["n2"]["body"]) == ("", "the meeting is at ten")
    [rude] = [row for row in rows.values() if row["reason"] == "rude"]
    assert rude["retracted"]
    assert not rude["body"]
    assert not any("original" in row for row in rows.values())
    shown = await history_text(talk.config, room)
    for secret in ("4711", "meating", "something rude"):
        assert secret not in shown
    with_originals = await history_text(talk.config, room, "--originals")
    for secret in ("4711", "meating", "something rude"):
        assert secret in with_originals
    for secret in ("4711", "meating", "rude"):
        assert not await history(talk.config, room, "--search", secret)
    [found] = await history(talk.config, room, "--search", "meeting ten")
    assert found["message_id"] == "n2"
    assert await history(talk.config, room, "--since", "1h")
    assert not await history(talk.config, room, "--since", "2099-01-01")


async def test_history_can_be_read_and_searched_while_the_bot_runs(make_talk):
    talk = await make_talk()
    async with running_app(talk.config) as bot:
        before = bot.app.history.counters.written
        await talk.other.say(talk.room, "Der Größenwahn\nhat zwei Zeilen")
        await bot.until(lambda: bot.app.history.counters.written > before)
        [row] = await history(talk.config, talk.room, "--search", "größenwahn")
        assert row["body"] == "Der Größenwahn\nhat zwei Zeilen"
        assert row["nick"] == "other"
        assert row["jid"] in (talk.other.jid, talk.other.bare)


async def test_what_was_said_while_the_room_kept_no_archive_is_told_as_a_gap(make_talk):
    talk = await make_talk()
    async with running_app(talk.config):
        await say_many(talk, 4, "live")
    await talk.owner.configure(talk.room, {"enablearchiving": False, "historylength": 0})
    await say_many(talk, 4, "away")
    async with running_app(talk.config) as bot:
        [result] = bot.catch_ups
        assert result.no_archive
        await say_many(talk, 2, "live again")
    [gap] = [line for line in await history_lines(talk.config, talk.room) if "gap" in line]
    assert gap["gap"] == "no archive"
    bodies = [line.get("body", "gap") for line in await history_lines(talk.config, talk.room)]
    assert bodies.index("gap") == 4
    assert len(bodies) == 7
