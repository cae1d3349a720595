"""A faulty network between a bot and its server, on TCP: TLS runs through it untouched, so nothing in it is trusted."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass, field

_MOST_WAITING = 256
"""Pieces that are held back by ``delay`` or ``drip``; past it we stop reading, as a full network does."""


@dataclass(eq=False, slots=True)
class _Flow:
    writers: tuple[asyncio.StreamWriter, asyncio.StreamWriter]
    swallowed: bool = False


@dataclass(slots=True)
class Passed:
    """Bytes that went through, and connections that were made and cut."""

    down: int = 0
    up: int = 0
    connections: int = 0
    cuts: int = 0
    swallowed: int = 0


class Proxy:
    """Relays to ``host:port`` from a port of its own. Use as an async context manager.

    ``delay``: seconds that each piece is held back, each way; order is kept. ``drip``: bytes a second to the client, 0
    for no limit. ``swallow``: connections stay open and nothing passes, either way. ``refuse``: new ones are reset.
    """

    host = "127.0.0.1"

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener: asyncio.Server | None = None
        self._flows: set[_Flow] = set()
        self._left: int | None = None
        self.delay = 0.0
        self.drip = 0
        self.swallow = False
        self.refuse = False
        self.passed = Passed()

    @property
    def port(self) -> int:
        """Where to connect to."""
        assert self._listener is not None
        number: int = self._listener.sockets[0].getsockname()[1]
        return number

    async def __aenter__(self) -> Proxy:
        self._listener = await asyncio.start_server(self._relay, self.host, 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._listener is not None
        self._listener.close()
        self.cut()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._listener.wait_closed(), 5)

    def cut(self) -> None:
        """Reset every connection, both ways."""
        self._left = None
        for flow in self._flows:
            self._reset(flow)

    def cut_after(self, count: int) -> None:
        """Cut once ``count`` more bytes went to the client: in the middle of whatever that is."""
        self._left = count

    @property
    def cut_is_due(self) -> bool:
        """True until the cut that ``cut_after`` asked for has been."""
        return self._left is not None

    def heal(self) -> None:
        """All is well again. A connection that lost bytes meanwhile is reset, as by a router that forgot it."""
        self.delay, self.drip, self.swallow, self.refuse, self._left = 0.0, 0, False, False, None
        for flow in self._flows:
            if flow.swallowed:
                self._reset(flow)

    def _reset(self, flow: _Flow) -> None:
        self.passed.cuts += 1
        for writer in flow.writers:
            connection: socket.socket = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                # Linger of zero: the other side gets RST, as after a reboot.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuse:
            writer.transport.abort()
            return
        try:
            server_reader, server_writer = await asyncio.open_connection(*self._target)
        except OSError:  # the server is down: so is what stands in front of it
            writer.transport.abort()
            return
        self.passed.connections += 1
        flow = _Flow((writer, server_writer))
        self._flows.add(flow)
        try:
            await asyncio.gather(
                self._pump(flow, reader, server_writer, to_client=False),
                self._pump(flow, server_reader, writer, to_client=True),
            )
        finally:
            self._flows.discard(flow)
            for each in flow.writers:
                each.close()

    async def _pump(
        self, flow: _Flow, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, to_client: bool
    ) -> None:
        held: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_MOST_WAITING)
        loop = asyncio.get_running_loop()
        out = asyncio.create_task(self._write(flow, held, writer, to_client=to_client))
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                if self.swallow:
                    flow.swallowed = True
                    self.passed.swallowed += len(data)
                    continue
                await held.put((loop.time() + self.delay, data))
        if flow.swallowed:  # the end of it is swallowed as well; ``heal`` ends both sides
            while self.swallow:
                await asyncio.sleep(0.05)
        await held.put((0.0, b""))
        await out
        with contextlib.suppress(OSError):
            writer.close()

    async def _write(
        self,
        flow: _Flow,
        held: asyncio.Queue[tuple[float, bytes]],
        writer: asyncio.StreamWriter,
        *,
        to_client: bool,
    ) -> None:
        loop = asyncio.get_running_loop()
        dead = False
        while True:
            due, data = await held.get()  # no deadline: for as long as the connection lives
            if not data:
                return
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            if dead:
                continue
            try:
                await self._pass(flow, data, writer, to_client=to_client)
            except OSError:
                dead = True  # what comes is thrown away, so that whoever reads is never stuck

    async def _pass(self, flow: _Flow, data: bytes, writer: asyncio.StreamWriter, *, to_client: bool) -> None:
        if self.swallow:
            flow.swallowed = True
            self.passed.swallowed += len(data)
            return
        if not to_client:
            self.passed.up += len(data)
            writer.write(data)
            await writer.drain()
            return
        rest = b""
        if self._left is not None:
            data, rest = data[: self._left], data[self._left :]
            self._left -= len(data)
        for piece in self._pieces(data):
            writer.write(piece)
            await writer.drain()
            if self.drip:
                await asyncio.sleep(len(piece) / self.drip)
        self.passed.down += len(data)
        if rest or self._left == 0:
            # Let the first half arrive before the reset, which throws away what is under way.
            await asyncio.sleep(0.02)
            self.cut()

    def _pieces(self, data: bytes) -> list[bytes]:
        if not self.drip:
            return [data]
        size = max(1, self.drip // 50)
        return [data[at : at + size] for at in range(0, len(data), size)]


@dataclass(frozen=True, slots=True)
class Behind:
    """A server as it is seen through a proxy: what a config needs to know."""

    proxy: Proxy
    domain: str
    ca_file: object
    host: str = field(default=Proxy.host)

    @property
    def port(self) -> int:
        return self.proxy.port
