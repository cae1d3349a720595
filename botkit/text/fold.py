"""The folded form of a text: case, width, style, and what cannot be seen no longer count."""

from __future__ import annotations

import re
import unicodedata

from botkit.text.lookalikes import latinised
from botkit.text.scripts import LATIN, one_script, script_of_each_word

# Format and filler characters that show nothing, and the combining marks that are stacked on letters of any script.
# Written as escapes: most of them cannot be seen in an editor.
_NOTHING = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"
)
_MARKS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
# Each run becomes one space: what ends a line, or separates without being U+0020.
_SPACES = "\x0b\x0c\x1c-\x1f\x85\u1680\u180e\u2028\u2029"

INVISIBLE = re.compile(f"[{_NOTHING}]+")
_STACKED = re.compile(f"[{_MARKS}]+")
_OTHER_SPACE = re.compile(f"[{_SPACES}]")
# Hangul letters that compose with each other, beside all the above: a text without any is often in its final form.
_ODD = re.compile(f"[{_NOTHING}{_MARKS}{_SPACES}\u1100-\u11ff]")
_BENEATH_SPACE = re.compile("[\x00-\x08\x0b-\x1f\x7f]")

# Canonical ordering is quadratic in a run of combining marks; short pieces keep hostile text cheap.
_PIECE = 512
# Arabic formulas in one character that NFKC makes 18 and 8 of. All others become six at most.
_FORMULA = re.compile("([\ufdfa\ufdfb])")
# Signs that honest texts have and that are not in NFKC: to replace these few costs a tenth of composing the whole.
_COMMON = tuple((sign, unicodedata.normalize("NFKC", sign)) for sign in "？！，：（）　\xa0…")
_ROUNDS = 4


def normalise(text: str) -> str:
    """``text`` case-folded, in NFKC, without what cannot be seen and without stacked marks; one kind of space.

    A word that mixes Latin letters with look-alikes of other scripts becomes Latin; a word wholly in one script is
    left alone, so that a word list in any script matches. Never raises; at most six times as long as ``text``.
    Normalising twice changes nothing.
    """
    return fold(text)[0]


def fold(text: str) -> tuple[str, int]:
    """``normalise(text)``, and the script that it is plainly in, as ``one_script`` tells it; of a text each word of
    which is in one, all of them added up; else 0."""
    if text.isascii():
        folded = text.lower()
        # Lines are the commonest thing that is not printable; to take them out costs less than to search.
        if folded.isprintable() or folded.replace("\n", "").isprintable() or _BENEATH_SPACE.search(folded) is None:
            return folded, LATIN
        return _seen(folded), LATIN
    if "\ufe0f" in text or "\u200d" in text:  # in and behind emoji
        text = text.replace("\ufe0f", "").replace("\u200d", "")
    if script := one_script(text):
        return text.casefold(), script
    plain = _without_common(text)
    if plain is not text and (script := one_script(plain)):
        return plain.casefold(), script
    if scripts := script_of_each_word(plain):
        return plain.casefold(), scripts
    return latinised(_seen(text)), 0


def _without_common(text: str) -> str:
    for sign, plain in _COMMON:
        if sign in text:
            text = text.replace(sign, plain)
    return text


def _seen(text: str) -> str:
    """What is left of ``text`` once nothing in it is invisible; taking something out may let its neighbours compose."""
    for _ in range(_ROUNDS):
        odd = _ODD.search(text) is not None
        shown = INVISIBLE.sub("", _OTHER_SPACE.sub(" ", text)) if odd else text
        folded = _composed(shown).casefold()
        if odd:
            folded = _STACKED.sub("", folded)
        if folded == text:
            break
        # Nothing was hidden, and nothing came to light: what it has become is final.
        if (
            not odd
            and unicodedata.is_normalized("NFKC", folded)
            and (len(folded) == len(text) or _ODD.search(folded) is None)
        ):
            return folded
        text = folded
    return text


def _composed(text: str) -> str:
    if len(text) > _PIECE or "\ufdfa" in text or "\ufdfb" in text:
        return "".join(map(_piece_composed, _FORMULA.split(text)))
    if unicodedata.is_normalized("NFKC", text):
        return text
    return unicodedata.normalize("NFKC", _without_common(text))


def _piece_composed(text: str) -> str:
    if _FORMULA.match(text):
        return text
    return "".join(unicodedata.normalize("NFKC", text[at : at + _PIECE]) for at in range(0, len(text), _PIECE))
