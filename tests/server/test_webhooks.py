"""Webhooks end to end: a request over HTTP, and what stands in the room."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.server.bots import BotProcess, config_text, spawn_bot
from tests.server.running import NICK, botkit, running_bot, write_config
from tests.server.wire import is_message
from tests.unit.services.hooks import payloads as p

pytestmark = pytest.mark.any_server

SECRET = "s3cr3t-w0rd"


def hooks(room: str, **more: str) -> str:
    """``[http]`` and two hooks as TOML."""
    keys = "".join(f"{key} = {value}\n" for key, value in more.items())
    return f"""
[http]
listen = "127.0.0.1:0"
[hooks.rocket]
format = "github"
secret = {{ file = "rocket.secret" }}
rooms = ["{room}"]
{keys}
[hooks.backup]
format = "json"
secret = {{ file = "rocket.secret" }}
rooms = ["{room}"]
template = "*{{{{ host }}}}*: {{{{ state }}}}"
"""


async def port_of(bot: BotProcess, since: int = 0) -> int:
    line = await bot.wait_for_log("listening: http://", since=since)
    found = re.search(r"http://127\.0\.0\.1:(\d+)/", str(line["event"]))
    assert found is not None
    return int(found[1])


async def post(port: int, name: str, payload: object, **headers: str) -> tuple[int, Any]:
    """Status and JSON of the answer."""
    body = json.dumps(payload).encode()
    signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    given = {
        "Host": "x",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "X-Hub-Signature-256": signature,
        **{key.replace("_", "-"): value for key, value in headers.items()},
    }
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = "".join(f"{key}: {value}\r\n" for key, value in given.items())
    try:
        writer.write(f"POST /hooks/{name} HTTP/1.1\r\n{lines}\r\n".encode() + body)
        async with asyncio.timeout(15):
            head, _, said = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    return int(head.split()[1]), json.loads(said)


def prepared(folder: Path) -> None:
    (folder / "rocket.secret").write_text(SECRET)
    (folder / "rocket.secret").chmod(0o600)


async def test_a_push_and_an_alert_of_ones_own_are_seen_in_the_room(server, people, account, fresh_room, tmp_path):
    [owner] = await people("owner")
    name = await account("bot")
    await owner.create_room(fresh_room, "owner")
    prepared(tmp_path)
    async with running_bot(write_config(tmp_path, server, name, [fresh_room], hooks(fresh_room))) as bot:
        port = await port_of(bot)
        await bot.wait_room(fresh_room)
        status, told = await post(port, "rocket", p.push(), X_GitHub_Event="push", X_GitHub_Delivery="one")
        assert status == 202
        seen = await owner.wait_for(lambda s: is_message(s, f"{fresh_room}/{NICK}") and s.get("id") == told["id"])
        assert seen.findtext("{jabber:client}body").startswith("acme/rocket: alice pushed 2 commits to main\n")

        again = await post(port, "rocket", p.push(), X_GitHub_Event="push", X_GitHub_Delivery="one")
        assert again == (202, told)
        assert (await post(port, "rocket", p.push(), X_Hub_Signature_256="sha256=00"))[0] == 401

        status, other = await post(port, "backup", {"host": "db1", "state": "*down*"})
        assert status == 202
        seen = await owner.wait_for(lambda s: is_message(s, f"{fresh_room}/{NICK}") and s.get("id") == other["id"])
        assert seen.findtext("{jabber:client}body") == "*db1*: \u200b*down*"
        said = [s for s in owner.received if is_message(s, f"{fresh_room}/{NICK}")]
        assert [s.get("id") for s in said] == [told["id"], other["id"]]


async def test_an_alert_that_is_resolved_is_corrected_in_place(server, people, account, fresh_room, tmp_path):
    [owner] = await people("owner")
    name = await account("bot")
    await owner.create_room(fresh_room, "owner")
    prepared(tmp_path)
    toml = hooks(fresh_room).replace('"github"', '"alertmanager"')
    bearer = {"Authorization": f"Bearer {SECRET}"}
    async with running_bot(write_config(tmp_path, server, name, [fresh_room], toml)) as bot:
        port = await port_of(bot)
        await bot.wait_room(fresh_room)
        for _ in range(2):
            status, fired = await post(port, "rocket", p.alertmanager(), **bearer)
            assert status == 202
        await owner.wait_for(lambda s: is_message(s, f"{fresh_room}/{NICK}") and s.get("id") == fired["id"])
        status, ended = await post(port, "rocket", p.alertmanager(status="resolved"), **bearer)
        assert status == 202
        seen = await owner.wait_for(lambda s: is_message(s, f"{fresh_room}/{NICK}") and s.get("id") == ended["id"])
        assert seen.findtext("{jabber:client}body").startswith("RESOLVED: DiskFull (critical) at db1:9100\n")
        replaced = seen.find("{urn:xmpp:message-correct:0}replace")
        assert replaced is not None
        assert replaced.get("id") == fired["id"]
    assert len([s for s in owner.received if is_message(s, f"{fresh_room}/{NICK}")]) == 2


async def test_a_flood_and_an_endless_template_cost_the_bot_nothing_else(server, people, account, fresh_room, tmp_path):
    [owner] = await people("owner")
    name = await account("bot")
    await owner.create_room(fresh_room, "owner")
    prepared(tmp_path)
    endless = "{% for a in range(1000) %}" * 6 + "{% endfor %}" * 6
    toml = hooks(fresh_room, per_minute="10").replace("*{{ host }}*: {{ state }}", endless)
    toml += '[modules.echo]\nuse = "bots.echo"\n'
    async with running_bot(write_config(tmp_path, server, name, [fresh_room], toml)) as bot:
        port = await port_of(bot)
        await bot.wait_room(fresh_room)
        looping = asyncio.create_task(post(port, "backup", {"a": 1}))

        async def one(number: int) -> int:
            sent = {"X_GitHub_Event": "push", "X_GitHub_Delivery": f"{number}"}
            try:
                return (await post(port, "rocket", p.push(), **sent))[0]
            except (ConnectionError, IndexError):  # more than 32 at a time
                return 0

        answers = [await one(number) for number in range(20)]
        answers += await asyncio.gather(*(one(number) for number in range(20, 100)))
        assert answers[:10] == [202] * 10
        assert set(answers[10:]) <= {429, 0, 202}
        assert answers.count(202) < 15
        await owner.say(fresh_room, "!echo alive")
        await owner.wait_for(
            lambda s: is_message(s, f"{fresh_room}/{NICK}") and s.findtext("{jabber:client}body") == "alive"
        )
        status, told = await looping
        assert status == 422
        assert "took more than 2 s" in told["detail"]


async def test_what_was_acknowledged_is_said_once_whenever_the_bot_is_killed(
    server, people, account, fresh_room, tmp_path
):
    [owner] = await people("owner")
    name = await account("bot")
    await owner.create_room(fresh_room, "owner")
    prepared(tmp_path)
    config = write_config(tmp_path, server, name, [fresh_room], hooks(fresh_room, per_minute="1000"))
    stored: dict[str, str] = {}

    async def send(port: int, number: int) -> None:
        try:
            sent = {"X_GitHub_Event": "issues", "X_GitHub_Delivery": f"d{number}"}
            status, told = await post(port, "rocket", p.issue(title=f"number {number}"), **sent)
        except (ConnectionError, IndexError):  # it was killed before it answered
            return
        assert status in (202, 503), told
        if status == 202:
            assert stored.setdefault(f"d{number}", told["id"]) == told["id"]

    for life, answered in enumerate((1, 4, 7)):
        async with running_bot(config) as bot:
            port = await port_of(bot)
            if life != 1:  # in the second life it is killed before it is in the room, or while it enters
                await bot.wait_room(fresh_room)
            before = len(stored)
            sending = [asyncio.create_task(send(port, life * 10 + number)) for number in range(10)]
            sending += [asyncio.create_task(send(port, number)) for number in range(life * 10)]  # sent again
            try:
                async with asyncio.timeout(10):
                    while len(stored) < before + answered and not all(task.done() for task in sending):  # noqa: ASYNC110 - it is in another process
                        await asyncio.sleep(0.002)
            finally:
                bot.kill()
                await asyncio.gather(*sending, bot.wait())
    assert len(stored) > 5
    async with running_bot(config) as bot:
        port = await port_of(bot)
        await bot.wait_room(fresh_room)
        status, last = await post(port, "backup", {"host": "end", "state": "."})
        assert status == 202
        await owner.wait_for(lambda s: is_message(s, f"{fresh_room}/{NICK}") and s.get("id") == last["id"], timeout=30)
    said = [s.get("id") for s in owner.received if is_message(s, f"{fresh_room}/{NICK}")]
    assert len(said) == len(set(said))
    assert set(stored.values()) <= set(said)
    texts = [s.findtext("{jabber:client}body") for s in owner.received if is_message(s, f"{fresh_room}/{NICK}")]
    assert len(texts) == len(set(texts)), "sent again it is the same notice"


def templates_process(bot: BotProcess) -> int | None:
    """The process in which ``bot`` renders templates."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == bot.pid and b"botkit.services.hooks.worker" in (folder / "cmdline").read_bytes():
                return int(folder.name)
        except OSError:  # it has ended meanwhile
            continue
    return None


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
async def test_the_process_of_templates_ends_with_the_bot(server, people, account, fresh_room, tmp_path, end):
    [owner] = await people("owner")
    name = await account("bot")
    await owner.create_room(fresh_room, "owner")
    prepared(tmp_path)
    async with running_bot(write_config(tmp_path, server, name, [fresh_room], hooks(fresh_room))) as bot:
        port = await port_of(bot)
        await bot.wait_room(fresh_room)
        assert templates_process(bot) is None
        assert (await post(port, "backup", {"host": "a", "state": "b"}))[0] == 202
        process = templates_process(bot)
        assert process is not None
        bot.terminate(end)
        assert await bot.wait() == (0 if end is signal.SIGTERM else -end)
        async with asyncio.timeout(5):
            while Path(f"/proc/{process}/cmdline").exists() and Path(f"/proc/{process}/cmdline").read_bytes():  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.01)
        assert not [line for line in bot.log if line.get("level") == "error" or line.get("plain")]


