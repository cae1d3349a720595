"""``botkit history``: what was said in a room, from the database, for a terminal, a pipe or a program."""

from __future__ import annotations

import asyncio
import json as jsonlib
import re
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.text import Text

from botkit.clock import SystemClock
from botkit.errors import MisuseError
from botkit.model.address import Address
from botkit.model.archive import Gap, GapReason, LogQuery, LogRow
from botkit.storage.sqlite import SqliteStorage

# Controls could steer the terminal, line and paragraph separators break a line in two, bidirectional controls and tags
# make a text read as what it is not. They are shown as escapes.
_UNSAFE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
_COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "bright_cyan", "bright_green", "bright_magenta", "red")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SPAN = re.compile(r"(?:\d{1,6}[smhdw])+")
_INDENT = " " * 6
_EVER = datetime.min.replace(tzinfo=UTC)
_MISSING = {
    GapReason.EXPIRED: "the room's archive had forgotten it",
    GapReason.FORBIDDEN: "the room's archive may not be read",
    GapReason.NO_ARCHIVE: "the room kept no archive",
    GapReason.FAILED: "the room's archive could not be read",
    GapReason.NOT_READ: "older than what was to be read",
}


def show_history(
    database: Path,
    account: Address,
    room: Address,
    *,
    search: str | None = None,
    since: str | None = None,
    limit: int = 100,
    json: bool = False,
    originals: bool = False,
    console: Console,
) -> int:
    """Print the newest ``limit`` messages, oldest first, and return how many there were.

    Reads only, also while the bot runs. ``since`` is as for ``parse_since``. ``originals`` adds what
    retracted and corrected messages said first. Raises ``StoreError``, and ``MisuseError`` for a bad ``since``.
    """
    query = LogQuery(
        room=room.bare,
        search=search,
        since=None if since is None else parse_since(since, SystemClock().now()),
        limit=limit,
    )
    rows, gaps, rooms = asyncio.run(_read(database, account, query))
    lines = _merged(rows, gaps)
    if json:
        _write_lines(console, (as_json(line, originals=originals) for line in lines))
    elif console.is_terminal:
        _print_chat(console, lines, search=search, originals=originals)
    else:
        _write_lines(console, (as_line(line, originals=originals) for line in lines))
    if not rows and room.bare not in rooms:
        _say_what_there_is(database, account, room, rooms)
    return len(rows)


async def _read(database: Path, account: Address, query: LogQuery) -> tuple[list[LogRow], list[Gap], list[Address]]:
    async with SqliteStorage.open(database, account, read_only=True) as storage:
        rows, gaps = await storage.log.find(query), await storage.log.gaps(query.room)
        return rows, _between(rows, gaps, query), await storage.log.rooms()


def _between(rows: list[LogRow], gaps: list[Gap], query: LogQuery) -> list[Gap]:
    """The open gaps in the part of the past that ``rows`` are; none in the results of a search, which has holes."""
    begin = query.since or _EVER
    if query.search is not None:
        return []
    if rows and len(rows) == query.limit:
        begin = max(begin, rows[0].at)
    return [gap for gap in gaps if gap.closed is None and (gap.before is None or gap.before > begin)]


def _merged(rows: list[LogRow], gaps: list[Gap]) -> list[LogRow | Gap]:
    placed: list[tuple[datetime, bool, LogRow | Gap]] = [(row.at, False, row) for row in rows]
    placed += [(gap.after or _EVER, True, gap) for gap in gaps]
    return [line for _, _, line in sorted(placed, key=lambda one: one[:2])]


def _say_what_there_is(database: Path, account: Address, room: Address, rooms: list[Address]) -> None:
    there = ", ".join(map(str, rooms)) or "no room"
    text = f"{database} has nothing of {room.bare} for {account.bare}; it has {there}"
    Console(stderr=True).print(Text(printable(text)), soft_wrap=True)


def parse_since(text: str, now: datetime) -> datetime:
    """``2h``, ``1d12h``, or an ISO date or time (local where it names no zone). Raises ``MisuseError``."""
    text = text.strip()
    if _SPAN.fullmatch(text):
        span = timedelta()
        for count, unit in re.findall(r"(\d+)([smhdw])", text):
            span += timedelta(**{_UNITS[unit]: int(count)})
        try:
            return now - span
        except OverflowError:
            return datetime(1970, 1, 1, tzinfo=UTC)
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise MisuseError(
            f"{printable(text)!r} is no time: write a span back from now (30m, 2h, 3d, 1w) or a date or time"
            " (2026-03-01, 2026-03-01T09:30)"
        ) from None


def printable(text: str) -> str:
    """``text`` with every character that could steer a terminal or mislead a reader shown as an escape."""
    return _UNSAFE.sub(lambda match: _escape(match[0]), text)


def _escape(char: str) -> str:
    """As JSON writes it, too: beyond U+FFFF as two surrogates."""
    if char == "\t":
        return "    "
    code = ord(char)
    if code > 0xFFFF:
        code -= 0x10000
        return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
    return f"\\u{code:04x}"


