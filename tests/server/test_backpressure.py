"""When handlers lag: queues are bounded, the server has to wait, moderation does not, and nothing is lost."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.standin import DOMAIN, HOST, MUC, StandIn
from botkit.model.messages import Delivery
from tests.server.bots import PASSWORD, config_text
from tests.server.lagging_bot import GATE
from tests.server.patient_bot import HANDLED
from tests.server.running import NICK, Stay, running_app, write_config
from tests.server.test_keeper import gone
from tests.server.wire import is_presence, status_codes

pytestmark = pytest.mark.any_server

LAGGING = '[modules.lagging]\nuse = "tests.server.lagging_bot"\n[log]\nlevel = "info"\n'
PATIENT = LAGGING.replace("lagging", "patient")
KEEPER = '[modules.keeper]\nuse = "bots.keeper"\nwords = ["casino*"]\nflood_messages = 60\nflood_seconds = 0.001\n'
LIMIT = 1000  # events that wait for a room before reading is paused
READ_AT_ONCE = 1000  # more than what one read from the socket may still bring then


@pytest.fixture(autouse=True)
def gate() -> Iterator[None]:
    GATE.reset()
    yield
    GATE.opened.set()


def flood(room: str, count: int) -> str:
    return "".join(
        f"<message type='groupchat' to='{room}' id='f{number}'><body>flood {number}</body></message>"
        for number in range(count)
    )


def bodies(count: int) -> list[str]:
    return [f"flood {number}" for number in range(count)]


def kept(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "bot.db")) as database:
        return int(database.execute("SELECT count(*) FROM message WHERE body LIKE 'flood %'").fetchone()[0])


def waiting(bot: Stay) -> int:
    return bot.app.dispatcher.waiting


async def at_rest(bot: Stay) -> int:
    """How many stanzas were read, once no more are for half a second."""
    read = bot.app.link.connection.counters.received
    for _ in range(40):
        await asyncio.sleep(0.5)  # so much without anything new is rest
        before, read = read, bot.app.link.connection.counters.received
        if before == read:
            break
    return read


async def test_the_server_keeps_what_a_lagging_bot_does_not_read_and_nothing_is_lost(
    server, people, account, fresh_room, tmp_path
):
    (talker,) = await people("talker")
    await talker.create_room(fresh_room, "talker")
    config = write_config(tmp_path, server, await account("bot"), [fresh_room], LAGGING)
    async with running_app(config) as bot:
        talker.send_xml(flood(fresh_room, 4000))
        await bot.until(lambda: bot.told("reading paused"))
        read = await at_rest(bot)
        assert LIMIT <= waiting(bot) < LIMIT + READ_AT_ONCE
        assert read < 3000
        GATE.opened.set()
        await bot.until(lambda: len(GATE.handled) == 4000, 30)
        assert GATE.handled == bodies(4000)
        assert bot.app.dispatcher.dropped == 0
        assert bot.told("reading again")
        assert not bot.told("not connected")
        assert len(bot.told("connected")) == 1
    assert kept(tmp_path) == 4000


async def test_what_a_full_queue_cannot_take_comes_from_the_archive_once_there_is_room(
    server, people, account, fresh_room, tmp_path
):
    (talker,) = await people("talker")
    await talker.create_room(fresh_room, "talker")
    config = write_config(tmp_path, server, await account("bot"), [fresh_room], PATIENT)
    HANDLED.clear()
    async with running_app(config) as bot:
        bot.app.dispatcher._lanes._limit = 5
        bot.app.link.connection._asking += 1  # as while a handler waits for an answer: it is read on
        talker.send_xml(flood(fresh_room, 300))
        await bot.until(lambda: bot.app.history.counters.remembered >= 300, 30)
        assert bot.app.dispatcher.dropped == 300 - 41
        GATE.opened.set()
        await bot.until(lambda: len(HANDLED) >= 300, 30)
        await talker.say(fresh_room, "and on")
        await bot.until(lambda: len(HANDLED) > 300)
    assert [
        *((text, Delivery.LIVE) for text in bodies(300)[:41]),
        *((text, Delivery.CAUGHT_UP) for text in bodies(300)[41:]),
        ("and on", Delivery.LIVE),
    ] == HANDLED
    assert kept(tmp_path) == 300


async def test_moderation_does_not_wait_for_chatter(server, people, account, fresh_room, tmp_path):
    owner, talker = await people("owner", "talker")
    name = await account("bot")
    await owner.create_room(fresh_room, "owner", affiliations={f"{name}@{server.domain}": "admin"})
    await talker.join(fresh_room, "talker")
    config = write_config(tmp_path, server, name, [fresh_room], LAGGING + KEEPER)
    async with running_app(config) as bot:
        talker.send_xml(flood(fresh_room, 400))
        spam = await talker.say(fresh_room, "the best casino in town")
        await gone(owner, fresh_room, spam)
        assert GATE.handled == []
        assert waiting(bot) >= 400
        GATE.opened.set()
        await bot.until(lambda: len(GATE.handled) == 401)
        assert GATE.handled == [*bodies(400), "the best casino in town"]


async def test_moderation_goes_on_while_reading_is_paused(server, people, account, fresh_room, tmp_path):
    owner, talker = await people("owner", "talker")
    name = await account("bot")
    await owner.create_room(fresh_room, "owner", affiliations={f"{name}@{server.domain}": "admin"})
    await talker.join(fresh_room, "talker")
    config = write_config(tmp_path, server, name, [fresh_room], LAGGING + KEEPER)
    async with running_app(config) as bot:
        spam = "<message type='groupchat' to='{}' id='spam'><body>the best casino in town</body></message>"
        talker.send_xml(flood(fresh_room, 900) + spam.format(fresh_room) + flood(fresh_room, 1500))
        said = await talker.wait_for(lambda s: s.get("id") == "spam" and s.get("type") == "groupchat")
        await gone(owner, fresh_room, said)
        assert GATE.handled == []
        await bot.until(lambda: bot.told("reading paused"))
        GATE.opened.set()
        await bot.until(lambda: len(GATE.handled) == 2401, 30)
        assert bot.app.dispatcher.dropped == 0


async def test_the_server_is_answered_while_handlers_lag(server, people, account, fresh_room, tmp_path):
    (talker,) = await people("talker")
    await talker.create_room(fresh_room, "talker", config={"muc#roomconfig_whois": "anyone"})
    config = write_config(tmp_path, server, await account("bot"), [fresh_room], LAGGING)
    async with running_app(config) as bot:
        await talker.wait_for(lambda s: is_presence(s, f"{fresh_room}/{NICK}") and 110 not in status_codes(s))
        talker.send_xml(flood(fresh_room, 500))
        await talker.iq("get", f"{fresh_room}/{NICK}", "<ping xmlns='urn:xmpp:ping'/>")
        assert GATE.handled == []
        talker.send_xml(flood(fresh_room, 2000))
        await bot.until(lambda: bot.told("reading paused"))
        GATE.seconds = 0.001
        GATE.opened.set()
        await talker.iq("get", f"{fresh_room}/{NICK}", "<ping xmlns='urn:xmpp:ping'/>", timeout=20)
        assert not bot.told("not connected")


async def test_a_sender_that_never_pauses_is_slowed_down(tmp_path, monkeypatch):
    count = 40_000  # more than sockets hold
    monkeypatch.setenv("BOT_PASSWORD", PASSWORD)
    room = f"bench@{MUC}"
    text = "<message type='groupchat' from='{0}/talker' id='m{1}' to='bot@localhost/b'><body>flood {1}</body>"
    padding = f"<x xmlns='urn:example:padding'>{'x' * 300}</x>"
    stamp = "<stanza-id xmlns='urn:xmpp:sid:0' id='s{1}' by='{0}'/></message>"
    said = [(text + padding + stamp).format(room, number).encode() for number in range(count)]
    async with StandIn(tmp_path, password=PASSWORD, people={"talker": "some-id"}) as stand_in:
        address = SimpleNamespace(host=HOST, port=stand_in.port, domain=DOMAIN, ca_file=stand_in.ca_file)
        config = tmp_path / "bot.toml"
        more = f'[storage]\npath = "bot.db"\n{LAGGING}'
        config.write_text(config_text(address, "bot", more, rooms=[room], nick=NICK, in_account='tls = "direct"\n'))  # type: ignore[arg-type]
        async with running_app(config) as bot:
            session = stand_in.sessions["bot"]
            sender = asyncio.create_task(session.say(said, 50))
            await bot.until(lambda: bot.told("reading paused"))
            await at_rest(bot)
            assert LIMIT <= waiting(bot) < LIMIT + READ_AT_ONCE
            assert not sender.done()
            assert session.sent < count
            GATE.opened.set()
            await bot.until(lambda: len(GATE.handled) == count, 60)
            await sender
            assert GATE.handled == bodies(count)
            assert bot.app.dispatcher.dropped == 0
    assert kept(tmp_path) == count
