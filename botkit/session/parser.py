"""Bytes to elements: an incremental parser of one XML stream, with the limits that RFC 6120 §11 asks for.

It is pyexpat with handlers of our own, not ``XMLPullParser``, because only so can a document type, a comment or a
processing instruction end the stream *before* anything of it takes effect, and only so do limits not depend on
how the bytes were cut into packets. Pure: no sockets, no aioxmpp.
"""

from __future__ import annotations

import pyexpat
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement
from xml.sax.saxutils import quoteattr

_SEPARATOR: Final = "}"
_WRITTEN_NAME: Final = re.compile(rb"<([^\s/>]+)")
_END_TAG: Final = 4096
"""A limit is for what stands before the end tag, of which a part may have come already."""
_NAMES_KEPT: Final = 4096
"""Names come from strangers, so caches of them are emptied at this size."""
_NAMES_BEFORE_RENEWAL: Final = 20_000
"""expat itself keeps every distinct element name for the life of a parser; past this many it gets a fresh one."""


class StreamViolation(Exception):
    """The peer broke a rule that ends the stream. ``condition`` is the stream error (RFC 6120 §4.9.3) to send."""

    def __init__(self, condition: str, text: str) -> None:
        self.condition = condition
        self.text = text
        super().__init__(f"{condition}: {text}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLimits:
    """What one child of the stream may weigh; past any of these the stream ends with ``policy-violation``.

    Servers cap what a client may send far lower (Prosody: 256 KiB); what comes from the server itself, such as a long
    list of affiliations, stays below too.
    """

    stanza_bytes: int = 1024 * 1024
    depth: int = 200  # elements inside one another, the stanza itself being 1
    elements: int = 50_000
    attributes: int = 256  # of one element


@dataclass(frozen=True, slots=True)
class StreamHeader:
    """The peer's ``<stream:stream>``: Clark name and attributes (Clark names)."""

    tag: str
    attributes: Mapping[str, str] = field(default_factory=dict)


class StreamFooter:
    """``</stream:stream>``."""

    __slots__ = ()


FOOTER: Final = StreamFooter()

StreamItem = Element | StreamHeader | StreamFooter


class _Names(dict[str, str]):
    """expat's ``uri}local`` to ElementTree's ``{uri}local``."""

    def __missing__(self, name: str) -> str:
        if len(self) >= _NAMES_KEPT:
            self.clear()
        clark = self[name] = f"{{{name}" if _SEPARATOR in name else name
        return clark


class StreamParser:
    """Turns the bytes of one XML stream into a header, an ``Element`` per stanza, and a footer."""

    def __init__(self, limits: StreamLimits | None = None) -> None:
        limits = limits or StreamLimits()
        self._most_bytes = limits.stanza_bytes
        self._most_depth = limits.depth
        self._most_elements = limits.elements
        self._most_attributes = limits.attributes
        self._names = _Names()
        self._interned: dict[str, str] = {}
        self._distinct = 0
        self._prefixes: dict[str | None, str] = {}
        self._header: StreamHeader | None = None
        self._header_name = ""  # with its prefix, as written
        self._out: list[StreamItem] = []
        self._text: list[str] = []
        self._stack: list[Element] = []
        self._current: Element | None = None
        self._last: Element | None = None
        self._elements = 0
        self._started_at = 0
        self._end_tag_at = -1
        self._fed = 0
        self._expat = self._make(self._on_header)

    def feed(self, data: bytes, out: list[StreamItem]) -> None:
        """Parse ``data``; each item that it completes is appended to ``out``.

        Raises ``StreamViolation`` where the stream has to end; what was complete before the fault is in ``out``.
        The parser is of no use afterwards.
        """
        self._out = out
        if self._header is None and (b"\0" in data or (not self._fed and data[:1] in (b"\xff", b"\xfe"))):
            # Else expat would guess UTF-16.
            raise StreamViolation("unsupported-encoding", "the stream is not UTF-8 (RFC 6120 §11.6)")
        try:
            self._expat.Parse(data, False)
        except pyexpat.ExpatError as problem:
            raise _violation(problem) from None
        base = self._fed
        self._fed += len(data)
        if self._current is not None:
            self._check_size(self._fed - _END_TAG)
        elif self._header is not None:
            self._text.clear()  # white space between stanzas (RFC 6120 §4.6.1)
            if self._distinct + len(self._interned) > _NAMES_BEFORE_RENEWAL and self._is_clean_cut(data, base):
                self._renew()
        elif self._fed > self._most_bytes:
            raise StreamViolation("policy-violation", "the stream header is too long")
        if len(self._interned) > _NAMES_KEPT:
            self._distinct += len(self._interned)
            self._interned.clear()

    @property
    def unfinished(self) -> str | None:
        """The tag (Clark name) of the stanza that has begun and not ended; None between stanzas."""
        if self._current is None:
            return None
        return (self._stack[0] if self._stack else self._current).tag

    # --- expat -------------------------------------------------------------------------------------------------

    def _make(self, on_start: Any) -> Any:
        expat = pyexpat.ParserCreate("utf-8", _SEPARATOR, self._interned)
        expat.buffer_text = True
        if hasattr(expat, "SetReparseDeferralEnabled"):
            # expat >= 2.6 holds back a token that came in two pieces until more bytes follow. The last stanza before a
            # silence would wait for the next one; stanza_bytes bounds the work that the deferral would save.
            expat.SetReparseDeferralEnabled(False)
        expat.XmlDeclHandler = _on_declaration
        expat.StartDoctypeDeclHandler = _on_doctype
        expat.CommentHandler = _on_comment
        expat.ProcessingInstructionHandler = _on_instruction
        expat.StartNamespaceDeclHandler = self._on_prefix
        expat.StartElementHandler = on_start
        expat.EndElementHandler = self._on_end
        expat.CharacterDataHandler = self._text.append
        return expat

    def _on_prefix(self, prefix: str | None, uri: str) -> None:
        if self._header is None:
            self._prefixes[prefix] = uri or ""

    def _on_header(self, name: str, attributes: dict[str, str]) -> None:
        names = self._names
        written = _WRITTEN_NAME.match(self._expat.GetInputContext() or b"")
        self._header_name = written.group(1).decode() if written else "stream:stream"
        self._header = StreamHeader(names[name], {names[key]: value for key, value in attributes.items()})
        self._expat.StartElementHandler = self._on_start
        self._expat.StartNamespaceDeclHandler = None
        self._out.append(self._header)

    def _on_start(self, name: str, attributes: dict[str, str]) -> None:
        if attributes:
            if len(attributes) > self._most_attributes:
                raise StreamViolation("policy-violation", f"{len(attributes)} attributes in one element")
            for key in attributes:
                if _SEPARATOR in key:
                    names = self._names
                    attributes = {names[key]: value for key, value in attributes.items()}
                    break
        current = self._current
        if current is None:
            self._text.clear()
            self._started_at = self._expat.CurrentByteIndex
            self._elements = 1
            self._current = Element(self._names[name], attributes)
            return
        if self._text:
            self._take_text(current)
        stack = self._stack
        stack.append(current)
        self._elements += 1
        if len(stack) >= self._most_depth or self._elements > self._most_elements:
            raise StreamViolation("policy-violation", "a stanza is nested too deep or has too many elements")
        self._current = SubElement(current, self._names[name], attributes)
        self._last = None

    def _on_end(self, _name: str) -> None:
        current = self._current
        if current is None:
            self._out.append(FOOTER)
            return
        if self._text:
            self._take_text(current)
        if self._stack:
            self._last = current
            self._current = self._stack.pop()
            return
        self._end_tag_at = self._expat.CurrentByteIndex
        self._check_size(self._end_tag_at)
        self._current = self._last = None
        self._out.append(current)

    def _take_text(self, current: Element) -> None:
        parts = self._text
        text = parts[0] if len(parts) == 1 else "".join(parts)
        parts.clear()
        if self._last is None:
            current.text = text
        else:
            self._last.tail = text

    def _check_size(self, end: int) -> None:
        if end - self._started_at > self._most_bytes:
            raise StreamViolation("policy-violation", f"a stanza is longer than {self._most_bytes} bytes")

    # --- a fresh expat in the middle of a stream -------------------------------------------------------------------

    def _is_clean_cut(self, data: bytes, base: int) -> bool:
        """True if ``data`` ends exactly with the end tag of a stanza, so that expat holds nothing back."""
        at = self._end_tag_at - base
        return 0 <= at < len(data) and data.startswith(b"</", at) and data.find(b">", at) == len(data) - 1

    def _renew(self) -> None:
        self._interned.clear()
        self._distinct = 0
        self._expat = self._make(self._on_renewed)
        self._expat.StartNamespaceDeclHandler = None
        spaces = "".join(
            f" {'xmlns' if prefix is None else 'xmlns:' + prefix}={quoteattr(uri)}"
            for prefix, uri in self._prefixes.items()
        )
        self._fed = 0
        self._end_tag_at = -1
        again = f"<{self._header_name}{spaces}>".encode()
        self._expat.Parse(again, False)
        self._fed = len(again)

    def _on_renewed(self, _name: str, _attributes: dict[str, str]) -> None:
        self._expat.StartElementHandler = self._on_start


def _violation(problem: pyexpat.ExpatError) -> StreamViolation:
    if problem.code == pyexpat.errors.codes[pyexpat.errors.XML_ERROR_UNDEFINED_ENTITY]:
        # RFC 6120 §11.1: only the five predefined entities may be referred to.
        return StreamViolation("restricted-xml", "an entity that is not predefined")
    return StreamViolation("not-well-formed", pyexpat.ErrorString(problem.code) or "unknown fault")


def _on_declaration(_version: str, encoding: str | None, _standalone: int) -> None:
    if encoding is not None and encoding.lower() != "utf-8":
        raise StreamViolation("unsupported-encoding", "the stream is not UTF-8 (RFC 6120 §11.6)")


def _on_doctype(*_: object) -> None:
    raise StreamViolation("restricted-xml", "a document type (RFC 6120 §11.1)")


def _on_comment(_text: str) -> None:
    raise StreamViolation("restricted-xml", "a comment (RFC 6120 §11.1)")


def _on_instruction(_target: str, _data: str) -> None:
    raise StreamViolation("restricted-xml", "a processing instruction (RFC 6120 §11.1)")
