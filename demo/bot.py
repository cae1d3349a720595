"""The bot as a process of its own, started as anybody starts it: ``python -m botkit run CONFIG``."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

Told = Callable[[dict[str, object]], None]

_LONGEST_LINE = 4 * 2**20
_STOP_SECONDS = 10.0  # what the bot promises


class BotProcess:
    """The bot. ``tell`` gets each line of its log, as it comes; all of them are kept in ``log_file``."""

    def __init__(self, config: Path, password: str, log_file: Path, tell: Told) -> None:
        self._config = config
        self._environment = dict(os.environ, DEMO_PASSWORD=password)
        self._tell = tell
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self.log_file = log_file

    @property
    def pid(self) -> int | None:
        """Its process id; None while it does not run."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> None:
        """Start it; what it does from then on is in its log."""
        self._process = await asyncio.create_subprocess_exec(
            *_tied_to_us(),
            *(sys.executable, "-m", "botkit", "run", str(self._config)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment,
            limit=_LONGEST_LINE,
            # Ctrl-C is for the demo, which then stops the bot in good order.
            start_new_session=True,
        )
        self._reader = asyncio.create_task(self._read(self._process))

    async def kill(self) -> None:
        """End it as a power cut would (SIGKILL)."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> tuple[int | None, float]:
        """Ask it to stop (SIGTERM). Returns its exit code (None: not within ten seconds) and the seconds it took."""
        began = time.monotonic()
        return await self._end(signal.SIGTERM), time.monotonic() - began

    async def close(self) -> None:
        """Make sure that it is gone."""
        if self.pid is not None and await self._end(signal.SIGTERM) is None:
            await self._end(signal.SIGKILL)
        if self._reader is not None:
            self._reader.cancel()

    async def history(self, room: str) -> list[dict[str, object]]:
        """All that ``botkit history`` knows of the room, oldest first."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "botkit", "history", room, "--config", str(self._config)),
            *("--json", "--limit", "100000"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment,
        )
        output, problem = await process.communicate()
        if process.returncode != 0:
            raise RuntimeError(f"botkit history: {problem.decode(errors='replace').strip()}")
        return [json.loads(line) for line in output.decode().splitlines()]

    async def _end(self, number: signal.Signals) -> int | None:
        process = self._process
        if process is None:
            return None
        with suppress(ProcessLookupError):
            process.send_signal(number)
        try:
            code = await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            return None
        if self._reader is not None:
            await self._reader  # ends with the pipe
        return code

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        with self.log_file.open("ab") as copy:
            async for line in process.stderr:
                copy.write(line)
                copy.flush()
                self._tell(_parsed(line))


def _parsed(line: bytes) -> dict[str, object]:
    """A log line's fields; what is none (a traceback at the start, say) is told as an error."""
    try:
        fields = json.loads(line)
    except ValueError:
        fields = None
    if isinstance(fields, dict):
        return fields
    return {"event": line.decode(errors="replace").rstrip(), "level": "error"}


def _tied_to_us() -> tuple[str, ...]:
    """Should the demo die without its last steps, the kernel ends the bot, too."""
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "TERM", "--") if setpriv else ()
