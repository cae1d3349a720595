"""Which script a text is in, where one look can tell."""

from __future__ import annotations

import re

# Texts of one script, in NFKC, without marks of their own and without anything that cannot be seen: case-folding alone
# makes them final, and no letter in them stands for one of another script. Nearly all texts are such.
_SIGNS = (
    "\t\n -@\\[-`{-~¡-§©«¬®°±¶·»¿×÷\u2010\u2012-\u2015\u2018-\u201e\u2020-\u2022\u20ac"
    "\u2600-\u274b\u274d-\u27bf\U0001f300-\U0001f64f\U0001f680-\U0001f6ff\U0001f900-\U0001faff"
)
_LETTERS = (
    "A-Za-zÀ-ÖØ-öø-\u012f\u0131\u0134-\u013e\u0141-\u0148\u014a-\u017e\u01a0\u01a1\u01af\u01b0\u01cd-\u01dc\u0218-\u021b\u1ea0-\u1ef9",
    "\u0410-\u044f\u0401\u0451\u0404\u0406\u0407\u040e\u0454\u0456\u0457\u045e\u0490\u0491",
    "A-Za-z\u3001-\u3029\u3041-\u3096\u309d\u309e\u30a1-\u30fa\u30fc-\u30fe\u4e00-\u9fff\uac00-\ud7a3",
)
_ONE_SCRIPT = re.compile("|".join(f"([{_SIGNS}{letters}]*)" for letters in _LETTERS))

LATIN, CYRILLIC, EAST_ASIAN = 1, 2, 3


def one_script(text: str) -> int:
    """``LATIN``, ``CYRILLIC`` or ``EAST_ASIAN`` if ``text`` is plainly in that and nothing else; 0 if it may not be."""
    found = _ONE_SCRIPT.fullmatch(text)
    return found.lastindex or 0 if found is not None else 0
