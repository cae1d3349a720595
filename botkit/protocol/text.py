"""Bodies, subjects and threads (RFC 6121 §5.2), and text that is legal in XML 1.0."""

from __future__ import annotations

import re
from typing import Final
from xml.etree.ElementTree import Element

from botkit.model import anomalies
from botkit.model.messages import Text
from botkit.model.quick import maker
from botkit.protocol.draft import Draft
from botkit.protocol.namespaces import XML_LANG

_text = maker(Text)
_ILLEGAL: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str) -> str:
    """``text`` with what XML 1.0 §2.2 forbids (controls, lone surrogates) replaced by U+FFFD.

    One such character would make the server close the whole stream (RFC 6120 §4.9.3.13).
    """
    return _ILLEGAL.sub("\ufffd", text)


def all_text(element: Element) -> str:
    """The text of ``element`` and of everything inside it."""
    if len(element):
        return "".join(element.itertext())
    return element.text or ""


def child_text(element: Element, *tags: str) -> str | None:
    """The text of the first child with one of ``tags``; None if there is none, or nothing in it."""
    for child in element:
        if child.tag in tags:
            return all_text(child).strip() or None
    return None


def read_body(draft: Draft, child: Element) -> None:
    """``<body/>``: every one counts; of an odd one all text is kept."""
    draft.has_body = True
    if len(child):
        draft.odd(anomalies.MARKUP_IN_BODY)
        text = all_text(child)
    else:
        text = child.text or ""
    draft.bodies.append(_text(text, child.get(XML_LANG) or draft.lang))


def read_subject(draft: Draft, child: Element) -> None:
    """``<subject/>``."""
    if len(child):
        draft.odd(anomalies.MARKUP_IN_BODY)
    draft.has_subject = True
    draft.add("subjects", _text(all_text(child), child.get(XML_LANG) or draft.lang))


def read_thread(draft: Draft, child: Element) -> None:
    """``<thread/>``; the first one counts."""
    if draft.thread is not None:
        draft.odd(anomalies.DOUBLED_THREAD)
    else:
        draft.thread = all_text(child)


def note_languages(draft: Draft) -> None:
    """Name what is odd about several bodies: RFC 6121 §5.2.3 allows one for each language."""
    languages = {text.lang for text in draft.bodies}
    draft.odd(anomalies.SEVERAL_LANGUAGES if len(languages) == len(draft.bodies) else anomalies.DOUBLED_BODY)
