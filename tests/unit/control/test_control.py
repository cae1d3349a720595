"""The control socket: one bot for each, whatever was there before; and nobody who connects holds it up."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from botkit.clock import SystemClock
from botkit.control.client import ask
from botkit.control.place import take
from botkit.control.server import ControlLimits, serve
from botkit.errors import AlreadyRunning, ControlError, NotRunning
from botkit.model.address import Address
from botkit.model.measures import Measure
from botkit.model.plain import from_plain, to_plain
from botkit.model.posts import Post, Posted, PostState
from botkit.model.rooms import RoomState
from botkit.model.status import AccountStatus, BotStatus, ReloadStatus, RoomStatus
from botkit.routing.texts import LONGEST
from botkit.services.stored_jobs import StoredJobs
from botkit.storage.memory import MemoryStorage
from botkit.testing.fakes import FakeLink

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
KEEPER, HERALD = Address.parse("keeper@example.org"), Address.parse("herald@example.org")
DEN = Address.parse("den@rooms.example.org")


class FakeView:
    """Two accounts; one room of the first is refused until it is tried again. ``held``: reload waits for it."""

    def __init__(self) -> None:
        self.den = RoomStatus(room=DEN, state=RoomState.REFUSED, reason="banned")
        self.reloaded: ReloadStatus | None = None
        self.held: asyncio.Event | None = None
        self.fault: Exception | None = None
        self.spoken = FakeLink(KEEPER)
        self.kept = StoredJobs(MemoryStorage().jobs, SystemClock())

    def status(self) -> BotStatus:
        if self.fault is not None:
            raise self.fault
        accounts = (
            AccountStatus(account=KEEPER, connected=True, rooms=(self.den,), reload=self.reloaded),
            AccountStatus(account=HERALD, connected=True),
        )
        return BotStatus(at=NOW, started=NOW, version="1", pid=os.getpid(), accounts=accounts)

    def measures(self) -> Sequence[Measure]:
        return ()

    async def reload(self) -> None:
        if self.held is not None:
            await self.held.wait()
        self.reloaded = ReloadStatus(at=NOW, ok=True, told=("dice: added",))

    async def retry(self, room: Address | None = None) -> Sequence[Address]:
        if room not in (None, DEN):
            return ()
        self.den = replace(self.den, state=RoomState.ASKING, reason=None)
        return (DEN,)

    def link(self, account: Address) -> FakeLink:
        if account != KEEPER:
            raise ControlError(f"the account {account} does not run now")
        return self.spoken

    def jobs(self, account: Address) -> StoredJobs:
        self.link(account)
        return self.kept


@asynccontextmanager
async def control(path: Path, view: FakeView | None = None, **limits: Any) -> AsyncIterator[FakeView]:
    view, place = view or FakeView(), take(path)
    place.bound.listen()  # as ``serve`` will: nobody who comes before it is refused
    task = asyncio.create_task(serve(place, view, ControlLimits(**limits)))
    try:
        yield view
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        place.close()


async def asked(path: Path, **request: object) -> Any:
    return await asyncio.to_thread(ask, path, request)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bot.db.sock"


async def test_the_status_comes_as_it_is(path: Path) -> None:
    async with control(path) as view:
        assert from_plain(BotStatus, await asked(path, do="status")) == view.status()


async def test_only_the_accounts_that_were_asked_for_are_told(path: Path) -> None:
    async with control(path):
        found = from_plain(BotStatus, await asked(path, do="status", accounts=[str(HERALD)]))
    assert [one.account for one in found.accounts] == [HERALD]


async def test_a_reload_tells_how_it_went_for_each_account(path: Path) -> None:
    async with control(path):
        found = await asked(path, do="reload")
    assert found[str(KEEPER)]["told"] == ["dice: added"]
    assert found[str(HERALD)] is None


async def test_a_refused_room_is_tried_again_when_told(path: Path) -> None:
    async with control(path) as view:
        assert await asked(path, do="retry", room="nowhere@rooms.example.org") == []
        assert await asked(path, do="retry", room=str(DEN)) == [str(DEN)]
    assert view.den.state is RoomState.ASKING


SAID = Post(to=Address.parse("alice@example.org"), key="k", topic="k", text="hello")


async def test_the_longest_text_there_is_can_be_sent(path: Path) -> None:
    post = replace(SAID, text="\U0001f600" * LONGEST)
    async with control(path) as view:
        told = await asked(path, do="send", account=str(KEEPER), post=to_plain(post), wait=5)
    assert from_plain(Posted, told).state is PostState.DELIVERED
    assert view.spoken.notices[0].text == post.text


async def test_jobs_are_told_and_changed(path: Path) -> None:
    post = replace(SAID, at=datetime.now(UTC) + timedelta(days=1))
    async with control(path):
        told = await asked(path, do="send", account=str(KEEPER), post=to_plain(post), wait=5)
        [job] = await asked(path, do="jobs", account=str(KEEPER))
        assert job["name"] == told["job"]
        acted = await asked(path, do="act", account=str(KEEPER), action="cancel", name=job["name"])
        assert acted["done"]
        assert await asked(path, do="job", account=str(KEEPER), name=job["name"]) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"account": str(HERALD)}, {"account": 7}, {"wait": -1}, {"wait": 1e9}, {"wait": None}, {"post": None},
        {"post": {}}, {"post": to_plain(SAID) | {"to": "a@b/c"}}, {"post": to_plain(SAID) | {"text": " "}},
        {"post": to_plain(SAID) | {"file": "relative"}}, {"post": to_plain(SAID) | {"file": "/a\0b"}},
        {"post": to_plain(SAID) | {"at": "2999-01-01T00:00:00"}}, {"post": to_plain(SAID) | {"to": "@"}},
    ],
)  # fmt: skip
async def test_what_cannot_be_sent_is_refused_in_words(path: Path, changes: dict[str, object]) -> None:
    request = {"do": "send", "account": str(KEEPER), "post": to_plain(SAID), "wait": 1} | changes
    async with control(path) as view:
        with pytest.raises(ControlError) as told:
            await asked(path, **request)
    assert "version" not in str(told.value)
    assert "ended the connection" not in str(told.value)
    assert view.spoken.notices == []


async def test_the_log_level_changes_while_the_bot_runs(path: Path) -> None:
    root = logging.getLogger()
    before = root.level
    try:
        async with control(path):
            assert await asked(path, do="log", level="debug") == "debug"
            assert root.level == logging.DEBUG
            assert logging.getLogger("aioxmpp").level == logging.WARNING
    finally:
        root.setLevel(before)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"what", "one JSON object"),
        (b"[" * 9000, "one JSON object"),
        (b"[]", '"do"'),
        (b'{"do": 3}', '"do"'),
        (b'{"do": "dance"}', "nothing that can be done"),
        (b'{"do": "retry", "room": 3}', "a JID"),
        (b'{"do": "retry", "room": "@"}', "a JID"),
        (b'{"do": "status", "accounts": "x"}', "list of JIDs"),
        (b'{"do": "log", "level": "loud"}', "expected one of debug"),
        (b"\xff\xfe", "one JSON object"),
    ],
)
async def test_what_cannot_be_understood_is_said_so_and_the_next_is_answered(
    path: Path, line: bytes, said: str
) -> None:
    async with control(path):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(line + b'\n{"do": "status"}\n')
        first, second = json.loads(await reader.readline()), json.loads(await reader.readline())
        writer.close()
    assert not first["ok"]
    assert said in first["error"]
    assert second["ok"]


async def test_a_line_without_an_end_is_cut_off(path: Path) -> None:
    async with control(path, line=1024):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"x" * 5000)
        async with asyncio.timeout(5):
            told = await reader.read()
        writer.close()
        assert b"1024 bytes" in told
        assert await asked(path, do="status")


async def test_who_says_nothing_is_let_go(path: Path) -> None:
    async with control(path, idle=0.05):
        reader, writer = await asyncio.open_unix_connection(path)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()


async def test_who_does_not_take_the_answer_is_let_go_and_holds_up_nobody(path: Path) -> None:
    def served() -> int:
        return sum(task.get_name() == "control client" for task in asyncio.all_tasks())

    async with control(path, write=0.2) as view:
        view.den = replace(view.den, missing=tuple("x" * 1000 for _ in range(1000)))
        with socket.socket(socket.AF_UNIX) as slow:
            slow.connect(str(path))
            slow.sendall(b'{"do": "status"}\n' * 50)
            assert await asked(path, do="status")
            assert served()
            async with asyncio.timeout(5):
                while served():  # noqa: ASYNC110 - there is no event for it
                    await asyncio.sleep(0.01)


async def test_more_than_so_many_at_once_are_told_to_come_again(path: Path) -> None:
    async with control(path, clients=2):
        pairs = [await asyncio.open_unix_connection(path) for _ in range(2)]
        for reader, writer in pairs:
            writer.write(b'{"do": "log"}\n')
            await reader.readline()
        with pytest.raises(ControlError, match="too many"):
            await asked(path, do="status")
        for reader, writer in pairs:
            writer.write_eof()
            assert await reader.read() == b""
            writer.close()
        assert await asked(path, do="status")


async def test_an_answer_that_takes_too_long_is_given_up(path: Path) -> None:
    async with control(path, work=0.05) as view:
        view.held = asyncio.Event()
        with pytest.raises(ControlError, match="took longer"):
            await asked(path, do="reload")


async def test_a_fault_in_an_answer_ends_that_connection_only(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with control(path) as view:
        view.fault = RuntimeError("oops")
        with pytest.raises(ControlError):
            await asked(path, do="status")
        view.fault = None
        assert await asked(path, do="status")
    assert "a request at the control socket failed" in caplog.text


async def test_the_socket_is_its_owners_alone_and_gone_at_the_end(path: Path) -> None:
    async with control(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()


async def test_a_second_bot_is_refused_and_the_first_goes_on(path: Path) -> None:
    async with control(path):
        with pytest.raises(AlreadyRunning, match=rf"process {os.getpid()}\b.*{path.name}"):
            take(path)
        assert await asked(path, do="status")
    take(path).close()


def test_what_a_killed_bot_left_is_cleared_away(path: Path) -> None:
    code = f"""
import os, pathlib
from botkit.control.place import take
place = take(pathlib.Path({str(path)!r}))
place.bound.listen()
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", code], timeout=30, check=False)
    assert done.returncode == -9
    assert path.exists()
    with pytest.raises(NotRunning, match="no bot runs"):
        ask(path, {"do": "status"})
    take(path).close()
    assert not path.exists()


async def test_a_long_path_will_do(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 90) / ("b" * 90)
    async with control(deep / "bot.db.sock"):
        assert await asked(deep / "bot.db.sock", do="status")
    assert not (deep / "bot.db.sock").exists()


def test_a_place_where_no_socket_can_be_is_told_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ControlError, match=r"cannot be made: (File exists|Not a directory)"):
        take(tmp_path / "file" / "below" / "bot.sock")


def test_without_a_bot_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="no bot runs"):
        ask(tmp_path / "bot.sock", {"do": "status"})


def test_an_answer_of_something_else_is_told(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(ControlError, match="did not answer"):
            ask(path, {"do": "status"}, timeout=0.05)
