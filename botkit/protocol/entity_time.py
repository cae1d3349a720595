"""Entity time (XEP-0202): what somebody's client says of its clock."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final
from xml.etree.ElementTree import Element

from botkit.protocol.namespaces import TIME

TIME_TAG: Final = f"{{{TIME}}}time"
_OFFSET = re.compile(r"([+-])(\d\d):(\d\d)", re.ASCII)


def query() -> Element:
    """The payload that asks for it."""
    return Element(TIME_TAG)


def parse_offset(payload: Element | None) -> timedelta | None:
    """How far the clock is ahead of UTC; None if the answer does not say.

    "The format MUST conform to the Time Zone Definition (TZD) specified in XEP-0082" (§2): ``Z`` or ``+hh:mm``.
    """
    if payload is None or payload.tag != TIME_TAG:
        return None
    text = (payload.findtext(f"{{{TIME}}}tzo") or "").strip()
    if text == "Z":
        return timedelta(0)
    found = _OFFSET.fullmatch(text)
    if found is None or int(found[2]) > 14 or int(found[3]) > 59:  # no zone is further away than UTC+14
        return None
    span = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return -span if found[1] == "-" else span
