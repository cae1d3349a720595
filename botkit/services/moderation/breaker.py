"""A limit on our own actions: a bad rule must not be able to empty a room."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many persons are acted against, and how many messages are taken away, in one room before the bot stops."""

    persons_per_minute: int = 10
    persons_per_ten_minutes: int = 30
    messages_per_minute: int = 60
    messages_per_ten_minutes: int = 300


class Breaker:
    """Counts actions of one kind in one room. Once a limit is reached, nothing is allowed for ``rest`` seconds."""

    def __init__(self, per_minute: int, per_ten_minutes: int, *, rest: float = 600) -> None:
        self._per_minute = per_minute
        self._per_ten_minutes = per_ten_minutes
        self._rest = rest
        self._done: deque[float] = deque(maxlen=max(per_minute, per_ten_minutes))
        self._closed_again = 0.0
        self.just_tripped = False

    def allow(self, second: float) -> bool:
        """True, and counted, if one more may be done at ``second`` (monotonic). ``just_tripped`` says that this call
        was the one that stopped it."""
        self.just_tripped = False
        if second < self._closed_again:
            return False
        if self._within(second, 60) >= self._per_minute or self._within(second, 600) >= self._per_ten_minutes:
            self._closed_again = second + self._rest
            self._done.clear()
            self.just_tripped = True
            return False
        self._done.append(second)
        return True

    def _within(self, second: float, span: float) -> int:
        return sum(when > second - span for when in self._done)
