"""A status for people: as tables in a terminal, as lines elsewhere. Both tell the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from botkit.logs import printable
from botkit.model.rooms import RoomState
from botkit.model.status import AccountStatus, BotStatus, HistoryState, RoomStatus
from botkit.services.status_words import (
    account_details,
    account_line,
    history_words,
    own_place,
    process_line,
    remarks,
    span,
)

_COLOURS = {
    RoomState.JOINED: "green",
    RoomState.REFUSED: "bold red",
    RoomState.LEFT: "dim",
    RoomState.LOST: "red",
}


# --- as tables --------------------------------------------------------------------------------------------------------


def tables(bots: Sequence[BotStatus], problems: Sequence[str]) -> RenderableType:
    """Every account with its rooms; what did not answer below."""
    parts: list[RenderableType] = []
    for bot in bots:
        parts.append(Text(process_line(bot), style="dim"))
        for account in bot.accounts:
            parts += _account(account, bot.at)
    return Group(*parts, *(Text(printable(line), style="red") for line in problems))


def _account(account: AccountStatus, now: datetime) -> Iterator[RenderableType]:
    well = account.connected and account.running
    yield Text(account_line(account, now), style="bold green" if well else "bold red")
    if account.rooms:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
        for name in ("room", "state", "since", "as", "people", "history", "waits", ""):
            table.add_column(name, overflow="fold", justify="right" if name in ("people", "waits") else "left")
        for room in account.rooms:
            table.add_row(*_row(room, now))
        yield table
    for line in account_details(account, now):
        yield Text(line, style="yellow" if line.startswith("reading is paused") else "")
    yield Text("")


def _row(room: RoomStatus, now: datetime) -> tuple[Text, ...]:
    colour = _COLOURS.get(room.state, "yellow")
    behind = room.history.state in (HistoryState.BEHIND, HistoryState.CATCHING_UP) or room.history.gaps
    return (
        Text(printable(str(room.room))),
        Text(room.state.value, style=colour),
        Text(span(room.since, now)),
        Text(own_place(room)),
        Text(str(room.occupants) if room.me is not None else ""),
        Text(history_words(room.history), style="yellow" if behind else ""),
        Text(str(room.events + room.outgoing)),
        Text("; ".join(remarks(room, now)), style="" if room.state is RoomState.JOINED else colour),
    )


# --- as lines ---------------------------------------------------------------------------------------------------------


def plain_lines(bots: Sequence[BotStatus]) -> Iterator[str]:
    """The same for a pipe or a log."""
    for bot in bots:
        yield process_line(bot)
        for account in bot.accounts:
            yield account_line(account, bot.at)
            for room in account.rooms:
                yield f"  {printable(str(room.room))}: {', '.join(_words(room, bot.at))}"
            for line in account_details(account, bot.at):
                yield f"  {line}"


def _words(room: RoomStatus, now: datetime) -> Iterator[str]:
    yield f"{room.state.value}{f' for {span(room.since, now)}' if room.since is not None else ''}"
    if room.me is not None:
        yield f"as {own_place(room)}"
        yield f"{room.occupants} people"
    yield f"history {history_words(room.history)}"
    yield f"{room.events + room.outgoing} waiting"
    yield from remarks(room, now)
