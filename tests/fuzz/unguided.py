"""The same targets under hypothesis: seeds, changed a few times by the target's own mutations, or any bytes."""

from __future__ import annotations

import random
import time

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from tests.fuzz.target import Finding, Target, examine


def inputs(target: Target) -> st.SearchStrategy[bytes]:
    """Inputs of a target. What shrinks is how often and with which numbers a seed was changed."""

    def changed(data: bytes, numbers: list[int]) -> bytes:
        for number in numbers:
            data = target.mutate(data, random.Random(number))
        return data

    numbers = st.lists(st.integers(0, 2**32 - 1), max_size=12)
    return st.one_of(st.builds(changed, st.sampled_from(target.seeds()), numbers), st.binary(max_size=200))


def hunt(target: Target, seconds: float, *, start: int = 0) -> tuple[int, Finding | None]:
    """Fuzz for so long; how many inputs were run, and the first finding."""
    executions, number = 0, start
    found: Finding | None = None
    end = time.monotonic() + seconds
    while found is None and time.monotonic() < end:
        number += 1

        @seeded(number)
        @settings(
            max_examples=500,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(inputs(target))
        def run(data: bytes) -> None:
            nonlocal executions, found
            if found is None and time.monotonic() < end:
                executions += 1
                found = examine(target, data)

        run()
    return executions, found
