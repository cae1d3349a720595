"""What the outbox sends, in a real room; and notices of a bot that is killed again and again."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

from botkit.model.actions import Notice, SendMessage
from botkit.model.address import Address
from botkit.model.messages import MessageId
from tests.server.running import NICK, running_app, running_bot, write_config
from tests.server.wire import body, is_message

FAST = "[outgoing]\nroom_rate = 500.0\nroom_burst = 500\naccount_rate = 500.0\naccount_burst = 500\n"
CRIER = """
import asyncio
from botkit import Context, Module, Router

router = Router("crier")


@router.start
async def cry(ctx: Context) -> None:
    [room] = ctx.link.rooms()
    for number in range(COUNT):
        await ctx.notify(f"notice {number}", to=room.address, key=f"notice {number}")
        await asyncio.sleep(0.01)


module = Module(name="crier", router=router)
"""
COUNT = 60


def archived_message(result):
    return result.find("{urn:xmpp:forward:0}forwarded/{jabber:client}message")


async def said_by_bot(person, room):
    """The texts of the bot that the room's archive has, in order."""
    found, after = [], ""
    while rows := await person.archive(room, after=after, limit=50):
        messages = [archived_message(row) for row in rows]
        found += [body(m) for m in messages if m.get("from") == f"{room}/{NICK}" and body(m) is not None]
        after = rows[-1].get("id")
    return found


async def stage(server, people, account, room):
    [owner] = await people("owner")
    name = await account("bot")
    await owner.create_room(room, "owner", affiliations={f"{name}@{server.domain}": "admin"})
    return owner, name


async def test_the_reflection_brings_the_archive_id(server, people, account, fresh_room, tmp_path):
    owner, name = await stage(server, people, account, fresh_room)
    async with running_app(write_config(tmp_path, server, name, [fresh_room], FAST)) as bot:
        sent = await bot.app.outbox.perform(SendMessage(to=Address.parse(fresh_room), body="hello", groupchat=True))
        archive_id = await sent.reflected(10)
        [row] = [row for row in await owner.archive(fresh_room) if body(archived_message(row)) == "hello"]
        assert row.get("id") == archive_id
        assert archived_message(row).get("id") == sent.message_id


async def test_a_forged_copy_is_no_reflection(server, people, account, fresh_room, tmp_path):
    owner, name = await stage(server, people, account, fresh_room)
    async with running_app(write_config(tmp_path, server, name, [fresh_room], FAST)) as bot:
        sender = bot.app.outbox._sender
        sent = await bot.app.outbox.perform(SendMessage(to=Address.parse(fresh_room), body="hello", groupchat=True))
        await sent.reflected(10)
        # The same again under an id that nobody has reflected yet, from somebody else.
        entry = sent.following._parts[0]
        entry.reflected, entry.message_id = False, MessageId("forged-1")
        sender.awaited[MessageId("forged-1")] = entry
        await owner.say(fresh_room, "hello", "<origin-id xmlns='urn:xmpp:sid:0' id='forged-1'/>", number="forged-1")
        await owner.wait_for(lambda s: is_message(s, f"{fresh_room}/owner", "hello"))
        marker = await bot.app.outbox.perform(SendMessage(to=Address.parse(fresh_room), body="after", groupchat=True))
        await marker.reflected(10)
        assert not entry.reflected


async def test_a_running_message_is_corrected_in_place(server, people, account, fresh_room, tmp_path):
    owner, name = await stage(server, people, account, fresh_room)
    slow = "[outgoing]\nroom_rate = 2.0\nroom_burst = 1\n"
    async with running_app(write_config(tmp_path, server, name, [fresh_room], slow)) as bot:
        progress = await bot.app.outbox.perform(SendMessage(to=Address.parse(fresh_room), body="0 %", groupchat=True))
        for percent in range(1, 101):
            await progress.update(f"{percent} %")
        last = await owner.wait_for(lambda s: is_message(s, f"{fresh_room}/{NICK}", "100 %"))
        replace = last.find("{urn:xmpp:message-correct:0}replace")
        assert replace.get("id") == progress.message_id
    assert await said_by_bot(owner, fresh_room) == ["0 %", "100 %"]


async def test_a_long_text_comes_in_parts(server, people, account, fresh_room, tmp_path):
    owner, name = await stage(server, people, account, fresh_room)
    text = " ".join(f"word{number}" for number in range(1500))
    async with running_app(write_config(tmp_path, server, name, [fresh_room], FAST)) as bot:
        sent = await bot.app.outbox.perform(SendMessage(to=Address.parse(fresh_room), body=text, groupchat=True))
        await sent.reflected(10)
        assert len(sent.parts) == 4
    assert " ".join(await said_by_bot(owner, fresh_room)) == text


async def test_a_notice_to_an_account_is_done_when_our_server_has_it(server, people, account, fresh_room, tmp_path):
    owner, name = await stage(server, people, account, fresh_room)
    async with running_app(write_config(tmp_path, server, name, [fresh_room], FAST)) as bot:
        notice = Notice(to=Address.parse(owner.bare), text="tea?", groupchat=False, key="tea")
        for _ in range(2):
            sent = await bot.app.outbox.perform(notice)
            await sent.reflected(10)
        await owner.wait_for(lambda s: body(s) == "tea?")
        await bot.app.outbox.perform(SendMessage(to=notice.to, body="end", groupchat=False))
        await owner.wait_for(lambda s: body(s) == "end")
    assert [body(s) for s in owner.received if body(s) in ("tea?", "end")] == ["tea?", "end"]


async def test_killed_again_and_again_every_notice_stands_exactly_once(server, people, account, fresh_room, tmp_path):
    owner, name = await stage(server, people, account, fresh_room)
    (tmp_path / "crier.py").write_text(CRIER.replace("COUNT", str(COUNT)))
    toml = FAST + '[modules.crier]\nuse = "./crier.py"\n'
    config = write_config(tmp_path, server, name, [fresh_room], toml)
    chance = random.Random(7)

    def from_bot(stanza):
        return is_message(stanza, f"{fresh_room}/{NICK}")

    for _ in range(6):
        since = owner.mark()
        async with running_bot(config) as bot:
            for _ in range(chance.randrange(1, 8)):
                heard = await owner.wait_for(from_bot, since=since, timeout=20)
                since = owner.received.index(heard, since) + 1
            await asyncio.sleep(chance.random() * 0.02)
            bot.kill()
            assert await bot.wait() == -9
    async with running_bot(config) as bot:
        await owner.wait_for(lambda s: is_message(s, f"{fresh_room}/{NICK}", f"notice {COUNT - 1}"), timeout=30)
        assert await bot.stop() == 0
    said = await said_by_bot(owner, fresh_room)
    assert Counter(said) == Counter(f"notice {number}" for number in range(COUNT))
    assert said == [f"notice {number}" for number in range(COUNT)]
