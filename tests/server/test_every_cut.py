"""XEP-0198 counts: the connection is cut at every point of a scripted exchange with a real Prosody.

What the bot says that it handled, in ``<resume/>`` and ``<a/>``, and what the server says in ``<resumed/>`` and
``<a/>``, is held against the stanzas that a man in the middle saw pass. ``--every-byte`` cuts at every byte as well.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement

import pytest

from botkit.errors import LinkClosed
from botkit.model.address import Address
from botkit.testing.prosody import ProsodyOptions
from tests.server.clients import Client
from tests.server.connected import MESSAGE, Bot, running, settings_behind
from tests.server.middle import Cut, Middle, Way

pytestmark = pytest.mark.server

PRESENCE = "{jabber:client}presence"
IQ = "{jabber:client}iq"
_EVENT = "http://jabber.org/protocol/pubsub#event"

# {bot} is to be filled in, and {id}, which tells each stanza from all others.
_FROM_ALICE = (
    "<message to='{bot}' id='{id}' type='chat'><body>plain</body></message>",
    "<iq to='{bot}' id='{id}' type='get'><ping xmlns='urn:xmpp:ping'/></iq>",
    "<message to='{bot}' id='{id}' type='chat'><body>a</body><body>b</body>c<delay xmlns='urn:xmpp:delay' stamp='x'/>"
    "<stanza-id xmlns='urn:xmpp:sid:0'/><replace xmlns='urn:xmpp:message-correct:0'/></message>",
    "<presence to='{bot}' id='{id}'><show>nonsense</show><priority>many</priority>"
    "<x xmlns='http://jabber.org/protocol/muc#user'><item role='king'/><status code='x'/></x></presence>",
    "<iq to='{bot}' id='{id}' type='get'><unknown xmlns='urn:test:unknown'/></iq>",
    f"<message to='{{bot}}' id='{{id}}'>text<event xmlns='{_EVENT}'>text<items/></event></message>",
    "<iq to='{bot}' id='{id}' type='set'><query xmlns='jabber:iq:roster'><item/></query></iq>",
    "<message to='{bot}' id='{id}' type='headline'/>",
    "<iq to='{bot}' id='{id}' type='result'/>",
    "<message to='{bot}' id='{id}' type='normal'><result xmlns='urn:xmpp:mam:2'><forwarded xmlns='urn:xmpp:forward:0'/>"
    "</result><sent xmlns='urn:xmpp:carbons:2'/><body>\U0001f600 &lt;&amp;</body></message>",
    "<iq to='{bot}' id='{id}' type='get'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
    "<iq to='{bot}' id='{id}' type='error'><error type='nonsense'/></iq>",
    "<presence to='{bot}' id='{id}' type='unavailable'/>",
)
_ASKS = ("1", "4", "6", "10")
"""The numbers of those that must be answered."""


@dataclass
class Exchange:
    """A bot behind a man in the middle, and a person to talk with."""

    bot: Bot
    alice: Client
    middle: Middle
    rounds: int = 0
    sent: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    async def round(self, cut: Cut | None) -> bool:
        """The script once, with ``cut`` on the way; False if it was never reached."""
        self.rounds += 1
        cuts, sessions = self.middle.cuts, len(self.bot.established)
        self.middle.cut_at = cut
        asked = [self._ask(place) for place in (None, Address.parse("rooms.localhost"))]
        for number, stanza in enumerate(_FROM_ALICE):
            id_ = f"{self.rounds}-{number}"
            self.alice.send_xml(stanza.format(bot=self.bot.jid, id=id_))
            self.sent.append(id_)
            if number % 3 == 0:
                await self._say(MESSAGE if number % 2 else PRESENCE)
        await asyncio.wait_for(asyncio.gather(*asked), 15)
        await self.bot.until(lambda: self._came() >= self._due())
        await self.alice.wait_for(lambda element: element.get("id") == self.said[-1])
        await self.alice.wait_for(lambda element: self._is_answer(element, f"{self.rounds}-{_ASKS[-1]}"))
        reached = self.middle.cuts > cuts
        self.middle.cut_at = None
        if reached:
            await self.bot.until(lambda: len(self.bot.established) > sessions)
        await self.settle()
        return reached

    async def settle(self) -> None:
        """Until both sides have acknowledged all, with the numbers that passed."""
        queue = self.bot.connection.client.queue
        await self._say(MESSAGE, acked=True)
        await self.bot.until(lambda: not queue.unacked and not queue.waiting)
        await self.alice.wait_for(lambda element: element.get("id") == self.said[-1])
        await self.bot.until(self._agreed)

    def _agreed(self) -> bool:
        """Both sides counted what passed; as long as anything is under way they need not."""
        passed = self.middle.passed
        told = [count for count in self.middle.counts if count.side == "server"][-1]
        return told.told == passed["up"] and self.bot.connection.client.queue.sm_inbound_ctr == passed["down"]

    def _ask(self, place: Address | None) -> asyncio.Task[Any]:
        payload = Element("{http://jabber.org/protocol/disco#items}query")
        return asyncio.create_task(self.bot.connection.request(payload, to=place, kind="get"))

    async def _say(self, tag: str, *, acked: bool = False) -> None:
        id_ = f"bot-{len(self.said)}"
        element = Element(tag, {"to": self.alice.jid, "id": id_})
        SubElement(element, "{urn:test}payload").text = "text"
        self.said.append(id_)
        await self.bot.connection.send(element, acked=acked)

    def _came(self) -> int:
        return len({element.get("id") for element in self.bot.stanzas} & set(self.sent))

    def _due(self) -> int:
        return len(self.expected())

    def expected(self) -> list[str]:
        """The ids of the messages and presences of alice."""
        return [id_ for id_ in self.sent if not _FROM_ALICE[int(id_.partition("-")[2])].startswith("<iq")]

    def _is_answer(self, element: Element, id_: str) -> bool:
        return element.tag == IQ and element.get("id") == id_ and element.get("from") == self.bot.jid

    def check(self) -> None:
        """Nothing was lost, doubled or put in another order, on either side; and every number told was right."""
        came = [id_ for element in self.bot.stanzas if (id_ := element.get("id")) in set(self.sent)]
        assert came == self.expected()
        heard = [e.get("id") for e in self.alice.received if e.tag != IQ and e.get("from") == self.bot.jid]
        assert [id_ for id_ in heard if id_ in set(self.said)] == self.said
        answers = [e.get("id") for e in self.alice.received if e.tag == IQ and e.get("from") == self.bot.jid]
        asked = [id_ for id_ in self.sent if id_.partition("-")[2] in _ASKS]
        assert sorted(answers) == sorted(asked)
        for count in self.middle.counts:
            # What is acknowledged may be under way still; what a side says as it resumes is all that came.
            assert count.told <= count.passed if count.nonza == "a" else count.told == count.passed, count


@asynccontextmanager
async def _exchange(server: Any, name: str, alice: Client, folder: Path) -> AsyncIterator[Exchange]:
    async with (
        Middle(server, folder) as middle,
        running(settings_behind(middle, server, name, backoff_cap=0.02)) as bot,
    ):
        yield Exchange(bot, alice, middle)


@pytest.mark.parametrize("way", ["down", "up"])
async def test_counts_are_exact_wherever_the_connection_is_cut(server, account, client_factory, tmp_path, way: Way):
    alice = await client_factory("alice")
    async with _exchange(server, await account("bot"), alice, tmp_path) as exchange:
        assert not await exchange.round(None)
        offsets = [0]
        for pieces in range(200):
            reached = [await exchange.round(Cut(way, pieces, offset)) for offset in offsets]
            if not any(reached):
                break
            # Between two elements; and on the way to us in one place within, another for each element.
            offsets = [0, 1 + 17 * pieces % 90] if way == "down" else [0]
        assert pieces > 12
        assert exchange.middle.cuts >= pieces
        assert all(event.resumed for event in exchange.bot.established[1:])
        exchange.check()
        print(f"{exchange.middle.cuts} cuts")


@pytest.mark.every_byte
async def test_counts_are_exact_at_every_byte(server, account, client_factory, tmp_path):
    alice = await client_factory("alice")
    async with _exchange(server, await account("bot"), alice, tmp_path) as exchange:
        before = len(exchange.middle.pieces)
        await exchange.round(None)
        sizes = [len(piece) for way, piece in exchange.middle.pieces[before:] if way == "down"]
        for pieces, size in enumerate(sizes):
            print(f"{pieces} of {len(sizes)}, {size} bytes; {exchange.middle.cuts} cuts")
            for offset in range(size):
                await exchange.round(Cut("down", pieces, offset))
        assert all(event.resumed for event in exchange.bot.established[1:])
        exchange.check()
        print(f"{exchange.middle.cuts} cuts")


@pytest.mark.parametrize("offset", [1, 18])
async def test_cut_within_a_stanza_of_ours_costs_the_session_at_most(server, account, client_factory, tmp_path, offset):
    # Prosody 0.12 and 13.0 (mod_c2s, session.data) feed a resumed session to the parser of the lost connection, which
    # is in the middle of that stanza still: the server ends the session it has just resumed.
    alice = await client_factory("alice")
    async with _exchange(server, await account("bot"), alice, tmp_path) as exchange:
        await exchange.round(None)
        exchange.middle.cut_at = Cut("up", 0, offset)
        await exchange.bot.say(alice.jid, "cut")
        await exchange.bot.until(lambda: exchange.middle.cuts)
        await exchange.bot.until(lambda: len(exchange.bot.established) >= 2)
        alice.send_xml(f"<message to='{exchange.bot.jid}' type='chat'><body>after</body></message>")
        await exchange.bot.until(lambda: "after" in exchange.bot.bodies)
        await exchange.bot.until(lambda: exchange.bot.established[-1].resumed is False)
        await exchange.settle()


# --- refused resumptions --------------------------------------------------------------------------------------------


def _forget(middle: Middle) -> Callable[[], bool]:
    """Have the server be asked for a session that it does not know; tells whether it was."""
    asked: list[bytes] = []

    def change(way: Way, piece: bytes) -> bytes:
        if way == "up" and b"<resume" in piece:
            asked.append(piece)
            return re.sub(rb"previd=(['\"]).*?\1", b"previd='unknown'", piece)
        return piece

    middle.change = change
    return lambda: bool(asked)


@pytest.mark.parametrize("pieces", [0, 3, 8])
async def test_session_that_the_server_does_not_know_begins_anew_with_exact_counts(
    server, account, client_factory, tmp_path, pieces
):
    alice = await client_factory("alice")
    async with _exchange(server, await account("bot"), alice, tmp_path) as exchange:
        await exchange.round(None)
        was_asked = _forget(exchange.middle)
        exchange.middle.cut_at = Cut("down", pieces)
        for number in range(10):
            alice.send_xml(f"<message to='{exchange.bot.jid}' id='m{number}' type='chat'><body>x</body></message>")
        await exchange.bot.until(lambda: len(exchange.bot.established) == 2)
        assert was_asked()
        assert b"item-not-found" in b"".join(piece for _, piece in exchange.middle.pieces)
        assert exchange.bot.established[1].resumed is False
        exchange.middle.change = lambda _, piece: piece
        # Prosody sends what the old session had not acknowledged to the account again.
        came = exchange.bot.stanzas
        await exchange.bot.until(lambda: {f"m{number}" for number in range(10)} <= {e.get("id") for e in came})
        await exchange.settle()
        assert all(count.told <= count.passed for count in exchange.middle.counts if count.nonza != "resume")
        # and that session can be resumed as the first one
        before = len(exchange.middle.counts)
        exchange.middle.cut()
        await exchange.bot.until(lambda: len(exchange.bot.established) == 3)
        assert exchange.bot.established[2].resumed
        assert [c.nonza for c in exchange.middle.counts[before:]][:2] == ["resume", "resumed"]
        assert all(c.told == c.passed for c in exchange.middle.counts[before:][:2])
        await exchange.settle()


async def test_restarted_server_begins_a_session_with_exact_counts(start_server, client_factory, tmp_path):
    server = await start_server(options=ProsodyOptions(), accounts={"bot": "secret", "alice": "secret"})
    alice = await client_factory(on=server, account="alice")
    async with _exchange(server, "bot", alice, tmp_path) as exchange:
        await exchange.round(None)
        queue = exchange.bot.connection.client.queue
        await alice.close()
        server.kill()
        await exchange.bot.until(lambda: exchange.bot.lost)
        waiting = asyncio.create_task(exchange.bot.say("bot@localhost", "while away", acked=True))
        await server.revive()
        await exchange.bot.until(lambda: len(exchange.bot.established) == 2)
        assert exchange.bot.established[1].resumed is False
        with pytest.raises(LinkClosed, match="not known"):
            await waiting
        exchange.alice = await client_factory(on=server, account="alice")
        exchange.sent.clear()
        exchange.bot.stanzas.clear()
        assert queue.sm_inbound_ctr <= 3
        await exchange.round(Cut("down", 2))
        assert exchange.bot.established[2].resumed
        last = {count.nonza: count for count in exchange.middle.counts}
        assert last["resume"].told == last["resume"].passed
        assert last["resumed"].told == last["resumed"].passed


@pytest.mark.parametrize("way", ["resumed", "a"])
async def test_server_that_counts_what_was_never_sent_costs_the_session_and_no_more(
    server, account, client_factory, tmp_path, way
):
    alice = await client_factory("alice")
    async with _exchange(server, await account("bot"), alice, tmp_path) as exchange:
        bot, middle = exchange.bot, exchange.middle
        if way == "resumed":
            middle.change = lambda _, piece: (
                re.sub(rb"h='\d+'", b"h='99999'", piece) if piece.startswith(b"<resumed") else piece
            )
            middle.cut()
        else:
            middle.put(b"<a xmlns='urn:xmpp:sm:3' h='99999'/>")
        await bot.until(lambda: len(bot.established) == 2)
        assert bot.established[1].resumed is False
        assert any("never" in event.reason or "handled-count-too-high" in event.reason for event in bot.lost)
        middle.change = lambda _, piece: piece
        await exchange.settle()
