"""Conversations as the manual shows them, held with the bot they are about.

One line is one thing that happens::

    alice: !dice 2d6              said to all, by a person or by the bot
    bot: 3 + 4 = 7
      and a line that goes on     indented: the same message's next line
    alice to bot: help            said in private, either way
    me@example.org to bot: help   said in a 1:1 chat (a JID is no nick)
    * bob (member) comes in       what a person does: comes in, leaves
    * bot bans bob@example.org    what the bot does; see ``told``
    -- 4m later --                time passes

People who speak without having come in were there before; ``alice (admin)`` tells what they are. Lines of
the bot are what it must do, all of it and in this order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from botkit.model.actions import (
    Action,
    Moderate,
    React,
    RetractOwn,
    SendMessage,
    SetAffiliation,
    SetRole,
    SetSubject,
)
from botkit.model.durations import parse_duration
from botkit.model.events import RoomMessage
from botkit.model.rooms import Affiliation, Role
from botkit.testing.people import Somebody
from botkit.testing.tester import RoomTester

_SAID = re.compile(r"(?P<who>[^:*()]+?)(?: \((?P<what>\w+)\))?(?: to (?P<to>[^:()]+))?: (?P<text>.*)")
_COMES = re.compile(r"\* (?P<who>\S+)(?: \((?P<what>\w+)\))? comes in")
_LEAVES = re.compile(r"\* (?P<who>\S+) leaves")
_PASSES = re.compile(r"-- (?P<span>\S+) later --")


@dataclass(slots=True)
class Conversation:
    """One conversation under way."""

    room: RoomTester
    bot: str
    people: dict[str, Somebody] = field(default_factory=dict)
    last: RoomMessage | None = None

    async def hold(self, text: str) -> tuple[list[str], list[str]]:
        """Play what people do. Returns what happened and what the page says, as lines."""
        lines = _lines(text)
        await self._those_who_are_there(lines)
        told: list[str] = []
        done = len(self.room.link.done)
        for line in lines:
            if self._is_the_bots(line):
                continue
            await self._happens(line)
            told.append(line)
            told += [self.told(action) for action in self.room.link.done[done:]]
            done = len(self.room.link.done)
        return told, lines

    async def _those_who_are_there(self, lines: list[str]) -> None:
        come = {found["who"] for line in lines if (found := _COMES.fullmatch(line))}
        for line in lines:
            found = _SAID.fullmatch(line)
            if found is None or "@" in found["who"] or found["who"] in {self.bot, *come, *self.people}:
                continue
            self._join(found["who"], found["what"])
        await self.room.settle()

    def _join(self, nick: str, what: str | None) -> None:
        affiliation = Affiliation[what.upper()] if what and what.upper() in Affiliation.__members__ else None
        role = Role[what.upper()] if what and affiliation is None else None
        self.people[nick] = self.room.join(nick, affiliation=affiliation or Affiliation.NONE, role=role)

    def _is_the_bots(self, line: str) -> bool:
        return line.startswith((f"{self.bot}: ", f"{self.bot} to ", f"* {self.bot} "))

    async def _happens(self, line: str) -> None:
        if found := _PASSES.fullmatch(line):
            await self.room.passes(parse_duration(found["span"]).total_seconds())
        elif found := _COMES.fullmatch(line):
            self._join(found["who"], found["what"])
            await self.room.settle()
        elif found := _LEAVES.fullmatch(line):
            await self.people[found["who"]].leaves()
        elif (found := _SAID.fullmatch(line)) is None:
            raise AssertionError(f"not a line of a conversation: {line!r}")
        elif found["to"] is None:
            self.last = await self.people[found["who"]].says(found["text"])
        elif "@" in found["who"]:
            await self.room.direct(found["who"], found["text"])
        else:
            await self.people[found["who"]].whispers(found["text"])

    def told(self, action: Action) -> str:
        """What the bot did, as a line."""
        match action:
            case SendMessage() if action.to == self.room.address:
                return f"{self.bot}: {action.body}"
            case SendMessage():
                whom = action.to.resource if action.private else str(action.to.bare)
                return f"{self.bot} to {whom}: {action.body}"
            case Moderate():
                return f"* {self.bot} takes that message away"
            case RetractOwn():
                return f"* {self.bot} takes its message back"
            case SetRole():
                words = {Role.NONE: "kicks", Role.VISITOR: "takes the voice of", Role.PARTICIPANT: "gives voice to"}
                return f"* {self.bot} {words[action.role]} {action.nick}"
            case SetAffiliation():
                word = "bans" if action.affiliation is Affiliation.OUTCAST else f"makes {action.affiliation.word}"
                return f"* {self.bot} {word} {action.address}"
            case React():
                return f"* {self.bot} reacts with {' '.join(action.reactions)}"
            case SetSubject():
                return f"* {self.bot} sets the subject: {action.subject}"
            case _:
                return f"* {self.bot} does {action!r}"


def _lines(text: str) -> list[str]:
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("  ") and lines:
            lines[-1] += "\n" + line[2:]
        elif line.strip():
            lines.append(line)
    return lines
