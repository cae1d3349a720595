"""The short form of ``make soak``: some faults, once each."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from botkit.testing.prosody import Generation
from tests.soak.run import Plan, soak

# Each of these takes some seconds; together they are all that is quick, and half of it on each generation.
_SHORT = {
    Generation.V0_12: ("connection reset", "kicked", "kill -9 at a command"),
    Generation.V13: ("reset within a stanza", "server killed -9", "kill -9 after a flood"),
}
_CHOSEN = os.environ.get("BOTKIT_TEST_PROSODY") or ",".join(generation.value for generation in Generation)


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.parametrize("generation", [Generation(name.strip()) for name in _CHOSEN.split(",")], ids=str)
async def test_nothing_is_lost_or_done_twice_under_faults(generation: Generation, tmp_path: Path) -> None:
    plan = Plan(
        seed=1, generation=generation, seconds=1, pause=0.3, rooms=2, only=_SHORT[generation], once=True, patience=2
    )
    lines: list[str] = []
    outcome = await soak(plan, tmp_path, lines.append)
    assert not outcome.verdict.broken, "\n".join(lines)
    assert {one.name for one in outcome.suffered} == set(_SHORT[generation])
    assert outcome.verdict.figures["messages in the archives"] > 50
    assert outcome.exits["-9"] >= 1
