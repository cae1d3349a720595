"""The first look at a text: its folded form, and what else may be worth looking for. It spares most texts the rest."""

from __future__ import annotations

import string

from botkit.text.disguise import ACCENTED, has_signs
from botkit.text.fold import fold
from botkit.text.links import may_link
from botkit.text.scripts import LATIN, honest
from botkit.text.spaced import may_be_spaced

# A text by kinds of byte, those that ``spaced`` and ``disguise`` tell apart: "a" letters, "1" digits that are written
# for letters, "2" others, "3" signs that are, "!" itself, "," signs of addresses, "4" what begins a sign of Unicode;
# all else is a space, and bytes that follow in a character are left out.
_KINDS = bytearray(b" " * 256)
for _kind, _members in (
    ("a", string.ascii_letters.encode() + bytes(range(0xC3, 0xF0))),
    ("1", b"01345789"),
    ("2", b"26"),
    ("3", b"$@|+"),
    ("!", b"!"),
    (",", b"=&?/%#:"),
    ("4", b"\xc2\xe2" + bytes(range(0xF0, 0xF8))),
):
    for _byte in _members:
        _KINDS[_byte] = ord(_kind)
_TABLE = bytes(_KINDS)
_FOLLOWING = bytes(range(0x80, 0xC0))

LINKS = 1
"""``find_links`` may find something."""
DISGUISED = 2
"""``readings`` may have ``disguised`` forms."""
ACCENTS = 4
"""``readings`` may have a ``bare`` form."""


def glance(text: str) -> tuple[str, int]:
    """``normalise(text)``, and hints: of ``LINKS``, ``DISGUISED``, ``ACCENTS`` those that may be. Never raises.

    A hint that is not given is a promise, in the spirit of ``readings`` and ``find_links``: they would find nothing.
    """
    folded, scripts = fold(text)
    hints = LINKS if may_link(folded) else 0
    if not scripts:
        return folded, hints | DISGUISED | ACCENTS
    if scripts & LATIN and not text.isascii() and ACCENTED.search(folded) is not None:
        hints |= ACCENTS
    # Where letters stand for themselves, only gaps, digits and signs can hide anything.
    return folded, hints | DISGUISED if _may_be_written_otherwise(folded) or not honest(folded, scripts) else hints


def _may_be_written_otherwise(folded: str) -> bool:
    """``may_be_spaced(folded) or has_signs(folded)``, most often in half of their time."""
    if folded.isascii():
        kinds = folded.encode("ascii").translate(_TABLE).decode("ascii")
    else:
        kinds = folded.encode("utf-8", "surrogatepass").translate(_TABLE, _FOLLOWING).decode("ascii")
        if "4" in kinds:
            if ("1" in kinds or "!" in kinds) and has_signs(folded):
                return True
            kinds = kinds.replace("4", " ")
    if "3" in kinds:
        return may_be_spaced(folded) or has_signs(folded)
    if "1" in kinds:
        if ("a1" in kinds or "1a" in kinds) and has_signs(folded):
            return True
        kinds = kinds.replace("1", "a")
    if "2" in kinds:
        kinds = kinds.replace("2", "a")
    if "!" in kinds:
        if "!a" in kinds and has_signs(folded):
            return True
        kinds = kinds.replace("!", " ")
    if "  " in kinds:
        kinds = kinds.replace("   ", " ").replace("  ", " ")
    return "a a a a" in kinds
