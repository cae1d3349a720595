"""What commands take from people's clients, through a real server: nicks, replies, clocks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest

from botkit.protocol.namespaces import CORRECT
from botkit.routing.corrections import TOO_LATE
from botkit.testing.prosody import Prosody
from tests.server.clients import Client
from tests.server.running import NICK, Stay, bot_in, running_app, write_config
from tests.server.wire import body, is_message, stanza_id

pytestmark = pytest.mark.any_server

MODULE = '''
from datetime import datetime

from botkit import Context, Module, Occupant, RoomHandle, Router
from botkit.routing.replied import RepliedTo

router = Router("words")


@router.command("greet")
async def greet(who: Occupant, *, loud: bool = False, text: str = "hello") -> str:
    """Greet somebody."""
    return f"{text.upper() if loud else text}, {who.nick}!"


@router.command("cite")
async def cite(ctx: Context, room: RoomHandle, message: RepliedTo) -> str:
    """Cite a message."""
    return f"{message.author.nick} said: {message.text}"


@router.command("sum", effects=False)
async def add(*numbers: int) -> str:
    """Add numbers."""
    return str(sum(numbers))


@router.command("at")
async def at(ctx: Context, when: datetime) -> str:
    """Say when that is."""
    return f"{when:%H:%M %z}"


module = Module(name="words", router=router)
'''


@dataclass
class Talk:
    """A bot with commands in a room of the owner's."""

    bot: Stay
    owner: Client
    room: str

    async def asks(self, person: Client, text: str, extras: str = "") -> str:
        """What the bot says when ``person`` says ``text``."""
        since = person.mark()
        await person.say(self.room, text, extras)
        said = await person.wait_for(lambda s: is_message(s, f"{self.room}/{NICK}") and body(s), since=since)
        return body(said) or ""


@pytest.fixture
async def talk(server: Prosody, client_factory, account, fresh_room: str, tmp_path: Path) -> AsyncIterator[Talk]:
    owner, name = await client_factory("owner"), await account("bot")
    await owner.create_room(fresh_room, "owner", affiliations={f"{name}@{server.domain}": "admin"})
    (tmp_path / "words.py").write_text(MODULE)
    toml = '[modules.words]\nuse = "./words.py"\n[commands]\ntimezone = "Asia/Kolkata"\n'
    async with running_app(write_config(tmp_path, server, name, [fresh_room], toml)) as bot:
        await bot_in(owner, fresh_room)
        yield Talk(bot, owner, fresh_room)


def reply_to(target: str, to: str, quoted: str = "") -> str:
    """As clients write it (XEP-0461 §3.1): the quotation is marked as a fallback."""
    end = f"<body start='0' end='{len(quoted)}'/>"
    fallback = f"<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'>{end}</fallback>" if quoted else ""
    return f"<reply xmlns='urn:xmpp:reply:0' to={quoteattr(to)} id={quoteattr(target)}/>{fallback}"


async def test_a_nick_with_spaces_is_named_as_clients_name_it(talk: Talk, people):
    [guest] = await people("guest")
    await guest.join(talk.room, "Ann Lee")
    for named in ('"Ann Lee"', "“Ann Lee”", "Ann Lee", "@Ann Lee", "Ann Lee:", "Ann Lee,", '@"Ann Lee",'):
        assert await talk.asks(talk.owner, f"!greet {named}") == "hello, Ann Lee!"
    assert await talk.asks(talk.owner, "!greet Ann Lee -l don't  go") == "DON'T  GO, Ann Lee!"

    [other] = await people("other")
    await other.join(talk.room, "Tom")
    assert "did you mean Ann Lee?" in await talk.asks(other, "!greet ann")
    await guest.leave(talk.room)
    await guest.join(talk.room, "Ann")
    await talk.owner.leave(talk.room)
    await talk.owner.join(talk.room, "Ann Lee")
    assert 'either "Ann" or "Ann Lee"' in await talk.asks(other, "!greet Ann Lee")
    assert await talk.asks(other, '!greet "Ann" Lee') == "Lee, Ann!"


async def test_a_command_cites_the_message_that_it_replies_to(talk: Talk, people):
    [guest] = await people("guest")
    await guest.join(talk.room, "guest")
    said = await guest.say(talk.room, "the key is under the mat")
    target = stanza_id(said, talk.room)
    quoted = "> the key is under the mat\n"
    extras = reply_to(target, f"{talk.room}/guest", quoted)
    assert await talk.asks(talk.owner, f"{quoted}!cite", extras) == "guest said: the key is under the mat"
    await guest.leave(talk.room)
    assert await talk.asks(talk.owner, "!cite", reply_to(target, f"{talk.room}/owner")) == (
        "guest said: the key is under the mat"
    )
    assert "send the command as a reply" in await talk.asks(talk.owner, "!cite")
    assert "that I can still find" in await talk.asks(talk.owner, "!cite", reply_to("no such id", talk.room))


