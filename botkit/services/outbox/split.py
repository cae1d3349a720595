"""Cutting long texts into messages."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
_LINE = re.compile(r"\n")
_SPACE = re.compile(r"\s+")
_ZWJ = "\u200d"
_HIGHEST_CLUSTER = 64  # code points; people write none that long, and a text of combining marks alone has to end


def split(text: str, limit: int) -> list[str]:
    """``text`` in parts of at most ``limit`` bytes of UTF-8 each (at least 16).

    Cut between paragraphs, else lines, if that fills half of a part; else between words. A single word that is longer
    than a part, even a link, is cut, but not within what people see as one character.
    """
    parts: list[str] = []
    rest = text.strip()
    while len(rest.encode()) > limit:
        end, following = _cut(rest, _fitting(rest, limit))
        parts.append(rest[:end].rstrip())
        rest = rest[following:].lstrip("\n").rstrip()
    if rest.strip():
        parts.append(rest)
    return [part for part in parts if part.strip()]


def shortened(text: str, limit: int) -> str:
    """``text``, or its beginning with "…" if it has more than ``limit`` bytes."""
    if len(text.encode()) <= limit:
        return text
    end, _ = _cut(text, _fitting(text, limit - len("…".encode())))
    return text[:end].rstrip() + "…"


def _fitting(text: str, limit: int) -> int:
    """How many characters of ``text`` have at most ``limit`` bytes; at least one."""
    # What was cut within a character at the end is left out by "ignore".
    return max(1, len(text.encode()[:limit].decode(errors="ignore")))


def _cut(text: str, most: int) -> tuple[int, int]:
    """Where the part ends and where the next one begins."""
    for pattern, least in ((_PARAGRAPH, most // 2), (_LINE, most // 2), (_SPACE, 1)):
        found = _last(pattern, text, most)
        if found is not None and found[0] >= least:
            return found
    end = _boundary(text, most)
    return end, end


def _last(pattern: re.Pattern[str], text: str, most: int) -> tuple[int, int] | None:
    """The last match that begins at ``most`` or before."""
    found = None
    for match in pattern.finditer(text, 0, min(len(text), most + 2)):
        if match.start() > most:
            break
        found = match.span()
    return found


def _boundary(text: str, most: int) -> int:
    """The last place at ``most`` or before that is not within a character as people see it."""
    for end in range(most, max(0, most - _HIGHEST_CLUSTER), -1):
        if end < len(text) and not _joined(text, end):
            return end
    return most


def _joined(text: str, at: int) -> bool:
    """Do the code points before and behind ``at`` belong to one grapheme? The rules of UAX #29 that matter here."""
    before, behind = text[at - 1], text[at]
    if any(rule(before, behind) for rule in _RULES):
        return True
    if _is_flag(behind):
        first = at
        while first > 0 and _is_flag(text[first - 1]):
            first -= 1
        return (at - first) % 2 == 1  # GB12: flags are pairs
    return False


def _is_flag(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _extends(_before: str, behind: str) -> bool:
    return (
        unicodedata.category(behind)[0] == "M"  # GB9, GB9a: marks, variation selectors
        or behind == _ZWJ
        or "\U0001f3fb" <= behind <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= behind <= "\U000e007f"  # tags: flags of regions
    )


def _is_hangul(before: str, behind: str) -> bool:  # GB6–GB8
    lead = "\u1100" <= before <= "\u115f" and ("\u1100" <= behind <= "\u11a7" or "\uac00" <= behind <= "\ud7a3")
    vowel = "\u1160" <= before <= "\u11a7" and "\u1160" <= behind <= "\u11ff"
    syllable = "\uac00" <= before <= "\ud7a3" and "\u1160" <= behind <= "\u11ff"
    return lead or vowel or syllable or ("\u11a8" <= before <= "\u11ff" and "\u11a8" <= behind <= "\u11ff")


_RULES: tuple[Callable[[str, str], bool], ...] = (
    _extends,
    lambda before, behind: before == _ZWJ,  # GB11
    lambda before, behind: before == "\r" and behind == "\n",  # GB3
    _is_hangul,
)
