"""The bot of the benches: it counts what it hears."""

from __future__ import annotations

from benchmarks.child import COUNTER
from botkit.model.events import RoomMessage
from botkit.modules import Module
from botkit.routing.router import Router

router = Router("counting")


@router.message
async def count(message: RoomMessage) -> None:
    """Look at who and what, as any bot does."""
    if message.author.nick:
        COUNTER.seen(message.body)


module = Module(name="counting", router=router)
