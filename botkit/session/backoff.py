"""How long to wait before connecting again."""

from __future__ import annotations

import random
from typing import Final

_STEADY_AFTER: Final = 30.0
"""Seconds a session must last to count as a success; a server that drops us at once is not called in a tight loop."""


class Backoff:
    """Capped exponential backoff, full jitter: from 0 to ``first * 2**attempts``, at most ``cap`` seconds."""

    def __init__(self, first: float, cap: float, rng: random.Random | None = None) -> None:
        self._first = first
        self._cap = cap
        self._rng = rng or random.SystemRandom()
        self._attempts = 0

    def lasted(self, seconds: float) -> None:
        """A session lasted this long."""
        if seconds >= _STEADY_AFTER:
            self._attempts = 0

    def next(self) -> float:
        """Seconds to wait now."""
        most = min(self._cap, self._first * 2 ** min(self._attempts, 32))
        self._attempts += 1
        return self._rng.uniform(0, most)
