"""A time limit that costs nothing for handlers that do not wait."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")


class HandlerTimeout(Exception):
    """A handler ran into its time limit. Lives only inside of ``Failure.error``."""


@types.coroutine
def limited(work: Coroutine[Any, Any, T], seconds: float) -> Generator[Any, Any, T]:
    """Await ``work`` for so long at most, then cancel it and raise ``HandlerTimeout``.

    Every other exception passes, a ``TimeoutError`` or a cancellation from elsewhere too.
    Most handlers are done without ever waiting, and ``asyncio.timeout`` took half of the whole
    dispatch for them. So the first step runs at once, and the timer is set only if the work waits.
    """
    try:
        waited_for = work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    task = asyncio.current_task()
    assert task is not None, "coroutines run in tasks"
    expired = False
    cancelling = task.cancelling()

    def expire() -> None:
        nonlocal expired
        expired = True
        task.cancel()

    timer = asyncio.get_running_loop().call_later(seconds, expire)
    try:
        while True:
            try:
                sent = yield waited_for
            except BaseException as error:  # handed on to the work, whatever it is: this is `yield from` spelled out
                waited_for = work.throw(error)
            else:
                waited_for = work.send(sent)
    except StopIteration as done:
        if expired:
            task.uncancel()
        return done.value  # type: ignore[no-any-return]
    except asyncio.CancelledError:
        if expired and task.uncancel() <= cancelling:
            raise HandlerTimeout(f"it took longer than {seconds:g} s") from None
        raise
    except BaseException:
        if expired:
            task.uncancel()
        raise
    finally:
        timer.cancel()


def being_cancelled() -> bool:
    """True if the running task itself was cancelled, rather than something that it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
