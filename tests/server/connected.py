"""A connection as it is, running against a real server, and all that comes out of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from botkit.clock import SystemClock
from botkit.model.address import Address
from botkit.model.events import Event, StreamEstablished, StreamLost
from botkit.session.connection import Connection, ConnectionSettings
from tests.server.clients import Server
from tests.server.middle import Middle

MESSAGE = "{jabber:client}message"
BODY = "{jabber:client}body"


class Bot:
    """A running connection and all that came out of it."""

    def __init__(self, settings: ConnectionSettings) -> None:
        self.stanzas: list[Element] = []
        self.events: list[Event] = []
        self._changed = asyncio.Event()
        self.connection = Connection(settings, on_stanza=self.take, on_state=self.tell, clock=SystemClock())
        self.task: asyncio.Task[None] | None = None

    def take(self, element: Element) -> None:
        self.stanzas.append(element)
        self._changed.set()

    def tell(self, event: Event) -> None:
        self.events.append(event)
        self._changed.set()

    async def until(self, condition: Callable[[], Any], seconds: float = 15.0) -> Any:
        try:
            async with asyncio.timeout(seconds):
                while not (found := condition()):
                    self._changed.clear()
                    try:
                        await asyncio.wait_for(self._changed.wait(), 0.05)
                    except TimeoutError:
                        pass
                return found
        except TimeoutError:
            raise AssertionError(f"in vain; events: {self.events[-6:]}; counters: {self.connection.counters}") from None

    async def until_new_session_or(self, sessions: int, body: str | None = None) -> None:
        """Until there were more than ``sessions`` sessions or ``body`` was the last thing said."""
        await self.until(lambda: len(self.established) > sessions or (body and self.bodies[-1:] == [body]))

    @property
    def jid(self) -> str:
        return str(self.connection.address)

    @property
    def established(self) -> list[StreamEstablished]:
        return [event for event in self.events if isinstance(event, StreamEstablished)]

    @property
    def lost(self) -> list[StreamLost]:
        return [event for event in self.events if isinstance(event, StreamLost)]

    @property
    def bodies(self) -> list[str]:
        return [element.findtext(BODY, "") for element in self.stanzas if element.find(BODY) is not None]

    async def say(self, to: str, text: str, **kind: Any) -> None:
        element = Element(MESSAGE, {"to": to, "type": "chat"})
        SubElement(element, BODY).text = text
        await self.connection.send(element, **kind)


def settings_for(server: Server, name: str, **changes: Any) -> ConnectionSettings:
    made = ConnectionSettings(
        address=Address.parse(f"{name}@{server.domain}"),
        password=lambda: "secret",
        host=server.host,
        port=server.port,
        ca_file=server.ca_file,
        backoff_first=0.05,
        backoff_cap=0.2,
        connect_timeout=10,
        request_timeout=10,
    )
    return replace(made, **changes)


@asynccontextmanager
async def running(settings: ConnectionSettings) -> AsyncIterator[Bot]:
    """A bot that is connected when the block begins and closed when it ends."""
    bot = Bot(settings)
    bot.task = asyncio.create_task(bot.connection.run())
    try:
        await bot.until(lambda: bot.established or bot.task.done())
        if bot.task.done():
            bot.task.result()
        yield bot
    finally:
        await bot.connection.close()
        await asyncio.gather(bot.task, return_exceptions=True)


def settings_behind(middle: Middle, server: Any, name: str, *, backoff_cap: float) -> ConnectionSettings:
    """As ``settings_for``, by way of ``middle``, and soon back after a loss."""
    return settings_for(
        server,
        name,
        port=middle.tls_port,
        ca_file=middle.ca_file,
        tls="direct",
        backoff_first=0.02,
        backoff_cap=backoff_cap,
    )
