"""Bytes to elements: an incremental parser of one XML stream, with the limits that RFC 6120 §11 asks for.

It is pyexpat, not ``XMLPullParser``, because only so can a document type, a comment or a processing instruction end the
stream *before* anything of it takes effect, and only so is the size of a stanza known, however the bytes were cut into
packets. Inside of a stanza expat calls ElementTree's builder directly, C to C; Python runs where a stanza begins and
where an element ends, and looks closer only at a stanza that could be past a limit. Pure: no sockets, no aioxmpp.
"""

from __future__ import annotations

import pyexpat
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final
from xml.etree.ElementTree import Element, TreeBuilder
from xml.sax.saxutils import quoteattr

_SEPARATOR: Final = "\x01"
"""Between namespace and name in expat's names. No XML may hold it; expat ends the stream over a namespace that does."""
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


def _clark(name: str) -> str:
    """expat's ``uri\x01local`` as ElementTree's ``{uri}local``."""
    uri, separator, local = name.rpartition(_SEPARATOR)
    return f"{{{uri}}}{local}" if separator else name


class StreamParser:
    """Turns the bytes of one XML stream into a header, an ``Element`` per stanza, and a footer."""

    def __init__(self, limits: StreamLimits | None = None) -> None:
        limits = limits or StreamLimits()
        self._most_bytes = limits.stanza_bytes
        self._most_depth = limits.depth
        self._most_elements = limits.elements
        self._most_attributes = limits.attributes
        # An attribute takes 5 bytes at least, an empty element 4, and one inside of another 7 with its end tag: a
        # shorter stanza is below every limit.
        self._small = min(5 * limits.attributes, 4 * limits.elements, 7 * limits.depth - 4)
        # What expat calls a name → what it gives to handlers. It adds names itself, as they are; ``_learn`` changes
        # them to Clark names.
        self._interned: dict[str, str] = {}
        self._learnt = 0
        self._distinct = 0
        self._prefixes: dict[str | None, str] = {}
        self._header: StreamHeader | None = None
        self._header_name = ""  # with its prefix, as written
        self._out: list[StreamItem] = []
        builder = TreeBuilder()
        self._root = builder.start("stream", {})
        self._start, self._end, self._data = builder.start, builder.end, builder.data
        self._stanza: Element | None = None  # that has begun
        self._tags = self._equals = 0  # "<" and "=" in the bytes since a stanza began, or more
        self._look_at = 0
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
        self._tags += data.count(b"<")
        self._equals += data.count(b"=")
        try:
            self._expat.Parse(data, False)
        except pyexpat.ExpatError as problem:
            raise _violation(problem) from None
        base = self._fed
        self._fed += len(data)
        if self._stanza is not None:
            self._check_size(self._fed - _END_TAG)
            if self._tags >= self._look_at:
                self._look_at = self._tags + self._tags // 4  # not at each packet: a stanza may come in a thousand
                self._check_counts(self._stanza)
        else:
            self._tags = self._equals = self._look_at = 0
            if self._header is None:
                if self._fed > self._most_bytes:
                    raise StreamViolation("policy-violation", "the stream header is too long")
            elif self._distinct + len(self._interned) > _NAMES_BEFORE_RENEWAL and self._is_clean_cut(data, base):
                self._renew()
        if len(self._interned) > _NAMES_KEPT:
            self._distinct += len(self._interned)
            self._interned.clear()
            self._learnt = 0

    @property
    def unfinished(self) -> str | None:
        """The tag (Clark name) of the stanza that has begun and not ended; None between stanzas."""
        return None if self._stanza is None else _clark(self._stanza.tag)

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
        expat.EndElementHandler = self._on_footer
        return expat

    def _on_prefix(self, prefix: str | None, uri: str) -> None:
        if self._header is None:
            self._prefixes[prefix] = uri or ""

    def _on_header(self, name: str, attributes: dict[str, str]) -> None:
        written = _WRITTEN_NAME.match(self._expat.GetInputContext() or b"")
        self._header_name = written.group(1).decode() if written else "stream:stream"
        self._header = StreamHeader(_clark(name), {_clark(key): value for key, value in attributes.items()})
        self._expat.StartElementHandler = self._on_stanza
        self._expat.StartNamespaceDeclHandler = None
        self._out.append(self._header)

    def _on_footer(self, _name: str) -> None:
        self._out.append(FOOTER)

    def _on_stanza(self, name: str, attributes: dict[str, str]) -> None:
        expat = self._expat
        self._started_at = expat.CurrentByteIndex
        self._stanza = self._start(name, attributes)
        expat.StartElementHandler = self._start
        expat.EndElementHandler = self._on_end
        expat.CharacterDataHandler = self._data

    def _on_end(self, name: str) -> None:
        stanza = self._end(name)
        if stanza is not self._stanza:
            return
        expat = self._expat
        self._end_tag_at = expat.CurrentByteIndex
        self._check_size(self._end_tag_at)
        expat.StartElementHandler = self._on_stanza
        expat.EndElementHandler = self._on_footer
        expat.CharacterDataHandler = None  # white space between stanzas (RFC 6120 §4.6.1)
        self._stanza = None
        self._root.clear()
        if len(self._interned) != self._learnt:
            self._learn(stanza)
        if self._end_tag_at - self._started_at > self._small:
            self._check_counts(stanza)
        self._out.append(stanza)

    def _learn(self, stanza: Element) -> None:
        """A name was met for the first time: give Clark names to this stanza, and have expat give them to the next."""
        for name in tuple(islice(self._interned, self._learnt, None)):
            if name:  # the default prefix is kept there, too: as None
                self._interned[name] = _clark(name)
        self._learnt = len(self._interned)
        for element in stanza.iter():
            if _SEPARATOR in element.tag:
                element.tag = _clark(element.tag)
            if any(_SEPARATOR in key for key in element.keys()):  # noqa: SIM118  an Element is no dict
                attributes = {_clark(key): value for key, value in element.items()}
                element.attrib.clear()
                element.attrib.update(attributes)

    def _check_counts(self, stanza: Element) -> None:
        if self._tags > min(self._most_depth, self._most_elements):
            elements = sum(1 for _ in stanza.iter())
            if elements > self._most_elements or (elements > self._most_depth and _depth(stanza) > self._most_depth):
                raise StreamViolation("policy-violation", "a stanza is nested too deep or has too many elements")
        if self._equals > self._most_attributes:
            most = max(len(element.keys()) for element in stanza.iter())
            if most > self._most_attributes:
                raise StreamViolation("policy-violation", f"{most} attributes in one element")

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
        self._learnt = self._distinct = 0
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
        self._expat.StartElementHandler = self._on_stanza


def _depth(stanza: Element) -> int:
    depth, level = 0, [stanza]
    while level:
        depth += 1
        level = [child for element in level for child in element]
    return depth


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
