"""Who may come in, and for how long: aiohttp bounds neither how many connect nor how slowly they ask."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLimits:
    """``connections`` at the same time, each for ``seconds`` from its first moment to its last and with ``request``
    bytes of what it asks. Who exceeds one of them is cut off."""

    connections: int = 32
    seconds: float = 10.0
    request: int = 16 * 1024


class Door:
    """Makes protocols for a server: those of ``inner``, each with a guest's time and bytes counted.

    ``body``: how many bytes a guest may send beyond the limit, as that stands when he comes.
    """

    def __init__(
        self, inner: Callable[[], asyncio.Protocol], limits: HttpLimits, body: Callable[[], int] = lambda: 0
    ) -> None:
        self.inner = inner
        self.limits = limits
        self.body = body
        self.inside = 0

    def __call__(self) -> asyncio.Protocol:
        return _Guest(self)


class _Guest(asyncio.Protocol):
    """One connection. Whoever is refused never reaches the inner protocol."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._inner: asyncio.Protocol | None = None
        self._transport: asyncio.WriteTransport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._asked = 0
        self._most = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's are no subclasses of asyncio's
        limits = self._door.limits
        if self._door.inside >= limits.connections:
            self._cut_off()
            return
        self._door.inside += 1
        self._most = limits.request + self._door.body() * 2  # what comes in chunks is longer than it is
        self._inner = self._door.inner()
        self._timer = asyncio.get_running_loop().call_later(limits.seconds, self._cut_off)
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._inner is None:
            return
        self._asked += len(data)
        if self._asked > self._most:
            self._cut_off()
        else:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received() if self._inner is not None else None

    def pause_writing(self) -> None:
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._inner is not None:
            self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._inner is None:
            return
        self._door.inside -= 1
        if self._timer is not None:
            self._timer.cancel()
        self._inner.connection_lost(exc)

    def _cut_off(self) -> None:
        if self._transport is not None:
            self._transport.abort()
