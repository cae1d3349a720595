"""Elements to bytes, and the wrapper in which they pass through aioxmpp's queue.

aioxmpp's queue is kept because it does XEP-0198 (§4, acknowledgement and re-sending); its serialiser is not used for
what we build ourselves, so what is sent again after a resumption is byte for byte what was sent before.
"""

from __future__ import annotations

import re
import secrets
from typing import Final
from xml.etree.ElementTree import Element

from botkit.errors import MisuseError

CLIENT: Final = "jabber:client"
MESSAGE: Final = f"{{{CLIENT}}}message"
PRESENCE: Final = f"{{{CLIENT}}}presence"
IQ: Final = f"{{{CLIENT}}}iq"
_XML: Final = "http://www.w3.org/XML/1998/namespace"
_DEEPEST: Final = 100

# What XML 1.0 §2.2 does not allow, escaped or not. Lone surrogates cannot be encoded as UTF-8 either.
_FORBIDDEN: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TEXT_SPECIAL: Final = re.compile("[&<>\r]")
_ATTRIBUTE_SPECIAL: Final = re.compile('[&<>"\t\n\r]')
_ESCAPES: Final = {
    "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"
}  # fmt: skip
_NAME: Final = re.compile(r"[^\W\d][\w.\-]*\Z")


def new_id() -> str:
    """An id for a stanza: unguessable, so that only who was asked can answer (RFC 6120 §8.1.3)."""
    return secrets.token_hex(8)


def clean_text(text: str) -> str:
    """``text`` with the characters that XML cannot carry (control characters, lone surrogates) as U+FFFD."""
    return _FORBIDDEN.sub("\ufffd", text)


class RawStanza:
    """A stanza of ours, ready for the wire. Has what aioxmpp's queue asks of a stanza, and nothing more."""

    __slots__ = ("data", "id_", "tag")

    def __init__(self, element: Element) -> None:
        if element.tag not in (MESSAGE, PRESENCE, IQ):
            raise MisuseError(f"{element.tag!r} is no stanza; the tag must be {MESSAGE}, {PRESENCE} or {IQ}")
        if element.get("id") is None:
            element.set("id", new_id())
        self.tag = element.tag
        self.id_ = element.attrib["id"]
        self.data = serialise(element)

    def validate(self) -> None:
        """Checked when it was built."""

    def autoset_id(self) -> None:
        """Set when it was built."""

    def __repr__(self) -> str:
        return f"<RawStanza {self.tag.rpartition('}')[2]} id={self.id_!r} {len(self.data)} bytes>"


def serialise(element: Element) -> bytes:
    """``element`` as UTF-8 for inside a stream whose default namespace is ``jabber:client``.

    Each element declares its namespace where that differs from its parent's; no prefixes (RFC 6120 §4.8.5). Raises
    ``MisuseError`` for a character that XML cannot carry, a tag without a namespace, and nesting past 100.
    """
    out: list[str] = []
    _write(element, CLIENT, out, 1)
    return "".join(out).encode()


def _write(element: Element, around: str, out: list[str], depth: int) -> None:
    tag = element.tag
    if depth > _DEEPEST:
        raise MisuseError(f"elements are nested more than {_DEEPEST} deep")
    if tag[:1] != "{":
        raise MisuseError(f"element {tag!r} has no namespace; write it as {{namespace}}name")
    space, _, name = tag[1:].partition("}")
    if not _NAME.match(name):
        raise MisuseError(f"{name!r} is no name for an element")
    out.append(f"<{name}" if space == around else f'<{name} xmlns="{_attribute(space, tag)}"')
    for position, (key, value) in enumerate(element.attrib.items()):
        out.append(_key_and_value(key, value, tag, position))
    if element.text is None and not len(element):
        out.append("/>")
        return
    out.append(">")
    if element.text:
        out.append(_text(element.text, tag))
    for child in element:
        _write(child, space, out, depth + 1)
        if child.tail:
            out.append(_text(child.tail, tag))
    out.append(f"</{name}>")


def _key_and_value(key: str, value: str, tag: str, position: int) -> str:
    if not isinstance(value, str):
        raise MisuseError(f"attribute {key!r} of {tag} is {value!r}; it must be text")
    escaped = _attribute(value, tag)
    space, _, name = key[1:].partition("}") if key[:1] == "{" else ("", "", key)
    if not _NAME.match(name):
        raise MisuseError(f"{name!r} is no name for an attribute")
    if not space:
        return f' {name}="{escaped}"'
    if space == _XML:
        return f' xml:{name}="{escaped}"'
    return f' xmlns:a{position}="{_attribute(space, tag)}" a{position}:{name}="{escaped}"'


def _text(text: str, tag: str) -> str:
    _refuse_forbidden(text, tag)
    return _TEXT_SPECIAL.sub(_escape, text)


def _attribute(text: str, tag: str) -> str:
    _refuse_forbidden(text, tag)
    return _ATTRIBUTE_SPECIAL.sub(_escape, text)


def _refuse_forbidden(text: str, tag: str) -> None:
    found = _FORBIDDEN.search(text)
    if found:
        raise MisuseError(
            f"{found.group()!r} at {found.start()} in {tag} cannot be sent in XML; clean_text() replaces it"
        )


def _escape(match: re.Match[str]) -> str:
    return _ESCAPES[match.group()]
