"""A job's notice stands in the room exactly once, wherever between two steps the bot is killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from botkit.testing.prosody import Prosody
from tests.server.clients import Client
from tests.server.dying_fire import STEPS
from tests.server.running import NICK, running_bot, write_config
from tests.server.test_history import archive_of
from tests.server.wire import body, is_message

pytestmark = pytest.mark.any_server

# Between two steps nothing is written: before one is as behind the last.
DEATHS = ["jobs.put before", *(f"{step} after" for step in STEPS), "handler before"]


async def said(owner: Client, room: str) -> int:
    return sum(text == "it is time" for _, _, text in await archive_of(owner, room))


@pytest.mark.parametrize("death", DEATHS)
async def test_the_notice_of_a_job_stands_once_wherever_the_bot_was_killed(
    server: Prosody, client_factory, account, fresh_room: str, tmp_path: Path, death: str
):
    owner, name = await client_factory("owner"), await account("bot")
    await owner.create_room(fresh_room, "owner", config={"persistentroom": True})
    order = tmp_path / "order"
    toml = f'[modules.dying]\nuse = "tests.server.dying_fire"\norder = "{order}"\nroom = "{fresh_room}"\n'
    config = write_config(tmp_path, server, name, [fresh_room], toml)
    order.write_text(death)
    since = owner.mark()
    async with running_bot(config) as bot:
        assert await bot.wait() == -9
    assert not order.exists()
    async with running_bot(config) as bot:
        await owner.wait_for(
            lambda s: is_message(s, f"{fresh_room}/{NICK}") and body(s) == "it is time", 20, since=since
        )
        # A second one would come as the first did: with what is still open in the database.
        await bot.wait_for_log("history caught up", seconds=20)
        assert await bot.stop() == 0
    async with running_bot(config) as bot:
        await bot.wait_for_log("history caught up", seconds=20)
        assert await bot.stop() == 0
    assert await said(owner, fresh_room) == 1
