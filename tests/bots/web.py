"""A web server of our own for what bots read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class Site:
    """``answer`` is what it says next; ``asked`` has the headers of each request."""

    url: str = ""
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)


@asynccontextmanager
async def running_site() -> AsyncIterator[Site]:
    """On a port of its own; /moved redirects to /, /loop to itself."""
    site = Site()

    async def root(request: web.Request) -> web.StreamResponse:
        site.asked.append(dict(request.headers))
        if site.status == 200 and site.headers.get("ETag") == request.headers.get("If-None-Match", "-"):
            return web.Response(status=304)
        return web.Response(status=site.status, body=site.body, headers=site.headers)

    async def moved(request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("/" if request.path == "/moved" else "/loop")

    app = web.Application()
    app.add_routes([web.get("/", root), web.get("/moved", moved), web.get("/loop", moved)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    listener = web.TCPSite(runner, "127.0.0.1", 0)
    await listener.start()
    site.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        yield site
    finally:
        await runner.cleanup()
