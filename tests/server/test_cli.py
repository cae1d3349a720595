"""``botkit run``, ``health``, ``doctor`` and ``history`` as whoever runs a bot meets them."""

from __future__ import annotations

import asyncio
import json
import signal
import time

import pytest

from botkit.testing.prosody import Generation
from tests.server.running import NICK, bot_in, botkit, running_bot, write_config
from tests.server.wire import is_message, is_presence, stanza_id

pytestmark = pytest.mark.any_server

KEEPER = '[modules.keeper]\nuse = "bots.keeper"\nwords = ["casino*"]\n'


async def test_run_is_healthy_logs_json_and_ends_in_order(server, people, account, fresh_room, tmp_path):
    owner, spammer = await people("owner", "spammer")
    name = await account("bot")
    await owner.create_room(fresh_room, "owner", affiliations={f"{name}@{server.domain}": "admin"})
    config = write_config(tmp_path, server, name, [fresh_room], KEEPER)
    async with running_bot(config) as bot:
        await bot.wait_for_log("history caught up")
        await spammer.join(fresh_room, "spammer")
        spam = await spammer.say(fresh_room, "casino \u202e now")
        acting = await bot.wait_for_log("acting")
        health, as_json = await asyncio.gather(
            botkit(config, "health", str(config)), botkit(config, "health", str(config), "--json")
        )
        assert health.exit_code == 0, health.output
        assert fresh_room in json.dumps(json.loads(as_json.output))

        since, began = owner.mark(), time.monotonic()
        bot.terminate()
        assert await bot.wait(10) == 0
        assert time.monotonic() - began < 10
        gone = await owner.wait_for(
            lambda s: is_presence(s, f"{fresh_room}/{NICK}") and s.get("type") == "unavailable", since=since
        )
        assert "the bot goes down" in "".join(gone.itertext())

        assert not [line for line in bot.log if line.get("plain")]
        assert all({"event", "level", "timestamp", "account"} <= set(line) for line in bot.log), bot.log
        assert {line["account"] for line in bot.log} == {f"{name}@{server.domain}"}
        assert acting["room"] == fresh_room
        assert acting["stanza_id"] == stanza_id(spam, fresh_room)
        assert all(line.get("room") == fresh_room for line in bot.log if line["event"].startswith(("room ", "history")))
        assert "secret" not in bot.text()
        assert bot.log[-1]["event"] == "stopped"
    dead, shown = await asyncio.gather(
        botkit(config, "health", str(config)), botkit(config, "history", fresh_room, "-c", str(config), "--json")
    )
    assert dead.exit_code == 1, "what has stopped is not well"
    assert "does not run" in dead.output.replace("\n", " ")
    row = json.loads(shown.output)
    assert row["archive_id"] == acting["stanza_id"]
    assert row["retracted"]


async def test_health_tells_what_is_wrong(server, people, account, fresh_room, tmp_path):
    [owner] = await people("owner")
    name = await account("bot")
    await owner.create_room(fresh_room, "owner")
    config = write_config(tmp_path, server, name, [fresh_room, f"mistyped@{server.muc}"], KEEPER)
    async with running_bot(config) as bot:
        await bot.wait_for_log("history caught up")
        await bot.wait_for_log("room refused")
        await bot_in(owner, fresh_room)
        told = await botkit(config, "health", str(config))
        assert told.exit_code == 1
        assert "mistyped@" in told.output
        assert "no such room" in told.output
        # The other room is none the worse for it.
        await owner.say(fresh_room, "!help")
        await owner.wait_for(lambda s: is_message(s, f"{fresh_room}/{NICK}"))
        bot.terminate(signal.SIGINT)
        assert await bot.wait(10) == 0


async def test_doctor_tells_what_the_bot_may_do_and_what_to_do_about_the_rest(
    server, people, account, fresh_room, tmp_path, generation: Generation
):
    [owner] = await people("owner")
    name = await account("bot")
    poor, missing = f"poor-{fresh_room}", f"missing@{server.muc}"
    await owner.create_room(fresh_room, "owner", affiliations={f"{name}@{server.domain}": "admin"})
    await owner.create_room(poor, "owner", config={"whois": "moderators"})
    config = write_config(tmp_path, server, name, [fresh_room])
    well = await botkit(config, "doctor", str(config), "--json")
    assert well.exit_code == 0, well.output + well.text()
    config = write_config(tmp_path, server, name, [fresh_room, poor, missing])
    done = await botkit(config, "doctor", str(config), "--json")
    assert done.exit_code == 1
    found = {room["jid"]: room for room in json.loads(done.output)["rooms"]}
    version = 1 if generation is Generation.V13 else 0
    rich = found[fresh_room]
    assert (rich["state"], rich["affiliation"], rich["role"]) == ("joined", "admin", "moderator")
    assert (rich["archive"], rich["moderation"], rich["occupant_ids"], rich["sees_jids"]) == (True, version, True, True)
    assert rich["can"] == ["speak", "retract", "devoice", "kick", "ban"]
    assert rich["advice"] == []
    assert found[poor]["can"] == ["speak"]
    advice = " ".join(found[poor]["advice"])
    assert "no moderator" in advice
    assert "cannot ban" in advice
    assert "hidden" in advice
    assert found[missing]["state"] == "refused"
    assert "no such room" in found[missing]["advice"][0]

    table = await botkit(config, "doctor", str(config))
    assert table.exit_code == 1
    for shown in (fresh_room, poor, missing, "speak, retract, devoice, kick, ban", f"yes, version {version}", "to do"):
        assert shown in table.output
