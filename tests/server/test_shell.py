"""``botkit send`` and ``botkit jobs``: beside a running bot, and without one."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.server.running import NICK, bot_in, botkit, running_bot, write_config
from tests.server.wire import body, is_message

pytestmark = pytest.mark.any_server

OOB = "{jabber:x:oob}x/{jabber:x:oob}url"
REPLACE = "{urn:xmpp:message-correct:0}replace"
CLOCK = """
from botkit import Module, Router

router = Router("clock")


@router.every(cron="0 4 * * *", name="nightly")
async def nightly() -> None:
    pass


module = Module(name="clock", router=router)
"""


async def stage(server, people, account, room, tmp_path, toml=""):
    [owner] = await people("owner")
    name = await account("bot")
    await owner.create_room(room, "owner")
    return owner, write_config(tmp_path, server, name, [room], toml), f"{name}@{server.domain}"


async def said(owner, room, text):
    return await owner.wait_for(lambda s: is_message(s, f"{room}/{NICK}", text))


async def test_what_is_sent_through_the_bot_is_there_when_the_command_ends(
    server, people, account, fresh_room, tmp_path
):
    owner, config, bare = await stage(server, people, account, fresh_room, tmp_path)
    async with running_bot(config):
        await bot_in(owner, fresh_room)
        done = await botkit(config, "send", fresh_room, "build 7 runs", "-c", str(config))
        assert done.exit_code == 0, done.output + done.text()
        first = await said(owner, fresh_room, "build 7 runs")
        number = done.output.strip()

        done = await botkit(
            config, "send", fresh_room, "build 7 passed", "--replace", number, "-c", str(config), "--json"
        )
        assert done.exit_code == 0, done.output + done.text()
        told = json.loads(done.output)
        assert (told["state"], told["id"]) == ("delivered", number)
        corrected = await said(owner, fresh_room, "build 7 passed")
        assert corrected.find(REPLACE).get("id") == first.get("id")

        since = owner.mark()
        for _ in range(2):
            done = await botkit(config, "send", fresh_room, "only once", "--key", "k1", "-c", str(config))
            assert done.exit_code == 0
        await botkit(config, "send", owner.bare, "in private", "-c", str(config))
        private = await owner.wait_for(lambda s: is_message(s, None, "in private"), since=since)
        assert private.get("from").startswith(bare)
        assert [body(s) for s in owner.received[since:] if is_message(s, f"{fresh_room}/{NICK}")] == ["only once"]


async def test_a_file_is_uploaded_and_said_as_one(server, people, account, fresh_room, tmp_path):
    owner, config, _ = await stage(server, people, account, fresh_room, tmp_path)
    (tmp_path / "plot.png").write_bytes(b"\x89PNG")
    async with running_bot(config):
        await bot_in(owner, fresh_room)
        done = await botkit(
            config, "send", fresh_room, "--file", str(tmp_path / "plot.png"), "-c", str(config), "--json"
        )
        assert done.exit_code == 0, done.output + done.text()
        url = json.loads(done.output)["url"]
        message = await said(owner, fresh_room, url)
        assert message.find(OOB).text == url
        done = await botkit(config, "send", fresh_room, "--file", str(tmp_path / "none.png"), "-c", str(config))
        assert done.exit_code == 1


async def test_what_a_room_does_not_get_in_time_is_kept_and_said_later(server, people, account, fresh_room, tmp_path):
    owner, config, _ = await stage(server, people, account, fresh_room, tmp_path)
    await owner.configure(fresh_room, {"muc#roomconfig_membersonly": "1"})
    async with running_bot(config) as bot:
        await bot.wait_for_log("room refused")
        done = await botkit(config, "send", fresh_room, "later", "--timeout", "0.5", "-c", str(config))
        assert done.exit_code == 11
        await owner.configure(fresh_room, {"muc#roomconfig_membersonly": "0"})
        assert (await botkit(config, "retry", str(config))).exit_code == 0
        await said(owner, fresh_room, "later")
        done = await botkit(
            config, "send", fresh_room, "late", "--expires", "1s", "--at", "2s", "-c", str(config), "--json"
        )
        assert done.exit_code == 0
        assert json.loads(done.output)["state"] == "scheduled"
        await said(owner, fresh_room, "late")


async def test_without_a_bot_the_command_goes_into_the_room_itself(server, people, account, fresh_room, tmp_path):
    owner, config, bare = await stage(server, people, account, fresh_room, tmp_path)
    done = await botkit(config, "send", fresh_room, "alone", "-c", str(config), "--json")
    assert done.exit_code == 0, done.output + done.text()
    told = json.loads(done.output)
    message = await said(owner, fresh_room, "alone")
    assert message.get("id") == told["message_id"]
    assert told["archive_id"]
    done = await botkit(config, "send", owner.bare, "in private", "-c", str(config))
    assert done.exit_code == 0, done.output + done.text()
    private = await owner.wait_for(lambda s: is_message(s, None, "in private"))
    assert private.get("from").startswith(bare)

    other = f"other-{fresh_room}"
    await owner.create_room(other, "owner")  # not in the config; the server says that it is a room
    (tmp_path / "a.txt").write_text("text")
    done = await botkit(config, "send", other, "--file", str(tmp_path / "a.txt"), "-c", str(config))
    assert done.exit_code == 0, done.output + done.text()
    await owner.wait_for(lambda s: s.get("from", "").startswith(other) and s.find(OOB) is not None)

    await owner.configure(fresh_room, {"muc#roomconfig_membersonly": "1"})
    done = await botkit(config, "send", fresh_room, "never", "-c", str(config))
    assert done.exit_code == 12


async def test_what_is_scheduled_without_a_bot_is_said_by_its_next_run(server, people, account, fresh_room, tmp_path):
    owner, config, _ = await stage(server, people, account, fresh_room, tmp_path)
    done = await botkit(config, "send", fresh_room, "at last", "--at", "8s", "--key", "k", "-c", str(config))
    assert done.exit_code == 0, done.output + done.text()
    listed = await botkit(config, "jobs", "-c", str(config), "--json")
    assert [job["name"] for job in json.loads(listed.output)] == ["botkit.send.k"]
    async with running_bot(config):
        await owner.wait_for(lambda s: is_message(s, f"{fresh_room}/{NICK}", "at last"), 25)


async def test_jobs_are_listed_paused_run_and_resumed_with_a_bot_and_without(
    server, people, account, fresh_room, tmp_path
):
    (tmp_path / "clock.py").write_text(CLOCK)
    owner, config, _ = await stage(server, people, account, fresh_room, tmp_path, '[modules.clock]\nuse = "clock.py"\n')
    where = ("-c", str(config))
    async with running_bot(config):
        await bot_in(owner, fresh_room)
        [job] = json.loads((await botkit(config, "jobs", *where, "--json")).output)
        name = job["name"]
        assert (job["when"], job["paused"], job["fires"]) == ("cron 0 4 * * * (UTC)", None, [])
        assert (await botkit(config, "jobs", "run", name, *where)).exit_code == 0

        async def has_fired():
            shown = await botkit(config, "jobs", "show", name, *where, "--json")
            return [fire["state"] for fire in json.loads(shown.output)["fires"]] == ["done"]

        for _ in range(100):
            if await has_fired():
                break
            await asyncio.sleep(0.1)
        else:
            raise AssertionError("it did not fire")
        paused = await botkit(config, "jobs", "pause", name, *where)
        assert f"jobs resume {name}" in paused.output
        assert (await botkit(config, "jobs", *where)).exit_code == 1, "something rests"
        assert (await botkit(config, "jobs", "cancel", name, *where)).exit_code == 1, "it is declared"
        assert (await botkit(config, "jobs", "show", "none", *where)).exit_code == 1
    stopped = await botkit(config, "jobs", *where)
    assert "paused since" in stopped.output
    assert (await botkit(config, "jobs", "run", name, *where)).exit_code == 10
    resumed = await botkit(config, "jobs", "resume", name, *where)
    assert resumed.exit_code == 0
    async with running_bot(config):
        await bot_in(owner, fresh_room)
        assert (await botkit(config, "jobs", *where)).exit_code == 0
