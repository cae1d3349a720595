"""How many rooms of one service are entered at the same time: as many as it bears."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

AT_ONCE: Final = 8
"""Rooms of one service that are entered at the same time at first."""
MOST_AT_ONCE: Final = 32


class Door:
    """The way into the rooms of one service.

    A bot with hundreds of rooms must not press them all upon a server that has just come up, nor have the last of
    them wait past the time for an answer. Each room that was entered lets one more in at a time, up to
    ``MOST_AT_ONCE``; each sign of strain halves that, down to one. Who waits comes in by turns.
    """

    def __init__(self) -> None:
        self.limit = AT_ONCE
        self.inside = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        if self.inside < self.limit and not self._queue:
            self.inside += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn  # no deadline: each of those before us has its own
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()  # our turn came in the same moment
            raise

    async def __aexit__(self, *_: object) -> None:
        self._leave()

    def bore(self) -> None:
        """A room was entered, or refused in order: the service keeps up."""
        self.limit = min(MOST_AT_ONCE, self.limit + 1)

    def strained(self) -> None:
        """No answer in time, or one that asks to wait."""
        self.limit = max(1, self.limit // 2)

    def reset(self) -> None:
        """A new session: what the service bears is not known."""
        self.limit = min(self.limit, AT_ONCE)

    def _leave(self) -> None:
        self.inside -= 1
        while self._queue and self.inside < self.limit:
            turn = self._queue.popleft()
            if not turn.done():
                self.inside += 1
                turn.set_result(None)
