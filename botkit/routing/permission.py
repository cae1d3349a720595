"""Who may run a command. By real JID, affiliation and role, as they were and as they are; never by nick."""

from __future__ import annotations

from typing import Any

from botkit.model.rooms import Affiliation, Occupant, Role
from botkit.routing.context import Context
from botkit.routing.specs import Need, Right


def allowed(needs: tuple[Right, ...], ctx: Context[Any]) -> bool:
    """May the sender, now, in ``ctx.room``, do what takes one of ``needs``? () is everybody.

    Who runs the bot, and writes from their own account, may everything. In a room both the
    snapshot that came with the message and the occupant who is there now must have the right, and
    be the same person: rights that were lost since count as lost. Who is unknown or gone has none.
    The room's word for a real JID counts for that room's rights, not for ``Need.BOT_ADMIN``.
    """
    if ctx.from_admin or not needs:
        return True
    then = ctx.sender
    if then is None or not then.known:
        return False
    now = ctx.link.occupant(then.address)
    if now is None or not now.known or now.identity != then.identity:
        return False
    return any(_has(right, then, ctx) and _has(right, now, ctx) for right in needs)


def _has(right: Right, occupant: Occupant, ctx: Context[Any]) -> bool:
    if isinstance(right, Need):
        return False
    if occupant.real is not None and occupant.real.bare in ctx.services.admins:
        return True
    if isinstance(right, Affiliation):
        return occupant.affiliation >= right
    return occupant.role >= right


def shown(needs: tuple[Right, ...]) -> str:
    """Whom ``needs`` lets through, for a sentence: ``admins and moderators of the room``."""
    words = []
    for right in needs:
        if isinstance(right, Need):
            words.append("those who run this bot (write to it directly)")
        elif isinstance(right, Role) or right is not Affiliation.NONE:
            words.append(f"{right.word}s of the room")
    return " and ".join(words) or "those who are in the room"
