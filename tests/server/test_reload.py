"""Reloading a bot that runs: nothing lost, nothing twice, all or nothing, and nobody else disturbed."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.server.bots import BotProcess
from tests.server.running import NICK, running_bot, write_config
from tests.server.wire import CommandResult, body, is_message, is_presence, status_codes

pytestmark = pytest.mark.any_server

COMMANDS = "http://jabber.org/protocol/commands"
HELPER = 'GREETING = "{greeting}"\n'
MODULE = '''
from botkit.model.events import BotStarted, BotStopping, RoomMessage
from botkit.modules import Module
from botkit.routing.context import Context
from botkit.routing.router import Router
from parts_{token}.words import GREETING

router = Router("echo")

@router.on(BotStarted)
async def started(ctx: Context, event: BotStarted) -> None:
    ctx.log.info("module started", greeting=GREETING)

@router.on(BotStopping)
async def stopping(ctx: Context, event: BotStopping) -> None:
    ctx.log.info("module stopped", greeting=GREETING)

@router.message()
async def answer(ctx: Context, message: RoomMessage) -> str | None:
    if (message.body or "").startswith("say "):
        return f"{{GREETING}} {{message.body[4:]}}"
    return None

@router.command("{command}")
async def command(ctx: Context) -> str:
    """A command of this generation."""
    return "done"

@router.every(seconds=1)
async def tick(ctx: Context) -> None:
    ctx.log.info("tick", greeting=GREETING)

module = Module(name="echo", router=router)
'''
ECHO = '[modules.echo]\nuse = "parts_{token}.echo"\n'
FAST = (
    "[outgoing]\nroom_rate = 1000\nroom_burst = 1000\naccount_rate = 1000\naccount_burst = 1000\nloop_guard = false\n"
)
OTHER = '[modules.dice]\nuse = "bots.dice"\n'


class Code:
    """A package of a bot's own, with a helper file; ``token`` keeps its name apart from other tests'."""

    def __init__(self, folder: Path) -> None:
        self.token = f"{abs(hash(folder)):x}"
        self.folder = folder / f"parts_{self.token}"
        self.folder.mkdir()
        (self.folder / "__init__.py").touch()

    def write(self, greeting: str, command: str = "first") -> None:
        (self.folder / "words.py").write_text(HELPER.format(greeting=greeting))
        (self.folder / "echo.py").write_text(MODULE.format(token=self.token, command=command))

    @property
    def toml(self) -> str:
        return ECHO.format(token=self.token)


@pytest.fixture
def code(tmp_path: Path) -> Code:
    return Code(tmp_path)


async def reloaded(bot: BotProcess, event: str = "reloaded") -> dict[str, Any]:
    """SIGHUP, and the line that tells how it went."""
    since = len(bot.log)
    bot.terminate(signal.SIGHUP)
    return await bot.wait_for_log(lambda line: line["event"].startswith(event), since=since)


def said(client: Any, room: str, since: int = 0) -> list[str]:
    return [body(s) or "" for s in client.received[since:] if is_message(s, f"{room}/{NICK}")]


def shown(result: CommandResult) -> str:
    return "\n".join([text for _, text in result.notes] + [text for texts in result.fields.values() for text in texts])


async def test_no_message_is_lost_or_answered_twice_while_a_module_is_replaced(
    server, people, account, fresh_room, tmp_path, code
):
    (owner,) = await people("owner")
    name = await account("bot")
    await owner.create_room(fresh_room, "owner", affiliations={f"{name}@{server.domain}": "admin"})
    code.write("one")
    config = write_config(tmp_path, server, name, [fresh_room], code.toml + FAST)
    async with running_bot(config) as bot:
        await bot.wait_for_log("history caught up")
        await bot.wait_for_log("module started")
        count, generations = 240, 4

        async def talk() -> None:
            for number in range(count):
                owner.send_xml(
                    f'<message xmlns="jabber:client" to="{fresh_room}" type="groupchat" id="t{number}">'
                    f"<body>say {number}</body></message>"
                )
                await asyncio.sleep(0.01)

        talking = asyncio.create_task(talk())
        for number in range(generations):
            code.write(f"generation-{number}")
            await reloaded(bot)
        await talking
        last = f" {count - 1}"
        await owner.wait_for(lambda s: is_message(s, f"{fresh_room}/{NICK}") and (body(s) or "").endswith(last))
        answers = said(owner, fresh_room)
        numbers = [int(text.split()[1]) for text in answers]
        assert Counter(numbers) == Counter(range(count))
        assert numbers == sorted(numbers), "the room's order is kept"
        assert len({text.split()[0] for text in answers}) > 1, "some were answered by each"
        stopped = [line["greeting"] for line in bot.log if line["event"] == "module stopped"]
        assert stopped == ["one", "generation-0", "generation-1", "generation-2"]
        await bot.wait_for_log(lambda line: line["event"] == "tick" and line["greeting"] == "generation-3")
        since = len(bot.log)
        await bot.wait_for_log("tick", since=since + 1)
        assert {line["greeting"] for line in bot.log[since:] if line["event"] == "tick"} == {"generation-3"}
        assert not [line for line in bot.log if line["event"].startswith("room left")]
        assert await bot.stop() == 0


async def test_a_broken_file_leaves_all_as_it_was_and_is_told_with_its_line(
    server, people, account, fresh_room, tmp_path, code
):
    owner, boss = await people("owner", "boss")
    name = await account("bot")
    await owner.create_room(fresh_room, "owner", affiliations={f"{name}@{server.domain}": "admin"})
    code.write("one")
    access = f'[access]\nadmins = ["{boss.bare}"]\n'
    config = write_config(tmp_path, server, name, [fresh_room], code.toml + access + FAST)
    async with running_bot(config) as bot:
        await bot.wait_for_log("module started")
        code.write("two", command="second")
        (code.folder / "words.py").write_text("GREETING = 'two'\noh no\n")
        config.write_text(config.read_text() + "[modules.dice]\nuse = 'bots.dicee'\n")
        line = await reloaded(bot, "not reloaded")
        mistakes = "\n".join(line["mistakes"])
        assert f"{code.folder / 'words.py'}:2: SyntaxError" in mistakes
        assert "bots.dicee" in mistakes, "all mistakes are told, not only the first"
        assert f"{config}:" in mistakes

        await owner.say(fresh_room, "say hello")
        await owner.wait_for(lambda s: is_message(s, f"{fresh_room}/{NICK}", "one hello"))
        await owner.say(fresh_room, "!first")
        await owner.wait_for(lambda s: is_message(s, f"{fresh_room}/{NICK}", "done"))
        assert "module stopped" not in bot.events()

        bot_jid = bot.log_of("connected")["address"]
        refused = shown(await boss.run_command(bot_jid, "reload"))
        assert "Nothing was changed" in refused
        assert "words.py:2: SyntaxError" in refused
        code.write("two", command="second")
        config.write_text(config.read_text().replace("bots.dicee", "bots.dice"))
        done = shown(await boss.run_command(bot_jid, "reload"))
        assert "module echo: other code" in done
        assert "module dice: new" in done
        await owner.say(fresh_room, "say again")
        await owner.wait_for(lambda s: is_message(s, f"{fresh_room}/{NICK}", "two again"))
        assert "reload" not in {item["node"] for item in await owner.items(bot_jid, COMMANDS)}


async def test_what_a_removed_module_had_is_gone(server, people, account, fresh_room, tmp_path, code):
    (owner,) = await people("owner")
    name = await account("bot")
    await owner.create_room(fresh_room, "owner", affiliations={f"{name}@{server.domain}": "admin"})
    code.write("one")
    config = write_config(tmp_path, server, name, [fresh_room], OTHER)
    only_dice = config.read_text()
    config.write_text(only_dice + code.toml)
    async with running_bot(config) as bot:
        await bot.wait_for_log("tick")
        bot_jid = bot.log_of("connected")["address"]
        assert {"first", "dice"} <= {item["node"] for item in await owner.items(bot_jid, COMMANDS)}
        config.write_text(only_dice)
        line = await reloaded(bot)
        assert line["changes"] == ["module echo: no more"]
        await bot.wait_for_log("module stopped")
        since = len(bot.log)
        nodes = {item["node"] for item in await owner.items(bot_jid, COMMANDS)}
        assert "first" not in nodes
        assert "dice" in nodes
        await owner.say(fresh_room, "say hello")
        await owner.say(fresh_room, "!first")
        await owner.say(fresh_room, "!dice 1d1")
        await owner.wait_for(lambda s: is_message(s, f"{fresh_room}/{NICK}"))
        assert len(said(owner, fresh_room)) == 1, "the dice alone"
        await asyncio.sleep(1.2)  # the time of a tick goes by
        assert "tick" not in [line["event"] for line in bot.log[since:]]


async def test_rooms_are_entered_left_and_renamed_in_without_touching_the_others(
    server, people, account, fresh_room, tmp_path
):
    (owner,) = await people("owner")
    name = await account("bot")
    rooms = {which: f"{which}-{fresh_room}" for which in ("stays", "renamed", "goes", "comes")}
    for room in rooms.values():
        await owner.create_room(room, "owner", affiliations={f"{name}@{server.domain}": "admin"})
    config = write_config(tmp_path, server, name, [rooms["stays"], rooms["renamed"], rooms["goes"]], OTHER)
    text = config.read_text()
    async with running_bot(config) as bot:
        for room in (rooms["stays"], rooms["renamed"], rooms["goes"]):
            await bot.wait_room(room)
        since, log = owner.mark(), len(bot.log)
        text = text.replace(rooms["goes"], rooms["comes"])
        head, _, tail = text.partition(rooms["renamed"])
        config.write_text(head + rooms["renamed"] + tail.replace(f'nick = "{NICK}"', 'nick = "other"', 1))
        with_path = config.read_text().replace('path = "bot.db"', 'path = "elsewhere.db"')
        config.write_text(with_path)
        line = await reloaded(bot)
        assert "storage.path: needs a restart" in line["changes"]
        await bot.wait_room(rooms["comes"], since=log)
        await bot.wait_room(rooms["goes"], "left", since=log)
        left = await owner.wait_for(lambda s: is_presence(s, f"{rooms['goes']}/{NICK}"), since=since)
        assert left.get("type") == "unavailable"
        gone = await owner.wait_for(lambda s: is_presence(s, f"{rooms['renamed']}/{NICK}"), since=since)
        assert "303" in status_codes(gone), "a change of nick, no leaving"
        await owner.wait_for(lambda s: is_presence(s, f"{rooms['renamed']}/other"), since=since)
        assert not [s for s in owner.received[since:] if is_presence(s, f"{rooms['stays']}/{NICK}")]
        touched = {line.get("room") for line in bot.log[log:] if line["event"].startswith("room ")}
        assert touched == {rooms["goes"], rooms["comes"]}
        assert not (tmp_path / "elsewhere.db").exists()
