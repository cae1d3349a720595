"""Occupants, accounts and rooms, as people name them in a command."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from botkit.model.address import Address
from botkit.model.rooms import Occupant
from botkit.routing.constraints import Expected
from botkit.routing.handles import RoomHandle
from botkit.routing.words import Line

if TYPE_CHECKING:
    from botkit.routing.context import Context

NOBODY = "somebody who is in the room now"


def address(word: str, _: Context[Any]) -> Address:
    """A JID, alone or as a link to it (``xmpp:ann@example.org?message``, RFC 5122)."""
    text = str(word)
    if text.casefold().startswith("xmpp:"):
        text = unquote(text[5:].partition("?")[0]).lstrip("/")
    try:
        return Address.parse(text)
    except ValueError:
        raise Expected("a JID like name@example.org") from None


def occupant(nick: str, ctx: Context[Any]) -> Occupant:
    """Somebody who is in the room now, by the whole nick; an ``@`` before it and a colon or comma behind it are no
    part of it, unless they are part of a nick."""
    handle = _place(ctx)
    for one in _readings(nick):
        if one and (found := handle.find(one)) is not None:
            return found
    raise _nobody(nick, handle)


def take_occupant(line: Line, ctx: Context[Any]) -> Occupant:
    """Somebody who is in the room now, by a nick that may have spaces. Never a guess: what could mean two is refused.

    Quotes say where a nick ends. Without them the nick of somebody present that is followed by a space, or by the
    colon or comma that clients put behind a nick, is taken whole.
    """
    handle = _place(ctx)
    if line.text.startswith("@", line.at):
        at, line.at = line.at, line.at + 1  # @"Ann Lee"
        if not line.quoted:
            line.at = at
    if line.quoted:
        return occupant(line.next() or "", ctx)
    typed = line.text[line.at :].rstrip()
    # most rooms have no such nick, and then the first word decides
    spaced = [o for o in handle.occupants() if " " in o.nick]
    longer = [(o, end) for o in spaced if (end := _stands_at_start(o.nick, typed)) is not None]
    start = line.at
    word = line.next() or ""
    try:
        short: Occupant | None = occupant(word, ctx)
    except Expected:
        short = None
    if longer:
        nicks = sorted({o.nick for o, _ in longer} | ({short.nick} if short is not None else set()), key=len)
        if len(nicks) > 1:
            raise Expected(f'either "{nicks[0]}" or "{nicks[-1]}"; put the nick that you mean in quotes')
        line.skip_to(start + longer[0][1])
        return longer[0][0]
    if short is None:
        raise _nobody(word, handle, typed)
    return short


def room(word: str, ctx: Context[Any]) -> RoomHandle:
    """A room that the bot is in, and whoever asks, by its JID or what stands before the ``@``.

    The same words for a room where they are not as for one where the bot is not: that is nobody's business.
    """
    there = {info.address: RoomHandle(info.address, ctx.link) for info in ctx.link.rooms() if info.me is not None}
    if "@" in word:
        wanted = [handle for one, handle in there.items() if one == address(word, ctx).bare]
    else:
        name = word.removeprefix("#").casefold()
        wanted = [handle for one, handle in there.items() if one.local == name]
    wanted = [handle for handle in wanted if _may_name(handle, ctx)]
    if len(wanted) > 1:
        raise Expected(f"the JID of one of {', '.join(str(handle.address) for handle in wanted)}")
    if not wanted:
        raise Expected("a room that both you and I are in, like lobby@rooms.example.org")
    return wanted[0]


def _may_name(handle: RoomHandle, ctx: Context[Any]) -> bool:
    if ctx.from_admin or (ctx.room is not None and ctx.room.address == handle.address):
        return True
    account = ctx.sender_jid
    return account is not None and handle.by_account(account) is not None


def _place(ctx: Context[Any]) -> RoomHandle:
    if ctx.room is None:
        raise Expected("somebody in a room; this works in rooms alone")
    return ctx.room


def _readings(nick: str) -> tuple[str, ...]:
    stripped = nick.removeprefix("@")
    return (nick, stripped, nick.rstrip(":,"), stripped.rstrip(":,"))


def _stands_at_start(nick: str, typed: str) -> int | None:
    """Where ``nick`` ends in ``typed``, if that begins with it, its ``@`` and what follows a nick included."""
    for sign in ("", "@"):
        if not typed.startswith(sign + nick):
            continue
        end = len(sign) + len(nick)
        while end < len(typed) and typed[end] in ":,":
            end += 1
        if end == len(typed) or typed[end].isspace():
            return end
    return None


def _nobody(nick: str, handle: RoomHandle, typed: str = "") -> Expected:
    there = {o.nick.casefold(): o.nick for o in handle.occupants()}
    word, line = nick.removeprefix("@").rstrip(":,").casefold()[:60], typed.removeprefix("@").casefold()
    # "ann lee" for Ann Lee, and "ann" for her too, before what is only written alike
    begun = [one for one in there if line.startswith(one)] or [one for one in there if word and one.startswith(word)]
    close = begun or difflib.get_close_matches(word, there, n=1)
    hint = f"; did you mean {there[close[0]]}?" if close else ""
    return Expected(f"{NOBODY}{hint}")
