"""``botkit send``: what is asked of the bot, what is printed, and with which exit code."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import botkit.control.client as client
from botkit.cli import app
from botkit.cli.codes import code_of
from botkit.errors import MisuseError, NotRunning
from botkit.model.plain import to_plain
from botkit.model.posts import Posted, PostState
from botkit.routing.texts import LONGEST

CONFIG = '[account]\njid = "bot@example.org"\npassword = "x"\n[commands]\ntimezone = "Europe/Berlin"\n'
Send = Callable[..., Any]


class Bot:
    """A running bot: ``asked`` has the requests, ``says`` is the answer."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.says = Posted(state=PostState.DELIVERED, id="k", message_id="m")

    def ask(self, path: Path, request: dict[str, Any], *, timeout: float) -> Any:
        assert timeout > request["wait"]
        self.asked.append(request)
        return to_plain(self.says)


@pytest.fixture
def bot(monkeypatch: pytest.MonkeyPatch) -> Bot:
    bot = Bot()
    monkeypatch.setattr(client, "ask", bot.ask)
    return bot


@pytest.fixture
def send(tmp_path: Path) -> Send:
    (tmp_path / "bot.toml").write_text(CONFIG)

    def run(*arguments: str, stdin: str | bytes | None = None) -> Any:
        given = ["send", "room@rooms.example.org", *arguments, "-c", str(tmp_path / "bot.toml")]
        return CliRunner().invoke(app, given, input=stdin)

    return run


def test_the_text_goes_to_the_bot_and_its_id_is_printed(bot: Bot, send: Send) -> None:
    done = send("hello", "--key", "k", "--timeout", "7")
    assert (done.exit_code, done.stdout) == (0, "k\n")
    [request] = bot.asked
    assert (request["do"], request["account"], request["wait"]) == ("send", "bot@example.org", 7)
    assert (request["post"]["text"], request["post"]["key"], request["post"]["topic"]) == ("hello", "k", "k")


def test_without_a_key_each_has_its_own(bot: Bot, send: Send) -> None:
    send("hello")
    send("hello")
    keys = {request["post"]["key"] for request in bot.asked}
    assert len(keys) == 2


def test_what_replaces_has_a_key_of_its_own_and_the_topic_of_the_first(bot: Bot, send: Send) -> None:
    send("hello", "--replace", "first")
    post = bot.asked[0]["post"]
    assert post["topic"] == "first"
    assert post["key"] != "first"


@pytest.mark.parametrize("arguments", [("-",), ()])
def test_the_text_may_come_from_standard_input(bot: Bot, send: Send, arguments: tuple[str, ...]) -> None:
    assert send(*arguments, stdin="two\nlines \x07\n\n").exit_code == 0
    assert bot.asked[0]["post"]["text"] == "two\nlines \ufffd"


@pytest.mark.parametrize("text", ["", "\n\n", "x" * (LONGEST + 1), "x" * (LONGEST * 4 + 1)])
def test_what_is_empty_or_too_long_is_not_sent(bot: Bot, send: Send, text: str) -> None:
    done = send("-", stdin=text)
    assert isinstance(done.exception, MisuseError)
    assert bot.asked == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("hello", "--at", "yesterday"), ("hello", "--at", "soon"), ("hello", "--at", "2h or so"),
        ("hello", "--expires", "now"), ("hello", "--expires", "2h or so"), ("hello", "--file", "a.png"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_not_sent(bot: Bot, send: Send, arguments: tuple[str, ...]) -> None:
    assert isinstance(send(*arguments).exception, MisuseError)
    assert bot.asked == []


def test_times_are_of_the_config_s_zone_and_expiry_counts_from_them(bot: Bot, send: Send) -> None:
    assert send("hello", "--at", "2999-07-01T09:00", "--expires", "2h").exit_code == 0
    post = bot.asked[0]["post"]
    at, expires = datetime.fromisoformat(post["at"]), datetime.fromisoformat(post["expires"])
    assert at.isoformat() == "2999-07-01T07:00:00+00:00"
    assert expires - at == timedelta(hours=2)


def test_a_file_is_named_by_its_whole_path(bot: Bot, send: Send) -> None:
    assert send("--file", "a.png").exit_code == 0
    assert bot.asked[0]["post"]["file"] == str(Path.cwd() / "a.png")


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (PostState.DELIVERED, 0), (PostState.SCHEDULED, 0), (PostState.WAITING, 11), (PostState.REFUSED, 12),
        (PostState.REPLACED, 12), (PostState.EXPIRED, 13),
    ],
)  # fmt: skip
def test_the_exit_code_says_what_became_of_it(bot: Bot, send: Send, state: PostState, code: int) -> None:
    bot.says = Posted(state=state, id="k", reason="why\x1b")
    done = send("hello")
    assert done.exit_code == code
    assert done.stdout.strip() == "k"
    assert "\x1b" not in done.output
    assert send("hello", "--json").exit_code == code


def test_jobs_of_a_bot_that_never_ran_are_told_as_that(tmp_path: Path, send: Send) -> None:
    done = CliRunner().invoke(app, ["jobs", "run", "x", "-c", str(tmp_path / "bot.toml")])
    assert isinstance(done.exception, NotRunning)
    assert code_of(done.exception) == 10
    assert CliRunner().invoke(app, ["jobs", "pause"]).exit_code == 2
