"""What is changed in aioxmpp's client and stanza queue, and why. Nothing is patched but what is written here.

``Engine`` is aioxmpp's ``Client`` driven by our own loop: its discovery, its connectors, its TLS verifier and its
retrying are never entered. ``StanzaQueue`` is its ``StanzaStream`` with exact XEP-0198 counts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

import aioxmpp.structs
from aioxmpp import errors as xmpp_errors
from aioxmpp import node, stanza, stream

from botkit.model.address import Address
from botkit.session.outgoing import IQ, PRESENCE, RawStanza
from botkit.session.parser import StreamViolation
from botkit.session.stream import Stream

_log = logging.getLogger(__name__)
_COUNTER: Final = 0xFFFFFFFF  # XEP-0198 §4: counters wrap at 2^32
_PREPARED: Final = ("nodeprep", "nameprep", "resourceprep")


_LONGEST_KEPT: Final = 256


def cache_stringprep() -> None:
    """Keep results of aioxmpp's stringprep: pure Python, run on every address. Bounded; safe to call again."""
    for name in _PREPARED:
        prepare = getattr(aioxmpp.structs, name)
        if not hasattr(prepare, "kept"):
            setattr(aioxmpp.structs, name, _keeping(prepare))


def _keeping(prepare: Any) -> Any:
    kept = lru_cache(maxsize=32768)(prepare)

    def prepared(text: str, **how: bool) -> Any:
        # Nobody has a longer one but who means harm: those in an IQ's payload may be of any length.
        return kept(text, **how) if len(text) <= _LONGEST_KEPT else prepare(text, **how)

    prepared.kept = kept  # type: ignore[attr-defined]
    return prepared


class StanzaQueue(stream.StanzaStream):  # type: ignore[misc]
    """aioxmpp's queue of outgoing stanzas and dispatcher of the incoming ones that we leave to it."""

    _sm_inbound_ctr: int
    received = 0
    sent = 0
    sent_presences = 0
    sent_iqs = 0
    bytes_sent = 0
    acked = 0

    def counted(self) -> None:
        """Count a stanza that was taken out of the stream; aioxmpp's own counting, later and only of IQs, is off."""
        self.received += 1
        if self._sm_enabled:
            self._sm_inbound_ctr = (self._sm_inbound_ctr + 1) & _COUNTER

    @property
    def waiting(self) -> int:
        """Stanzas that are not yet written."""
        return len(self._active_queue)

    @property
    def unacked(self) -> int:
        """Stanzas that are written and not yet acknowledged; 0 without XEP-0198."""
        return len(self._sm_unacked_list) if self._sm_enabled else 0

    def recv_stanza(self, obj: Any) -> None:
        """Handle what aioxmpp parsed, at once: its queue would be thrown away at a loss, though it was counted."""
        self._dispatch(obj, None)

    def recv_erroneous_stanza(self, partial_obj: Any, exc: Exception) -> None:
        """Answer or report what aioxmpp could not parse."""
        self._dispatch(partial_obj, exc)

    def _dispatch(self, obj: Any, exc: Exception | None) -> None:
        if exc is not None:
            self._process_incoming_erroneous_stanza(obj, exc)
        elif isinstance(obj, stanza.IQ):
            self._process_incoming_iq(obj)
        elif isinstance(obj, stanza.Message):
            self._process_incoming_message(obj)

    def sm_ack(self, remote_ctr: int) -> None:
        """Drop what the server has handled. Raises aioxmpp's ``StreamNegotiationFailure`` for an impossible count."""
        before = self.unacked
        super().sm_ack(remote_ctr)
        self.acked += before - self.unacked

    def _send_stanza(self, xmlstream: Stream, token: Any) -> None:
        if token.state == stream.StanzaState.ABORTED:
            return
        if self._sm_enabled and self._sm_resumable and not xmlstream.is_open:
            # Between the loss and the end of the queue's task aioxmpp would give the stanza up. As an unacknowledged
            # one it is sent after the resumption.
            token._set_state(stream.StanzaState.SENT)
            self._sm_unacked_list.append(token)
            return
        self._count_sent(token.stanza)
        super()._send_stanza(xmlstream, token)

    def _count_sent(self, what: Any) -> None:
        self.sent += 1
        if not isinstance(what, RawStanza):  # one of aioxmpp's own services; they send nothing but IQs
            self.sent_iqs += 1
            return
        self.bytes_sent += len(what.data)
        self.sent_presences += what.tag == PRESENCE
        self.sent_iqs += what.tag == IQ

    def _process_outgoing(self, xmlstream: Stream, token: Any) -> None:
        try:
            super()._process_outgoing(xmlstream, token)
        except ConnectionError as problem:
            # Only the request for an acknowledgement raises this, when the stanzas are taken care of. Let through, it
            # has aioxmpp 0.13.3 put ``token`` into the queue once more, and a resumption would send it twice.
            _log.debug("the stream ended while stanzas were being written: %s", problem)

    def _resume_sm(self, remote_ctr: int) -> None:
        # aioxmpp 0.13.3 puts the unacknowledged stanzas back one by one on the left, which turns their order round.
        self.sm_ack(remote_ctr)
        for token in reversed(self._sm_unacked_list):
            self._active_queue.putleft_nowait(token)
        self._sm_unacked_list.clear()

    def discard(self) -> None:
        """Forget the session: what was queued or not acknowledged is given up. Only while no stream is attached."""
        if self._sm_enabled:
            self.stop_sm()
        self._destroy_stream_state(ConnectionError("the session ended"))


