"""Several bots in one process: apart from each other's faults, each told of by its own name."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.server.bots import BotProcess, config_text, spawn_bot
from tests.server.wire import is_message

pytestmark = pytest.mark.any_server

DICE = '[modules.dice]\nuse = "bots.dice"\n[storage]\npath = "both.db"\n'


@asynccontextmanager
async def running(*configs: Path) -> AsyncIterator[BotProcess]:
    bot = await spawn_bot(configs[0], "run", *map(str, configs))
    try:
        yield bot
    finally:
        if bot.exit_code is None:
            bot.kill()
        await bot.wait()


def config(folder: Path, server, account: str, room: str, toml: str = DICE, **more: str) -> Path:  # type: ignore[no-untyped-def]
    path = folder / f"{account}.toml"
    path.write_text(config_text(server, account, toml, rooms=[room], nick=account, **more))
    return path


def of(bot: BotProcess, account: str) -> list[str]:
    """The events that the log tells of one account."""
    return [line["event"] for line in bot.log if str(line.get("account")).startswith(f"{account}@")]


async def answers(person, room: str, nick: str) -> None:  # type: ignore[no-untyped-def]
    since = person.mark()
    await person.say(room, f"{nick}: dice 1d1")
    await person.wait_for(lambda s: is_message(s, f"{room}/{nick}"), since=since)


async def test_two_accounts_with_one_database_answer_each_for_itself(server, people, account, fresh_room, tmp_path):
    (owner,) = await people("owner")
    one, two = await account("one"), await account("two")
    await owner.create_room(fresh_room, "owner")
    files = [config(tmp_path, server, name, fresh_room) for name in (one, two)]
    async with running(*files) as bot:
        await bot.until(lambda: all("history caught up" in of(bot, name) for name in (one, two)))
        await answers(owner, fresh_room, one)
        await answers(owner, fresh_room, two)
        assert await bot.stop() == 0
        assert of(bot, one)[-1] == of(bot, two)[-1] == "stopped"
        assert not [line for line in bot.log if line["level"] == "error"]


async def test_a_refused_login_is_told_and_stops_nobody_else_and_a_reload_tries_again(
    server, people, account, fresh_room, tmp_path
):
    (owner,) = await people("owner")
    good, bad = await account("good"), await account("bad")
    await owner.create_room(fresh_room, "owner")
    files = [
        config(tmp_path, server, bad, fresh_room, in_account='password = "wrong"'),
        config(tmp_path, server, good, fresh_room),
    ]
    async with running(*files) as bot:
        ended = await bot.wait_for_log("the account has ended")
        assert ended["account"] == f"{bad}@{server.domain}"
        assert "next_try" not in ended, "trying again might lock the account"
        await bot.wait_room(fresh_room)
        await answers(owner, fresh_room, good)
        config(tmp_path, server, bad, fresh_room)
        bot.terminate(signal.SIGHUP)
        await bot.until(lambda: "room joined" in of(bot, bad))
        await answers(owner, fresh_room, bad)
        assert of(bot, good).count("connected") == 1
        assert await bot.stop() == 0


async def test_an_account_without_its_database_is_tried_again_while_another_works(
    server, people, account, fresh_room, tmp_path
):
    (owner,) = await people("owner")
    good, bad = await account("good"), await account("bad")
    await owner.create_room(fresh_room, "owner")
    blocked = tmp_path / "blocked"
    blocked.touch()
    toml = DICE.replace("both.db", "blocked/bot.db")
    files = [config(tmp_path, server, bad, fresh_room, toml), config(tmp_path, server, good, fresh_room)]
    async with running(*files) as bot:
        ended = await bot.wait_for_log("the account has ended")
        assert ended["account"] == f"{bad}@{server.domain}"
        assert "blocked" in ended["reason"]
        assert "next_try" in ended
        await bot.until(lambda: "room joined" in of(bot, good))
        await answers(owner, fresh_room, good)
        blocked.unlink()
        await bot.until(lambda: "room joined" in of(bot, bad), seconds=30)
        await answers(owner, fresh_room, bad)
        assert await bot.stop() == 0


async def test_the_process_ends_with_the_first_fault_once_no_account_runs(server, account, fresh_room, tmp_path):
    names = [await account("one"), await account("two")]
    files = [config(tmp_path, server, name, fresh_room, in_account='password = "wrong"') for name in names]
    async with running(*files) as bot:
        assert await bot.wait(30) == 4
        assert [of(bot, name).count("the account has ended") for name in names] == [1, 1]


async def test_what_cannot_run_together_or_has_no_password_is_refused_at_once(server, account, fresh_room, tmp_path):
    name = await account("one")
    one = config(tmp_path, server, name, fresh_room)
    two = tmp_path / "again.toml"
    two.write_text(one.read_text())
    same = await spawn_bot(one, "run", str(one), str(two))
    unset = await spawn_bot(one, "run", str(one), env={"BOT_PASSWORD": None})
    codes = await asyncio.gather(same.wait(30), unset.wait(30))
    assert codes == [3, 3]
    assert f"{one} and {two} have the same account" in same.text()
    assert f"{one}:3: account.password" in unset.text()
    assert "BOT_PASSWORD is not set" in unset.text()


async def test_a_second_signal_ends_at_once_what_the_first_let_finish(server, people, account, fresh_room, tmp_path):
    (owner,) = await people("owner")
    name = await account("bot")
    await owner.create_room(fresh_room, "owner")
    (tmp_path / "slow.py").write_text(
        "import asyncio\n"
        "from botkit.modules import Module\n"
        "from botkit.routing.context import Context\n"
        "from botkit.routing.router import Router\n"
        'router = Router("slow")\n'
        '@router.command("wait")\n'
        "async def wait(ctx: Context) -> str:\n"
        '    ctx.log.info("waiting")\n'
        "    await asyncio.sleep(30)\n"
        '    return "done"\n'
        'module = Module(name="slow", router=router)\n'
    )
    toml = '[modules.slow]\nuse = "./slow.py"\n[runtime]\nshutdown_timeout = "40s"\n'
    async with running(config(tmp_path, server, name, fresh_room, toml)) as bot:
        await bot.wait_for_log("history caught up")
        await owner.say(fresh_room, "!wait")
        await bot.wait_for_log("waiting")
        bot.terminate()
        await bot.wait_for_log("stopping")
        bot.terminate()
        assert await bot.wait(5) == 0
        assert "ending at once" in bot.events()
