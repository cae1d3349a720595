"""How often handlers were called, how often that failed, and how long those took that waited for something."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from contextlib import contextmanager
from math import inf
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

BOUNDS = (0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of the buckets, in seconds; what is above all of them is in a last one."""


class Tally:
    """Of one handler. A call that is done at once only counts: reading the clock twice would cost more than most do.

    ``waited`` has, for each of ``BOUNDS`` and beyond, the calls that had to wait and took no longer than that.
    """

    __slots__ = ("calls", "failures", "seconds", "waited")

    def __init__(self) -> None:
        self.calls = 0
        self.failures = 0
        self.seconds = 0.0
        self.waited = [0] * (len(BOUNDS) + 1)

    def took(self, seconds: float) -> None:
        """A call that waited has ended, by whatever way."""
        self.seconds += seconds
        self.waited[bisect_left(BOUNDS, seconds)] += 1

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Measure what waits."""
        began = monotonic()
        try:
            yield
        finally:
            self.took(monotonic() - began)

    def cumulative(self) -> tuple[tuple[float, int], ...]:
        """(bound, calls that waited no longer), as a Prometheus histogram has it."""
        found, count = [], 0
        for bound, here in zip((*BOUNDS, inf), self.waited, strict=True):
            count += here
            found.append((bound, count))
        return tuple(found)


class Tallies:
    """Of all handlers of a dispatcher, by name (``module.function``). As many as there are handlers.

    ``called``: commands that ran, by the way in which they were given.
    """

    def __init__(self) -> None:
        self.called = {"chat": 0, "form": 0}
        self._known: dict[str, Tally] = {}

    def of(self, name: str) -> Tally:
        """The one to add to."""
        found = self._known.get(name)
        if found is None:
            found = self._known[name] = Tally()
        return found

    def keep(self, names: Iterable[str]) -> None:
        """Forget all others: their handlers, or modules, are gone."""
        kept = set(names)
        self._known = {name: tally for name, tally in self._known.items() if name in kept}

    def items(self) -> tuple[tuple[str, Tally], ...]:
        """(name, tally), sorted by name."""
        return tuple(sorted(self._known.items()))
