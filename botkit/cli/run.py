"""``botkit run``: logs, the event loop, and a progress bar while archives are read."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import structlog
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from botkit import logs, process
from botkit.cli.beside import beside
from botkit.loading import LoadedConfig, load_all
from botkit.model.address import Address
from botkit.routing.middleware import add_event_fields
from botkit.runtime import Runtime
from botkit.services.catch_up import CatchUpProgress, CatchUpResult


def run_bots(configs: Sequence[Path]) -> None:
    """Run until told to stop. Raises ``ConfigError``, ``StoreError``, and the ``LinkError`` that cannot be cured."""
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the configs are just being read
    loaded = load_all(configs)
    first = loaded[0].config.log
    logs.configure(first.level, first.format, processors=(add_event_fields,))
    for one in loaded:
        for warning in one.warnings:
            structlog.get_logger("botkit").warning(warning, account=str(one.config.account.jid))
    console = Console(stderr=True)
    bars = Bars(console) if console.is_terminal and first.format != "json" else None
    with bars.progress if bars else nullcontext():
        process.run(_run(loaded, bars))


async def _run(loaded: Sequence[LoadedConfig], bars: Bars | None) -> None:
    async with beside(loaded) as others:
        await Runtime(loaded, progress=bars.show if bars else None, beside=others).run()


_DRAW_EVERY = 1.0
"""Seconds. A drawing takes some two milliseconds: rich's own ten a second would cost more than half of what reading
does, and go on for as long as the bot runs."""


class Bars:
    """One bar for each room whose archive is being read; gone when it is done. Drawn ``every`` so many seconds."""

    def __init__(self, console: Console, every: float = _DRAW_EVERY) -> None:
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[read]} read, {task.fields[new]} new"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            auto_refresh=False,
        )
        self._tasks: dict[Address, TaskID] = {}
        self._latest: dict[Address, CatchUpProgress] = {}  # not drawn yet
        self._every = every
        self._drawn = 0.0

    def show(self, what: CatchUpProgress | CatchUpResult) -> None:
        """Told after each page, and at the end."""
        if isinstance(what, CatchUpResult):
            self._latest.pop(what.room, None)
            done = self._tasks.pop(what.room, None)
            if done is not None:
                self.progress.remove_task(done)
                self.progress.refresh()
            return
        self._latest[what.room] = what
        now = time.monotonic()
        if now - self._drawn >= self._every:
            self._drawn = now
            for one in self._latest.values():
                self._update(one)
            self._latest.clear()
            self.progress.refresh()

    def _update(self, what: CatchUpProgress) -> None:
        task = self._tasks.get(what.room)
        if task is None:
            task = self._tasks[what.room] = self.progress.add_task(f"history of {what.room}", total=None, read=0, new=0)
        fraction = what.fraction
        self.progress.update(
            task,
            total=None if fraction is None else 1.0,
            completed=fraction or 0.0,
            read=what.read,
            new=what.new,
        )
