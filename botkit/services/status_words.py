"""What a status says, in words: for the terminal and for forms."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from botkit.logs import printable
from botkit.model.rooms import RoomState
from botkit.model.status import AccountStatus, BotStatus, HistoryState, HistoryStatus, RoomStatus

_MOST_GAPS = 3


def process_line(bot: BotStatus) -> str:
    """The process itself."""
    late = f", its event loop up to {bot.lag:.1f} s late" if bot.lag >= 0.1 else ""
    return f"botkit {printable(bot.version)}, process {bot.pid}, up for {span(bot.started, bot.at)}{late}"


def account_line(account: AccountStatus, now: datetime) -> str:
    """What one line can say of an account."""
    joined = sum(room.state is RoomState.JOINED for room in account.rooms)
    if not account.running:
        standing = "has ended"
    elif account.connected:
        standing = f"connected for {span(account.since, now)}"
    else:
        standing = f"not connected{f' for {span(account.since, now)}' if account.since is not None else ''}"
    words = [f"{printable(str(account.account))}: {standing}"]
    if account.reason:
        words.append(printable(account.reason))
    if account.retry_at is not None:
        words.append(_next(account.retry_at, now))
    words.append(f"{joined} of {len(account.rooms)} rooms joined")
    if account.reconnects:
        words.append(f"{account.reconnects} reconnects, {account.resumptions} of them resumed")
    return ", ".join(words)


def account_details(account: AccountStatus, now: datetime) -> Iterator[str]:
    """What is to be told besides of an account, if anything."""
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
            f"last reload {span(account.reload.at, now)} ago: {'done' if account.reload.ok else 'refused'}"
            f"{f': {told}' if told else ''}"
        )


def own_place(room: RoomStatus) -> str:
    """Nick and rights of the bot; "" while it is not in."""
    me = room.me
    return f"{printable(me.nick)} ({me.affiliation.word}, {me.role.word})" if me is not None else ""


def history_words(history: HistoryStatus) -> str:
    """How far the log of a room is."""
    words = history.state.value
    if history.state is HistoryState.CATCHING_UP:
        done = f" {history.fraction:.0%}" if history.fraction is not None else ""
        words += f"{done}, {history.read} read"
    count = len(history.gaps)
    return f"{words}, {count} gap{'' if count == 1 else 's'}" if count else words


def remarks(room: RoomStatus, now: datetime) -> Iterator[str]:
    """What is not as it should be in a room, and when that is tried to be changed."""
    if room.reason and room.state is not RoomState.JOINED:
        yield printable(room.reason)
    if room.next_try is not None:
        yield f"{_next(room.next_try, now)}{f', {room.attempts} failed' if room.attempts else ''}"
    if room.history.reason and room.state is RoomState.JOINED:
        yield f"history: {printable(room.history.reason)}"
    for gap in room.history.gaps[:_MOST_GAPS]:
        reason = f" ({printable(gap.reason)})" if gap.reason else ""
        yield f"missing from {_time(gap.since)} to {_time(gap.until)}{reason}"


def _time(at: datetime | None) -> str:
    return f"{at:%F %H:%M}" if at is not None else "?"


def _next(at: datetime, now: datetime) -> str:
    left = (at - now).total_seconds()
    return f"next try in {_seconds(left)}" if left > 0 else "next try now"


def span(since: datetime | None, now: datetime) -> str:
    """``5 h 12 min``; "" for what is not known."""
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
