"""A stand-in for a server that replays prepared bytes, for where a real one is slower than those who listen to it.

It does what a client needs to get into a room: TLS, SASL (SCRAM-SHA-256), binding, stream management (it counts and
asks as Prosody does), service discovery, entering rooms, an empty archive. Beyond that it says what it is told to, as
fast as the listener's socket takes it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import ssl
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast
from xml.etree.ElementTree import Element, XMLPullParser
from xml.sax.saxutils import quoteattr

from botkit.testing.certificates import Authority

HOST = "127.0.0.1"
DOMAIN = "localhost"
MUC = "rooms.localhost"
_ITERATIONS = 4096
_HEADER = (
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
    f" id='stand-in' from='{DOMAIN}' version='1.0' xml:lang='en'><stream:features>{{}}</stream:features>"
)
_MECHANISMS = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-256</mechanism></mechanisms>"
_BIND = (
    "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><required/></bind>"
    "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session><sm xmlns='urn:xmpp:sm:3'/>"
)
_SASL = "{urn:ietf:params:xml:ns:xmpp-sasl}"
_SM = "{urn:xmpp:sm:3}"
_MUC_JOIN = "{http://jabber.org/protocol/muc}x"
_ROOM_FEATURES: tuple[str, ...] = (
    "http://jabber.org/protocol/muc", "muc_open", "muc_persistent", "muc_public", "muc_semianonymous",
    "urn:xmpp:mam:2", "urn:xmpp:mam:2#extended", "urn:xmpp:occupant-id:0", "urn:xmpp:sid:0",
    "urn:xmpp:message-moderate:0", "urn:xmpp:message-moderate:1", "jabber:iq:register", "vcard-temp",
)  # fmt: skip
_SERVER_FEATURES: tuple[str, ...] = ("http://jabber.org/protocol/disco#info",)
_MODERATION = {"{urn:xmpp:message-moderate:1}moderate", "{urn:xmpp:message-moderate:0}moderate"}
_PRESENCE = (
    "<presence from={} to={}>{}<occupant-id xmlns='urn:xmpp:occupant-id:0' id={}/>"
    "<x xmlns='http://jabber.org/protocol/muc#user'><item {}/>{}</x></presence>"
)
_USUAL = (
    "<show>away</show><priority>0</priority><c xmlns='http://jabber.org/protocol/caps' hash='sha-1'"
    " node='https://gajim.org' ver='iAOzqbDAvz2lVOK3p3vUPJTNFPw='/><x xmlns='vcard-temp:x:update'/>"
)
_VISITOR, _ADMIN = "affiliation='none' role='participant'", "affiliation='admin' role='moderator'"


class StandIn:
    """The server; a context manager. ``password`` lets any account in.

    ``people``, nick to occupant-id, are in each room. ``sessions`` by the local part of the account, once it has bound
    its resource. ``on_moderation`` is told the archive id of each message that somebody wants taken away.
    """

    def __init__(self, folder: Path, *, password: str, people: dict[str, str]) -> None:
        self.ca_file = folder / "stand-in-ca.crt"
        self.port = 0
        self.password = password
        self.people = people
        self.sessions: dict[str, Session] = {}
        self.on_moderation: Callable[[str], None] = lambda archive_id: None
        self._folder = folder
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        authority = Authority.create()
        authority.write(self.ca_file)
        certificate, key = self._folder / "stand-in.crt", self._folder / "stand-in.key"
        authority.issue([DOMAIN, HOST], certificate, key)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        self._server = await asyncio.start_server(self._serve, HOST, 0, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        session = Session(self, writer)
        try:
            while data := await reader.read(65536):
                session.feed(data)
        except (OSError, asyncio.CancelledError):
            pass  # the listener went, or the block ended
        finally:
            session.gone()


class Session:
    """One client's stream. ``sent``: how many stanzas it was sent; ``acked``: how many it acknowledged (XEP-0198)."""

    def __init__(self, server: StandIn, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._writer = writer
        self._parser = _new_parser()
        self._depth = 0
        self._root: Element | None = None
        self._authenticated = False
        self._scram = b""
        self._managed = False
        self._asked = False
        self.jid = ""
        self.sent = self.acked = self.heard = 0
        self.pinged = asyncio.Event()

    def feed(self, data: bytes) -> None:
        """What the client wrote."""
        parser = self._parser
        parser.feed(data)
        if hasattr(parser, "flush"):
            parser.flush()  # expat >= 2.6 holds back what came in two pieces
        for kind, element in cast("Iterator[tuple[str, Element]]", parser.read_events()):
            if kind == "start":
                self._depth += 1
                if self._depth == 1:
                    self._root = element
                    self._write(_HEADER.format(_BIND if self._authenticated else _MECHANISMS))
                continue
            self._depth -= 1
            if self._depth == 1:
                self._take(element)
                if parser is not self._parser:
                    return  # after SASL a stream begins anew
                if self._root is not None:
                    self._root.clear()
            elif self._depth == 0:
                self._write("</stream:stream>")
                self._writer.close()

    async def say(self, said: Iterable[bytes], burst: int) -> None:
        """Write stanzas in bursts, the next as the socket has taken the one before. Raises ``ConnectionError``."""
        waiting: list[bytes] = []
        for stanza in said:
            waiting.append(stanza)
            if len(waiting) == burst:
                await self._burst(waiting)
                waiting.clear()
        if waiting:
            await self._burst(waiting)

    async def _burst(self, stanzas: list[bytes]) -> None:
        self.sent += len(stanzas)
        if self._managed and not self._asked:
            # As Prosody does: one request at a time, the next when that is answered.
            self._asked = True
            stanzas = [*stanzas, b"<r xmlns='urn:xmpp:sm:3'/>"]
        self._writer.write(b"".join(stanzas))
        await self._writer.drain()

    def gone(self) -> None:
        """The connection ended."""
        self._writer.close()

    def _write(self, text: str, *, stanzas: int = 0) -> None:
        self.sent += stanzas
        self._writer.write(text.encode())

    def _take(self, element: Element) -> None:
        tag = element.tag
        if tag == f"{_SASL}auth":
            self._write(self._challenge(element.text or ""))
        elif tag == f"{_SASL}response":
            self._write(self._success(element.text or ""))
        elif tag == f"{_SM}enable":
            self._managed, self.sent = True, 0
            self._write("<enabled xmlns='urn:xmpp:sm:3'/>")
        elif tag == f"{_SM}r":
            self._write(f"<a xmlns='urn:xmpp:sm:3' h='{self.heard}'/>")
        elif tag == f"{_SM}a":
            self.acked, self._asked = int(element.get("h") or 0), False
        elif tag in ("{jabber:client}iq", "{jabber:client}presence", "{jabber:client}message"):
            self.heard += self._managed
            if tag.endswith("iq"):
                self._iq(element)
            elif tag.endswith("presence"):
                self._presence(element)

    # --- SCRAM-SHA-256 (RFC 5802 §3) ----------------------------------------------------------------------------

    def _challenge(self, said: str) -> str:
        bare = base64.b64decode(said).split(b",", 2)[2]
        nonce = bare.split(b",r=", 1)[1] + secrets.token_hex(8).encode()
        first = b"r=" + nonce + b",s=" + base64.b64encode(b"salt") + b",i=%d" % _ITERATIONS
        self._scram = bare + b"," + first
        self.jid = bare.split(b",", 1)[0][2:].decode()
        return _sasl("challenge", first)

    def _success(self, said: str) -> str:
        final = base64.b64decode(said)
        bare, _, proof = final.rpartition(b",p=")
        salted = hashlib.pbkdf2_hmac("sha256", self._server.password.encode(), b"salt", _ITERATIONS)
        client = hmac.digest(salted, b"Client Key", "sha256")
        message = self._scram + b"," + bare
        signature = hmac.digest(hashlib.sha256(client).digest(), message, "sha256")
        if bytes(a ^ b for a, b in zip(client, signature, strict=True)) != base64.b64decode(proof):
            return "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>"
        self._authenticated = True
        self._parser, self._depth = _new_parser(), 0
        server = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message, "sha256")
        return _sasl("success", b"v=" + base64.b64encode(server))

    # --- stanzas --------------------------------------------------------------------------------------------------

    def _iq(self, element: Element) -> None:
        if element.get("type") in ("result", "error"):
            self.pinged.set()
            return
        payload = element[0] if len(element) else None
        name = "" if payload is None else str(payload.tag)
        to = element.get("to")
        sender = f" from={quoteattr(to)}" if to else ""
        attributes = f"id={quoteattr(element.get('id') or '')}{sender}"
        content = self._answer(name, to, payload)
        if content is None:
            error = "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
            self._write(f"<iq type='error' {attributes}>{error}</iq>", stanzas=1)
        else:
            self._write(f"<iq type='result' {attributes}>{content}</iq>", stanzas=1)

    def _answer(self, name: str, to: str | None, payload: Element | None) -> str | None:
        if name == "{urn:ietf:params:xml:ns:xmpp-bind}bind":
            resource = payload.findtext("{urn:ietf:params:xml:ns:xmpp-bind}resource") if payload is not None else None
            local = self.jid
            self.jid = f"{local}@{DOMAIN}/{resource or 'bench'}"
            self._server.sessions[local] = self
            return f"<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>{self.jid}</jid></bind>"
        if name == "{http://jabber.org/protocol/disco#info}query":
            return _disco(to)
        if name == "{urn:xmpp:mam:2}query":
            return "<fin xmlns='urn:xmpp:mam:2' complete='true'><set xmlns='http://jabber.org/protocol/rsm'/></fin>"
        if name in _MODERATION and payload is not None:
            self._server.on_moderation(payload.get("id") or "")
            return ""
        if name in ("{jabber:iq:roster}query", "{http://jabber.org/protocol/disco#items}query"):
            return f"<query xmlns='{name[1:].partition('}')[0]}'/>"
        if name in ("{urn:xmpp:ping}ping", "{urn:ietf:params:xml:ns:xmpp-session}session"):
            return ""
        return None

    def _presence(self, element: Element) -> None:
        to = element.get("to")
        if to is None:
            self._write(f"<presence from='{self.jid}' to='{self.jid}'/>", stanzas=1)
        elif element.get("type") == "unavailable":
            self._write(
                f"<presence type='unavailable' from={quoteattr(to)} to='{self.jid}'>{_SELF}</presence>", stanzas=1
            )
        elif element.find(_MUC_JOIN) is not None:
            self._write("".join(self._entered(to)), stanzas=len(self._server.people) + 2)

    def _entered(self, to: str) -> Iterator[str]:
        room = to.partition("/")[0]
        me = quoteattr(self.jid)
        for nick, occupant_id in self._server.people.items():
            yield _PRESENCE.format(quoteattr(f"{room}/{nick}"), me, _USUAL, quoteattr(occupant_id), _VISITOR, "")
        yield _PRESENCE.format(quoteattr(to), me, "", "'our-own'", _ADMIN, "<status code='110'/>")
        yield f"<message type='groupchat' from='{room}' to={me}><subject/></message>"


_SELF = "<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='none'/><status code='110'/></x>"


def _new_parser() -> XMLPullParser[Any]:
    return XMLPullParser(("start", "end"))


def _sasl(name: str, data: bytes) -> str:
    return f"<{name} xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{base64.b64encode(data).decode()}</{name}>"


def _disco(to: str | None) -> str:
    if to is not None and to.endswith(f"@{MUC}"):
        identity = "<identity category='conference' type='text' name='bench'/>"
        features = _ROOM_FEATURES
    else:
        identity, features = "<identity category='server' type='im'/>", _SERVER_FEATURES
    told = "".join(f"<feature var='{each}'/>" for each in features)
    return f"<query xmlns='http://jabber.org/protocol/disco#info'>{identity}{told}</query>"
