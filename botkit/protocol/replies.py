"""Message replies (XEP-0461)."""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element

from botkit.model import anomalies
from botkit.model.address import Address
from botkit.model.messages import Reply
from botkit.protocol.draft import Draft
from botkit.protocol.namespaces import REPLY

_LONGEST: Final = 256  # of an address that a stranger makes us prepare


def read_reply(draft: Draft, child: Element) -> None:
    """``<reply/>``: the first one with an id counts."""
    target = child.get("id")
    if not target:
        draft.odd(anomalies.MALFORMED_REPLY)
    elif draft.reply is not None:
        draft.odd(anomalies.DOUBLED_REPLY)
    else:
        to = child.get("to")
        if to and len(to) > _LONGEST:
            draft.odd(anomalies.MALFORMED_REPLY)
            to = None
        draft.reply = Reply(target, Address.received(to) if to else None)


def build_reply(reply: Reply) -> Element:
    """``<reply/>`` to ``reply.target``."""
    element = Element(f"{{{REPLY}}}reply", {"id": reply.target})
    if reply.to is not None:
        element.set("to", str(reply.to))
    return element


def quoted(text: str) -> str:
    """``text`` as a quotation in front of a reply (§3.1): every line marked, ending with a newline."""
    return "".join(f"> {line}\n" for line in text.splitlines() or [""])
