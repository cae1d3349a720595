"""aioxmpp's services on a stream of ours: what they would get from aioxmpp's own client comes from our connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from xml.etree.ElementTree import Element

import aioxmpp
from aioxmpp import stanza

from botkit.clock import SystemClock
from botkit.model.events import Event, StreamEstablished
from botkit.session.connection import Connection, ConnectionSettings
from botkit.session.engine import StanzaQueue

_EVENT = "{http://jabber.org/protocol/pubsub#event}event"
_PRESENCE = "{jabber:client}presence"
_MESSAGE = "{jabber:client}message"


class WholeQueue(StanzaQueue):
    """Dispatches presences as well: a bot takes them as elements, aioxmpp's services take them from here."""

    def _dispatch(self, obj: Any, exc: Exception | None) -> None:
        if exc is None and isinstance(obj, stanza.Presence):
            self._process_incoming_presence(obj)
        else:
            super()._dispatch(obj, exc)


class AioxmppConnection(Connection):
    """A connection whose messages, presences and requests all go to aioxmpp; what it says of itself is aioxmpp's."""

    def __init__(self, settings: ConnectionSettings) -> None:
        super().__init__(settings, on_stanza=self._replay, on_state=self._state, clock=SystemClock())
        self.client.stream.__class__ = WholeQueue
        self._requests._handlers.clear()  # what we serve ourselves: disco and ping
        self.up = asyncio.Event()
        self.sessions: list[StreamEstablished] = []

    def _replay(self, element: Element) -> None:
        stream = self._stream
        assert stream is not None
        if element.tag == _PRESENCE or (element.tag == _MESSAGE and element.find(_EVENT) is None):
            stream._replay_stanza(element)

    def _state(self, event: Event) -> None:
        if isinstance(event, StreamEstablished):
            self.sessions.append(event)
            self.up.set()

    def _established(self, resumed: bool) -> None:
        self._tell(StreamEstablished(at=self._clock.now(), address=self.address, resumed=resumed))


@asynccontextmanager
async def aioxmpp_client(
    settings: ConnectionSettings, *services: type, presence: bool = True, prepare: Any = None
) -> AsyncIterator[Any]:
    """aioxmpp's ``Client``, connected by us, with ``services`` summoned; it has the connection as ``.connection``."""
    connection = AioxmppConnection(settings)
    client = connection.client
    client.connection = connection
    for service in services:
        client.summon(service)
    server = client.summon(aioxmpp.PresenceServer)
    if prepare is not None:
        await prepare(client)
    if presence:
        server.set_presence(aioxmpp.PresenceState(True))
    task = asyncio.create_task(connection.run())
    try:
        up = asyncio.create_task(connection.up.wait())
        await asyncio.wait({task, up}, timeout=15, return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if task.done():
            task.result()
        yield client
    finally:
        await connection.close()
        await asyncio.gather(task, return_exceptions=True)
