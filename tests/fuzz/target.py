"""What a fuzz target is, and one run of it with everything that is asked of every target."""

from __future__ import annotations

import gc
import hashlib
import random
import time
import traceback
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

Run = Callable[[bytes], None]
Mutate = Callable[[bytes, random.Random], bytes]

BASE_SECONDS: Final = 0.25
SECONDS_FOR_A_BYTE: Final = 20e-6
"""CPU. Ordinary inputs take a hundredth of this; what grows with the square of the size passes it at ``SWOLLEN``."""
BASE_BYTES: Final = 4 << 20
MEMORY_FOR_A_BYTE: Final = 600  # an empty element is four bytes on the wire, and an object with a dict here
SWOLLEN: Final = 128 << 10
_SWELL_EVERY: Final = 509
_MEASURE_EVERY: Final = 251


@dataclass(frozen=True, slots=True)
class Target:
    """``run`` takes any bytes, and raises for what must not be. ``seeds`` are ordinary inputs; ``mutate`` makes another
    one that gets deeper than bits that flip would. ``doc`` is one line for the table."""

    name: str
    doc: str
    run: Run
    seeds: Callable[[], list[bytes]]
    mutate: Mutate


@dataclass(frozen=True, slots=True)
class Finding:
    """One input that broke a rule. ``where`` tells faults apart; two inputs with the same are one finding."""

    target: str
    kind: str  # "exception", "slow", "memory", and from outside "hang", "crash"
    where: str
    detail: str
    data: bytes

    @property
    def key(self) -> str:
        """Short name of the fault, the same in every run."""
        return hashlib.sha256(f"{self.target}\0{self.kind}\0{self.where}".encode()).hexdigest()[:12]


def examine(target: Target, data: bytes, *, thorough: bool = False) -> Finding | None:
    """Run ``data``; every so often, or always if ``thorough``, also measure memory and try it swollen."""
    mark = zlib.crc32(data)
    found = _timed(target, data)
    if found is None and (thorough or mark % _MEASURE_EVERY == 0):
        found = _measured(target, data)
    if found is None and (thorough or mark % _SWELL_EVERY == 0):
        found = _timed(target, swell(data, random.Random(mark)))
    return found


def swell(data: bytes, rng: random.Random) -> bytes:
    """``data`` with one piece of it repeated until it is large."""
    if not data:
        return data
    start = rng.randrange(len(data))
    end = min(len(data), start + 1 + min(rng.randrange(64), rng.randrange(64)))
    open_, close = data.rfind(b"<", 0, start + 1), data.find(b">", start)
    if open_ >= 0 and close >= 0 and rng.random() < 0.5:
        start, end = open_, close + 1
    piece = data[start:end]
    times = max(1, (SWOLLEN - len(data)) // len(piece))
    return data[:start] + piece * times + data[end:]


def _timed(target: Target, data: bytes) -> Finding | None:
    allowed = BASE_SECONDS + SECONDS_FOR_A_BYTE * len(data)
    took = allowed
    for _ in range(3):  # others use this machine, too: slow is what is slow three times
        began = time.thread_time()
        try:
            target.run(data)
        except Exception as problem:
            return _raised(target, problem, data)
        took = time.thread_time() - began
        if took <= allowed:
            return None
    return Finding(target.name, "slow", "", f"{took:.2f} s of CPU for {len(data)} bytes; {allowed:.2f} allowed", data)


def _measured(target: Target, data: bytes) -> Finding | None:
    if tracemalloc.is_tracing():
        return None
    allowed = BASE_BYTES + MEMORY_FOR_A_BYTE * len(data)
    gc.collect()
    tracemalloc.start()
    try:
        target.run(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    if peak <= allowed:
        return None
    return Finding(target.name, "memory", "", f"{peak:,} bytes at once for {len(data)}; {allowed:,} allowed", data)


def _raised(target: Target, problem: Exception, data: bytes) -> Finding:
    frames = traceback.extract_tb(problem.__traceback__)
    ours = [frame for frame in frames if "botkit" in frame.filename.rsplit("/tests/", 1)[0]] or list(frames)
    inner = [frame for frame in ours if "/botkit/" in frame.filename and "/tests/" not in frame.filename]
    last = (inner or ours)[-1]
    own = [f"{f.name}:{f.line}" for f in frames if "/tests/fuzz/" in f.filename][-1:]
    said = "".join(c for c in str(problem)[:60] if not c.isdigit()) if isinstance(problem, AssertionError) else ""
    where = f"{type(problem).__name__} {last.name} {own} {said}"
    return Finding(target.name, "exception", where, "".join(traceback.format_exception(problem))[-4000:], data)


def minimise(target: Target, finding: Finding, seconds: float) -> Finding:
    """The smallest input that shows the same fault, as far as it can be found in ``seconds``."""
    deadline = time.monotonic() + seconds
    best = finding
    size = max(1, len(best.data) // 2)
    while size and time.monotonic() < deadline:
        at, smaller = 0, False
        while at < len(best.data) and time.monotonic() < deadline:
            tried = best.data[:at] + best.data[at + size :]
            again = _timed(target, tried)
            if again is not None and again.key == finding.key:
                best, smaller = again, True
            else:
                at += size
        if not smaller:
            size //= 2
    return best
