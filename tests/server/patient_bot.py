"""A bot for tests that wants every message, and waits until the test opens the gate; found here by both."""

from __future__ import annotations

from botkit.model.events import RoomMessage
from botkit.model.messages import Delivery
from botkit.modules import Module
from botkit.routing.context import Context
from botkit.routing.router import Router
from tests.server.lagging_bot import GATE

router = Router("patient")
HANDLED: list[tuple[str, Delivery]] = []


@router.message(catch_up=True)
async def chatter(message: RoomMessage, ctx: Context) -> None:
    """Slow, until the gate is open."""
    await GATE.opened.wait()
    HANDLED.append((message.body, ctx.delivery))


module = Module(name="patient", router=router)