class Engine(node.Client):  # type: ignore[misc]
    """aioxmpp's client on streams that we open. Construct it in a running loop."""

    def __init__(self, address: Address, *, silence: float, patience: float) -> None:
        cache_stringprep()
        jid = aioxmpp.structs.JID(address.local, address.domain, address.resource)
        self._told: object = None  # aioxmpp's JID that ``_address`` is made of
        self._address = address
        super().__init__(jid, None, logger=logging.getLogger(f"{__name__}.aioxmpp"))
        # Client.__init__ makes the queue itself and hangs services on it; the class is the only thing to exchange.
        self.stream.__class__ = StanzaQueue
        self.stream.soft_timeout = timedelta(seconds=silence)
        self.stream.round_trip_time = timedelta(seconds=patience)
        self.stream.on_failure.connect(self._stream_failure)
        self.stream.on_stream_destroyed.connect(self._on_destroyed)
        self.on_session_end: Callable[[], None] = lambda: None
        self.alive = False

    @property
    def queue(self) -> StanzaQueue:
        """The stanza queue."""
        found: StanzaQueue = self.stream
        return found

    @property
    def running(self) -> bool:
        """True while ``Connection.run`` runs; services of aioxmpp ask."""
        return self.alive

    @property
    def address(self) -> Address:
        """Our full JID as bound, or as configured before the first login."""
        jid = self._local_jid
        if jid is not self._told:  # rules ask with every message
            self._told, self._address = jid, Address(jid.localpart, jid.domain, jid.resource)
        return self._address

    def start(self) -> None:
        """Not this way: aioxmpp's own loop would resolve and connect by itself."""
        raise NotImplementedError("Connection.run drives this client")

    def _on_destroyed(self, reason: Exception) -> None:
        self._stream_destroyed(reason)
        self.on_session_end()

    async def negotiate(self, xmlstream: Stream, features: Any) -> bool:
        """Resume the session or bind a new one; True if resumed. Raises aioxmpp's errors and ``ConnectionError``."""
        _, resumed = await self._negotiate_stream(xmlstream, features)
        if self._is_suspended and resumed:
            self.on_stream_resumed()
        self._is_suspended: bool = False
        return bool(resumed)

    async def _try_resume_stream_management(self, xmlstream: Stream, features: Any) -> bool:
        if await super()._try_resume_stream_management(xmlstream, features):
            return True
        if self.stream.sm_enabled:
            # Resumed, yet with an impossible count: the two sides do not agree on what was sent, and never will again.
            xmlstream.violation = StreamViolation(
                "undefined-condition", "stanzas were acknowledged that were never sent"
            )
            raise ConnectionError("the session cannot be resumed")
        return False

    def enqueue_raw(self, raw: RawStanza) -> Any:
        """Queue a stanza; the token tells what becomes of it. Raises ``ConnectionError`` if there is no session."""
        return self.enqueue(raw)

    async def detach(self, xmlstream: Stream) -> None:
        """Drop the connection and wait until the queue's task let go of it; a resumable session is kept."""
        xmlstream.drop()
        self.stream.stop()
        task = self.stream._task
        if task is not None and not task.done():
            await asyncio.wait({task}, timeout=5)

    async def close_session(self, timeout: float) -> None:
        """End the stream in order (RFC 6120 §4.4), within ``timeout`` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self.stream.close()
        except (TimeoutError, ConnectionError, xmpp_errors.StreamError) as problem:
            _log.info("the stream did not end in order: %s", problem)
