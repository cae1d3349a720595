"""The keeper's commands for moderators; each is a form over XEP-0050, too."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Annotated, Any

from botkit.errors import MisuseError, StanzaError
from botkit.model.actions import SendMessage
from botkit.model.address import Address
from botkit.model.events import RoomMessage
from botkit.model.messages import ArchiveId
from botkit.model.rooms import Affiliation, Occupant, Role
from botkit.routing.context import Context
from botkit.routing.converters import Expected
from botkit.routing.handles import RoomHandle
from botkit.routing.router import Router
from botkit.routing.specs import Example
from bots.keeper_settings import KeeperConfig

MODERATORS = (Affiliation.ADMIN, Role.MODERATOR)

commands = Router("keeper commands")


@dataclass(frozen=True, slots=True)
class Whom:
    """Somebody in the room, or the JID of somebody who need not be there."""

    occupant: Occupant | None
    address: Address | None

    def __str__(self) -> str:
        return self.occupant.nick if self.occupant is not None else str(self.address)


def _whom(word: str, ctx: Context[Any]) -> Whom:
    occupant = ctx.room.find(word) if ctx.room is not None else None
    try:
        address = Address.parse(word).bare if "@" in word or "." in word else None
    except ValueError:
        address = None
    if occupant is not None and address is not None and address.local is not None:
        raise Expected("one or the other: somebody here has that JID as a nick")
    if occupant is None and address is None:
        raise Expected("the nick of somebody in the room, or a JID")
    return Whom(occupant, None if occupant is not None else address)


commands.converter(Whom, _whom)


async def _done(ctx: Context[KeeperConfig], work: Awaitable[object], what: str, whom: object, reason: str) -> str:
    """Do something by hand, log it, and say how it went."""
    by = ctx.sender.nick if ctx.sender is not None else str(ctx.sender_jid)
    try:
        await work
    except (StanzaError, MisuseError) as problem:
        ctx.log.warning("not done by hand", what=what, whom=str(whom), by=by, error=str(problem))
        return f"Not done: {problem}"
    ctx.log.info("done by hand", what=what, whom=str(whom), by=by, reason=reason)
    return f"{whom}: {what}."


@commands.command(
    "ban",
    needs=Affiliation.ADMIN,
    examples=[
        Example('ban "Ann Lee" selling shoes', people=("Ann Lee",)),
        "ban ann@spam.example",
        Example("ban --server spam.example", "everybody of that server"),
    ],
)
async def ban(
    ctx: Context[KeeperConfig],
    room: RoomHandle,
    who: Annotated[Whom, "a nick, or a JID"],
    *,
    server: Annotated[bool, "ban a whole server"] = False,
    reason: Annotated[str, "said to them and shown to the room"] = "",
) -> str:
    """Ban somebody for good, by their account."""
    if who.address is not None and who.address.local is None and not server:
        return f"{who} is a whole server; say --server if you mean everybody there."
    return await _done(
        ctx, room.ban(who.occupant or who.address or room.address, reason or None), "banned", who, reason
    )


@commands.command("unban", needs=Affiliation.ADMIN)
async def unban(ctx: Context[KeeperConfig], room: RoomHandle, account: Address, *, reason: str = "") -> str:
    """Lift a ban."""
    return await _done(ctx, room.unban(account, reason or None), "no longer banned", account, reason)


@commands.command("kick", needs=MODERATORS)
async def kick(ctx: Context[KeeperConfig], room: RoomHandle, who: Occupant, *, reason: str = "") -> str:
    """Put somebody out; they may come back."""
    return await _done(ctx, room.kick(who, reason or None), "kicked", who.nick, reason)


@commands.command("mute", needs=MODERATORS, examples=["mute ann until you have calmed down"])
async def mute(ctx: Context[KeeperConfig], room: RoomHandle, who: Occupant, *, reason: str = "") -> str:
    """Take somebody's voice."""
    return await _done(ctx, room.devoice(who, reason or None), "muted", who.nick, reason)


@commands.command("unmute", needs=MODERATORS)
async def unmute(ctx: Context[KeeperConfig], room: RoomHandle, who: Occupant, *, reason: str = "") -> str:
    """Give somebody voice again."""
    return await _done(ctx, room.voice(who, reason or None), "has voice", who.nick, reason)


@commands.command("warn", needs=MODERATORS)
async def warn(ctx: Context[KeeperConfig], room: RoomHandle, who: Occupant, *, reason: str) -> str:
    """Warn somebody in private."""
    text = f"The moderators of {room.address} warn you: {reason}"
    message = SendMessage(to=who.address, body=text, groupchat=False, private=True, unstyled=True)
    return await _done(ctx, ctx.perform(message), "warned", who.nick, reason)


@commands.command("retract", needs=MODERATORS)
async def retract(
    ctx: Context[KeeperConfig],
    room: RoomHandle,
    message: Annotated[str, "archive id; not needed in a reply to the message"] = "",
    *,
    reason: str = "",
) -> str:
    """Take a message away: say it in a reply to the message, or give its archive id."""
    event = ctx.event
    target = event.content.reply.target if isinstance(event, RoomMessage) and event.content.reply else message
    if not target:
        return "Reply to the message with this command, or give its archive id."
    return await _done(ctx, room.retract(ArchiveId(target), reason or None), "retracted", target, reason)


@commands.command("status", needs=MODERATORS)
async def status(ctx: Context[KeeperConfig], room: RoomHandle) -> str:
    """What the keeper may do here, what it looks for, and what it did."""
    config, info, me = ctx.config, room.info, room.me
    rights = f"{me.affiliation.word}, {me.role.word}" if me is not None else "not in the room"
    moderation = info.moderation if info is not None else None
    did = ", ".join(f"{measure.word} {n}" for measure, n in sorted(config.warden.counts(room.address).items()))
    lines = [
        f"Rights: {rights}" + (" (dry run: nothing is done)" if config.dry_run else ""),
        "Message moderation: " + ("none in this room" if moderation is None else f"version {moderation}"),
        f"Rules: {len(config.words)} words, {len(config.deny_links)} denied sites, "
        f"more than {config.flood_messages} messages in {config.flood_seconds:g} s, "
        f"the same {config.duplicate_times} times in {config.duplicate_seconds:g} s",
        f"Since the start: {did or 'nothing had to be done'}",
    ]
    return "\n".join(lines)
