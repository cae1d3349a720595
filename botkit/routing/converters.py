"""From words to values, and what is said when a word will not do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from botkit.model.address import Address
from botkit.model.rooms import Affiliation, Occupant, Role
from botkit.routing.handles import RoomHandle
from botkit.routing.words import Word

if TYPE_CHECKING:
    from botkit.routing.context import Context

Converter = Callable[[str, "Context[Any]"], Any]
"""``convert(word, ctx)`` gives a value or raises ``Expected`` (or any ``ValueError`` with a text for the asker)."""


class Expected(ValueError):
    """A word that will not do. The text goes on after "expected": ``Expected("a number")``."""


@dataclass(frozen=True, slots=True)
class Range:
    """``Annotated[int, Range(1, 10)]``: both ends are allowed, None is open."""

    low: float | None = None
    high: float | None = None

    def complaint(self, value: Any) -> str | None:
        """What was expected instead of ``value``; None if it will do."""
        if (self.low is None or value >= self.low) and (self.high is None or value <= self.high):
            return None
        if self.low is not None and self.high is not None:
            return f"from {self.low} to {self.high}"
        return f"at least {self.low}" if self.low is not None else f"at most {self.high}"


@dataclass(frozen=True, slots=True)
class Pattern:
    """``Annotated[str, Pattern(r"[a-z]+", "small letters")]``: the whole text must match."""

    regex: str
    shown: str | None = None

    def complaint(self, value: Any) -> str | None:
        """What was expected instead of ``value``; None if it will do."""
        return None if re.fullmatch(self.regex, str(value)) else self.shown or f"a text like {self.regex}"


_COMPARISONS: Mapping[str, tuple[Callable[[Any, Any], bool], str]] = {
    "ge": (lambda value, bound: value >= bound, "at least"),
    "gt": (lambda value, bound: value > bound, "more than"),
    "le": (lambda value, bound: value <= bound, "at most"),
    "lt": (lambda value, bound: value < bound, "less than"),
    "min_length": (lambda value, bound: len(value) >= bound, "a length of at least"),
    "max_length": (lambda value, bound: len(value) <= bound, "a length of at most"),
}


def complaint(value: Any, constraints: Iterable[Any]) -> str | None:
    """What was expected instead of ``value`` by the first constraint that it breaks; None if by none.

    Knows ``Range``, ``Pattern``, everything else with a ``complaint(value)``, and by their shape the
    markers of annotated_types and pydantic (``ge``, ``gt``, ``le``, ``lt``, ``min_length``, ``max_length``).
    """
    for one in constraints:
        own = getattr(one, "complaint", None)
        if callable(own):
            if (said := own(value)) is not None:
                return str(said)
            continue
        # pydantic's FieldInfo keeps the markers in ``metadata``
        for marker in (one, *getattr(one, "metadata", ())):
            for name, (holds, words) in _COMPARISONS.items():
                bound = getattr(marker, name, None)
                if bound is not None and not holds(value, bound):
                    return f"{words} {bound}"
    return None


# --- built in -------------------------------------------------------------------------------------------------

_UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "min": 60, "s": 1}
_SPAN = re.compile(r"(?:\d{1,9}(?:w|d|h|min|m|s))+", re.IGNORECASE)
_SPAN_PART = re.compile(r"(\d{1,9})(w|d|h|min|m|s)", re.IGNORECASE)
_ISO = re.compile(
    r"P(?=.)(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?=.)(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9})S)?)?", re.IGNORECASE
)
_TRUE = frozenset(("yes", "y", "true", "on", "1"))
_FALSE = frozenset(("no", "n", "false", "off", "0"))


def _text(word: str, _: Context[Any]) -> str:
    return str(word)


def _integer(word: str, _: Context[Any]) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", word):
        raise Expected("a whole number")
    return int(word)


def _number(word: str, _: Context[Any]) -> float:
    if not re.fullmatch(r"[+-]?[0-9]{1,18}(?:[.,][0-9]{1,18})?", word):
        raise Expected("a number")
    return float(word.replace(",", "."))


def _truth(word: str, _: Context[Any]) -> bool:
    low = word.casefold()
    if low not in _TRUE and low not in _FALSE:
        raise Expected("yes or no")
    return low in _TRUE


def _span(word: str, _: Context[Any]) -> timedelta:
    seconds = 0
    if iso := _ISO.fullmatch(word):
        amounts = (int(part or 0) for part in iso.groups())
        seconds = sum(n * unit for n, unit in zip(amounts, (604_800, 86_400, 3_600, 60, 1), strict=True))
    elif _SPAN.fullmatch(word):
        seconds = sum(int(n) * _UNITS[unit.lower()] for n, unit in _SPAN_PART.findall(word))
    else:
        raise Expected("a length of time like 90s, 30m, 1h30m, 2d or PT1H")
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        raise Expected("a shorter time") from None


def _address(word: str, _: Context[Any]) -> Address:
    try:
        return Address.parse(word.removeprefix("xmpp:"))
    except ValueError:
        raise Expected("a JID like name@example.org") from None


def _occupant(word: str, ctx: Context[Any]) -> Occupant:
    """Somebody who is in the room now, by nick. Never a guess: what could mean two is refused."""
    if ctx.room is None:
        raise Expected("somebody in a room; this works in rooms alone")
    stripped = word.removeprefix("@")
    tries = (word, stripped, word.rstrip(":,"), stripped.rstrip(":,"))
    found = next((o for nick in tries if nick and (o := ctx.room.find(nick)) is not None), None)
    if isinstance(word, Word) and not word.quoted:
        start = str(word) + word.following
        longer = [o.nick for o in ctx.room.occupants() if " " in o.nick and start.removeprefix("@").startswith(o.nick)]
        if longer and found is not None:
            raise Expected(f'either "{found.nick}" or "{longer[0]}"; put the nick that you mean in quotes')
        if longer:
            raise Expected(f'a nick with spaces in quotes: "{longer[0]}"')
    if found is None:
        close = difflib.get_close_matches(stripped, [o.nick for o in ctx.room.occupants()], n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise Expected(f"somebody who is in the room now{hint}")
    return found


def _room(word: str, ctx: Context[Any]) -> RoomHandle:
    address = _address(word, ctx)
    info = ctx.link.room(address)
    if info is None or info.me is None:
        raise Expected("a room that I am in")
    return RoomHandle(address, ctx.link)


BUILT_IN: Mapping[Any, Converter] = {
    str: _text,
    int: _integer,
    float: _number,
    bool: _truth,
    timedelta: _span,
    Address: _address,
    Occupant: _occupant,
    RoomHandle: _room,
}


def choices_of(kind: Any) -> dict[str, Any]:
    """Word to value for a type that allows only certain words: ``Literal``, enums, affiliation, role. Else empty."""
    if get_origin(kind) is Literal:
        return {str(value): value for value in get_args(kind)}
    if isinstance(kind, type) and issubclass(kind, Affiliation | Role):
        return {member.word: member for member in kind}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {member.name.lower().replace("_", "-"): member for member in kind}
    return {}


def converter_for(kind: Any, own: Mapping[Any, Converter]) -> Converter | None:
    """What turns a word into a ``kind``; a router's own converters go before ours. None if nothing does."""
    try:
        found = own.get(kind) or BUILT_IN.get(kind)
    except TypeError:  # an annotation that cannot be hashed
        return None
    if found is not None:
        return found
    words = choices_of(kind)
    if not words:
        return None
    folded = {word.casefold(): value for word, value in words.items()}

    def choose(word: str, _: Context[Any]) -> Any:
        if word.casefold() not in folded:
            close = difflib.get_close_matches(word.casefold(), folded, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise Expected(f"one of {', '.join(words)}{hint}")
        return folded[word.casefold()]

    return choose
