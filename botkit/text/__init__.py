"""Text as people read it, for rules: what looks alike becomes alike. Pure; nothing here raises, whatever the text."""

from botkit.text import hosts, lookalikes
from botkit.text.disguise import Readings, readings, readings_of
from botkit.text.fold import normalise
from botkit.text.glance import ACCENTS, DISGUISED, LINKS, glance
from botkit.text.hosts import canonical_host, registrable, shown_host, within
from botkit.text.links import Link, LinkKind, find_links
from botkit.text.lookalikes import unaccented
from botkit.text.skeleton import skeleton
from botkit.text.spaced import closed_up
from botkit.text.words import words


def warm_up() -> None:
    """Read all tables now, at start, rather than while a message waits: some 30 ms, and 1 MB."""
    hosts.warm_up()
    lookalikes.warm_up()


__all__ = [
    "ACCENTS", "DISGUISED", "LINKS", "Link", "LinkKind", "Readings", "canonical_host", "closed_up", "find_links",
    "glance", "normalise", "readings", "readings_of", "registrable", "shown_host", "skeleton", "unaccented", "warm_up",
    "within", "words",
]  # fmt: skip
