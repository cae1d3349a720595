"""The people in the rooms, on slixmpp: they talk, ask for commands, come back when the server does."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape, quoteattr

from slixmpp.xmlstream.xmlstream import NotConnectedError

from tests.server.clients import Client, Server
from tests.server.wire import CLIENT, MUC_USER, StanzaFailed, body, is_message, is_presence

_TEXTS = (
    "an ordinary sentence of ordinary people",
    "two\nlines",
    "naïve café, Grüße, 你好, привет 👩‍👩‍👧",
    "<b>&amp; not markup</b> ]]>",
    "a longer one, " * 40,
)
GONE = (TimeoutError, ConnectionError, StanzaFailed, OSError, AttributeError, NotConnectedError)
"""What a client of slixmpp may raise once its server went away."""
_PAUSE_OF_COMMANDS = 2.8
"""Seconds between two commands of one person: who asks more often is told to wait."""


class Person(Client):
    """A client that keeps only what it needs: not all that everybody says. ``watch`` is shown each stanza."""

    watch: Callable[[Element], None] | None = None

    @property
    def is_gone(self) -> bool:
        """True once the connection has ended."""
        return self._stream.transport is None or self._stream.transport.is_closing()

    async def dropped(self) -> None:
        """Cut the connection, and wait until slixmpp has cleared up behind it."""
        self.drop()
        if self._stream._run_out_filters is not None:
            self._stream._run_out_filters.cancel()
            await asyncio.wait([self._stream._run_out_filters], timeout=2)

    def _record(self, stanza: Any) -> object:
        element: Element = stanza.xml
        if self.watch is not None:
            self.watch(element)
        if is_message(element) and element.get("type") == "groupchat" and not self._wants(element):
            return stanza
        return super()._record(stanza)

    @staticmethod
    def _wants(element: Element) -> bool:
        return element.find(f"{CLIENT}body") is None or element.get("type") == "error"


class Crowd:
    """Everybody but the bot. ``quiet`` holds rooms where nobody talks for now."""

    def __init__(self, server: Server, rooms: list[str], rng: random.Random, *, rate: float, bot: str) -> None:
        self.server, self.rooms, self.rate, self.bot = server, rooms, rate, bot
        self.quiet: set[str] = set()
        self.sent: Counter[str] = Counter()
        self.owner: Person | None = None
        self.bot_nicks: dict[str, set[str]] = defaultdict(set)
        self.answered: set[str] = set()
        self.silent = False
        self.notes = True  # whether notices are asked for
        self._rng = rng
        self._numbers = itertools.count(1)
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self, names: list[str]) -> None:
        """Have them come and talk."""
        share = self.rate / len(names)
        self._tasks = [asyncio.create_task(self._live(name, share), name=name) for name in names]
        self._tasks.append(asyncio.create_task(self._own(), name="owner"))

    async def end(self) -> None:
        """Have all of them go."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def token(self, kind: str) -> str:
        """A word that nobody has said before."""
        return f"{kind}{next(self._numbers)}"

    async def with_owner(self, work: Callable[[Person], Any], seconds: float = 40.0) -> Any:
        """Have the owner do ``work``, again after it failed for want of a server. Raises ``TimeoutError``."""
        async with asyncio.timeout(seconds):
            while True:
                owner = self.owner
                if owner is not None:
                    with contextlib.suppress(*GONE):
                        return await work(owner)
                await asyncio.sleep(0.2)

    # --- the owner ------------------------------------------------------------------------------------------------

    async def _own(self) -> None:
        async def stay(person: Person) -> None:
            self.bot_nicks.clear()
            person.watch = self._look
            for room in self.rooms:
                await person.join(room, "owner")
            self.owner = person
            try:
                while not person.is_gone:
                    await asyncio.sleep(0.1)
            finally:
                self.owner = None

        await self._come_again("owner", stay)

    def _look(self, element: Element) -> None:
        """Note where the bot is, by its real JID, and what it answers."""
        room, _, nick = element.get("from", "").partition("/")
        if is_message(element) and element.get("type") == "groupchat":
            text = body(element) or ""
            if text.startswith("here "):
                self.answered.add(text.split()[1])
        elif is_presence(element):
            item = element.find(f"{MUC_USER}x/{MUC_USER}item")
            if item is not None and item.get("jid", "").partition("/")[0] == self.bot:
                change = self.bot_nicks[room].discard if element.get("type") else self.bot_nicks[room].add
                change(nick)

    # --- those who talk -------------------------------------------------------------------------------------------

    async def _live(self, name: str, rate: float) -> None:
        async def talk(person: Person) -> None:
            for room in self.rooms:
                await person.join(room, name)
            loop = asyncio.get_running_loop()
            next_command = loop.time() + self._rng.uniform(0, _PAUSE_OF_COMMANDS)
            while not person.is_gone:
                await asyncio.sleep(self._rng.expovariate(rate))
                room = self._rng.choice(self.rooms)
                if self.silent or room in self.quiet:
                    continue
                command = loop.time() >= next_command
                if command:
                    next_command = loop.time() + _PAUSE_OF_COMMANDS
                self._say(person, room, command)

        await self._come_again(name, talk)

    def _say(self, person: Person, room: str, command: bool) -> None:
        if command:
            kind = self._rng.choice(("do", "do", "note")) if self.notes else "do"
            token = self.token(kind[0])
            text = f"!{kind} {token}"
        else:
            kind, token = "message", self.token("m")
            text = f"{token} {self._rng.choice(_TEXTS)}"
        self.sent[kind] += 1
        self.raw(person, room, token, text)

    @staticmethod
    def raw(person: Person, room: str, token: str, text: str) -> None:
        """Say ``text`` with ``token`` as its id, and wait for nothing."""
        attributes = f"type='groupchat' to={quoteattr(room)} id={quoteattr(token)}"
        person.send_xml(f"<message {attributes}><body>{escape(text)}</body></message>")

    async def _come_again(self, name: str, live: Callable[[Person], Any]) -> None:
        while True:
            person = None
            try:
                person = await Person.connect(self.server, name)
                await live(person)
            except GONE:
                pass  # the server is away, or a room is: as with real people, once more
            finally:
                if person is not None:
                    await person.dropped()
            await asyncio.sleep(0.3)
