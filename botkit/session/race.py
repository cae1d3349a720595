"""Waiting for something unless something else happens first."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Interrupted(Exception):
    """The event was set before the work was done."""


async def unless(event: asyncio.Event, work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` returns or raises; it is cancelled, and ``Interrupted`` raised, if ``event`` is set first."""
    task = asyncio.create_task(work)
    watch = asyncio.create_task(event.wait())
    try:
        await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        task.cancel()
        watch.cancel()
        await asyncio.gather(task, watch, return_exceptions=True)
    if task.cancelled():
        raise Interrupted
    return task.result()
