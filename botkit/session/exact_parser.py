"""Bytes to elements, with the limits that RFC 6120 §11 asks for, to the byte.

It is pyexpat, not ``XMLPullParser``, because only so can a document type, a comment or a processing instruction end the
stream *before* anything of it takes effect, and only so is the size of a stanza known, however the bytes were cut into
packets. ``parser.StreamParser`` has the C parser of ElementTree read what is plain, and asks this one about the rest.
Pure: no sockets, no aioxmpp.
"""

from __future__ import annotations

import pyexpat
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from xml.etree.ElementTree import Element, TreeBuilder
from xml.sax.saxutils import quoteattr

_SEPARATOR: Final = "\x01"
"""Between namespace and name in expat's names. No XML may hold it; expat ends the stream over a namespace that does."""
_WRITTEN_NAME: Final = re.compile(rb"<([^\s/>]+)")
_END_TAG: Final = 4096
"""A limit is for what stands before the end tag, of which a part may have come already."""
_LONG_TAG: Final = 4096
_LONG_TAG_PACKETS: Final = 256
"""expat reads a tag that has not ended again from its start with each packet. One that is longer than this and came in
more packets than that is not looked at again until it has grown by a quarter; no server cuts like that."""


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
    attributes: int = 10_000  # of one element


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


@dataclass(frozen=True, slots=True)
class Opening:
    """What a parser has to read to be in the middle of a stream: a start tag with the header's name and prefixes."""

    tag: bytes


def _opening(name: str, prefixes: Mapping[str | None, str]) -> Opening:
    spaces = "".join(
        f" {'xmlns' if prefix is None else 'xmlns:' + prefix}={quoteattr(uri)}" for prefix, uri in prefixes.items()
    )
    return Opening(f"<{name}{spaces}>".encode())


def _clark(name: str) -> str:
    """expat's ``uri\x01local`` as ElementTree's ``{uri}local``."""
    uri, separator, local = name.rpartition(_SEPARATOR)
    return f"{{{uri}}}{local}" if separator else name


def _clarks(attributes: dict[str, str]) -> dict[str, str]:
    return {_clark(key): value for key, value in attributes.items()}


