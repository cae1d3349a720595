"""Is a message a command, and which? Asked once for each message, whatever the number of commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from botkit.model.address import Address
from botkit.model.events import DirectMessage, Event, PrivateMessage, RoomMessage
from botkit.model.messages import MessageId, Source
from botkit.ports import Link
from botkit.routing.filters import strip_nick

Message = RoomMessage | PrivateMessage | DirectMessage


@dataclass(frozen=True, slots=True)
class CommandLine:
    """``text[at:]`` are the arguments of the command ``name`` (casefolded).

    ``explicit``: a prefix or our nick stood before it; else it is just the first word of a private
    or 1:1 message. ``prefix`` is what to show before a command's name here.
    ``corrects`` is the id of the message of which this one is a correction (XEP-0308), None if it is none.
    """

    name: str
    text: str
    at: int
    explicit: bool
    prefix: str
    corrects: MessageId | None = None


@dataclass(frozen=True, slots=True)
class CommandSyntax:
    """How commands are told from talk. ``prefixes``: the first is the one that help shows. ``rooms`` have their own."""

    prefixes: tuple[str, ...] = ("!",)
    rooms: Mapping[Address, tuple[str, ...]] = field(default_factory=dict)
    _firsts: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        every = (*self.prefixes, *(prefix for own in self.rooms.values() for prefix in own))
        object.__setattr__(self, "_firsts", "@" + "".join(dict.fromkeys(prefix[:1] for prefix in every)))

    def of(self, event: Event) -> tuple[str, ...]:
        """The prefixes where ``event`` happened."""
        room = getattr(event, "room", None)
        return self.rooms.get(room, self.prefixes) if room is not None and self.rooms else self.prefixes

    def find(self, message: Message, link: Link) -> CommandLine | None:
        """The command line of a message; None for talk, and for what must never run:

        what comes from history, our own words, a message whose whole body is there
        only for clients without some feature (XEP-0428), or one that we cannot read.
        """
        content = message.content
        text = content.text if content.fallbacks else content.body
        if not text or content.encrypted:
            return None
        private = not isinstance(message, RoomMessage)
        # Most of what is said in rooms ends here: it neither begins like a command nor could begin with our nick.
        if not private and text[0] not in self._firsts:
            start = text if len(text) <= 100 else text[:100]
            if ":" not in start and "," not in start:
                return None
        if getattr(message, "source", Source.LIVE) is not Source.LIVE:
            return None
        if isinstance(message, DirectMessage):
            if message.sender.bare == link.address.bare:
                return None
        elif message.author.is_self:
            return None
        if any(f.start is None and f.end is None for f in content.fallbacks):
            return None
        return self._line(message, text, private, link)

    def _line(self, message: Message, text: str, private: bool, link: Link) -> CommandLine | None:
        at, explicit = _skip(text, 0), False
        if not isinstance(message, DirectMessage):
            info = link.room(message.room)
            nick = info.me.nick if info is not None and info.me is not None else None
            said = strip_nick(text, nick) if nick else None
            if said is not None:
                at, explicit = len(text) - len(said), True
        prefixes = self.of(message)
        for prefix in prefixes:
            if prefix and text.startswith(prefix, at):
                at, explicit = at + len(prefix), True
                break
        if not (private or explicit):
            return None
        end = at
        while end < len(text) and not text[end].isspace():
            end += 1
        if end == at:
            return None
        shown = "" if isinstance(message, DirectMessage) else prefixes[0] if prefixes else ""
        name, corrects = text[at:end].casefold(), message.content.replaces
        return CommandLine(name, text, _skip(text, end), explicit, shown, corrects)


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at
