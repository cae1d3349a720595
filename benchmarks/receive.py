"""``receive``: what one groupchat message costs each receiver, all of them in one room at once.

A private Prosody, one room, a few talkers who write prepared stanzas in bursts, and every receiver in a process of
its own: so all receive the same messages from the same server at the same time. CPU is what the process used (user and
system) from before the first message until all its work on the last is done, the writing to disk included. Wall time
is from the first handler call to the last; with all receivers on a few cores it tells of the whole, not of one.
A run counts only if every receiver saw every message, by number and by checksum of their bodies, in every round.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from benchmarks import corpus
from benchmarks.harness import Child, children
from benchmarks.receiver import STORING, Orders
from benchmarks.stored import rows
from benchmarks.talker import Talker
from botkit.testing.prosody import Generation, Prosody, ProsodyOptions, find_or_fetch

_PASSWORD = "secret"
_BURST = 50  # messages a talker writes at once
_SETTLED_SECONDS = 0.25  # without use of CPU worth the name: what was put off (batches to disk) is done too
_IDLE_CPU_SECONDS = 0.004
_SECONDS_FOR_MESSAGE = 0.02  # how long a round may take at most, for each of its messages
# The room's archive in memory: Prosody's files are no part of what is measured, and slow it down as they grow.
_OPTIONS = ProsodyOptions(max_history=0, muc_config="storage = 'memory'")


class Invalid(Exception):
    """The figures of a run mean nothing; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What to run. ``profile`` names the receiver to put under cProfile, which slows it down; None: none."""

    receivers: tuple[str, ...]
    messages: int = 5000
    warm_up: int = 500
    rounds: int = 3
    talkers: int = 3
    generation: Generation = Generation.V13
    profile: str | None = None
    profile_file: Path | None = None


class Asked(Protocol):
    """A receiver that can be asked (``harness.Child``)."""

    name: str

    async def ask(self, command: str, seconds: float) -> dict[str, float]: ...


@dataclass(slots=True)
class Figures:
    """One receiver's figures, one entry a round: microseconds for each message.

    ``loop``: the part of ``cpu`` that the event loop's thread used; [] if not known.
    """

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    loop: list[float] = field(default_factory=list)
    peak_mib: float = 0.0

    @property
    def cpu_median(self) -> float:
        """The median over the rounds."""
        return statistics.median(self.cpu)

    @property
    def wall_median(self) -> float:
        """The median over the rounds."""
        return statistics.median(self.wall)


async def run(settings: Settings, progress: Callable[[str], None]) -> dict[str, Figures]:
    """Run all rounds. Raises ``Invalid`` where a receiver lost a message, ``ReceiverFailed`` where one broke."""
    accounts = dict.fromkeys(_accounts(settings), _PASSWORD)
    with tempfile.TemporaryDirectory(prefix="botkit-bench-") as folder:
        install = await asyncio.to_thread(find_or_fetch, settings.generation)
        async with AsyncExitStack() as stack:
            server = Prosody(install, accounts=accounts, options=_OPTIONS)
            await stack.enter_async_context(server)
            room = f"bench@{server.muc}"
            talkers = []
            for number in range(1, settings.talkers + 1):
                talker = await Talker.connect(server, f"talker{number}", _PASSWORD)
                stack.callback(talker.close)
                await talker.join(room, f"talker{number}", create=number == 1)
                talkers.append(talker)
            progress(f"{', '.join(settings.receivers)}: joining")
            orders = [_orders(settings, server, room, name, Path(folder)) for name in settings.receivers]
            async with children(orders) as running:
                found = await _rounds(settings, room, talkers, running, progress)
            total = settings.warm_up + settings.messages * settings.rounds
            for each in orders:
                if each.name in STORING and (kept := rows(Path(each.folder))) != total:
                    raise Invalid(f"{each.name} has {kept} of {total} messages in its database")
            return found


def _accounts(settings: Settings) -> list[str]:
    return [f"talker{number}" for number in range(1, settings.talkers + 1)] + list(settings.receivers)


def _orders(settings: Settings, server: Prosody, room: str, name: str, folder: Path) -> Orders:
    profiled = name == settings.profile and settings.profile_file is not None
    return Orders(
        name=name,
        host=server.host,
        port=server.tls_port,
        domain=server.domain,
        ca_file=str(server.ca_file),
        account=name,
        password=_PASSWORD,
        room=room,
        folder=str(folder / name),
        profile=str(settings.profile_file) if profiled else None,
    )


async def _rounds(
    settings: Settings, room: str, talkers: list[Talker], running: list[Child], progress: Callable[[str], None]
) -> dict[str, Figures]:
    found = {child.name: Figures() for child in running}
    next_number = 1
    sizes = [settings.warm_up, *[settings.messages] * settings.rounds]
    for index, size in enumerate(sizes):
        progress(f"round {index} of {settings.rounds}: {size} messages" if index else f"warm-up: {size} messages")
        said = await asyncio.to_thread(corpus.messages, room, next_number, size)
        next_number += size
        before = {child.name: await child.ask(f"mark {size}", 10) for child in running}
        await _speak(talkers, said)
        after = dict(zip(found, await asyncio.gather(*(finish(child, said) for child in running)), strict=True))
        if index == 0:
            continue
        for name, figures in found.items():
            answer = after[name]
            figures.cpu.append((answer["cpu_ns"] - before[name]["cpu_ns"]) / size / 1000)
            figures.loop.append((answer["loop_ns"] - before[name]["loop_ns"]) / size / 1000)
            figures.wall.append((answer["last"] - answer["first"]) / max(size - 1, 1) * 1e6)
            figures.peak_mib = answer["peak_kib"] / 1024
    return found


async def _speak(talkers: list[Talker], said: list[corpus.Said]) -> None:
    for burst, start in enumerate(range(0, len(said), _BURST)):
        await talkers[burst % len(talkers)].say(b"".join(each.stanza for each in said[start : start + _BURST]))
        await asyncio.sleep(0)  # the talkers' sockets are read meanwhile


async def finish(child: Asked, said: list[corpus.Said]) -> dict[str, float]:
    """Wait until the receiver has all and has come to rest. Raises ``Invalid``."""
    patience = 10 + len(said) * _SECONDS_FOR_MESSAGE
    answer = await child.ask(f"wait {patience}", patience + 10)
    if answer["count"] != len(said):
        raise Invalid(f"{child.name} saw {answer['count']:.0f} of {len(said)} messages")
    rested, used = answer, answer["cpu_ns"]
    for _ in range(int(10 / _SETTLED_SECONDS)):
        await asyncio.sleep(_SETTLED_SECONDS)
        rested = await child.ask("wait 0", 10)
        if rested["cpu_ns"] - used < _IDLE_CPU_SECONDS * 1e9:
            break
        used = rested["cpu_ns"]
    if rested["count"] != len(said) or rested["checksum"] != corpus.checksum(each.body for each in said):
        raise Invalid(f"{child.name} saw other messages than were said, or some of them twice")
    return rested
