"""The bot under test: `botkit run` as a process, started again whenever it ends, as a service manager does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import mmap
import os
import resource
import signal
import struct
import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.soak.journal import FULL_AT

_REPOSITORY = Path(__file__).resolve().parents[2]
_TURNED = Path(__file__).resolve().parent / "turned"
_STARTING = 5.0
_PAUSE = 0.2
"""Seconds before a bot that ended is started again."""


class Bot:
    """One bot, however often it is started. ``folder`` keeps config, database, journal and ``bot.log``.

    ``exits`` counts exit codes; -9 are those killed. ``told`` counts what it logged, by event.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "bot.toml"
        self.exits: Counter[int] = Counter()
        self.told: Counter[str] = Counter()
        self.problems: Counter[str] = Counter()
        self.last: deque[str] = deque(maxlen=200)
        self.starts = 0
        self.memory: list[tuple[float, int]] = []
        self.disk_full = False
        self.wanted = False
        self._began = 0.0
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._clock_file = folder / "clock"
        self._clock_file.write_bytes(struct.pack("d", 0.0))
        self._log = (folder / "bot.log").open("ab")

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    def start(self) -> None:
        """Have it run from now on."""
        self.wanted = True
        self._changed.set()
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep())

    def kill(self) -> None:
        """End it at once (SIGKILL); it is started again."""
        self._signal(signal.SIGKILL)

    def hold(self) -> None:
        """End it at once, and do not start it before ``start``."""
        self.wanted = False
        self.kill()

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._signal(number)

    async def restart(self, seconds: float = 30.0) -> None:
        """Stop it in order (SIGTERM), and have it started again. Raises ``TimeoutError`` if it does not end."""
        await self._end(seconds)
        self.start()

    async def stop(self, seconds: float = 30.0) -> int | None:
        """Stop it in order, for good; its exit code (None if it did not run)."""
        code = await self._end(seconds)
        await self.close()
        return code

    async def close(self) -> None:
        """Kill what is left of it."""
        self.hold()
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None
        if self._process is not None:
            await self._process.wait()
        self._log.close()

    async def until_ended(self, pid: int, seconds: float = 30.0) -> None:
        """Wait until the process ``pid`` is gone."""
        async with asyncio.timeout(seconds):
            while self.pid == pid:
                await asyncio.sleep(0.02)

    def turn_clock(self, seconds: float) -> None:
        """Its wall clock is off by so much from now on."""
        with self._clock_file.open("r+b") as file, mmap.mmap(file.fileno(), 8) as shared:
            shared[:] = struct.pack("d", seconds)

    def fill_disk(self, full: bool) -> None:
        """No file of its process grows past a page (``RLIMIT_FSIZE``): each write there fails, as on a full disk."""
        self.disk_full = full
        pid = self.pid
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                most = FULL_AT if full else resource.RLIM_INFINITY
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))

    def rss(self) -> int | None:
        """Its resident memory now, in KiB; None while it does not run."""
        pid = self.pid
        with contextlib.suppress(OSError, ValueError, StopIteration):
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])
        return None

    def cpu(self) -> float:
        """Seconds of CPU that its process used up to now; 0 while it does not run."""
        with contextlib.suppress(OSError, IndexError):
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return 0.0

    def watch_memory(self) -> None:
        """Note its memory now, if it is not just starting."""
        found = self.rss()
        if found and time.monotonic() - self._began > _STARTING:
            self.memory.append((time.time(), found))

    def _signal(self, number: signal.Signals) -> None:
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)

    async def _end(self, seconds: float) -> int | None:
        self.wanted = False
        process = self._process
        if process is None or process.returncode is not None:
            return None
        process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(process.wait(), seconds)

    async def _keep(self) -> None:
        while True:
            while not self.wanted:
                self._changed.clear()
                await self._changed.wait()  # no deadline: whoever holds it lets it go
            await self._run_once()
            await asyncio.sleep(_PAUSE)

    async def _run_once(self) -> None:
        # Should we die ourselves, the kernel kills it; and a disk that is full stays full over a restart.
        wrapper = ["setpriv", "--pdeathsig", "KILL", "--"]
        if self.disk_full:
            wrapper += ["prlimit", f"--fsize={FULL_AT}:unlimited", "--"]
        self.starts += 1
        self._began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *wrapper,
            sys.executable,
            "-m",
            "botkit",
            "run",
            str(self.config),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            cwd=self.folder,
            env={
                **os.environ,
                "BOT_PASSWORD": "secret",
                "SOAK_CLOCK": str(self._clock_file),
                "PYTHONPATH": os.pathsep.join((str(_TURNED), str(_REPOSITORY))),
            },
            limit=1 << 22,
        )
        self._process = process
        self.note(f"--- started, process {process.pid}")
        assert process.stderr is not None
        async for raw in process.stderr:
            self._log.write(raw)
            self._log.flush()
            self._note(_parsed(raw))
        code = await process.wait()
        self.exits[code] += 1
        self.note(f"--- ended with {code}")

    def note(self, text: str) -> None:
        """Put a line of ours into its log."""
        self._log.write(text.encode() + b"\n")
        self.last.append(text)

    def _note(self, line: dict[str, Any]) -> None:
        event = str(line.get("event"))
        self.last.append(json.dumps(line))
        self.told[event] += 1
        if line.get("level") in ("error", "critical") or line.get("plain"):
            self.problems[event[:120]] += 1

    async def until(self, condition: Callable[[], object], seconds: float) -> bool:
        """Whether ``condition`` came true within ``seconds``."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not condition():
                    await asyncio.sleep(0.05)
                return True
        return False


def _parsed(raw: bytes) -> dict[str, Any]:
    text = raw.decode(errors="replace").rstrip("\n")
    try:
        line = json.loads(text)
    except ValueError:
        line = None
    return line if isinstance(line, dict) else {"event": text, "plain": True}
