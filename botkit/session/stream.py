"""The seam: an XML stream for aioxmpp whose stanzas come out as elements.

``<message/>`` and ``<presence/>`` never reach aioxmpp's parser, so no child of them can make it drop the stanza.
``<iq/>`` goes to our own requests and handlers first and is replayed into aioxmpp otherwise; negotiation elements are
replayed.
Every stanza is counted for XEP-0198 the moment it is taken out of the stream, whoever handles it then.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import Iterator
from typing import Any, Final, Protocol
from xml.etree.ElementTree import Element

from aioxmpp import errors as xmpp_errors
from aioxmpp import protocol, utils, xso
from aioxmpp.structs import JID

from botkit.session.outgoing import IQ, MESSAGE, PRESENCE, RawStanza
from botkit.session.parser import StreamFooter, StreamHeader, StreamItem, StreamLimits, StreamParser, StreamViolation
from botkit.session.settings import Traffic

_log = logging.getLogger(__name__)

_SM: Final = "urn:xmpp:sm:3"
_SM_REQUEST: Final = f"{{{_SM}}}r"
_SM_ACK: Final = f"{{{_SM}}}a"
_STREAM_HEADER: Final = "{http://etherx.jabber.org/streams}stream"
_STREAM_ERROR: Final = "{http://etherx.jabber.org/streams}error"
_SEE_OTHER_HOST: Final = "{urn:ietf:params:xml:ns:xmpp-streams}see-other-host"
_ACK_PAUSE: Final = 0.2
"""Seconds between two answers to ``<r/>``. XEP-0198 §4: they may be withheld for a time and no other condition, as
"a client with a slow connection might want to collect many stanzas over a period of time before acking"."""
_ACK_STANZAS: Final = 100
"""Past so many stanzas there is an answer at once: the server keeps them until then."""
_PUBSUB_EVENT: Final = "{http://jabber.org/protocol/pubsub#event}event"
_ENDS_THIS_LAYER: Final = frozenset(
    {"{urn:ietf:params:xml:ns:xmpp-tls}proceed", "{urn:ietf:params:xml:ns:xmpp-sasl}success"}
)


class Receiver(Protocol):
    """Who takes what comes out of a ``Stream``. None of these may raise, but for ``acknowledged``."""

    traffic: Traffic

    def counted(self) -> None:
        """A stanza was taken out of the stream (XEP-0198 §4: count it)."""

    def stanza(self, element: Element) -> None:
        """A message or presence."""

    def iq(self, element: Element) -> bool:
        """An IQ; True if it was ours, False to have aioxmpp see it."""

    def unreadable_iq(self, element: Element) -> None:
        """aioxmpp could make nothing of this IQ."""

    def acknowledgement_asked(self) -> bytes | None:
        """``<r/>`` came: the answer, or None if acknowledgements are not in use."""

    def acknowledged(self, handled: str | None) -> None:
        """``<a h='…'/>`` came. Raises aioxmpp's ``StreamError`` if the number cannot be."""


