"""Words whose letters are kept apart: ``f r e e``, ``f.r.e.e``."""

from __future__ import annotations

import re
import string

# A run of single letters, each with one sign between. Four or more, so that "a b c" stays as it is.
_SPACED = re.compile(r"(?<!\w)\w(?:[ .\-_*|]\w){3,}(?!\w)")
_APART = re.compile(r"[ .\-_*|]")

# A text by kinds of byte: letters are "a", what may stand between them is a space, all else is a comma. To look for
# four letters apart in this costs a tenth of looking for them in the text itself.
_KINDS = bytearray(b"," * 256)
for _byte in (string.ascii_letters + string.digits).encode():
    _KINDS[_byte] = ord("a")
for _byte in b" .-_*|":
    _KINDS[_byte] = ord(" ")
for _byte in range(0x80, 0x100):
    _KINDS[_byte] = ord("a")  # one for each character: the bytes that follow the first are left out
_TABLE = bytes(_KINDS)
_FOLLOWING = bytes(range(0x80, 0xC0))


def closed_up(folded: str) -> str:
    """The words of ``folded`` that were written with gaps between their letters, closed up; "" if there are none."""
    if folded.isascii():
        kinds = folded.encode("ascii").translate(_TABLE)
    else:
        kinds = folded.encode("utf-8", "surrogatepass").translate(_TABLE, _FOLLOWING)
    if b"a a a a" not in kinds:
        return ""
    return " ".join(_APART.sub("", run) for run in _SPACED.findall(folded))
