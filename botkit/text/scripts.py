"""Which script a text is in, where one look can tell."""

from __future__ import annotations

import re

# Texts of one script, in NFKC, without marks of their own and without anything that cannot be seen: case-folding alone
# makes them final, and no letter in them stands for one of another script. Nearly all texts are such.
_PUNCTUATION = "!-@\\[-`{-~¡¤¦§«¬°±¶·»¿÷\u2010\u2012-\u2015\u2018-\u201e\u2020-\u2022"
_DRAWN = "\u2600-\u274b\u274d-\u27bf\U0001f300-\U0001f64f\U0001f680-\U0001f6ff\U0001f900-\U0001faff"
_LIKE_LETTERS = "¢£¥©®×\u20ac"
_SIGNS = f"\t\n {_PUNCTUATION}{_DRAWN}{_LIKE_LETTERS}"
_LETTERS = (
    "A-Za-zÀ-ÖØ-öø-\u012f\u0131\u0134-\u013e\u0141-\u0148\u014a-\u017e\u01a0\u01a1\u01af\u01b0\u01cd-\u01dc\u0218-\u021b\u1ea0-\u1ef9",
    "\u0410-\u044f\u0401\u0451\u0404\u0406\u0407\u040e\u0454\u0456\u0457\u045e\u0490\u0491",
    "\u060c\u061b\u061f\u0621-\u064a\u0671-\u0674\u0679-\u06d3\u06d5",
    "\u05be\u05d0-\u05ea\u05f3\u05f4",
    "\u0386\u0388-\u038a\u038c\u038e\u038f\u0391-\u03a1\u03a3-\u03af\u03b1-\u03ce",
    "A-Za-z\u3001-\u3029\u3041-\u3096\u309d\u309e\u30a1-\u30fa\u30fc-\u30fe\u4e00-\u9fff\uac00-\ud7a3",
)
_ONE_SCRIPT = re.compile("|".join(f"([{_SIGNS}{letters}]*)" for letters in _LETTERS))

LATIN, CYRILLIC, ARABIC, HEBREW, GREEK, EAST_ASIAN, SEVERAL = range(1, 8)

# Letters of words that look like no Latin ones: seldom is a sentence without.
_HONEST = {
    CYRILLIC: re.compile("[ияцджэфщъйёлю]"),
    ARABIC: re.compile("[\u0621\u0624\u0626\u0628-\u063a\u0641-\u0646\u0648-\u064a\u067e-\u06bd]"),
    HEBREW: re.compile("[\u05d0-\u05d4\u05d6\u05d7\u05d9-\u05de\u05e0\u05e2-\u05ea]"),
    GREEK: re.compile("[δλξπφψω]"),
}
_ANY = {script: re.compile(f"[{_LETTERS[script - 1]}]") for script in _HONEST}

# Words each of which is in one script. Without signs that can stand for Latin letters, and without capitals that look
# like other Latin letters than their small forms do: beside Latin words these matter.
_CAPITALS = re.compile("[БЇΉΊΎΗΝΥΪΫ]")
_WORDS = re.compile(
    r"(?:[\t\n ]++|(?:"
    + "|".join(f"[{_PUNCTUATION}{_DRAWN}{letters}]++" for letters in _LETTERS[:-1])
    + r")(?![^\t\n ]))*+"
)


def one_script(text: str) -> int:
    """``LATIN``, ``CYRILLIC`` ... if ``text`` is plainly in that and nothing else; 0 if it may not be."""
    found = _ONE_SCRIPT.fullmatch(text)
    return found.lastindex or 0 if found is not None else 0


def one_script_a_word(text: str) -> bool:
    """True if each word of ``text`` is plainly in one script, and no look-alike stands beside Latin ones."""
    return _WORDS.fullmatch(text) is not None and _CAPITALS.search(text) is None


def honest(folded: str, script: int) -> bool:
    """True if ``folded``, which is in ``script``, has a letter that no Latin one looks like. So that the text is what
    it seems to be: nobody reads Latin words in it. ``SEVERAL``: of each script that it has letters of."""
    if script in (LATIN, EAST_ASIAN):
        return True
    if script != SEVERAL:
        letters = _HONEST.get(script)
        return letters is not None and letters.search(folded) is not None
    return all(_HONEST[one].search(folded) for one, letters in _ANY.items() if letters.search(folded))
