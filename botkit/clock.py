"""The system's clock. Everything that needs time takes a ``Clock`` (``ports.py``), so that tests can turn it."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """Wall clock in aware UTC, and the monotonic clock of the running machine."""

    def now(self) -> datetime:
        """The time as aware UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go backwards."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait ``seconds``; cancellable."""
        import asyncio  # whoever waits has it; a health check only reads the time

        await asyncio.sleep(seconds)