class Stream(protocol.XMLStream):  # type: ignore[misc]
    """One connection's XML stream. ``closed`` is done once the transport is gone."""

    def __init__(self, *, domain: str, receiver: Receiver, limits: StreamLimits, logger: logging.Logger) -> None:
        super().__init__(to=JID(None, domain, None), base_logger=logger, loop=asyncio.get_running_loop())
        self._receiver = receiver
        self._limits = limits
        self._at_barrier = False
        self._limits_kept: tuple[Any, Any] | None = None
        self._elements: StreamParser | None = None
        self._monitor = _LazyMonitor(self._loop)
        self._monitor.on_deadtime_hard_limit_tripped.connect(self._deadtime_hard_limit_triggered)
        self._monitor.on_deadtime_soft_limit_tripped.connect(self.on_deadtime_soft_limit_tripped)
        self._transport: Any = None
        self._acked_at = -_ACK_PAUSE
        self._unanswered = 0  # stanzas since the last answer to <r/>
        self._answer_later: asyncio.TimerHandle | None = None
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self.trusted = False  # stanzas are taken only from a server that proved itself and let us in
        self.violation: StreamViolation | None = None
        self.other_host: str | None = None
        self.writable = asyncio.Event()
        self.writable.set()

    @property
    def fault(self) -> Exception | None:
        """What ended the stream, or None for an orderly end."""
        found: Exception | None = self._exception
        return found

    @property
    def is_open(self) -> bool:
        """True while stanzas can be written."""
        return bool(self._smachine.state == protocol.State.OPEN)

    # --- transport --------------------------------------------------------------------------------------------

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport is gone (``asyncio.Protocol``)."""
        try:
            super().connection_lost(exc)
        finally:
            if self._answer_later is not None:
                self._answer_later.cancel()
            self.writable.set()
            if not self.closed.done():
                self.closed.set_result(None)

    def pause_writing(self) -> None:
        """The transport's buffer is full (``asyncio.Protocol``)."""
        self.writable.clear()

    def resume_writing(self) -> None:
        """The transport's buffer has room again (``asyncio.Protocol``)."""
        self.writable.set()

    def pause_reading(self) -> None:
        """Take nothing more from the socket, so that the server's TCP window closes."""
        if self._limits_kept is None and self._transport is not None and not self._transport.is_closing():
            # Silence is of our own making now, so it must not count against the server.
            self._limits_kept = (self._monitor.deadtime_soft_limit, self._monitor.deadtime_hard_limit)
            self._monitor.deadtime_soft_limit = self._monitor.deadtime_hard_limit = None
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        if self._limits_kept is not None and self._transport is not None and not self._transport.is_closing():
            self._monitor.notify_received()
            self._monitor.deadtime_soft_limit, self._monitor.deadtime_hard_limit = self._limits_kept
            self._limits_kept = None
            self._transport.resume_reading()

    async def secure(self, context: ssl.SSLContext, server_hostname: str, timeout: float) -> None:
        """Start TLS on the transport (RFC 6120 §5.4.3.1); call ``reset`` next. Raises ``ssl.SSLError``, ``OSError``."""
        self._require_connection()
        transport = await self._loop.start_tls(
            self._transport, self, context, server_hostname=server_hostname, ssl_handshake_timeout=timeout
        )
        if transport is None:  # asyncio: the connection was lost meanwhile
            raise ConnectionError("the connection was lost in the TLS handshake")
        self._transport = transport
        self._reset_state()

    def drop(self) -> None:
        """Throw the connection away at once, sending nothing more. Safe at any time."""
        transport = self._transport
        if transport is None:
            self.abort()  # never connected, or gone already
        else:
            self._transport_closing = True
            transport.abort()

    def send_xso(self, obj: Any) -> None:
        """Write a stanza of ours as it is, or let aioxmpp serialise its own. Raises ``ConnectionError``."""
        if type(obj) is not RawStanza:
            super().send_xso(obj)
            return
        self.write(obj.data)

    def write(self, data: bytes) -> None:
        """Write bytes of whole elements. Raises ``ConnectionError`` if the stream is not open."""
        self._require_connection()
        self._transport.write(data)

    # --- reading ------------------------------------------------------------------------------------------------

    def _reset_state(self) -> None:
        super()._reset_state()
        self._processor.startDocument()
        self._elements = StreamParser(self._limits)
        self._at_barrier = False

    def _kill_state(self) -> None:
        super()._kill_state()
        self._elements = None

    def _rx_feed(self, blob: bytes) -> None:
        parser = self._elements
        if parser is None:
            return
        self._receiver.traffic.bytes_received += len(blob)
        try:
            for items in parser.read(blob):
                for item in items:
                    self._take(item)
            if parser.unfinished == _STREAM_HEADER:
                # Not once it ends: all stanzas would be children of it until then.
                raise StreamViolation("unsupported-stanza-type", "a second stream header")
        except StreamViolation as violation:
            self.violation = violation
            if parser.unfinished in (MESSAGE, PRESENCE, IQ) and self.trusted and self.is_open:
                self._disown()
            raise _stream_error(violation) from None

    def _disown(self) -> None:
        """Acknowledge the stanza that we end the stream for; else the server sends it to each new session."""
        self._receiver.counted()
        self.acknowledge()

    def acknowledge(self) -> None:
        """Say how many stanzas were handled (XEP-0198 §4); nothing where that is not in use, or the stream ended."""
        if self._answer_later is not None:
            self._answer_later.cancel()
            self._answer_later = None
        self._acked_at = self._loop.time()
        self._unanswered = 0
        answer = self._receiver.acknowledgement_asked()
        if answer is not None and self.is_open:
            self._transport.write(answer)

    def _acknowledge_soon(self) -> None:
        left = self._acked_at + _ACK_PAUSE - self._loop.time()
        if left <= 0 or self._unanswered >= _ACK_STANZAS:
            self.acknowledge()
        elif self._answer_later is None:
            self._answer_later = self._loop.call_later(left, self.acknowledge)

    def _take(self, item: StreamItem) -> None:
        if self._at_barrier:
            # CVE-2011-0411 and kin: nothing said before TLS or SASL is in force may count as said after.
            raise StreamViolation("policy-violation", "the peer went on talking where it must wait for us")
        if isinstance(item, Element):
            self._take_element(item)
        elif isinstance(item, StreamHeader):
            attributes = {_split(key): value for key, value in item.attributes.items()}
            try:
                self._processor.startElementNS(_split(item.tag), None, attributes)
            except ValueError as problem:
                raise StreamViolation("invalid-xml", f"the stream header: {problem}") from None
        elif isinstance(item, StreamFooter):
            self._processor.endElementNS((None, "stream"), None)

    def _take_element(self, element: Element) -> None:
        tag = element.tag
        if tag in (MESSAGE, PRESENCE, IQ):
            if not self.trusted:
                raise StreamViolation("not-authorized", "a stanza before login")
            receiver = self._receiver
            receiver.counted()
            self._unanswered += 1
            if tag != IQ:
                receiver.stanza(element)
                if tag != MESSAGE:
                    receiver.traffic.received_presences += 1
                elif element.get("type") != "groupchat" and element.find(_PUBSUB_EVENT) is not None:
                    self._replay_stanza(element)
            else:
                receiver.traffic.received_iqs += 1
                if not receiver.iq(element):
                    self._replay_stanza(element)
        elif tag == _SM_REQUEST and self.trusted:
            self._acknowledge_soon()
        elif tag == _SM_ACK and self.trusted:
            with _as_violation():
                self._receiver.acknowledged(element.get("h"))
        elif tag == _STREAM_ERROR:
            self.other_host = element.findtext(_SEE_OTHER_HOST)
            self._replay(element)
        else:
            self._at_barrier = tag in _ENDS_THIS_LAYER
            with _as_violation():
                self._replay(element)

    # --- replaying into aioxmpp -------------------------------------------------------------------------------

    def _replay(self, element: Element) -> None:
        driver = xso.SAXDriver(self.stanza_parser)
        try:
            _walk(driver, element)
        except Exception as problem:
            driver.close()
            self._rx_exception(problem)

    def _replay_stanza(self, element: Element) -> None:
        # A stanza comes from anybody, so no fault in it may end the stream.
        try:
            self._replay(element)
        except Exception:
            _log.info("aioxmpp could not read a stanza from %r", element.get("from"), exc_info=True)
            if element.tag == IQ:
                self._receiver.unreadable_iq(element)


