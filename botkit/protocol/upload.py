"""HTTP file upload (XEP-0363): asking for a slot, and what is believed of it."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

from botkit.model.files import Slot
from botkit.protocol.namespaces import UPLOAD
from botkit.protocol.text import clean

_ALLOWED: Final = frozenset({"authorization", "cookie", "expires"})
_MOST_HEADERS: Final = 32
_LINE_BREAKS: Final = str.maketrans("", "", "\r\n")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_URL: Final = re.compile(r"https://[!-~]+", re.IGNORECASE)  # visible ASCII
_LONGEST: Final = 8000


def slot_request(name: str, size: int, content_type: str) -> Element:
    """The payload of the IQ-get (§4). ``size`` is bytes."""
    return Element(
        f"{{{UPLOAD}}}request",
        {"filename": clean(name), "size": str(size), "content-type": clean(content_type)},
    )


def parse_slot(payload: Element | None) -> Slot | None:
    """The slot that a service gave; None if it gave none that may be used."""
    if payload is None or payload.tag != f"{{{UPLOAD}}}slot":
        return None
    put, get = payload.find(f"{{{UPLOAD}}}put"), payload.find(f"{{{UPLOAD}}}get")
    if put is None or get is None:
        return None
    urls = put.get("url", ""), get.get("url", "")
    if not all(map(_is_fit, urls)):
        return None
    found = (_header(child) for child in put.findall(f"{{{UPLOAD}}}header")[:_MOST_HEADERS])
    return Slot(*urls, tuple(header for header in found if header is not None))


def max_size(values: tuple[str, ...]) -> int | None:
    """What ``max-file-size`` says (§3), in bytes; None if nothing that can be read."""
    text = values[0].strip() if values else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _is_fit(url: str) -> bool:
    """§4: "Both HTTPS URLs MUST adhere to RFC 3986. Non ASCII characters MUST be percent-encoded." """
    try:
        return len(url) <= _LONGEST and _URL.fullmatch(url) is not None and bool(urlsplit(url).hostname)
    except ValueError:  # "https://[" has no host that could be read
        return False


def _header(child: Element) -> tuple[str, str] | None:
    """§4: only these names; "MUST strip any newline characters from the header name and value"."""
    name = child.get("name", "").translate(_LINE_BREAKS).strip()
    value = (child.text or "").translate(_LINE_BREAKS).strip()
    if name.lower() not in _ALLOWED or _CONTROLS.search(value):
        return None
    return name, value
