"""A time limit that costs nothing for handlers that do not wait."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Awaitable, Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")


class HandlerTimeout(Exception):
    """A handler ran into its time limit. Lives only inside of ``Failure.error``."""


class Begun:
    """Work that took its first step: ``done`` with a ``result``, or waiting ``for_`` something."""

    __slots__ = ("done", "for_", "result", "work")

    def __init__(self, work: Coroutine[Any, Any, Any], done: bool, result: Any = None, for_: Any = None) -> None:
        self.work = work
        self.done = done
        self.result = result
        self.for_ = for_


def begin(work: Awaitable[Any]) -> Begun | None:
    """Let ``work`` take its first step, in the running task; None if it is done already, with None for a result.

    What is not done must go on by ``go_on`` before the task waits for anything else. Raises what the step raises.
    """
    if type(work) is not types.CoroutineType:
        work = _awaited(work)
    try:
        waited_for = work.send(None)
    except StopIteration as done:
        return None if done.value is None else Begun(work, True, result=done.value)
    return Begun(work, False, for_=waited_for)


async def _awaited(work: Awaitable[T]) -> T:
    return await work


@types.coroutine
def limited(work: Coroutine[Any, Any, T], seconds: float) -> Generator[Any, Any, T]:
    """Await ``work`` for so long at most, then cancel it and raise ``HandlerTimeout``.

    Every other exception passes, a ``TimeoutError`` or a cancellation from elsewhere too.
    Most handlers are done without ever waiting, and ``asyncio.timeout`` took half of the whole
    dispatch for them. So the first step runs at once, and the timer is set only if the work waits.
    """
    begun = begin(work)
    if begun is None:
        return None  # type: ignore[return-value]  # it is what the work returned
    if begun.done:
        return begun.result  # type: ignore[no-any-return]
    result: T = yield from go_on(begun, seconds)
    return result


@types.coroutine
def go_on(begun: Begun, seconds: float) -> Generator[Any, Any, Any]:
    """As ``limited``, for work that waits already."""
    work, waited_for = begun.work, begun.for_
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
        return done.value
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
