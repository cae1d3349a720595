"""A status for people: as tables in a terminal, as lines elsewhere. Both tell the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from botkit.logs import printable
from botkit.model.rooms import RoomState
from botkit.model.status import AccountStatus, BotStatus, HistoryState, HistoryStatus, RoomStatus

_COLOURS = {
    RoomState.JOINED: "green",
    RoomState.REFUSED: "bold red",
    RoomState.LEFT: "dim",
    RoomState.LOST: "red",
}
_MOST_GAPS = 3


# --- as tables --------------------------------------------------------------------------------------------------------


def tables(bots: Sequence[BotStatus], problems: Sequence[str]) -> RenderableType:
    """Every account with its rooms; what did not answer below."""
    parts: list[RenderableType] = []
    for bot in bots:
        parts.append(Text(_process(bot), style="dim"))
        for account in bot.accounts:
            parts += _account(account, bot.at)
    return Group(*parts, *(Text(printable(line), style="red") for line in problems))


def _account(account: AccountStatus, now: datetime) -> Iterator[RenderableType]:
    well = account.connected and account.running
    yield Text(_head(account, now), style="bold green" if well else "bold red")
    if account.rooms:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
        for name in ("room", "state", "since", "as", "people", "history", "waits", ""):
            table.add_column(name, overflow="fold", justify="right" if name in ("people", "waits") else "left")
        for room in account.rooms:
            table.add_row(*_row(room, now))
        yield table
    for line in _details(account, now):
        yield Text(line, style="yellow" if line.startswith("reading is paused") else "")
    yield Text("")


def _row(room: RoomStatus, now: datetime) -> tuple[Text, ...]:
    colour = _COLOURS.get(room.state, "yellow")
    behind = room.history.state in (HistoryState.BEHIND, HistoryState.CATCHING_UP) or room.history.gaps
    return (
        Text(printable(str(room.room))),
        Text(room.state.value, style=colour),
        Text(_span(room.since, now)),
        Text(_me(room)),
        Text(str(room.occupants) if room.me is not None else ""),
        Text(_history(room.history), style="yellow" if behind else ""),
        Text(str(room.events + room.outgoing)),
        Text("; ".join(_remarks(room, now)), style="" if room.state is RoomState.JOINED else colour),
    )


# --- as lines ---------------------------------------------------------------------------------------------------------


def plain_lines(bots: Sequence[BotStatus]) -> Iterator[str]:
    """The same for a pipe or a log."""
    for bot in bots:
        yield _process(bot)
        for account in bot.accounts:
            yield _head(account, bot.at)
            for room in account.rooms:
                yield f"  {printable(str(room.room))}: {', '.join(_words(room, bot.at))}"
            for line in _details(account, bot.at):
                yield f"  {line}"


def _words(room: RoomStatus, now: datetime) -> Iterator[str]:
    yield f"{room.state.value}{f' for {_span(room.since, now)}' if room.since is not None else ''}"
    if room.me is not None:
        yield f"as {_me(room)}"
        yield f"{room.occupants} people"
    yield f"history {_history(room.history)}"
    yield f"{room.events + room.outgoing} waiting"
    yield from _remarks(room, now)


# --- both -------------------------------------------------------------------------------------------------------------


def _process(bot: BotStatus) -> str:
    late = f", its event loop up to {bot.lag:.1f} s late" if bot.lag >= 0.1 else ""
    return f"botkit {printable(bot.version)}, process {bot.pid}, up for {_span(bot.started, bot.at)}{late}"


def _head(account: AccountStatus, now: datetime) -> str:
    """What one line can say of an account."""
    joined = sum(room.state is RoomState.JOINED for room in account.rooms)
    if not account.running:
        standing = "has ended"
    elif account.connected:
        standing = f"connected for {_span(account.since, now)}"
    else:
        standing = f"not connected{f' for {_span(account.since, now)}' if account.since is not None else ''}"
    words = [f"{printable(str(account.account))}: {standing}"]
    if account.reason:
        words.append(printable(account.reason))
    if account.retry_at is not None:
        words.append(_next(account.retry_at, now))
    words.append(f"{joined} of {len(account.rooms)} rooms joined")
    if account.reconnects:
        words.append(f"{account.reconnects} reconnects, {account.resumptions} of them resumed")
    return ", ".join(words)


def _details(account: AccountStatus, now: datetime) -> Iterator[str]:
    if account.paused_reading:
        yield f"reading is paused: {' and '.join(account.paused_reading)} cannot keep up"
    if account.modules:
        modules = (
            f"{one.name} ({one.calls} calls{f', {one.failures} failures' if one.failures else ''})"
            for one in account.modules
        )
        yield f"modules: {printable(', '.join(modules))}"
    busy = [
        f"{one.name} {one.waiting}{f' of {one.limit}' if one.limit is not None else ''}"
        + (f" ({one.dropped} dropped)" if one.dropped else "")
        for one in account.queues
        if one.waiting or one.dropped
    ]
    if busy:
        yield f"queues: {', '.join(busy)}"
    if account.reload is not None:
        told = printable("; ".join(account.reload.told))
        yield (
            f"last reload {_span(account.reload.at, now)} ago: {'done' if account.reload.ok else 'refused'}"
            f"{f': {told}' if told else ''}"
        )


def _me(room: RoomStatus) -> str:
    me = room.me
    return f"{printable(me.nick)} ({me.affiliation.word}, {me.role.word})" if me is not None else ""


def _history(history: HistoryStatus) -> str:
    words = history.state.value
    if history.state is HistoryState.CATCHING_UP:
        done = f" {history.fraction:.0%}" if history.fraction is not None else ""
        words += f"{done}, {history.read} read"
    count = len(history.gaps)
    return f"{words}, {count} gap{'' if count == 1 else 's'}" if count else words


def _remarks(room: RoomStatus, now: datetime) -> Iterator[str]:
    if room.reason and room.state is not RoomState.JOINED:
        yield printable(room.reason)
    if room.next_try is not None:
        yield f"{_next(room.next_try, now)}{f', {room.attempts} failed' if room.attempts else ''}"
    if room.history.reason and room.state is RoomState.JOINED:
        yield f"history: {printable(room.history.reason)}"
    for gap in room.history.gaps[:_MOST_GAPS]:
        reason = f" ({printable(gap.reason)})" if gap.reason else ""
        yield f"missing from {_time(gap.since)} to {_time(gap.until)}{reason}"
    yield from map(printable, room.paused)


def _time(at: datetime | None) -> str:
    return f"{at:%F %H:%M}" if at is not None else "?"


def _next(at: datetime, now: datetime) -> str:
    left = (at - now).total_seconds()
    return f"next try in {_seconds(left)}" if left > 0 else "next try now"


def _span(since: datetime | None, now: datetime) -> str:
    return _seconds((now - since).total_seconds()) if since is not None else ""


def _seconds(seconds: float) -> str:
    """The two largest units: ``3 d 4 h``, ``5 s``."""
    rest = max(0, round(seconds))
    words: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        amount, rest = divmod(rest, size)
        if amount or (unit == "s" and not words):
            words.append(f"{amount} {unit}")
        elif words:
            break
    return " ".join(words[:2])
