"""Small helpers over ElementTree for stanzas as they came off the wire."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape, quoteattr

CLIENT = "{jabber:client}"
MUC = "{http://jabber.org/protocol/muc}"
MUC_USER = "{http://jabber.org/protocol/muc#user}"
FORMS = "{jabber:x:data}"
COMMANDS = "{http://jabber.org/protocol/commands}"
STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
SID = "{urn:xmpp:sid:0}"

type_of_value = str | bool | int | Iterable[str]


class StanzaFailed(Exception):
    """A peer answered with an error stanza; ``condition`` is its defined condition (RFC 6120 §8.3.3)."""

    def __init__(self, element: Element) -> None:
        self.element = element
        error = element.find(f"{CLIENT}error")
        conditions = [child for child in (error if error is not None else []) if child.tag.startswith(STANZAS)]
        self.condition = next((name for child in conditions if (name := child.tag[len(STANZAS) :]) != "text"), "")
        super().__init__(f"{self.condition}: {ElementTree.tostring(element, encoding='unicode')}")


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The answer to a command (XEP-0050): its status, notes as (type, text), and the values of its form."""

    status: str
    session: str | None
    notes: tuple[tuple[str, str], ...]
    fields: Mapping[str, list[str]]
    form_type: str | None
    actions: frozenset[str]
    element: Element = field(repr=False)


def parse(text: str) -> Element:
    """The element that ``text`` writes, in the client's name space where it names none."""
    return ElementTree.fromstring(f"<stream xmlns='jabber:client'>{text}</stream>")[0]


def text_of(element: Element | None) -> str:
    """The element's text; empty for None."""
    return (element.text or "") if element is not None else ""


def body(message: Element) -> str | None:
    """The first body of a message; None where it has none."""
    found = message.find(f"{CLIENT}body")
    return None if found is None else text_of(found)


def is_message(element: Element, sender: str | None = None, text: str | None = None) -> bool:
    """Whether this is a message, from ``sender`` and with ``text`` as its body where these are given."""
    return (
        element.tag == f"{CLIENT}message"
        and (sender is None or element.get("from") == sender)
        and (text is None or body(element) == text)
    )


def is_presence(element: Element, sender: str | None = None) -> bool:
    """Whether this is a presence, from ``sender`` where it is given."""
    return element.tag == f"{CLIENT}presence" and (sender is None or element.get("from") == sender)


def status_codes(presence: Element) -> set[str]:
    """The status codes of a room's presence or message (XEP-0045 §15.6)."""
    return {status.get("code", "") for status in presence.iterfind(f"{MUC_USER}x/{MUC_USER}status")}


def stanza_id(message: Element, by: str) -> str:
    """The id that ``by`` gave the message (XEP-0359). Raises ``LookupError`` if it gave none."""
    for element in message.iterfind(f"{SID}stanza-id"):
        if element.get("by") == by:
            return element.attrib["id"]
    raise LookupError(f"{by} gave no stanza id: {ElementTree.tostring(message, encoding='unicode')}")


def form_values(form: Element | None) -> dict[str, list[str]]:
    """The fields of a form that have a name, with their values (XEP-0004)."""
    fields = form.iterfind(f"{FORMS}field") if form is not None else []
    return {
        field.attrib["var"]: [text_of(value) for value in field.iterfind(f"{FORMS}value")]
        for field in fields
        if field.get("var")
    }


def submit_form(values: Mapping[str, type_of_value]) -> str:
    """A submitted form (XEP-0004) with ``values``."""
    fields = "".join(
        f"<field var={quoteattr(name)}>"
        + "".join(f"<value>{escape(text)}</value>" for text in _texts(value))
        + "</field>"
        for name, value in values.items()
    )
    return f"<x xmlns='jabber:x:data' type='submit'>{fields}</x>"


def command_result(iq: Element) -> CommandResult:
    """The parsed answer to a command. Raises ``LookupError`` if ``iq`` holds none."""
    command = iq.find(f"{COMMANDS}command")
    if command is None:
        raise LookupError(f"no command in {ElementTree.tostring(iq, encoding='unicode')}")
    form = command.find(f"{FORMS}x")
    actions = command.find(f"{COMMANDS}actions")
    return CommandResult(
        status=command.get("status", ""),
        session=command.get("sessionid"),
        notes=tuple((note.get("type", "info"), text_of(note)) for note in command.iterfind(f"{COMMANDS}note")),
        fields=form_values(form),
        form_type=None if form is None else form.get("type"),
        actions=frozenset(child.tag.removeprefix(COMMANDS) for child in (actions if actions is not None else [])),
        element=command,
    )


def _texts(value: type_of_value) -> list[str]:
    if isinstance(value, bool):
        return ["1" if value else "0"]
    if isinstance(value, str | int):
        return [str(value)]
    return list(value)