def _one_line(text: str) -> str:
    return printable(text).replace("\n", "\\n")


# --- for programs ---------------------------------------------------------------------------------------------


def as_json(row: LogRow | Gap, *, originals: bool) -> str:
    """One JSON object on one line. Times are UTC; ``original`` is there only where it was asked for.

    A gap's has ``gap``, its reason, which no message has.
    """
    if isinstance(row, Gap):
        return _gap_json(row)
    values = {
        "at": _iso(row.at),
        "room": str(row.room),
        "archive_id": row.archive_id,
        "message_id": row.message_id,
        "nick": row.nick,
        "identity": row.identity,
        "jid": None if row.real is None else str(row.real),
        "body": row.body,
        "corrected": _iso(row.corrected),
        "retracted": _iso(row.retracted),
        "retracted_by": row.retracted_by,
        "reason": row.reason,
    }
    if originals:
        values["original"] = row.original
    return printable(jsonlib.dumps(values, ensure_ascii=False))


def _gap_json(gap: Gap) -> str:
    values = {
        "gap": gap.reason.value,
        "room": str(gap.room),
        "after": _iso(gap.after),
        "after_id": gap.after_id,
        "before": _iso(gap.before),
        "before_id": gap.before_id,
        "found": _iso(gap.found),
    }
    return printable(jsonlib.dumps(values, ensure_ascii=False))


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def as_line(row: LogRow | Gap, *, originals: bool) -> str:
    """One line for a pipe: time, nick and text, apart by tabs; a line feed in the text is shown as an escape.

    A gap's has no nick, and the time from which on something may be missing, if there is one.
    """
    if isinstance(row, Gap):
        begin, end = (None if at is None else _iso(at.replace(microsecond=0)) for at in (row.after, row.before))
        until = f" until {end}" if end else ""
        return f"{begin or ''}\t\t[something may be missing{until}: {_MISSING[row.reason]}]"
    parts = [_one_line(row.body)] if row.body else []
    parts += [_one_line(mark) for mark in _marks(row, originals=originals)]
    return f"{_iso(row.at.replace(microsecond=0))}\t{_one_line(row.nick)}\t{' '.join(parts)}"


def _marks(row: LogRow, *, originals: bool) -> list[str]:
    marks = []
    if row.retracted is not None:
        by = f" by {row.retracted_by}" if row.retracted_by else ""
        marks.append(f"[retracted{by}{f': {row.reason}' if row.reason else ''}]")
    elif row.corrected is not None:
        marks.append("[corrected]")
    if originals and (row.retracted is not None or row.corrected is not None):
        marks.append("[the original is no longer kept]" if row.original is None else f"[first said: {row.original}]")
    return marks


def _write_lines(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        console.file.write(line + "\n")  # not by rich, which would wrap it


# --- for people -----------------------------------------------------------------------------------------------


def _print_chat(console: Console, lines: list[LogRow | Gap], *, search: str | None, originals: bool) -> None:
    day = None
    for row in lines:
        if isinstance(row, Gap):
            console.print(Text(_gap_line(row), style="yellow"), highlight=False)
            continue
        local = row.at.astimezone()
        if local.date() != day:
            day = local.date()
            console.rule(Text(local.strftime("%A, %d %B %Y"), style="dim"), style="dim")
        console.print(_chat_line(row, local, search=search, originals=originals), soft_wrap=False, highlight=False)


def _gap_line(gap: Gap) -> str:
    begin, end = (None if at is None else f"{at.astimezone():%F %H:%M}" for at in (gap.after, gap.before))
    span = f" from {begin}" if begin else ""
    return f"-- something may be missing{span}{f' to {end}' if end else ''}: {_MISSING[gap.reason]} --"


def _chat_line(row: LogRow, local: datetime, *, search: str | None, originals: bool) -> Text:
    """Text objects all the way: markup that somebody wrote into a message is not read as such."""
    colour = _COLOURS[zlib.crc32((row.identity or row.nick).encode("utf-8", "replace")) % len(_COLOURS)]
    line = Text.assemble((local.strftime("%H:%M"), "dim"), " ", (_one_line(row.nick), f"bold {colour}"), "  ")
    if row.body:
        body = Text(_indented(row.body))
        for word in (search or "").split():
            body.highlight_words([word], "reverse", case_sensitive=False)
        line.append_text(body)
    if row.retracted is not None:
        if originals and row.original:
            line.append(_indented(row.original), "strike dim").append(" ")
        line.append(_one_line(_marks(row, originals=False)[0]), "dim italic red")
    elif row.corrected is not None:
        line.append(" [corrected]", "dim italic")
        if originals and row.original is not None:
            line.append("\n" + _INDENT + "first said: ", "dim").append(_indented(row.original), "dim")
    if originals and row.original is None and (row.retracted or row.corrected):
        line.append(" [the original is no longer kept]", "dim italic")
    return line


def _indented(text: str) -> str:
    return printable(text).replace("\n", "\n" + _INDENT)
