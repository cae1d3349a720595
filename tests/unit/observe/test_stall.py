"""A call that keeps the loop from turning is named, from outside of the loop."""

from __future__ import annotations

import asyncio
import time

import pytest

from botkit.observe.stall import StallWatch


async def until_told(caplog: pytest.LogCaptureFixture, text: str) -> None:
    async with asyncio.timeout(10):
        while text not in caplog.text:  # noqa: ASYNC110 - a log has no event
            await asyncio.sleep(0.01)


def blocks_for_long(watch: StallWatch) -> None:
    deadline = time.monotonic() + 10
    while not watch.stalls and time.monotonic() < deadline:
        time.sleep(0.01)


def works_for_a_moment() -> None:
    time.sleep(0.02)


async def test_a_blocking_call_is_named_while_it_lasts_and_its_end_is_told(caplog: pytest.LogCaptureFixture) -> None:
    watch = StallWatch(limit=0.2)
    task = asyncio.create_task(watch.run())
    await asyncio.sleep(0)
    blocks_for_long(watch)
    await until_told(caplog, "the event loop turns again")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    (told,) = [line for line in caplog.messages if "stands still" in line]
    assert "test_stall.py" in told
    assert "blocks_for_long" in told
    assert watch.stalls == 1


async def test_a_loop_that_turns_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    watch = StallWatch(limit=0.4)
    task = asyncio.create_task(watch.run())
    for _ in range(20):
        works_for_a_moment()
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert watch.stalls == 0
    assert "stands still" not in caplog.text
