"""``latency``: from an unwanted message on the wire to the request that takes it away, under growing load.

The stand-in says so many messages a second, in bursts, one of each burst unwanted, and notes when the request for
exactly that message comes back. ``botkit-keeper`` is the whole bot: it stores everything, judges by all of its rules,
looks the author up again, counts against its limits. slixmpp looks for one word and asks.
"""

from __future__ import annotations

import asyncio
import re
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks import canned, decode
from benchmarks.corpus import Said
from benchmarks.harness import Child, children
from benchmarks.receive import Invalid, finish
from benchmarks.recording import Recording
from benchmarks.report import Sheet
from benchmarks.standin import StandIn
from botkit.testing.prosody import Generation

RECEIVERS = ("moderator-slixmpp", "botkit-keeper")
RATES = (100, 500, 2000)
"""Messages a second."""
_BURSTS = 50  # a second
_PASSWORD = "secret"
_RECORDED = 2000
_ID = re.compile(rb"<stanza-id [^>]*?\bid='([^']+)'")
_KEEPER = """\
words = ["viagra", "casino*", "free money", "crypto giveaway", "buy followers"]
deny_links = ["spam.example", "phish.example"]
allow_links = ["example.org", "example.com", "example.net"]
flood_messages = 60
flood_seconds = 0.001
duplicate_times = 60
retract_after = 1
warn_after = false
devoice_after = false
kick_after = false
ban_after = false
limits = { messages_per_minute = 1000000, messages_per_ten_minutes = 1000000 }
"""


async def run(generation: Generation, seconds: float, progress: Callable[[str], None]) -> Sheet:
    """``seconds`` for each rate. Raises ``Invalid`` where a message was not taken away, or not seen."""
    recording = Recording.of(*await decode.record(generation, _RECORDED))
    rows: list[tuple[str | float | None, ...]] = []
    with tempfile.TemporaryDirectory(prefix="botkit-bench-") as name:
        people = {canned.TALKER: recording.occupant_id}
        async with StandIn(Path(name), password=_PASSWORD, people=people) as server:
            all_orders = [replace(canned.orders_for(server, each, Path(name)), keeper=_KEEPER) for each in RECEIVERS]
            async with children(all_orders) as running:
                first = 1
                for rate in RATES:
                    for child in running:
                        progress(f"{child.name}: {rate} messages a second")
                        bursts = _bursts(recording, first, rate, seconds)
                        first += sum(map(len, bursts))
                        took = sorted(await _spoken(server, child, bursts))
                        rows.append(
                            (
                                child.name.removeprefix("moderator-"),
                                float(rate),
                                statistics.median(took) * 1000,
                                took[min(len(took) - 1, int(len(took) * 0.99))] * 1000,
                                took[-1] * 1000,
                            )
                        )
    return Sheet(
        title=f"latency: an unwanted message in, the request to take it away out; {seconds:g} s for each rate",
        notes="slixmpp: one word looked for, nothing stored; botkit-keeper: the whole bot with all of its rules",
        settings={"seconds": seconds, "bursts_a_second": _BURSTS, "rates": RATES},
        columns=("who", "messages/s", "p50 ms", "p99 ms", "most ms"),
        rows=rows,
    )


def _bursts(recording: Recording, first: int, rate: int, seconds: float) -> list[list[Said]]:
    size, count = max(1, rate // _BURSTS), int(_BURSTS * seconds)
    found = []
    for burst in range(count):
        said = list(recording.said(first + burst * size, size))
        place = burst % size  # now at the head of a burst, now at its end
        said[place] = _unwanted(said[place])
        found.append(said)
    return found


def _unwanted(said: Said) -> Said:
    body = said.body + " viagra"
    return Said(body, said.stanza.replace(b"</body><", b" viagra</body><", 1))


async def _spoken(server: StandIn, child: Child, bursts: list[list[Said]]) -> list[float]:
    sent: dict[str, float] = {}
    took: list[float] = []
    everything = [said for burst in bursts for said in burst]

    def moderated(archive_id: str) -> None:
        if archive_id in sent:
            took.append(time.perf_counter() - sent.pop(archive_id))

    server.on_moderation = moderated
    await child.ask(f"mark {len(everything)}", 10)
    session = server.sessions[child.name]
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number, burst in enumerate(bursts):
        await asyncio.sleep(max(0.0, began + number / _BURSTS - loop.time()))
        now = time.perf_counter()
        for said in burst:
            found = _ID.search(said.stanza)
            if said.body.endswith(" viagra") and found is not None:
                sent[found[1].decode()] = now
        await session.say([said.stanza for said in burst], len(burst))
    await finish(child, everything)
    for _ in range(200):
        if not sent:
            break
        await asyncio.sleep(0.1)
    if sent:
        raise Invalid(f"{child.name} did not take away {len(sent)} of {len(bursts)} messages")
    return took
