"""A bot for tests that writes down, on the disk, what it does, and kills itself at the step that it is told.

``ledger`` gets a JSON array for each thing that was done. A file beside it, ``ledger`` + ``.die``, names the step.
"""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

from pydantic import BaseModel

from botkit.model.events import Event, RoomMessage
from botkit.modules import Module
from botkit.routing.context import Context, Next, Reply
from botkit.routing.filters import predicate
from botkit.routing.router import Router


class Settings(BaseModel):
    """Where to write."""

    ledger: Path


router = Router("dying")


def step(ctx: Context[Settings], name: str) -> None:
    """Die here, if this is the step; once."""
    order = Path(f"{ctx.config.ledger}.die")
    if order.exists() and order.read_text() == name:
        order.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


def enter(ctx: Context[Settings], *what: str) -> None:
    """Write down that this was done; on the disk when it returns."""
    with ctx.config.ledger.open("a") as ledger:
        ledger.write(json.dumps(what) + "\n")
        ledger.flush()
        os.fsync(ledger.fileno())


@predicate
def chosen(event: Event, ctx: Context[Settings]) -> bool:
    """Always true: before a command is claimed."""
    step(ctx, "command chosen")
    return True


@router.middleware
async def ring(call: Next, event: Event, ctx: Context[Settings]) -> Reply:
    """After it is claimed."""
    if ctx.command is not None:
        step(ctx, "command claimed")
    return await call(event, ctx)


@router.command("mark", filters=(chosen,))
async def mark(ctx: Context[Settings], word: str) -> None:
    """Write a word down."""
    step(ctx, "command begun")
    enter(ctx, "command", word)
    step(ctx, "command done")
    await ctx.reply(f"marked {word}")
    step(ctx, "command answered")


@router.command("press")
async def press(ctx: Context[Settings]) -> str:
    """Without parameters: as an ad-hoc command it runs with the first request."""
    enter(ctx, "command", "pressed")
    step(ctx, "command done")
    return "pressed"


@router.message(catch_up=True)
async def message(ctx: Context[Settings], message: RoomMessage) -> None:
    """Write every message down."""
    if message.body == "die now":
        step(ctx, "message begun")
    enter(ctx, "message", str(message.archive_id), ctx.delivery.value)
    if message.body == "die now":
        step(ctx, "message done")


module = Module(name="dying", router=router, config=Settings)
