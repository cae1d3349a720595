"""The demo: it proves everything and says so, ends in good order, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from botkit.cli.check import check
from botkit.testing.prosody import Generation
from demo.config import BOT, NICK, NOTICE, ROOM, SOURCE, write_config
from demo.proof import ROWS, Ledger, compare
from demo.story import tell
from tests.server.wire import parse

_ROOT = Path(__file__).resolve().parent.parent.parent
_LONGEST = 120.0

needs_server = [pytest.mark.server, pytest.mark.slow]


def start_demo(generation: Generation, folder: Path, *options: str) -> subprocess.Popen[str]:
    """The demo without a terminal; ``folder`` is where it puts its temporary files."""
    environment = dict(os.environ, DEMO_PROSODY=generation.value, TMPDIR=str(folder), PYTHONIOENCODING="utf-8")
    for name in ("KEEP", "DEMO_FAST"):
        environment.pop(name, None)
    return subprocess.Popen(
        [sys.executable, "-m", "demo", *options],
        cwd=_ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def processes_that_name(text: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in command:
            found.append(command)
    return found


class TestTheWholeShow:
    pytestmark = needs_server

    def test_proves_every_row_and_leaves_nothing_behind(self, generation: Generation, tmp_path: Path):
        demo = start_demo(generation, tmp_path, "--json")
        output, story = demo.communicate(timeout=_LONGEST)
        assert demo.returncode == 0, story
        summary = json.loads(output)
        assert summary["ok"]
        assert list(summary["rows"]) == list(ROWS)
        assert summary["seconds"] < 90
        table = story.partition("What was proven")[2]
        assert [line.split()[0] for line in table.splitlines() if line.startswith("  ✓")] == ["✓"] * len(ROWS)
        assert "▸ retracted mallory's message — unwanted word: casino" in story
        assert "\x1b" not in story
        assert list(tmp_path.iterdir()) == []
        assert processes_that_name(str(tmp_path)) == []

    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_ends_everything_when_it_is_interrupted(
        self, generation: Generation, tmp_path: Path, number: signal.Signals, code: int
    ):
        demo = start_demo(generation, tmp_path)
        assert demo.stdout is not None
        for line in demo.stdout:
            if "They ask the bot" in line:
                break
        demo.send_signal(number)
        output, problems = demo.communicate(timeout=30)
        assert demo.returncode == code, output + problems
        assert "Traceback" not in problems
        assert list(tmp_path.iterdir()) == []
        assert processes_that_name(str(tmp_path)) == []


def said(text: str):
    return parse(f"<message><body>{text}</body></message>")


def row(archive_id: str, body: str | None) -> dict[str, object]:
    return {"archive_id": archive_id, "body": body}


class TestTheIndependentCheck:
    def test_equal_histories_are_equal(self):
        archive = {"1": said("one"), "2": parse("<message/>"), "3": parse("<message/>")}
        found = compare([row("1", "one"), row("2", None)], archive, {"2"})
        assert found.ok
        assert found.figures == "2 = 2: 0 missing, 0 doubled"

    def test_missing_doubled_foreign_and_different_messages_are_found(self):
        archive = {"1": said("one"), "2": said("two"), "3": said("three")}
        found = compare([row("1", "one"), row("1", "one"), row("3", "tree"), row("4", "four")], archive, ())
        assert (found.missing, found.doubled, found.foreign, found.texts) == (("2",), ("1",), ("4",), ("3",))
        assert not found.ok

    def test_text_of_a_retracted_message_that_is_still_shown_is_found(self):
        assert compare([row("1", "spam")], {"1": said("spam")}, {"1"}).texts == ("1",)

    def test_row_that_failed_once_stays_failed(self):
        ledger = Ledger()
        for key in ROWS:
            ledger.put(key, True, "all right")
        assert ledger.ok
        ledger.fail("gap", "a gap")
        ledger.put("gap", True, "no gap after all")
        assert not ledger.ok


class TestTheConfig:
    def test_is_good_as_it_stands(self):
        assert check(SOURCE, Console(quiet=True)) == 0

    def test_copy_is_good_and_says_where_the_server_is(self, tmp_path: Path):
        ca_file = tmp_path / 'ca "of" ours.crt'
        ca_file.write_text("")
        copy = write_config(tmp_path, "127.0.0.1", 15222, ca_file)
        assert check(copy, Console(quiet=True)) == 0
        assert "port = 15222" in copy.read_text()

    def test_names_the_demo_goes_by_are_those_of_the_config(self):
        text = SOURCE.read_text()
        assert all(f'"{name}"' in text for name in (BOT, ROOM, NICK, NOTICE))


class TestTheStory:
    def test_action_is_told_with_its_evidence(self):
        line = {
            "event": "acting",
            "measure": "kick",
            "nick": "mallory",
            "source": "archive",
            "evidence": ["unwanted word: casino", "link: pills.example"],
            "notes": ["a note"],
        }
        deed = tell(line)
        assert deed is not None
        assert deed.what == "from the archive: retracted mallory's message and put mallory out"
        assert deed.why == "unwanted word: casino; link: pills.example; a note"

    def test_unknown_warnings_are_told_and_unknown_small_talk_is_not(self):
        deed = tell({"event": "strange", "level": "warning", "reason": "because"})
        assert deed is not None
        assert (deed.what, deed.why, deed.tone) == ("strange", "because", "bad")
        assert tell({"event": "strange", "level": "info"}) is None
