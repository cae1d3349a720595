"""``decode``: bytes off the wire to what a handler would be given, without any server or socket in between.

A talker records what a real Prosody reflects to it, and each library reads these very bytes again, in turns:

- ``botkit``: its stream parser and ``decode_stanza``, which reads all that the stanza says into one event;
- ``slixmpp``: its parser and stanza object, asked for sender and body only (it reads what it is asked for, when asked);
- ``slixmpp-all``: the same, asked for what botkit's event holds besides: ids, occupant-id, reply, delay, correction;
- ``aioxmpp``: its SAX driver and XSO parser, up to a ``Message``.
"""

from __future__ import annotations

import asyncio
import functools
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

from benchmarks import corpus
from benchmarks.receive import Figures, Invalid
from benchmarks.talker import Talker
from botkit.testing.prosody import Generation, Prosody, ProsodyOptions, find_or_fetch

_HEADER = (
    b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
    b" id='recorded' from='localhost' version='1.0'>"
)
_CHUNK = 4096  # bytes given to a parser at once

Reader = Callable[[list[bytes]], list[str]]
"""Reads a whole stream, given in pieces, and returns the bodies of its groupchat messages."""


async def record(generation: Generation, count: int) -> tuple[list[bytes], list[str]]:
    """A stream of ``count`` messages as Prosody reflected them, in pieces, and their bodies."""
    install = await asyncio.to_thread(find_or_fetch, generation)
    accounts = {"talker1": "secret", "listener": "secret"}
    async with Prosody(install, accounts=accounts, options=ProsodyOptions(max_history=0)) as server:
        room = f"bench@{server.muc}"
        talker = await Talker.connect(server, "talker1", "secret")
        await talker.join(room, "talker1", create=True)
        listener = await Talker.connect(server, "listener", "secret", record=True)
        await listener.join(room, "listener")
        await listener.ask("<iq type='get' id='settled'><ping xmlns='urn:xmpp:ping'/></iq>", "settled")
        said = corpus.messages(room, 1, count)
        listener.recorded.clear()
        for each in said:
            await talker.say(each.stanza)
        async with asyncio.timeout(20 + count * 0.01):
            await listener.heard(b"</message>", count)
        stream = _HEADER + bytes(listener.recorded)
        talker.close()
        listener.close()
    return [stream[start : start + _CHUNK] for start in range(0, len(stream), _CHUNK)], [each.body for each in said]


async def run(generation: Generation, count: int, rounds: int, progress: Callable[[str], None]) -> dict[str, Figures]:
    """Microseconds of CPU for each message. Raises ``Invalid`` where a reader lost or changed a message."""
    progress(f"recording {count} messages")
    pieces, bodies = await record(generation, count)
    found = {name: Figures() for name in READERS}
    loop = asyncio.get_running_loop()
    with ExitStack() as stack:
        # A process for each: slixmpp's plugins change its stanza classes for the whole process.
        fresh = multiprocessing.get_context("spawn")
        pools = {name: stack.enter_context(ProcessPoolExecutor(1, mp_context=fresh)) for name in READERS}
        for turn in range(rounds + 1):
            progress(f"round {turn} of {rounds}")
            for name, pool in pools.items():
                cpu, wall, seen = await loop.run_in_executor(pool, measure, name, pieces)
                if seen != bodies:
                    raise Invalid(f"{name} read {len(seen)} of {len(bodies)} messages, or changed them")
                if turn:
                    found[name].cpu.append(cpu / count * 1e6)
                    found[name].wall.append(wall / count * 1e6)
    return found


def measure(name: str, pieces: list[bytes]) -> tuple[float, float, list[str]]:
    """Have a reader read: seconds of CPU, seconds, and the bodies it saw."""
    reader = READERS[name]()
    started, wall = time.process_time(), time.perf_counter()
    seen = reader(pieces)
    return time.process_time() - started, time.perf_counter() - wall, seen


def _botkit() -> Reader:
    from xml.etree.ElementTree import Element

    from botkit.model.events import RoomMessage
    from botkit.protocol.decode import decode_stanza
    from botkit.session.parser import StreamItem, StreamParser

    def read(pieces: list[bytes]) -> list[str]:
        parser, bodies = StreamParser(), []
        for piece in pieces:
            items: list[StreamItem] = []
            parser.feed(piece, items)
            for item in items:
                if isinstance(item, Element):
                    event = decode_stanza(item, received=datetime.now(UTC))
                    if isinstance(event, RoomMessage) and event.author.nick:
                        bodies.append(event.body)
        return bodies

    return read


_PLUGINS = ("xep_0045", "xep_0203", "xep_0308", "xep_0359", "xep_0421", "xep_0461")


def _slixmpp(*, everything: bool) -> Reader:
    from xml.etree.ElementTree import XMLPullParser

    from slixmpp import ClientXMPP

    client = ClientXMPP("listener@localhost/bench", "secret")
    for plugin in _PLUGINS if everything else _PLUGINS[:1]:
        client.register_plugin(plugin)

    def read(pieces: list[bytes]) -> list[str]:
        # What slixmpp.xmlstream.XMLStream does with bytes that come in, up to its stanza object.
        parser: Any = XMLPullParser(("start", "end"))
        depth, bodies, root = 0, [], None
        for piece in pieces:
            parser.feed(piece)
            for kind, element in parser.read_events():
                if kind == "start":
                    if depth == 0:
                        root = element
                    depth += 1
                    continue
                depth -= 1
                if depth == 1:
                    stanza: Any = client._build_stanza(element)
                    if stanza["type"] == "groupchat" and stanza["from"].resource:
                        bodies.append(stanza["body"])
                        if everything:
                            _ask_all(stanza)
                    if root is not None:
                        root.clear()
        return bodies

    return read


def _ask_all(stanza: Any) -> tuple[object, ...]:
    return (
        stanza["id"],
        stanza["stanza_id"]["id"],
        stanza["stanza_id"]["by"],
        stanza["origin_id"]["id"],
        stanza["occupant-id"]["id"],
        stanza["reply"]["id"],
        stanza["reply"]["to"],
        stanza["delay"]["stamp"],
        stanza["replace"]["id"],
    )


def _aioxmpp() -> Reader:
    import aioxmpp
    from aioxmpp import xml, xso
    from aioxmpp.muc import xso as _muc_xso  # noqa: F401  (registers the children that a room's messages have)

    def read(pieces: list[bytes]) -> list[str]:
        # What aioxmpp.protocol.XMLStream does with bytes that come in, up to its Message.
        bodies: list[str] = []

        def seen(message: Any) -> None:
            if message.from_.resource:
                bodies.append(message.body.any())

        stanzas = xso.XSOParser()
        stanzas.add_class(aioxmpp.Message, seen)
        processor = xml.XMPPXMLProcessor()
        processor.stanza_parser = stanzas
        reader = xml.make_parser()
        reader.setContentHandler(processor)
        for piece in pieces:
            reader.feed(piece)
        return bodies

    return read


READERS: dict[str, Callable[[], Reader]] = {
    "slixmpp": functools.partial(_slixmpp, everything=False),
    "slixmpp-all": functools.partial(_slixmpp, everything=True),
    "aioxmpp": _aioxmpp,
    "botkit": _botkit,
}
"""What makes each reader, in the order in which they take turns."""
