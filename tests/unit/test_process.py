"""The process of a bot: loop and collector."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import asyncio, gc
from botkit import process

async def main():
    cycle = []
    cycle.append(cycle)
    print(gc.get_freeze_count() > 1000, gc.isenabled(), type(asyncio.get_running_loop()).__module__)
    raise LookupError("as it is")

try:
    process.run(main())
except LookupError as problem:
    print(problem)
"""


def test_work_runs_on_the_fast_loop_with_what_is_loaded_out_of_the_collectors_sight() -> None:
    # In a process of its own, as all of it is about the whole process.
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split("\n") == ["True True uvloop", "as it is", ""]