async def test_accounts_of_a_process_share_the_port_and_one_that_cannot_log_in_says_so(
    server, people, account, fresh_room, tmp_path
):
    [owner] = await people("owner")
    name, other = await account("bot"), await account("other")
    await owner.create_room(fresh_room, "owner")
    prepared(tmp_path)
    hook = f'secret = {{ file = "rocket.secret" }}\nformat = "github"\nrooms = ["{fresh_room}"]\n'
    storage = '[storage]\npath = "{}.db"\n'
    files = []
    for one, toml, password in (
        (name, f'[http]\nlisten = "127.0.0.1:0"\n[hooks.one]\n{hook}', '{ env = "BOT_PASSWORD" }'),
        (other, f"[hooks.two]\n{hook}", '"wrong"'),
    ):
        text = config_text(
            server, one, toml + storage.format(one), rooms=[fresh_room], nick=one, in_account=f"password = {password}"
        )
        files.append(tmp_path / f"{one}.toml")
        files[-1].write_text(text)
    bot = await spawn_bot(files[0], "run", *map(str, files))
    try:
        port = await port_of(bot)
        await bot.wait_room(fresh_room)
        await bot.wait_for_log("the account has ended")
        status, told = await post(port, "one", p.push(), X_GitHub_Event="push")
        assert status == 202
        await owner.wait_for(lambda s: is_message(s, f"{fresh_room}/{name}") and s.get("id") == told["id"])
        status, told = await post(port, "two", p.push(), X_GitHub_Event="push")
        assert (status, told["detail"]) == (503, "the bot is being started or has ended")
        assert (await post(port, "three", p.push()))[0] == 404
    finally:
        bot.kill()
        await bot.wait()


