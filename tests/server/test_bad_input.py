"""``botkit run`` as people run it, given what it must be able to take."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import signal
import socket
import sqlite3
import time
from pathlib import Path

import pytest

from botkit.model.address import Address
from botkit.model.archive import LogQuery
from botkit.storage.sqlite import SqliteStorage
from botkit.testing.certificates import Authority
from botkit.testing.prosody import Prosody, ProsodyOptions
from tests.server.bots import BotProcess, spawn_bot
from tests.server.clients import Client
from tests.server.wire import StanzaFailed, body, is_message, stanza_id

pytestmark = [pytest.mark.server, pytest.mark.any_server]

_ECHO = '[modules.echo]\nuse = "bots.echo"\n'
_UNRULY = """
import asyncio
from pydantic import BaseModel
from botkit import Context, Module, Router, RoomMessage

router = Router("unruly")

@router.command("raise")
async def fail(ctx: Context[BaseModel]) -> str:
    "Fails."
    raise RuntimeError("a fault of the module")

@router.command("hang")
async def hang(ctx: Context[BaseModel]) -> str:
    "Takes for ever."
    await asyncio.Event().wait()
    return "never"

@router.command("stubborn")
async def stubborn(ctx: Context[BaseModel]) -> str:
    "Does not let itself be cancelled at once."
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(60)
    return "never"

@router.command("big")
async def big(ctx: Context[BaseModel]) -> str:
    "Keeps a lot."
    await ctx.storage.put("big", "x" * 4_000_000)
    return "kept"

