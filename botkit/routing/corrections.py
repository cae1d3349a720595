"""Corrections of commands (XEP-0308): what was mistyped is run as it was meant, and the answer is put right in place.

For a short time the bot remembers each message that it took for a command, whether that command ran, and what it
answered. A correction of one by the same person then counts as the command; a correction of anything else never does.
What ran and had effects is not run again: undoing is nothing that a correction can ask for.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace

from botkit.model.actions import SendMessage, Sent
from botkit.model.address import Address
from botkit.model.events import Event
from botkit.model.messages import MessageId
from botkit.ports import Clock, Link
from botkit.routing.syntax import CommandLine

WITHIN = 120.0
"""Seconds in which a command may be corrected. Later, people have read the answer and gone on from it."""

_MOST = 1024
_Place = tuple[Address, bool]

TOO_LATE = "That is done already, and a correction does not do it again; send it as a new message."
GONE = "(corrected)"
"""In place of a part of an answer that the corrected command has no more."""


class Answers:
    """What a command said, so that it can be said differently. Not meant for what is said after the command is done."""

    def __init__(self) -> None:
        self._said: list[tuple[_Place, MessageId]] = []
        self._next = 0
        self.open = False

    async def perform(self, action: SendMessage, link: Link) -> Sent | None:
        """Send ``action``, in place of what was said last time where there is something."""
        place = (action.to, action.groupchat)
        old = self._said[self._next] if self._next < len(self._said) else None
        if not self.open or action.replaces is not None or (old is not None and old[0] != place):
            return await link.perform(action)
        if old is not None:
            self._next += 1
            return await link.perform(replace(action, replaces=old[1], reply=None, quote=None))
        sent = await link.perform(action)
        # of an answer in several messages none could be put right by one
        if sent is not None and len(sent.parts) <= 1 and sent.withheld is None:
            self._said.append((place, sent.message_id))
            self._next += 1
        return sent

    def keep(self) -> None:
        """What was said stays, and what is said now is said besides."""
        self._next, self.open = len(self._said), True

    def begin(self) -> None:
        """From now on what is said replaces what was."""
        self._next = 0

    def end(self) -> list[SendMessage]:
        """The command is done; what of its old answers it did not replace is to be put away by these."""
        self.open = False
        left, self._said = self._said[self._next :], self._said[: self._next]
        return [
            SendMessage(to=to, body=GONE, groupchat=groupchat, replaces=old, private=to.resource is not None)
            for (to, groupchat), old in left
        ]


@dataclass(slots=True)
class Attempt:
    """One command line, as first said or as corrected. ``done``: it ran, and had effects."""

    until: float
    answers: Answers = field(default_factory=Answers)
    done: bool = False


answering: ContextVar[Answers | None] = ContextVar("answering", default=None)
"""Where what the running command says is kept; None outside of commands."""


@contextmanager
def kept(answers: Answers) -> Iterator[None]:
    """Inside of it what is said is kept."""
    token = answering.set(answers)
    answers.keep()
    try:
        yield
    finally:
        answering.reset(token)


class Corrections:
    """The command lines of the last minutes, by who said them where. Bounded: the oldest are forgotten first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: OrderedDict[tuple[str, Address | None, str], Attempt] = OrderedDict()

    def attempt(self, event: Event, line: CommandLine, asker: str) -> Attempt | None:
        """What ``line`` is an attempt at; None for a correction of something else, or one that comes too late."""
        now = self._clock.monotonic()
        room: Address | None = getattr(event, "room", None)
        message_id: str | None = getattr(event, "message_id", None)
        found: Attempt | None = None
        if line.corrects is not None:
            found = self._known.get((asker, room, line.corrects))
            if found is None or found.until < now:
                return None
        attempt = found or Attempt(now + WITHIN)
        if message_id:
            # "the id of the message being corrected" (§3) is the first one's; some clients name the last one's
            self._known[asker, room, message_id] = attempt
            while len(self._known) > _MOST:
                self._known.popitem(last=False)
        return attempt
