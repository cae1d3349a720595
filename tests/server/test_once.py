"""Killed at any step and started again: commands run at most once, and catch-up handlers get everything."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from botkit.loading import load
from botkit.testing.prosody import Prosody
from tests.server.bots import BotProcess, Waiter
from tests.server.clients import Client
from tests.server.running import NICK, running_bot, write_config
from tests.server.test_history import archive_of
from tests.server.wire import CLIENT, body, is_message

pytestmark = pytest.mark.any_server

STEPS = {"chosen": 1, "claimed": 0, "begun": 0, "done": 1, "answered": 1}


class Stage:
    """A room, its owner, and a bot with a ledger."""

    def __init__(self, owner: Client, room: str, config: Path) -> None:
        self.owner = owner
        self.room = room
        self.config = config
        self.ledger = config.with_name("ledger")

    def die_at(self, step: str) -> None:
        Path(f"{self.ledger}.die").write_text(step)

    def done(self, kind: str) -> list[list[str]]:
        lines = self.ledger.read_text().splitlines() if self.ledger.exists() else []
        return [rest for what, *rest in map(json.loads, lines) if what == kind]

    async def begin(self, bot: BotProcess) -> None:
        await bot.wait_for_log("history caught up", seconds=40)

    async def ask(self, word: str, number: str) -> None:
        await self.owner.say(self.room, f"!mark {word}", number=number)

    async def answered(self, word: str, since: int) -> None:
        def fits(stanza: Any) -> bool:
            return is_message(stanza, f"{self.room}/{NICK}") and body(stanza) == f"marked {word}"

        await self.owner.wait_for(fits, since=since)


@pytest.fixture
async def stage(server, client_factory, account, fresh_room: str, tmp_path: Path) -> Stage:
    owner, name = await client_factory("owner"), await account("bot")
    await owner.create_room(fresh_room, "owner", config={"persistentroom": True})
    toml = f'[modules.dying]\nuse = "tests.server.dying_bot"\nledger = "{tmp_path / "ledger"}"\n'
    config = write_config(tmp_path, server, name, [fresh_room], toml)
    config.write_text(config.read_text().replace("[account]\n", '[account]\nresource = "fixed"\n', 1))
    return Stage(owner, fresh_room, config)


@pytest.mark.parametrize(("step", "runs"), STEPS.items())
async def test_command_that_is_sent_again_and_again_runs_at_most_once_wherever_the_bot_is_killed(
    stage: Stage, step: str, runs: int
):
    async with running_bot(stage.config) as bot:
        await stage.begin(bot)
        stage.die_at(f"command {step}")
        await stage.ask("one", "m-1")
        assert await bot.wait() == -9
    await stage.ask("one", "m-1")  # while the bot is away: in the archive twice by now
    since = stage.owner.mark()
    async with running_bot(stage.config) as bot:
        await stage.begin(bot)
        for number in ("m-1", "m-1"):
            await stage.ask("one", number)
        await stage.ask("two", "m-2")
        await stage.answered("two", since)
    assert stage.done("command") == [["one"]] * runs + [["two"]]


async def test_form_that_is_sent_again_is_carried_out_once_also_by_the_bot_after_it(stage: Stage, server: Prosody):
    account = load(stage.config).config.account.jid

    async def press(count: int) -> list[str | None]:
        """The kinds of the answers to one request that is sent ``count`` times with one id."""
        since = stage.owner.mark()
        iq = (
            f"<iq type='set' id='q-1' to='{account}/fixed'>"
            "<command xmlns='http://jabber.org/protocol/commands' node='press'/></iq>"
        )
        stage.owner.send_xml(iq * count)
        answers: list[str | None] = []
        for _ in range(count):
            answer = await stage.owner.wait_for(
                lambda s: s.tag == f"{CLIENT}iq" and s.get("id") == "q-1" and s.get("type") in ("result", "error"),
                since=since,
            )
            since = stage.owner.received.index(answer, since) + 1
            answers.append(answer.get("type"))
        return answers

    for kind in ("result", "error"):
        async with running_bot(stage.config) as bot:
            await stage.begin(bot)
            assert await press(2) == [kind] * 2
            bot.kill()
            assert await bot.wait() == -9
    assert stage.done("command") == [["pressed"]]


@pytest.mark.parametrize(("step", "first"), [("begun", []), ("done", ["live"])])
async def test_message_is_handled_again_after_the_bot_was_killed_over_it_and_marked_so(
    stage: Stage, step: str, first: list[str]
):
    async with running_bot(stage.config) as bot:
        await stage.begin(bot)
        stage.die_at(f"message {step}")
        await stage.owner.say(stage.room, "die now")
        assert await bot.wait() == -9
    async with running_bot(stage.config) as bot:
        await stage.begin(bot)
        assert await bot.stop() == 0
    async with running_bot(stage.config) as bot:  # ended in order: nothing is repeated
        await stage.begin(bot)
    assert [how for _, how in stage.done("message")] == [*first, "repeated"]


async def test_killed_again_and_again_under_traffic_handlers_get_every_message_and_know_what_is_repeated(stage: Stage):
    enough, count = asyncio.Event(), 0

    async def talk() -> None:
        nonlocal count
        while not enough.is_set():
            count += 1
            await stage.owner.say(stage.room, f"said {count}")
            await asyncio.sleep(0.01)  # about as fast as a busy room

    talking = asyncio.create_task(talk())
    for times in range(3):
        before = len(stage.done("message"))
        async with running_bot(stage.config) as bot:
            await until_more(stage, before + 5 + 40 * times)
            bot.kill()
            assert await bot.wait() == -9
    enough.set()
    await talking
    async with running_bot(stage.config) as bot:
        await stage.begin(bot)
        assert await bot.stop() == 0
    said = [archive_id for archive_id, _, _ in await archive_of(stage.owner, stage.room)]
    handled: dict[str, list[str]] = {}
    for archive_id, how in stage.done("message"):
        handled.setdefault(archive_id, []).append(how)
    assert set(handled) == set(said)
    assert not [each for each in handled.values() if set(each[1:]) - {"repeated"}]


async def until_more(stage: Stage, count: int) -> None:
    await Waiter().until(lambda: len(stage.done("message")) >= count, lambda: stage.done("message"), 60)
