"""What runs in lanes besides events, in order with them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

from botkit.model.address import Address
from botkit.routing.lanes import Lanes
from botkit.routing.words import CommandError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Job:
    """Something beside events that runs in a lane."""

    work: Callable[[], Awaitable[None]]


def start(
    lanes: Lanes[Any], key: Hashable, work: Callable[[], Awaitable[T]], *, peer: bool = False
) -> asyncio.Future[T]:
    """Queue ``work`` behind what has the same ``key``. Raises ``CommandError`` where the lane takes nothing."""
    done: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    async def job() -> None:
        if done.cancelled():
            return
        try:
            result = await work()
        except asyncio.CancelledError:
            done.cancel()
            raise
        except Exception as problem:  # handed to whoever waits for it
            if not done.done():
                done.set_exception(problem)
        else:
            if not done.done():
                done.set_result(result)

    if not lanes.put(key, Job(job), peer=peer):
        raise CommandError("I am too busy now, or going down; try again later.")
    return done


def when_handled(lanes: Lanes[Any], room: Address, then: Callable[[], None]) -> None:
    """Call ``then`` once all that is queued for ``room`` now is handled; at once where nothing is, and never where
    some of it was given up on."""
    left = 1

    def one() -> None:
        nonlocal left
        left -= 1
        if not left:
            then()

    async def job() -> None:
        one()

    for key in (room, (room, "urgent")):
        match lanes.behind(key, Job(job)):
            case True:
                left += 1
            case None:
                return
    one()
