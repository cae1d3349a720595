"""One target under atheris, in a process of its own: ``python -m tests.fuzz.guided TARGET SECONDS CORPUS OUT``.

A finding does not end the run: it is written to OUT, once for each fault, and the fuzzing goes on. What libFuzzer
itself ends the process for (an input that hangs, memory past its limit, a crash of C code) is left in OUT, too.
"""

from __future__ import annotations

import json
import random
import resource
import sys
from pathlib import Path

HANG_SECONDS = 30
MEMORY_MB = 1024
LARGEST = 8192


def main() -> None:
    """Never returns: libFuzzer ends the process."""
    name, seconds, corpus, out = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])
    import atheris

    with atheris.instrument_imports(include=["botkit"]):
        import botkit.app  # noqa: F401  all of it
        from tests.fuzz.targets import TARGETS
    from tests.fuzz.target import examine

    target = TARGETS[name]
    seen: set[str] = set()

    def one(data: bytes) -> None:
        finding = examine(target, bytes(data))
        if finding is not None and finding.key not in seen:
            seen.add(finding.key)
            (out / f"{finding.key}.input").write_bytes(finding.data)
            about = {"kind": finding.kind, "where": finding.where, "detail": finding.detail}
            (out / f"{finding.key}.json").write_text(json.dumps(about))

    def mutated(data: bytes, most: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if rng.random() < 0.2:
            return bytes(atheris.Mutate(bytes(data), most))
        return target.mutate(bytes(data), rng)[:most]

    corpus.mkdir(parents=True, exist_ok=True)
    for position, seed in enumerate(target.seeds()):
        (corpus / f"seed-{position:03}").write_bytes(seed)
    options = [
        f"-max_total_time={seconds}",
        f"-timeout={HANG_SECONDS}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-max_len={LARGEST}",
        f"-artifact_prefix={out}/",
        "-print_final_stats=1",
        "-detect_leaks=0",
        "-reload=0",
    ]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (out / "memory-before").write_text(str(before))
    atheris.Setup([sys.argv[0], *options, str(corpus)], one, custom_mutator=mutated)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
