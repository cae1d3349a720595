"""From words to values, and what is said when a word will not do."""

from __future__ import annotations

import difflib
import re
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from botkit.model.address import Address
from botkit.model.durations import format_duration
from botkit.model.forms import FieldKind
from botkit.model.rooms import Affiliation, Occupant, Role
from botkit.routing.constraints import Expected, Pattern, Range, from_text
from botkit.routing.handles import RoomHandle
from botkit.routing.inhabitants import address, occupant, room, take_occupant
from botkit.routing.spans import NotATime, take_span
from botkit.routing.times import take_clock, take_day, take_moment
from botkit.routing.words import Line, Word

if TYPE_CHECKING:
    from botkit.routing.context import Context

__all__ = ["NO_WORD", "Converter", "Convert", "Expected", "Pattern", "Range", "choices_of", "converter_for"]

Convert = Callable[[str, "Context[Any]"], Any]
"""``convert(word, ctx)`` gives a value or raises ``Expected`` (or any ``ValueError`` with a text for the asker)."""

Take = Callable[[Line, "Context[Any]"], Any]
"""Reads as many words as it wants from where a line stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Converter:
    """How a type is read from text, shown as text, and asked for in a form.

    ``convert`` reads one word, or what was typed into a field. ``take`` is for types whose values may be several
    words without quotes; None: one word. ``show`` gives a text that ``convert`` reads. ``choices`` are the words that
    there are to choose from now, for lists in forms; None: free input. ``field`` is the kind of a form's field, None
    for a text or, with choices, a list. ``hint`` says what to type, where the author says nothing. ``timed``: it reads
    ``ctx.zone``, which is learned before.
    """

    convert: Convert
    take: Take | None = None
    show: Callable[[Any], str] | None = None
    choices: Callable[[Context[Any]], Iterable[str]] | None = None
    field: FieldKind | None = None
    datatype: str | None = None
    hint: str | None = None
    timed: bool = False

    def __call__(self, word: str, ctx: Context[Any]) -> Any:
        """The value of one word."""
        return self.convert(word, ctx)


_NEXT = re.compile(r"\s*\S+")


# --- built in -------------------------------------------------------------------------------------------------

_TRUE = frozenset(("yes", "y", "true", "on", "1"))
_FALSE = frozenset(("no", "n", "false", "off", "0"))
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:([_'’\u00a0\u2009\u202f])[0-9]{3})(?:\1[0-9]{3}){0,4}(?:\.[0-9]{1,18})?")
"""Thousands set apart by signs that can mean nothing else; a comma or a dot might be a decimal sign."""


def _text(word: str, _: Context[Any]) -> str:
    return str(word)


def _digits(word: str) -> str:
    plain = word.replace("\u2212", "-")
    return re.sub(r"[_'’\u00a0\u2009\u202f]", "", plain) if _GROUPED.fullmatch(plain) else plain


def _integer(word: str, _: Context[Any]) -> int:
    plain = _digits(word)
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", plain):
        raise Expected("a whole number")
    return int(plain)


def _number(word: str, _: Context[Any]) -> float:
    plain = _digits(word)
    if not re.fullmatch(r"[+-]?[0-9]{1,18}(?:[.,][0-9]{1,18})?", plain):
        raise Expected("a number")
    return float(plain.replace(",", "."))


def _truth(word: str, _: Context[Any]) -> bool:
    low = word.casefold()
    if low not in _TRUE and low not in _FALSE:
        raise Expected("yes or no")
    return low in _TRUE


def _whole(take: Callable[[str, Context[Any]], tuple[Any, int]]) -> Convert:
    """Of what takes the words that a text begins with: what takes all of it or complains."""

    def convert(word: str, ctx: Context[Any]) -> Any:
        value, end = _timed(take, word, ctx)
        if (extra := word[end:].strip()) != "":
            raise Expected(f"nothing behind it; there is {extra[:40]!r}")
        return value

    return convert


def _ahead(take: Callable[[str, Context[Any]], tuple[Any, int]], convert: Convert) -> Take:
    def several(line: Line, ctx: Context[Any]) -> Any:
        if line.quoted:
            return convert(line.next() or "", ctx)
        text = line.text[line.at :]
        try:
            value, end = take(text, ctx)
        except NotATime as problem:
            wrong = _NEXT.match(text, problem.read) if problem.next_wrong else None
            line.at += wrong.end() if wrong is not None else problem.read  # so that what is told goes up to there
            raise Expected(str(problem)) from None
        line.skip_to(line.at + end)
        return value

    return several


def _timed(take: Callable[[str, Context[Any]], tuple[Any, int]], text: str, ctx: Context[Any]) -> tuple[Any, int]:
    try:
        return take(text, ctx)
    except NotATime as problem:
        raise Expected(str(problem)) from None


def _several_words(take: Callable[[str, Context[Any]], tuple[Any, int]], **more: Any) -> Converter:
    convert = _whole(take)
    return Converter(convert=convert, take=_ahead(take, convert), **more)


def _span_text(span: timedelta) -> str:
    return format_duration(span) if not span.microseconds else f"{span.total_seconds():.10g}s"


_SPANS = _several_words(
    lambda text, ctx: take_span(text), show=_span_text,
    hint="a length of time like 30m, 1h30m or 2d",
)  # fmt: skip
_MOMENTS = _several_words(
    lambda text, ctx: take_moment(text, 0, ctx.now(), ctx.zone), show=lambda at: at.isoformat(),
    hint='a time like "tomorrow 9:00", "in 2h" or 2026-11-21T18:00', timed=True,
)  # fmt: skip
_DATES = _several_words(
    lambda text, ctx: take_day(text, 0, ctx.now(), ctx.zone), show=lambda day: day.isoformat(),
    hint="a day like tomorrow, friday or 2026-11-21", timed=True,
)  # fmt: skip
_CLOCKS = _several_words(
    lambda text, ctx: take_clock(text), show=lambda clock: clock.isoformat(), hint="a time of day like 9:00 or 6pm"
)  # fmt: skip

BUILT_IN: Mapping[Any, Converter] = {
    str: Converter(convert=_text),
    int: Converter(convert=_integer, datatype="xs:integer"),
    float: Converter(convert=_number, datatype="xs:decimal"),
    bool: Converter(convert=_truth, show=lambda value: "1" if value else "0", field=FieldKind.BOOLEAN),
    timedelta: _SPANS,
    datetime: _MOMENTS,
    date: _DATES,
    time: _CLOCKS,
    Address: Converter(convert=address, field=FieldKind.JID_SINGLE),
    Occupant: Converter(
        convert=occupant,
        take=take_occupant,
        show=lambda value: value.nick,
        choices=lambda ctx: (
            sorted((o.nick for o in ctx.room.occupants() if not o.is_self), key=str.casefold)
            if ctx.room is not None
            else ()
        ),
        hint="a nick, exactly as it is shown in the room",
    ),
    RoomHandle: Converter(convert=room, show=lambda value: str(value.address), field=FieldKind.JID_SINGLE),
}


def _no_word(_word: str, _: Context[Any]) -> Any:
    raise Expected("a reply to a message")


NO_WORD = Converter(convert=_no_word, hint="the message's id in the room's archive")
"""Of what no word can give."""


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
    if words := choices_of(kind):
        return _choosing(words)
    if get_origin(kind) in (Union, types.UnionType):
        return _either([converter_for(member, own) for member in get_args(kind)])
    read = from_text(kind)
    if read is None:
        return None
    secret = isinstance(kind, type) and hasattr(kind, "get_secret_value")  # pydantic's SecretStr and its kin
    return Converter(
        convert=lambda word, _: read(str(word)), show=str, field=FieldKind.TEXT_PRIVATE if secret else None
    )


def _choosing(words: dict[str, Any]) -> Converter:
    folded = {word.casefold(): value for word, value in words.items()}
    shown = {id(value): word for word, value in words.items()}

    def choose(word: str, _: Context[Any]) -> Any:
        if word.casefold() not in folded:
            raise Expected(f"one of {', '.join(words)}{did_you_mean(word, words)}")
        return folded[word.casefold()]

    return Converter(convert=choose, show=lambda value: shown.get(id(value), str(value)))


def _either(members: list[Converter | None]) -> Converter | None:
    """The first of several types that will have the word."""
    readers = [member for member in members if member is not None]
    if len(readers) < len(members):
        return None

    def convert(word: str, ctx: Context[Any]) -> Any:
        return _first([lambda one=one: one(word, ctx) for one in readers])  # type: ignore[misc]

    def take(line: Line, ctx: Context[Any]) -> Any:
        at = line.at

        def reading(one: Converter) -> Any:
            line.at = at
            return read_next(one, line, ctx)

        return _first([lambda one=one: reading(one) for one in readers])  # type: ignore[misc]

    def show(value: Any) -> str:
        texts = {text for one in readers if one.show is not None and (text := _tried(one.show, value)) is not None}
        return texts.pop() if len(texts) == 1 else str(value)

    return Converter(convert=convert, take=take, show=show, timed=any(one.timed for one in readers))


def _tried(show: Callable[[Any], str], value: Any) -> str | None:
    try:
        return show(value)
    except (AttributeError, TypeError, ValueError):  # of another member's type
        return None


def _first(attempts: Iterable[Callable[[], Any]]) -> Any:
    said: list[str] = []
    for attempt in attempts:
        try:
            return attempt()
        except Expected as problem:
            said.append(str(problem))
        except ValueError as problem:
            said.append(str(problem))
    raise Expected(", or ".join(dict.fromkeys(said)))


def read_next(convert: Converter, line: Line, ctx: Context[Any]) -> Any:
    """The value of the next words of ``line``, which is not done. Raises what converters raise, and ``UsageError``."""
    if convert.take is not None:
        return convert.take(line, ctx)
    word = line.next()
    assert word is not None, "asked for only where the line goes on"
    return convert(word, ctx)


def did_you_mean(word: str, known: Iterable[str], sign: str = "") -> str:
    """``; did you mean blue?``, or nothing where no word is close."""
    names = {one.casefold(): one for one in known}
    close = difflib.get_close_matches(word.casefold()[:40], names, n=1)
    return f"; did you mean {sign}{names[close[0]]}?" if close else ""


__all__ += ["Take", "Word", "did_you_mean", "read_next"]