class _LazyMonitor(utils.AlivenessMonitor):  # type: ignore[misc]
    """aioxmpp's watch over silence, without setting two timers anew for each packet."""

    def notify_received(self) -> None:
        self._last_rx = time.monotonic()
        self._soft_limit_tripped = self._hard_limit_tripped = False

    def _trip_soft_limit(self) -> None:
        silence = time.monotonic() - self._last_rx
        limit = self._soft_limit.total_seconds()
        if silence >= limit:
            super()._trip_soft_limit()
        if self._soft_limit is not None:
            again = limit - silence if silence < limit else limit
            self._soft_limit_timer = self._loop.call_later(again, self._trip_soft_limit)

    def _trip_hard_limit(self) -> None:
        left = self._hard_limit.total_seconds() - (time.monotonic() - self._last_rx)
        if left <= 0:
            super()._trip_hard_limit()
        else:
            self._hard_limit_timer = self._loop.call_later(left, self._trip_hard_limit)


def _split(clark: str) -> tuple[str | None, str]:
    if clark[:1] == "{":
        space, _, name = clark[1:].partition("}")
        return space, name
    return None, clark


def _walk(driver: Any, element: Element) -> None:
    name = _split(element.tag)
    driver.startElementNS(name, None, {_split(key): value for key, value in element.attrib.items()})
    if element.text:
        driver.characters(element.text)
    for child in element:
        _walk(driver, child)
        if child.tail:
            driver.characters(child.tail)
    driver.endElementNS(name, None)


@contextlib.contextmanager
def _as_violation() -> Iterator[None]:
    """A stream error that aioxmpp raises is one of the server's, so the session is not resumed into it."""
    try:
        yield
    except xmpp_errors.StreamError as problem:
        raise StreamViolation(problem.condition.value[1], problem.text or "what came has no meaning here") from None


def _stream_error(violation: StreamViolation) -> Exception:
    namespace = "urn:ietf:params:xml:ns:xmpp-streams"
    condition = xmpp_errors.StreamErrorCondition((namespace, violation.condition))
    error: Exception = xmpp_errors.StreamError(condition, violation.text)
    return error
