"""Any tree of elements, made of the names that decoding knows: nothing raises, and no body is lost."""

from __future__ import annotations

import contextlib
from xml.etree.ElementTree import Element

from hypothesis import given, settings
from hypothesis import strategies as st

from botkit.errors import StanzaError
from botkit.model import anomalies
from botkit.model.events import ArchiveResult, Event, RoomMessage
from botkit.protocol import adhoc, disco, forms, mam, muc, namespaces, stanza_errors
from botkit.protocol.children import READERS
from botkit.protocol.decode import decode_stanza
from tests.unit.protocol.wire import NICK, NOW, ROOM, Rooms

NAMESPACES = [v for k, v in vars(namespaces).items() if k.isupper() and isinstance(v, str) and "{" not in v]
_NAMES = (
    "x body subject thread html item status actor reason destroy invite password retract retracted "
    "moderated moderate apply-to reply reaction reactions fallback delay stanza-id origin-id occupant-id "
    "result forwarded message presence error text forbidden gone field value option required reported "
    "validate range set first last count fin query command actions note url desc encrypted payload "
    "file-sharing reference media-sharing received sent replace title "
)
NAMES = _NAMES.split()
TAGS = st.one_of(
    st.sampled_from(sorted(READERS)),
    st.builds(lambda ns, name: f"{{{ns}}}{name}", st.sampled_from(NAMESPACES), st.sampled_from(NAMES)),
    st.sampled_from(["", "x", "{}x", "{jabber:client}"]),
)
_KEYS = (
    "id by from to jid stamp type code affiliation role nick for start end var label queryid "
    "complete node action sessionid target uri href datatype min max category name index "
    "{http://www.w3.org/XML/1998/namespace}lang"
)
TEXTS = st.one_of(
    st.none(),
    st.sampled_from(["", " ", "\n", "0", "7", "-1", "١", "110", "1e9", "true", "owner", "moderator", "form", "submit"]),
    st.sampled_from([NICK, str(ROOM), "@", "/", "a@b/c", "2026-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "T"]),
    st.text(max_size=40),
)
KEYS = st.sampled_from(_KEYS.split())


def _element(
    tag: str, attributes: dict[str, str | None], text: str | None, tail: str | None, inside: list[Element]
) -> Element:
    element = Element(tag, {k: v for k, v in attributes.items() if v is not None})
    element.text, element.tail = text, tail
    element.extend(inside)
    return element


def _elements(inside: st.SearchStrategy[list[Element]]) -> st.SearchStrategy[Element]:
    return st.builds(_element, TAGS, st.dictionaries(KEYS, TEXTS, max_size=4), TEXTS, st.none() | TEXTS, inside)


ELEMENTS = st.recursive(_elements(st.just([])), lambda e: _elements(st.lists(e, max_size=4)), max_leaves=12)
STANZAS = st.builds(
    lambda name, attributes, children: _element(f"{{jabber:client}}{name}", attributes, None, None, children),
    st.sampled_from(["message", "presence"]),
    st.fixed_dictionaries(
        {},
        optional={
            "from": TEXTS,
            "to": TEXTS,
            "id": TEXTS,
            "type": st.sampled_from(["groupchat", "chat", "normal", "headline", "error", "unavailable", "?"]),
        },
    ),
    st.lists(ELEMENTS, max_size=6),
)


def _anomalies(event: Event | None) -> tuple[str, ...]:
    if isinstance(event, ArchiveResult):
        return _anomalies(event.event)
    return getattr(event, "anomalies", ())


@given(STANZAS)
@settings(max_examples=300, deadline=None)
def test_no_stanza_raises(stanza: Element) -> None:
    for rooms in (Rooms(), Rooms(features=frozenset(), occupant=None)):
        event = decode_stanza(stanza, received=NOW, known=rooms)
        hash(event)  # frozen through and through
        assert anomalies.UNREADABLE_CHILD not in _anomalies(event)


@given(
    st.lists(ELEMENTS, max_size=6),
    st.text(max_size=60),
    st.integers(0, 6),
    st.sampled_from([NICK, str(ROOM), "", "a@b/c"]),
)
@settings(max_examples=300, deadline=None)
def test_no_child_hides_the_body_of_a_groupchat(children: list[Element], text: str, place: int, sender: str) -> None:
    stanza = Element("{jabber:client}message", {"type": "groupchat", "from": sender})
    stanza.extend(children)
    body = Element("{jabber:client}body")
    body.text = text
    stanza.insert(min(place, len(children)), body)
    event = decode_stanza(stanza, received=NOW, known=Rooms())
    assert isinstance(event, RoomMessage)
    assert text in [t.text for t in event.content.bodies]
    assert text in event.content.everything or not text


@given(ELEMENTS)
@settings(max_examples=150, deadline=None)
def test_no_payload_raises_but_for_a_refusal(element: Element) -> None:
    forms.build_form(forms.parse_form(element))
    disco.parse_info(element)
    disco.parse_items(element)
    mam.parse_fin(element)
    mam.parse_result(element)
    muc.parse_affiliation_list(element)
    muc.parse_config(element)
    stanza_errors.parse_error(element)
    with contextlib.suppress(StanzaError):
        adhoc.parse_command(element)
