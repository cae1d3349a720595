"""``growth``: how botkit's cost for a message grows with rooms, occupants, rules and the size of messages.

The whole bot with the keeper, one thing changed at a time from a common middle; the stand-in replays as in ``canned``.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import canned, decode
from benchmarks.corpus import Said
from benchmarks.harness import children
from benchmarks.receive import finish
from benchmarks.recording import Recording
from benchmarks.report import Sheet
from benchmarks.standin import MUC, StandIn
from botkit.testing.prosody import Generation

_PASSWORD = "secret"
_RECORDED = 2000


@dataclass(frozen=True, slots=True)
class Case:
    """One point: so many rooms, occupants, unwanted words; bodies longer by ``longer`` characters."""

    label: str
    rooms: int = 1
    occupants: int = 20
    words: int = 5
    longer: int = 0


CASES = (
    Case("1 room, 20 occupants, 5 words, 160 characters"),
    Case("20 rooms", rooms=20),
    Case("200 rooms", rooms=200),
    Case("200 occupants", occupants=200),
    Case("2000 occupants", occupants=2000),
    Case("100 words", words=100),
    Case("1000 words", words=1000),
    Case("1,000 characters more", longer=1000),
    Case("5,000 characters more", longer=5000),
)


async def run(
    generation: Generation, messages: int, progress: Callable[[str], None], cases: tuple[Case, ...] = CASES
) -> Sheet:
    """Raises ``Invalid`` where a message was lost, ``ReceiverFailed`` where the bot broke."""
    recording = Recording.of(*await decode.record(generation, min(_RECORDED, messages)))
    rows: list[tuple[str | float | None, ...]] = []
    base = 0.0
    for case in cases:
        progress(case.label)
        cost, memory = await _one(case, recording, messages)
        base = base or cost
        rows.append((case.label, cost, cost / base, memory))
    return Sheet(
        title=f"growth: botkit with the keeper, {messages} messages for each case",
        notes="CPU for each message; each case is the first one with one thing changed",
        settings={"messages": messages},
        columns=("case", "CPU µs", "/ first", "MiB"),
        rows=rows,
    )


async def _one(case: Case, recording: Recording, messages: int) -> tuple[float, float]:
    people = {f"somebody{number}": f"{number:044}" for number in range(case.occupants - 1)}
    people[canned.TALKER] = recording.occupant_id
    rooms = [f"room-{number}@{MUC}" for number in range(case.rooms)]
    words = ", ".join(f'"unwanted{number}"' for number in range(case.words))
    keeper = f"dry_run = true\nwords = [{words}]\nflood_messages = 60\nflood_seconds = 0.001\nduplicate_times = 60\n"
    costs = []
    memory = 0.0
    with tempfile.TemporaryDirectory(prefix="botkit-bench-") as name:
        async with StandIn(Path(name), password=_PASSWORD, people=people) as server:
            orders = canned.orders_for(server, "botkit-keeper", Path(name))
            async with children([replace(orders, room=rooms[0], rooms=rooms[1:], keeper=keeper)]) as running:
                child = running[0]
                sizes = (messages // 4, messages, messages)
                first = 1
                for turn, count in enumerate(sizes):
                    said = list(_changed(recording.said(first, count), rooms, case.longer))
                    first += count
                    before = await child.ask(f"mark {count}", 10)
                    await server.sessions[child.name].say((each.stanza for each in said), canned.BURST)
                    after = await finish(child, said)
                    if turn:
                        costs.append((after["cpu_ns"] - before["cpu_ns"]) / count / 1000)
                    memory = after["rss_kib"] / 1024
    return statistics.median(costs), memory


def _changed(said: Iterator[Said], rooms: list[str], longer: int) -> Iterator[Said]:
    more = (" and so on" * (longer // 10))[:longer]
    for number, each in enumerate(said):
        stanza = each.stanza.replace(canned.ROOM.encode(), rooms[number % len(rooms)].encode())
        yield Said(each.body + more, stanza.replace(b"</body><", more.encode() + b"</body><", 1))
