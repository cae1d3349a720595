"""Filters: they decide whether a handler gets an event, and may hand it what they found.

They combine with ``&``, ``|`` and ``~``. ``check`` is called for every event of the handler's types,
on the loop: it is synchronous and quick.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from botkit.model.address import Address
from botkit.model.events import (
    DirectMessage,
    Event,
    OccupantEvent,
    PrivateMessage,
    RoomMessage,
)
from botkit.model.messages import Source
from botkit.model.rooms import Affiliation, Occupant, Role

if typing.TYPE_CHECKING:
    from botkit.routing.context import Context

E = TypeVar("E", bound=Event)

Message = RoomMessage | PrivateMessage | DirectMessage
_MESSAGES = (RoomMessage, PrivateMessage, DirectMessage)


class Yield:
    """A filter's yes together with values, in the order of its ``yields``."""

    __slots__ = ("values",)

    def __init__(self, *values: object) -> None:
        self.values = values

    def __bool__(self) -> bool:
        return True


class Filter:
    """Base of all filters. ``yields`` are the types of the values that ``check`` hands over, () for none.

    A filter that yields answers False or a ``Yield`` with one value for each type.
    """

    yields: tuple[type, ...] = ()

    def check(self, event: Event, ctx: Context[Any]) -> bool | Yield:
        """Does ``event`` pass? An exception counts as no, and is logged as the handler's failure."""
        raise NotImplementedError

    def __and__(self, other: Filter) -> Filter:
        return _And(self, other)

    def __or__(self, other: Filter) -> Filter:
        return _Or(self, other)

    def __invert__(self) -> Filter:
        return _Not(self)


class _And(Filter):
    def __init__(self, left: Filter, right: Filter) -> None:
        self._left, self._right = left, right
        self.yields = left.yields + right.yields

    def check(self, event: Event, ctx: Context[Any]) -> bool | Yield:
        first = self._left.check(event, ctx)
        if not first:
            return False
        second = self._right.check(event, ctx)
        if not second:
            return False
        if isinstance(first, Yield):
            return Yield(*first.values, *second.values) if isinstance(second, Yield) else first
        return second

    def __repr__(self) -> str:
        return f"({self._left!r} & {self._right!r})"


class _Or(Filter):
    """The first that passes. It yields only where both sides yield the same types: else nobody could bind them."""

    def __init__(self, left: Filter, right: Filter) -> None:
        self._left, self._right = left, right
        self.yields = left.yields if left.yields == right.yields else ()

    def check(self, event: Event, ctx: Context[Any]) -> bool | Yield:
        passed = self._left.check(event, ctx) or self._right.check(event, ctx)
        return passed if self.yields else bool(passed)

    def __repr__(self) -> str:
        return f"({self._left!r} | {self._right!r})"


class _Not(Filter):
    def __init__(self, inner: Filter) -> None:
        self._inner = inner

    def check(self, event: Event, ctx: Context[Any]) -> bool | Yield:
        return not self._inner.check(event, ctx)

    def __repr__(self) -> str:
        return f"~{self._inner!r}"


class _Predicate(Filter):
    def __init__(
        self, function: Callable[..., bool | Yield], events: tuple[type, ...], yields: tuple[type, ...] = ()
    ) -> None:
        self._function, self._events, self.yields = function, events, yields

    def check(self, event: Event, ctx: Context[Any]) -> bool | Yield:
        return isinstance(event, self._events) and self._function(event, ctx)

    def __repr__(self) -> str:
        return getattr(self._function, "__name__", repr(self._function))


def predicate(function: Callable[[E, Context[Any]], bool]) -> Filter:
    """Make a filter of ``(event, ctx) -> bool``. Events that are not of the annotated type do not pass.

    ::

        @predicate
        def shouting(message: RoomMessage, ctx: Context) -> bool:
            return message.text.isupper()
    """
    first = next(iter(inspect.signature(function).parameters), None)
    try:
        annotation = typing.get_type_hints(function).get(first or "", Event)
    except NameError:  # the annotation names something that is not imported when this runs
        annotation = Event
    members = typing.get_args(annotation) or (annotation,)
    return _Predicate(function, tuple(m for m in members if isinstance(m, type)) or (Event,))


def _message_filter(check: Callable[[Message, Context[Any]], bool | Yield], *yields: type) -> Filter:
    return _Predicate(check, _MESSAGES, yields)


# --- what is said ---------------------------------------------------------------------------------------------


class Links(tuple[str, ...]):
    """The links of a message as written, each once, in order."""


# Anything that clients turn into a link. Bounded on both sides of the dot, so that it runs in linear time.
_LINK = re.compile(
    r"(?:(?:https?|ftp|xmpp|gemini|magnet|mailto|geo|sip)s?:(?://)?|www\.)[^\s<>\"]{3,2048}", re.IGNORECASE
)


