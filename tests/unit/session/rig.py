"""A stream without a network, with a real engine behind it."""

from __future__ import annotations

import asyncio
import logging
from xml.etree.ElementTree import Element

from botkit.model.address import Address
from botkit.session.engine import Engine
from botkit.session.inbound import Inbound
from botkit.session.outgoing import MESSAGE, RawStanza
from botkit.session.parser import StreamLimits
from botkit.session.requests import Requests
from botkit.session.stream import Stream

HEADER = (
    b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
    b"from='example.org' id='1' version='1.0'>"
)


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self.reading = True

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def can_write_eof(self) -> bool:
        return False

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Rig:
    """A stream on a transport that only keeps what is written, with a real engine behind it."""

    def __init__(self, limits: StreamLimits | None = None) -> None:
        self.stanzas: list[Element] = []
        self.engine = Engine(Address.parse("bot@example.org/r"), silence=60, patience=60)
        self.replies: list[Element] = []
        self.requests = Requests(
            send=self.replies.append, address=lambda: Address.parse("bot@example.org/r"), serve_timeout=1
        )
        self.inbound = Inbound(self.engine.queue, self.requests, self.stanzas.append)
        self._limits = limits or StreamLimits()
        self._connect()

    def _connect(self) -> None:
        self.transport = Transport()
        self.stream = Stream(
            domain="example.org", receiver=self.inbound, limits=self._limits, logger=logging.getLogger("test")
        )
        self.stream.connection_made(self.transport)

    def open(self) -> Rig:
        """As after login: the engine listens and XEP-0198 is on."""
        self.feed(HEADER)
        self.stream.trusted = True
        self.engine.queue.start(self.stream)
        queue = self.engine.queue
        queue._sm_enabled = True
        queue._sm_inbound_ctr = queue._sm_outbound_base = 0
        queue._sm_unacked_list = []
        queue._sm_resumable = True
        self.transport.written = b""
        return self

    def feed(self, data: bytes | str) -> None:
        self.stream.data_received(data.encode() if isinstance(data, str) else data)

    async def end(self) -> None:
        self.stream.connection_lost(None)
        await self.engine.detach(self.stream)
        self.engine.queue.discard()

    async def send(self, count: int) -> None:
        """Queue so many messages, ``out-0`` being the first, and wait until they are written."""
        for number in range(count):
            self.engine.queue._enqueue(RawStanza(Element(MESSAGE, {"id": f"out-{number}"})))
        while self.engine.queue.waiting:  # noqa: ASYNC110  the queue has no signal
            await asyncio.sleep(0)

    async def cut(self) -> None:
        """The connection is lost; the session can be resumed."""
        self.stream.connection_lost(ConnectionResetError("cut"))
        await self.engine.detach(self.stream)

    def reconnect(self) -> None:
        """A new connection up to where the server would say ``<resumed/>``."""
        self._connect()
        self.feed(HEADER)
        self.stream.trusted = True
        self.engine.queue._start_prepare(self.stream, self.engine.queue.recv_stanza)
