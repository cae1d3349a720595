"""Who speaks in the benches: a writer of prepared bytes over TLS, so that the sending side is never the limit."""

from __future__ import annotations

import asyncio
import base64
import ssl
from pathlib import Path
from typing import Protocol, cast

_PATIENCE = 20.0
_HEADER = (
    "<?xml version='1.0'?><stream:stream to='{}' version='1.0' xmlns='jabber:client'"
    " xmlns:stream='http://etherx.jabber.org/streams'>"
)


class Server(Protocol):
    """Where to connect to (``Prosody``, ``receiver.Orders``)."""

    @property
    def host(self) -> str: ...

    @property
    def tls_port(self) -> int: ...

    @property
    def domain(self) -> str: ...

    @property
    def ca_file(self) -> Path | str: ...


class Talker(asyncio.Protocol):
    """One occupant who writes bytes and looks at what comes only while it logs in.

    ``recorded``: all that came, if it was made with ``record``.
    """

    def __init__(self, *, record: bool = False) -> None:
        self._transport: asyncio.Transport | None = None
        self._wanted: tuple[bytes, ...] = ()
        self._found: asyncio.Future[bytes] | None = None
        self._buffer = b""
        self._record = record
        self.recorded = bytearray()
        self._came = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()

    @staticmethod
    async def connect(server: Server, name: str, password: str, *, record: bool = False) -> Talker:
        """Log in as ``name`` over verified TLS. Raises ``ConnectionError``, ``TimeoutError``."""
        context = ssl.create_default_context(cafile=str(server.ca_file))
        _, talker = await asyncio.get_running_loop().create_connection(
            lambda: Talker(record=record), server.host, server.tls_port, ssl=context, server_hostname=server.domain
        )
        header = _HEADER.format(server.domain)
        secret = base64.b64encode(f"\0{name}\0{password}".encode()).decode()
        await talker.ask(header, "</stream:features>")
        await talker.ask(
            f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>", "<success", "<failure"
        )
        await talker.ask(header, "</stream:features>")
        bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
        await talker.ask(f"<iq type='set' id='bind'>{bind}</iq>", "</iq>")
        await talker.ask("<presence/>", "<presence")
        return talker

    async def join(self, room: str, nick: str, *, create: bool = False) -> None:
        """Enter ``room``; with ``create`` as its first occupant, and unlock it (XEP-0045 §10.1.2)."""
        await self.ask(
            f"<presence to='{room}/{nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>",
            "<status code='110'",
            '<status code="110"',
        )
        if create:
            form = "<x xmlns='jabber:x:data' type='submit'/>"
            query = f"<query xmlns='http://jabber.org/protocol/muc#owner'>{form}</query>"
            answer = await self.ask(f"<iq type='set' to='{room}' id='unlock'>{query}</iq>", "'unlock'", '"unlock"')
            if b"error" in answer:
                raise ConnectionError(f"the room cannot be unlocked: {answer!r}")

    async def ask(self, text: str, *wanted: str, seconds: float = _PATIENCE) -> bytes:
        """Send ``text`` and wait until one of ``wanted`` stands in what comes back; returns what came."""
        self._found = asyncio.get_running_loop().create_future()
        self._wanted = tuple(each.encode() for each in wanted)
        self._buffer = b""
        await self.say(text.encode())
        answer = await asyncio.wait_for(self._found, seconds)
        self._wanted = ()
        if b"<failure" in answer:
            raise ConnectionError(f"refused: {answer!r}")
        return answer

    async def say(self, data: bytes) -> None:
        """Write ``data``; waits while the socket takes no more."""
        await self._writable.wait()
        if self._transport is None or self._transport.is_closing():
            raise ConnectionError("the talker's connection is gone")
        self._transport.write(data)

    async def heard(self, what: bytes, times: int) -> None:
        """Wait until ``what`` stands so many times in ``recorded``. The deadline is the caller's."""
        while self.recorded.count(what) < times:
            self._came.clear()
            await self._came.wait()

    def close(self) -> None:
        """End the stream."""
        if self._transport is not None:
            self._transport.write(b"</stream:stream>")
            self._transport.close()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._writable.set()
        if self._found is not None and not self._found.done():
            self._found.set_exception(exc or ConnectionError("the server ended the stream"))

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        if self._record:
            self.recorded += data
            self._came.set()
        if not self._wanted:
            return
        self._buffer += data
        if self._found is not None and not self._found.done() and any(each in self._buffer for each in self._wanted):
            self._found.set_result(self._buffer)
