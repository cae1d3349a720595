"""Reminders in a real room: asked for in chat and by a form, over a restart, put off by answer and reaction."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from xml.sax.saxutils import quoteattr

import pytest

from tests.server.clients import Client
from tests.server.running import NICK, bot_in, running_app, write_config
from tests.server.test_herald import TurnedClock
from tests.server.wire import MUC_USER, body, is_message, is_presence, stanza_id

pytestmark = pytest.mark.any_server

TOML = '[modules.herald]\nuse = "bots.herald"\n[commands]\ntimezone = "Europe/Berlin"\n'
START = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)  # the night after, clocks go forward in Berlin


async def hears(person: Client, room: str, text: str, since: int) -> object:
    return await person.wait_for(
        lambda s: is_message(s, f"{room}/{NICK}") and text in (body(s) or ""), since=since
    )  # fmt: skip


async def test_a_reminder_outlives_a_restart_and_is_put_off_by_answer_and_by_reaction(
    server, people, account, fresh_room, tmp_path
):
    [owner] = await people("owner")
    name, room = await account("bot"), fresh_room
    await owner.create_room(room, "owner", affiliations={f"{name}@{server.domain}": "admin"})
    config, clock = write_config(tmp_path, server, name, [room], TOML), TurnedClock(START)

    async with running_app(config, clock=clock):
        await bot_in(owner, room)
        since = owner.mark()
        await owner.say(room, "!remind me tomorrow at 9 to water the plants")
        # Berlin is two hours ahead of UTC by then
        await hears(owner, room, "Sun 2026-03-29 09:00 (Europe/Berlin)", since)

    since = owner.mark()
    clock.turn(datetime(2026, 3, 29, 6, 59, 58, tzinfo=UTC))
    async with running_app(config, clock=clock) as bot:
        said = await hears(owner, room, "owner: water the plants", since)
        await bot.until(lambda: bot.told("reminder said"))
        target = stanza_id(said, room)

        since = owner.mark()
        extras = f"<reply xmlns='urn:xmpp:reply:0' to={quoteattr(f'{room}/{NICK}')} id={quoteattr(target)}/>"
        await owner.say(room, "snooze 30m", extras)
        await hears(owner, room, "Again: Sun 2026-03-29 09:3", since)
        since = owner.mark()
        clock.turn(clock.now() + timedelta(minutes=30))
        said = await hears(owner, room, "owner: water the plants", since)
        await bot.until(lambda: len(bot.told("reminder said")) == 2)

        since = owner.mark()
        owner.send_xml(
            f"<message xmlns='jabber:client' to={quoteattr(room)} type='groupchat' id='r1'>"
            f"<reactions xmlns='urn:xmpp:reactions:0' id={quoteattr(stanza_id(said, room))}>"
            "<reaction>⏰</reaction></reactions><store xmlns='urn:xmpp:hints'/></message>"
        )
        await hears(owner, room, "Again: Sun 2026-03-29 09:4", since)
        since = owner.mark()
        clock.turn(clock.now() + timedelta(minutes=10))
        await hears(owner, room, "owner: water the plants", since)


async def test_a_reminder_is_asked_for_by_a_form_and_comes_in_private(server, people, account, fresh_room, tmp_path):
    [owner] = await people("owner")
    name = await account("bot")
    await owner.create_room(fresh_room, "owner", affiliations={f"{name}@{server.domain}": "admin"})
    bare, clock = f"{name}@{server.domain}", TurnedClock(START)
    async with running_app(write_config(tmp_path, server, name, [fresh_room], TOML), clock=clock):
        presence = await owner.wait_for(lambda s: is_presence(s, f"{fresh_room}/{NICK}"))
        full = next(element.get("jid", "") for element in presence.iter(f"{MUC_USER}item"))
        done = await owner.run_command(full, "remind me", {"when": "in 2h", "text": "tea"})
        assert done.status == "completed"
        assert "14:00" in "".join(done.element.itertext()) or "15:00" in "".join(done.element.itertext())
        listed = await owner.run_command(full, "reminders")
        assert ": tea" in "".join(listed.element.itertext())
        since = owner.mark()
        clock.turn(START + timedelta(hours=2, seconds=30))
        await owner.wait_for(
            lambda s: s.get("from", "").startswith(bare) and body(s) == "Reminder: tea", since=since
        )  # fmt: skip
