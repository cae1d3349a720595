"""Other people in the rooms: clients on slixmpp, so that what they send and see does not depend on our own stack."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import ssl
from collections.abc import Callable, Mapping
from typing import Protocol, Self
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape, quoteattr

from slixmpp import ClientXMPP
from slixmpp.stanza import Iq
from slixmpp.util.sasl.mechanisms import SCRAM
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from tests.server.wire import (
    CLIENT,
    MUC_USER,
    CommandResult,
    StanzaFailed,
    command_result,
    form_values,
    is_message,
    is_presence,
    stanza_id,
    status_codes,
    submit_form,
    type_of_value,
)

_PATIENCE = 10.0
_INFO = "{http://jabber.org/protocol/disco#info}"
_ITEMS = "{http://jabber.org/protocol/disco#items}"
_MAM = "{urn:xmpp:mam:2}"
_RSM = "{http://jabber.org/protocol/rsm}"
_OWNER = "{http://jabber.org/protocol/muc#owner}"


def _salted(mechanism: SCRAM, text: bytes, salt: bytes, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac(mechanism.hash().name, bytes(text), bytes(salt), iterations)


SCRAM.Hi = _salted  # the same as slixmpp's own, in C: 1 ms where that takes 70


class Server(Protocol):
    """What a client needs to know of a server."""

    @property
    def host(self) -> str: ...
    @property
    def domain(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def tls_port(self) -> int: ...
    @property
    def ca_file(self) -> object: ...


class Client:
    """One connected person.

    ``received`` holds each stanza as an element, in order of arrival. Every waiting method raises ``TimeoutError``
    after ten seconds, and ``StanzaFailed`` where the answer is an error.
    """

    def __init__(self, stream: ClientXMPP) -> None:
        self._stream = stream
        self._ids = itertools.count(1)
        self._wakers: set[asyncio.Event] = set()
        self.received: list[Element] = []
        self.nicks: dict[str, str] = {}
        stream.add_filter("in", self._record)

    @classmethod
    async def connect(
        cls,
        server: Server,
        name: str,
        resource: str = "client",
        *,
        password: str = "secret",
        direct_tls: bool = False,
        available: bool = True,
    ) -> Self:
        """Log in as ``name`` over verified TLS; sends presence unless ``available`` is false."""
        context = ssl.create_default_context(cafile=str(server.ca_file))
        stream = ClientXMPP(f"{name}@{server.domain}/{resource}", password, ssl_context=context)
        stream.enable_direct_tls, stream.enable_starttls = direct_tls, not direct_tls
        client = cls(stream)
        outcome: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def settle(problem: str) -> Callable[[object], None]:
            return lambda data: None if outcome.done() else outcome.set_result(problem and f"{problem}: {data}")

        stream.add_event_handler("session_start", settle(""))
        for event in ("failed_all_auth", "connection_failed", "ssl_invalid_chain", "disconnected"):
            stream.add_event_handler(event, settle(event))
        stream.connect(server.host, server.tls_port if direct_tls else server.port)
        try:
            problem = await asyncio.wait_for(outcome, _PATIENCE)
            if problem:
                raise ConnectionError(problem)
        except BaseException:
            await client.close()
            raise
        if available:
            stream.send_raw("<presence/>")
        return client

    @property
    def jid(self) -> str:
        """The full JID."""
        return str(self._stream.boundjid.full)

    @property
    def bare(self) -> str:
        """The bare JID."""
        return str(self._stream.boundjid.bare)

    @property
    def socket_object(self) -> ssl.SSLObject:
        """The TLS connection, for tests that look at it."""
        found: ssl.SSLObject = self._stream.transport.get_extra_info("ssl_object")
        return found

    async def close(self) -> None:
        """Close the stream; a second call does nothing."""
        stream = self._stream
        stream.cancel_connection_attempt()
        if stream.transport is not None:
            await stream.disconnect(wait=2.0)
        if stream._run_out_filters is not None:
            stream._run_out_filters.cancel()

    async def ended(self) -> None:
        """Until the stream has ended from the other side."""
        await asyncio.wait_for(asyncio.shield(self._stream.disconnected), _PATIENCE)

    def drop(self) -> None:
        """Cut the connection without a word, as a lost network does."""
        self._stream.abort()

    def offer_time(self, offset: str) -> None:
        """Answer questions for our time (XEP-0202) by a clock at ``offset`` (``-05:00``) from UTC.

        slixmpp 1.17's own plugin cannot: it fails to parse the time that it has just written.
        """

        def answer(iq: Iq) -> None:
            to, number = quoteattr(str(iq["from"])), quoteattr(iq["id"])
            told = f"<tzo>{offset}</tzo><utc>2026-01-01T00:00:00Z</utc>"
            self.send_xml(f"<iq type='result' to={to} id={number}><time xmlns='urn:xmpp:time'>{told}</time></iq>")

        self._stream.register_handler(Callback("time", MatchXPath(f"{CLIENT}iq/{{urn:xmpp:time}}time"), answer))

    # Sending and waiting

    def send_xml(self, text: str) -> None:
        """Send ``text`` on the stream as it is."""
        self._stream.send_raw(text)

    def next_id(self) -> str:
        """A stanza id not used before by this client."""
        return f"{self._stream.boundjid.resource}-{next(self._ids)}"

    def mark(self) -> int:
        """The place in ``received`` of the next stanza; give it to ``wait_for`` to leave out what came before."""
        return len(self.received)

    async def wait_for(
        self, predicate: Callable[[Element], object], timeout: float = _PATIENCE, *, since: int = 0
    ) -> Element:
        """The first stanza from ``received[since]`` on for which ``predicate`` holds, come or still to come."""
        place = since
        arrived = asyncio.Event()
        self._wakers.add(arrived)
        try:
            async with asyncio.timeout(timeout):
                while True:
                    arrived.clear()
                    while place < len(self.received):
                        if predicate(self.received[place]):
                            return self.received[place]
                        place += 1
                    await arrived.wait()
        except TimeoutError:
            last = [ElementTree.tostring(element, encoding="unicode") for element in self.received[since:]][-5:]
            raise TimeoutError(f"{self.bare} waited {timeout:g} s in vain; last received: {last}") from None
        finally:
            self._wakers.discard(arrived)

    async def iq(self, kind: str, to: str, payload: str, timeout: float = _PATIENCE) -> Element:
        """Send a request with ``payload`` (XML) and return the whole result stanza."""
        number, since = self.next_id(), self.mark()
        self.send_xml(f"<iq type={quoteattr(kind)} to={quoteattr(to)} id={quoteattr(number)}>{payload}</iq>")

        def answers(element: Element) -> bool:
            return element.tag == f"{CLIENT}iq" and element.get("id") == number and element.get("from") == to

        return _unless_error(await self.wait_for(answers, timeout, since=since))

    # Rooms

    async def join(self, room: str, nick: str | None = None, *, history: int = 0, password: str = "") -> Element:
        """Join and wait for the subject, with which joining ends (XEP-0045 §7.2.15); returns the self-presence."""
        nick = nick or self.bare.partition("@")[0]
        secret = f"<password>{escape(password)}</password>" if password else ""
        number, since = self.next_id(), self.mark()
        self.send_xml(
            f"<presence to={quoteattr(f'{room}/{nick}')} id={quoteattr(number)}>"
            f"<x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='{history}'/>{secret}</x></presence>"
        )

        def settled(element: Element) -> bool:
            refused = element.get("type") == "error" and element.get("from", "").partition("/")[0] == room
            return is_presence(element) and (refused or self._is_own(element, room))

        presence = _unless_error(await self.wait_for(settled, since=since))
        self.nicks[room] = presence.get("from", "").partition("/")[2]
        await self.wait_for(
            lambda element: (
                is_message(element)
                and element.get("from", "").partition("/")[0] == room
                and element.find(f"{CLIENT}subject") is not None
            ),
            since=since,
        )
        return presence

    async def leave(self, room: str) -> None:
        """Leave and wait until the room says so."""
        since = self.mark()
        self.send_xml(f"<presence type='unavailable' to={quoteattr(f'{room}/{self.nicks.pop(room)}')}/>")
        await self.wait_for(
            lambda element: element.get("type") == "unavailable" and self._is_own(element, room), since=since
        )

    async def say(self, room: str, text: str, extras: str = "", *, number: str | None = None) -> Element:
        """Say ``text`` and return the message as the room reflects it, with its stanza id. ``extras`` is XML."""
        number, since = number or self.next_id(), self.mark()
        content = f"<body>{escape(text)}</body>{extras}"
        self.send_xml(f"<message type='groupchat' to={quoteattr(room)} id={quoteattr(number)}>{content}</message>")

        def reflected(element: Element) -> bool:
            return is_message(element) and element.get("id") == number and element.get("from", "").startswith(room)

        return _unless_error(await self.wait_for(reflected, since=since))

    def tell(self, to: str, text: str, extras: str = "") -> str:
        """Send a message of type chat (to a person, or to an occupant in private); returns its id."""
        number = self.next_id()
        content = f"<body>{escape(text)}</body>{extras}"
        self.send_xml(f"<message type='chat' to={quoteattr(to)} id={quoteattr(number)}>{content}</message>")
        return number

    async def create_room(
        self,
        room: str,
        nick: str | None = None,
        *,
        config: Mapping[str, type_of_value] | None = None,
        affiliations: Mapping[str, str] | None = None,
    ) -> str:
        """Create the room, configure it (which unlocks it) and set affiliations (bare JID to affiliation).

        ``config`` names fields of the form with or without ``muc#roomconfig_``, such as ``membersonly`` (bool),
        ``moderatedroom``, ``persistentroom``, ``whois`` (``"anyone"``). Returns the room.
        """
        presence = await self.join_new(room, nick)
        if "201" not in status_codes(presence):
            raise AssertionError(f"{room} was there before")
        await self.configure(room, config or {})
        for jid, affiliation in (affiliations or {}).items():
            await self.set_affiliation(room, jid, affiliation)
        return room

    async def join_new(self, room: str, nick: str | None = None) -> Element:
        """Enter a room that is not there yet, without configuring it: it is locked (XEP-0045 §10.1.1)."""
        nick = nick or self.bare.partition("@")[0]
        since = self.mark()
        self.send_xml(
            f"<presence to={quoteattr(f'{room}/{nick}')}><x xmlns='http://jabber.org/protocol/muc'/></presence>"
        )

        def settled(element: Element) -> bool:
            return is_presence(element, f"{room}/{nick}") and (
                element.get("type") == "error" or self._is_own(element, room)
            )

        presence = _unless_error(await self.wait_for(settled, since=since))
        self.nicks[room] = nick
        return presence

    async def configure(self, room: str, config: Mapping[str, type_of_value]) -> None:
        """Change the room's configuration; fields not named keep their values."""
        answer = await self.iq("get", room, "<query xmlns='http://jabber.org/protocol/muc#owner'/>")
        values: dict[str, type_of_value] = dict(form_values(answer.find(f"{_OWNER}query/{{jabber:x:data}}x")))
        for name, value in config.items():
            full = name if name in values else f"muc#roomconfig_{name}"
            if full not in values:
                raise KeyError(f"{room} has no option {name}; it has {sorted(values)}")
            values[full] = value
        form = submit_form(values)
        await self.iq("set", room, f"<query xmlns='http://jabber.org/protocol/muc#owner'>{form}</query>")

    async def set_affiliation(self, room: str, jid: str, affiliation: str, reason: str = "") -> None:
        """Give the bare JID an affiliation (XEP-0045 §9)."""
        await self._administer(room, f"jid={quoteattr(jid)} affiliation={quoteattr(affiliation)}", reason)

    async def set_role(self, room: str, nick: str, role: str, reason: str = "") -> None:
        """Give the occupant a role; ``none`` kicks (XEP-0045 §8)."""
        await self._administer(room, f"nick={quoteattr(nick)} role={quoteattr(role)}", reason)

    async def destroy(self, room: str) -> None:
        """Destroy the room (XEP-0045 §10.9)."""
        await self.iq("set", room, "<query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query>")
        self.nicks.pop(room, None)

    async def moderate(self, room: str, message: Element | str, reason: str = "", *, version: int = 0) -> None:
        """Retract another's message (XEP-0425, ``urn:xmpp:message-moderate:0`` or ``:1``), given it or its id."""
        number = message if isinstance(message, str) else stanza_id(message, room)
        why = f"<reason>{escape(reason)}</reason>" if reason else ""
        if version == 0:
            payload = (
                f"<apply-to xmlns='urn:xmpp:fasten:0' id={quoteattr(number)}>"
                f"<moderate xmlns='urn:xmpp:message-moderate:0'><retract xmlns='urn:xmpp:message-retract:0'/>{why}"
                "</moderate></apply-to>"
            )
        else:
            payload = (
                f"<moderate xmlns='urn:xmpp:message-moderate:1' id={quoteattr(number)}>"
                f"<retract xmlns='urn:xmpp:message-retract:1'/>{why}</moderate>"
            )
        await self.iq("set", room, payload)

    # Asking

    async def features(self, jid: str, node: str | None = None) -> set[str]:
        """The features that ``jid`` names (XEP-0030)."""
        asked = f" node={quoteattr(node)}" if node else ""
        answer = await self.iq("get", jid, f"<query xmlns='http://jabber.org/protocol/disco#info'{asked}/>")
        return {feature.get("var", "") for feature in answer.iterfind(f"{_INFO}query/{_INFO}feature")}

    async def items(self, jid: str, node: str | None = None) -> list[dict[str, str]]:
        """The items that ``jid`` names, as attributes (``jid``, ``node``, ``name``)."""
        asked = f" node={quoteattr(node)}" if node else ""
        answer = await self.iq("get", jid, f"<query xmlns='http://jabber.org/protocol/disco#items'{asked}/>")
        return [dict(item.attrib) for item in answer.iterfind(f"{_ITEMS}query/{_ITEMS}item")]

    async def run_command(self, jid: str, node: str, *steps: Mapping[str, type_of_value]) -> CommandResult:
        """Execute a command (XEP-0050) and submit each of ``steps`` in turn as its form; returns the last answer."""
        namespace = "xmlns='http://jabber.org/protocol/commands'"
        start = f"<command {namespace} node={quoteattr(node)} action='execute'/>"
        result = command_result(await self.iq("set", jid, start))
        for number, values in enumerate(steps, start=1):
            # XEP-0050 §3.4: without <actions/> the command has one stage, which "complete" ends.
            completes = number == len(steps) and (not result.actions or "complete" in result.actions)
            action = "complete" if completes else "next"
            session = quoteattr(result.session or "")
            payload = (
                f"<command {namespace} node={quoteattr(node)} sessionid={session} action='{action}'>"
                f"{submit_form(values)}</command>"
            )
            result = command_result(await self.iq("set", jid, payload))
        return result

    async def archive(self, jid: str, *, after: str = "", limit: int = 50) -> list[Element]:
        """One page of an archive (XEP-0313), as its ``<result/>`` elements."""
        number, since = self.next_id(), self.mark()
        page = f"<set xmlns='http://jabber.org/protocol/rsm'><max>{limit}</max>" + (
            f"<after>{escape(after)}</after></set>" if after else "</set>"
        )
        await self.iq("set", jid, f"<query xmlns='urn:xmpp:mam:2' queryid={quoteattr(number)}>{page}</query>")
        found = (element.find(f"{_MAM}result") for element in self.received[since:] if element.get("from") == jid)
        return [result for result in found if result is not None and result.get("queryid") == number]

    async def _administer(self, room: str, attributes: str, reason: str) -> None:
        why = f"<reason>{escape(reason)}</reason>" if reason else ""
        payload = f"<query xmlns='http://jabber.org/protocol/muc#admin'><item {attributes}>{why}</item></query>"
        await self.iq("set", room, payload)

    def _is_own(self, presence: Element, room: str) -> bool:
        inside = presence.get("from", "").partition("/")[0] == room and presence.find(f"{MUC_USER}x") is not None
        return inside and "110" in status_codes(presence)

    def _record(self, stanza: object) -> object:
        element: Element = stanza.xml  # type: ignore[attr-defined]
        self.received.append(element)
        for waker in self._wakers:
            waker.set()
        return stanza


def _unless_error(element: Element) -> Element:
    if element.get("type") == "error":
        raise StanzaFailed(element)
    return element
