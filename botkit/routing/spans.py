"""Lengths of time as people write them: ``1h30m``, ``2 hours``, ``1 h 30 min``, ``PT90S``; and words, one by one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

SPAN = "a length of time like 90s, 30m, 1h30m, 2 days or PT1H"

_UNITS = {
    "w": 604_800, "wk": 604_800, "wks": 604_800, "week": 604_800, "weeks": 604_800,
    "d": 86_400, "day": 86_400, "days": 86_400,
    "h": 3_600, "hr": 3_600, "hrs": 3_600, "hour": 3_600, "hours": 3_600,
    "m": 60, "min": 60, "mins": 60, "minute": 60, "minutes": 60,
    "s": 1, "sec": 1, "secs": 1, "second": 1, "seconds": 1,
}  # fmt: skip
_ONE = rf"(\d{{1,9}}(?:[.,]\d{{1,6}})?)({'|'.join(sorted(_UNITS, key=len, reverse=True))})"
_PART = re.compile(_ONE, re.IGNORECASE | re.ASCII)
_SPAN = re.compile(rf"(?:{_ONE})+", re.IGNORECASE | re.ASCII)
_AMOUNT = re.compile(r"\d{1,9}(?:[.,]\d{1,6})?", re.ASCII)
ISO_SPAN = re.compile(
    r"P(?=.)(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?=.)(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9}(?:[.,]\d{1,6})?)S)?)?",
    re.IGNORECASE | re.ASCII,
)
_WORD = re.compile(r"\S+")


class NotATime(ValueError):
    """The text is no such time. It goes on after "expected": ``NotATime("a time that is")``.

    ``read`` is where the words end that were understood. ``next_wrong``: it is the word behind them that will not do.
    """

    def __init__(self, message: str, *, next_wrong: bool = True) -> None:
        super().__init__(message)
        self.read = 0
        self.next_wrong = next_wrong


@dataclass(slots=True)
class Seen:
    """A word of a text, and where it ends."""

    text: str  # casefolded, without a comma behind it
    raw: str
    end: int


class Words:
    """The words of ``text`` from ``at``, read one after the other, no more of them than are asked for."""

    def __init__(self, text: str, at: int) -> None:
        self._found: list[Seen] = []
        self._more: Iterator[re.Match[str]] = _WORD.finditer(text, at)
        self.index = 0
        self.end = at

    def peek(self, ahead: int = 0) -> Seen | None:
        while len(self._found) <= self.index + ahead:
            found = next(self._more, None)
            if found is None:
                return None
            raw = found[0]
            bare = raw.rstrip(",")
            self._found.append(Seen(bare.casefold(), bare, found.start() + len(raw)))
        return self._found[self.index + ahead]

    def said(self, ahead: int = 0) -> str:
        word = self.peek(ahead)
        return word.text if word is not None else ""

    def take(self, count: int = 1) -> None:
        for _ in range(count):
            word = self.peek()
            assert word is not None, "only what was seen is taken"
            self.index += 1
            self.end = word.end


def take_span(text: str, at: int = 0) -> tuple[timedelta, int]:
    """The length of time that ``text[at:]`` begins with, and where its last word ends. Raises ``NotATime``."""
    words = Words(text, at)
    return span_of(words), words.end


def span_of(words: Words) -> timedelta:
    """The length of time that stands next. Raises ``NotATime``."""
    if words.said()[:1] == "p" and (iso := ISO_SPAN.fullmatch(words.said())):
        words.take()
        amounts = (float((part or "0").replace(",", ".")) for part in iso.groups())
        return _length(sum(n * unit for n, unit in zip(amounts, (604_800, 86_400, 3_600, 60, 1), strict=True)))
    seconds, smallest = 0.0, 10.0**9
    taken = False
    while True:
        word = words.said()
        ahead = 1 if taken and word == "and" else 0
        if not ahead and not word[:1].isdigit():
            break
        parts, count = span_parts(words, ahead)
        # "1h 30m" is one length; in "1h 2h" the second hours are something else
        if not parts or max(unit for _, unit in parts) >= smallest:
            break
        words.take(ahead + count)
        seconds += sum(n * unit for n, unit in parts)
        smallest, taken = min(unit for _, unit in parts), True
    if not taken:
        raise NotATime(SPAN)
    return _length(seconds)


def span_parts(words: Words, ahead: int) -> tuple[list[tuple[float, int]], int]:
    """The amounts and units of the next word, or of an amount and a unit that are two words; and how many words."""
    word = words.said(ahead)
    if _SPAN.fullmatch(word):
        return [(float(n.replace(",", ".")), _UNITS[unit.lower()]) for n, unit in _PART.findall(word)], 1
    unit = words.said(ahead + 1)
    if _AMOUNT.fullmatch(word) and unit in _UNITS and len(unit) > 1:
        return [(float(word.replace(",", ".")), _UNITS[unit])], 2
    return [], 0


def _length(seconds: float) -> timedelta:
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        raise NotATime("a shorter time") from None
