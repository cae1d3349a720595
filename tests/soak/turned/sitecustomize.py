"""Turns the clock of a bot under test: Python imports this at its start where this folder is in ``PYTHONPATH``.

The file named by ``SOAK_CLOCK`` holds eight bytes: how many seconds the wall clock is off, as a double. Whoever writes
there turns the clock of the running bot. The monotonic clock stays as it is, as it does on a real machine.
"""

import mmap
import os
import struct
from datetime import UTC, datetime, timedelta


def _turn(path: str) -> None:
    from botkit.clock import SystemClock

    with open(path, "rb") as file:
        seen = mmap.mmap(file.fileno(), 8, prot=mmap.PROT_READ)

    def now(_self: SystemClock) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=struct.unpack("d", seen)[0])

    SystemClock.now = now  # type: ignore[method-assign]


if os.environ.get("SOAK_CLOCK"):
    _turn(os.environ["SOAK_CLOCK"])
