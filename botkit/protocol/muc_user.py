"""``<x xmlns='http://jabber.org/protocol/muc#user'/>`` (XEP-0045 §7-§10): items, status codes, destruction."""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element

from botkit.model.address import Address
from botkit.model.events import MucItem
from botkit.model.rooms import Affiliation, Role
from botkit.protocol.namespaces import MUC_ADMIN, MUC_USER
from botkit.protocol.text import child_text

X_TAG: Final = f"{{{MUC_USER}}}x"
INVITE: Final = f"{{{MUC_USER}}}invite"
_ITEM: Final = f"{{{MUC_USER}}}item"
_STATUS: Final = f"{{{MUC_USER}}}status"
_DESTROY: Final = f"{{{MUC_USER}}}destroy"
_ACTORS: Final = (f"{{{MUC_USER}}}actor", f"{{{MUC_ADMIN}}}actor")
_REASONS: Final = (f"{{{MUC_USER}}}reason", f"{{{MUC_ADMIN}}}reason")
AFFILIATIONS: Final[dict[str | None, Affiliation]] = {one.word: one for one in Affiliation}
ROLES: Final[dict[str | None, Role]] = {one.word: one for one in Role}


def parse_item(item: Element) -> MucItem:
    """An ``<item/>`` of muc#user or muc#admin."""
    jid = item.get("jid")
    actor = reason = None
    for child in item:
        if child.tag in _ACTORS:
            actor = child.get("nick") or child.get("jid")
        elif child.tag in _REASONS:
            reason = (child.text or "").strip() or None
    return MucItem(
        affiliation=AFFILIATIONS.get(item.get("affiliation")),
        role=ROLES.get(item.get("role")),
        jid=Address.received(jid) if jid else None,
        nick=item.get("nick"),
        actor=actor,
        reason=reason,
    )


def is_odd(item: Element) -> bool:
    """Whether ``item`` has a word that XEP-0045 does not know."""
    affiliation, role = item.get("affiliation"), item.get("role")
    return (affiliation is not None and affiliation not in AFFILIATIONS) or (role is not None and role not in ROLES)


def parse_code(status: Element) -> int | None:
    """The number of a ``<status/>``; None where it is none (three digits, XEP-0045 §15.6)."""
    code = status.get("code", "")
    return int(code) if len(code) == 3 and code.isascii() and code.isdigit() else None


def parse_muc_user(x: Element) -> tuple[tuple[MucItem, ...], frozenset[int], Address | bool, bool]:
    """Items, status codes, destruction (the alternate venue, True without one, False if not destroyed), and whether
    something in it was odd and left out."""
    items: list[MucItem] = []
    codes: list[int] = []
    destroyed: Address | bool = False
    odd = False
    for child in x:
        tag = child.tag
        if tag == _ITEM:
            items.append(parse_item(child))
            odd = odd or is_odd(child)
        elif tag == _STATUS:
            code = parse_code(child)
            if code is None:
                odd = True
            else:
                codes.append(code)
        elif tag == _DESTROY:
            venue = child.get("jid")
            destroyed = Address.received(venue) if venue else True
    return tuple(items), frozenset(codes), destroyed, odd


def destroy_reason(x: Element) -> str | None:
    """The reason given for the destruction of the room (XEP-0045 §10.9); None if none was."""
    for child in x:
        if child.tag == _DESTROY:
            return child_text(child, *_REASONS)
    return None
