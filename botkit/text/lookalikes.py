"""Letters of other scripts that a reader takes for Latin ones."""

from __future__ import annotations

import re

_WORD = re.compile(r"\w+")
_LATIN = re.compile("[a-z]")

# Small Cyrillic and Greek letters that a reader takes for Latin ones.
_LOOKALIKES = str.maketrans(
    "авеіјкмнорсстухѕԁһѵԝгпαβεικνορτυχω",
    "abeijkmhopcctyxsdhvwrnabeiknoptuxw",
)
_ANY = re.compile(f"[{''.join(map(chr, _LOOKALIKES))}]")


def latinised(folded: str) -> str:
    """``folded`` with each word that mixes Latin letters and look-alikes wholly Latin."""
    if _LATIN.search(folded) is None or _ANY.search(folded) is None:
        return folded
    return _WORD.sub(_latinise, folded)


def _latinise(match: re.Match[str]) -> str:
    word = match.group()
    return word.translate(_LOOKALIKES) if _LATIN.search(word) else word
