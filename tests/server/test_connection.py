"""The connection against a real Prosody: logging in, being refused, being cut off, and ending well."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from typing import Any
from xml.etree.ElementTree import Element

import aioxmpp
import pytest

from botkit.errors import (
    BotkitError,
    CertificateWrong,
    ItemNotFound,
    LinkClosed,
    LoginRefused,
    Replaced,
    RequestTimeout,
    StanzaError,
    TlsUnavailable,
)
from botkit.model.address import Address
from botkit.model.events import StreamLost
from botkit.session.connection import ConnectionSettings
from botkit.session.disco import DiscoIdentity, DiscoInfo, DiscoItem
from botkit.session.parser import StreamLimits
from botkit.testing.prosody import Prosody, ProsodyOptions
from tests.server.connected import BODY, Bot, running, settings_for
from tests.server.cutter import Cutter
from tests.server.wire import StanzaFailed, is_message, is_presence

pytestmark = pytest.mark.server


async def refusal(settings: ConnectionSettings, kind: type[BotkitError]) -> str:
    bot = Bot(settings)
    with pytest.raises(kind) as caught:
        await asyncio.wait_for(bot.connection.run(), 20)
    (last,) = bot.events
    assert isinstance(last, StreamLost)
    assert last.retry_in is None
    assert "secret" not in str(caught.value)
    return str(caught.value)


# --- logging in ---------------------------------------------------------------------------------------------------


@pytest.mark.connection
@pytest.mark.parametrize("tls", ["starttls", "direct"])
async def test_connection_is_verified_and_encrypted(server, account, tls):
    name = await account("bot")
    port = server.port if tls == "starttls" else server.tls_port
    async with running(settings_for(server, name, tls=tls, port=port)) as bot:
        tunnel = bot.connection._stream.transport.get_extra_info("ssl_object")
        assert tunnel.version() in ("TLSv1.2", "TLSv1.3")
        assert tunnel.context.check_hostname
        assert bot.established[0].resumed is False
        assert bot.established[0].address.resource.startswith("botkit-")


@pytest.mark.connection
@pytest.mark.parametrize("loop_of", ["asyncio", "uvloop"])
@pytest.mark.parametrize("tls", ["starttls", "direct"])
def test_both_event_loops_serve(install, loop_of, tls):
    async def talk() -> None:
        port = server.port if tls == "starttls" else server.tls_port
        async with running(settings_for(server, "bot", tls=tls, port=port)) as bot:
            await bot.say(bot.jid, "to myself", acked=True)
            await bot.until(lambda: "to myself" in bot.bodies)

    with Prosody(install, accounts={"bot": "secret"}) as server:
        if loop_of == "uvloop":
            import uvloop

            uvloop.run(talk())
        else:
            asyncio.run(talk())


async def test_configured_resource_is_used(server, account):
    name = await account("bot")
    address = Address.parse(f"{name}@localhost/keeper")
    async with running(settings_for(server, name, address=address)) as bot:
        assert bot.connection.address == address


async def test_wrong_password_is_refused_by_name(server, account):
    name = await account("bot")
    text = await refusal(settings_for(server, name, password=lambda: "wrong"), LoginRefused)
    assert f"{name}@localhost" in text
    assert "password" in text


async def test_password_is_asked_for_at_each_login(start_server):
    server = await start_server(accounts={"bot": "secret"})
    asked: list[int] = []

    def password() -> str:
        asked.append(1)
        return "secret"

    async with running(settings_for(server, "bot", password=password)) as bot:
        await server.restart()
        await bot.until(lambda: len(bot.established) == 2, 20)
    assert len(asked) >= 2


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (ProsodyOptions(certificate_trusted=False), "not trusted"),
        (ProsodyOptions(certificate_expired=True), "expired"),
        (ProsodyOptions(certificate_names=("elsewhere.example",)), "another name"),
    ],
)
@pytest.mark.parametrize("tls", ["starttls", "direct"])
async def test_wrong_certificate_is_refused_with_the_reason(start_server, options, text, tls):
    server = await start_server(options=options, accounts={"bot": "secret"})
    port = server.port if tls == "starttls" else server.tls_port
    said = await refusal(settings_for(server, "bot", tls=tls, port=port), CertificateWrong)
    assert text in said
    assert f"127.0.0.1:{port}" in said


async def test_server_without_tls_is_refused(start_server):
    options = ProsodyOptions(offer_tls=False, require_encryption=False)
    server = await start_server(options=options, accounts={"bot": "secret"})
    assert "no TLS" in await refusal(settings_for(server, "bot"), TlsUnavailable)


async def test_plain_is_only_used_where_allowed(start_server):
    server = await start_server(options=ProsodyOptions(plain_only=True), accounts={"bot": "secret"})
    said = await refusal(settings_for(server, "bot"), LoginRefused)
    assert "PLAIN" in said
    assert "allow_plain" in said
    async with running(settings_for(server, "bot", allow_plain=True)) as bot:
        assert bot.established


async def test_unreachable_host_is_retried_and_told(server, unused_tcp_port):
    bot = Bot(settings_for(server, "bot", port=unused_tcp_port))
    task = asyncio.create_task(bot.connection.run())
    await bot.until(lambda: len(bot.lost) >= 3)
    assert f"127.0.0.1:{unused_tcp_port}" in bot.lost[0].reason
    assert bot.lost[0].retry_in is not None
    await bot.connection.close()
    await task


async def test_unknown_host_is_retried_and_told(server):
    bot = Bot(settings_for(server, "bot", host="no-such-host.invalid"))
    task = asyncio.create_task(bot.connection.run())
    await bot.until(lambda: bot.lost)
    assert "no-such-host.invalid does not resolve" in bot.lost[0].reason
    await bot.connection.close()
    await task


async def test_server_that_does_not_know_the_domain_is_named(server):
    address = Address.parse("bot@other.example")
    bot = Bot(settings_for(server, "bot", address=address))
    task = asyncio.create_task(bot.connection.run())
    await bot.until(lambda: bot.lost)
    assert "does not serve other.example" in bot.lost[0].reason
    await bot.connection.close()
    await task


async def test_server_that_comes_later_is_found(start_server):
    server = await start_server(accounts={"bot": "secret"})
    server.kill()
    bot = Bot(settings_for(server, "bot"))
    task = asyncio.create_task(bot.connection.run())
    await bot.until(lambda: bot.lost)
    await server.revive()
    await bot.until(lambda: bot.established)
    await bot.connection.close()
    await task


async def test_login_from_elsewhere_ends_the_connection_for_good(server, account, client_factory):
    name = await account("bot")
    address = Address.parse(f"{name}@localhost/keeper")
    bot = Bot(settings_for(server, name, address=address))
    task = asyncio.create_task(bot.connection.run())
    await bot.until(lambda: bot.established)
    await client_factory(account=name, resource="keeper")
    with pytest.raises(Replaced, match="keeper"):
        await asyncio.wait_for(task, 10)
    assert bot.lost[-1].retry_in is None


# --- being cut off --------------------------------------------------------------------------------------------------


async def test_nothing_is_lost_or_doubled_by_cuts_in_a_burst(server, account, client_factory):
    """Each cut is at another point of the stream; counts that were off by one would lose or repeat a stanza."""
    alice = await client_factory("alice")
    name = await account("bot")
    rng = random.Random(1)
    async with Cutter(server.host, server.port) as cutter, running(settings_for(server, name, port=cutter.port)) as bot:
        count = 0
        for _ in range(25):
            sessions = len(bot.established)
            cutter.cut_after(rng.randint(1, 6000))
            for _ in range(20):
                alice.send_xml(f"<message to='{bot.jid}' type='chat'><body>in {count}</body></message>")
                alice.send_xml(f"<iq to='{bot.jid}' type='get' id='p{count}'><ping xmlns='urn:xmpp:ping'/></iq>")
                await bot.say(alice.jid, f"out {count}")
                count += 1
            await bot.until_new_session_or(sessions, f"in {count - 1}")
            if len(bot.established) == sessions and not bot.lost[sessions - 1 :]:
                cutter.cut()  # the burst did not reach the byte at which to cut
            await bot.until_new_session_or(sessions)
        await bot.until(lambda: len(bot.bodies) >= count)
        await alice.wait_for(lambda element: element.findtext(BODY) == f"out {count - 1}")
        await alice.wait_for(lambda element: element.get("id") == f"p{count - 1}")
        assert len(bot.established) > 25
        assert all(event.resumed for event in bot.established[1:])
        assert bot.bodies == [f"in {number}" for number in range(count)]
        came = [body for element in alice.received if (body := element.findtext(BODY)) and "out" in body]
        assert came == [f"out {number}" for number in range(count)]
        answers = [e.get("id") for e in alice.received if e.tag.endswith("iq") and e.get("from") == bot.jid]
        assert answers == [f"p{number}" for number in range(count)]
        await bot.say(alice.jid, "last", acked=True)
        assert bot.connection.counters.unacked == 0


async def test_requests_survive_a_resumption(server, account):
    name = await account("bot")
    async with Cutter(server.host, server.port) as cutter, running(settings_for(server, name, port=cutter.port)) as bot:
        for _ in range(5):
            sessions = len(bot.established)
            asked = [
                asyncio.create_task(bot.connection.disco_info(Address.parse(place)))
                for place in ("localhost", "rooms.localhost", "upload.localhost")
            ]
            await asyncio.sleep(0)
            cutter.cut()
            for info in await asyncio.gather(*asked):
                assert info.features
            await bot.until_new_session_or(sessions)
        assert all(event.resumed for event in bot.established[1:])


async def test_refused_resumption_begins_a_new_session(start_server):
    server = await start_server(accounts={"bot": "secret", "silent": "secret"})
    async with running(settings_for(server, "silent")) as silent, running(settings_for(server, "bot")) as bot:
        silent.connection.serve("{urn:test}never", lambda request: asyncio.sleep(60))
        question = bot.connection.request(Element("{urn:test}never"), to=silent.connection.address, kind="get")
        asked = asyncio.create_task(question)
        await bot.say(bot.jid, "before", acked=True)
        before = bot.connection.counters.received
        server.kill()  # and with it the sessions that could be resumed
        await server.revive()
        await bot.until(lambda: len(bot.established) == 2, 20)
        assert bot.established[1].resumed is False
        assert bot.established[1].address == bot.established[0].address
        with pytest.raises(LinkClosed):
            await asked
        await bot.say(bot.jid, "after", acked=True)
        await bot.until(lambda: "after" in bot.bodies)
        queue = bot.connection.client.queue
        # The new session counts from zero: our presence, which came back to us, and the message.
        assert queue.sm_inbound_ctr <= bot.connection.counters.received - before
        await bot.connection.disco_info(Address.parse("localhost"))


async def test_silent_server_is_noticed(start_server):
    server = await start_server(accounts={"bot": "secret"})
    async with running(settings_for(server, "bot", keepalive=0.4, keepalive_timeout=0.4)) as bot:
        await asyncio.sleep(1.2)
        assert not bot.lost  # the server answers, so its silence is none
        server.pause()
        began = time.monotonic()
        try:
            await bot.until(lambda: bot.lost, 5)
        finally:
            server.resume()
        assert time.monotonic() - began < 3
        await bot.until(lambda: len(bot.established) == 2)


async def test_server_without_stream_management_serves_too(start_server):
    options = ProsodyOptions(host_config="modules_disabled = { 'smacks' }")
    server = await start_server(options=options, accounts={"bot": "secret"})
    async with Cutter(server.host, server.port) as cutter:
        settings = settings_for(server, "bot", port=cutter.port, keepalive=0.3, keepalive_timeout=0.3)
        async with running(settings) as bot:
            await asyncio.sleep(1)
            assert not bot.lost  # pings are answered
            cutter.cut()
            await bot.until(lambda: bot.lost)
            with contextlib.suppress(LinkClosed):  # at once, or once it is known that the session is gone
                await bot.say(bot.jid, "while away")
            await bot.until(lambda: len(bot.established) == 2)
            assert bot.established[1].resumed is False
            await bot.say(bot.jid, "again", acked=True)
            await bot.until(lambda: "again" in bot.bodies)


async def test_what_is_sent_while_away_arrives_after_the_resumption(server, account, client_factory):
    alice = await client_factory("alice")
    name = await account("bot")
    async with Cutter(server.host, server.port) as cutter:
        settings = settings_for(server, name, port=cutter.port, backoff_first=1.0)
        async with running(settings) as bot:
            cutter.cut()
            await bot.until(lambda: bot.lost)
            for number in range(5):
                await bot.say(alice.jid, f"away {number}")
            await alice.wait_for(lambda element: element.findtext(BODY) == "away 4")
            said = [body for element in alice.received if (body := element.findtext(BODY))]
            assert said == [f"away {number}" for number in range(5)]


async def test_queue_is_bounded_while_away(server, account):
    name = await account("bot")
    async with Cutter(server.host, server.port) as cutter:
        settings = settings_for(server, name, port=cutter.port, backoff_first=5.0, backoff_cap=5.0, most_queued=10)
        async with running(settings) as bot:
            cutter.cut()
            await bot.until(lambda: bot.lost)
            counters = bot.connection.counters
            for _ in range(10 - counters.waiting - counters.unacked):
                await bot.say("localhost", "x")
            with pytest.raises(LinkClosed, match="10 stanzas"):
                await bot.say("localhost", "one too many")


async def test_stanza_past_the_limit_costs_the_session_and_no_more(server, account, client_factory):
    alice = await client_factory("alice")
    name = await account("bot")
    async with running(settings_for(server, name, limits=StreamLimits(stanza_bytes=8000))) as bot:
        alice.send_xml(f"<message to='{bot.jid}' type='chat'><body>{'x' * 9000}</body></message>")
        await bot.until(lambda: len(bot.established) == 2)
        assert "policy-violation" in bot.lost[0].reason
        assert bot.established[1].resumed is False
        alice.send_xml(f"<message to='{name}@localhost' type='chat'><body>small</body></message>")
        await bot.until(lambda: "small" in bot.bodies)


# --- stanzas ----------------------------------------------------------------------------------------------------------


async def test_receiver_that_raises_harms_nothing(server, account, client_factory, caplog):
    alice = await client_factory("alice")
    name = await account("bot")
    async with running(settings_for(server, name)) as bot:
        taken: list[Element] = []

        def take(element: Element) -> None:
            taken.append(element)
            raise RuntimeError("a bug in a bot")

        bot.connection._inbound._on_stanza = take
        for number in range(3):
            alice.send_xml(f"<message to='{bot.jid}' type='chat'><body>{number}</body></message>")
        await bot.until(lambda: len(taken) >= 3)
        await bot.connection.disco_info(Address.parse("localhost"))
        assert not bot.lost
    assert "a bug in a bot" in caplog.text


async def test_request_and_answer_with_another_client(server, account, client_factory):
    alice = await client_factory("alice")
    name = await account("bot")

    async def serve(request):
        assert str(request.sender) == alice.jid
        if request.kind == "set":
            raise ItemNotFound("item-not-found", "cancel", "nothing here")
        answer = Element("{urn:test}pong")
        answer.text = request.payload.text
        return answer

    async with running(settings_for(server, name)) as bot:
        end = bot.connection.serve("{urn:test}ping", serve)
        answer = await alice.iq("get", bot.jid, "<ping xmlns='urn:test'>&lt;é&gt;</ping>")
        assert answer.findtext("{urn:test}pong") == "<é>"
        with pytest.raises(StanzaFailed, match="item-not-found"):
            await alice.iq("set", bot.jid, "<ping xmlns='urn:test'/>")
        end()
        with pytest.raises(StanzaFailed, match="service-unavailable"):
            await alice.iq("get", bot.jid, "<ping xmlns='urn:test'/>")
        with pytest.raises(StanzaError):
            await bot.connection.request(Element("{urn:test}nobody"), to=Address.parse(alice.jid), kind="get")


async def test_request_that_nobody_answers_times_out(server, account):
    name, other = await account("bot"), await account("silent")
    async with running(settings_for(server, name)) as bot, running(settings_for(server, other)) as silent:
        silent.connection.serve("{urn:test}never", lambda request: asyncio.sleep(60))
        question = Element("{urn:test}never")
        with pytest.raises(RequestTimeout, match="never"):
            await bot.connection.request(question, to=silent.connection.address, kind="get", timeout=0.3)


async def test_unreadable_requests_are_refused_and_harm_nothing(server, account, client_factory):
    alice = await client_factory("alice")
    name = await account("bot")
    async with running(settings_for(server, name)) as bot:
        for payload in (
            "<query xmlns='jabber:iq:roster'><item/></query>",
            "<query xmlns='http://jabber.org/protocol/disco#info'>text<unknown/></query>",
            "<vCard xmlns='vcard-temp'><N><X/></N></vCard>",
            "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items/></pubsub>",
            "<query xmlns='jabber:iq:unknown'/>",
        ):
            with contextlib.suppress(StanzaFailed):
                await alice.iq("get", bot.jid, payload)
        assert await alice.iq("get", bot.jid, "<ping xmlns='urn:xmpp:ping'/>") is not None
        assert not bot.lost


async def test_disco_tells_features_and_nodes_by_requester(server, account, people):
    alice, bob = await people("alice", "bob")
    name = await account("bot")
    async with running(settings_for(server, name)) as bot:
        disco, node = bot.connection.disco, "http://jabber.org/protocol/commands"

        async def listed(requester: Address):
            if str(requester) != alice.jid:
                return []
            return [DiscoItem(bot.connection.address, "ban", "Ban somebody")]

        async def told(requester: Address):
            return DiscoInfo(identities=(DiscoIdentity("automation", "command-node", "Ban"),))

        withdraw = disco.register_feature(node)
        disco.register_node(node, items=listed)
        disco.register_node("ban", info=told)
        assert node in await alice.features(bot.jid)
        assert await alice.items(bot.jid, node) == [{"jid": bot.jid, "node": "ban", "name": "Ban somebody"}]
        assert await bob.items(bot.jid, node) == []
        assert (await bot.connection.disco_info(bot.connection.address, "ban")).identities[0].name == "Ban"
        with pytest.raises(StanzaFailed, match="item-not-found"):
            await alice.features(bot.jid, "unknown")
        withdraw()
        assert node not in await alice.features(bot.jid)


async def test_presence_carries_caps_that_disco_explains(server, account, client_factory):
    alice = await client_factory("alice")
    name = await account("bot")
    async with running(settings_for(server, name)) as bot:
        await bot.connection.send(Element("{jabber:client}presence", {"to": alice.jid}))
        presence = await alice.wait_for(lambda element: is_presence(element, bot.jid))
        caps = presence.find("{http://jabber.org/protocol/caps}c")
        assert caps is not None
        node = f"{caps.get('node')}#{caps.get('ver')}"
        assert "http://jabber.org/protocol/caps" in await alice.features(bot.jid, node)


async def test_services_of_the_engine_work_over_our_stream(server, account, client_factory):
    alice = await client_factory("alice")
    name = await account("bot")
    bot = Bot(settings_for(server, name))
    client = bot.connection.client
    blocking = client.summon(aioxmpp.BlockingClient)
    vcard = client.summon(aioxmpp.vcard.VCardService)
    pep = client.summon(aioxmpp.PEPClient)
    disco = client.summon(aioxmpp.DiscoClient)
    roster = client.summon(aioxmpp.RosterClient)
    seen: list[Any] = []
    client.summon(aioxmpp.PubSubClient).on_item_published.connect(lambda *args, **kw: seen.append(args))
    task = asyncio.create_task(bot.connection.run())
    await bot.until(lambda: bot.established)
    try:
        jid = aioxmpp.JID.fromstr(alice.bare)
        await blocking.block_jids([jid])
        assert jid in blocking.blocklist
        await blocking.unblock_all()
        card = await vcard.get_vcard(None)
        await vcard.set_vcard(card)
        info = await disco.query_info(aioxmpp.JID.fromstr("localhost"))
        assert "urn:xmpp:blocking" in info.features
        await roster.set_entry(jid, name="Alice")
        assert roster.items[jid].name == "Alice"
        assert pep is not None
        assert not bot.lost
    finally:
        await bot.connection.close()
        await task


async def test_reading_pauses_and_goes_on(server, account, client_factory):
    alice = await client_factory("alice")
    name = await account("bot")
    async with running(settings_for(server, name, keepalive=0.3, keepalive_timeout=0.3)) as bot:
        bot.connection.pause_reading()
        for number in range(200):
            alice.send_xml(f"<message to='{bot.jid}' type='chat'><body>{number} {'x' * 500}</body></message>")
        await alice.iq("get", "localhost", "<ping xmlns='urn:xmpp:ping'/>")
        await asyncio.sleep(1)
        assert not bot.lost
        assert len(bot.bodies) < 200
        bot.connection.resume_reading()
        await bot.until(lambda: len(bot.bodies) == 200)
        assert not bot.lost


# --- ending -----------------------------------------------------------------------------------------------------------


async def test_close_says_goodbye_and_ends_the_stream(server, account, client_factory):
    alice = await client_factory("alice")
    name = await account("bot")
    async with running(settings_for(server, name)) as bot:
        await bot.connection.send(Element("{jabber:client}presence", {"to": alice.jid}))
        for number in range(50):
            await bot.say(alice.jid, f"last words {number}")
        began = time.monotonic()
        await bot.connection.close()
        assert time.monotonic() - began < 2
        await asyncio.wait_for(bot.task, 1)
        assert not bot.lost
        jid = bot.jid
    await alice.wait_for(lambda element: is_message(element) and element.findtext(BODY) == "last words 49")
    await alice.wait_for(lambda element: is_presence(element, jid) and element.get("type") == "unavailable")
    with pytest.raises(LinkClosed):
        await bot.say(alice.jid, "too late")


async def test_close_is_quick_though_the_server_hangs(start_server):
    server = await start_server(accounts={"bot": "secret"})
    async with running(settings_for(server, "bot", close_timeout=0.5)) as bot:
        server.pause()
        try:
            await asyncio.wait_for(bot.connection.close(), 3)
            assert bot.task.done()
        finally:
            server.resume()


async def test_close_while_waiting_to_retry_is_quick(server, unused_tcp_port):
    bot = Bot(settings_for(server, "bot", port=unused_tcp_port, backoff_first=60, backoff_cap=60))
    task = asyncio.create_task(bot.connection.run())
    await bot.until(lambda: bot.lost)
    await asyncio.wait_for(bot.connection.close(), 2)
    await task


async def test_cancelled_run_leaves_no_task_and_no_socket(server, account):
    name = await account("bot")
    before = asyncio.all_tasks()
    bot = Bot(settings_for(server, name))
    task = asyncio.create_task(bot.connection.run())
    await bot.until(lambda: bot.established)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await bot.until(lambda: asyncio.all_tasks() == before)
    assert bot.connection._stream is None
