"""Putting a file where we were told to, at servers that are what servers may be."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from botkit.errors import UploadFailed
from botkit.http.put import put_file
from botkit.model.files import Sending, Slot
from botkit.testing.certificates import Authority

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def sending(*parts: bytes) -> Sending:
    return Sending(sum(map(len, parts)), "image/png", chunks(*parts))


@asynccontextmanager
async def https(folder: Path, answer: Answer, name: str = "localhost") -> AsyncIterator[tuple[str, Path]]:
    authority = Authority.create()
    authority.issue([name], folder / "crt", folder / "key")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "crt", folder / "key")
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    try:
        yield f"https://localhost:{port}", authority.write(folder / "ca")
    finally:
        await runner.cleanup()


async def test_the_file_goes_with_its_length_its_type_and_the_headers_of_the_slot(tmp_path: Path) -> None:
    got: list[tuple[str, bytes, list[tuple[str, str]]]] = []

    async def take(request: web.Request) -> web.Response:
        headers = [(key.decode().lower(), value.decode()) for key, value in request.raw_headers]
        got.append((request.method, await request.read(), headers))
        return web.Response(status=201)

    async with https(tmp_path, take) as (url, ca):
        slot = Slot(
            f"{url}/a%20b", f"{url}/a", (("Cookie", "one=1"), ("Authorization", "Bearer x"), ("cookie", "two=2"))
        )
        await put_file(slot, sending(b"pic", b"ture"), ca_file=ca)
    [(method, content, headers)] = got
    assert (method, content) == ("PUT", b"picture")
    named = [(key, value) for key, value in headers if key not in ("host", "connection", "accept", "accept-encoding")]
    assert sorted(named) == sorted(
        [
            ("cookie", "one=1"), ("authorization", "Bearer x"), ("cookie", "two=2"), ("content-type", "image/png"),
            ("content-length", "7"),
        ]
    )  # fmt: skip
    assert [value for key, value in headers if key == "cookie"] == ["one=1", "two=2"]


@pytest.mark.parametrize(
    ("status", "again"), [(403, False), (404, False), (413, False), (500, True), (503, True), (302, False)]
)
async def test_any_other_answer_is_a_failure(tmp_path: Path, status: int, again: bool) -> None:
    asked: list[str] = []

    async def refuse(request: web.Request) -> web.Response:
        asked.append(request.path)
        await request.read()
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    async with https(tmp_path, refuse) as (url, ca):
        with pytest.raises(UploadFailed, match=str(status)) as told:
            await put_file(Slot(f"{url}/here", f"{url}/here"), sending(b"x"), ca_file=ca)
    assert told.value.retryable == again
    assert asked == ["/here"], "redirects are not followed"


async def test_a_certificate_that_is_not_trusted_or_another_s_ends_it(tmp_path: Path) -> None:
    async def take(_request: web.Request) -> web.Response:
        raise AssertionError("nothing may come here")

    async with https(tmp_path, take) as (url, _):
        with pytest.raises(UploadFailed, match="certificate of localhost") as told:
            await put_file(Slot(f"{url}/a", f"{url}/a"), sending(b"x"), ca_file=None)
        assert not told.value.retryable
    async with https(tmp_path, take, "other.example") as (url, ca):
        with pytest.raises(UploadFailed, match="certificate of localhost"):
            await put_file(Slot(f"{url}/a", f"{url}/a"), sending(b"x"), ca_file=ca)


async def test_a_server_that_hangs_up_or_is_not_there_may_be_tried_again(tmp_path: Path) -> None:
    async def hang_up(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with https(tmp_path, hang_up) as (url, ca):
        with pytest.raises(UploadFailed) as told:
            await put_file(Slot(f"{url}/a", f"{url}/a"), sending(b"x"), ca_file=ca)
        assert told.value.retryable
    with pytest.raises(UploadFailed) as told:
        await put_file(Slot(f"{url}/a", f"{url}/a"), sending(b"x"), ca_file=ca)
    assert told.value.retryable
