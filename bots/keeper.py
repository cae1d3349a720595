"""A moderation bot: it keeps words, links, floods and repetitions out of rooms, by a ladder of measures.

Make the bot an admin of the room (moderator at least). Start with ``dry_run = true`` and read the log.
"""

from __future__ import annotations

from botkit.model.actions import SendMessage
from botkit.model.address import Address
from botkit.model.capabilities import Capability
from botkit.model.events import (
    NickChanged,
    OccupantEvent,
    OccupantJoined,
    ReactionsChanged,
    RightsChanged,
    RoomMessage,
    RoomStateChanged,
    StatusChanged,
    SubjectChanged,
)
from botkit.model.room_events import CapabilitiesChanged
from botkit.model.rooms import RoomState
from botkit.modules import Module
from botkit.routing.context import Context
from botkit.routing.router import Router
from botkit.services.moderation.regulars import learn, recall
from bots.keeper_commands import commands
from bots.keeper_settings import KeeperConfig

_NEEDED = frozenset({Capability.RETRACT, Capability.DEVOICE, Capability.KICK, Capability.BAN})

router = Router("keeper", urgent=True)
router.include(commands)


@router.message(catch_up=True)
async def watch(ctx: Context[KeeperConfig], message: RoomMessage) -> SendMessage | None:
    """Judge every message, also those said while the bot was away."""
    return await _judge(ctx, message)


@router.on(SubjectChanged)
@router.on(ReactionsChanged)
@router.on(StatusChanged)
@router.on(NickChanged)
async def watch_others(
    ctx: Context[KeeperConfig], event: SubjectChanged | ReactionsChanged | StatusChanged | NickChanged
) -> SendMessage | None:
    """Subjects, reactions, status texts and nicks are shown to all, too."""
    return await _judge(ctx, event)


async def _judge(ctx: Context[KeeperConfig], event: OccupantEvent) -> SendMessage | None:
    config = ctx.config
    verdict = config.warden.examine(event, ctx.link.address)
    if verdict is None:
        return None
    plan = await config.warden.act(verdict, ctx.link, ctx.clock, ctx.log)
    if plan is None or plan.measure is None or config.log_room is None:
        return None
    evidence = "; ".join(f"{found.label}: {found.evidence}" for found in plan.verdict.findings)
    done = f"would {plan.measure.word} (dry run)" if config.dry_run else plan.measure.word
    line = f"{event.room}: {event.author.nick}: {done}; {plan.verdict.points} points; {evidence}"
    return SendMessage(to=Address.parse(config.log_room), body=line, groupchat=True, unstyled=True)


@router.rights(own=True)
async def rights(ctx: Context[KeeperConfig], event: RightsChanged) -> None:
    """What was refused before may be allowed now; and somebody may be a member from now on, or no longer."""
    if event.author.is_self:
        ctx.config.warden.rights_changed(event.room)
    ctx.config.warden.memory.introduce(event.room, event.author)
    await learn(ctx.storage, event.room, [event.author])


@router.capabilities
async def abilities(ctx: Context[KeeperConfig], event: CapabilitiesChanged) -> SendMessage | None:
    """What the bot can do in a room is tried anew; what it has lost is told where people look."""
    ctx.config.warden.rights_changed(event.room)
    lost = sorted(_NEEDED & event.lost, key=lambda one: one.value)
    if not lost or ctx.config.log_room is None:
        return None
    reasons = "; ".join(dict.fromkeys(event.now.why_not(one) or one.value for one in lost))
    line = f"{event.room}: I cannot {', '.join(one.value for one in lost)} there any more ({reasons})"
    return SendMessage(to=Address.parse(ctx.config.log_room), body=line, groupchat=True, unstyled=True)


@router.join
async def joined(ctx: Context[KeeperConfig], event: OccupantJoined) -> SendMessage | None:
    """Remember members, as an archive does not tell who is one; and look at nick and status."""
    await learn(ctx.storage, event.room, [event.author])
    return await _judge(ctx, event)


@router.room_state
async def came_back(ctx: Context[KeeperConfig], event: RoomStateChanged) -> None:
    """After a new join, rights are to be tried anew, and people to be known again."""
    if event.state is RoomState.JOINED:
        warden = ctx.config.warden
        warden.rights_changed(event.room)
        await learn(ctx.storage, event.room, ctx.link.occupants(event.room))
        await recall(ctx.storage, event.room, warden.memory)


module = Module(name="keeper", router=router, config=KeeperConfig)
