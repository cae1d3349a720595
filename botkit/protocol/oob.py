"""Links offered as files: out-of-band data (XEP-0066), file sharing (XEP-0447) and media sharing (XEP-0385)."""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element, SubElement

from botkit.model import anomalies
from botkit.model.messages import Attachment
from botkit.protocol.draft import Draft
from botkit.protocol.namespaces import OOB, SIMS
from botkit.protocol.text import all_text, clean

_URL: Final = f"{{{OOB}}}url"
_DESC: Final = f"{{{OOB}}}desc"
_MEDIA_SHARING: Final = f"{{{SIMS}}}media-sharing"


def read_oob(draft: Draft, child: Element) -> None:
    """``<x xmlns='jabber:x:oob'/>``: every link and description in it. A description without a link has the link ""."""
    urls = [text for part in child if part.tag == _URL and (text := all_text(part).strip())]
    descs = [text for part in child if part.tag == _DESC and (text := all_text(part).strip())]
    if len(urls) != 1 or len(descs) > 1:
        draft.odd(anomalies.MALFORMED_ATTACHMENT)
    for number in range(max(len(urls), len(descs))):
        url = urls[number] if number < len(urls) else ""
        draft.add("attachments", Attachment(url, descs[number] if number < len(descs) else None))


def read_sharing(draft: Draft, child: Element) -> None:
    """``<file-sharing/>``, or a ``<reference/>`` around ``<media-sharing/>``: shown even without a body."""
    name: list[str] = []
    parts = list(child.iter())
    for part in parts:
        local = str(part.tag).rpartition("}")[2]
        if local in ("name", "desc"):
            name.append(all_text(part).strip())
    desc = " ".join(dict.fromkeys(n for n in name if n)) or None
    urls = [u for part in parts if (u := part.get("target") or (part.get("uri") if part is not child else None))]
    for url in dict.fromkeys(urls):
        draft.add("attachments", Attachment(url, desc))
    if not urls and desc:
        draft.add("attachments", Attachment("", desc))


def read_reference(draft: Draft, child: Element) -> None:
    """``<reference/>`` (XEP-0372) counts where it carries a file (XEP-0385 §2.1), or names data: Movim shows both."""
    if any(part.tag == _MEDIA_SHARING for part in child):
        read_sharing(draft, child)
    elif child.get("type") == "data" and (uri := child.get("uri")):
        draft.add("attachments", Attachment(uri))


def build_oob(url: str) -> Element:
    """``<x xmlns='jabber:x:oob'/>`` with ``url``."""
    element = Element(f"{{{OOB}}}x")
    SubElement(element, _URL).text = clean(url)
    return element
