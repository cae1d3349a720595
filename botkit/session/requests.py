"""IQs of our own: requests that we make and requests that we serve, as elements (RFC 6120 §8.2.3)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, Literal
from xml.etree.ElementTree import Element, SubElement

from botkit.errors import BadAddress, LinkClosed, MisuseError, RequestTimeout, StanzaError
from botkit.model.address import Address
from botkit.session.outgoing import CLIENT, IQ, clean_text, new_id

_log = logging.getLogger(__name__)
_STANZAS: Final = "urn:ietf:params:xml:ns:xmpp-stanzas"
_ERROR: Final = f"{{{CLIENT}}}error"
_SERVED_AT_ONCE: Final = 128
"""Requests that are being served; anybody can send them, so past this the next is told to come back."""

Kind = Literal["get", "set"]


@dataclass(frozen=True, slots=True)
class IqRequest:
    """A request put to us. ``sender`` is None where the stanza had no ``from``: then our own account or server asks."""

    id: str
    sender: Address | None
    kind: Kind
    payload: Element


Handler = Callable[[IqRequest], Awaitable[Element | None]]
Spawn = Callable[[Coroutine[Any, Any, None]], Any]


@dataclass(slots=True)
class _Pending:
    to: Address | None
    answer: asyncio.Future[Element | None]


class Requests:
    """Matches answers with requests, and runs handlers. Owns no task: ``spawn`` does."""

    def __init__(
        self, *, send: Callable[[Element], object], address: Callable[[], Address], serve_timeout: float
    ) -> None:
        self._send = send
        self._address = address
        self._serve_timeout = serve_timeout
        self._pending: dict[str, _Pending] = {}
        self._handlers: dict[str, Handler] = {}
        self._serving = 0
        self.spawn: Spawn | None = None

    # --- ours to others -----------------------------------------------------------------------------------------

    async def ask(self, payload: Element, *, to: Address | None, kind: Kind, timeout: float) -> Element | None:
        """Send a request and return the payload of its result, None if that is empty.

        Raises ``StanzaError`` (its subclass by condition), ``RequestTimeout``, ``LinkClosed``.
        """
        id_ = new_id()
        iq = Element(IQ, {"type": kind, "id": id_})
        if to is not None:
            iq.set("to", str(to))
        iq.append(payload)
        pending = _Pending(to, asyncio.get_running_loop().create_future())
        self._pending[id_] = pending
        try:
            self._send(iq)
            async with asyncio.timeout(timeout):
                return await pending.answer
        except TimeoutError:
            what = payload.tag.rpartition("}")[2]
            raise RequestTimeout(f"{to or 'our server'} did not answer {what!r} within {timeout:g} s") from None
        finally:
            self._pending.pop(id_, None)

    def fail_all(self, reason: str) -> None:
        """The session is gone and with it every answer."""
        pending, self._pending = self._pending, {}
        for each in pending.values():
            if not each.answer.done():
                each.answer.set_exception(LinkClosed(reason))

    def _answered(self, iq: Element) -> bool:
        pending = self._pending.get(iq.get("id", ""))
        if pending is None:
            return False
        if not self._is_from(iq.get("from"), pending.to):
            _log.warning("an answer to a request to %s came from %r; ignored", pending.to, iq.get("from"))
            return True
        del self._pending[iq.attrib["id"]]
        if pending.answer.done():
            return True
        if iq.get("type") == "result":
            pending.answer.set_result(iq[0] if len(iq) else None)
        else:
            pending.answer.set_exception(error_of(iq, str(pending.to or self._address().domain)))
        return True

    def _is_from(self, sender: str | None, to: Address | None) -> bool:
        """True if the answer's ``from`` is whom we asked; servers let nobody else use it (RFC 6120 §8.1.2.1)."""
        own = self._address()
        account = (None, own, own.bare, Address(None, own.domain))
        if sender is None:
            return to in account
        try:
            address = Address.parse(sender)
        except BadAddress:
            return False
        return address == to or (to in (None, own.bare) and address in account)

    # --- others' to us -------------------------------------------------------------------------------------------

    def serve(self, payload_tag: str, handler: Handler) -> Callable[[], None]:
        """Have ``handler`` answer requests whose payload is ``payload_tag``; returns what ends that."""
        if payload_tag in self._handlers:
            raise MisuseError(f"requests with {payload_tag} are served already")
        self._handlers[payload_tag] = handler

        def end() -> None:
            if self._handlers.get(payload_tag) is handler:
                del self._handlers[payload_tag]

        return end

    def take(self, iq: Element) -> bool:
        """Handle ``iq`` if it is ours; False leaves it to aioxmpp. Never raises."""
        kind = iq.get("type")
        if kind in ("result", "error"):
            return self._answered(iq)
        if not iq.get("id"):
            return True  # RFC 6120 §8.1.3: an id is required; there is nothing to answer to
        if kind not in ("get", "set") or len(iq) != 1:
            self.refuse(iq, StanzaError("bad-request", "modify"))  # RFC 6120 §8.2.3, rules 2 and 3
            return True
        handler = self._handlers.get(iq[0].tag)
        if handler is None:
            return False
        try:
            sender = Address.parse(iq.attrib["from"]) if "from" in iq.attrib else None
        except BadAddress:
            return True  # no server relays this, and there is nobody to answer
        if self.spawn is None or self._serving >= _SERVED_AT_ONCE:
            self.refuse(iq, StanzaError("resource-constraint", "wait"))
            return True
        request = IqRequest(iq.attrib["id"], sender, "get" if kind == "get" else "set", iq[0])
        self._serving += 1
        self.spawn(self._serve(iq, request, handler))
        return True

    async def _serve(self, iq: Element, request: IqRequest, handler: Handler) -> None:
        try:
            async with asyncio.timeout(self._serve_timeout):
                payload = await handler(request)
            answer = _reply(iq, "result")
            if payload is not None:
                answer.append(payload)
            self._send(answer)
        except StanzaError as refusal:
            self.refuse(iq, refusal)
        except LinkClosed:
            _log.debug("the stream went away before %s could be answered", request.payload.tag)
        except Exception:
            _log.exception("serving %s for %s failed", request.payload.tag, request.sender)
            self.refuse(iq, StanzaError("internal-server-error", "cancel"))
        finally:
            self._serving -= 1

    def refuse(self, iq: Element, refusal: StanzaError) -> None:
        """Answer ``iq`` with an error. Never raises; an answer is never answered."""
        if iq.get("type") in ("result", "error") or not iq.get("id"):
            return
        answer = _reply(iq, "error")
        error = SubElement(answer, _ERROR, {"type": refusal.kind})
        SubElement(error, f"{{{_STANZAS}}}{refusal.condition}")
        if refusal.text:
            SubElement(error, f"{{{_STANZAS}}}text").text = clean_text(refusal.text)
        if refusal.application:
            SubElement(error, refusal.application)  # RFC 6120 §8.3.4; XEP-0050 §4.4 tells its errors so
        try:
            self._send(answer)
        except (LinkClosed, MisuseError) as problem:
            _log.info("could not refuse a request of %r: %s", iq.get("from"), problem)


def _reply(iq: Element, kind: str) -> Element:
    answer = Element(IQ, {"type": kind, "id": iq.attrib["id"]})
    if iq.get("from"):
        answer.set("to", iq.attrib["from"])
    return answer


def error_of(stanza: Element, who: str | None = None) -> StanzaError:
    """The error that ``stanza`` (type ``error``) carries, however little of it is there (RFC 6120 §8.3)."""
    error = stanza.find(_ERROR)
    if error is None:
        return StanzaError("undefined-condition", "cancel", who=who)
    condition, text = "undefined-condition", None
    for child in error:
        space, _, name = child.tag[1:].partition("}")
        if space != _STANZAS:
            continue
        if name == "text":
            text = child.text
        else:
            condition = name
    return StanzaError.of(condition, error.get("type", "cancel"), text, who=who)
