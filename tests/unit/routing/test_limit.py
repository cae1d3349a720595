"""The time limit behaves as ``asyncio.timeout`` does."""

from __future__ import annotations

import asyncio

import pytest

from botkit.routing.limit import HandlerTimeout, limited


async def returns(value: str, waits: int = 0) -> str:
    for _ in range(waits):
        await asyncio.sleep(0)
    return value


async def raises(error: BaseException, waits: int = 0) -> None:
    await returns("", waits)
    raise error


@pytest.mark.parametrize("waits", [0, 1, 5])
async def test_results_and_errors_pass(waits: int) -> None:
    assert await limited(returns("x", waits), 5) == "x"
    for error in (ValueError("oh"), TimeoutError(), asyncio.CancelledError()):
        with pytest.raises(type(error)):
            await limited(raises(error, waits), 5)


async def hang() -> None:
    await asyncio.Event().wait()


async def test_what_takes_too_long_is_cancelled() -> None:
    with pytest.raises(HandlerTimeout, match=r"0\.01 s"):
        await limited(hang(), 0.01)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_cancellation_from_outside_stays_one() -> None:
    task = asyncio.ensure_future(limited(hang(), 60))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_work_may_clean_up_and_its_own_error_wins() -> None:
    cleaned = []

    async def careful() -> None:
        try:
            await hang()
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    async def stubborn() -> str:
        try:
            await hang()
        except asyncio.CancelledError:
            return "done all the same"
        return ""

    async def breaking() -> None:
        try:
            await hang()
        finally:
            raise ValueError("oh")

    with pytest.raises(HandlerTimeout):
        await limited(careful(), 0.01)
    assert cleaned == [True]
    assert await limited(stubborn(), 0.01) == "done all the same"
    with pytest.raises(ValueError, match="oh"):
        await limited(breaking(), 0.01)
    await asyncio.sleep(0)


async def test_limits_nest() -> None:
    async def inner() -> str:
        with pytest.raises(HandlerTimeout):
            await limited(hang(), 0.01)
        return "outer goes on"

    assert await limited(inner(), 5) == "outer goes on"
    with pytest.raises(HandlerTimeout, match=r"0\.01 s"):
        await limited(limited_hang(), 0.01)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await limited(hang(), 5)


async def limited_hang() -> None:
    await limited(hang(), 60)
