"""A bot for tests with one job that says one notice, and that kills itself before or after a step in the database.

``order`` names the step, as ``notices.begin after``; it is obeyed once.
"""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from botkit.model.address import Address
from botkit.model.events import Tick
from botkit.modules import Module
from botkit.routing.context import Context
from botkit.routing.router import Router
from botkit.services.schedule import Once
from botkit.storage.sqlite_jobs import SqliteJobs
from botkit.storage.sqlite_notices import SqliteNotices

STEPS = {
    "jobs.put": (SqliteJobs, "put"),
    "jobs.begin": (SqliteJobs, "begin"),
    "notices.add": (SqliteNotices, "add"),
    "notices.begin": (SqliteNotices, "begin"),
    "notices.settle": (SqliteNotices, "settle"),
    "jobs.end": (SqliteJobs, "end"),
}


class Settings(BaseModel):
    """Where the order stands, and where to speak."""

    order: Path
    room: str


router = Router("dying")
_orders: list[Path] = []


def die(step: str) -> None:
    """Die here, if this is the step; once."""
    for order in _orders:
        if order.exists() and order.read_text() == step:
            order.unlink()
            os.kill(os.getpid(), signal.SIGKILL)


def mortal(step: str, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """``call``, with a death before and behind it."""

    @functools.wraps(call)
    async def called(*args: Any, **options: Any) -> Any:
        die(f"{step} before")
        result = await call(*args, **options)
        die(f"{step} after")
        return result

    return called


for name, (kind, method) in STEPS.items():
    setattr(kind, method, mortal(name, getattr(kind, method)))


@router.job("say", in_room=True)
async def say(ctx: Context[Settings], tick: Tick) -> str:
    """What is to stand in the room once."""
    die("handler before")
    return "it is time"


@router.start
async def start(ctx: Context[Settings]) -> None:
    """Make the job: after a death the same again, for the same time."""
    _orders[:] = [ctx.config.order]
    at = await ctx.storage.get("at")
    if at is None:
        at = (ctx.now() + timedelta(milliseconds=500)).isoformat()
        await ctx.storage.put("at", at)
    when = Once.at(datetime.fromisoformat(str(at)))
    await ctx.jobs.add("say", when, name="it", rooms=[Address.parse(ctx.config.room)])


module = Module(name="dying", router=router, config=Settings)
