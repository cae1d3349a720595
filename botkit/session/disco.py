"""Service discovery (XEP-0030) both ways, and the caps of our presence (XEP-0115), on raw IQs.

aioxmpp's disco is not used: its parser refuses a whole answer for one bad form, and its server cannot wait for an
answer that depends on who asks.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol
from xml.etree.ElementTree import Element, SubElement

from botkit.errors import BadAddress, ItemNotFound, MisuseError, StanzaError
from botkit.model.address import Address
from botkit.session.requests import Handler, IqRequest, Kind

INFO: Final = "http://jabber.org/protocol/disco#info"
ITEMS: Final = "http://jabber.org/protocol/disco#items"
CAPS: Final = "http://jabber.org/protocol/caps"
_FORM: Final = "{jabber:x:data}x"
_FIELD: Final = "{jabber:x:data}field"
_VALUE: Final = "{jabber:x:data}value"
_CAPS_NODE: Final = "urn:x-botkit"


@dataclass(frozen=True, slots=True)
class DiscoIdentity:
    """What an entity is: ``conference``/``text``, ``client``/``bot``, …"""

    category: str
    type: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class DiscoItem:
    """Something that an entity has: another entity (``node`` None) or a node of it."""

    address: Address
    node: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoInfo:
    """What an entity says of itself. ``forms``: XEP-0128, by FORM_TYPE, then field, to values as they came."""

    identities: tuple[DiscoIdentity, ...] = ()
    features: frozenset[str] = frozenset()
    forms: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)


NodeItems = Callable[[Address], Awaitable[Sequence[DiscoItem]]]
NodeInfo = Callable[[Address], Awaitable[DiscoInfo]]
AnyNodeInfo = Callable[[Address, str], Awaitable[DiscoInfo | None]]


class _Link(Protocol):
    async def request(
        self, element_payload: Element, *, to: Address | None, kind: Kind, timeout: float | None = None
    ) -> Element | None: ...

    def serve(self, payload_tag: str, handler: Handler) -> Callable[[], None]: ...

    @property
    def address(self) -> Address: ...


@dataclass(frozen=True, slots=True)
class _Node:
    items: NodeItems | None
    info: NodeInfo | None


class Disco:
    """Asks others what they are and tells others what we are."""

    def __init__(self, link: _Link) -> None:
        self._link = link
        self._features = {INFO: 1, ITEMS: 1, CAPS: 1}
        self._nodes: dict[str, _Node] = {}
        self._any_node: AnyNodeInfo | None = None
        self.identity = DiscoIdentity("client", "bot", "botkit")
        link.serve(f"{{{INFO}}}query", self._on_info)
        link.serve(f"{{{ITEMS}}}query", self._on_items)

    # --- asking -----------------------------------------------------------------------------------------------

    async def info(self, address: Address, node: str | None = None, *, timeout: float | None = None) -> DiscoInfo:
        """Ask ``address`` what it is. Raises ``StanzaError``, ``RequestTimeout``, ``LinkClosed``."""
        answer = await self._link.request(_query(INFO, node), to=address, kind="get", timeout=timeout)
        return read_info(answer)

    async def items(
        self, address: Address, node: str | None = None, *, timeout: float | None = None
    ) -> tuple[DiscoItem, ...]:
        """Ask ``address`` what it has. Raises as ``info`` does."""
        answer = await self._link.request(_query(ITEMS, node), to=address, kind="get", timeout=timeout)
        return read_items(answer)

    # --- telling ----------------------------------------------------------------------------------------------

    def register_feature(self, feature: str) -> Callable[[], None]:
        """Announce ``feature`` from the next presence on; returns what takes it back. Two may register the same."""
        self._features[feature] = self._features.get(feature, 0) + 1

        def end() -> None:
            self._features[feature] -= 1
            if not self._features[feature]:
                del self._features[feature]

        return end

    def register_node(
        self, node: str, *, items: NodeItems | None = None, info: NodeInfo | None = None
    ) -> Callable[[], None]:
        """Serve ``node`` of ours; returns what ends it.

        ``items`` and ``info`` are asked with the requester's full JID and may raise ``StanzaError``.
        """
        if node in self._nodes:
            raise MisuseError(f"disco node {node!r} is served already")
        self._nodes[node] = mine = _Node(items, info)

        def end() -> None:
            if self._nodes.get(node) is mine:
                del self._nodes[node]

        return end

    def register_nodes(self, info: AnyNodeInfo) -> Callable[[], None]:
        """Serve the info of nodes that are not known beforehand; returns what ends it."""
        self._any_node = info

        def end() -> None:
            if self._any_node is info:
                self._any_node = None

        return end

    def caps(self) -> Element:
        """The ``<c/>`` for an available presence (XEP-0115 §4)."""
        return Element(f"{{{CAPS}}}c", {"hash": "sha-1", "node": _CAPS_NODE, "ver": self._ver()})

    def own_info(self) -> DiscoInfo:
        """What we say of ourselves."""
        return DiscoInfo(identities=(self.identity,), features=frozenset(self._features))

    def _ver(self) -> str:
        return caps_ver(self.own_info())

    async def _on_info(self, request: IqRequest) -> Element:
        node = request.payload.get("node")
        if node is None or node == f"{_CAPS_NODE}#{self._ver()}":
            return write_info(self.own_info(), node)
        known = self._nodes.get(node)
        requester = request.sender or self._link.address.bare
        if known is not None:
            told = DiscoInfo() if known.info is None else await known.info(requester)
        else:
            found = await self._any_node(requester, node) if self._any_node is not None else None
            if found is None:
                raise ItemNotFound("item-not-found", "cancel")
            told = found
        return write_info(told, node)

    async def _on_items(self, request: IqRequest) -> Element:
        node = request.payload.get("node")
        known = None if node is None else self._nodes.get(node)
        if node is not None and known is None:
            raise ItemNotFound("item-not-found", "cancel")
        if request.kind != "get":
            raise StanzaError("bad-request", "modify")
        found: Iterable[DiscoItem] = ()
        if known is not None and known.items is not None:
            found = await known.items(request.sender or self._link.address.bare)
        answer = _query(ITEMS, node)
        for item in found:
            attributes = {"jid": str(item.address), "node": item.node, "name": item.name}
            SubElement(
                answer, f"{{{ITEMS}}}item", {key: value for key, value in attributes.items() if value is not None}
            )
        return answer


# --- the wire -----------------------------------------------------------------------------------------------------


def _query(namespace: str, node: str | None) -> Element:
    return Element(f"{{{namespace}}}query", {} if node is None else {"node": node})


def read_info(query: Element | None) -> DiscoInfo:
    """What a disco#info answer says; whatever cannot be read in it is left out."""
    if query is None:
        return DiscoInfo()
    identities = tuple(
        DiscoIdentity(each.get("category", ""), each.get("type", ""), each.get("name"))
        for each in query.iterfind(f"{{{INFO}}}identity")
    )
    features = frozenset(each.attrib["var"] for each in query.iterfind(f"{{{INFO}}}feature") if "var" in each.attrib)
    forms: dict[str, dict[str, tuple[str, ...]]] = {}
    for form in query.iterfind(_FORM):
        fields = {
            each.get("var", ""): tuple(value.text or "" for value in each.iterfind(_VALUE))
            for each in form.iterfind(_FIELD)
        }
        kind = fields.pop("FORM_TYPE", ())
        forms.setdefault(kind[0] if kind else "", fields)
    return DiscoInfo(identities=identities, features=features, forms=forms)


