"""Notices from the config: a text, its times, and the rooms that it is posted to."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from botkit.errors import BotkitError
from botkit.model.actions import Priority, SendMessage, Sent
from botkit.model.events import Tick
from botkit.routing.context import Context
from botkit.routing.handles import RoomHandle
from botkit.routing.router import Router
from botkit.routing.specs import Need, ScheduleSpec
from botkit.services.charts import activity_chart
from botkit.services.schedule import time_zone
from bots.herald_settings import HeraldConfig, Notice
from bots.herald_times import When

PATIENCE, REFLECTED = 150.0, 30.0
"""Seconds for a notice with a picture, and of these until its text stands in the room."""

router = Router("notices")


@router.schedules_from
def jobs(config: HeraldConfig) -> list[ScheduleSpec]:
    """A job for each notice."""
    return [
        ScheduleSpec(
            handler=post, job=n.name, rule=n.when().rule, rooms=n.addresses(), missed=n.missed, grace=n.grace,
            timeout=PATIENCE if n.chart else None,
        )
        for n in config.notices
    ]  # fmt: skip


async def post(ctx: Context[HeraldConfig], tick: Tick, room: RoomHandle) -> None:
    """Say a notice that is due in one of its rooms: exactly once, and while it is still news."""
    notice = ctx.config.find(tick.job)
    if notice is None:
        return
    key = f"{tick.key} {room.address}" if tick.key is not None else None
    text = notice.text + notice.lateness(tick)
    sent = await ctx.notify(text, to=room.address, key=key, expires=(tick.begun or tick.at) + notice.expires)
    ctx.log.info("notice posted", notice=tick.job, due=tick.at.isoformat())
    if notice.chart:
        await _picture(ctx, notice, tick, room, sent)


async def _picture(ctx: Context[HeraldConfig], notice: Notice, tick: Tick, room: RoomHandle, sent: Sent) -> None:
    """How much was said, behind the notice: at most once, and for the notice's sake never a failure."""
    mark = f"chart {notice.name} {room.address}"
    if tick.key is not None and await ctx.storage.get(mark) == tick.key:
        return
    try:
        if sent.following is not None:
            await sent.reflected(timeout=REFLECTED)
        since, zone = tick.at - timedelta(days=notice.chart_days), time_zone(notice.timezone)
        picture = await activity_chart(ctx.history, room.address, since, tick.at, zone=zone)
        url = await ctx.upload(picture, name=f"{notice.name}.png", content_type="image/png")
        await ctx.storage.put(mark, tick.key)
        await ctx.perform(
            SendMessage(to=room.address, body=url, url=url, groupchat=True, priority=Priority.NOTICE)
        )  # fmt: skip
    except BotkitError as problem:
        ctx.log.warning("no chart", notice=notice.name, reason=str(problem))


@router.command("notices", needs=Need.BOT_ADMIN)
async def notices(ctx: Context[HeraldConfig]) -> str:
    """Every notice, and when it comes next."""
    lines = [
        f"{n.name}: {shown(n.when(), ctx.now())} ({n.rule_words()}) to {n.where()}" for n in ctx.config.notices
    ]  # fmt: skip
    return "\n".join(lines) or "There are no notices."


def shown(when: When, now: datetime) -> str:
    """The next of its times, for people."""
    due = when.next(now)
    return due.strftime("%Y-%m-%d %H:%M UTC") if due is not None else "never"


@router.command("notice", needs=Need.BOT_ADMIN)
async def notice_now(
    ctx: Context[HeraldConfig], action: Literal["now"], name: Annotated[str, "as the config has it"]
) -> list[SendMessage | str]:
    """Post a notice now, besides its times: notice now NAME."""
    notice = ctx.config.find(name)
    if notice is None:
        return [f"There is no notice {name}; there are: {', '.join(n.name for n in ctx.config.notices) or 'none'}."]
    rooms = notice.addresses() or tuple(info.address for info in ctx.link.rooms())
    posts: list[SendMessage | str] = [SendMessage(to=room, body=notice.text, groupchat=True) for room in rooms]
    return [*posts, f"Posted {name} to {len(rooms)} rooms."]
