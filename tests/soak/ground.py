"""All that a soak needs: a server, a faulty network, a bot, the rooms and the crowd."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from botkit.testing.prosody import Generation, Prosody, ProsodyOptions, find_or_fetch
from tests.server.clients import Client
from tests.soak import reader
from tests.soak.bot import Bot
from tests.soak.crowd import Crowd, Person
from tests.soak.proxy import Proxy
from tests.soak.reader import Said

NICK = "keeper"
_ACCOUNT = "keeper"
PEOPLE = ["alice", "bob", "carol"]
_ROOM = {"persistentroom": True, "whois": "anyone", "moderatedroom": False}
_HIBERNATES = 30
"""Seconds for which the server keeps a broken session: some faults are shorter, some longer."""


@dataclass(slots=True)
class Truth:
    """What was said, by the archives. ``gone`` holds what was wiped before the bot could read it."""

    said: dict[tuple[str, str], Said] = field(default_factory=dict)
    gone: set[tuple[str, str]] = field(default_factory=set)

    def add(self, messages: list[Said]) -> None:
        for message in messages:
            self.said[message.room, message.number] = message


@dataclass(slots=True)
class Ground:
    """What faults act upon."""

    server: Prosody
    proxy: Proxy
    bot: Bot
    crowd: Crowd
    rooms: list[str]
    rng: random.Random
    truth: Truth = field(default_factory=Truth)
    probes: int = 0
    patience: float = 1.0
    """Times that bounds of time are stretched, for a machine that has other work."""

    @property
    def account(self) -> str:
        """The bot's bare JID."""
        return f"{_ACCOUNT}@{self.server.domain}"

    async def answers(self, rooms: list[str], seconds: float) -> bool:
        """Whether the bot answers in each of ``rooms`` within ``seconds``: it is asked anew until it does."""
        missing = set(rooms)
        asked: dict[str, str] = {}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while missing:
                    missing -= {room for token, room in asked.items() if token in self.crowd.answered}
                    if self.probes % 5 == 0:
                        await self._probe(missing, asked)
                    self.probes += 1
                    await asyncio.sleep(0.1)
        return not missing

    async def _probe(self, rooms: set[str], asked: dict[str, str]) -> None:
        owner = self.crowd.owner
        if owner is None or owner.is_gone:
            return
        for room in rooms:
            token = self.crowd.token("p")
            asked[token] = room
            self.crowd.sent["probe"] += 1
            with contextlib.suppress(Exception):
                Crowd.raw(owner, room, token, f"probe {token}")

    async def read(self, room: str) -> None:
        """Take what the room's archive has into ``truth``."""
        async with asyncio.timeout(120):
            while True:
                with contextlib.suppress(OSError, TimeoutError):
                    self.truth.add(await reader.archive(self.server, "reader", room))
                    return
                await asyncio.sleep(0.3)

    def logged(self) -> set[tuple[str, str]]:
        """The archive ids of the bot's log."""
        return {(row.room, row.number) for row in reader.log(self.bot.folder / "bot.db") if row.number}

    async def has_all(self, seconds: float) -> bool:
        """Whether the bot's log has all of ``truth`` within ``seconds``."""
        wanted = {key for key, said in self.truth.said.items() if said.body} - self.truth.gone
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while wanted - self.logged():
                    await asyncio.sleep(0.3)
                return True
        return False

    async def tell_to_retry(self, room: str) -> None:
        """Tell the bot that ``room`` is worth another try, as its admin does: ``botkit retry``."""
        if not self.bot.wanted or self.bot.pid is None:
            return
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "botkit",
            "retry",
            str(self.bot.config),
            "--room",
            room,
            cwd=self.bot.folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await asyncio.wait_for(process.communicate(), 30)
        self.bot.note(f"--- botkit retry: {said.decode(errors='replace').strip()}")

    async def make_room(self, owner: Person | Client, room: str) -> None:
        """Create the room as the soak wants it."""
        await owner.create_room(room, "owner", config=_ROOM)

    def write_config(self) -> None:
        """The bot's config."""
        rooms = "".join(f"[[rooms]]\njid = {json.dumps(room)}\nnick = {json.dumps(NICK)}\n" for room in self.rooms)
        self.bot.config.write_text(
            f"""
[account]
jid = "{self.account}"
password = {{ env = "BOT_PASSWORD" }}
host = "{self.proxy.host}"
port = {self.proxy.port}
ca_file = "{self.server.ca_file}"
{rooms}
[access]
admins = ["owner@{self.server.domain}"]
[modules.witness]
use = "tests.soak.witness"
journal = "{self.bot.folder / "journal"}"
[outgoing]
loop_guard = false
room_rate = 10
[storage]
path = "bot.db"
[log]
format = "json"
"""
        )


@asynccontextmanager
async def prepared(
    folder: Path, generation: Generation, *, seed: int, rooms: int, rate: float, patience: float
) -> AsyncIterator[Ground]:
    """A server, the rooms, the crowd that talks ``rate`` times a second, and a bot that is not started yet."""
    rng = random.Random(seed)
    names = ["owner", "reader", _ACCOUNT, "thief", *PEOPLE]
    # A destroyed room may be made again at once.
    options = ProsodyOptions(
        smacks_hibernation_time=_HIBERNATES, muc_config="muc_tombstones = false\nmax_archive_query_results = 1000"
    )
    install = await asyncio.to_thread(find_or_fetch, generation)
    server = Prosody(install, options=options, accounts=dict.fromkeys(names, "secret"), keep=True)
    try:
        await server.start()
        addresses = [f"room{number}@{server.muc}" for number in range(1, rooms + 1)]
        async with Proxy(server.host, server.port) as proxy:
            crowd = Crowd(server, addresses, random.Random(seed + 1), rate=rate, bot=f"{_ACCOUNT}@{server.domain}")
            ground = Ground(server, proxy, Bot(folder), crowd, addresses, rng, patience=patience)
            ground.write_config()
            await _furnish(ground)
            crowd.begin(PEOPLE)
            try:
                yield ground
            finally:
                await crowd.end()
                await ground.bot.close()
    finally:
        await server.stop()
        with contextlib.suppress(OSError):
            shutil.copy(server.folder / "prosody.log", folder / "prosody.log")
        shutil.rmtree(server.folder, ignore_errors=True)


async def _furnish(ground: Ground) -> None:
    owner = await Client.connect(ground.server, "owner", "furnisher")
    try:
        for room in ground.rooms:
            await ground.make_room(owner, room)
    finally:
        await owner.close()
