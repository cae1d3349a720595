"""The message that a command was sent in reply to (XEP-0461): from the log, else from the room's archive."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from botkit.errors import BotkitError
from botkit.model.address import Address
from botkit.model.archive import ArchiveQuery, LogQuery, LogRow
from botkit.model.events import RoomMessage
from botkit.model.messages import ArchiveId, Content, Source, Text
from botkit.model.rooms import Occupant
from botkit.routing.commands import Command
from botkit.routing.context import Context
from botkit.routing.middleware import asker
from botkit.routing.specs import ParameterKind, Replied
from botkit.routing.words import UsageError

RepliedTo = Annotated[RoomMessage, Replied()]
"""A parameter of a command: the message of the room that the command is sent in reply to. No word gives it."""

_PATIENCE: Final = 10.0
_OFFERED: Final = 20


@dataclass(frozen=True, slots=True)
class Recent:
    """A message to choose in a form."""

    archive_id: ArchiveId
    shown: str


async def prepare(command: Command, ctx: Context[Any], chosen: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What must be waited for before the words of ``command`` can be read: the asker's zone, and values that no word
    gives. ``chosen``: the archive ids that were chosen in a form. Raises ``UsageError``.
    """
    if command.timed:
        await ctx.services.zones.learn(ctx.asker, asker(ctx.event))
    values: dict[str, Any] = {}
    for parameter in command.parameters:
        if parameter.kind is not ParameterKind.REPLY:
            continue
        target = (chosen or {}).get(parameter.name) or _target(ctx)
        if target is None:
            if parameter.required:
                raise UsageError(f"{parameter.shown} is missing: send the command as a reply to the message you mean")
            values[parameter.name] = parameter.default
            continue
        message = await find_message(ctx, ArchiveId(target))
        if message is None:
            raise UsageError(f"{parameter.shown}: expected a reply to a message of this room that I can still find")
        values[parameter.name] = message
    return values


async def find_message(ctx: Context[Any], archive_id: ArchiveId) -> RoomMessage | None:
    """A message of ``ctx.room`` by the id that the room gave it; None if neither log nor archive has it.

    Its author is whoever wrote it as they are now, if they are there under the same identity; else an occupant that is
    not ``known``.
    """
    if ctx.room is None:
        return None
    room = ctx.room.address
    history = ctx.services.history
    row = await history.get(room, archive_id) if history is not None else None
    if row is not None:
        return _from_log(row, ctx)
    info = ctx.room.info
    if info is None or not info.archive:
        return None
    try:
        async with asyncio.timeout(_PATIENCE):
            return await _from_archive(ctx, room, archive_id)
    except (BotkitError, TimeoutError):  # an archive that does not answer, or has forgotten the message
        return None


async def recent_messages(ctx: Context[Any]) -> tuple[Recent, ...]:
    """The newest messages of the room, newest first, to choose one of."""
    if ctx.room is None or ctx.services.history is None:
        return ()
    rows = await ctx.services.history.find(LogQuery(room=ctx.room.address, limit=_OFFERED, include_retracted=False))
    return tuple(
        Recent(row.archive_id, f"{row.nick}: {_short(row.body)}")
        for row in reversed(rows)
        if row.archive_id is not None
    )


def _target(ctx: Context[Any]) -> str | None:
    """XEP-0461 §3.1: in a room the id of a reply is the one that the room gave (XEP-0359)."""
    event = ctx.event
    return event.content.reply.target if isinstance(event, RoomMessage) and event.content.reply is not None else None


def _from_log(row: LogRow, ctx: Context[Any]) -> RoomMessage:
    return RoomMessage(
        at=row.at,
        room=row.room,
        author=_author(row, ctx),
        content=Content(body=row.body, bodies=(Text(row.body),) if row.body else ()),
        archive_id=row.archive_id,
        message_id=row.message_id,
        source=Source.ARCHIVE,
    )


def _author(row: LogRow, ctx: Context[Any]) -> Occupant:
    if row.identity is not None:
        there = (o for o in ctx.link.occupants(row.room) if o.identity == row.identity)
        if (found := next(there, None)) is not None:
            return found
    sign = f"occupant:{row.room}:"
    occupant_id = row.identity.removeprefix(sign) if row.identity and row.identity.startswith(sign) else None
    address = Address.received(f"{row.room}/{row.nick}")
    return Occupant(address=address, real=row.real, occupant_id=occupant_id, known=False)


async def _from_archive(ctx: Context[Any], room: Address, archive_id: ArchiveId) -> RoomMessage | None:
    """XEP-0313 has no question for one id that all servers know: the one before it is asked for, then what follows."""
    before = await ctx.link.page(ArchiveQuery(archive=room, before=archive_id, page_size=1))
    page = await ctx.link.page(ArchiveQuery(archive=room, after=before.last, page_size=1))
    for row in page.rows:
        if row.archive_id == archive_id and isinstance(row.event, RoomMessage):
            return row.event
    return None


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:59] + "…"
