"""Service discovery (XEP-0030): what an entity is and can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from botkit.model.address import Address
from botkit.model.forms import Form
from botkit.protocol.forms import FORM_TAG, parse_form
from botkit.protocol.namespaces import DISCO_INFO, DISCO_ITEMS

_FEATURE: Final = f"{{{DISCO_INFO}}}feature"
_IDENTITY: Final = f"{{{DISCO_INFO}}}identity"
_ITEM: Final = f"{{{DISCO_ITEMS}}}item"
_MOST: Final = 2000


@dataclass(frozen=True, slots=True)
class Identity:
    """What it is: ``conference``/``text``. ``name`` None: not given."""

    category: str
    kind: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Info:
    """The result of disco#info."""

    identities: tuple[Identity, ...] = ()
    features: frozenset[str] = frozenset()
    forms: tuple[Form, ...] = ()

    @property
    def is_room(self) -> bool:
        """Whether this is a room or a service of rooms (XEP-0045 §6)."""
        return any(one.category == "conference" for one in self.identities)

    @property
    def name(self) -> str | None:
        """The first name that an identity has."""
        return next((one.name for one in self.identities if one.name), None)

    def form(self, form_type: str) -> Form | None:
        """The form with this FORM_TYPE (XEP-0128), such as ``http://jabber.org/protocol/muc#roominfo``."""
        return next((one for one in self.forms if one.values().get("FORM_TYPE") == (form_type,)), None)


def build_info_query(node: str | None = None) -> Element:
    """The payload of an IQ-get."""
    query = Element(f"{{{DISCO_INFO}}}query")
    if node is not None:
        query.set("node", node)
    return query


def parse_info(query: Element) -> Info:
    """``<query/>`` of disco#info; what is malformed in it is left out."""
    identities: list[Identity] = []
    features: set[str] = set()
    forms: list[Form] = []
    for child in query:
        if child.tag == _FEATURE:
            var = child.get("var")
            if var and len(features) < _MOST:
                features.add(var)
        elif child.tag == _IDENTITY:
            identities.append(Identity(child.get("category", ""), child.get("type", ""), child.get("name") or None))
        elif child.tag == FORM_TAG:
            forms.append(parse_form(child))
    return Info(tuple(identities[:_MOST]), frozenset(features), tuple(forms))


def parse_items(query: Element) -> tuple[tuple[Address, str | None, str | None], ...]:
    """``<query/>`` of disco#items as (address, node, name); items without a jid are left out."""
    return tuple(
        (Address.received(jid), child.get("node"), child.get("name"))
        for child in query
        if child.tag == _ITEM and (jid := child.get("jid"))
    )
