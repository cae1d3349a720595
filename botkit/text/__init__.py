"""Text as people read it, for rules: what looks alike becomes alike. Pure; nothing here raises, whatever the text."""

from botkit.text.disguise import Readings, readings, readings_of
from botkit.text.fold import normalise
from botkit.text.links import Link, canonical_host, find_links, within
from botkit.text.skeleton import skeleton
from botkit.text.spaced import closed_up
from botkit.text.words import words

__all__ = [
    "Link", "Readings", "canonical_host", "closed_up", "find_links", "normalise", "readings", "readings_of", "skeleton",
    "within", "words",
]  # fmt: skip
