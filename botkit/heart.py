"""The heartbeat: writes the health file while a bot runs, and at each change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from botkit import health
from botkit.errors import StoreError
from botkit.routing.context import Logger


class Heart:
    """Writes to ``path`` by ``write`` (it raises ``StoreError``); None: nowhere."""

    def __init__(self, path: Path | None, write: Callable[[Path], None], log: Logger) -> None:
        self._path = path
        self._write = write
        self._log = log
        self._now = asyncio.Event()

    def beat(self) -> None:
        """Something changed: write it soon."""
        self._now.set()

    async def run(self) -> None:
        """Beat until cancelled; then the file goes."""
        if self._path is None:
            return
        try:
            while True:
                try:
                    self._write(self._path)
                except StoreError as problem:
                    self._log.error(str(problem))
                # not wait_for: before Python 3.12 that swallows a cancellation that comes together with the event
                with suppress(TimeoutError):
                    async with asyncio.timeout(health.BEAT_SECONDS):
                        await self._now.wait()
                self._now.clear()
        finally:
            health.remove(self._path)
