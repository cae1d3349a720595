"""The short form of ``make fuzz``: each target on its seeds, and on some inputs that are the same in every run."""

from __future__ import annotations

import gc
import random
import re
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from botkit.protocol import namespaces
from tests.fuzz import seeds
from tests.fuzz import target as module
from tests.fuzz.target import Target, examine, minimise, swell
from tests.fuzz.targets import TARGETS
from tests.fuzz.unguided import hunt, inputs

EACH = pytest.mark.parametrize("target", TARGETS.values(), ids=list(TARGETS))
_INPUTS = 60


@EACH
def test_seeds_break_no_rule(target: Target) -> None:
    for data in target.seeds():
        finding = examine(target, data)
        assert finding is None, finding.detail


@EACH
def test_a_few_changed_inputs_break_no_rule(target: Target) -> None:
    @settings(
        max_examples=_INPUTS,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],  # what is found is made smaller by ``make fuzz``
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs(target))
    def run(data: bytes) -> None:
        finding = examine(target, data)
        assert finding is None, finding.detail

    run()


@EACH
def test_one_seed_is_bearable_swollen_and_takes_no_more_memory_than_it_may(target: Target) -> None:
    data = random.Random(target.name).choice(target.seeds())
    finding = examine(target, data, thorough=True)
    assert finding is None, finding.detail


@EACH
def test_nothing_is_kept_of_large_inputs(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SWOLLEN", 4 << 10)
    rng = random.Random(target.name)
    inputs = [swell(target.mutate(rng.choice(target.seeds()), rng), rng) for _ in range(12)]
    for data in inputs[:4]:
        target.run(data)  # what is kept once is kept
    tracemalloc.start()
    try:
        for data in inputs:
            target.run(data)
        gc.collect()
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert kept < sum(map(len, inputs)), f"{kept:,} bytes are kept"


def test_there_is_a_seed_for_each_namespace_that_we_speak() -> None:
    spoken = {v for k, v in vars(namespaces).items() if k.isupper() and isinstance(v, str) and "{" not in v}
    text = b"".join(seeds.streams()).decode()
    assert {namespace for namespace in spoken if not re.search(rf"['\">]{re.escape(namespace)}['\"<]", text)} == set()


def test_mutations_are_the_same_for_the_same_number_and_mostly_parse() -> None:
    target = TARGETS["decode"]
    made = [target.mutate(seed, random.Random(number)) for seed in target.seeds() for number in range(5)]
    assert made == [target.mutate(seed, random.Random(number)) for seed in target.seeds() for number in range(5)]
    assert len(set(made)) > 0.9 * len(made)


def _breaks(data: bytes) -> None:
    if b"<body>" in data:
        raise ValueError("a body")


def test_a_fault_is_found_and_made_small() -> None:
    seeds_of_both = [b"<message><subject/></message>", b"<message><body>x</body></message>"]
    target = Target("broken", "", _breaks, lambda: seeds_of_both, lambda data, rng: data + rng.randbytes(2))
    executions, finding = hunt(target, 20)
    assert finding is not None
    assert executions
    smallest = minimise(target, finding, 20)
    assert (smallest.data, smallest.key) == (b"<body>", finding.key)


def test_slow_and_greedy_inputs_are_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BASE_SECONDS", 0.001)
    slow = Target("slow", "", lambda data: sum(range(1_000_000)) and None, lambda: [b"x"], lambda data, rng: data)
    found = examine(slow, b"x")
    assert found is not None
    assert found.kind == "slow"
    monkeypatch.undo()
    greedy = Target("greedy", "", lambda data: bytearray(64 << 20) and None, lambda: [b"x"], lambda data, rng: data)
    found = examine(greedy, b"x", thorough=True)
    assert found is not None
    assert found.kind == "memory"


def test_kept_inputs_of_faults_that_were_mended_stay_mended() -> None:
    for path in sorted((Path(__file__).parent / "mended").glob("*")):
        finding = examine(TARGETS[path.name.partition("-")[0]], path.read_bytes())
        assert finding is None, finding.detail
