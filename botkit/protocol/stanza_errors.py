"""``<error/>`` (RFC 6120 §8.3)."""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element, SubElement

from botkit.errors import StanzaError
from botkit.protocol.namespaces import CLIENT, STANZAS
from botkit.protocol.text import all_text, clean

ERROR: Final = f"{{{CLIENT}}}error"
_TEXT: Final = f"{{{STANZAS}}}text"
_KINDS: Final = frozenset({"auth", "cancel", "continue", "modify", "wait"})


def parse_error(error: Element | None, who: str | None = None) -> StanzaError:
    """The error, as the subclass that callers branch on.

    Without a defined condition it is ``undefined-condition`` (§8.3.3.21), with an odd type ``cancel``: not tried again.
    For ``gone`` and ``redirect`` without a text, ``text`` is the address that the condition holds.
    """
    condition, text, where, detail = "undefined-condition", None, None, None
    kind = "cancel" if error is None else error.get("type", "cancel")
    for child in () if error is None else error:
        if child.tag == _TEXT:
            text = text or all_text(child).strip() or None
        elif str(child.tag).startswith(f"{{{STANZAS}}}"):
            condition = str(child.tag).rpartition("}")[2]
            where = (child.text or "").strip() or None
        elif detail is None and isinstance(child.tag, str):
            detail = child.tag
    kind = kind if kind in _KINDS else "cancel"
    return StanzaError.of(condition, kind, text or where, who=who, application=detail, where=where)


def build_error(error: StanzaError) -> Element:
    """``<error/>`` to put into an IQ of type error."""
    element = Element(ERROR, {"type": error.kind})
    SubElement(element, f"{{{STANZAS}}}{error.condition}")
    if error.text:
        SubElement(element, _TEXT).text = clean(error.text)
    if error.application:
        SubElement(element, error.application)
    return element


def find_error(stanza: Element) -> Element | None:
    """The ``<error/>`` of a stanza, or None."""
    return next((child for child in stanza if child.tag == ERROR), None)
