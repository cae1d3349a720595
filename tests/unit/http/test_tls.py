"""HTTPS with the config's certificate, which others renew."""

from __future__ import annotations

import asyncio
import os
import ssl
from pathlib import Path

import pytest

from botkit.http.door import HttpLimits
from botkit.http.server import HttpServer
from botkit.http.tls import Certificate
from botkit.testing.certificates import Authority
from tests.unit.http.test_hooks import JSON, FakeHook, View


async def ask(port: int, ca: Path, names: list[str]) -> str:
    """Post over TLS; the answer's first line. ``names`` gets the names in the server's certificate."""
    context = ssl.create_default_context(cafile=str(ca))
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
    names[:] = [name for _, name in writer.get_extra_info("peercert")["subjectAltName"]]
    writer.write(f"POST /hooks/ci HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n{JSON}\r\n{{}}".encode())
    async with asyncio.timeout(5):
        said = await reader.read()
    writer.close()
    return said.decode().splitlines()[0]


async def test_a_hook_is_served_over_tls_and_a_renewed_certificate_is_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority.create()
    ca = authority.write(tmp_path / "ca.pem")
    files = tmp_path / "cert.pem", tmp_path / "key.pem"
    authority.issue(["localhost"], *files)
    certificate = Certificate(*files)
    server = HttpServer(View(FakeHook()), "127.0.0.1", 0, HttpLimits(seconds=5), certificate)
    task = asyncio.create_task(server.run())
    names: list[str] = []
    try:
        async with asyncio.timeout(5):
            while server.port is None:  # noqa: ASYNC110 - it has no event for it
                await asyncio.sleep(0.005)
        assert await ask(server.port, ca, names) == "HTTP/1.1 202 Accepted"
        assert names == ["localhost"]

        authority.issue(["localhost", "new.example"], *files)
        os.utime(files[0], (1, 1))
        certificate.renew()
        assert await ask(server.port, ca, names) == "HTTP/1.1 202 Accepted"
        assert names == ["localhost", "new.example"]

        files[0].write_text("not a certificate")
        certificate.renew()
        assert "cannot be used as it is now" in caplog.text
        assert await ask(server.port, ca, names) == "HTTP/1.1 202 Accepted"

        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"POST /hooks/ci HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        async with asyncio.timeout(5):
            assert b"HTTP/1.1 2" not in await reader.read()
        writer.close()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_certificate_that_is_not_there_is_told_and_the_bot_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    certificate = Certificate(tmp_path / "none.pem")
    task = asyncio.create_task(HttpServer(View(FakeHook()), "127.0.0.1", 0, None, certificate).run())
    async with asyncio.timeout(5):
        while "nobody can listen at" not in caplog.text:  # noqa: ASYNC110 - a log has no event
            await asyncio.sleep(0.005)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
