"""The process of a bot: its event loop and its garbage collector, set for a program that runs for months."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable, Coroutine
from typing import Any

_THRESHOLDS = (20_000, 20, 50)
"""A burst of messages makes thousands of objects that live until the next transaction, and reference counting frees all
of them. At the usual 700 the collector ran through them, and all that was loaded, again and again, for an eighth of all
the time that a message takes. What does hang together in circles waits longer now, for some megabytes."""


def tidy() -> None:
    """Free what hangs together in circles and was loaded long ago: the code that a reload replaced. Takes a moment, for
    all of the process."""
    frozen = gc.get_freeze_count()
    gc.unfreeze()
    gc.collect()
    if frozen:
        gc.freeze()


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run ``main`` as the only work of this process, everything being loaded by now. Raises what it raises."""
    gc.collect()
    gc.freeze()  # modules, classes and settings stay to the end: never look at them again
    gc.set_threshold(*_THRESHOLDS)
    _runner()(main)


def _runner() -> Callable[[Coroutine[Any, Any, None]], None]:
    try:
        import uvloop
    except ImportError:  # not on every platform; plain asyncio does the same, slower
        return asyncio.run
    return uvloop.run if sys.platform != "win32" else asyncio.run
