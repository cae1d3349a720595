"""``canned``: recorded messages replayed by a stand-in server, which is never the limit, to each receiver in its turn.

The receivers are those of ``receive``, with their real sockets, TLS and streams. One has the machine to itself while it
is its turn (the stand-in writes from another process), so that wall time is its own.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import decode
from benchmarks.harness import Child, children
from benchmarks.receive import Figures, Invalid, finish
from benchmarks.receiver import STORING, Orders
from benchmarks.recording import Recording
from benchmarks.standin import DOMAIN, HOST, MUC, StandIn
from benchmarks.stored import rows
from botkit.testing.prosody import Generation

_PASSWORD = "secret"
_RECORDED = 2000  # messages; beyond, they are said again with other numbers and ids
BURST = 50
ROOM = f"bench@{MUC}"
TALKER = "talker1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What to run. ``profile`` names the receiver to put under cProfile, which slows it down; None: none."""

    receivers: tuple[str, ...]
    messages: int = 20_000
    warm_up: int = 1000
    rounds: int = 3
    generation: Generation = Generation.V13
    profile: str | None = None
    profile_file: Path | None = None


async def run(settings: Settings, progress: Callable[[str], None]) -> dict[str, Figures]:
    """Run all rounds. Raises ``Invalid`` where a receiver lost a message, ``ReceiverFailed`` where one broke."""
    recorded = min(_RECORDED, settings.messages)
    progress(f"recording {recorded} messages")
    recording = Recording.of(*await decode.record(settings.generation, recorded))
    with tempfile.TemporaryDirectory(prefix="botkit-bench-") as name:
        folder = Path(name)
        async with StandIn(folder, password=_PASSWORD, people={TALKER: recording.occupant_id}) as server:
            orders = [orders_for(server, each, folder, settings) for each in settings.receivers]
            async with children(orders) as running:
                found = await _rounds(settings, recording, server, running, progress)
        total = settings.warm_up + settings.messages * settings.rounds
        for each in orders:
            if each.name in STORING and (kept := rows(Path(each.folder))) != total:
                raise Invalid(f"{each.name} has {kept} of {total} messages in its database")
    return found


def orders_for(server: StandIn, name: str, folder: Path, settings: Settings | None = None) -> Orders:
    """Orders for the receiver ``name`` to listen to ``server``."""
    profile = None
    if settings is not None and settings.profile == name and settings.profile_file is not None:
        profile = str(settings.profile_file)
    return Orders(
        name=name,
        host=HOST,
        port=server.port,
        domain=DOMAIN,
        ca_file=str(server.ca_file),
        account=name,
        password=server.password,
        room=ROOM,
        folder=str(folder / name),
        profile=profile,
    )


async def _rounds(
    settings: Settings, recording: Recording, server: StandIn, running: list[Child], progress: Callable[[str], None]
) -> dict[str, Figures]:
    found = {child.name: Figures() for child in running}
    first = 1
    for turn in range(settings.rounds + 1):
        count = settings.messages if turn else settings.warm_up
        said = await asyncio.to_thread(lambda begin=first, size=count: list(recording.said(begin, size)))  # type: ignore[misc]
        first += count
        for child in running:
            progress(f"round {turn} of {settings.rounds}: {count} messages to {child.name}")
            before = await child.ask(f"mark {count}", 10)
            await server.sessions[child.name].say((each.stanza for each in said), BURST)
            after = await finish(child, said)
            if turn:
                figures = found[child.name]
                figures.cpu.append((after["cpu_ns"] - before["cpu_ns"]) / count / 1000)
                figures.loop.append((after["loop_ns"] - before["loop_ns"]) / count / 1000)
                figures.wall.append((after["last"] - after["first"]) / max(count - 1, 1) * 1e6)
                figures.peak_mib = after["peak_kib"] / 1024
    return found
