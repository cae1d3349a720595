"""Who keeps the event loop from turning. While one call does not return, every account of the process stands still.

A thread looks from outside at what the loop's thread does, as the loop itself cannot tell while it stands still. That
costs a few wakings a minute, and nothing where messages are handled. A call that holds the interpreter's lock (a search
in a very long text, say) is seen only once it is over.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from types import FrameType

_log = logging.getLogger(__name__)
_SHOWN = 8
_NOT_SHOWN = ("/asyncio/", "/uvloop/")


class StallWatch:
    """``run`` it on the loop to be watched. A call that takes longer than ``limit`` seconds is logged, once."""

    def __init__(self, limit: float = 3.0) -> None:
        self._limit = limit
        self._every = limit / 4
        self._beat = time.monotonic()
        self._over = threading.Event()
        self.stalls = 0

    async def run(self) -> None:
        """Watch until cancelled."""
        watched = threading.get_ident()
        self._beat = time.monotonic()
        thread = threading.Thread(target=self._watch, args=(watched,), name="stall watch", daemon=True)
        thread.start()
        try:
            while True:
                self._beat = time.monotonic()
                await asyncio.sleep(self._every)
        finally:
            self._over.set()

    def _watch(self, watched: int) -> None:
        told: float | None = None  # the beat after which the loop stands still, if that was told
        looked = time.monotonic()
        while not self._over.wait(self._every):
            before, looked = looked, time.monotonic()
            beat = self._beat
            if told is not None and beat != told:
                _log.warning("the event loop turns again after %.1f s", beat - told)
                told = None
            if looked - before > self._limit:  # the whole process was stopped, or its machine slept
                continue
            if told is None and looked - beat > self._limit:
                told = beat
                self.stalls += 1
                where = _stack(sys._current_frames().get(watched))
                _log.error("the event loop stands still, by a call that does not return: %s", " < ".join(where))


def _stack(frame: FrameType | None) -> list[str]:
    """The innermost calls, as ``file:line function``."""
    found: list[str] = []
    while frame is not None and len(found) < _SHOWN:
        code = frame.f_code
        if not any(part in code.co_filename for part in _NOT_SHOWN):
            found.append(f"{code.co_filename}:{frame.f_lineno} {code.co_name}")
        frame = frame.f_back
    return found
