"""Puts everything up, plays the scenes, and takes everything down again, whatever happens."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from botkit.testing.prosody import Prosody, ProsodyInstall, ProsodyOptions
from demo import scenes
from demo.bot import BotProcess
from demo.config import BOT, ROOM, write_config
from demo.eyes import Eyes
from demo.narrator import Narrator
from demo.proof import Ledger
from demo.screen import Screen
from demo.stage import Stage
from tests.server.clients import Client

LONGEST = 88.0  # seconds, all in all

_PEOPLE = ("alice", "bob", "carol", "mallory", "trudy", "oscar")
_VISITORS = ("visitor", "admin")
_BOT = BOT.partition("@")[0]
# A killed client's ghost leaves the room when its stream can no longer be resumed; the default is ten minutes.
_GHOST_SECONDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How it went, and the seconds that it took without what came after the scenes."""

    ledger: Ledger
    seconds: float


async def play(install: ProsodyInstall, screen: Screen, *, calm: bool, keep: bool) -> Result:
    """The whole show. With ``keep`` server and bot go on afterwards, until this is cancelled."""
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="botkit-demo-"))
    passwords = {name: secrets.token_urlsafe(6) for name in (*_VISITORS, _BOT)}
    options = ProsodyOptions(smacks_hibernation_time=_GHOST_SECONDS)
    server = Prosody(install, accounts=dict.fromkeys(_PEOPLE, "secret") | passwords, options=options, keep=True)
    ledger = Ledger()
    tidy = False
    try:
        async with server, _put_up(server, folder, passwords[_BOT], screen, ledger, calm=calm) as stage:
            await _perform(stage, began)
            seconds = time.monotonic() - began
            screen.summary(ledger, seconds)
            if keep:
                await _go_on(stage, server, passwords)
        tidy = ledger.ok
    except asyncio.CancelledError:
        tidy = True  # somebody ended it; there is nothing to look for in the logs
        raise
    finally:
        if tidy:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.rmtree(server.folder, ignore_errors=True)
        else:
            screen.trouble(f"the bot's log: {folder / 'bot.log'}")
            screen.trouble(f"Prosody's log: {server.folder / 'prosody.log'}")
    return Result(ledger=ledger, seconds=seconds)


@asynccontextmanager
async def _put_up(
    server: Prosody, folder: Path, password: str, screen: Screen, ledger: Ledger, *, calm: bool
) -> AsyncIterator[Stage]:
    """The room with its owner in it, and the bot ready to start."""
    screen.opening(f"Prosody {server.install.version}", f"{server.host}:{server.port}", ROOM)
    narrator = Narrator(screen)
    config = write_config(folder, server.host, server.port, server.ca_file)
    bot = BotProcess(config, password, folder / "bot.log", narrator.bot)
    people: dict[str, Client] = {}
    try:
        alice = people["alice"] = await Client.connect(server, "alice")
        admins = dict.fromkeys((BOT, f"bob@{server.domain}", f"admin@{server.domain}"), "admin")
        await alice.create_room(ROOM, "alice", config={"persistentroom": True}, affiliations=admins)
        eyes = Eyes(alice, ROOM)
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(eyes.watch(narrator.room))
            stage = Stage(server, bot, eyes, narrator, screen, people, group, calm, ledger)
            try:
                yield stage
            finally:
                watching.cancel()
                stage.stop_listening()
    finally:
        await bot.close()
        await asyncio.gather(*(client.close() for client in people.values()), return_exceptions=True)


async def _perform(stage: Stage, began: float) -> None:
    """Scene after scene; one that fails is told, and the next one has its turn."""
    try:
        async with asyncio.timeout(LONGEST - (time.monotonic() - began)):
            if not await _scene(stage, "People come in", scenes.greet):
                return  # without the bot there is nothing to see
            await _scene(stage, "They ask the bot", scenes.questions)
            await _scene(stage, "Spam, and what comes of it", scenes.spam)
            await _scene(stage, "A moderator uses forms, from an ordinary client", scenes.forms)
            rest = [
                ("A notice by the clock", scenes.notice),
                ("The bot is killed, and comes back", scenes.absence),
            ]
            # The minute must not be full while the bot is away.
            if not stage.notices() and 60 - time.time() % 60 > (18 if stage.calm else 12):
                rest.reverse()
            for title, scene in rest:
                await _scene(stage, title, scene)
            await _scene(stage, "Good night", scenes.end)
    except TimeoutError:
        stage.screen.trouble(f"not done within {LONGEST:g} s; ended")


async def _scene(stage: Stage, title: str, scene: scenes.Scene) -> bool:
    stage.screen.scene(title)
    try:
        await scene(stage)
        return True
    except Exception as problem:  # the boundary: one scene that fails leaves the others to be seen
        stage.ledger.fail(_PROVES[scene], f"{type(problem).__name__}: {problem}"[:300])
        stage.screen.trouble(f"{type(problem).__name__}: {problem}"[:300])
        return False


_PROVES: dict[scenes.Scene, str] = {
    scenes.greet: "messages",
    scenes.questions: "commands",
    scenes.spam: "spam",
    scenes.forms: "adhoc",
    scenes.notice: "notice",
    scenes.absence: "gap",
    scenes.end: "clean",
}


async def _go_on(stage: Stage, server: Prosody, passwords: dict[str, str]) -> None:
    """Leave everything running and say how to join. Ends by being cancelled."""
    stage.screen.scene("It stays")
    mark = len(stage.narrator.log)
    await stage.bot.start()
    await stage.until_logged("history caught up", mark, 20)
    facts = {
        "server": f"{server.host} port {server.port} (STARTTLS), port {server.tls_port} (direct TLS)",
        "CA to trust": str(server.ca_file),
        "room": f"{ROOM}",
        "you, as anybody": f"visitor@{server.domain}, password {passwords['visitor']}",
        "  try": "!help, !dice 3d6, a word like casino",
        "you, as a moderator": f"admin@{server.domain}, password {passwords['admin']}",
        "  try ": "!status, and keeper's ad-hoc commands",
        "process ids": f"Prosody {server.pid}, bot {stage.bot.pid}, demo {os.getpid()}",
        "the bot's log": str(stage.bot.log_file),
    }
    stage.screen.box("Join with your own client; Ctrl-C ends everything", facts)
    task = asyncio.current_task()
    try:
        await asyncio.get_running_loop().create_future()  # no deadline: somebody asked for it to stay
    except asyncio.CancelledError:
        if task is not None:
            task.uncancel()  # this is how it is meant to end
        stage.screen.note("ends server, bot and people")