class ExactParser:
    """Turns the bytes of one XML stream into a header, an ``Element`` per stanza, and a footer.

    ``again``: this is the middle of a stream that began with this ``Opening``; no header comes out.
    """

    def __init__(self, limits: StreamLimits, again: Opening | None = None) -> None:
        self._limits = limits
        # An attribute takes 5 bytes at least, an empty element 4, and one inside of another 7 with its end tag: a
        # shorter stanza is below every limit.
        self._small = min(5 * limits.attributes, 4 * limits.elements, 7 * limits.depth - 4)
        self._prefixes: dict[str | None, str] = {}
        self._opened = False
        self._out: list[StreamItem] = []
        builder = TreeBuilder()
        self._root = builder.start("stream", {})
        self._builder = builder
        self._stanza: Element | None = None  # that has begun
        self._tags = self._equals = 0  # "<" and "=" in the bytes since a stanza began, or more
        self._look_at = 0
        self._started_at = 0
        self._end_tag_at = -1
        self._fed = 0
        self._unended = 0  # bytes of a tag, comment or the like that has begun and not ended
        self._unended_packets = 0
        self._held = bytearray()
        self._expat = expat = pyexpat.ParserCreate("utf-8", _SEPARATOR)
        expat.buffer_text = True
        if hasattr(expat, "SetReparseDeferralEnabled"):
            # expat >= 2.6 holds back a token that came in two pieces until more bytes follow. The last stanza before a
            # silence would wait for the next one; stanza_bytes bounds the work that the deferral would save.
            expat.SetReparseDeferralEnabled(False)
        expat.XmlDeclHandler = _on_declaration
        expat.StartDoctypeDeclHandler = _on_doctype
        expat.CommentHandler = _on_comment
        expat.ProcessingInstructionHandler = _on_instruction
        expat.EndElementHandler = self._on_footer
        self.opening = again
        if again is not None:
            expat.StartElementHandler = self._on_opened_again
            expat.Parse(again.tag, False)
            self._fed = len(again.tag)
        else:
            expat.StartNamespaceDeclHandler = self._on_prefix
            expat.StartElementHandler = self._on_header

    def feed(self, data: bytes, out: list[StreamItem]) -> bool:
        """Parse ``data``; each item that it completes is appended to ``out``. True if ``data`` ended exactly with the
        end tag of a stanza, so that another parser may go on from here.

        Raises ``StreamViolation`` where the stream has to end; what was complete before the fault is in ``out``.
        The parser is of no use afterwards.
        """
        self._out = out
        if self._unended_packets > _LONG_TAG_PACKETS:
            self._held += data
            if 4 * len(self._held) < self._unended:
                return False
            data, self._held = bytes(self._held), bytearray()
        if self._fed < 2 and (b"\0" in data[: 2 - self._fed] or (not self._fed and data[:1] in (b"\xff", b"\xfe"))):
            # Else expat would guess UTF-16. With an opening of ours before it, it cannot.
            raise StreamViolation("unsupported-encoding", "the stream is not UTF-8 (RFC 6120 §11.6)")
        self._tags += data.count(b"<")
        self._equals += data.count(b"=")
        try:
            self._expat.Parse(data, False)
        except pyexpat.ExpatError as problem:
            raise _violation(problem) from None
        base = self._fed
        self._fed += len(data)
        self._unended = self._fed - self._expat.CurrentByteIndex
        self._unended_packets = self._unended_packets + 1 if self._unended > _LONG_TAG else 0
        if self._unended > self._limits.stanza_bytes:
            # Also a start tag that never ends: no stanza has begun yet, and expat keeps all of it.
            raise StreamViolation("policy-violation", "a tag is too long")
        if self._stanza is not None:
            self._check_size(self._fed - _END_TAG)
            if self._tags >= self._look_at:
                self._look_at = self._tags + self._tags // 4  # not at each packet: a stanza may come in a thousand
                self._check_counts(self._stanza)
            return False
        # A start tag may have begun already; an attribute takes 5 bytes at least.
        self._tags, self._equals, self._look_at = 1, self._unended // 5 + 1, 0
        if not self._opened and self._fed > self._limits.stanza_bytes:
            raise StreamViolation("policy-violation", "the stream header is too long")
        at = self._end_tag_at - base
        return 0 <= at < len(data) and data.startswith(b"</", at) and data.find(b">", at) == len(data) - 1

    @property
    def unfinished(self) -> str | None:
        """The tag (Clark name) of the stanza that has begun and not ended; None between stanzas."""
        return None if self._stanza is None else self._stanza.tag

    # --- expat -------------------------------------------------------------------------------------------------

    def _on_prefix(self, prefix: str | None, uri: str) -> None:
        if not self._opened:
            self._prefixes[prefix] = uri or ""

    def _on_header(self, name: str, attributes: dict[str, str]) -> None:
        written = _WRITTEN_NAME.match(self._expat.GetInputContext() or b"")
        self.opening = _opening(written.group(1).decode() if written else "stream:stream", self._prefixes)
        self._out.append(StreamHeader(_clark(name), _clarks(attributes)))
        self._expat.StartNamespaceDeclHandler = None
        self._on_opened_again(name, attributes)

    def _on_opened_again(self, _name: str, _attributes: dict[str, str]) -> None:
        self._opened = True
        self._expat.StartElementHandler = self._on_stanza

    def _on_footer(self, _name: str) -> None:
        self._out.append(FOOTER)

    def _on_stanza(self, name: str, attributes: dict[str, str]) -> None:
        expat = self._expat
        self._started_at = expat.CurrentByteIndex
        self._stanza = self._builder.start(_clark(name), _clarks(attributes))
        expat.StartElementHandler = self._on_start
        expat.EndElementHandler = self._on_end
        expat.CharacterDataHandler = self._builder.data

    def _on_start(self, name: str, attributes: dict[str, str]) -> None:
        self._builder.start(_clark(name), _clarks(attributes))

    def _on_end(self, name: str) -> None:
        stanza = self._builder.end(name)
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
        if self._end_tag_at - self._started_at > self._small:
            self._check_counts(stanza)
        self._out.append(stanza)

    def _check_counts(self, stanza: Element) -> None:
        fault = over_limits(stanza, self._limits, elements=self._tags, attributes=self._equals)
        if fault:
            raise StreamViolation("policy-violation", fault)

    def _check_size(self, end: int) -> None:
        if end - self._started_at > self._limits.stanza_bytes:
            raise StreamViolation("policy-violation", f"a stanza is longer than {self._limits.stanza_bytes} bytes")


def over_limits(stanza: Element, limits: StreamLimits, *, elements: int, attributes: int) -> str:
    """What ``stanza`` has too much of; "" if nothing. It has at most so many ``elements`` and ``attributes``: only what
    could be too much is counted."""
    if elements > min(limits.depth, limits.elements):
        elements = len(list(stanza.iter()))
        if elements > limits.elements or (elements > limits.depth and _depth(stanza) > limits.depth):
            return "a stanza is nested too deep or has too many elements"
    if attributes > limits.attributes:
        most = max(len(element.keys()) for element in stanza.iter())
        if most > limits.attributes:
            return f"{most} attributes in one element"
    return ""


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
