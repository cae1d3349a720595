"""A man in the middle between a client and a real server: it holds a certificate that the client trusts.

So what passes can be seen as it is, counted as XEP-0198 counts it, cut off at any place, changed, and added to.
"""

from __future__ import annotations

import asyncio
import contextlib
import pyexpat
import re
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from botkit.testing.certificates import Authority
from tests.server.clients import Server

Way = Literal["down", "up"]
"""``down`` is from the server to the client."""

SM: Final = "{urn:xmpp:sm:3}"
_STANZAS: Final = frozenset({"{jabber:client}message", "{jabber:client}presence", "{jabber:client}iq"})
PATIENCE: Final = 10.0
_SUCCESS: Final = "{urn:ietf:params:xml:ns:xmpp-sasl}success"
_AROUND: Final = b"<s xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>%s</s>"


class Splitter:
    """Cuts a stream into its header and its whole first-level elements; nothing of ours is used for it."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """A new stream begins on the same connection."""
        self._held, self._depth, self._moved = b"", 0, False
        self._expat = pyexpat.ParserCreate()
        if hasattr(self._expat, "SetReparseDeferralEnabled"):
            self._expat.SetReparseDeferralEnabled(False)
        self._expat.StartElementHandler = lambda *_: self._move(+1)
        self._expat.EndElementHandler = lambda *_: self._move(-1)

    def _move(self, by: int) -> None:
        self._depth += by
        self._moved = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Each piece once it is whole; white space counts to the piece behind it."""
        for part in re.findall(rb"[^>]*>|[^>]+", data):
            self._held += part
            self._moved = False
            self._expat.Parse(part, False)
            if self._moved and self._depth <= 1:
                whole, self._held = self._held, b""
                yield whole


