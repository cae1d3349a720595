"""The way down, in steps: each has until its share of the time is over, and none waits once it has to be quick."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress

from botkit.errors import BotkitError
from botkit.routing.context import Logger

HANDLERS, OUTGOING, ROOMS, CLOSE = 0.5, 0.75, 0.9, 1.0
"""Shares of ``shutdown_timeout`` after which each step is given up, counted from the beginning of all of them."""


class WayDown:
    """The deadlines of one way down, which begins when ``begin`` is called. ``hurry`` ends every wait."""

    def __init__(self, log: Logger) -> None:
        self._log = log
        self._hurried = False
        self._begun = 0.0
        self._seconds = 0.0
        self._step: asyncio.Timeout | None = None

    def begin(self, seconds: float) -> None:
        """From now on it takes ``seconds`` at most."""
        self._begun = asyncio.get_running_loop().time()
        self._seconds = 0.0 if self._hurried else seconds

    def hurry(self) -> None:
        """Wait for nothing any more; before ``begin``, too."""
        self._hurried, self._seconds = True, 0.0
        if self._step is not None:
            with suppress(RuntimeError):  # over already
                self._step.reschedule(0.0)

    def left(self, share: float) -> float:
        """Seconds until ``share`` of the time is over."""
        return max(0.0, self._begun + share * self._seconds - asyncio.get_running_loop().time())

    async def step(self, share: float, work: Awaitable[object], late: str) -> bool:
        """Do ``work`` until ``share`` of the time is over. Else False, and ``late`` is logged. Raises nothing."""
        try:
            async with asyncio.timeout(self.left(share)) as self._step:
                await work
            return True
        except TimeoutError:
            self._log.warning(late)
        except BotkitError as problem:
            self._log.warning(late, reason=str(problem))
        finally:
            self._step = None
        return False
