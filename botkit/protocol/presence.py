"""Presences (RFC 6121 §4, XEP-0045 §7)."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from xml.etree.ElementTree import Element

from botkit.model import anomalies
from botkit.model.address import Address
from botkit.model.events import MucItem, PresenceReceived
from botkit.model.rooms import OCCUPANT_ID_0
from botkit.protocol.known import Known
from botkit.protocol.muc_user import X_TAG, parse_muc_user
from botkit.protocol.namespaces import CLIENT, HATS, NICK
from botkit.protocol.occupant_id import OCCUPANT_ID_TAG, valid
from botkit.protocol.stanza_errors import ERROR, parse_error
from botkit.protocol.text import all_text

_KINDS: Final = frozenset(
    {"", "unavailable", "error", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe"},
)
_STATUS: Final = f"{{{CLIENT}}}status"
_SHOW: Final = f"{{{CLIENT}}}show"
_NICK: Final = f"{{{NICK}}}nick"
_HATS: Final = (f"{{{HATS}}}hats", "{xmpp:prosody.im/protocol/hats:1}hats")  # the latter: Prosody's mod_muc_hats


def decode_presence(stanza: Element, at: datetime, known: Known) -> PresenceReceived | None:
    """None only where nobody sent it: neither "from" nor "to" is there."""
    odd: list[str] = []
    from_ = stanza.get("from")
    if not from_:
        odd.append(anomalies.ODD_SENDER)
        from_ = (stanza.get("to") or "").partition("/")[0]
        if not from_:
            return None
    sender = Address.received(from_)
    kind = stanza.get("type", "")
    if kind not in _KINDS:
        odd.append(anomalies.ODD_TYPE)
    statuses: list[str] = []
    shows: list[str] = []
    xs: list[Element] = []
    ids: list[str | None] = []
    titles: list[str] = []
    error: Element | None = None
    for child in stanza:
        tag = child.tag
        if tag == X_TAG:
            xs.append(child)
        elif tag == OCCUPANT_ID_TAG:
            ids.append(child.get("id"))
        elif tag == _STATUS:
            statuses.append(all_text(child))
        elif tag == _SHOW:
            shows.append(all_text(child).strip())
        elif tag == _NICK:
            titles.append(all_text(child).strip())
        elif tag in _HATS:
            titles += [hat.get("title", "").strip() for hat in child]
        elif tag == ERROR:
            error = child
        if child.tail and not child.tail.isspace():
            odd.append(anomalies.STRAY_TEXT)
    items, codes, destroyed = _room_part(xs, odd)
    if len(statuses) > 1:
        odd.append(anomalies.DOUBLED_STATUS)
    if error is not None and kind != "error":
        odd.append(anomalies.STRAY_ERROR)
    return PresenceReceived(
        at=at,
        sender=sender,
        kind=kind,
        status="\n".join(dict.fromkeys(s for s in statuses if s)) or None,
        show=shows[0] if shows and shows[0] else None,
        items=items,
        codes=codes,
        occupant_id=_occupant_id(ids, known.features(sender.bare), odd),
        titles=tuple(dict.fromkeys(t for t in titles if t and t != sender.resource)) if titles else (),
        destroyed=destroyed,
        error=parse_error(error, str(sender)) if kind == "error" else None,
        anomalies=tuple(dict.fromkeys(odd)),
    )


def _room_part(xs: list[Element], odd: list[str]) -> tuple[tuple[MucItem, ...] | None, frozenset[int], Address | bool]:
    """What the room says of the occupant. Of two ``<x/>`` one is the occupant's own, on a service that does not strip
    them (XEP-0045 §15.4 asks it to): neither is believed, so whoever tries it has no rights."""
    if not xs:
        return None, frozenset(), False
    if len(xs) > 1:
        odd.append(anomalies.DOUBLED_ITEM)
        return (), frozenset(), False
    items, codes, destroyed, is_odd = parse_muc_user(xs[0])
    if is_odd:
        odd.append(anomalies.MALFORMED_MUC_USER)
    return items, codes, destroyed


def _occupant_id(ids: list[str | None], features: frozenset[str] | None, odd: list[str]) -> str | None:
    """The occupant-id; while the room's features are not known yet, as a claim."""
    if not ids:
        return None
    if len(ids) > 1:
        odd.append(anomalies.DOUBLED_OCCUPANT_ID)
    elif features is not None and OCCUPANT_ID_0 not in features:
        odd.append(anomalies.UNOFFERED_OCCUPANT_ID)
    elif not valid(ids[0]):
        odd.append(anomalies.MALFORMED_OCCUPANT_ID)
    else:
        return ids[0]
    return None
