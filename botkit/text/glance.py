"""The first look at a text: its folded form, and what else may be worth looking for. It spares most texts the rest."""

from __future__ import annotations

from botkit.text.disguise import ACCENTED, has_signs
from botkit.text.fold import fold
from botkit.text.links import may_link
from botkit.text.scripts import LATIN, SEVERAL, honest
from botkit.text.spaced import may_be_spaced

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
    folded, script = fold(text)
    hints = LINKS if may_link(folded) else 0
    if script == 0:
        return folded, hints | DISGUISED | ACCENTS
    if script in (LATIN, SEVERAL) and not text.isascii() and ACCENTED.search(folded) is not None:
        hints |= ACCENTS
    # Where letters stand for themselves, only gaps, digits and signs can hide anything.
    if not honest(folded, script) or may_be_spaced(folded) or has_signs(folded):
        hints |= DISGUISED
    return folded, hints
