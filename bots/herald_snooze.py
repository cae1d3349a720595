"""``snooze 10m`` in reply to a reminder, or the reaction ⏰: it is said again later."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import Field

from botkit.model.actions import SendMessage
from botkit.model.address import Address
from botkit.model.events import DirectMessage, DirectReactions, PrivateMessage, ReactionsChanged, RoomMessage
from botkit.model.rooms import Affiliation
from botkit.routing.context import Context
from botkit.routing.filters import is_reply, matches
from botkit.routing.router import Router
from botkit.routing.spans import NotATime, take_span
from botkit.routing.words import CommandError
from botkit.services.schedule import Once
from bots.herald_remind import moment_words, new_ident, put
from bots.herald_reminder import Person, asker_of
from bots.herald_settings import HeraldConfig
from bots.herald_shown import Shown, forget_old, newest, of_message, snoozed, store

CLOCK = "⏰"
SPAN = timedelta(minutes=10)
LEAST, MOST = timedelta(minutes=1), timedelta(days=366)
_PLAIN = re.compile(r"\s*snooze\b\s*(.*?)\s*", re.IGNORECASE | re.DOTALL)

router = Router("snooze")


@router.command("snooze", examples=())
async def snooze(ctx: Context[HeraldConfig], span: Annotated[timedelta, Field(ge=LEAST, le=MOST)] = SPAN) -> str:
    """Be reminded again later: of what you reply to, else of what I said to you last."""
    person = asker_of(ctx)
    target = _target(ctx)
    if target is not None:
        shown = await of_message(ctx, _room(ctx), target)
    else:
        shown = await newest(ctx, person.key, person.room)
    if shown is None or not _may(ctx, shown, person):
        raise CommandError("That is no reminder of yours.")
    return await _again(ctx, shown, span, clock=False)


@router.message(is_reply & matches(r"(?is)^\s*snooze\b"), commands=False)
async def answered(ctx: Context[HeraldConfig], message: RoomMessage | PrivateMessage | DirectMessage) -> str | None:
    """The same without a prefix, as an answer to a reminder; others may say "snooze" as they like."""
    target = _target(ctx)
    shown = await of_message(ctx, _room(ctx), target) if target is not None else None
    said = _PLAIN.fullmatch(message.text)
    if shown is None or said is None:
        return None
    try:
        if not _may(ctx, shown, asker_of(ctx)):
            return None
        span = SPAN
        if said[1]:
            span, _ = take_span(said[1].removeprefix("for "))
        if not LEAST <= span <= MOST:
            return "I can snooze for a minute up to a year."
        return await _again(ctx, shown, span, clock=False)
    except NotATime as problem:
        return f"snooze: expected {problem}"
    except CommandError as problem:
        return str(problem)


@router.reaction
async def reacted(ctx: Context[HeraldConfig], event: ReactionsChanged | DirectReactions) -> str | SendMessage | None:
    """⏰ snoozes for ten minutes; taking it back takes that back (XEP-0444 §3.2: each one tells all that there are)."""
    wanted = any(reaction.rstrip("\ufe0f") == CLOCK for reaction in event.reactions)
    shown = await of_message(ctx, _room(ctx), event.target)
    if shown is None or wanted == shown.clock:
        return None
    try:
        if not _may(ctx, shown, asker_of(ctx)):
            return None
        if wanted:
            return _to(event, await _again(ctx, shown, SPAN, clock=True))
        if shown.ident is not None:
            await ctx.jobs.cancel(f"remind/{shown.ident}")
        await store(ctx, Shown(shown.key, shown.at, shown.reminder))
    except CommandError as problem:
        return _to(event, str(problem))
    return None


@router.every(cron="17 4 * * *", name="reminders/tidy")
async def forget_said(ctx: Context[HeraldConfig]) -> None:
    """What was said long ago is not snoozed any more."""
    await forget_old(ctx)


async def _again(ctx: Context[HeraldConfig], shown: Shown, span: timedelta, *, clock: bool) -> str:
    """One later time for each message that said it: who snoozes twice means the second."""
    reminder = shown.reminder.model_copy(update={"repeats": False})
    at = ctx.now() + span
    ident = shown.ident or await new_ident(ctx)
    await put(ctx, ident, reminder, Once.at(at, reminder.zone))
    await store(ctx, snoozed(shown, ident, clock=clock))
    return f"Again: {moment_words(at, reminder.zone)}."


def _to(event: ReactionsChanged | DirectReactions, text: str) -> str | SendMessage:
    """An answer to a reaction: in the room, or to the account."""
    if isinstance(event, ReactionsChanged):
        return text
    return SendMessage(to=event.sender.bare, body=text, groupchat=False, answers=str(event.sender.bare))


def _may(ctx: Context[HeraldConfig], shown: Shown, person: Person) -> bool:
    """Whose it is may; what was for a room, every member there (as they are now)."""
    reminder = shown.reminder
    if reminder.whole_room and person.room is not None:
        now = ctx.link.occupant(ctx.sender.address) if ctx.sender is not None else None
        member = now is not None and now.identity == person.key and now.affiliation >= Affiliation.MEMBER
        return member and reminder.place == person.room
    return reminder.who == person.key and (person.room is None or reminder.place == person.room)


def _target(ctx: Context[HeraldConfig]) -> str | None:
    event = ctx.event
    if isinstance(event, RoomMessage | PrivateMessage | DirectMessage) and event.content.reply is not None:
        return event.content.reply.target
    return None


def _room(ctx: Context[HeraldConfig]) -> Address | None:
    """The room whose archive gave the id, None where it is the message's own (XEP-0461 §3.1, XEP-0444 §3.1)."""
    event = ctx.event
    return event.room if isinstance(event, RoomMessage | ReactionsChanged) else None
