"""Whose turn it is, and whose birthday: notices by a rule of the calendar."""

from __future__ import annotations

from datetime import timedelta

from botkit.model.events import Tick
from botkit.routing.context import Context
from botkit.routing.handles import RoomHandle
from botkit.routing.router import Router
from botkit.routing.specs import ScheduleSpec
from botkit.routing.words import CommandError
from botkit.services.schedule import Monthly
from bots.herald_looking import filled
from bots.herald_settings import HeraldConfig

GRACE = timedelta(hours=12)
"""How late a birthday may be."""

router = Router("rota")


@router.schedules_from
def jobs(config: HeraldConfig) -> list[ScheduleSpec]:
    """A job for each day that is somebody's birthday, and for each rota."""
    born = config.birthdays
    made = [
        ScheduleSpec(
            handler=congratulate, job=f"birthdays/{month:02}-{day:02}", rooms=born.rooms, grace=GRACE,
            rule=Monthly.parse(str(day), born.time, born.timezone, (month,)).rule,
        )
        for month, day in sorted({one.date for one in born.people})
    ]  # fmt: skip
    made += [
        ScheduleSpec(
            handler=tell, job=f"rotas/{r.name}", rule=r.when().rule, rooms=r.addresses(), missed=r.missed, grace=r.grace
        )
        for r in config.rotas
    ]  # fmt: skip
    return made


async def congratulate(ctx: Context[HeraldConfig], tick: Tick, room: RoomHandle) -> None:
    """It is somebody's birthday."""
    names = [p.name for p in ctx.config.birthdays.people if tick.job == f"birthdays/{p.date[0]:02}-{p.date[1]:02}"]
    for name in names:
        key = f"{tick.key} {name} {room.address}" if tick.key is not None else None
        text = filled(ctx.config.birthdays.text, {"name": name})
        await ctx.notify(text, to=room.address, key=key, expires=tick.at + 2 * GRACE)


async def tell(ctx: Context[HeraldConfig], tick: Tick, room: RoomHandle) -> None:
    """Whose turn it is."""
    rota = next((r for r in ctx.config.rotas if tick.job == f"rotas/{r.name}"), None)
    if rota is not None:
        key = f"{tick.key} {room.address}" if tick.key is not None else None
        text = filled(rota.text, rota.turn_of(tick.at)) + rota.lateness(tick)
        await ctx.notify(text, to=room.address, key=key, expires=(tick.begun or tick.at) + rota.expires)


@router.command("rota", effects=False)
async def whose(ctx: Context[HeraldConfig], name: str | None = None) -> str:
    """Whose turn it is now."""
    rotas = [r for r in ctx.config.rotas if name in (None, r.name)]
    if ctx.room is not None:
        rotas = [r for r in rotas if not r.rooms or ctx.room.address in r.rooms]
    if not rotas:
        raise CommandError("There is no such rota." if name else "There are no rotas here.")
    turns = [(r.name, r.turn_of(ctx.now())) for r in rotas]
    return "\n".join(f"{called}: {turn['who']}, then {turn['next']}" for called, turn in turns)
