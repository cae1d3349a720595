"""The faulty network of the soak does what it says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.soak.proxy import Proxy

_SECONDS = 5


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1024):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with Proxy("127.0.0.1", server.sockets[0].getsockname()[1]) as proxy:
        yield proxy
    server.close()


class Line:
    """A connection through the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @staticmethod
    async def through(proxy: Proxy) -> Line:
        return Line(*await asyncio.open_connection(proxy.host, proxy.port))

    async def said(self, text: bytes) -> bytes:
        """What comes back."""
        self.writer.write(text)
        return await asyncio.wait_for(self.reader.readexactly(len(text)), _SECONDS)

    async def is_reset(self) -> bool:
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(self.reader.read(1024), _SECONDS)
        self.writer.close()
        return True


async def test_all_passes_while_nothing_is_wrong(proxy: Proxy) -> None:
    line = await Line.through(proxy)
    assert await line.said(b"hello") == b"hello"
    line.writer.close()


async def test_cut_is_a_reset(proxy: Proxy) -> None:
    line = await Line.through(proxy)
    await line.said(b"hello")
    proxy.cut()
    assert await line.is_reset()
    assert proxy.passed.cuts == 1


async def test_cut_after_lets_so_many_bytes_through(proxy: Proxy) -> None:
    line = await Line.through(proxy)
    await line.said(b"hello")
    proxy.cut_after(3)
    line.writer.write(b"world")
    assert await asyncio.wait_for(line.reader.readexactly(3), _SECONDS) == b"wor"
    assert await line.is_reset()
    assert not proxy.cut_is_due


async def test_half_open_line_says_nothing_and_is_reset_when_it_heals(proxy: Proxy) -> None:
    line = await Line.through(proxy)
    await line.said(b"hello")
    proxy.swallow = True
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await line.said(b"is anybody there?")
    proxy.heal()
    assert await line.is_reset()
    assert proxy.passed.swallowed == 17
    other = await Line.through(proxy)
    assert await other.said(b"hello") == b"hello"
    other.writer.close()


async def test_delay_holds_back_and_keeps_the_order(proxy: Proxy) -> None:
    line, loop = await Line.through(proxy), asyncio.get_running_loop()
    proxy.delay = 0.1
    begin = loop.time()
    assert await line.said(b"abcdef") == b"abcdef"
    assert 0.2 <= loop.time() - begin < 2
    line.writer.close()


async def test_drip_is_no_faster_than_it_says(proxy: Proxy) -> None:
    line, loop = await Line.through(proxy), asyncio.get_running_loop()
    proxy.drip = 1_000
    begin = loop.time()
    await line.said(b"x" * 300)
    assert loop.time() - begin >= 0.2
    line.writer.close()


async def test_refused_connection_is_ended_at_once(proxy: Proxy) -> None:
    proxy.refuse = True
    reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
    try:
        assert await asyncio.wait_for(reader.read(1), _SECONDS) == b""
    except ConnectionResetError:
        pass
    writer.close()
