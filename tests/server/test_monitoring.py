"""What a running bot says of itself, while things go wrong: socket, command line, HTTP."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.server.bots import BotProcess
from tests.server.cutter import Cutter
from tests.server.running import NICK, bot_in, botkit, running_bot, write_config
from tests.server.wire import FORMS, StanzaFailed, is_message

pytestmark = pytest.mark.any_server

NODES = "http://jabber.org/protocol/commands"
HTTP = '[http]\nlisten = "127.0.0.1:0"\n'
STUCK = """
import asyncio
from botkit import Context, Module, RoomMessage, Router

router = Router("stuck")

@router.message
async def stuck(message: RoomMessage) -> None:
    if message.text == "wait":
        await asyncio.sleep(3600)
    if message.text == "fail":
        raise ValueError("on purpose")

module = Module("stuck", router)
"""


async def http(bot: BotProcess, path: str) -> tuple[int, str]:
    """Status and body of a page of the bot's."""
    line = await bot.wait_for_log("listening: http://")
    found = re.search(r"http://127\.0\.0\.1:(\d+)/", str(line["event"]))
    assert found is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", int(found[1]))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    async with asyncio.timeout(5):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split()[1]), body.decode()


async def ready(bot: BotProcess) -> tuple[int, dict[str, Any]]:
    status, body = await http(bot, "/readyz")
    (account,) = json.loads(body)["accounts"].values()
    return status, account