async def test_a_reload_changes_hooks_and_reads_their_secrets_again(server, people, account, fresh_room, tmp_path):
    [owner] = await people("owner")
    name = await account("bot")
    await owner.create_room(fresh_room, "owner")
    prepared(tmp_path)
    config = write_config(tmp_path, server, name, [fresh_room], hooks(fresh_room))
    async with running_bot(config) as bot:
        port = await port_of(bot)
        await bot.wait_room(fresh_room)
        text = config.read_text()
        config.write_text(text.replace("[hooks.backup]", "[hooks.saved]"))
        (tmp_path / "rocket.secret").write_text("another")
        done = await botkit(config, "reload", str(config))
        assert done.exit_code == 0, done.text()
        assert "hook saved: new" in done.output
        assert "hook backup: no more" in done.output
        assert (await post(port, "backup", {"host": "a", "state": "b"}))[0] == 404
        assert (await post(port, "saved", {"host": "a", "state": "b"}))[0] == 401
        bearer = {"Authorization": "Bearer another", "X_Hub_Signature_256": ""}
        status, told = await post(port, "saved", {"host": "a", "state": "b"}, **bearer)
        assert status == 401, "an empty signature is none, and is no way round it"
        (tmp_path / "rocket.secret").write_text(SECRET)
        await botkit(config, "reload", str(config))
        status, told = await post(port, "saved", {"host": "a", "state": "b"})
        assert status == 202
        await owner.wait_for(lambda s: is_message(s, f"{fresh_room}/{NICK}") and s.get("id") == told["id"])
