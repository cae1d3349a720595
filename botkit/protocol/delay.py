"""Delayed delivery (XEP-0203, and XEP-0091 before it) and the time format (XEP-0082)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from xml.etree.ElementTree import Element

from botkit.model import anomalies
from botkit.protocol.draft import Draft
from botkit.protocol.namespaces import DELAY

DELAY_TAG: Final = f"{{{DELAY}}}delay"


def parse_stamp(text: str | None) -> datetime | None:
    """A DateTime of XEP-0082 §3.2 as aware UTC; None if it is none. Without a zone it is taken as UTC."""
    if text is None or len(text) < 19 or text[10:11] != "T":
        return None
    try:
        stamp = datetime.fromisoformat(text)
        return stamp.replace(tzinfo=UTC) if stamp.tzinfo is None else stamp.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def format_stamp(at: datetime) -> str:
    """Aware ``at`` as XEP-0082 §3.2 writes it: UTC with ``Z``, fractions only where there are some."""
    text = at.astimezone(UTC).isoformat()
    return text.removesuffix("+00:00") + "Z"


def _parse_legacy(text: str | None) -> datetime | None:
    """``20020910T23:08:25``, always UTC (XEP-0091 §2)."""
    try:
        return datetime.strptime(text or "", "%Y%m%dT%H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _take(draft: Draft, child: Element, stamp: datetime | None) -> None:
    by = child.get("from")
    if draft.said_by_sender(by):
        if not draft.groupchat:
            draft.odd(anomalies.FORGED_DELAY)
        elif stamp is None:
            draft.odd(anomalies.MALFORMED_DELAY)
        elif draft.delayed is None:
            draft.delayed = stamp
        elif draft.delayed != stamp:
            draft.odd(anomalies.DOUBLED_DELAY)
    elif not draft.groupchat and by is not None and _ours(draft, by):
        if stamp is None:
            draft.odd(anomalies.MALFORMED_DELAY)
        else:
            draft.server_delayed = draft.server_delayed or stamp
    else:
        draft.odd(anomalies.MALFORMED_DELAY if stamp is None else anomalies.FORGED_DELAY)


def _ours(draft: Draft, by: str) -> bool:
    """Whether our own server says it (offline storage, XEP-0160): our domain or bare JID, as "to" names us."""
    bare = (draft.to or "").partition("/")[0]
    return bool(bare) and by in (bare, bare.rpartition("@")[2])


def read_delay(draft: Draft, child: Element) -> None:
    """``<delay/>`` counts from the room of a groupchat or, 1:1, from our own server; anybody may write one."""
    _take(draft, child, parse_stamp(child.get("stamp")))


def read_legacy_delay(draft: Draft, child: Element) -> None:
    """``<x xmlns='jabber:x:delay'/>``, which some services still send beside the other."""
    if not draft.said_by_sender(child.get("from")):
        draft.odd(anomalies.FORGED_DELAY)
        return
    stamp = _parse_legacy(child.get("stamp"))
    if draft.delayed is None or stamp is None:  # else it says the same again, with less precision
        _take(draft, child, stamp)


def forwarded_stamp(forwarded: Element) -> datetime | None:
    """When a forwarded stanza was first received (XEP-0297 §3.1); None where not said."""
    for child in forwarded:
        if child.tag == DELAY_TAG:
            return parse_stamp(child.get("stamp"))
    return None