async def metrics(bot: BotProcess) -> dict[tuple[str, ...], float]:
    """Every sample: its name and the values of its labels but the account."""
    _, text = await http(bot, "/metrics")
    return {
        (sample.name, *(value for name, value in sample.labels.items() if name != "account")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def until(what: Callable[[], Awaitable[Any]], seconds: float = 15.0) -> Any:
    """The first true answer."""
    found = None
    try:
        async with asyncio.timeout(seconds):
            while not (found := await what()):  # noqa: ASYNC110 - it is in another process
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError("waited in vain") from None
    return found


async def told(config: Path, *arguments: str) -> tuple[int | None, str]:
    """Exit code and output of a command."""
    done = await botkit(config, *arguments, str(config))
    return done.exit_code, done.output + done.text()


async def test_a_bot_at_work_says_so_everywhere(server, people, account, fresh_room, tmp_path):
    [owner] = await people("owner")
    name = await account("bot")
    await owner.create_room(fresh_room, "owner", affiliations={f"{name}@{server.domain}": "admin"})
    config = write_config(tmp_path, server, name, [fresh_room], f'[modules.echo]\nuse = "bots.echo"\n{HTTP}')
    async with running_bot(config) as bot:
        await bot.wait_for_log("history caught up")
        await owner.say(fresh_room, "!echo hello")
        await owner.wait_for(lambda s: is_message(s, f"{fresh_room}/{NICK}"))

        code, text = await told(config, "status")
        assert code == 0, text
        assert f"{name}@{server.domain}: connected for" in text
        assert re.search(
            rf"{fresh_room}: joined for .*, as {NICK} \(admin, moderator\), 2 people, history caught up", text
        )
        code, text = await told(config, "status", "--json")
        (found,) = json.loads(text)["bots"]
        assert (code, found["ready"], found["pid"]) == (0, True, bot.pid)
        (room,) = found["accounts"][0]["rooms"]
        assert {"archive", "stanza ids"} <= set(room["features"])
        assert {"speak", "kick", "ban"} <= set(room["can"])
        assert room["missing"] == [
            "the bot is no owner here: it cannot configure",
            *(() if "retract" in room["can"] else [next(why for why in room["missing"] if "XEP-0425" in why)]),
        ]

        assert (await ready(bot))[0] == 200
        assert (await http(bot, "/healthz"))[0] == 200
        figures = await metrics(bot)
        assert figures["botkit_connected",] == 1
        assert figures["botkit_room_state", fresh_room, "joined"] == 1
        assert figures["botkit_room_state", fresh_room, "refused"] == 0
        assert figures["botkit_rooms", "joined"] == 1
        assert figures["botkit_commands_total", "chat"] == 1
        assert figures["botkit_handler_calls_total", "echo", "echo"] == 1
        assert figures["botkit_actions_total", "SendMessage", "done"] == 1
        assert figures["botkit_stanzas_received_total", "presence"] >= 2
        assert figures["botkit_stanzas_received_total", "message"] >= 2
        assert figures["botkit_stanzas_sent_total", "message"] == 1
        assert figures["botkit_outgoing_messages_total", "sent"] == 1
        assert figures["botkit_received_bytes_total",] > 1000
        assert figures["botkit_sent_bytes_total",] > 100
        assert figures["botkit_catch_ups_total", "caught up"] == 1
        assert figures["botkit_room_caught_up", fresh_room] == 1
    code, text = await told(config, "status")
    assert (code, "no bot runs" in text) == (10, True)


async def test_a_room_that_is_taken_away_is_missing_until_it_is_tried_again(
    server, people, account, fresh_room, tmp_path
):
    [owner] = await people("owner")
    name = await account("bot")
    await owner.create_room(fresh_room, "owner")
    config = write_config(tmp_path, server, name, [fresh_room], f'[modules.echo]\nuse = "bots.echo"\n{HTTP}')
    async with running_bot(config) as bot:
        await bot_in(owner, fresh_room)
        await bot.wait_room(fresh_room)
        await owner.set_affiliation(fresh_room, f"{name}@{server.domain}", "outcast", "enough")
        await bot.wait_room(fresh_room, "refused")

        status, missing = await ready(bot)
        assert (status, missing["connected"], missing["joined"]) == (503, True, 0)
        assert missing["missing"][fresh_room]["state"] == "refused"
        assert "banned" in missing["missing"][fresh_room]["reason"]
        assert (await http(bot, "/healthz"))[0] == 200
        assert (await metrics(bot))["botkit_rooms", "refused"] == 1
        code, text = await told(config, "status")
        assert code == 1
        assert re.search(rf"{fresh_room}: refused for .*banned", text)

        await owner.set_affiliation(fresh_room, f"{name}@{server.domain}", "none")
        since = len(bot.log)
        code, text = await told(config, "retry")
        assert (code, text.strip()) == (0, f"{fresh_room}: is tried again")
        await bot.wait_room(fresh_room, since=since)
        assert (await ready(bot))[0] == 200
        assert (await told(config, "status"))[0] == 0


async def test_a_connection_that_is_cut_is_told_and_counted(server, people, account, fresh_room, tmp_path):
    [owner] = await people("owner")
    name = await account("bot")
    await owner.create_room(fresh_room, "owner")
    async with Cutter(server.host, server.port) as cutter:
        config = write_config(tmp_path, server, name, [fresh_room], f'[modules.echo]\nuse = "bots.echo"\n{HTTP}')
        config.write_text(config.read_text().replace(f"port = {server.port}", f"port = {cutter.port}"))
        async with running_bot(config) as bot:
            await bot.wait_for_log("history caught up")
            assert (await ready(bot))[0] == 200
            cutter.close_door()
            await bot.wait_for_log("not connected")
            status, away = await ready(bot)
            assert (status, away["connected"]) == (503, False)
            assert away["reason"]
            assert away["missing"][fresh_room]["state"] == "lost"
            assert (await http(bot, "/healthz"))[0] == 200
            figures = await metrics(bot)
            assert (figures["botkit_connected",], figures["botkit_account_ready",]) == (0, 0)
            code, text = await told(config, "status")
            assert code == 1
            assert "not connected" in text
            assert "next try" in text

            await cutter.open_door()
            await until(lambda: _is_ready(bot))
            assert (await metrics(bot))["botkit_reconnects_total",] == 1


async def _is_ready(bot: BotProcess) -> bool:
    return (await ready(bot))[0] == 200


async def test_a_handler_that_hangs_and_one_that_fails_are_seen(server, people, account, fresh_room, tmp_path):
    [owner] = await people("owner")
    name = await account("bot")
    await owner.create_room(fresh_room, "owner")
    (tmp_path / "stuck.py").write_text(STUCK)
    config = write_config(tmp_path, server, name, [fresh_room], f'[modules.stuck]\nuse = "./stuck.py"\n{HTTP}')
    async with running_bot(config) as bot:
        await bot.wait_for_log("history caught up")
        for text in ("fail", "wait", "one", "two", "three"):
            await owner.say(fresh_room, text)

        async def hangs() -> dict[tuple[str, ...], float] | None:
            found = await metrics(bot)
            return found if found["botkit_room_events_waiting", fresh_room] >= 3 else None

        figures = await until(hangs)
        assert figures["botkit_handlers_running",] == 1
        assert figures["botkit_queue_waiting", "handlers"] >= 3, "other events of the room may wait, too"
        assert figures["botkit_handler_calls_total", "stuck", "stuck"] == 2
        assert figures["botkit_handler_failures_total", "stuck", "stuck"] == 1
        assert (await ready(bot))[0] == 200, "it is in its room all the same"
        code, text = await told(config, "status")
        assert code == 0
        assert re.search(r"modules: stuck \(2 calls, 1 failures\)", text)
        waiting = re.search(rf"{fresh_room}: .*, (\d+) waiting", text)
        assert waiting is not None
        assert int(waiting[1]) >= 3
        bot.kill()


async def test_a_second_bot_with_the_same_database_is_refused(server, people, account, fresh_room, tmp_path):
    [owner] = await people("owner")
    name = await account("bot")
    await owner.create_room(fresh_room, "owner")
    config = write_config(tmp_path, server, name, [fresh_room], '[modules.echo]\nuse = "bots.echo"\n')
    async with running_bot(config) as bot:
        await bot.wait_room(fresh_room)
        second = await botkit(config, "run", str(config))
        assert second.exit_code == 9
        assert f"process {bot.pid}" in second.text().replace("\n", " ")
        assert (await told(config, "status"))[0] == 0
        bot.kill()
        await bot.wait()
    async with running_bot(config) as again:
        await again.wait_room(fresh_room)
        assert (await told(config, "status"))[0] == 0


async def test_who_runs_the_bot_and_nobody_else_sees_its_status_and_has_rooms_tried_again(
    server, people, account, fresh_room, tmp_path
):
    admin, member = await people("admin", "member")
    name = await account("bot")
    await admin.create_room(fresh_room, "admin")
    away = f"away-{fresh_room}"
    more = f'[access]\nadmins = ["{admin.bare}"]\n[modules.keeper]\nuse = "bots.keeper"\n'
    config = write_config(tmp_path, server, name, [fresh_room, away], more)
    async with running_bot(config) as bot:
        await bot.wait_for_log("history caught up")
        await bot.wait_room(away, "refused")
        full = (await bot.wait_for_log("connected"))["address"]
        own = {"botkit:status", "botkit:retry", "reload"}
        assert own <= {item["node"] for item in await admin.items(full, NODES)}
        assert own & {item["node"] for item in await member.items(full, NODES)} == set()
        with pytest.raises(StanzaFailed, match="forbidden"):
            await member.run_command(full, "botkit:status")

        shown = await admin.run_command(full, "botkit:status")
        assert (shown.status, shown.form_type) == ("completed", "result")
        form = shown.element.find(f"{FORMS}x")
        assert form is not None
        columns = [field.get("var") for field in form.iterfind(f"{FORMS}reported/{FORMS}field")]
        rows = [
            {field.get("var"): field.findtext(f"{FORMS}value") for field in item.iterfind(f"{FORMS}field")}
            for item in form.iterfind(f"{FORMS}item")
        ]
        assert [set(row) for row in rows] == [set(columns)] * 2
        assert (rows[0]["room"], rows[0]["state"], rows[0]["history"]) == (fresh_room, "joined", "caught up")
        assert (rows[1]["room"], rows[1]["state"]) == (away, "refused")
        assert "no such room" in rows[1]["remarks"]

        await admin.create_room(away, "admin")
        since = len(bot.log)
        done = await admin.run_command(full, "botkit:retry", {"room": away})
        assert done.notes == (("info", f"Tried again now: {away}."),)
        await bot.wait_room(away, since=since)

        config.write_text(config.read_text().replace(f'[[rooms]]\njid = "{away}"\nnick = "{NICK}"\n', ""))
        code, text = await told(config, "reload")
        assert (code, f"room {away}: no more" in text) == (0, True), text

        async def one_room_left() -> bool:
            left = await admin.run_command(full, "botkit:status")
            return len(left.element.findall(f"{FORMS}x/{FORMS}item")) == 1

        await until(one_room_left)
