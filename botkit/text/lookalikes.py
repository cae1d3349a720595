"""Letters that a reader takes for Latin ones: look-alikes of other scripts, letters in boxes, digits.

The table comes from the confusables of Unicode (UTS #39, by ``tools/lookalikes.py``); it is read when a text first
needs it.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib import resources

_WORD = re.compile(r"\w+")
_LATIN = re.compile("[a-z]")
_MARKS = re.compile("[\u0300-\u036f]+")

# Drawn for Latin letters though no standard says so.
_DRAWN = {"п": "n", "и": "n", "я": "r", "д": "a", "ц": "u", "э": "e", "ж": "x", "ф": "o", "щ": "w", "ъ": "b", "λ": "a",
          "ξ": "e", "π": "n", "ς": "c", "δ": "d", "ψ": "w", "φ": "o", "й": "n", "ё": "e", "ß": "b", "⭕": "o",
          "❌": "x", "€": "e", "£": "l", "©": "c", "®": "r", "ᗩ": "a", "ᑕ": "c", "ᑎ": "n", "ᑫ": "q", "ᔕ": "s", "ᗯ": "w",
          "ᘔ": "z", "ⲁ": "a"}  # fmt: skip
# A text with one of these in it is what it seems to be; a word of the others may be Latin in disguise.
_HONEST = frozenset("иядцэжфщъйёлюλξπςδψφω")

# Letters up to here are written in living Latin alphabets: ı, ł, ø are no disguise.
_LATIN_END = 0x180

# Marks of other scripts on a Latin letter; on their own letters they are writing.
_STRANGE_MARK = re.compile(
    "(?<=[a-z0-9])[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"
    "\u0730-\u074a\u0900-\u0903\u093a-\u094f\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u302a-\u302f\u3099\u309a]+"
)

SHORTEST = 4  # letters of a word wholly in another script that may be a Latin one in disguise


@cache
def table() -> dict[int, str]:
    """For ``str.translate``: each sign of a folded text, and the Latin letters or digits that it looks like.

    1 stands for a stroke, which may be i or l.
    """
    return _tables()[0]


@cache
def capitals() -> tuple[re.Pattern[str], dict[int, str]]:
    """Signs that folding turns into what they do not look like: Greek Η is a Latin H, and η is an n."""
    signs = _tables()[1]
    return re.compile(f"[{''.join(map(chr, signs))}]"), signs


@cache
def _tables() -> tuple[dict[int, str], dict[int, str]]:
    found: dict[int, str] = {}
    unfolded: dict[int, str] = {}
    for line in resources.files("botkit.text").joinpath("lookalikes.txt").read_text("utf-8").splitlines():
        shape, tab, signs = line.partition("\t")
        if tab and not line.startswith("#"):
            into = unfolded if shape.startswith("!") else found
            into.update(dict.fromkeys(map(ord, signs), shape.lstrip("!")))
    for sign, shape in _DRAWN.items():
        found.setdefault(ord(sign), shape)
    return found, unfolded


@cache
def _disguises() -> dict[int, str]:
    """The table without the letters of living Latin alphabets."""
    return {code: shape for code, shape in table().items() if code >= _LATIN_END or not chr(code).isalpha()}


@cache
def _foreign() -> tuple[re.Pattern[str], dict[int, str]]:
    """The letters of the table that no Latin alphabet has, as a pattern for one of them, and as a table."""
    letters = {code: shape for code, shape in table().items() if code >= _LATIN_END and shape.isalpha()}
    letters = {code: shape for code, shape in letters.items() if chr(code) not in _HONEST and chr(code).isalpha()}
    return re.compile(f"[{''.join(map(chr, letters))}]"), letters


def warm_up() -> None:
    """Read the table now, at start, rather than while a message waits."""
    _foreign()
    _disguises()
    capitals()


def latinised(folded: str) -> str:
    """``folded`` with each word that mixes Latin letters and look-alikes wholly Latin."""
    if _LATIN.search(folded) is None or _foreign()[0].search(folded) is None:
        return folded
    return _WORD.sub(_latinise, folded)


def _latinise(match: re.Match[str]) -> str:
    word = match.group()
    return word if word.isascii() or _LATIN.search(word) is None else word.translate(_foreign()[1])


def uncovered(folded: str) -> str:
    """``folded`` with every word that is a Latin one in disguise written out, also such as are in one other script.

    Such a word has four letters at least, all of them look-alikes, and the text has no letter of that script that is
    none: a Russian sentence stays Russian.
    """
    words = folded.split()
    odd = {word for word in words if not word.isascii()}
    known = _disguises()
    letters = [letter for letter in set("".join(odd)) if letter > "\x7f" and letter.isalpha()]
    honest = {_script(letter) for letter in letters if ord(letter) not in known or letter in _HONEST}
    changed = {word: plain for word in odd if (plain := _uncovered(word, honest, known)) != word}
    return " ".join([changed.get(word, word) for word in words]) if changed else folded


def _uncovered(word: str, honest: set[int], known: dict[int, str]) -> str:
    if _LATIN.search(word):
        word = _STRANGE_MARK.sub("", word)
    else:
        letters = [letter for letter in word if letter > "\x7f"]
        scripts = {_script(letter) for letter in letters if letter.isalpha()}
        if scripts & honest or (len(letters) < SHORTEST and len(scripts) < 2):
            return word
    return word.translate(known)


def _script(letter: str) -> int:
    """A number for the script of ``letter``, near enough: its block of 256; for Latin letters always 0."""
    block = ord(letter) >> 8
    return {0x1F: 0x03, 0x05: 0x04 if letter < "\u0530" else 0x05, 0x02: 0x00, 0x1E: 0x00, 0xAB: 0x13}.get(block, block)


def unaccented(folded: str) -> str:
    """``folded`` with its Latin letters without their marks: ``cäsìnò`` is ``casino``."""
    try:
        return folded.encode("latin-1").translate(_BARE).decode("latin-1")
    except UnicodeEncodeError:
        pass
    parts = [unicodedata.normalize("NFD", folded[at : at + 512]) for at in range(0, len(folded), 512)]
    return _MARKS.sub("", "".join(parts)).translate(_STROKES)


_STROKES = str.maketrans("ıłøđħŧæœðþ", "ilodhtaodp")
_BARE = "".join(unicodedata.normalize("NFD", chr(code))[0] for code in range(256)).translate(_STROKES).encode("latin-1")
