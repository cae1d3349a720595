"""When two texts can be taken for each other."""

from __future__ import annotations

from botkit.text.fold import normalise
from botkit.text.lookalikes import capitals, table, unaccented

_SEVERAL = (("cl", "d"), ("rn", "m"), ("vv", "w"))
_SAME = str.maketrans("01l|", "oiii")


def skeleton(text: str) -> str:
    """What ``text`` looks like, after UTS #39 §4: two texts with one skeleton can be taken for each other.

    For comparing names: ``skeleton("аdrnin") == skeleton("Admin")``. Do not show it, and do not look for words in it.
    Beyond the standard, case and accents do not count, and i, l and 1 are one, as are o and 0, m and rn, w and vv, d
    and cl. The skeleton of a skeleton is the same. Never raises.
    """
    if not text.isascii():
        text = text.translate(capitals()[1])
    plain = normalise(text)
    if not plain.isascii():
        looks = table()
        plain = unaccented(unaccented(plain.translate(looks)).translate(looks))
    for several, one in _SEVERAL:
        plain = plain.replace(several, one)
    return plain.translate(_SAME)
