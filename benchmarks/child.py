"""The receiving side of a bench: one process for each receiver, so that what it costs is measured by itself.

The bench writes commands to standard input, one a line; each is answered by one line of JSON::

    mark              CPU and clock now; what was counted since the last mark is forgotten
    wait COUNT SECONDS   until COUNT messages came since the mark: how many, their checksum, when the first and the last
    usage             CPU and memory now
    go                begin, where there is a job to begin
    stop              end in order

They are read by a thread, which sleeps while messages come in and thereby costs nothing.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path


class Counter:
    """Counts messages; the receivers' handlers call ``seen``."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._reset(-1)

    def _reset(self, target: int) -> None:
        self.count = 0
        self.checksum = 0
        self.first = self.last = 0.0
        self.target = target
        self.reached.clear()

    def seen(self, body: str) -> None:
        """A message came with this body."""
        self.count += 1
        self.checksum += zlib.crc32(body.encode())
        if self.count == 1:
            self.first = time.perf_counter()
        if self.count == self.target:
            self.last = time.perf_counter()
            self.reached.set()

    def expect(self, target: int) -> None:
        """Forget what was counted, and count up to ``target``."""
        self._reset(target)


COUNTER = Counter()
"""The one counter of this process; bots under test are loaded by name and find it here."""


class Control:
    """Answers the bench. Make it first of all: from then on what others print goes to standard error."""

    def __init__(self) -> None:
        self._answers = os.fdopen(os.dup(1), "w", buffering=1)
        os.dup2(2, 1)
        self._stop: Callable[[], object] = lambda: os._exit(0)
        self._go: Callable[[], object] = lambda: None

    def ready(self, stop: Callable[[], object], go: Callable[[], object] | None = None) -> None:
        """The receiver is in the room. ``stop`` ends it, ``go`` begins its job; both are called from another thread."""
        self._stop = stop
        self._go = go or self._go
        threading.Thread(target=self._serve, name="control", daemon=True).start()
        self._answer({"ready": True})

    def _serve(self) -> None:
        for line in sys.stdin:
            match line.split():
                case ["mark", target]:
                    COUNTER.expect(int(target))
                    self._answer(_usage())
                case ["wait", seconds]:
                    COUNTER.reached.wait(float(seconds))
                    counted = {"count": COUNTER.count, "checksum": COUNTER.checksum}
                    self._answer({**_usage(), **counted, "first": COUNTER.first, "last": COUNTER.last})
                case ["usage"]:
                    self._answer(_usage())
                case ["go"]:
                    self._answer(_usage())
                    self._go()
                case ["stop"]:
                    break
        # End of input: the bench is gone, so this process goes too.
        self._stop()

    def _answer(self, values: Mapping[str, object]) -> None:
        print(json.dumps(values), file=self._answers, flush=True)


def _usage() -> dict[str, float]:
    loop = time.pthread_getcpuclockid(threading.main_thread().ident or 0)
    return {
        "now": time.perf_counter(),
        "cpu_ns": time.process_time_ns(),
        "loop_ns": time.clock_gettime_ns(loop),
        **_memory(),
    }


def _memory() -> dict[str, int]:
    """What this program holds, and the most it held. Not ``ru_maxrss``: that begins with what the parent held."""
    names = {"VmHWM:": "peak_kib", "VmRSS:": "rss_kib"}
    found = dict.fromkeys(names.values(), 0)
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, rest = line.partition("\t")
        if name in names:
            found[names[name]] = int(rest.split()[0])
    return found
