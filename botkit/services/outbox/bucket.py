"""A token bucket that learns what the other side bears."""

from __future__ import annotations

from botkit.services.outbox.settings import Rate

_SLOWEST = 1 / 60.0
_FIRST_PAUSE = 2.0
_LONGEST_PAUSE = 120.0
_RECOVERY = 1.02  # of the rate, with each message that went well: about 35 of them make up for one refusal


class Bucket:
    """``burst`` tokens, filled at ``rate`` a second. Times are those of ``Clock.monotonic``.

    A refusal halves the rate, empties the bucket and stops it for a while, longer each time; what goes well brings
    the rate back. A debt (moderation does not wait for tokens) is paid by whoever comes next.
    """

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self.per_second = rate.per_second
        self._tokens = float(rate.burst)
        self._at = now
        self._stopped_until = now
        self._refusals = 0

    @property
    def is_slowed(self) -> bool:
        """True while it goes slower than it was set to."""
        return self.per_second < self._rate.per_second

    def is_idle(self, now: float) -> bool:
        """True if it is as a new one would be."""
        self._fill(now)
        return not self.is_slowed and self._tokens >= self._rate.burst and now >= self._stopped_until

    def ready_in(self, now: float) -> float:
        """Seconds until a token is there; 0 if there is one now."""
        self._fill(now)
        # a shade less than a whole one: sums of floats
        missing = 0.0 if self._tokens >= 0.999 else (1.0 - self._tokens) / self.per_second
        return max(missing, self._stopped_until - now, 0.0)

    def take(self, now: float) -> None:
        """Take a token, on credit where there is none; the debt is at most one burst."""
        self._fill(now)
        self._tokens = max(self._tokens - 1.0, -float(self._rate.burst))

    def refused(self, now: float) -> float:
        """The other side said "wait": seconds until it is tried again."""
        pause = min(_FIRST_PAUSE * 2.0**self._refusals, _LONGEST_PAUSE)
        self._refusals = min(self._refusals + 1, 16)
        if now >= self._stopped_until:  # several refusals of one burst are one piece of news
            self.per_second = max(self.per_second / 2.0, min(_SLOWEST, self._rate.per_second))
        self._tokens = min(self._tokens, 0.0)
        self._at = max(self._at, now)
        self._stopped_until = max(self._stopped_until, now + pause)
        return pause

    def went_well(self) -> None:
        """A message got through."""
        self._refusals = 0
        self.per_second = min(self.per_second * _RECOVERY, self._rate.per_second)

    def _fill(self, now: float) -> None:
        if now > self._at:
            self._tokens = min(self._tokens + (now - self._at) * self.per_second, float(self._rate.burst))
            self._at = now
