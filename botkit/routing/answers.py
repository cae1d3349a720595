"""What a handler returned, done."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from botkit.errors import MisuseError
from botkit.model.actions import (
    Action,
    Invite,
    Moderate,
    Notice,
    React,
    RetractOwn,
    SendMessage,
    SetAffiliation,
    SetRole,
    SetSubject,
)
from botkit.model.events import Tick
from botkit.routing.context import Context, Reply

EXPIRES = timedelta(days=1)
"""For how long what was said by the clock waits for a room that the bot is not in."""

_ACTIONS = (SendMessage, React, RetractOwn, Moderate, SetRole, SetAffiliation, SetSubject, Invite, Notice)


async def give(reply: Reply, ctx: Context[Any]) -> None:
    """Say and do what a handler returned, in order. Raises what ``ctx.reply`` and ``ctx.perform`` raise."""
    for part in parts(reply):
        await ctx.perform(ctx.answer(part) if isinstance(part, str) else part)


async def act(reply: Reply, ctx: Context[Any]) -> tuple[str, ...]:
    """Do the actions among what a handler returned, and hand back its texts for the caller to show."""
    texts = []
    for part in parts(reply):
        if isinstance(part, str):
            texts.append(part)
        else:
            await ctx.perform(part)
    return tuple(texts)


def kept(reply: Reply, tick: Tick, ctx: Context[Any]) -> Reply:
    """What a handler returned to ``tick``, its texts as notices: run again, after a crash, it says nothing twice."""
    if tick.key is None or ctx.room is None:
        return reply
    room = ctx.room.address
    return [
        Notice(to=room, text=part, key=f"{tick.key} {room} {number}", expires=tick.at + EXPIRES)
        if isinstance(part, str)
        else part
        for number, part in enumerate(parts(reply))
    ]


def parts(reply: Reply) -> Iterable[str | Action]:
    """The texts and actions of a return value. Raises ``MisuseError`` if there is anything else in it."""
    if reply is None:
        return ()
    if isinstance(reply, (str, *_ACTIONS)):
        return (reply,)
    if not isinstance(reply, Iterable):
        raise MisuseError(f"a handler returned {reply!r}; it may return None, a str, an action, or several of these")
    found = tuple(reply)
    for part in found:
        if not isinstance(part, (str, *_ACTIONS)):
            raise MisuseError(f"a handler returned {part!r} among others; only str and actions can be answers")
    return found
