"""Last message correction (XEP-0308)."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from botkit.model import anomalies
from botkit.model.messages import MessageId
from botkit.protocol.draft import Draft
from botkit.protocol.namespaces import CORRECT


def read_replace(draft: Draft, child: Element) -> None:
    """``<replace/>``: the first one with an id counts. Without an id the message is an ordinary one."""
    target = child.get("id")
    if not target:
        draft.odd(anomalies.MALFORMED_CORRECTION)
    elif draft.replaces is not None:
        draft.odd(anomalies.DOUBLED_CORRECTION)
    else:
        draft.replaces = MessageId(target)


def build_replace(target: MessageId) -> Element:
    """``<replace/>``; ``target`` is the id attribute of the first version, also in a chain (§3)."""
    return Element(f"{{{CORRECT}}}replace", {"id": target})
