"""Where what comes out of a stream goes. Nothing that a stanza holds or a receiver does may end the stream."""

from __future__ import annotations

import logging
from collections.abc import Callable
from xml.etree.ElementTree import Element

from aioxmpp import errors as xmpp_errors

from botkit.errors import StanzaError
from botkit.session.engine import StanzaQueue
from botkit.session.requests import Requests
from botkit.session.settings import StreamCounters, Traffic

_log = logging.getLogger(__name__)


class Inbound:
    """The ``stream.Receiver`` of a connection."""

    def __init__(self, queue: StanzaQueue, requests: Requests, on_stanza: Callable[[Element], None]) -> None:
        self._queue = queue
        self._requests = requests
        self._on_stanza = on_stanza
        self.traffic = Traffic()
        self.counted = queue.counted  # for every stanza: a call less

    def counters(self) -> StreamCounters:
        """What passed, and what is on its way."""
        queue, traffic = self._queue, self.traffic
        return StreamCounters(
            received=queue.received,
            received_presences=traffic.received_presences,
            received_iqs=traffic.received_iqs,
            bytes_received=traffic.bytes_received,
            sent=queue.sent,
            sent_presences=queue.sent_presences,
            sent_iqs=queue.sent_iqs,
            bytes_sent=queue.bytes_sent,
            acked=queue.acked,
            waiting=queue.waiting,
            unacked=queue.unacked,
        )

    def stanza(self, element: Element) -> None:
        """See ``Receiver``."""
        try:
            self._on_stanza(element)
        except Exception:
            _log.exception("the receiver of stanzas raised on %s from %r", element.tag, element.get("from"))

    def iq(self, element: Element) -> bool:
        """See ``Receiver``."""
        try:
            return self._requests.take(element)
        except Exception:
            _log.exception("an IQ from %r could not be handled", element.get("from"))
            return True

    def unreadable_iq(self, element: Element) -> None:
        """See ``Receiver``."""
        self._requests.refuse(element, StanzaError("bad-request", "modify"))

    def acknowledgement_asked(self) -> bytes | None:
        """See ``Receiver``."""
        if not self._queue.sm_enabled:
            return None
        return f"<a xmlns='urn:xmpp:sm:3' h='{self._queue.sm_inbound_ctr}'/>".encode()

    def acknowledged(self, handled: str | None) -> None:
        """See ``Receiver``."""
        if not self._queue.sm_enabled or handled is None or not (handled.isascii() and handled.isdigit()):
            return
        try:
            self._queue.sm_ack(int(handled[:10]))
        except xmpp_errors.StreamNegotiationFailure:
            # XEP-0198 §4: the condition for a count that is too high.
            condition = xmpp_errors.StreamErrorCondition.UNDEFINED_CONDITION
            raise xmpp_errors.StreamError(condition, "handled-count-too-high") from None
