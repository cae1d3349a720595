"""The guard against loops: two bots that answer each other, or one that hears itself through another."""

from __future__ import annotations

from collections import OrderedDict, deque

from botkit.model.address import Address
from botkit.services.outbox.settings import LoopSettings

_MOST = 2000
"""Texts and people that are counted at once; the one that was longest without news is forgotten."""

_Key = tuple[Address, str, str]


class LoopGuard:
    """Counts what is said. Times are those of ``Clock.monotonic``."""

    def __init__(self, settings: LoopSettings) -> None:
        self._settings = settings
        self._seen: OrderedDict[_Key, deque[float]] = OrderedDict()
        self._stopped: OrderedDict[_Key, float] = OrderedDict()

    @property
    def pause(self) -> float:
        """Seconds for which something is held back."""
        return self._settings.pause

    def check(self, to: Address, text: str, answers: str | None, now: float) -> tuple[str | None, bool]:
        """Why this is not to be said, or None; and whether that is news."""
        kinds = [((to.bare, "text", text), self._settings.repeats)]
        if answers is not None:
            kinds.append(((to.bare, "person", answers), self._settings.answers))
        for key, _ in kinds:
            if self._stopped.get(key, now) > now:
                return _why(key), False
        for key, most in kinds:
            if self._count(key, most, now) > most:
                self._stop(key, now)
                return _why(key), True
        return None, False

    def _count(self, key: _Key, most: int, now: float) -> int:
        times = self._seen.setdefault(key, deque(maxlen=most + 1))
        self._seen.move_to_end(key)
        if len(self._seen) > _MOST:
            self._seen.popitem(last=False)
        times.append(now)
        return sum(1 for time in times if time > now - self._settings.window)

    def _stop(self, key: _Key, now: float) -> None:
        self._seen.pop(key, None)
        self._stopped[key] = now + self._settings.pause
        self._stopped.move_to_end(key)
        while len(self._stopped) > _MOST or next(iter(self._stopped.values())) <= now:
            self._stopped.popitem(last=False)


def _why(key: _Key) -> str:
    if key[1] == "text":
        return "the same text was said too often"
    return "somebody was answered faster than people write"
