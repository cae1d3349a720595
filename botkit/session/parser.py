"""Bytes to elements: the incremental parser of one XML stream.

Two parsers share the work. ElementTree's own, which is C from the bytes to the tree, reads what is plain: well-formed,
far below every limit, without comments and the like. Whatever is not plain goes to ``exact_parser``, together with all
that came since the last end of a stanza, and stays with it until a stanza ends; so it alone says what ends the stream,
and at which byte. Pure: no sockets, no aioxmpp.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from botkit.session.exact_parser import (
    FOOTER,
    ExactParser,
    Opening,
    StreamFooter,
    StreamHeader,
    StreamItem,
    StreamLimits,
    StreamViolation,
    over_limits,
)

__all__ = ["FOOTER", "StreamFooter", "StreamHeader", "StreamItem", "StreamLimits", "StreamParser", "StreamViolation"]

_MOST_KEPT: Final = 128 * 1024
"""So much is kept of what came since a packet ended with the end of a stanza, for the exact parser to read again."""
_MOST_PACKETS: Final = 256
"""Likewise: in so many packets come only stanzas that are large, or cut up to have expat read their tags again."""
_PIECE: Final = 16 * 1024
"""Bytes that are looked at together: fewer elements than a stanza may have, unless it is all very small ones."""
_STANZA_END: Final = b"</message>"
_RENEW_AFTER: Final = 1024 * 1024
"""expat and XMLParser keep every distinct name for the life of a parser, and names come from strangers: after so many
bytes there is a fresh one."""


_START_TAG: Final = re.compile(rb"""<[^<>"']*(?:"[^"]*"[^<>"']*|'[^']*'[^<>"']*)*>""")


class StreamParser:
    """Turns the bytes of one XML stream into a header, an ``Element`` per stanza, and a footer."""

    def __init__(self, limits: StreamLimits | None = None) -> None:
        self._limits = limits or StreamLimits()
        self._parser: _PlainParser | ExactParser = ExactParser(self._limits)  # which reads the header, to begin with

    def feed(self, data: bytes, out: list[StreamItem]) -> None:
        """Parse ``data``; each item that it completes is appended to ``out``.

        Raises ``StreamViolation`` where the stream has to end; what was complete before the fault is in ``out``.
        The parser is of no use afterwards.
        """
        for items in self.read(data):
            out += items

    def read(self, data: bytes) -> Iterator[list[StreamItem]]:
        """As ``feed``, piece by piece, so that the items of one are done with, their memory free, before the next."""
        for piece in self._pieces(data):
            items: list[StreamItem] = []
            try:
                self._feed(piece, items)
            except StreamViolation:
                yield items
                raise
            yield items

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        """``data`` cut where stanzas probably end, so that as little as can be has to be kept, and none is large."""
        at = 0
        if isinstance(self._parser, ExactParser) or not self._parser.at_end:
            at = data.find(_STANZA_END) + len(_STANZA_END)
            at = at if at >= len(_STANZA_END) else min(_PIECE, len(data))
            yield data[:at]
        while at < len(data):
            stop = min(at + _PIECE, len(data))
            if stop < len(data) or data[-1:] != b">":
                end = data.rfind(_STANZA_END, at, stop)
                stop = end + len(_STANZA_END) if end >= 0 else stop
            yield data[at:stop]
            at = stop

    def _feed(self, data: bytes, out: list[StreamItem]) -> None:
        parser = self._parser
        if isinstance(parser, _PlainParser):
            stanzas = parser.feed(data)
            if stanzas is not None:
                out += stanzas
                if parser.fed > _RENEW_AFTER and parser.at_end:
                    self._parser = _PlainParser(parser.opening, self._limits)
                return
            self._parser = parser = parser.exact()
        if parser.feed(data, out) and parser.opening is not None:
            self._parser = _PlainParser(parser.opening, self._limits)

    @property
    def unfinished(self) -> str | None:
        """The tag (Clark name) of the stanza that has begun and not ended; None between stanzas."""
        return self._parser.unfinished


class _PlainParser:
    """Reads on from the end of a stanza, as long as nothing is odd.

    ``at_end``: all that was fed has ended with the end of a stanza. ``fed``: bytes since this parser began.
    """

    def __init__(self, opening: Opening, limits: StreamLimits) -> None:
        self.opening = opening
        self.at_end = True
        self.fed = 0
        self.unfinished: str | None = None
        self._limits = limits
        self._kept: list[bytes] = []  # since the last packet that ended with the end of a stanza
        self._kept_bytes = self._tags = self._look_at = 0  # tags: "<" in what is kept
        self._most = min(_MOST_KEPT, limits.stanza_bytes)
        self._few = min(limits.depth, limits.elements)
        self._small = 5 * limits.attributes
        builder = TreeBuilder()
        above = builder.start("above", {})
        self._ended: list[tuple[str, Element]] = []
        parser: Any = XMLParser(target=builder, encoding="utf-8")
        parser._setevents(self._ended, ("end",))  # as XMLPullParser does, but it has Python take each of them
        self._feed = parser.feed
        self._flush = getattr(parser, "flush", None)
        parser.feed(opening.tag)
        self._root = above[0]

    def feed(self, data: bytes) -> list[Element] | None:
        """The stanzas that ``data`` completes; None where it is not plain: go on with ``exact``, from ``data`` on."""
        if self.at_end:
            size = len(data)
            if data.isspace():
                return []  # between stanzas it means nothing (RFC 6120 §4.6.1), and the builder would keep it
        else:
            size = self._kept_bytes + len(data)
            if len(self._kept) > _MOST_PACKETS or (data[:1] in b"!?" and self._kept[-1][-1:] == b"<"):
                return None
        if (b"!" in data and b"<!" in data) or (b"?" in data and b"<?" in data) or size > self._most:
            return None
        try:
            self._feed(data)
            if self._flush is not None:
                self._flush()  # expat >= 2.6 holds back a token that came in two pieces until more bytes follow
        except ParseError:
            return None
        root, ended = self._root, self._ended
        elements = self._tags + len(ended)
        last = ended[-1][1] if ended else None
        ended.clear()
        if last is root:
            return None  # the end of the stream
        stanzas = root[:]
        begun = None
        if stanzas:
            if last is stanzas[-1]:
                root.clear()
            else:
                begun = stanzas.pop()
                del root[:-1]
        if (elements > self._few or size > self._small) and self._too_much(stanzas, elements, size):
            return None
        self.fed += len(data)
        if begun is None and last is not None and _ends_with_a_tag(data):
            if not self.at_end:
                self._forget()
        elif not self._keep(data, size, begun):
            return None
        return stanzas

    def _too_much(self, stanzas: list[Element], elements: int, size: int) -> bool:
        limits, most = self._limits, size // 5  # an attribute takes 5 bytes at least
        return any(over_limits(stanza, limits, elements=elements, attributes=most) for stanza in stanzas)

    def _forget(self) -> None:
        self.at_end = True
        self.unfinished = None
        self._kept.clear()
        self._kept_bytes = self._tags = self._look_at = 0

    def _keep(self, data: bytes, size: int, begun: Element | None) -> bool:
        """False if what has ``begun`` is too much already."""
        self.at_end = False
        self.unfinished = None if begun is None else begun.tag
        self._kept.append(data)
        self._kept_bytes = size
        self._tags += data.count(b"<")
        if begun is None or size < self._look_at:
            return True
        self._look_at = size + size // 4  # not at each packet: a stanza may come in a thousand
        if not self._too_much([begun], self._tags, size):
            return True
        self._kept.pop()  # it is read once more, with the stanzas that were complete in it
        return False

    def exact(self) -> ExactParser:
        """The parser that takes over, with all that was read, up to what ``feed`` gave None for."""
        parser = ExactParser(self._limits, self.opening)
        again: list[StreamItem] = []  # each of them was handed out already
        for data in self._kept:
            parser.feed(data, again)
        return parser


def _ends_with_a_tag(data: bytes) -> bool:
    """Whether data in which an element ended, and none began that has not, ends with a tag or with text after it: not
    within a name, an entity or a letter."""
    if data[-1:] != b">":
        return False
    at = data.rfind(b"<")  # stands in neither text nor attributes
    return at < 0 or data.startswith(b"</", at) or _START_TAG.match(data, at) is not None