@dataclass(frozen=True, slots=True)
class Cut:
    """Where to cut: after ``pieces`` more pieces that went ``way``, ``offset`` bytes (or all but one) into the next."""

    way: Way
    pieces: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client said from then on until it closed the connection, and how many bytes it was sent."""

    text: bytes
    sent: int


@dataclass(frozen=True, slots=True)
class Count:
    """A number that one side told of what it handled, and what passed us by then."""

    side: Literal["client", "server"]
    nonza: str
    told: int
    passed: int


@dataclass(eq=False, slots=True)
class _Flow:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    splitters: dict[Way, Splitter] = field(default_factory=lambda: {"down": Splitter(), "up": Splitter()})
    cut: bool = False
    heard: bytearray = field(default_factory=bytearray)
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Middle:
    """Relays direct TLS to the server's ``tls_port``. Use as an async context manager.

    ``passed`` counts whole stanzas since XEP-0198 was enabled. ``counts`` holds each ``<a/>``, ``<resume/>`` and
    ``<resumed/>``. ``change`` may rewrite a piece. After a cut the server sees a network that went silent.
    """

    host = "127.0.0.1"

    def __init__(self, server: Server, folder: Path) -> None:
        self._server = server
        self.domain = server.domain
        authority = Authority.create("a man in the middle")
        self.ca_file = authority.write(folder / "middle-ca.crt")
        authority.issue([server.domain, self.host], folder / "middle.crt", folder / "middle.key")
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(folder / "middle.crt", folder / "middle.key")
        self._listener: asyncio.Server | None = None
        self._flows: set[_Flow] = set()
        self.passed: dict[Way, int] = {"down": 0, "up": 0}
        self.counts: list[Count] = []
        self.cut_at: Cut | None = None
        self.cuts = 0
        self.pieces: list[tuple[Way, bytes]] = []
        self.change: Callable[[Way, bytes], bytes] = lambda _, piece: piece
        self.logins = 0
        self.instead: bytes | None = None  # what the next connection gets from us, in the server's stead
        self.answers: list[Answer] = []  # to ``instead``

    @property
    def tls_port(self) -> int:
        """Where to connect to."""
        assert self._listener is not None
        number: int = self._listener.sockets[0].getsockname()[1]
        return number

    port = tls_port

    async def __aenter__(self) -> Middle:
        self._listener = await asyncio.start_server(self._serve, self.host, 0, ssl=self._context)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._listener is not None
        self._listener.close()
        for flow in self._flows:
            flow.writer.transport.abort()
            if flow.upstream is not None:
                flow.upstream[1].transport.abort()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._listener.wait_closed(), 5)

    # --- relaying -------------------------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.logins += 1
        if self.instead is not None:
            instead, self.instead = self.instead, None
            await self._instead(_Flow(reader, writer), instead)
            return
        context = ssl.create_default_context(cafile=str(self._server.ca_file))
        context.set_alpn_protocols(["xmpp-client"])
        upstream = await asyncio.open_connection(
            self._server.host, self._server.tls_port, ssl=context, server_hostname=self.domain
        )
        flow = _Flow(reader, writer, upstream)
        self._flows.add(flow)
        try:
            await asyncio.gather(self._pump(flow, "down"), self._pump(flow, "up"))
        finally:
            self._flows.discard(flow)
            flow.writer.close()
            upstream[1].close()

    async def _pump(self, flow: _Flow, way: Way) -> None:
        assert flow.upstream is not None
        server_reader, server_writer = flow.upstream
        source, sink = (server_reader, flow.writer) if way == "down" else (flow.reader, server_writer)
        with contextlib.suppress(OSError):
            while data := await source.read(1 << 16):
                if flow.cut:  # what is said into a dead line
                    flow.heard += data if way == "up" else b""
                    continue
                for piece in flow.splitters[way].feed(data):
                    if not self._pass(flow, way, piece, sink):
                        break
                if not flow.cut:
                    await sink.drain()
        if way == "up":
            flow.ended.set()
        if not flow.cut:
            sink.close()

    def _pass(self, flow: _Flow, way: Way, piece: bytes, sink: asyncio.StreamWriter) -> bool:
        at = self.cut_at
        if at is not None and at.way == way:
            if at.pieces <= 0:
                sink.write(piece[: min(at.offset, len(piece) - 1)])
                self._cut(flow)
                return False
            self.cut_at = Cut(way, at.pieces - 1, at.offset)
        piece = self.change(way, piece)
        self.pieces.append((way, piece))
        self._look_at(flow, way, piece)
        sink.write(piece)
        return True

    def _cut(self, flow: _Flow) -> None:
        # No reset: it might throw away what is under way, and the counts here would be wrong.
        flow.cut, self.cut_at = True, None
        self.cuts += 1
        flow.writer.close()

    def cut(self) -> None:
        """Cut every connection now."""
        for flow in self._flows:
            if not flow.cut:
                self._cut(flow)

    def _look_at(self, flow: _Flow, way: Way, piece: bytes) -> None:
        try:
            element: Element = ElementTree.fromstring(_AROUND % piece)[0]
        except (ElementTree.ParseError, IndexError):
            return  # the stream's header or footer
        side: Literal["client", "server"] = "server" if way == "down" else "client"
        other: Way = "up" if way == "down" else "down"
        if element.tag in _STANZAS:
            self.passed[way] += 1
        elif element.tag == _SUCCESS:
            for splitter in flow.splitters.values():
                splitter.reset()
        elif element.tag == f"{SM}enable":
            self.passed["up"] = 0
        elif element.tag == f"{SM}enabled":
            self.passed["down"] = 0
        elif element.tag in (f"{SM}a", f"{SM}resume", f"{SM}resumed"):
            name = element.tag.removeprefix(SM)
            self.counts.append(Count(side, name, int(element.attrib["h"]), self.passed[other]))

    # --- adding ---------------------------------------------------------------------------------------------------

    async def add(self, data: bytes, *, more: bytes = b"", most: int = 0) -> Answer:
        """Put ``data`` into the client's stream, then ``more`` until ``most`` bytes or its end.

        The server hears nothing of it any more, and its line goes dead. Waits until the client closed the connection.
        """
        (flow,) = [each for each in self._flows if not each.cut]
        flow.cut = True
        flow.heard.clear()
        return await _say(flow, data, more, most)

    def put(self, data: bytes) -> None:
        """Put ``data`` into the client's stream; all else goes on."""
        (flow,) = [each for each in self._flows if not each.cut]
        flow.writer.write(data)

    async def _instead(self, flow: _Flow, data: bytes) -> None:
        task = asyncio.create_task(_say(flow, data))
        with contextlib.suppress(OSError):
            while heard := await flow.reader.read(1 << 16):
                flow.heard += heard
        flow.ended.set()
        self.answers.append(await task)


async def _say(flow: _Flow, data: bytes, more: bytes = b"", most: int = 0) -> Answer:
    written = len(data)
    with contextlib.suppress(OSError):
        flow.writer.write(data)
        while written < most and not flow.ended.is_set():
            flow.writer.write(more)
            written += len(more)
            await flow.writer.drain()
    await asyncio.wait_for(flow.ended.wait(), PATIENCE)
    flow.writer.close()
    return Answer(bytes(flow.heard), written)
