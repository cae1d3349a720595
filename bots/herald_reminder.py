"""What a reminder is, whose it is, and how it reaches them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from botkit.errors import LinkError
from botkit.model.actions import Notice, SendMessage, Sent
from botkit.model.address import Address
from botkit.model.events import RoomMessage
from botkit.model.rooms import Occupant
from botkit.ports import Link
from botkit.routing.context import Context
from botkit.routing.words import CommandError


class Reminder(BaseModel):
    """What a reminder's job is made with; JSON.

    ``who`` is whose it is (``Occupant.identity``). ``room`` is where they asked, None for 1:1 chats; ``aloud``: they
    asked for all to see, and are reminded so. ``whole_room``: it is for everybody there. ``account`` is the bare JID,
    if the room tells it.
    """

    text: str
    who: str
    room: str | None = None
    aloud: bool = False
    whole_room: bool = False
    account: str | None = None
    zone: str = "UTC"
    repeats: bool = False

    @property
    def place(self) -> Address | None:
        """The room, if there is one."""
        return Address.parse(self.room) if self.room is not None else None


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks. ``key`` stands for them alone (``Occupant.identity``); a room vouches for those who are in it."""

    key: str
    account: Address | None
    room: Address | None


def asker_of(ctx: Context[Any]) -> Person:
    """Who asks. Raises ``CommandError`` where nothing would tell them from others later."""
    sender = ctx.sender
    if sender is not None:
        if sender.identity is None:
            raise CommandError("This room does not tell people apart well enough; ask me in a chat of our own.")
        return Person(sender.identity, sender.real.bare if sender.real is not None else None, sender.room)
    if ctx.sender_jid is None:
        raise CommandError("I cannot see who you are.")
    return Person(f"jid:{ctx.sender_jid.bare}", ctx.sender_jid.bare, None)


def is_aloud(ctx: Context[Any]) -> bool:
    """Was it asked for all the room to see?"""
    return isinstance(ctx.event, RoomMessage)


def of_person(reminder: Reminder, person: Person) -> bool:
    """Is it theirs, and may be shown and changed where they are? Who is who in a room is the room's word, so that no
    room reaches what was asked elsewhere."""
    return reminder.who == person.key and (person.room is None or reminder.room == str(person.room))


def find_occupant(reminder: Reminder, link: Link) -> Occupant | None:
    """Whose it is, if they are in the room where they asked."""
    there = link.occupants(reminder.place) if reminder.place is not None else ()
    return next((o for o in there if o.identity == reminder.who and not o.is_self), None)


async def deliver(ctx: Context[Any], reminder: Reminder, text: str, key: str, expires: datetime) -> Sent | None:
    """Say ``text`` to whom it is for, exactly once for each ``key``; None if there is no way to them now."""
    place = reminder.place
    known = place is not None and ctx.link.room(place) is not None
    if reminder.whole_room:
        return await _notice(ctx, place, f"Reminder: {text}", key, expires) if known else None
    occupant = find_occupant(reminder, ctx.link)
    if occupant is not None and reminder.aloud and known:
        return await _notice(ctx, place, f"{occupant.nick}: {text}", key, expires)
    account = Address.parse(reminder.account) if reminder.account is not None else None
    # A room may say of anybody that they are behind any JID; a room of ours is none to write to in private.
    if account is not None and ctx.link.room(account) is None and account.local is not None:
        asked = f" (you asked in {place})" if place is not None else ""
        return await _notice(ctx, account, f"Reminder: {text}{asked}", key, expires, groupchat=False)
    if occupant is not None:
        return await _whisper(ctx, occupant, f"Reminder: {text}")
    return None


async def _notice(
    ctx: Context[Any], to: Address | None, text: str, key: str, expires: datetime, *, groupchat: bool = True
) -> Sent | None:
    assert to is not None, "where there is no room there is an account"
    return await ctx.perform(Notice(to=to, text=text, groupchat=groupchat, key=key, expires=expires))


async def _whisper(ctx: Context[Any], occupant: Occupant, text: str) -> Sent | None:
    """To somebody whose account the room hides. A private message is kept by nobody, so this is no notice."""
    try:
        return await ctx.perform(SendMessage(to=occupant.address, body=text, groupchat=False, private=True))
    except LinkError:
        return None
