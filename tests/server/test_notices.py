"""Notices in a real room: corrected, taken back, gathered, held back at night."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from botkit.model.actions import Notice, Urgency
from botkit.model.address import Address
from tests.server.running import NICK, running_app, running_bot, write_config
from tests.server.test_sending import CRIER, FAST, said_by_bot, stage
from tests.server.wire import body, is_message

RETRACT = "{urn:xmpp:message-retract:1}retract"
REPLACE = "{urn:xmpp:message-correct:0}replace"


def build(room, text):
    return Notice(to=Address.parse(room), text=text, topic="build-42")


async def test_a_later_notice_of_a_topic_corrects_the_earlier(server, people, account, fresh_room, tmp_path):
    owner, name = await stage(server, people, account, fresh_room)
    async with running_app(write_config(tmp_path, server, name, [fresh_room], FAST)) as bot:
        for text in ("build running", "tests running", "build passed"):
            sent = await bot.app.outbox.perform(build(fresh_room, text))
            await sent.reflected(10)
        heard = [
            await owner.wait_for(lambda s, text=text: is_message(s, f"{fresh_room}/{NICK}", text))
            for text in ("build running", "tests running", "build passed")
        ]
        assert heard[0].find(REPLACE) is None
        assert [one.find(REPLACE).get("id") for one in heard[1:]] == [heard[0].get("id")] * 2


async def test_after_a_restart_it_is_a_message_of_its_own(server, people, account, fresh_room, tmp_path):
    owner, name = await stage(server, people, account, fresh_room)
    config = write_config(tmp_path, server, name, [fresh_room], FAST)
    for text in ("build running", "build passed"):
        async with running_app(config) as bot:
            sent = await bot.app.outbox.perform(build(fresh_room, text))
            await sent.reflected(10)
        heard = await owner.wait_for(lambda s, text=text: is_message(s, f"{fresh_room}/{NICK}", text))
        assert heard.find(REPLACE) is None


@pytest.mark.parametrize("moderated", [False, True])
async def test_a_message_that_was_moderated_is_not_corrected(server, people, account, fresh_room, tmp_path, moderated):
    owner, name = await stage(server, people, account, fresh_room)
    async with running_app(write_config(tmp_path, server, name, [fresh_room], FAST)) as bot:
        sent = await bot.app.outbox.perform(build(fresh_room, "build running"))
        archive_id = await sent.reflected(10)
        if moderated:
            await owner.moderate(fresh_room, archive_id)
        sent = await bot.app.outbox.perform(build(fresh_room, "build passed"))
        await sent.reflected(10)
        heard = await owner.wait_for(lambda s: is_message(s, f"{fresh_room}/{NICK}", "build passed"))
        assert (heard.find(REPLACE) is None) == moderated
    assert body(heard) in await said_by_bot(owner, fresh_room)


async def test_what_has_expired_is_taken_back_in_the_room(server, people, account, fresh_room, tmp_path):
    owner, name = await stage(server, people, account, fresh_room)
    room = Address.parse(fresh_room)
    config = write_config(tmp_path, server, name, [fresh_room], FAST)
    async with running_app(config) as bot:
        expires = datetime.now(UTC) + timedelta(seconds=3)
        sent = await bot.app.outbox.perform(Notice(to=room, text="cake!", expires=expires, retract_on_expiry=True))
        archive_id = await sent.reflected(10)
    async with running_app(config) as bot:  # kept over a restart
        heard = await owner.wait_for(lambda s: s.find(RETRACT) is not None, timeout=15)
        assert heard.find(RETRACT).get("id") == archive_id
        assert heard.get("from") == f"{fresh_room}/{NICK}"
        sent = await bot.app.outbox.perform(Notice(to=room, text="end"))
        await sent.reflected(10)
        await owner.wait_for(lambda s: is_message(s, f"{fresh_room}/{NICK}", "end"))
        assert bot.app.outbox.status().notices == 0
    assert [s.find(RETRACT) is not None for s in owner.received].count(True) == 1


async def test_several_notices_are_one_message(server, people, account, fresh_room, tmp_path):
    owner, name = await stage(server, people, account, fresh_room)
    room = Address.parse(fresh_room)
    async with running_app(write_config(tmp_path, server, name, [fresh_room], FAST + 'digest = "2s"\n')) as bot:
        sent = [await bot.app.outbox.perform(Notice(to=room, text=text)) for text in ("one", "two", "three")]
        ids = {await one.reflected(15) for one in sent}
        assert len(ids) == 1
    assert await said_by_bot(owner, fresh_room) == ["3 notices:\n• one\n• two\n• three"]


async def test_a_digest_whose_sender_is_killed_tells_each_once(server, people, account, fresh_room, tmp_path):
    owner, name = await stage(server, people, account, fresh_room)
    (tmp_path / "crier.py").write_text(CRIER.replace("COUNT", "80").replace("0.01", "0.1"))
    toml = FAST + 'digest = "1s"\n[modules.crier]\nuse = "./crier.py"\n'
    config = write_config(tmp_path, server, name, [fresh_room], toml)
    for _ in range(3):
        since = owner.mark()
        async with running_bot(config) as bot:
            await owner.wait_for(lambda s: is_message(s, f"{fresh_room}/{NICK}"), since=since, timeout=20)
            bot.kill()
            assert await bot.wait() == -9
    async with running_bot(config) as bot:
        await owner.wait_for(lambda s: "notice 79" in (body(s) or ""), timeout=30)
        assert await bot.stop() == 0
    said = "\n".join(await said_by_bot(owner, fresh_room)).replace("• ", "")
    lines = [line for line in said.splitlines() if not line.endswith("notices:")]
    assert sorted(lines) == sorted(f"notice {number}" for number in range(80))


async def test_in_quiet_hours_only_urgent_ones_are_said(server, people, account, fresh_room, tmp_path):
    owner, name = await stage(server, people, account, fresh_room)
    room = Address.parse(fresh_room)
    now = datetime.now(UTC)
    if now.second > 40:  # the hours end with a minute; the bot has to be in the room before that
        now += timedelta(minutes=1)
    end = (now + timedelta(minutes=1)).replace(second=0, microsecond=0)
    hours = f"{now - timedelta(hours=2):%H:%M}-{end:%H:%M}"
    async with running_app(write_config(tmp_path, server, name, [fresh_room], FAST + f'quiet = "{hours}"\n')) as bot:
        sent = await bot.app.outbox.perform(Notice(to=room, text="tea"))
        urgent = await bot.app.outbox.perform(Notice(to=room, text="fire", urgency=Urgency.URGENT))
        await urgent.reflected(10)
        assert datetime.now(UTC) < end
        [waiting] = bot.app.outbox.notices_waiting()
        assert (waiting.why.value, waiting.until) == ("quiet hours", end)
        await sent.reflected(100)
        assert datetime.now(UTC) >= end
    assert await said_by_bot(owner, fresh_room) == ["fire", "tea"]


async def test_an_account_that_is_away_gets_it_when_it_is_back(
    server, people, account, client_factory, fresh_room, tmp_path
):
    _owner, name = await stage(server, people, account, fresh_room)
    away = await account("away")
    to = Address.parse(f"{away}@{server.domain}")
    async with running_app(write_config(tmp_path, server, name, [fresh_room], FAST)) as bot:
        sent = await bot.app.outbox.perform(Notice(to=to, text="tea?", groupchat=False))
        await sent.reflected(10)  # our server has it, and keeps it (XEP-0160)
        late = Notice(to=to, text="too late", groupchat=False, expires=datetime.now(UTC) - timedelta(seconds=1))
        await bot.app.outbox.perform(late)
        alice = await client_factory(account=away)
        alice.send_xml("<presence/>")
        heard = await alice.wait_for(lambda s: body(s) == "tea?")
        assert heard.get("id") == sent.message_id
        await (await bot.app.outbox.perform(Notice(to=to, text="end", groupchat=False))).reflected(10)
        await alice.wait_for(lambda s: body(s) == "end")
    assert [body(s) for s in alice.received if body(s) is not None] == ["tea?", "end"]
