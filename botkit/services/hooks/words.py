"""Values of strangers as words of a message: short, on one line, without any styling of their own."""

from __future__ import annotations

import re
import unicodedata

from botkit.text.styling import escape

_LINK = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
_LONGEST_LINK = 500


def line(text: str, limit: int = 200) -> str:
    """``text`` on one line of at most ``limit`` characters, without what hides or turns its neighbours, and plain."""
    shown = "".join(c if c.isspace() or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co") else "" for c in text)
    words = " ".join(shown.split())
    return escape(words if len(words) <= limit else words[: limit - 1] + "…")


def link(text: str) -> str:
    """``text`` if it is a link for the web, else ""."""
    return text if len(text) <= _LONGEST_LINK and _LINK.fullmatch(text) else ""


def said(*lines: str) -> str:
    """Lines as one text, without those that are empty."""
    return "\n".join(one for one in lines if one)


def many(number: int, noun: str) -> str:
    """``1 commit``, ``3 commits``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
