"""What we send to rooms besides messages: joining, leaving, administration, configuration (XEP-0045)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from botkit.model.address import Address
from botkit.model.events import MucItem
from botkit.model.forms import Form
from botkit.model.rooms import Affiliation, Role
from botkit.protocol.forms import build_form, find_form
from botkit.protocol.muc_user import parse_item
from botkit.protocol.namespaces import CLIENT, MUC, MUC_ADMIN, MUC_OWNER, PRESENCE
from botkit.protocol.text import clean

_ADMIN_QUERY: Final = f"{{{MUC_ADMIN}}}query"
_ADMIN_ITEM: Final = f"{{{MUC_ADMIN}}}item"
_OWNER_QUERY: Final = f"{{{MUC_OWNER}}}query"
ROOM_INFO: Final = "http://jabber.org/protocol/muc#roominfo"
_SLOWEST: Final = 86_400.0


def slow_mode(forms: Mapping[str, Mapping[str, tuple[str, ...]]]) -> float | None:
    """Seconds between two messages of one participant, from the room's disco forms (XEP-0500 §4.2); None: not told."""
    said = forms.get(ROOM_INFO, {}).get("muc#roominfo_slow_mode_duration", ())
    value = said[0].strip() if said else ""
    if not (value.isascii() and value.isdigit()):
        return None
    return min(float(value[:9]), _SLOWEST) or None


def join_presence(occupant: Address, password: str | None = None) -> Element:
    """The presence that enters a room as ``occupant`` (room and nick), without history.

    §7.2.13: "To receive no history" is maxchars='0'; some services know maxstanzas alone. What was said before is read
    from the archive.
    """
    presence = Element(PRESENCE, {"to": str(occupant)})
    x = SubElement(presence, f"{{{MUC}}}x")
    SubElement(x, f"{{{MUC}}}history", {"maxchars": "0", "maxstanzas": "0"})
    if password is not None:
        SubElement(x, f"{{{MUC}}}password").text = clean(password)
    return presence


def leave_presence(occupant: Address, reason: str | None = None) -> Element:
    """The presence that leaves the room (§7.14)."""
    presence = Element(PRESENCE, {"to": str(occupant), "type": "unavailable"})
    if reason:
        SubElement(presence, f"{{{CLIENT}}}status").text = clean(reason)
    return presence


def nick_presence(occupant: Address) -> Element:
    """The presence that asks for another nick (§7.6); ``occupant`` has the new one."""
    return Element(PRESENCE, {"to": str(occupant)})


def build_role(nick: str, role: Role, reason: str | None = None) -> Element:
    """IQ-set payload: kick, voice, devoice (§8.2-§8.4). One item: Prosody reads only the first."""
    return _admin({"nick": clean(nick), "role": role.word}, reason)


def build_affiliation(address: Address, affiliation: Affiliation, reason: str | None = None) -> Element:
    """IQ-set payload: ban, unban, grant (§9). By bare JID or domain, and without a nick: that would reserve it."""
    return _admin({"jid": str(address.bare), "affiliation": affiliation.word}, reason)


def affiliation_query(affiliation: Affiliation) -> Element:
    """IQ-get payload: who has exactly this affiliation (§9.5)."""
    return _admin({"affiliation": affiliation.word}, None)


def role_query(role: Role) -> Element:
    """IQ-get payload: who has exactly this role (§9.4)."""
    return _admin({"role": role.word}, None)


def _admin(attributes: dict[str, str], reason: str | None) -> Element:
    query = Element(_ADMIN_QUERY)
    item = SubElement(query, _ADMIN_ITEM, attributes)
    if reason:
        SubElement(item, f"{{{MUC_ADMIN}}}reason").text = clean(reason)
    return query


def parse_admin_list(query: Element | None) -> tuple[MucItem, ...]:
    """``<query/>`` of muc#admin as an answer; every item, odd words as None. None, an empty answer: nobody."""
    return tuple(parse_item(child) for child in query if child.tag == _ADMIN_ITEM) if query is not None else ()


def parse_affiliation_list(query: Element | None) -> tuple[Address, ...]:
    """The addresses of an affiliation list, each once; items without one are left out."""
    return tuple(dict.fromkeys(item.jid for item in parse_admin_list(query) if item.jid is not None))


def config_query() -> Element:
    """IQ-get payload: the room's configuration form (§10.2)."""
    return Element(_OWNER_QUERY)


def parse_config(query: Element) -> Form | None:
    """The configuration form in the answer; None if there is none."""
    return find_form(query)


def instant_room() -> Element:
    """IQ-set payload: accept the service's defaults for a new room, which unlocks it (§10.1.2)."""
    return build_config(Form(kind="submit"))


def build_config(form: Form) -> Element:
    """IQ-set payload with the filled-in form (§10.2).

    Hand in the complete form as it was fetched, with the changes made: what is left out, some services change.
    """
    query = Element(_OWNER_QUERY)
    query.append(build_form(form))
    return query


def cancelled_room() -> Element:
    """IQ-set payload: do not create the new room after all (§10.1.3, §10.2 example 153)."""
    query = Element(_OWNER_QUERY)
    query.append(build_form(Form(kind="cancel")))
    return query


def build_destroy(reason: str | None = None) -> Element:
    """IQ-set payload: destroy the room (§10.9)."""
    query = Element(_OWNER_QUERY)
    destroy = SubElement(query, f"{{{MUC_OWNER}}}destroy")
    if reason:
        SubElement(destroy, f"{{{MUC_OWNER}}}reason").text = clean(reason)
    return query
