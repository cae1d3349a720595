"""What ``botkit history`` prints."""

from __future__ import annotations

import asyncio
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from botkit.cli.history import as_json, as_line, parse_since, printable, show_history
from botkit.errors import MisuseError, StoreError
from botkit.model.address import Address
from botkit.model.archive import GapFound, GapReason, GapsClosed, LogChange, LogRow, Retracted, Said
from botkit.model.messages import ArchiveId, MessageId
from botkit.storage.sqlite import SqliteStorage

ROOM = Address.parse("lobby@rooms.example.org")
ACCOUNT = Address.parse("keeper@example.org")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVIL = "\x1b]0;owned\x07\x9b31m \u202efdp.exe \u2028 [bold red]markup[/] \U000e0041"


def said(number: int, body: str, *, replaces: str | None = None, nick: str = "romeo") -> Said:
    return Said(
        room=ROOM, archive_id=ArchiveId(f"a{number}"), message_id=MessageId(f"m{number}"),
        at=NOON + timedelta(minutes=number), nick=nick, identity=None, occupant_id=None, real=None, body=body,
        replaces=MessageId(replaces) if replaces else None,
    )  # fmt: skip


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "log.db"

    async def fill() -> None:
        gone = Retracted(room=ROOM, target="a4", at=NOON, by_room=True, nick="prince", reason="sp\x1bam")
        async with SqliteStorage.open(path, ACCOUNT) as storage:
            await storage.log.write(
                [said(1, "hello\nworld"), said(2, "teh"), said(3, "the", replaces="m2"), said(4, "buy coins"), gone]
            )
            await storage.log.write([said(5, EVIL, nick="ju\x1b[2Jliet")])

    asyncio.run(fill())
    return path


def printed(database: Path, *, terminal: bool = False, **options: object) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=120, color_system="standard" if terminal else None)
    show_history(database, ACCOUNT, ROOM, console=console, **options)  # type: ignore[arg-type]
    return out.getvalue()


def test_pipe_gets_a_line_for_each_message(database: Path) -> None:
    lines = printed(database).splitlines()
    assert lines[:3] == [
        "2026-03-01T12:01:00Z\tromeo\thello\\nworld",
        "2026-03-01T12:02:00Z\tromeo\tthe [corrected]",
        "2026-03-01T12:04:00Z\tromeo\t[retracted by prince: sp\\u001bam]",
    ]
    assert len(lines) == 4


def test_originals_are_shown_on_request(database: Path) -> None:
    assert "buy coins" not in printed(database)
    assert "[first said: buy coins]" in printed(database, originals=True)
    text = printed(database, originals=True, terminal=True)
    assert "first said: " in text
    assert "teh" in text
    assert "buy coins" in text


def test_json_is_one_object_a_line_and_says_the_same(database: Path) -> None:
    rows = [json.loads(line) for line in printed(database, json=True).split("\n") if line]
    assert rows[3]["body"] == EVIL
    assert rows[3]["nick"] == "ju\x1b[2Jliet"
    assert (rows[2]["retracted_by"], rows[2]["retracted"]) == ("prince", "2026-03-01T12:00:00Z")
    assert "original" not in rows[0]
    assert json.loads(printed(database, json=True, originals=True, search="the"))["original"] == "teh"


def test_terminal_gets_what_people_wrote_without_its_controls(database: Path) -> None:
    text = printed(database, terminal=True)
    assert "[bold red]markup[/]" in text
    assert "\\u001b]0;owned\\u0007\\u009b31m" in text
    assert "ju\\u001b[2Jliet" in text
    for raw in ("\x1b]", "\x1b[2J", "\x07", "\x9b", "\u202e", "\u2028", "\U000e0041"):
        assert raw not in text
        assert raw not in printed(database)
        assert raw not in printed(database, json=True)


def test_search_since_and_limit_choose(database: Path) -> None:
    assert len(printed(database, search="world").splitlines()) == 1
    assert len(printed(database, limit=2).splitlines()) == 2
    assert printed(database, since="2026-03-01T12:03:00Z").count("\n") == 2
    assert printed(database, since="1h") == ""


