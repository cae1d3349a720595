"""Which of our messages said which reminder: for those who answer one, or react to it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from botkit.model.actions import Sent
from botkit.model.address import Address
from botkit.model.events import RoomMessage
from botkit.model.messages import ArchiveId, MessageId
from botkit.routing.context import Context
from botkit.routing.filters import from_self
from botkit.routing.router import Router
from bots.herald_reminder import Reminder

RECENT = 1000  # messages of ours
KEPT = timedelta(days=30)
"""For how long a reminder that was said can be snoozed."""


router = Router("shown")
_recent: OrderedDict[tuple[Address, ArchiveId], MessageId] = OrderedDict()


@dataclass(frozen=True, slots=True)
class Shown:
    """A reminder that was said. ``ident`` is the job that says it again, if it was snoozed; ``clock``: by ⏰."""

    key: str
    at: datetime
    reminder: Reminder
    ident: str | None = None
    clock: bool = False


async def keep_shown(ctx: Context[Any], sent: Sent, reminder: Reminder) -> None:
    """Note that a message said a reminder."""
    for part in sent.parts or (sent.message_id,):
        await store(ctx, Shown(f"shown {part}", ctx.now(), reminder))


async def store(ctx: Context[Any], shown: Shown) -> None:
    """Write it down."""
    await ctx.storage.put(
        shown.key,
        {"at": shown.at.isoformat(), "reminder": shown.reminder.model_dump(mode="json"), "ident": shown.ident,
         "clock": shown.clock},
    )  # fmt: skip


async def of_message(ctx: Context[Any], room: Address | None, target: str) -> Shown | None:
    """The reminder that a message said. ``target`` is its archive id in a room, else its message id."""
    if room is not None:
        target = await _message_id(ctx, room, ArchiveId(target))
    shown = read(f"shown {target}", await ctx.storage.get(f"shown {target}")) if target else None
    if shown is None or (room is not None and shown.reminder.place != room):
        return None
    return shown


async def _message_id(ctx: Context[Any], room: Address, archive_id: ArchiveId) -> str:
    found = _recent.get((room, archive_id))
    if found is not None or ctx.services.history is None:
        return found or ""
    row = await ctx.services.history.get(room, archive_id)
    return row.message_id or "" if row is not None else ""


@router.message(from_self, own=True)
async def said(message: RoomMessage) -> None:
    """The room sent a message of ours back. The log has it some seconds later; people are faster than that."""
    if message.archive_id is not None and message.message_id is not None:
        _recent[message.room, message.archive_id] = message.message_id
        while len(_recent) > RECENT:
            _recent.popitem(last=False)


async def newest(ctx: Context[Any], who: str, room: Address | None) -> Shown | None:
    """What was said to somebody last: where they are, or anywhere for a 1:1 chat."""
    found = [shown for key, value in (await ctx.storage.items("shown ")).items() if (shown := read(key, value))]
    theirs = [s for s in found if s.reminder.who == who and (room is None or s.reminder.place == room)]
    return max(theirs, key=lambda s: s.at, default=None)


async def forget_old(ctx: Context[Any]) -> None:
    """Forget what was said long ago."""
    for key, value in (await ctx.storage.items("shown ")).items():
        shown = read(key, value)
        if shown is None or shown.at < ctx.now() - KEPT:
            await ctx.storage.delete(key)


def read(key: str, value: object) -> Shown | None:
    """What was stored; None if it is nothing of ours."""
    match value:
        case {"at": str(at), "reminder": dict(fields), "ident": ident, "clock": clock}:
            try:
                reminder = Reminder.model_validate(fields)
            except ValidationError:
                return None
            return Shown(key, datetime.fromisoformat(at), reminder, ident if ident else None, bool(clock))
    return None


def snoozed(shown: Shown, ident: str, *, clock: bool) -> Shown:
    """The same, after somebody snoozed it."""
    return replace(shown, ident=ident, clock=clock)
