"""Words whose letters are kept apart: ``f r e e``, ``f.r.e.e``, ``f - r - e - e``, a letter on each line."""

from __future__ import annotations

import re
import string

# A run of single letters, each with something between. Four or more, so that "a b c" stays as it is.
_BETWEEN = r"(?: ?[^\w\s=&?/%#:]{1,3} ?| {1,3}|\n|_)"
_SPACED = re.compile(rf"(?<!\w)[^\W_](?:{_BETWEEN}[^\W_]){{3,}}(?!\w)")
_APART = re.compile(r"[\W_]+")

# A text by kinds of byte: letters are "a", all else is a space. To look for letters apart in this costs a tenth of
# looking for them in the text itself.
_KINDS = bytearray(b" " * 256)
for _byte in (string.ascii_letters + string.digits).encode():
    _KINDS[_byte] = ord("a")
for _byte in range(0xC3, 0xF0):
    _KINDS[_byte] = ord("a")  # one for each character: the bytes that follow the first are left out
for _byte in b"=&?/%#:":
    _KINDS[_byte] = ord(",")  # signs of addresses and formulas: "?x=1&y=2"
_KINDS[0xE2] = ord(" ")  # General Punctuation and other signs; so are C2, and F0 for what is drawn
_TABLE = bytes(_KINDS)
_FOLLOWING = bytes(range(0x80, 0xC0))


def may_be_spaced(folded: str) -> bool:
    """False for nearly all of what people say: then there is nothing to close up."""
    if folded.isascii():
        kinds = folded.encode("ascii").translate(_TABLE)
    else:
        kinds = folded.encode("utf-8", "surrogatepass").translate(_TABLE, _FOLLOWING)
    text = kinds.decode("ascii")  # a str looks for a str in half the time that bytes look for bytes
    if "  " in text:
        text = text.replace("   ", " ").replace("  ", " ")
    return "a a a a" in text


def closed_up(folded: str) -> str:
    """The words of ``folded`` that were written with gaps between their letters, closed up; "" if there are none."""
    return " ".join(_APART.sub("", run) for run in _SPACED.findall(folded)) if may_be_spaced(folded) else ""
