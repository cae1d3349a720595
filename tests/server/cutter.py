"""A TCP relay in front of a server, which can be cut: what a lost network does to a connection."""

from __future__ import annotations

import asyncio
import contextlib
import socket


class Cutter:
    """Relays to ``host:port`` from a port of its own. Use as an async context manager.

    ``cut()`` resets all connections. ``cut_after(n)`` does so once ``n`` more bytes went to the client.
    """

    host = "127.0.0.1"

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._left: int | None = None
        self._door = 0
        self.cuts = 0

    @property
    def port(self) -> int:
        """Where to connect to."""
        assert self._listener is not None
        number: int = self._listener.sockets[0].getsockname()[1]
        return number

    async def __aenter__(self) -> Cutter:
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
        self.cuts += 1
        for writer in self._writers:
            connection: socket.socket = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                # Linger of zero: the other side gets RST, as after a reboot.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            writer.transport.abort()

    def close_door(self) -> None:
        """Reset every connection, and refuse new ones until ``open_door``."""
        assert self._listener is not None
        self._door = self.port
        self._listener.close()
        self.cut()

    async def open_door(self) -> None:
        """Listen again where we did."""
        self._listener = await asyncio.start_server(self._relay, self.host, self._door)

    def cut_after(self, count: int) -> None:
        """Cut once ``count`` more bytes went from the server to the client."""
        self._left = count

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(*self._target)
        pair = {writer, server_writer}
        self._writers |= pair
        try:
            await asyncio.gather(
                self._pump(reader, server_writer, to_client=False), self._pump(server_reader, writer, to_client=True)
            )
        finally:
            self._writers -= pair
            for each in pair:
                each.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, to_client: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                if to_client and self._left is not None:
                    data, rest = data[: self._left], data[self._left :]
                    self._left -= len(data)
                    writer.write(data)
                    if rest or self._left <= 0:
                        await writer.drain()
                        self.cut()
                        return
                else:
                    writer.write(data)
                await writer.drain()
        writer.close()
