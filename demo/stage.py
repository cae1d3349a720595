"""What the scenes stand on: the people, the room as they see it, the bot, and what was found so far."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Collection
from dataclasses import dataclass, field

from demo.bot import BotProcess
from demo.config import NICK, NOTICE, ROOM
from demo.eyes import Eyes, Said
from demo.narrator import Narrator
from demo.proof import Ledger
from demo.screen import Screen
from tests.server.clients import Client, Server
from tests.server.wire import StanzaFailed, body, is_message, stanza_id


@dataclass(slots=True)
class Stage:
    """One show. ``calm``: at a pace for readers; else as fast as everything goes."""

    server: Server
    bot: BotProcess
    eyes: Eyes
    narrator: Narrator
    screen: Screen
    people: dict[str, Client]
    group: asyncio.TaskGroup
    calm: bool
    ledger: Ledger
    spam: dict[str, str] = field(default_factory=dict)  # archive id of what should go: what is wrong with it
    asked: int = 0
    answered: int = 0
    _listening: list[asyncio.Task[None]] = field(default_factory=list)

    async def pause(self, seconds: float) -> None:
        """Time to read; nothing depends on it."""
        if self.calm:
            await asyncio.sleep(seconds)

    async def enter(self, name: str) -> Client:
        """Somebody logs in and comes into the room."""
        client = self.people.get(name)
        if client is None:
            client = self.people[name] = await Client.connect(self.server, name)
            self._listening.append(self.group.create_task(self._overhear(name, client)))
        await client.join(ROOM, name)
        await self.eyes.until(lambda: self.eyes.roles.get(name, "none") != "none", f"{name} comes in")
        await self.pause(0.25)
        return client

    async def say(self, name: str, text: str, *, pause: float = 1.15) -> str:
        """Say something in the room; returns its archive id once it is said."""
        archive_id = stanza_id(await self.people[name].say(ROOM, text), ROOM)
        await self.eyes.until(lambda: archive_id in self.eyes.said, f"{name}'s message")
        await self.pause(pause)
        return archive_id

    async def say_refused(self, name: str, text: str) -> None:
        """Say something that the room must refuse. Raises ``AssertionError`` if it goes through."""
        try:
            await self.people[name].say(ROOM, text)
        except StanzaFailed as problem:
            self.screen.refused(name, text, problem.condition)
            await self.pause(1.2)
        else:
            raise AssertionError(f"{name} could still speak")

    async def say_spam(self, name: str, text: str, wrong: str, *, pause: float = 0.3) -> str:
        """Say something that the bot should take away."""
        archive_id = await self.say(name, text, pause=pause)
        self.spam[archive_id] = wrong
        return archive_id

    async def taken_away(self, ids: Collection[str], what: str) -> None:
        """Wait until everybody has seen these messages go."""
        await self.eyes.until(lambda: set(ids) <= self.eyes.gone.keys(), f"retraction of {what}")
        await self.pause(1.4)

    async def ask(self, name: str, command: str, answer: str) -> Said:
        """Type a command; returns the bot's answer, which must match the pattern ``answer``."""
        since, self.asked = len(self.eyes.events), self.asked + 1
        await self.say(name, command, pause=0.3)

        def answers() -> list[Said]:
            return [said for said in self.eyes.by(NICK, since) if re.search(answer, said.text)]

        await self.eyes.until(answers, f"an answer to {command}")
        self.answered += 1
        await self.pause(1.4)
        return answers()[0]

    async def until_logged(self, event: str, since: int, seconds: float = 15.0) -> dict[str, object]:
        """Wait for a line of the bot's log. Raises ``TimeoutError``, and ``RuntimeError`` if the bot has ended."""
        deadline = time.monotonic() + seconds
        while not (found := self.narrator.logged(event, since)):
            if self.bot.pid is None:
                raise RuntimeError("the bot has ended")
            if time.monotonic() > deadline:
                raise TimeoutError(f"the bot's log has no “{event}” within {seconds:g} s")
            await asyncio.sleep(0.02)
        return found[0]

    def notices(self) -> list[Said]:
        """The notices that were posted up to now."""
        return [said for said in self.eyes.by(NICK) if said.text == NOTICE]

    def stop_listening(self) -> None:
        """End what ``enter`` began."""
        for task in self._listening:
            task.cancel()

    async def _overhear(self, name: str, client: Client) -> None:
        """Show what the bot tells somebody in private."""
        place = 0
        while True:
            stanza = await client.wait_for(lambda _: True, math.inf, since=place)
            place += 1
            text = body(stanza) if is_message(stanza, f"{ROOM}/{NICK}") and stanza.get("type") == "chat" else None
            if text is not None:
                self.screen.private(name, text)