def test_room_that_is_not_there_is_told_with_what_is(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = Address.parse("cellar@rooms.example.org")
    console = Console(file=io.StringIO())
    assert show_history(database, ACCOUNT, other, console=console) == 0
    assert "it has lobby@rooms.example.org" in capsys.readouterr().err


def test_missing_database_is_a_store_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="does not exist"):
        printed(tmp_path / "none.db")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2h", NOON - timedelta(hours=2)),
        ("1d12h", NOON - timedelta(hours=36)),
        ("3w", NOON - timedelta(weeks=3)),
        ("2026-03-01T09:30:00Z", datetime(2026, 3, 1, 9, 30, tzinfo=UTC)),
        ("2026-03-01T09:30+02:00", datetime(2026, 3, 1, 7, 30, tzinfo=UTC)),
        ("999999w", datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_since_takes_spans_and_times(text: str, expected: datetime) -> None:
    assert parse_since(text, NOON) == expected


def test_since_takes_a_local_date() -> None:
    assert abs(parse_since("2026-03-01", NOON) - datetime(2026, 3, 1, tzinfo=UTC)) <= timedelta(hours=14)


@pytest.mark.parametrize("text", ["", "yesterday", "h2", "2x", "-1h", "2026-13-01", "\x1b[2J"])
def test_since_refuses_the_rest(text: str) -> None:
    with pytest.raises(MisuseError, match="is no time") as caught:
        parse_since(text, NOON)
    assert "\x1b" not in str(caught.value)


@given(st.text(), st.text(min_size=1))
def test_no_text_reaches_the_output_with_controls(body: str, nick: str) -> None:
    row = LogRow(
        number=1, room=ROOM, archive_id=None, message_id=None, at=NOON, nick=nick, identity=None, real=None,
        body=body, original=body,
    )  # fmt: skip
    assert json.loads(as_json(row, originals=False))["body"] == body
    line = as_line(row, originals=True)
    assert line.isprintable() or not any(c < " " and c != "\t" for c in line)
    assert printable(line) == line.replace("\t", "    ")


def gap(after: int | None, before: int, reason: GapReason = GapReason.EXPIRED) -> GapFound:
    return GapFound(
        room=ROOM, after_id=ArchiveId(f"a{after}") if after else None,
        after=NOON + timedelta(minutes=after) if after else None, before_id=None,
        before=NOON + timedelta(minutes=before), reason=reason, found=NOON,
    )  # fmt: skip


def also(database: Path, *changes: LogChange) -> None:
    async def write() -> None:
        async with SqliteStorage.open(database, ACCOUNT) as storage:
            await storage.log.write(changes)

    asyncio.run(write())


def test_gaps_stand_where_something_may_be_missing(database: Path) -> None:
    also(database, gap(2, 3), gap(None, 1, GapReason.NOT_READ))
    lines = printed(database).splitlines()
    assert lines[0] == "\t\t[something may be missing until 2026-03-01T12:01:00Z: older than what was to be read]"
    assert lines[3] == (
        "2026-03-01T12:02:00Z\t\t[something may be missing until 2026-03-01T12:03:00Z:"
        " the room's archive had forgotten it]"
    )
    assert "something may be missing from 2026-" in printed(database, terminal=True)


def test_gap_is_an_object_of_its_own_for_programs(database: Path) -> None:
    also(database, gap(2, 3))
    (found,) = [line for line in map(json.loads, printed(database, json=True).splitlines()) if "gap" in line]
    assert found == {
        "gap": "expired", "room": str(ROOM), "after": "2026-03-01T12:02:00Z", "after_id": "a2",
        "before": "2026-03-01T12:03:00Z", "before_id": None, "found": "2026-03-01T12:00:00Z",
    }  # fmt: skip


def test_gaps_are_shown_of_the_part_that_was_asked_for_alone(database: Path) -> None:
    also(database, gap(2, 3), gap(4, 6, GapReason.NO_ARCHIVE))
    for options, count in (({}, 2), ({"limit": 2}, 1), ({"since": "2026-03-01T12:05Z"}, 1), ({"search": "coins"}, 0)):
        assert printed(database, **options).count("something may be missing") == count


def test_closed_gap_is_shown_no_more(database: Path) -> None:
    also(database, gap(2, 3, GapReason.FORBIDDEN), GapsClosed(room=ROOM, at=NOON))
    assert "missing" not in printed(database)
