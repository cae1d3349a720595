"""A folded text's words."""

from __future__ import annotations

import re

_WORD = re.compile(r"\w+")
_TABLE = bytes(byte if chr(byte).isalnum() or byte == ord("_") else ord(" ") for byte in range(128)) + bytes(128)


def words(folded: str) -> list[str]:
    """Every run of letters, digits and ``_``, in order."""
    if folded.isascii():  # the same in a third of the time
        return folded.encode("ascii").translate(_TABLE).decode("ascii").split()
    return _WORD.findall(folded)
