"""``join``: entering many rooms of one server at once, against what the server itself needs for it.

Each contestant is alone in its turn. Wall time is from the word to the last room's answer.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness import children
from benchmarks.receive import Invalid
from benchmarks.receiver import Orders
from benchmarks.report import Sheet
from benchmarks.talker import Talker
from botkit.testing.prosody import Generation, Prosody, ProsodyOptions, find_or_fetch

_PASSWORD = "secret"
_PATIENCE = 120.0
CONTESTANTS = ("raw", "raw-asking", "joins-slixmpp", "joins-aioxmpp", "joins-botkit")
_OPTIONS = ProsodyOptions(max_history=0, muc_config="storage = 'memory'")


async def run(generation: Generation, rooms: int, rounds: int, progress: Callable[[str], None]) -> Sheet:
    """Run all. Raises ``Invalid`` where a contestant did not get into all rooms, ``ReceiverFailed`` where one broke."""
    wall: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    cpu: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    install = await asyncio.to_thread(find_or_fetch, generation)
    accounts = dict.fromkeys(("owner", *CONTESTANTS), _PASSWORD)
    with tempfile.TemporaryDirectory(prefix="botkit-bench-") as folder:
        async with Prosody(install, accounts=accounts, options=_OPTIONS) as server:
            names = [f"room{number}@{server.muc}" for number in range(rooms)]
            progress(f"making {rooms} rooms")
            owner = await Talker.connect(server, "owner", _PASSWORD)
            for name in names:
                await owner.join(name, "owner", create=True)
            for turn in range(rounds):
                for name in CONTESTANTS:
                    progress(f"round {turn + 1} of {rounds}: {name}")
                    took, used = await _one(server, name, names, Path(folder) / f"{name}{turn}")
                    wall[name].append(took)
                    cpu[name].append(used)
            owner.close()
    floor, same = statistics.median(wall["raw"]), statistics.median(wall["raw-asking"])
    rows: list[tuple[str | float | None, ...]] = []
    for name in CONTESTANTS:
        took = statistics.median(wall[name])
        rows.append((_shown(name), took, took / floor, took / same, statistics.median(cpu[name]) / rooms * 1000))
    return Sheet(
        title=f"join: {rooms} rooms, {rounds} rounds, Prosody {generation.value}",
        notes="raw: all presences in one write, the least that a server needs\n"
        "raw-asking: what botkit asks of it, in two writes: stream management, disco#info of each room",
        settings={"rooms": rooms, "rounds": rounds, "prosody": generation.value, "wall_s": wall, "cpu_s": cpu},
        columns=("who", "wall s", "/ raw", "/ raw-asking", "CPU ms a room"),
        rows=rows,
    )


async def _one(server: Prosody, name: str, rooms: list[str], folder: Path) -> tuple[float, float]:
    orders = Orders(
        name=name,
        host=server.host,
        port=server.tls_port,
        domain=server.domain,
        ca_file=str(server.ca_file),
        account=name,
        password=_PASSWORD,
        room=rooms[0],
        rooms=rooms[1:],
        folder=str(folder),
    )
    async with children([orders]) as running:
        child = running[0]
        await child.ask(f"mark {len(rooms)}", 10)
        before = await child.ask("go", 10)
        after = await child.ask(f"wait {_PATIENCE}", _PATIENCE + 10)
        if after["count"] != len(rooms):
            raise Invalid(f"{name} came into {after['count']:.0f} of {len(rooms)} rooms")
        return after["last"] - before["now"], (after["cpu_ns"] - before["cpu_ns"]) / 1e9


def _shown(name: str) -> str:
    return name.removeprefix("joins-")
