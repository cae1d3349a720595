"""Text as rules compare it: what looks alike to a reader becomes alike."""

from __future__ import annotations

import re
import string
import unicodedata
from functools import lru_cache

# Format and filler characters that show nothing, and the combining marks that are stacked on letters of any script.
# Written as escapes: most of them cannot be seen in an editor.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0e\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]+"
)
_STACKED = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+")
_WORD = re.compile(r"\w+")
_LATIN = re.compile("[a-z]")

# Small Cyrillic and Greek letters that a reader takes for Latin ones.
_LOOKALIKES = str.maketrans(
    "авеіјкмнорсстухѕԁһѵԝгпαβεικνορτυχω",
    "abeijkmhopcctyxsdhvwrnabeiknoptuxw",
)
_BOTH_CASES = frozenset(form for code in _LOOKALIKES for form in (chr(code), chr(code).upper()))

_LATIN_LETTERS = frozenset(string.ascii_letters)

# A run of single letters kept apart: "f r e e", "f.r.e.e". Four or more, so that "a b c" stays as it is.
_SPACED = re.compile(r"(?<!\w)\w(?:[ .\-_*|]\w){3,}(?!\w)")
_APART = re.compile(r"[ .\-_*|]")

# Canonical ordering is quadratic in a run of combining marks; short pieces keep hostile text cheap.
_PIECE = 512


def normalise(text: str) -> str:
    """``text`` case-folded, in NFKC, without characters that cannot be seen. Never raises; may be longer or shorter.

    A word that mixes Latin with look-alike Cyrillic or Greek letters becomes Latin; a word wholly in
    one script is left alone.
    """
    if text.isascii():
        return text.lower()
    letters = set(text)
    if all(map(_plain, letters)):
        folded = text.casefold()
    else:
        text = _INVISIBLE.sub("", text)
        composed = "".join(unicodedata.normalize("NFKC", text[i : i + _PIECE]) for i in range(0, len(text), _PIECE))
        folded = _STACKED.sub("", _INVISIBLE.sub("", composed.casefold()))
        letters = set(folded)
    if letters.isdisjoint(_BOTH_CASES) or letters.isdisjoint(_LATIN_LETTERS):
        return folded
    return _WORD.sub(_latinise, folded)


@lru_cache(maxsize=8192)
def _plain(letter: str) -> bool:
    """True for a character that normalising leaves as it is, whatever stands beside it. Most texts have no other."""
    if letter < "\x80":
        return True
    return (
        unicodedata.category(letter)[0] != "M"
        and not "\u1100" <= letter <= "\u11ff"  # Hangul letters that compose with each other
        and not _INVISIBLE.match(letter)
        and unicodedata.is_normalized("NFKC", letter)
    )


def closed_up(folded: str, tokens: list[str]) -> str:
    """The words of ``folded`` that were written with gaps between their letters, closed up; "" if there are none."""
    if list(map(len, tokens)).count(1) < 4 and "_" not in folded:
        return ""
    return " ".join(_APART.sub("", run) for run in _SPACED.findall(folded))


def _latinise(match: re.Match[str]) -> str:
    word = match.group()
    return word.translate(_LOOKALIKES) if _LATIN.search(word) else word
