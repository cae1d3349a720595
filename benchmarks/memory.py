"""``memory``: what many rooms full of people cost, and whether a long run grows.

The stand-in puts each receiver into ``rooms`` rooms with ``occupants`` people each, whose presences are like those that
clients send; then it says ``messages`` messages, spread over the rooms, and the memory is looked at in steps.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks import canned, decode
from benchmarks.corpus import Said
from benchmarks.harness import Child, children
from benchmarks.receive import Invalid, finish
from benchmarks.recording import Recording
from benchmarks.report import Sheet
from benchmarks.standin import MUC, StandIn
from botkit.testing.prosody import Generation

STEPS = 10
_PASSWORD = "secret"
_RECORDED = 2000
_PIECE = 10_000  # messages that are prepared at once


async def run(
    generation: Generation,
    receivers: tuple[str, ...],
    size: tuple[int, int, int],
    progress: Callable[[str], None],
) -> Sheet:
    """``size``: rooms, occupants of each, messages. Raises ``Invalid``, ``ReceiverFailed``."""
    rooms, occupants, messages = size
    recording = Recording.of(*await decode.record(generation, _RECORDED))
    people = {
        f"somebody called {number}": f"{number:04}vPVN7QwU2P9jQ1Ba3Lt4Kd0hVGlSc6f=" for number in range(occupants)
    }
    people[canned.TALKER] = recording.occupant_id
    addresses = [f"room-{number}@{MUC}" for number in range(rooms)]
    rows: list[tuple[str | float | None, ...]] = []
    steps: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="botkit-bench-") as name:
        folder = Path(name)
        async with StandIn(folder, password=_PASSWORD, people=people) as server:
            for receiver in receivers:
                progress(f"{receiver}: an empty room, to compare")
                bare = await _held(server, receiver, addresses[:1], folder / "bare")
                progress(f"{receiver}: {rooms} rooms with {occupants} occupants")
                orders = replace(canned.orders_for(server, receiver, folder), room=addresses[0], rooms=addresses[1:])
                async with children([orders]) as running:
                    joined = await _settled(running[0])
                    grown = [joined]
                    for step in range(STEPS):
                        first = 1 + step * (messages // STEPS)
                        await _say(server, running[0], recording, addresses, (first, messages // STEPS))
                        grown.append(await _settled(running[0]))
                        progress(f"{receiver}: {first - 1 + messages // STEPS} messages, {grown[-1]:.0f} MiB")
                steps[receiver] = grown
                each = (joined - bare) * 1024 * 1024 / (rooms * occupants)
                rows.append((receiver, bare, joined, each, grown[STEPS // 2], grown[-1]))
    return Sheet(
        title=f"memory: {rooms} rooms with {occupants} occupants, {messages} messages",
        notes="resident memory; bytes for each occupant are what the rooms add, divided by all occupants",
        settings={"rooms": rooms, "occupants": occupants, "messages": messages, "steps_mib": steps},
        columns=("receiver", "one room MiB", "all rooms MiB", "bytes/occupant", "half-way MiB", "at the end MiB"),
        rows=rows,
    )


async def _held(server: StandIn, receiver: str, rooms: list[str], folder: Path) -> float:
    """Mebibytes of a receiver in one room of the stand-in where nobody else is."""
    people, server.people = server.people, {}
    try:
        orders = replace(canned.orders_for(server, receiver, folder), room=rooms[0])
        async with children([orders]) as running:
            return await _settled(running[0])
    finally:
        server.people = people


async def _settled(child: Child) -> float:
    await asyncio.sleep(1.5)
    return (await child.ask("usage", 30))["rss_kib"] / 1024


async def _say(server: StandIn, child: Child, recording: Recording, rooms: list[str], span: tuple[int, int]) -> None:
    first, left = span
    while left:
        count = min(left, _PIECE)
        said = list(_spread(recording.said(first, count), rooms))
        await child.ask(f"mark {count}", 10)
        await server.sessions[child.name].say((each.stanza for each in said), canned.BURST)
        try:
            await finish(child, said)
        except Invalid as problem:
            raise Invalid(f"{problem} (numbers from {first} on)") from None
        first, left = first + count, left - count


def _spread(said: Iterator[Said], rooms: list[str]) -> Iterator[Said]:
    for number, each in enumerate(said):
        room = rooms[number % len(rooms)].encode()
        yield Said(each.body, each.stanza.replace(canned.ROOM.encode(), room))
