"""What runs beside the bots of ``botkit run``: control sockets, ports for monitoring, the watch over the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from typing import Any

import structlog

from botkit.control.place import take
from botkit.control.server import serve
from botkit.errors import AlreadyRunning, ControlError
from botkit.http.server import HttpServer
from botkit.http.tls import Certificate
from botkit.loading import LoadedConfig
from botkit.observe.stall import StallWatch
from botkit.ports import View

Beside = Callable[[View], Coroutine[Any, Any, None]]


@asynccontextmanager
async def beside(loaded: Sequence[LoadedConfig]) -> AsyncIterator[tuple[Beside, ...]]:
    """What the configs want, each once; every one speaks for the whole process.

    Raises ``AlreadyRunning`` if another process has one of the sockets. One that cannot be made is only logged: the bot
    can do its work without.
    """
    found: list[Beside] = []
    with ExitStack() as held:
        for path in dict.fromkeys(one.config.control_path for one in loaded):
            try:
                place = held.enter_context(await asyncio.to_thread(take, path))
            except AlreadyRunning:
                raise
            except ControlError as problem:
                structlog.get_logger("botkit").error(f"{problem}; `botkit status` will find nobody")
            else:
                found.append(partial(serve, place))
        for http in {one.config.http.listen: one.config.http for one in loaded}.values():
            if http.listen is not None:
                certificate = Certificate(http.tls_cert, http.tls_key) if http.tls_cert is not None else None
                found.append(partial(_http, http.listen.host, http.listen.port, certificate))
        found.append(_stalls)
        yield tuple(found)


async def _stalls(_view: View) -> None:
    await StallWatch().run()


async def _http(host: str, port: int, certificate: Certificate | None, view: View) -> None:
    await HttpServer(view, host, port, certificate=certificate).run()
