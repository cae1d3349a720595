"""Fallback indication (XEP-0428)."""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element

from botkit.model import anomalies
from botkit.model.messages import Fallback
from botkit.protocol.draft import Draft
from botkit.protocol.namespaces import FALLBACK

_BODY: Final = f"{{{FALLBACK}}}body"
_MOST: Final = 32


def read_fallback(draft: Draft, child: Element) -> None:
    """``<fallback/>``: kept until the body is known."""
    draft.add("fallbacks", child)


def build_fallback(feature: str, start: int | None = None, end: int | None = None) -> Element:
    """The element for ``feature``; with a range (code points of the body, XEP-0426) or for the whole body."""
    element = Element(f"{{{FALLBACK}}}fallback", {"for": feature})
    if start is not None and end is not None:
        element.append(Element(_BODY, {"start": str(start), "end": str(end)}))
    return element


def fallbacks(draft: Draft) -> tuple[Fallback, ...]:
    """The parts of the first body that are fallback. A range that is none, lies outside or overlaps an earlier one
    for the same feature is left out: what it would hide stays."""
    length = len(draft.bodies[0].text) if draft.bodies else 0
    found: list[Fallback] = []
    for element in draft.fallbacks:
        feature = element.get("for") or None
        if len(found) >= _MOST:
            draft.odd(anomalies.MALFORMED_FALLBACK)
            break
        if not len(element):  # §2.2: no children, the whole stanza is fallback
            found.append(Fallback(feature))
        for part in element:
            if part.tag != _BODY:
                continue
            one = _part(part, feature, length)
            if one is None or len(found) >= _MOST or any(_overlap(one, other) for other in found):
                draft.odd(anomalies.MALFORMED_FALLBACK)
            else:
                found.append(one)
    return tuple(found)


def _part(part: Element, feature: str | None, length: int) -> Fallback | None:
    start, end = part.get("start"), part.get("end")
    if start is None and end is None:
        return Fallback(feature)
    first, last = _number(start, 0), _number(end, length)
    if first is None or last is None or not first <= last <= length:
        return None
    return Fallback(feature, first, last)


def _number(text: str | None, default: int) -> int | None:
    if text is None:
        return default
    if len(text) > 9 or not (text.isascii() and text.isdigit()):  # xs:unsignedInt
        return None
    return int(text)


def _overlap(one: Fallback, other: Fallback) -> bool:
    if one.feature != other.feature or one.start is None or other.start is None:
        return False
    return one.start < (other.end or 0) and other.start < (one.end or 0)
