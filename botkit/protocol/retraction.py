"""Message retraction (XEP-0424), version 1 and the fastened version 0 before it."""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element, SubElement

from botkit.model import anomalies
from botkit.protocol.draft import Draft
from botkit.protocol.fallback import build_fallback
from botkit.protocol.namespaces import CLIENT, HINTS, MODERATE_0, MODERATE_1, RETRACT_0, RETRACT_1

RETRACT_TAGS: Final = (f"{{{RETRACT_1}}}retract", f"{{{RETRACT_0}}}retract")
RETRACTED_TAGS: Final = (f"{{{RETRACT_1}}}retracted", f"{{{RETRACT_0}}}retracted")
MODERATED_TAGS: Final = (f"{{{MODERATE_1}}}moderated", f"{{{MODERATE_0}}}moderated")
_FALLBACK_BODY: Final = "/me retracted a previous message, but it's unsupported by your client."
_MOST: Final = 16


def read_retract(draft: Draft, child: Element) -> None:
    """``<retract/>``: with ``<moderated/>`` in it the room's announcement (XEP-0425 §3.1), else the author's claim."""
    for part in child:
        if part.tag in MODERATED_TAGS:
            _take_moderation(draft, child.get("id"), part, child)
            return
    _take_retraction(draft, child.get("id"))


def read_apply_to(draft: Draft, child: Element) -> None:
    """``<apply-to/>`` of XEP-0422 around a retraction or moderation of version 0, or ejabberd's mixture of versions."""
    target = child.get("id")
    for part in child:
        if part.tag in RETRACT_TAGS:
            _take_retraction(draft, target or part.get("id"))
        elif part.tag in MODERATED_TAGS:
            retract = next((one for one in part if one.tag in RETRACT_TAGS), None)
            if retract is not None:  # without it Prosody means a mark, and the message stands
                _take_moderation(draft, target or retract.get("id"), part, part)


def _take_retraction(draft: Draft, target: str | None) -> None:
    if not target:
        draft.odd(anomalies.MALFORMED_RETRACTION)
    elif target in draft.retractions:
        return
    elif len(draft.retractions) >= _MOST:
        draft.odd(anomalies.TOO_MANY_CLAIMS)
    else:
        draft.add("retractions", target)


def _take_moderation(draft: Draft, target: str | None, moderated: Element, container: Element) -> None:
    if not target:
        draft.odd(anomalies.MALFORMED_MODERATION)
    elif len(draft.moderations) >= _MOST:
        draft.odd(anomalies.TOO_MANY_CLAIMS)
    else:
        draft.add("moderations", (target, moderated, container))


def read_tombstone(draft: Draft, child: Element) -> None:
    """``<retracted/>`` or ``<moderated/>`` directly inside of the message: what an archive keeps of it."""
    draft.add("tombstones", child)


def add_retraction(message: Element, target: str) -> None:
    """Make ``message`` retract ``target``: with a text for old clients, and a wish to be archived (§3.1)."""
    SubElement(message, f"{{{RETRACT_1}}}retract", {"id": target})
    message.append(build_fallback(RETRACT_1))
    SubElement(message, f"{{{CLIENT}}}body").text = _FALLBACK_BODY
    SubElement(message, f"{{{HINTS}}}store")
