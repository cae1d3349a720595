"""A bot for tests whose handler waits until the test opens the gate; it is loaded by name, and found here by both."""

from __future__ import annotations

import asyncio

from botkit.model.events import RoomMessage
from botkit.modules import Module
from botkit.routing.router import Router

router = Router("lagging")


class Gate:
    """``handled``: the bodies that were handled, in order. ``seconds``: what each takes once the gate is open."""

    def __init__(self) -> None:
        self.handled: list[str] = []
        self.seconds = 0.0
        self.opened = asyncio.Event()

    def reset(self) -> None:
        """Closed, and nothing handled: for the next test, whose loop is another."""
        self.__init__()  # type: ignore[misc]


GATE = Gate()


@router.message
async def chatter(message: RoomMessage) -> None:
    """Slow, as handlers are that ask the web or a database."""
    await GATE.opened.wait()
    if GATE.seconds:
        await asyncio.sleep(GATE.seconds)
    GATE.handled.append(message.body)


module = Module(name="lagging", router=router)
