"""``catch-up``: a long gap in a room's history read from its archive, on a real Prosody with an archive written before.

botkit reads, stores and shows it with its progress bar; slixmpp's iterator hands over each message; ``raw`` is what the
server needs for the same pages.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from benchmarks import archive
from benchmarks.harness import children
from benchmarks.receive import Invalid
from benchmarks.receiver import Orders
from benchmarks.report import Sheet
from benchmarks.stored import rows
from benchmarks.talker import Talker
from botkit.testing.prosody import Generation, Prosody, ProsodyOptions, find_or_fetch

_PASSWORD = "secret"
_SPAN = timedelta(days=6)
CONTESTANTS = ("archive-raw", "archive-slixmpp", "archive-botkit", "archive-botkit-keeper")
_PERSISTENT = (
    "<iq type='set' to='{0}' id='kept'><query xmlns='http://jabber.org/protocol/muc#owner'>"
    "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'>"
    "<value>http://jabber.org/protocol/muc#roomconfig</value></field>"
    "<field var='muc#roomconfig_persistentroom'><value>1</value></field></x></query></iq>"
)


async def run(
    generation: Generation, messages: int, progress: Callable[[str], None], contestants: tuple[str, ...] = CONTESTANTS
) -> Sheet:
    """Run all. Raises ``Invalid`` where not every message was read, ``ReceiverFailed`` where a reader broke."""
    found: dict[str, tuple[float, float, float]] = {}
    install = await asyncio.to_thread(find_or_fetch, generation)
    options = ProsodyOptions(max_history=0, archive_limit=messages + 1000)
    with tempfile.TemporaryDirectory(prefix="botkit-bench-") as folder:
        async with Prosody(
            install, accounts=dict.fromkeys(("owner", *contestants), _PASSWORD), options=options
        ) as server:
            room = f"bench@{server.muc}"
            owner = await Talker.connect(server, "owner", _PASSWORD)
            await owner.join(room, "owner", create=True)
            await owner.ask(_PERSISTENT.format(room), "'kept'")
            progress(f"writing an archive of {messages} messages")
            first, at = await asyncio.to_thread(archive.write, server.folder / "data", room, messages, _SPAN)
            for name in contestants:
                progress(f"{name} reads {messages} messages")
                orders = Orders(
                    name=name,
                    host=server.host,
                    port=server.tls_port,
                    domain=server.domain,
                    ca_file=str(server.ca_file),
                    account=name,
                    password=_PASSWORD,
                    room=room,
                    folder=str(Path(folder) / name),
                    cursor=[first, at.isoformat()],
                )
                found[name] = await _one(orders, messages)
            owner.close()
    return _sheet(found, messages, generation)


async def _one(orders: Orders, messages: int) -> tuple[float, float, float]:
    patience = 30 + messages * 0.05
    async with children([orders]) as running:
        child = running[0]
        await child.ask(f"mark {messages}", 10)
        before = await child.ask("go", 10)
        after = await child.ask(f"wait {patience}", patience + 10)
        if after["count"] != messages:
            raise Invalid(f"{orders.name} read {after['count']:.0f} of {messages} messages")
        await asyncio.sleep(1.5)  # what was put off, the writing of the last batch, is work as well
        rested = await child.ask("usage", 10)
    kept = rows(Path(orders.folder))
    if kept is not None and kept != messages:
        raise Invalid(f"{orders.name} has {kept} of {messages} messages in its database")
    cpu = (rested["cpu_ns"] - before["cpu_ns"]) / messages / 1000
    return after["last"] - before["now"], cpu, after["peak_kib"] / 1024


def _sheet(found: dict[str, tuple[float, float, float]], messages: int, generation: Generation) -> Sheet:
    floor = found["archive-raw"][0] if "archive-raw" in found else None
    peer = found["archive-slixmpp"][1] if "archive-slixmpp" in found else None
    lines: list[tuple[str | float | None, ...]] = []
    for name, (wall, cpu, peak) in found.items():
        shown = name.removeprefix("archive-")
        times = None if floor is None else wall / floor
        lines.append((shown, wall, times, messages / wall, cpu, None if peer is None else cpu / peer, peak))
    return Sheet(
        title=f"catch-up: a gap of {messages} messages, pages of 50, Prosody {generation.value}",
        notes="raw: the same pages asked for in bytes, what the server needs\n"
        "botkit: connecting, joining, storing and the progress bar included; aim: CPU 100 µs a message",
        settings={"messages": messages, "prosody": generation.value},
        columns=("who", "wall s", "/ raw", "messages/s", "CPU µs a message", "/ slixmpp", "peak MiB"),
        rows=lines,
    )
