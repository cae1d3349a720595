"""Notices by the clock: each has a text, a cron expression, a time zone and the rooms that it is posted to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from botkit.errors import ConfigError
from botkit.model.actions import SendMessage
from botkit.model.address import Address
from botkit.model.events import Tick
from botkit.modules import Module
from botkit.routing.context import Context
from botkit.routing.handles import RoomHandle
from botkit.routing.router import Router
from botkit.routing.specs import Need, ScheduleSpec
from botkit.services.schedule import Cron, time_zone


def _checked(value: str, parse: Callable[[str], object]) -> str:
    try:
        parse(value)
    except ConfigError as problem:
        raise ValueError(str(problem)) from None
    return value


class Notice(BaseModel):
    """One notice. ``rooms`` empty: every room that the bot is in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[\w.-]{1,64}$", description="one word; unique")
    text: str = Field(min_length=1, max_length=10_000)
    cron: str = Field(description="minute hour day month weekday, as in cron")
    timezone: str = Field("UTC", description="an IANA name, such as Europe/Berlin")
    rooms: tuple[str, ...] = ()

    @field_validator("rooms")
    @classmethod
    def _are_rooms(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(Address.parse(room).bare) for room in value)

    @field_validator("cron")
    @classmethod
    def _comes(cls, value: str) -> str:
        return _checked(value, Cron.parse)

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        return _checked(value, time_zone)

    def addresses(self) -> tuple[Address, ...]:
        """Where it goes; () is everywhere."""
        return tuple(map(Address.parse, self.rooms))


class HeraldConfig(BaseModel):
    """The herald's settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    notices: tuple[Notice, ...] = ()

    @model_validator(mode="after")
    def _names_differ(self) -> HeraldConfig:
        names = [notice.name for notice in self.notices]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two notices are called {', '.join(doubled)}; each name stands for one")
        return self

    def find(self, name: str) -> Notice | None:
        """The notice of that name."""
        return next((notice for notice in self.notices if notice.name == name), None)


router = Router("herald")

KEPT = timedelta(hours=1)
"""For how long a notice that is due waits for a room that the bot is not in."""


@router.schedules_from
def jobs(config: HeraldConfig) -> list[ScheduleSpec]:
    """A job for each notice."""
    return [
        ScheduleSpec(handler=post, job=n.name, cron=n.cron, timezone=n.timezone, rooms=n.addresses())
        for n in config.notices
    ]


async def post(ctx: Context[HeraldConfig], tick: Tick, room: RoomHandle) -> None:
    """Say a notice that is due in one of its rooms: exactly once, and while it is still news."""
    notice = ctx.config.find(tick.job)
    if notice is None:
        return
    key = f"{tick.key} {room.address}" if tick.key is not None else None
    await ctx.notify(notice.text, to=room.address, key=key, expires=tick.at + KEPT)
    ctx.log.info("notice posted", notice=tick.job, due=tick.at.isoformat())


@router.command("notices", needs=Need.BOT_ADMIN)
async def notices(ctx: Context[HeraldConfig]) -> str:
    """Every notice, and when it comes next."""
    lines = []
    for notice in ctx.config.notices:
        due = Cron.parse(notice.cron, notice.timezone).next(ctx.now())
        shown = due.strftime("%Y-%m-%d %H:%M UTC") if due is not None else "never"
        lines.append(
            f"{notice.name}: {shown} ({notice.cron}, {notice.timezone}) to {', '.join(notice.rooms) or 'all rooms'}"
        )
    return "\n".join(lines) or "There are no notices."


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


module = Module(name="herald", router=router, config=HeraldConfig)