async def test_a_message_from_before_the_bot_came_is_cited_from_the_archive(
    server: Prosody, client_factory, account, fresh_room: str, tmp_path: Path
):
    owner, name = await client_factory("owner"), await account("bot")
    await owner.create_room(fresh_room, "owner", affiliations={f"{name}@{server.domain}": "admin"})
    targets = [stanza_id(await owner.say(fresh_room, f"old {number}"), fresh_room) for number in range(3)]
    (tmp_path / "words.py").write_text(MODULE)
    toml = '[modules.words]\nuse = "./words.py"\n[history]\nfirst_catch_up = "0s"\n'
    async with running_app(write_config(tmp_path, server, name, [fresh_room], toml)) as bot:
        await bot_in(owner, fresh_room)
        talk = Talk(bot, owner, fresh_room)
        for number, target in enumerate(targets):
            extras = reply_to(target, f"{fresh_room}/owner")
            assert await talk.asks(owner, "!cite", extras) == f"owner said: old {number}"


async def test_a_time_is_by_the_asker_s_clock_and_without_one_by_the_config_s(talk: Talk, people):
    [guest] = await people("guest")
    await guest.join(talk.room, "guest")
    assert await talk.asks(talk.owner, "!at tomorrow 9:00") == "09:00 +0530"
    guest.offer_time("-05:00")
    assert await talk.asks(guest, "!at tomorrow 9:00") == "09:00 -0500"
    assert await talk.asks(guest, "!at 2026-12-24T18:00Z") == "13:00 -0500"
    assert 'when "soon": expected a time like' in await talk.asks(guest, "!at soon")

    # In a form and in a 1:1 chat it is the account's own client that is asked.
    [traveller] = await people("traveller")
    traveller.offer_time("+08:00")
    result = await traveller.run_command(str(talk.bot.app.link.address), "at", {"when": "tomorrow 9:00"})
    assert [note for note in result.notes if "09:00 +0800" in str(note)]


async def test_a_corrected_command_corrects_its_answer(talk: Talk):
    since = talk.owner.mark()
    said = await talk.owner.say(talk.room, "!sum 1 2", number="first")
    answer = await talk.owner.wait_for(lambda s: is_message(s, f"{talk.room}/{NICK}", "3"), since=since)
    assert said.get("id") == "first"
    await talk.owner.say(talk.room, "!sum 1 3", f"<replace xmlns='{CORRECT}' id='first'/>")
    corrected = await talk.owner.wait_for(lambda s: is_message(s, f"{talk.room}/{NICK}", "4"), since=since)
    replaced = corrected.find(f"{{{CORRECT}}}replace")
    assert replaced is not None
    assert replaced.get("id") == answer.get("id")

    # One with effects is told of, and not run again.
    await talk.owner.say(talk.room, "!greet owner", number="second")
    await talk.owner.wait_for(lambda s: is_message(s, f"{talk.room}/{NICK}", "hello, owner!"), since=since)
    told = await talk.asks(talk.owner, "!greet owner hi", f"<replace xmlns='{CORRECT}' id='second'/>")
    assert told == TOO_LATE


async def test_a_room_has_a_prefix_of_its_own(
    server: Prosody, client_factory, account, fresh_room: str, tmp_path: Path
):
    owner, name = await client_factory("owner"), await account("bot")
    await owner.create_room(fresh_room, "owner", affiliations={f"{name}@{server.domain}": "admin"})
    (tmp_path / "words.py").write_text(MODULE)
    path = write_config(tmp_path, server, name, [fresh_room], '[modules.words]\nuse = "./words.py"\n')
    path.write_text(path.read_text().replace(f'nick = "{NICK}"', f'nick = "{NICK}"\nprefix = [".", "++"]'))
    async with running_app(path) as bot:
        await bot_in(owner, fresh_room)
        talk = Talk(bot, owner, fresh_room)
        await owner.say(fresh_room, "!sum 1 2")
        assert await talk.asks(owner, ".sum 1 3") == "4"
        assert await talk.asks(owner, "++sum 1 4") == "5"
        assert await talk.asks(owner, f"{NICK}: sum 1 5") == "6"
        assert "Usage: .sum" in await talk.asks(owner, ".sum x")
