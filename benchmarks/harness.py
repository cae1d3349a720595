"""Runs receivers as child processes and asks them what they counted and what it cost."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from pathlib import Path

from benchmarks.receiver import Orders

_START_SECONDS = 40.0
_JOIN_SECONDS = 0.4  # for each room more
_STOP_SECONDS = 15.0
_ROOT = Path(__file__).resolve().parent.parent


class ReceiverFailed(Exception):
    """A receiver ended, or did not answer in time; the text ends with what it last printed."""


class Child:
    """One receiver's process. What it prints is in ``log``."""

    def __init__(self, orders: Orders, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = orders.name
        self.orders = orders
        self.log = log
        self._process = process

    async def ask(self, command: str, seconds: float) -> dict[str, float]:
        """Give a command (``benchmarks.child``) and return the answer. Raises ``ReceiverFailed``."""
        if self._process.stdin is not None and command:
            self._process.stdin.write(f"{command}\n".encode())
        try:
            if self._process.stdout is None:
                raise EOFError
            line = await asyncio.wait_for(self._process.stdout.readline(), seconds)
            if not line:
                raise EOFError
        except (TimeoutError, EOFError) as problem:
            why = "did not answer in time" if isinstance(problem, TimeoutError) else "ended"
            raise ReceiverFailed(f"{self.name} {why} ({command or 'start'}):\n{self._last_words()}") from None
        answer: dict[str, float] = json.loads(line)
        return answer

    async def stop(self) -> None:
        """Have it end in order; kill it if it does not."""
        if self._process.returncode is None and self._process.stdin is not None:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    def _last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-25:])


@asynccontextmanager
async def children(all_orders: list[Orders]) -> AsyncIterator[list[Child]]:
    """Start every receiver and wait until each is in the room; they end with the block."""
    async with AsyncExitStack() as stack:
        started = []
        for orders in all_orders:
            folder = Path(orders.folder)
            folder.mkdir(parents=True, exist_ok=True)
            log = folder / "output.log"
            with log.open("wb") as output:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "benchmarks.receiver",
                    json.dumps(asdict(orders)),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=output,
                    cwd=_ROOT,
                    env={**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")])},
                )
            child = Child(orders, process, log)
            stack.push_async_callback(child.stop)
            started.append(child)
        for child in started:
            await child.ask("", _START_SECONDS + _JOIN_SECONDS * len(child.orders.rooms))
        yield started
