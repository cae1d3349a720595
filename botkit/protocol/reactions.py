"""Message reactions (XEP-0444)."""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element, SubElement

from botkit.model import anomalies
from botkit.protocol.draft import Draft
from botkit.protocol.namespaces import REACTIONS
from botkit.protocol.text import all_text, clean

_REACTION: Final = f"{{{REACTIONS}}}reaction"


def read_reactions(draft: Draft, child: Element) -> None:
    """``<reactions/>``: §3.1 allows one a message. Texts are as sent, each once; nobody checks that they are emoji."""
    target = child.get("id")
    if not target:
        draft.odd(anomalies.MALFORMED_REACTIONS)
    elif draft.reactions is not None:
        draft.odd(anomalies.DOUBLED_REACTIONS)
        if text := " ".join(text for one in child if (text := all_text(one).strip())):
            draft.add("others", text)  # clients do not agree which one counts
    else:
        texts = dict.fromkeys(all_text(one).strip() for one in child if one.tag == _REACTION)
        texts.pop("", None)
        draft.reactions = (target, tuple(texts))


def build_reactions(target: str, reactions: tuple[str, ...]) -> Element:
    """``<reactions/>`` that replaces all earlier ones of ours to ``target``."""
    element = Element(f"{{{REACTIONS}}}reactions", {"id": target})
    for text in dict.fromkeys(reactions):
        SubElement(element, _REACTION).text = clean(text)
    return element
