"""One run under load: the server, two thousand occupants, the bot; then the counts."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sqlite3
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from botkit.testing.prosody import Generation, Prosody, ProsodyOptions, find_or_fetch
from tests.soak import journal
from tests.soak.bot import Bot
from tests.soak.load.speakers import Relayed, Speaker

_PASSWORD = "secret"
_STAMP = re.compile(r"~(\d+)\.(\d+)\.(\d+)~")
_JOIN_SECONDS = 180.0
_DRAIN_SECONDS = 120.0
_WARM_SHARE = 0.2
_MOST_GROWTH = 1.15
_GROWTH_FREE_KIB = 8 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """``window``: messages of one account on their way at the same time; 40 accounts are in 50 rooms each."""

    generation: Generation
    seconds: float
    rooms: int = 200
    accounts: int = 40
    in_each: int = 10
    window: int = 4


@dataclass(slots=True)
class LoadOutcome:
    """What came of it. Latencies and lags are milliseconds, memory is KiB."""

    plan: LoadPlan
    seconds: float = 0.0
    said: int = 0
    relayed_stanzas: int = 0
    in_archives: int = 0
    in_log: int = 0
    doubled: int = 0
    missing: int = 0
    drained_after: float | None = None
    latency: dict[str, float] = field(default_factory=dict)
    lag: list[dict[str, float]] = field(default_factory=list)
    memory: list[tuple[float, int]] = field(default_factory=list)
    cpu_seconds: float = 0.0
    told: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        found = asdict(self)
        found["plan"]["generation"] = self.plan.generation.value
        return found


async def load(plan: LoadPlan, folder: Path, tell: Callable[[str], None]) -> LoadOutcome:
    """Do it all in ``folder``, where everything stays."""
    outcome = LoadOutcome(plan)
    names = {f"p{number}": _PASSWORD for number in range(plan.accounts)} | {"keeper": _PASSWORD}
    options = ProsodyOptions(
        max_history=0,
        archive_limit=10_000_000,
        require_encryption=False,
        muc_config="muc_room_locking = false\nmuc_room_default_persistent = true",
        extra_config="allow_unencrypted_plain_auth = true",
    )
    install = await asyncio.to_thread(find_or_fetch, plan.generation)
    server = Prosody(install, options=options, accounts=names, keep=True)
    bot = Bot(folder)
    try:
        await server.start()
        rooms = [f"room{number}@{server.muc}" for number in range(plan.rooms)]
        relayed = Relayed()
        speakers = [_speaker(number, plan, rooms, relayed) for number in range(plan.accounts)]
        tell(f"{plan.accounts} accounts enter {plan.rooms} rooms")
        for speaker in speakers:
            await speaker.log_in(server, f"p{speaker.number}", _PASSWORD)
            await speaker.enter()
        _write_config(bot, server, rooms)
        bot.start()
        if not await bot.until(lambda: bot.told["room joined"] >= plan.rooms, _JOIN_SECONDS):
            raise RuntimeError("the bot is not in every room:\n" + "\n".join(bot.last))
        tell("the bot is in every room; everybody talks")
        await _talk(plan, outcome, speakers, relayed, bot, tell)
        await _count(outcome, speakers, bot, server, tell)
        for speaker in speakers:
            speaker.close()
    finally:
        await bot.close()
        await server.stop()
        shutil.rmtree(server.folder, ignore_errors=True)
    return outcome


def _speaker(number: int, plan: LoadPlan, rooms: list[str], relayed: Relayed) -> Speaker:
    # Room r has the accounts r, r + 4, r + 8 ...: each room as many people, each account as many rooms.
    step = plan.accounts // plan.in_each
    return Speaker(number, [room for r, room in enumerate(rooms) if (number - r) % step == 0], relayed)


async def _talk(
    plan: LoadPlan,
    outcome: LoadOutcome,
    speakers: list[Speaker],
    relayed: Relayed,
    bot: Bot,
    tell: Callable[[str], None],
) -> None:
    begin, cpu = time.monotonic(), bot.cpu()
    for speaker in speakers:
        speaker.talk(plan.window)
    said, at = 0, begin
    while (now := time.monotonic()) - begin < plan.seconds:
        await asyncio.sleep(min(10.0, max(0.1, plan.seconds - (now - begin))))
        bot.watch_memory()
        now, before = time.monotonic(), said
        said = sum(speaker.said for speaker in speakers)
        memory = bot.memory[-1][1] / 1024 if bot.memory else 0
        tell(f"{now - begin:6.0f} s  {(said - before) / (now - at):6.0f} messages/s, the bot has {memory:.1f} MiB")
        at = now
    for speaker in speakers:
        speaker.talk(0)
    outcome.seconds = time.monotonic() - begin
    async with asyncio.timeout(_DRAIN_SECONDS):
        while any(speaker.waiting for speaker in speakers):
            await asyncio.sleep(0.05)
    outcome.said = sum(speaker.said for speaker in speakers)
    outcome.cpu_seconds = bot.cpu() - cpu
    outcome.relayed_stanzas = relayed.stanzas
    ordered = sorted(relayed.latencies)
    outcome.latency = {
        "p50": ordered[len(ordered) // 2],
        "p99": ordered[len(ordered) * 99 // 100],
        "max": ordered[-1],
    }


async def _count(
    outcome: LoadOutcome, speakers: list[Speaker], bot: Bot, server: Prosody, tell: Callable[[str], None]
) -> None:
    begin = time.monotonic()
    if await bot.until(lambda: _logged(bot.folder / "bot.db") >= outcome.said, _DRAIN_SECONDS):
        outcome.drained_after = time.monotonic() - begin
    tell("everybody is silent; counting")
    outcome.told = dict(bot.told)
    outcome.memory = bot.memory
    code = await bot.stop()
    if code != 0:
        outcome.broken.append(f"told to stop, it ended with {code}")
    outcome.lag = [line for line in journal.read(bot.folder / "journal") if line["what"] == "heard"]
    _compare(outcome, speakers, bot.folder / "bot.db")
    outcome.in_archives = await asyncio.to_thread(_archived, server)
    if outcome.in_archives != outcome.said:
        outcome.broken.append(f"the archives have {outcome.in_archives} of {outcome.said}: the run says nothing")
    if sum(speaker.doubled for speaker in speakers):
        outcome.broken.append("the server relayed a message twice: the run says nothing")
    heard = sum(int(line["live"] + line["caught_up"]) for line in outcome.lag)
    if heard > outcome.said:
        outcome.broken.append(f"handlers had {heard} messages, {outcome.said} were said")
    _hold_memory(outcome)


def _logged(database: Path) -> int:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return int(connection.execute("SELECT max(number) FROM message").fetchone()[0] or 0)
    finally:
        connection.close()


def _compare(outcome: LoadOutcome, speakers: list[Speaker], database: Path) -> None:
    found: list[set[int]] = [set() for _ in speakers]
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    for (text,) in connection.execute("SELECT body FROM message"):
        stamp = _STAMP.match(text)
        if stamp is None:
            continue
        outcome.in_log += 1
        mine, number = found[int(stamp[1])], int(stamp[2])
        outcome.doubled += number in mine
        mine.add(number)
    connection.close()
    outcome.missing = sum(speaker.said - len(mine) for speaker, mine in zip(speakers, found, strict=True))
    if outcome.missing or outcome.doubled:
        outcome.broken.append(f"of {outcome.said} messages {outcome.missing} are missing, {outcome.doubled} doubled")


def _archived(server: Prosody) -> int:
    folder = server.folder / "data" / "rooms%2elocalhost" / "muc_log"
    return sum(len(_STAMP.findall(path.read_text())) for path in folder.glob("*.list"))


def _hold_memory(outcome: LoadOutcome) -> None:
    warm = [kib for _, kib in outcome.memory[int(len(outcome.memory) * _WARM_SHARE) :]]
    if len(warm) < 6:
        return
    third = len(warm) // 3
    first, last = statistics.median(warm[:third]), statistics.median(warm[-third:])
    if last > first * _MOST_GROWTH + _GROWTH_FREE_KIB:
        outcome.broken.append(f"memory grew from {first / 1024:.0f} to {last / 1024:.0f} MiB")


def _write_config(bot: Bot, server: Prosody, rooms: list[str]) -> None:
    listed = "".join(f'[[rooms]]\njid = {json.dumps(room)}\nnick = "keeper"\n' for room in rooms)
    bot.config.write_text(
        f"""
[account]
jid = "keeper@{server.domain}"
password = {{ env = "BOT_PASSWORD" }}
host = "{server.host}"
port = {server.port}
ca_file = "{server.ca_file}"
{listed}
[modules.listener]
use = "tests.soak.load.listener"
journal = "{bot.folder / "journal"}"
[storage]
path = "bot.db"
[log]
format = "json"
"""
    )
