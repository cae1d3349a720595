"""The port itself: three pages, read only, and the webhooks; one request for each connection."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from aiohttp import web
from aiohttp.typedefs import Handler

from botkit.http.door import Door, HttpLimits
from botkit.http.exposition import Exposition
from botkit.http.hooks import GUESTS_FAULTS, HookPages
from botkit.http.pages import health, process_measures, readiness
from botkit.http.tls import Certificate
from botkit.model.measures import merged
from botkit.model.status import BotStatus
from botkit.ports import View

_log = logging.getLogger(__name__)
_AGAIN = 10.0  # seconds until a port that is taken is tried again
_RENEWED = 60.0  # seconds until it is looked whether the certificate's files have changed
_MUTED = logging.getLogger("botkit.http.guests")  # aiohttp logs a traceback for each guest who leaves or says nonsense
_MUTED.setLevel(logging.CRITICAL)
_Page = Callable[[BotStatus], tuple[int, dict[str, object]]]


class HttpServer:
    """Serves ``/healthz``, ``/readyz``, ``/metrics`` and ``/hooks/`` of ``view`` at ``host`` and ``port`` (0: any
    that is free); with a ``certificate`` over TLS."""

    def __init__(
        self,
        view: View,
        host: str,
        port: int,
        limits: HttpLimits | None = None,
        certificate: Certificate | None = None,
    ) -> None:
        self._view = view
        self._where = (host, port)
        self._limits = limits or HttpLimits()
        self._certificate = certificate
        self._exposition = Exposition()
        self._writing = asyncio.Lock()
        self.port: int | None = None  # as bound; None while it does not listen

    async def run(self) -> None:
        """Serve until cancelled. If nobody can listen there that is logged, and tried again: the bot's work goes on."""
        runner = web.AppRunner(
            self._app(), access_log=None, logger=_MUTED, keepalive_timeout=0, lingering_time=0, max_line_size=2048,
            max_field_size=4096, handle_signals=False, shutdown_timeout=1.0,
        )  # fmt: skip
        await runner.setup()
        try:
            assert runner.server is not None, "setup makes it"
            server = await self._listen(Door(runner.server, self._limits, self._view.largest_body))
            try:
                self.port = server.sockets[0].getsockname()[1]
                scheme = "http" if self._certificate is None else "https"
                _log.info("listening: %s://%s:%d/metrics, /healthz and /readyz", scheme, self._where[0], self.port)
                await self._stay()
            finally:
                self.port = None
                server.close()
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(2.0):
                    await runner.cleanup()

    async def _stay(self) -> None:
        while True:  # for as long as the bot runs
            await asyncio.sleep(_RENEWED)
            if self._certificate is not None:
                await asyncio.to_thread(self._certificate.renew)

    async def _listen(self, door: Door) -> asyncio.Server:
        host, port = self._where
        while True:
            try:
                context = await asyncio.to_thread(self._certificate.open) if self._certificate is not None else None
                handshake = self._limits.seconds if context is not None else None
                return await asyncio.get_running_loop().create_server(
                    door, host, port, backlog=64, ssl=context, ssl_handshake_timeout=handshake
                )
            except OSError as problem:
                _log.error("nobody can listen at %s:%d, will try again: %s", host, port, problem.strerror or problem)
            await asyncio.sleep(_AGAIN)

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=0, middlewares=[_guarded])
        app.router.add_get("/healthz", self._answering(health))
        app.router.add_get("/readyz", self._answering(readiness))
        app.router.add_get("/metrics", self._metrics)
        HookPages(self._view).add_to(app)
        return app

    def _answering(self, page: _Page) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(_request: web.Request) -> web.Response:
            status, body = page(self._view.status())
            text = json.dumps(body, ensure_ascii=False, indent=1)
            return _closing(web.Response(status=status, text=text, content_type="application/json"))

        return answer

    async def _metrics(self, request: web.Request) -> web.Response:
        async with self._writing:  # one at a time: who asks often must not take the bot's time
            # Read here, between two events; written elsewhere, as hundreds of rooms take some milliseconds.
            measures = (*process_measures(self._view.status()), *self._view.measures())
            accept = request.headers.get("Accept", "")
            body, content_type = await asyncio.to_thread(lambda: self._exposition.text(merged(measures), accept))
        return _closing(web.Response(body=body, headers={"Content-Type": content_type}))


@web.middleware
async def _guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The boundary: our own faults are logged; a guest's are answered, or he is gone."""
    try:
        return await handler(request)
    except (web.HTTPException, *GUESTS_FAULTS):
        raise
    except Exception as problem:
        _log.error("%s %s failed", request.method, request.path, exc_info=problem)
        return _closing(web.Response(status=500, text="an error of the bot's; its log says more\n"))


def _closing(response: web.Response) -> web.Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.force_close()
    return response
