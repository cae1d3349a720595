"""How a bot is, as values, and as JSON and back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from botkit.model.address import Address
from botkit.model.plain import from_plain, to_plain
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
ROOM = Address.parse("lobby@rooms.example.org")
JOINED = RoomStatus(
    room=ROOM,
    state=RoomState.JOINED,
    since=NOW,
    me=Me(nick="keeper", affiliation=Affiliation.ADMIN, role=Role.MODERATOR),
    features=("archive", "moderation:1"),
    can=("speak", "kick"),
    missing=("the bot is no owner here: it cannot configure",),
    occupants=12,
    history=HistoryStatus(
        state=HistoryState.CATCHING_UP,
        read=200,
        new=3,
        fraction=0.5,
        lag=60,
        gaps=(Gap(since=NOW - timedelta(days=9), until=NOW - timedelta(days=7), reason="expired"),),
    ),
)
BANNED = RoomStatus(room=Address.parse("den@rooms.example.org"), state=RoomState.REFUSED, reason="banned")
ACCOUNT = AccountStatus(
    account=Address.parse("keeper@example.org"),
    address=Address.parse("keeper@example.org/bot"),
    connected=True,
    since=NOW,
    rooms=(JOINED,),
    modules=(ModuleStatus(name="keeper", use="bots.keeper", rooms=(ROOM,), calls=5, failures=1),),
    queues=(QueueStatus(name="history", waiting=3, limit=10_000),),
    reload=ReloadStatus(at=NOW, ok=False, told=("bot.toml:3: no such module",)),
)
STATUS = BotStatus(at=NOW, started=NOW - timedelta(days=2), version="0.1.0", pid=17, accounts=(ACCOUNT,))


def test_a_status_survives_json_and_back() -> None:
    assert from_plain(BotStatus, json.loads(json.dumps(to_plain(STATUS)))) == STATUS


def test_words_and_times_are_what_people_read() -> None:
    room = to_plain(JOINED)
    assert room["state"] == "joined"
    assert room["me"] == {"nick": "keeper", "affiliation": "admin", "role": "moderator"}
    assert room["history"]["state"] == "catching up"
    assert room["room"] == "lobby@rooms.example.org"
    east = timezone(timedelta(hours=2))
    assert to_plain(NOW.astimezone(east)) == "2026-11-21T09:00:00+00:00"


def test_a_newer_status_is_read_without_what_is_not_known_here() -> None:
    plain = to_plain(STATUS) | {"mood": "fine"}
    plain["accounts"][0]["rooms"][0]["colour"] = "blue"
    assert from_plain(BotStatus, plain) == STATUS


def test_an_older_status_is_read_with_defaults() -> None:
    plain = to_plain(STATUS)
    del plain["lag"], plain["accounts"][0]["reload"]
    found = from_plain(BotStatus, plain)
    assert (found.lag, found.accounts[0].reload) == (0.0, None)


@pytest.mark.parametrize(
    "change",
    [
        {"pid": "17"},
        {"at": 3},
        {"at": "yesterday"},
        {"accounts": {}},
        {"accounts": [3]},
        {"accounts": [{}]},
        {"accounts": [{"account": "@"}]},
        {"accounts": [{"account": "a@b", "rooms": [{"room": "r@b", "state": "lovely"}]}]},
        {"accounts": [{"account": "a@b", "rooms": [{"room": "r@b", "state": "left", "me": {"nick": "n"}}]}]},
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        from_plain(BotStatus, to_plain(STATUS) | change)


def test_an_account_is_ready_when_it_is_connected_and_in_every_room() -> None:
    assert ACCOUNT.ready
    assert STATUS.ready


def test_a_room_that_is_out_is_a_problem_with_its_reason() -> None:
    account = AccountStatus(account=ACCOUNT.account, connected=True, rooms=(JOINED, BANNED))
    assert account.problems == ("den@rooms.example.org: refused: banned",)
    assert not account.ready


def test_an_account_that_is_not_connected_or_has_ended_is_not_ready() -> None:
    away = AccountStatus(account=ACCOUNT.account, reason="the server was silent for too long")
    ended = AccountStatus(account=ACCOUNT.account, running=False, reason="the login was refused")
    assert away.problems == ("not connected: the server was silent for too long",)
    assert ended.problems == ("ended: the login was refused",)


def test_a_process_without_accounts_is_not_ready() -> None:
    assert not BotStatus(at=NOW, started=NOW, version="0", pid=1).ready
