"""XHTML-IM (XEP-0071): what it shows besides the plain body."""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element

from botkit.model import anomalies
from botkit.protocol.draft import Draft

_MOST_COMPARED: Final = 32  # comparing each with a long body would be dear; more than this is odd anyway
_SHOWN_ATTRIBUTES: Final = ("href", "src", "alt", "title")


def read_html(draft: Draft, child: Element) -> None:
    """``<html/>``: the text of all that is in it, a ``<body/>`` or not; kept until the plain body is known."""
    outside = " ".join(text.strip() for text in (child.text, *(body.tail for body in child)) if text)
    if outside.strip():
        draft.add("html_texts", (outside, []))
    for body in child:
        shown = [value for part in body.iter() for name in _SHOWN_ATTRIBUTES if (value := part.get(name))]
        draft.add("html_texts", ("".join(body.itertext()), shown))


def different_html(draft: Draft) -> str | None:
    """Text, link targets and image descriptions of the XHTML bodies; None if the plain bodies have all of it."""
    bodies = {_squeezed(text.text) for text in draft.bodies}
    plain = " ".join(text.text for text in draft.bodies)
    if all(_squeezed(text) in bodies and _all_in(shown, plain) for text, shown in draft.html_texts):
        return None
    if draft.bodies:
        draft.odd(anomalies.DIFFERENT_HTML)
    lines = [line.strip() for text, shown in draft.html_texts for line in (text, *shown)]
    return "\n".join(line for line in dict.fromkeys(lines) if line) or None


def _all_in(shown: list[str], plain: str) -> bool:
    return len(shown) <= _MOST_COMPARED and all(one in plain for one in shown)


def _squeezed(text: str) -> str:
    return "".join(text.split())
