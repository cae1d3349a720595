"""Bots that are stopped and started within a test; on the same ground as ``bots.py``."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs
from typer.testing import CliRunner

from botkit.app import App
from botkit.cli import app as command_line
from botkit.loading import load
from botkit.ports import Clock
from botkit.services.catch_up import CatchUpResult
from botkit.testing.prosody import Prosody
from tests.server.bots import PASSWORD, BotProcess, Waiter, config_text, spawn_bot
from tests.server.clients import Client
from tests.server.wire import is_presence

NICK = "keeper"


def write_config(folder: Path, server: Prosody, account: str, rooms: Sequence[str], toml: str = "") -> Path:
    """A config for ``account`` in ``rooms``, each as ``keeper``; its data in ``folder``."""
    own = '[storage]\npath = "bot.db"\n[runtime]\nhealth_file = "health.json"\n'
    path = folder / "bot.toml"
    path.write_text(config_text(server, account, own + toml, rooms=rooms, nick=NICK))
    return path


@dataclass
class Stay:
    """One run of an app. ``logs`` has each line as a dict; ``catch_ups`` the ends of readings of archives."""

    app: App
    logs: list[dict[str, Any]]
    catch_ups: list[CatchUpResult] = field(default_factory=list)

    def told(self, event: str) -> list[dict[str, Any]]:
        """The lines that say exactly ``event``."""
        return [line for line in self.logs if line["event"] == event]

    async def until(self, condition: Any, seconds: float = 15.0) -> Any:
        """The first true value of ``condition``."""
        return await Waiter().until(condition, lambda: f"the log: {self.logs[-12:]}", seconds)


@asynccontextmanager
async def running_app(config: Path, *, clock: Clock | None = None) -> AsyncIterator[Stay]:
    """The bot of ``config`` in this process, in its rooms and caught up with them; stopped in order at the end."""
    os.environ["BOT_PASSWORD"] = PASSWORD
    loaded = load(config)
    ended: list[CatchUpResult] = []

    def progress(event: object) -> None:
        if isinstance(event, CatchUpResult):
            ended.append(event)

    with capture_logs() as logs:
        app = App(loaded, clock=clock, progress=progress)
        stay, task = Stay(app, logs, ended), asyncio.create_task(app.run())
        try:
            await stay.until(lambda: task.done() or len(ended) >= len(loaded.config.rooms))
            assert not task.done(), task
            yield stay
        finally:
            app.stop()
            async with asyncio.timeout(12):
                await task


@asynccontextmanager
async def running_bot(config: Path) -> AsyncIterator[BotProcess]:
    """``botkit run`` as a process; killed at the end if it still runs."""
    bot = await spawn_bot(config)
    try:
        yield bot
    finally:
        if bot.exit_code is None:
            bot.kill()
        await bot.wait()


async def botkit(config: Path, *arguments: str) -> BotProcess:
    """Run ``botkit`` with ``arguments`` to its end, in the folder of ``config``."""
    done = await spawn_bot(config, *arguments, env={"NO_COLOR": "1"})
    await done.wait(60)
    return done


async def history_text(config: Path, room: str, *arguments: str) -> str:
    """What ``botkit history`` prints of ``room``; in this process, as it is asked often."""
    given = ["history", room, "-c", str(config), "--limit", "10000", *arguments]
    done = await asyncio.to_thread(CliRunner().invoke, command_line, given)
    assert done.exit_code == 0, done
    return done.stdout


async def history(config: Path, room: str, *arguments: str) -> list[dict[str, Any]]:
    """The same with ``--json``, each line parsed; messages alone."""
    return [line for line in await history_lines(config, room, *arguments) if "gap" not in line]


async def history_lines(config: Path, room: str, *arguments: str) -> list[dict[str, Any]]:
    """As ``history``, gaps and all."""
    return [json.loads(line) for line in (await history_text(config, room, "--json", *arguments)).splitlines()]


async def bot_in(person: Client, room: str, *, since: int = 0) -> str:
    """Wait until ``person`` sees the bot in the room; its occupant JID."""
    await person.wait_for(lambda s: is_presence(s, f"{room}/{NICK}") and s.get("type") is None, since=since)
    return f"{room}/{NICK}"
