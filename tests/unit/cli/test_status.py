"""What ``botkit status`` prints, for people, pipes and programs; and with which exit code."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import botkit.cli.status as status_command
import botkit.control.client as client
from botkit.cli.status import log_from, reload, retry, show_status
from botkit.errors import ControlError, NotRunning
from botkit.model.address import Address
from botkit.model.plain import to_plain
from botkit.model.rooms import Affiliation, Role, RoomState
from botkit.model.status import (
    AccountStatus,
    BotStatus,
    Gap,
    HistoryState,
    HistoryStatus,
    Me,
    ModuleStatus,
    QueueStatus,
    ReloadStatus,
    RoomStatus,
)

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
LOBBY = RoomStatus(
    room=Address.parse("lobby@rooms.example.org"),
    state=RoomState.JOINED,
    since=NOW - timedelta(hours=5, minutes=12),
    me=Me(nick="keeper", affiliation=Affiliation.ADMIN, role=Role.MODERATOR),
    occupants=31,
    history=HistoryStatus(state=HistoryState.CAUGHT_UP),
)
DEN = RoomStatus(
    room=Address.parse("den@rooms.example.org"),
    state=RoomState.WAITING,
    reason="the \x1b[31mservice\u202e is away",
    since=NOW - timedelta(seconds=188),
    next_try=NOW + timedelta(seconds=20),
    attempts=3,
)
KEEPER = AccountStatus(account=Address.parse("keeper@example.org"), connected=True, since=NOW, rooms=(LOBBY,))
BOT = BotStatus(at=NOW, started=NOW - timedelta(days=2, hours=3), version="1.0", pid=4711, accounts=(KEEPER,))
Answer = Callable[[Path, dict[str, Any]], Any]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "bot.toml"
    path.write_text('[account]\njid = "keeper@example.org"\npassword = { env = "P" }\n')
    return path


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer], list[dict[str, Any]]]:
    """``asked = answers(function)``: what the running bots answer; each request is kept."""

    def put(answer: Answer) -> list[dict[str, Any]]:
        asked: list[dict[str, Any]] = []

        def ask(path: Path, request: dict[str, Any], *, timeout: float = 10.0) -> Any:
            asked.append(request)
            return answer(path, request)

        monkeypatch.setattr(client, "ask", ask)
        return asked

    return put


def printed(*configs: Path, terminal: bool = False, as_json: bool = False) -> tuple[int, str]:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=160, color_system=None)
    code = show_status(configs, console, as_json=as_json, watch=None)
    assert isinstance(console.file, io.StringIO)
    return code, console.file.getvalue()


def test_a_bot_that_is_well_is_told_in_lines_tables_and_json(config: Path, answers: Any) -> None:
    asked = answers(lambda path, request: to_plain(BOT))
    code, text = printed(config)
    assert code == 0
    assert text.splitlines() == [
        "botkit 1.0, process 4711, up for 2 d 3 h",
        "keeper@example.org: connected for 0 s, 1 of 1 rooms joined",
        "  lobby@rooms.example.org: joined for 5 h 12 min, as keeper (admin, moderator), 31 people,"
        " history caught up, 0 waiting",
    ]
    code, table = printed(config, terminal=True)
    assert code == 0
    for word in ("lobby@rooms.example.org", "joined", "5 h 12 min", "keeper (admin, moderator)", "31", "caught up"):
        assert word in table
    code, text = printed(config, as_json=True)
    assert (code, json.loads(text)["ready"]) == (0, True)
    assert json.loads(text)["bots"][0]["accounts"][0]["rooms"][0]["room"] == "lobby@rooms.example.org"
    assert asked[0] == {"do": "status", "accounts": ["keeper@example.org"]}


@pytest.mark.parametrize("terminal", [False, True])
def test_a_room_that_is_out_is_told_with_reason_and_next_try_and_no_control_characters(
    config: Path, answers: Any, terminal: bool
) -> None:
    bot = replace(BOT, accounts=(replace(KEEPER, rooms=(LOBBY, DEN)),))
    answers(lambda path, request: to_plain(bot))
    code, text = printed(config, terminal=terminal)
    assert code == 1
    assert "next try in 20 s, 3 failed" in " ".join(text.split())
    assert "\x1b[31m" not in text
    assert "\u202e" not in text
    assert r"\u202e" in text


def test_what_else_there_is_to_know_is_told(config: Path, answers: Any) -> None:
    gap = Gap(since=NOW - timedelta(days=9), until=None, reason="expired")
    lobby = replace(LOBBY, history=HistoryStatus(state=HistoryState.CATCHING_UP, read=70, fraction=0.4, gaps=(gap,)))
    account = replace(
        KEEPER,
        connected=False,
        reason="closed by the server",
        retry_at=NOW + timedelta(seconds=4),
        reconnects=2,
        resumptions=1,
        rooms=(lobby,),
        modules=(ModuleStatus(name="keeper", calls=9, failures=1),),
        queues=(QueueStatus(name="history", waiting=7, limit=100), QueueStatus(name="unsent", waiting=0)),
        paused_reading=("history",),
        reload=ReloadStatus(at=NOW - timedelta(minutes=3), ok=False, told=("bot.toml:3: no such module",)),
    )
    answers(lambda path, request: to_plain(replace(BOT, lag=1.25, accounts=(account,))))
    code, text = printed(config)
    assert code == 1
    for words in (
        "its event loop up to 1.2 s late",
        "not connected for 0 s, closed by the server, next try in 4 s",
        "2 reconnects, 1 of them resumed",
        "history catching up 40%, 70 read, 1 gap",
        "missing from 2026-11-12 09:00 to ? (expired)",
        "modules: keeper (9 calls, 1 failures)",
        "queues: history 7 of 100",
        "reading is paused: history cannot keep up",
        "last reload 3 min ago: refused: bot.toml:3: no such module",
    ):
        assert words in text


def test_no_bot_is_told_with_a_code_of_its_own(config: Path, answers: Any) -> None:
    def nobody(path: Path, request: object) -> Any:
        raise NotRunning(f"no bot runs: none answers at {path}")

    answers(nobody)
    code, text = printed(config)
    assert code == 10
    assert "no bot runs" in text
    code, text = printed(config, as_json=True)
    assert (code, json.loads(text)["bots"]) == (10, [])
    assert printed(config, terminal=True)[0] == 10


def test_several_configs_of_one_process_are_one_bot(config: Path, tmp_path: Path, answers: Any) -> None:
    other = tmp_path / "other.toml"
    other.write_text('[account]\njid = "herald@example.org"\npassword = { env = "P" }\n[storage]\npath = "other.db"\n')
    herald = replace(KEEPER, account=Address.parse("herald@example.org"))
    by_name = {"keeper@example.org": KEEPER, "herald@example.org": herald}
    answers(lambda path, request: to_plain(replace(BOT, accounts=(by_name[request["accounts"][0]],))))
    code, text = printed(config, other, as_json=True)
    (bot,) = json.loads(text)["bots"]
    assert (code, [one["account"] for one in bot["accounts"]]) == (0, list(by_name))


def test_an_answer_of_another_version_that_cannot_be_read_is_told(config: Path, answers: Any) -> None:
    answers(lambda path, request: {"at": 3})
    code, text = printed(config)
    assert code == 1
    assert "another version" in text


def test_watching_prints_again_and_again_until_interrupted(
    config: Path, answers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answers(lambda path, request: to_plain(BOT))

    def sleep(seconds: float) -> None:
        if len(asked) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(status_command.time, "sleep", sleep)
    for terminal in (False, True):
        asked.clear()
        console = Console(file=io.StringIO(), force_terminal=terminal, width=160)
        assert show_status([config], console, as_json=False, watch=1.0) == 0
        assert len(asked) == 3


def console() -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, width=160), file


@pytest.mark.parametrize(
    ("told", "code", "words"),
    [
        ({"ok": True, "told": ["module dice: new"]}, 0, "reloaded: module dice: new"),
        ({"ok": False, "told": ["bot.toml:3: no such module"]}, 1, "goes on as before: bot.toml:3"),
        (None, 1, "not reloaded"),
    ],
)
def test_a_reload_is_told_as_it_went(config: Path, answers: Any, told: Any, code: int, words: str) -> None:
    answers(lambda path, request: {"keeper@example.org": told})
    out, file = console()
    assert reload([config], out) == code
    assert words in file.getvalue()


def test_rooms_that_are_tried_again_are_named(config: Path, answers: Any) -> None:
    asked = answers(lambda path, request: ["den@rooms.example.org"] if request["room"] != "x@y" else [])
    out, file = console()
    assert retry([config], None, out) == 0
    assert retry([config], "x@y", out) == 1
    assert "den@rooms.example.org: is tried again" in file.getvalue()
    assert "x@y is not out" in file.getvalue()
    assert [one["room"] for one in asked] == [None, "x@y"]


def test_a_level_that_is_none_is_refused_by_the_bot(config: Path, answers: Any) -> None:
    def refuse(path: Path, request: dict[str, Any]) -> Any:
        raise ControlError(f"level: expected one of …, not {request['level']}")

    answers(refuse)
    with pytest.raises(ControlError, match="loud"):
        log_from([config], "loud", console()[0])
