"""Preparing the parts of a JID: stringprep (RFC 3454) by the profiles of RFC 6122 and RFC 3491, on the tables of the
standard library. Each raises ``ValueError`` for a character that the profile prohibits.

Code points that Unicode 3.2 did not know pass as they are (RFC 3454 §7: a query): emoji are common in nicks.
"""

from __future__ import annotations

import re
import stringprep as tables
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final
from unicodedata import ucd_3_2_0 as unicode_3_2

_InTable = Callable[[str], bool]
_NO_ACCOUNT: Final = re.compile("[\0-\x20\x7f\"&'/:<>@]")  # of ASCII: RFC 6122 §A.5, tables C.1.1 and C.2.1
_NO_RESOURCE: Final = re.compile("[\0-\x1f\x7f]")  # C.2.1

_BEYOND_ASCII: Final[tuple[_InTable, ...]] = (
    tables.in_table_c12, tables.in_table_c22, tables.in_table_c3, tables.in_table_c4, tables.in_table_c5,
    tables.in_table_c6, tables.in_table_c7, tables.in_table_c8, tables.in_table_c9,
)  # fmt: skip


def prepared_local(text: str) -> str:
    """Nodeprep (RFC 6122 appendix A): the part before the @."""
    text = text.lower() if text.isascii() else _normal(map(_folded, text))
    _refuse(_NO_ACCOUNT, text)
    return text


def prepared_domain(text: str) -> str:
    """Nameprep (RFC 3491)."""
    return text.lower() if text.isascii() else _normal(map(_folded, text))


def prepared_resource(text: str) -> str:
    """Resourceprep (RFC 6122 appendix B): case stays."""
    if not text.isascii():
        text = _normal(char for char in text if not tables.in_table_b1(char))
    _refuse(_NO_RESOURCE, text)
    return text


def _normal(mapped: Iterable[str]) -> str:
    """What is mapped, in NFKC, with nothing prohibited in it but perhaps ASCII (RFC 3454 §4, §5, §6)."""
    text: str = unicode_3_2.normalize("NFKC", "".join(mapped))
    right_to_left = left_to_right = False
    for char in text:
        prohibited, direction = _judged(char)
        if prohibited:
            raise ValueError(f"it has U+{ord(char):04X}, which is not allowed there")
        right_to_left = right_to_left or direction == "R"
        left_to_right = left_to_right or direction == "L"
    if right_to_left:
        if left_to_right:
            raise ValueError("it mixes letters that are written from the right with ones from the left")
        if _judged(text[0])[1] != "R" or _judged(text[-1])[1] != "R":
            raise ValueError("written from the right, it must begin and end with a letter")
    return text


@lru_cache(maxsize=4096)
def _folded(char: str) -> str:
    """Tables B.1 and B.2."""
    return "" if tables.in_table_b1(char) else tables.map_table_b2(char)


@lru_cache(maxsize=4096)
def _judged(char: str) -> tuple[bool, str]:
    """Whether it is prohibited, and "R" (table D.1), "L" (D.2) or neither."""
    direction = "R" if tables.in_table_d1(char) else "L" if tables.in_table_d2(char) else ""
    return any(holds(char) for holds in _BEYOND_ASCII), direction


def _refuse(pattern: re.Pattern[str], text: str) -> None:
    found = pattern.search(text)
    if found:
        raise ValueError(f"it has {found.group()!r}, which is not allowed there")
