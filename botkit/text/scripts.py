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

# In the order of ``_LETTERS``; added up where a text has several.
_EACH = LATIN, CYRILLIC, ARABIC, HEBREW, GREEK, EAST_ASIAN = 1, 2, 4, 8, 16, 32

# Letters of words that look like no Latin ones: seldom is a sentence without.
_HONEST = {
    CYRILLIC: re.compile("[ияцджэфщъйёлю]"),
    ARABIC: re.compile("[\u0621\u0624\u0626\u0628-\u063a\u0641-\u0646\u0648-\u064a\u067e-\u06bd]"),
    HEBREW: re.compile("[\u05d0-\u05d4\u05d6\u05d7\u05d9-\u05de\u05e0\u05e2-\u05ea]"),
    GREEK: re.compile("[δλξπφψω]"),
}

# Words each of which is in one script. Without signs that can stand for Latin letters, and without capitals that look
# like other Latin letters than their small forms do: beside Latin words these matter.
_CAPITALS = re.compile("[БЇΉΊΎΗΝΥΪΫ]")
_WORDS = re.compile(
    r"(?:[\t\n ]++|(?:"
    + "|".join(f"[{_PUNCTUATION}{_DRAWN}{letters}]++" for letters in _LETTERS[:-1])
    + r")(?![^\t\n ]))*+"
)


# The bytes that letters of these scripts begin with in UTF-8.
_OF_LEAD = {
    lead: script
    for script, leads in ((GREEK, (0xCE, 0xCF)), (CYRILLIC, (0xD0, 0xD1, 0xD2)), (HEBREW, (0xD6, 0xD7)),
                          (ARABIC, (0xD8, 0xD9, 0xDA, 0xDB)))
    for lead in leads
}  # fmt: skip
_NO_LEADS = bytes(set(range(256)) - _OF_LEAD.keys())


def one_script(text: str) -> int:
    """``LATIN``, ``CYRILLIC`` ... if ``text`` is plainly in that and nothing else; 0 if it may not be."""
    found = _ONE_SCRIPT.fullmatch(text)
    return _EACH[found.lastindex - 1] if found is not None and found.lastindex else 0


def script_of_each_word(text: str) -> int:
    """The scripts of ``text``, added up, if each word of it is plainly in one and no look-alike stands beside Latin
    ones; else 0."""
    if _WORDS.fullmatch(text) is None or _CAPITALS.search(text) is not None:
        return 0
    return LATIN | sum({_OF_LEAD[lead] for lead in text.encode("utf-8").translate(None, _NO_LEADS)})


def honest(folded: str, scripts: int) -> bool:
    """True if ``folded`` has a letter that no Latin one looks like, of each of its ``scripts`` where such are. So that
    it is what it seems to be: nobody reads Latin words in it."""
    for script, letters in _HONEST.items():
        if scripts & script and letters.search(folded) is None:
            return False
    return scripts != 0