module = Module(name="unruly", router=router)
"""

# Root may read and write whatever the modes say; without this capability it is as everybody.
_ORDINARY = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search") if os.geteuid() == 0 else ()


class Nowhere:
    """A server for what ends before one is asked."""

    host, domain, port, tls_port = "127.0.0.1", "localhost", 9, 9

    def __init__(self, ca_file: Path) -> None:
        self.ca_file = ca_file


@pytest.fixture
def nowhere(tmp_path: Path) -> Nowhere:
    Authority.create().write(tmp_path / "ca.crt")
    return Nowhere(tmp_path / "ca.crt")


@pytest.fixture
def unruly(tmp_path: Path) -> str:
    (tmp_path / "unruly.py").write_text(_UNRULY)
    return _ECHO + '[modules.unruly]\nuse = "./unruly.py"\n'


async def echoes(person: Client, room: str, text: str, seconds: float = 10.0) -> None:
    await person.say(room, f"!echo {text}")
    await person.wait_for(lambda e: is_message(e, text=text), seconds)


def told(bot: BotProcess) -> list[str]:
    """What was printed for the person who started it."""
    return [line["event"] for line in bot.log if line.get("plain")]


def no_traceback(bot: BotProcess) -> None:
    assert "Traceback" not in bot.text()
    assert "secret" not in bot.text()


# --- the server ---------------------------------------------------------------------------------------------------


async def test_what_retrying_cannot_cure_ends_with_a_code_and_a_line(
    server, start_server, account, start_bot, tmp_path
):
    name = await account("bot")
    other_name = await start_server(
        options=ProsodyOptions(certificate_names=("elsewhere.example",)), accounts={name: "secret"}
    )
    other_ca = await start_server(options=ProsodyOptions(certificate_trusted=False), accounts={name: "secret"})
    no_tls = await start_server(options=ProsodyOptions(offer_tls=False), accounts={name: "secret"})
    expected = {
        "password": (server, {"env": {"BOT_PASSWORD": "not it"}}, 4, ("password", name)),
        "unset": (server, {"env": {"BOT_PASSWORD": None}}, 3, ("BOT_PASSWORD",)),
        "name": (other_name, {}, 5, ("certificate", "localhost")),
        "authority": (other_ca, {}, 5, ("certificate", "ca_file")),
        "tls": (no_tls, {}, 6, ("TLS",)),
    }
    starts = (
        start_bot(place, name, _ECHO, joined=False, folder=tmp_path / key, rooms=[f"a@{place.muc}"], **more)
        for key, (place, more, _, _) in expected.items()
    )
    bots = dict(zip(expected, await asyncio.gather(*starts), strict=True))
    for key, (_, _, code, parts) in expected.items():
        assert await bots[key].wait() == code, bots[key].text()
        (line,) = told(bots[key])
        assert line.startswith("botkit: ")
        assert all(part in line for part in parts), line
        no_traceback(bots[key])


async def test_unreachable_server_is_tried_until_it_is_there(start_server, start_bot, tmp_path):
    server = await start_server(accounts={"bot": "secret"})
    server.kill()
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and says nothing
        ways = {
            "quiet": f'port = {silent.getsockname()[1]}\nconnect_timeout = "1s"\n',
            "nowhere": 'host = "nowhere.invalid"\n',
            "refused": "",
        }
        quiet, nowhere, bot = await asyncio.gather(
            *(
                start_bot(server, "bot", _ECHO, joined=False, folder=tmp_path / key, in_account=way, rooms=["a@b.c"])
                for key, way in ways.items()
            )
        )
        await bot.wait_for_log("not connected")
        await server.revive()
        for each in (quiet, nowhere):
            since = 0
            for _ in range(2):
                line = await each.wait_for_log("not connected", since=since)
                assert line["reason"]
                assert line["retry_in"] > 0
                since = each.log.index(line) + 1
            assert each.exit_code is None
        began = time.monotonic()
        assert await asyncio.gather(quiet.stop(), nowhere.stop()) == [0, 0]
        assert time.monotonic() - began < 5
    await bot.wait_for_log("connected", seconds=30)
    assert await bot.stop() == 0
    no_traceback(bot)


async def test_unreadable_ca_file_is_told(nowhere, start_bot, tmp_path):
    shut = tmp_path / "shut"
    shut.mkdir()
    (shut / "ca.crt").write_text("")
    shut.chmod(0o000)
    try:
        bot = await start_bot(nowhere, "bot", _ECHO, wrapper=_ORDINARY, in_account=f'ca_file = "{shut / "ca.crt"}"\n')
        assert await bot.wait() == 3, bot.text()
    finally:
        shut.chmod(0o755)
    (line,) = told(bot)
    assert "ca.crt" in line
    no_traceback(bot)


async def test_replaced_by_another_login(server, account, start_bot, client_factory, people, fresh_room):
    (alice,) = await people("alice")
    await alice.create_room(fresh_room, "alice")
    name = await account("bot")
    bot = await start_bot(server, name, _ECHO, rooms=[fresh_room], in_account='resource = "here"\n')
    await client_factory(account=name, resource="here")
    assert await bot.wait() == 7
    (line,) = told(bot)
    assert "another login" in line
    assert "resource" in line
    no_traceback(bot)


# --- rooms --------------------------------------------------------------------------------------------------------


async def test_rooms_that_refuse_are_told_and_the_others_work(server, account, start_bot, people, fresh_room):
    (alice,) = await people("alice")
    name = await account("bot")
    good, banned, members, typo = [f"{kind}-{fresh_room}" for kind in ("good", "banned", "members", "typo")]
    await alice.create_room(good, "alice")
    await alice.create_room(banned, "alice", affiliations={f"{name}@{server.domain}": "outcast"})
    await alice.create_room(members, "alice", config={"membersonly": True})
    bot = await start_bot(server, name, _ECHO, rooms=[good, banned, members, typo], joined=False)
    for room, reason in {banned: "banned", members: "members-only", typo: "create = true"}.items():
        line = await bot.wait_room(room, "refused")
        assert reason in line["reason"]
        assert line["level"] == "warning"
    await bot.wait_room(good)
    await echoes(alice, good, "still here")
    with pytest.raises(StanzaFailed):
        await alice.features(typo)
    await alice.set_affiliation(good, f"{name}@{server.domain}", "outcast", "bye")
    line = await bot.wait_room(good, "refused")
    assert "banned" in line["reason"]
    assert "bye" in line["reason"]
    assert bot.exit_code is None  # a room may be opened again; the process says why it is idle
    assert await bot.stop() == 0
    no_traceback(bot)


# --- handlers -----------------------------------------------------------------------------------------------------


async def test_handler_that_raises_or_hangs_harms_no_other(server, account, start_bot, people, fresh_room, unruly):
    (alice,) = await people("alice")
    other = f"other-{fresh_room}"
    for room in (fresh_room, other):
        await alice.create_room(room, "alice")
    limit = '[runtime]\nhandler_timeout = "2s"\n'
    bot = await start_bot(server, await account("bot"), unruly + limit, rooms=[fresh_room, other])
    await alice.say(fresh_room, "!raise")
    line = await bot.wait_for_log(lambda line: "exception" in line and "a fault of the module" in json.dumps(line))
    assert line["level"] == "error"
    assert line["room"] == fresh_room
    await echoes(alice, fresh_room, "after the fault")

    began = time.monotonic()
    hanging = await alice.say(fresh_room, "!hang")
    await alice.say(fresh_room, "!echo behind the hanging one")
    await echoes(alice, other, "in another room", 1.5)
    line = await bot.wait_for_log(lambda line: line.get("level") in ("warning", "error") and "hang" in json.dumps(line))
    assert line["room"] == fresh_room
    assert time.monotonic() - began < 5
    await alice.wait_for(lambda e: is_message(e, text="behind the hanging one"))
    assert stanza_id(hanging, fresh_room) in bot.text()
    assert await bot.stop() == 0


# --- the way down -------------------------------------------------------------------------------------------------


async def test_signals_end_it_in_time_whatever_hangs(start_server, start_bot, client_factory, unruly, tmp_path):
    server, frozen = await asyncio.gather(
        *(start_server(accounts={"bot": "secret", "alice": "secret"}) for _ in range(2))
    )
    alice, clara = [await client_factory(on=place, account="alice") for place in (server, frozen)]
    room = f"room@{server.muc}"
    for person in (alice, clara):
        await person.create_room(room, "alice")

    async def start(place: Prosody, key: str) -> BotProcess:
        (tmp_path / key).mkdir()
        shutil.copy(tmp_path / "unruly.py", tmp_path / key)
        more = f'[commands]\nprefix = "{key}!"\n[runtime]\nshutdown_timeout = "4s"\n'
        return await start_bot(place, "bot", unruly + more, rooms=[room], nick=key, folder=tmp_path / key)

    keys = ("term", "int", "hang", "stubborn")
    bots = dict(zip(keys, await asyncio.gather(*(start(server, key) for key in keys)), strict=True))
    bots["frozen"] = await start(frozen, "frozen")
    for person, text in ((clara, "frozen!hang"), (alice, "hang!hang"), (alice, "stubborn!stubborn")):
        await person.say(room, text)
    await alice.say(room, "term!echo heard")
    await alice.wait_for(lambda e: is_message(e, text="heard"))
    frozen.pause()
    try:
        began = time.monotonic()
        for key, bot in bots.items():
            bot.terminate(signal.SIGINT if key == "int" else signal.SIGTERM)
        assert {key: await bot.wait() for key, bot in bots.items()} == dict.fromkeys(bots, 0)
        assert time.monotonic() - began < 6  # shutdown_timeout, and some for the process itself
    finally:
        frozen.resume()
    for bot in bots.values():
        no_traceback(bot)
        assert {"stopping", "stopped"} <= set(bot.events())
    for key in keys:
        await alice.wait_for(lambda e, key=key: e.get("from") == f"{room}/{key}" and e.get("type") == "unavailable")
    assert "handlers were not done in time" in bots["hang"].events()
    assert "the server did not see us off in time" in bots["frozen"].events()


# --- the database -------------------------------------------------------------------------------------------------


async def test_database_that_cannot_be_used_ends_it_with_code_8(nowhere, start_bot, tmp_path):
    (tmp_path / "text.db").write_text("this is no database\n" * 100)
    sqlite3.connect(tmp_path / "newer.db").executescript("PRAGMA user_version = 999; CREATE TABLE t (x)")
    (tmp_path / "folder.db").mkdir()
    (tmp_path / "file").write_text("")
    paths = {"text.db": "not a SQLite database", "newer.db": "newer", "folder.db": "folder", "file/x.db": "folder"}
    bots = await asyncio.gather(
        *(
            start_bot(nowhere, "bot", f'{_ECHO}[storage]\npath = "{tmp_path / path}"\n', folder=tmp_path / str(number))
            for number, path in enumerate(paths)
        )
    )
    for bot, (path, part) in zip(bots, paths.items(), strict=True):
        assert await bot.wait() == 8, bot.text()
        (line,) = told(bot)
        assert path.partition("/")[0] in line
        assert part in line
        no_traceback(bot)


async def test_database_that_may_not_be_written_ends_it_with_code_8(nowhere, start_bot, tmp_path):
    storage = f'[storage]\npath = "{tmp_path / "shut" / "bot.db"}"\n'
    first = await start_bot(nowhere, "bot", _ECHO + storage)
    await first.wait_for_log("not connected")
    assert await first.stop() == 0
    for path in (tmp_path / "shut").iterdir():
        path.chmod(0o444)
    (tmp_path / "shut").chmod(0o555)
    try:
        bot = await start_bot(nowhere, "bot", _ECHO + storage, wrapper=_ORDINARY)
        assert await bot.wait() == 8, bot.text()
    finally:
        (tmp_path / "shut").chmod(0o755)
    (line,) = told(bot)
    assert "bot.db" in line
    assert "write" in line
    no_traceback(bot)


async def test_full_disk_stops_nothing_and_loses_nothing(
    server, account, start_bot, people, fresh_room, unruly, tmp_path
):
    (alice,) = await people("alice")
    await alice.create_room(fresh_room, "alice")
    name = await account("bot")
    bot = await start_bot(server, name, unruly, rooms=[fresh_room])
    await echoes(alice, fresh_room, "before")
    # The largest file that the process may write: to SQLite the same as a disk that is full.
    soft, hard = resource.prlimit(bot.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(bot.pid, resource.RLIMIT_FSIZE, ((tmp_path / "data" / "botkit.db-wal").stat().st_size, hard))
    since = len(bot.log)
    await alice.say(fresh_room, "!big")
    for number in range(30):
        await alice.say(fresh_room, f"line {number}")
    await bot.wait_for_log(lambda line: "disk" in json.dumps(line) and line["level"] == "error", since=since)
    await bot.wait_for_log("history cannot be written", since=since)
    # A command that could not be noted might be run twice: it is not run at all, and the asker is told.
    await alice.say(fresh_room, "!echo meanwhile")
    await alice.wait_for(lambda e: "cannot write anything down" in (body(e) or ""))
    resource.prlimit(bot.pid, resource.RLIMIT_FSIZE, (soft, hard))
    await echoes(alice, fresh_room, "afterwards")
    assert await bot.stop() == 0
    async with SqliteStorage.open(
        tmp_path / "data" / "botkit.db", Address.parse(f"{name}@{server.domain}"), read_only=True
    ) as storage:
        rows = await storage.log.find(LogQuery(room=Address.parse(fresh_room), limit=100))
    assert {f"line {number}" for number in range(30)} <= {row.body for row in rows}


# --- the config ---------------------------------------------------------------------------------------------------

_TEN_MISTAKES = """\
[account]
jid = "not a jid at all"
pasword = "x"
port = 99999
connect_timeout = "soon"

