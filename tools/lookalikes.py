"""Writes ``botkit/text/lookalikes.txt`` from the confusables of Unicode (UTS #39), as ICU has them.

Run it by hand when a new Unicode is out; ICU comes as a wheel, into ``.cache`` and not into the environment::

    .venv/bin/python -m pip install --no-deps --only-binary :all: --target .cache/icu icukit-pyicu
    PYTHONPATH=.cache/icu .venv/bin/python tools/lookalikes.py
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import defaultdict
from pathlib import Path

import icu  # type: ignore[import-not-found]  # fetched for this alone

TARGET = Path(__file__).parents[1] / "botkit/text/lookalikes.txt"
LONGEST = 3  # Latin letters that one sign may stand for: "rn", "ffi"

# Letters that no confusable is listed for and that are Latin by name: small capitals, turned, squared, flags' letters.
NAMED = re.compile(
    r"(?:LATIN (?:SMALL |CAPITAL )?LETTER |REGIONAL INDICATOR SYMBOL LETTER "
    r"|(?:NEGATIVE )?(?:CIRCLED|SQUARED|PARENTHESIZED) LATIN (?:SMALL |CAPITAL )?LETTER )"
    r"(?:SMALL CAPITAL |TURNED |REVERSED |SIDEWAYS |OPEN |BARRED |DOTLESS |SCRIPT |CLOSED |LONG |STRETCHED "
    r"|BLACKLETTER )*"
    r"([A-Z])(?: WITH .*)?"
)
HEAD = """\
# Signs that look like Latin letters: what they are read as, a tab, the signs. Written by tools/lookalikes.py
# from the confusables of Unicode {version} (UTS #39), in ICU {icu}. Data (c) 1991-2025 Unicode, Inc.,
# under the Unicode License V3 <https://www.unicode.org/license.txt>.
# 1 stands for a stroke, which may be i or l. Behind ! are signs that folding turns into what they do not look like.
"""
CHECKER = icu.SpoofChecker()


def plain(text: str) -> str:
    """``text`` without marks, in lower case."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).lower()


def looks_like(letter: str) -> str | None:
    """The Latin letters or digits that ``letter``, or else its other case, is taken for; None if there are none."""
    for form in (letter, letter.upper(), letter.lower()):
        skeleton = str(CHECKER.getSkeleton(0, form))
        if skeleton == "l":
            return "1"  # one stroke: i and l are both drawn so
        shape = plain(skeleton)
        if shape.isascii() and shape.isalnum() and len(shape) <= LONGEST:
            return shape
    named = NAMED.fullmatch(icu.Char.charName(letter))
    return named[1].lower() if named else None


def final(letter: str) -> bool:
    """True for what folding leaves as it is: only such can meet the table."""
    return fold(letter) == letter


def fold(letter: str) -> str:
    """``letter`` as folding leaves it."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", letter).casefold())


def main() -> None:
    """Write the table."""
    groups: dict[str, list[str]] = defaultdict(list)
    turned: dict[str, list[str]] = defaultdict(list)
    for code in range(0x80, sys.maxunicode + 1):
        letter = chr(code)
        if 0xD800 <= code < 0xE000 or not icu.Char.isdefined(code) or unicodedata.category(letter)[0] in "MCZ":
            continue
        if not final(letter):
            shape, folded = looks_like(letter), plain(fold(letter))
            foreign = len(folded) == 1 and not folded.isascii()
            if shape and shape.isalpha() and foreign and looks_like(folded) not in (shape, None):
                turned[shape].append(letter)
            continue
        # A Latin letter with its marks is honest writing; taking marks off is another step.
        if unicodedata.decomposition(letter) and plain(letter).isascii():
            continue
        if shape := looks_like(letter):
            groups[shape].append(letter)
    lines = [f"{shape}\t{''.join(letters)}\n" for shape, letters in sorted(groups.items())]
    lines += [f"!{shape}\t{''.join(letters)}\n" for shape, letters in sorted(turned.items())]
    head = HEAD.format(version=icu.UNICODE_VERSION, icu=icu.ICU_VERSION)
    TARGET.write_text(head + "".join(lines), encoding="utf-8", newline="\n")
    print(f"{sum(map(len, groups.values()))} signs for {len(groups)} shapes")


if __name__ == "__main__":
    main()
