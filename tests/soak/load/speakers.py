"""Many people on few accounts, as cheap as can be: bytes are written and searched, nothing is parsed."""

from __future__ import annotations

import asyncio
import base64
import re
import time
from dataclasses import dataclass, field
from typing import cast

from botkit.testing.prosody import Prosody

_STAMP = re.compile(rb"~(\d+)\.(\d+)\.(\d+)~")
_LONGEST_STAMP = 64
_PATIENCE = 60.0
_WORDS = "as people talk in rooms: a sentence, sometimes two, seldom more than that."


@dataclass(slots=True)
class Relayed:
    """What the speakers heard: stanzas by the room, and how long their own took to come back (milliseconds)."""

    stanzas: int = 0
    own: int = 0
    latencies: list[float] = field(default_factory=list)


class Speaker(asyncio.Protocol):
    """One account in many rooms. It says one thing after the other, with ``window`` of them on their way at most."""

    def __init__(self, number: int, rooms: list[str], relayed: Relayed) -> None:
        self.number, self.rooms, self.relayed = number, rooms, relayed
        self.said = 0
        self.came_back = 0
        self.doubled = 0
        self.window = 0
        self._pending: set[int] = set()
        self._transport: asyncio.Transport | None = None
        self._wanted: bytes | None = None
        self._found: asyncio.Future[None] | None = None
        self._buffer = b""

    async def log_in(self, server: Prosody, name: str, password: str) -> None:
        """Connect without TLS, and bind. Raises ``ConnectionError``, ``TimeoutError``."""
        await asyncio.get_running_loop().create_connection(lambda: self, server.host, server.port)
        header = (
            f"<?xml version='1.0'?><stream:stream to='{server.domain}' version='1.0' xmlns='jabber:client'"
            " xmlns:stream='http://etherx.jabber.org/streams'>"
        )
        secret = base64.b64encode(f"\0{name}\0{password}".encode()).decode()
        await self._ask(header, "</stream:features>")
        await self._ask(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>", "<success")
        await self._ask(header, "</stream:features>")
        await self._ask("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", "</iq>")

    async def enter(self) -> None:
        """Join every room; those that are not there are made."""
        join = "<presence to='{}/{}'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
        for room in self.rooms:
            await self._ask(join.format(room, f"p{self.number}"), "code='110'")

    def talk(self, window: int) -> None:
        """Begin; 0 ends it."""
        self.window = window
        while len(self._pending) < self.window:
            self._say()

    @property
    def waiting(self) -> int:
        """How many have not come back yet."""
        return len(self._pending)

    def close(self) -> None:
        """End the stream."""
        if self._transport is not None:
            self._transport.write(b"</stream:stream>")
            self._transport.close()

    def _say(self) -> None:
        self.said += 1
        self._pending.add(self.said)
        room = self.rooms[self.said % len(self.rooms)]
        stamp = f"~{self.number}.{self.said}.{time.time_ns()}~"
        assert self._transport is not None
        self._transport.write(
            f"<message type='groupchat' to='{room}' id='{self.number}-{self.said}'>"
            f"<body>{stamp} {_WORDS}</body></message>".encode()
        )

    async def _ask(self, text: str, wanted: str) -> None:
        self._found = asyncio.get_running_loop().create_future()
        self._wanted, self._buffer = wanted.encode(), b""
        assert self._transport is not None
        self._transport.write(text.encode())
        await asyncio.wait_for(self._found, _PATIENCE)
        self._wanted, self._buffer = None, b""

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._found is not None and not self._found.done():
            self._found.set_exception(exc or ConnectionError("the server ended the stream"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._wanted is not None:
            if self._found is not None and not self._found.done() and self._wanted in self._buffer:
                self._found.set_result(None)
            return
        end = 0
        for stamp in _STAMP.finditer(self._buffer):
            end = stamp.end()
            self.relayed.stanzas += 1
            if int(stamp[1]) == self.number:
                self._came_back(int(stamp[2]), int(stamp[3]))
        self._buffer = self._buffer[max(end, len(self._buffer) - _LONGEST_STAMP) :]

    def _came_back(self, number: int, sent: int) -> None:
        if number not in self._pending:
            self.doubled += 1
            return
        self._pending.discard(number)
        self.came_back += 1
        self.relayed.own += 1
        self.relayed.latencies.append((time.time_ns() - sent) / 1e6)
        if len(self._pending) < self.window:
            self._say()