[[rooms]]
jid = "nobody"
create = "perhaps"

[modules.echo]
use = "bots.ekho"

[log]
level = "loud"

[storage]
keep_originals = -3

[runtime]
handler_timeout = 0
"""


async def test_ten_mistakes_are_ten_lines(tmp_path):
    config = tmp_path / "bot.toml"
    config.write_text(_TEN_MISTAKES)
    bot = await spawn_bot(config)
    assert await bot.wait() == 3
    lines = told(bot)
    assert len(lines) >= 10, lines
    for number, line in enumerate(_TEN_MISTAKES.splitlines(), start=1):
        if "=" in line:
            assert any(f"bot.toml:{number}" in one for one in lines), (number, line, lines)
    assert "password" in next(line for line in lines if "pasword" in line)
    no_traceback(bot)


async def test_config_that_is_not_there_or_no_toml(tmp_path):
    texts = {"missing.toml": None, "broken.toml": "[account\njid=", "binary.toml": "\0\1\2"}
    for name, text in texts.items():
        if text is not None:
            (tmp_path / name).write_text(text)
    for name, bot in zip(texts, await asyncio.gather(*(spawn_bot(tmp_path / name) for name in texts)), strict=True):
        assert await bot.wait() == 3
        assert name in told(bot)[0]
        no_traceback(bot)