def _links(message: Message, _: Context[Any]) -> bool | Yield:
    found = _LINK.findall(message.content.everything)
    return Yield(Links(dict.fromkeys(link.rstrip(".,;:!?)]}'") for link in found))) if found else False


has_link = _message_filter(_links, Links)
"""Some text of the message shows a link, in whatever body or attachment. Yields ``Links``."""


def matches(pattern: str | re.Pattern[str]) -> Filter:
    """The text matches somewhere (``re.search``). Yields ``re.Match``: annotate ``re.Match[str]``.

    Python's ``re`` can take exponential time on patterns with nested repeats: keep them plain.
    """
    compiled = re.compile(pattern)

    def check(message: Message, _: Context[Any]) -> bool | Yield:
        found = compiled.search(message.text)
        return Yield(found) if found else False

    return _message_filter(check, re.Match)


def contains(*words: str) -> Filter:
    """One of ``words`` occurs as a whole word, whatever its case."""
    alternatives = "|".join(re.escape(word.casefold()) for word in words)
    compiled = re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)")
    return _message_filter(lambda message, _: bool(words) and compiled.search(message.text.casefold()) is not None)


def starts_with(*prefixes: str) -> Filter:
    """The text begins with one of ``prefixes``, exactly."""
    return _message_filter(lambda message, _: message.text.startswith(prefixes))


def _addressed(message: Message, ctx: Context[Any]) -> bool:
    if isinstance(message, DirectMessage | PrivateMessage):
        return True
    me = ctx.room.me if ctx.room is not None else None
    return me is not None and strip_nick(message.text, me.nick) is not None


def strip_nick(text: str, nick: str) -> str | None:
    """What follows ``nick: `` or ``@nick, `` at the start of ``text``; None if it does not begin so."""
    start = 1 if text.startswith("@") else 0
    end = start + len(nick)
    if text[start:end].casefold() != nick.casefold() or text[end : end + 1] not in (":", ","):
        return None
    return text[end + 1 :].lstrip()


addressed = _message_filter(_addressed)
"""Said to us: begins with our nick and ``:`` or ``,``, or is private or 1:1."""

is_correction = _message_filter(lambda message, _: message.content.replaces is not None)
"""Replaces an earlier message (XEP-0308)."""

is_reply = _message_filter(lambda message, _: message.content.reply is not None)
"""Answers another message (XEP-0461)."""


# --- who ------------------------------------------------------------------------------------------------------


def _author_filter(check: Callable[[Occupant], bool]) -> Filter:
    def passes(event: OccupantEvent, _: Context[Any]) -> bool:
        return check(event.author)

    return _Predicate(passes, (OccupantEvent,))


def from_affiliation(at_least: Affiliation) -> Filter:
    """The author's affiliation, as it was then, is at least this. Unknown occupants have none."""
    return _author_filter(lambda author: author.known and author.affiliation >= at_least)


def from_role(at_least: Role) -> Filter:
    """The author's role, as it was then, is at least this. Unknown occupants have none."""
    return _author_filter(lambda author: author.known and author.role >= at_least)


from_member = from_affiliation(Affiliation.MEMBER)
"""Said or done by a member, admin or owner of the room."""

from_moderator = from_role(Role.MODERATOR)
"""Said or done by a moderator."""


@predicate
def from_self(event: Event, ctx: Context[Any]) -> bool:
    """Said or done by ourselves. Of use only with ``own=True``: else such events do not come at all."""
    return is_own(event, ctx.link.address)


def is_own(event: Event, account: Address) -> bool:
    """True if ``event`` is our own doing: our occupant's, or a 1:1 message from our own account."""
    if isinstance(event, OccupantEvent):
        return event.author.is_self
    sender = getattr(event, "sender", None)
    return isinstance(sender, Address) and sender.bare == account.bare


# --- where and when -------------------------------------------------------------------------------------------


def in_room(*rooms: str | Address) -> Filter:
    """The event belongs to one of these rooms (bare JIDs). Raises ``BadAddress`` at once for what is none."""
    wanted: Iterable[Address] = [r if isinstance(r, Address) else Address.parse(r) for r in rooms]
    known = frozenset(wanted)
    return _Predicate(lambda event, _: getattr(event, "room", None) in known, (Event,))


def _is_live(event: Event, _: Context[Any]) -> bool:
    return getattr(event, "source", Source.LIVE) is Source.LIVE


live = _Predicate(_is_live, (Event,))
"""Happened just now."""

caught_up: Filter = ~live
"""Was said while we were away. Of use only with ``catch_up=True``."""

repeated = _Predicate(lambda event, _: getattr(event, "source", None) is Source.REPEATED, (Event,))
"""Was perhaps handled before, by a run that was killed; part of what is ``caught_up``."""