def read_items(query: Element | None) -> tuple[DiscoItem, ...]:
    """What a disco#items answer says; an item without a readable JID is left out."""
    found: list[DiscoItem] = []
    for each in query.iterfind(f"{{{ITEMS}}}item") if query is not None else ():
        try:
            found.append(DiscoItem(Address.parse(each.get("jid", "")), each.get("node"), each.get("name")))
        except BadAddress:
            continue
    return tuple(found)


def write_info(info: DiscoInfo, node: str | None) -> Element:
    """``info`` as the answer to a disco#info request on ``node``."""
    query = _query(INFO, node)
    for identity in info.identities:
        attributes = {"category": identity.category, "type": identity.type}
        if identity.name is not None:
            attributes["name"] = identity.name
        SubElement(query, f"{{{INFO}}}identity", attributes)
    for feature in sorted(info.features):
        SubElement(query, f"{{{INFO}}}feature", {"var": feature})
    for kind, fields in info.forms.items():
        form = SubElement(query, _FORM, {"type": "result"})
        hidden = SubElement(form, _FIELD, {"var": "FORM_TYPE", "type": "hidden"})
        SubElement(hidden, _VALUE).text = kind
        for var, values in fields.items():
            written = SubElement(form, _FIELD, {"var": var})
            for value in values:
                SubElement(written, _VALUE).text = value
    return query


def caps_ver(info: DiscoInfo) -> str:
    """The verification string of ``info`` (XEP-0115 §5.1), SHA-1."""
    parts = sorted(f"{each.category}/{each.type}//{each.name or ''}" for each in info.identities)
    parts += sorted(info.features)
    for kind, fields in sorted(info.forms.items()):
        parts.append(kind)
        for var, values in sorted(fields.items()):
            parts += [var, *sorted(values)]
    return base64.b64encode(hashlib.sha1("".join(f"{part}<" for part in parts).encode()).digest()).decode()
