"""What we write: right name spaces, escaped, and refused rather than broken."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.errors import MisuseError
from botkit.session.outgoing import MESSAGE, PRESENCE, RawStanza, clean_text, new_id, serialise


def back(data: bytes) -> Element:
    return ElementTree.fromstring(b"<s xmlns='jabber:client'>" + data + b"</s>")[0]


def message(text: str | None = None) -> Element:
    element = Element(MESSAGE, {"id": "1"})
    SubElement(element, "{jabber:client}body").text = text
    return element


def test_name_space_is_declared_only_where_it_changes():
    element = message("hi")
    reply = SubElement(element, "{urn:xmpp:reply:0}reply", {"to": "a@b"})
    SubElement(reply, "{urn:xmpp:reply:0}inner")
    assert serialise(element) == (
        b'<message id="1"><body>hi</body><reply xmlns="urn:xmpp:reply:0" to="a@b"><inner/></reply></message>'
    )


def test_attributes_with_name_spaces_keep_them():
    element = Element(MESSAGE, {"{http://www.w3.org/XML/1998/namespace}lang": "de", "{urn:x}a": "1", "{urn:y}a": "2"})
    assert back(serialise(element)).attrib == element.attrib
    assert b'xml:lang="de"' in serialise(element)


@given(st.text(), st.text())
def test_any_text_comes_back_as_it_went_or_is_refused(text, value):
    element = message(text)
    element.set("x", value)
    element[0].tail = text
    if clean_text(text) != text or clean_text(value) != value:
        with pytest.raises(MisuseError):
            serialise(element)
        return
    again = back(serialise(element))
    assert (again[0].text or "") == text
    assert (again[0].tail or "") == text
    assert again.get("x") == value


@given(st.text())
def test_cleaned_text_can_always_be_sent(text):
    assert back(serialise(message(clean_text(text)))) is not None


@pytest.mark.parametrize("text", ["\x00", "\x1b[31m", "\ud800", "\ufffe"])
def test_characters_that_xml_cannot_carry_are_refused_by_name(text):
    with pytest.raises(MisuseError, match="clean_text"):
        serialise(message(text))


def test_element_without_name_space_is_refused():
    element = message("x")
    SubElement(element, "body")
    with pytest.raises(MisuseError, match="no namespace"):
        serialise(element)


@pytest.mark.parametrize("tag", ["{u}a b", "{u}a>", "{u}", "{u}1", "{u}a:b"])
def test_names_cannot_smuggle_markup(tag):
    element = message("x")
    SubElement(element, tag)
    with pytest.raises(MisuseError):
        serialise(element)


def test_name_space_and_attribute_cannot_smuggle_markup():
    element = message("x")
    SubElement(element, '{u"><evil/>}a', {"b": '"><evil/>'})
    again = back(serialise(element))
    assert again[1].tag == '{u"><evil/>}a'
    assert len(again) == 2


def test_stanza_gets_an_id_and_keeps_it():
    element = Element(PRESENCE)
    raw = RawStanza(element)
    assert element.get("id") == raw.id_
    assert RawStanza(element).id_ == raw.id_
    assert new_id() != new_id()


def test_only_stanzas_are_taken():
    with pytest.raises(MisuseError):
        RawStanza(Element("{jabber:client}body"))


def test_endless_nesting_is_refused():
    element = message("x")
    inner = element
    for _ in range(150):
        inner = SubElement(inner, "{u}a")
    with pytest.raises(MisuseError):
        serialise(element)
