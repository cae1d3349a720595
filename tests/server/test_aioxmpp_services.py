"""What aioxmpp's services do with a real server works unchanged over our stream, our TLS and our XEP-0198."""

from __future__ import annotations

import asyncio
import ssl
import urllib.request
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any
from xml.etree.ElementTree import Element, SubElement

import aioxmpp
import aioxmpp.avatar
import aioxmpp.blocking
import aioxmpp.carbons
import aioxmpp.entitycaps
import aioxmpp.errors
import aioxmpp.httpupload
import aioxmpp.pep
import aioxmpp.ping
import aioxmpp.private_xml
import aioxmpp.pubsub.xso
import aioxmpp.vcard
import aioxmpp.version
import aioxmpp.version.xso
import aioxmpp.xso as xso
import pytest

from botkit.testing.prosody import Prosody, ProsodyOptions
from tests.server.aioxmpp_client import aioxmpp_client
from tests.server.connected import settings_for
from tests.server.cutter import Cutter

pytestmark = [
    pytest.mark.server,
    # aioxmpp 0.13.3 in its own services
    pytest.mark.filterwarnings("ignore:.*deprecated and will be removed in 1.0:DeprecationWarning"),
]

JID = aioxmpp.JID.fromstr
HOST, ROOMS, UPLOAD, PUBSUB = (
    JID(name) for name in ("localhost", "rooms.localhost", "upload.localhost", "ps.localhost")
)
_OPTIONS = ProsodyOptions(
    admins=("publisher@localhost",),  # nobody else may create nodes on Prosody 0.12
    host_config="modules_enabled = { 'private' }",
    extra_components="Component 'ps.localhost' 'pubsub'",
)


@aioxmpp.pubsub.xso.as_payload_class
class Note(xso.XSO):
    """An item of pubsub."""

    TAG = ("urn:test:note", "note")
    text = xso.Text()

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self.text = text


@aioxmpp.IQ.as_payload_class
class Question(xso.XSO):
    """A request that some understand."""

    TAG = ("urn:test:question", "question")


@aioxmpp.private_xml.xso.Query.as_payload_class
class Kept(xso.XSO):
    """What is kept in private."""

    TAG = ("urn:test:kept", "kept")
    text = xso.Text(default=None)


@pytest.fixture(scope="module")
def server(install: Any) -> Iterator[Prosody]:
    """A server with all that is served here."""
    with Prosody(install, options=_OPTIONS) as running:
        yield running


@pytest.fixture
def account(server: Prosody) -> Callable[[], Awaitable[str]]:
    """``await account()``: a new account on this server."""

    async def create() -> str:
        name = f"user-{uuid.uuid4().hex[:8]}"
        await server.add_account(name, "secret")
        return name

    return create


@pytest.fixture
async def client(server: Prosody, account: Any) -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    """``await client(Service, …)``: aioxmpp's client on a new account, or on that called ``name``."""
    async with AsyncExitStack() as stack:

        async def connect(*services: type, name: str | None = None) -> Any:
            if name is not None:
                await server.add_account(name, "secret")
            settings = settings_for(server, name or await account())
            return await stack.enter_async_context(aioxmpp_client(settings, *services))

        yield connect


def heard(signal: Any) -> asyncio.Future[tuple[Any, ...]]:
    """Done with the arguments of the signal's next emission."""
    found: asyncio.Future[tuple[Any, ...]] = asyncio.get_running_loop().create_future()

    def take(*arguments: Any, **_: Any) -> bool:
        if not found.done():
            found.set_result(arguments)
        return True

    signal.connect(take)
    return found


async def soon(awaitable: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(awaitable, 10)


# --- disco and caps (XEP-0030, XEP-0115) ----------------------------------------------------------------------------


async def test_disco_of_the_server_and_its_components(client):
    disco = (await client()).summon(aioxmpp.DiscoClient)
    info = await soon(disco.query_info(HOST))
    assert ("server", "im") in {(each.category, each.type_) for each in info.identities}
    assert {ROOMS, UPLOAD, PUBSUB} <= {item.jid for item in (await soon(disco.query_items(HOST))).items}
    assert "http://jabber.org/protocol/muc" in (await soon(disco.query_info(ROOMS))).features


async def test_disco_of_one_another(client):
    asks, tells = await client(), await client()
    served = tells.summon(aioxmpp.DiscoServer)
    served.register_feature("urn:test:feature")
    served.register_identity("automation", "rpc")
    node = aioxmpp.disco.StaticNode()
    node.items.append(aioxmpp.disco.xso.Item(tells.local_jid, name="an item"))
    served.mount_node("urn:test:node", node)
    disco = asks.summon(aioxmpp.DiscoClient)
    info = await soon(disco.query_info(tells.local_jid))
    assert "urn:test:feature" in info.features
    items = await soon(disco.query_items(tells.local_jid, node="urn:test:node"))
    assert [item.name for item in items.items] == ["an item"]
    with pytest.raises(aioxmpp.errors.XMPPError) as caught:
        await soon(disco.query_info(tells.local_jid, node="nothing"))
    assert caught.value.condition == aioxmpp.errors.ErrorCondition.ITEM_NOT_FOUND


async def test_caps_are_announced_and_resolved(client):
    asks = await client(aioxmpp.EntityCapsService)
    tells = await client(aioxmpp.EntityCapsService)
    changed = heard(asks.summon(aioxmpp.PresenceClient).on_available)
    presence = aioxmpp.Presence(type_=aioxmpp.PresenceType.AVAILABLE, to=asks.local_jid)
    await tells.send(presence)
    (jid, stanza) = await soon(changed)
    assert jid == tells.local_jid
    assert stanza.xep0115_caps.hash_ == "sha-1"
    info = await soon(asks.summon(aioxmpp.DiscoClient).query_info(jid))
    assert "http://jabber.org/protocol/caps" in info.features


# --- pubsub, PEP and avatars (XEP-0060, XEP-0163, XEP-0084) ---------------------------------------------------------


async def test_pubsub_items_are_published_told_and_retracted(client):
    reads, writes = await client(), await client(name="publisher")
    subscriber, publisher = reads.summon(aioxmpp.PubSubClient), writes.summon(aioxmpp.PubSubClient)
    node = f"node-{writes.local_jid.localpart}"
    await soon(publisher.create(PUBSUB, node))
    await soon(subscriber.subscribe(PUBSUB, node))
    published = heard(subscriber.on_item_published)
    await soon(publisher.publish(PUBSUB, node, Note("first"), id_="1"))
    jid, where, item = (await soon(published))[:3]
    assert (jid, where, item.id_, item.registered_payload.text) == (PUBSUB, node, "1", "first")
    items = await soon(subscriber.get_items(PUBSUB, node))
    assert [each.registered_payload.text for each in items.payload.items] == ["first"]
    retracted = heard(subscriber.on_item_retracted)
    await soon(publisher.retract(PUBSUB, node, "1", notify=True))
    assert (await soon(retracted))[:3] == (PUBSUB, node, "1")
    assert (await soon(subscriber.get_subscriptions(PUBSUB, node))).subscriptions
    await soon(subscriber.unsubscribe(PUBSUB, node))
    await soon(publisher.delete(PUBSUB, node))
    with pytest.raises(aioxmpp.errors.XMPPError) as caught:
        await soon(subscriber.get_items(PUBSUB, node))
    assert caught.value.condition == aioxmpp.errors.ErrorCondition.ITEM_NOT_FOUND


async def test_pubsub_nodes_are_configured_by_forms(client):
    publisher = (await client(name="publisher")).summon(aioxmpp.PubSubClient)
    await soon(publisher.create(PUBSUB, "formed"))
    try:
        form = await soon(publisher.get_node_config(PUBSUB, "formed"))
        (title,) = [each for each in form.fields if each.var == "pubsub#title"]
        title.values[:] = ["A title"]
        form.type_ = aioxmpp.forms.DataType.SUBMIT
        await soon(publisher.set_node_config(PUBSUB, form, "formed"))
        again = await soon(publisher.get_node_config(PUBSUB, "formed"))
        assert [list(each.values) for each in again.fields if each.var == "pubsub#title"] == [["A title"]]
    finally:
        await soon(publisher.delete(PUBSUB, "formed"))


async def test_pep_events_come_to_whom_asked_for_them(client):
    mine = await client(aioxmpp.EntityCapsService, aioxmpp.pep.PEPClient)
    pep = mine.summon(aioxmpp.pep.PEPClient)
    claim = pep.claim_pep_node("urn:test:note", notify=True)
    told = heard(claim.on_item_publish)
    await mine.summon(aioxmpp.PresenceServer).resend_presence()
    await soon(pep.publish("urn:test:note", Note("mine"), id_="current"))
    jid, node, item = (await soon(told))[:3]
    assert (jid, node, item.registered_payload.text) == (mine.local_jid.bare(), "urn:test:note", "mine")


async def test_avatar_is_published_and_read(client):
    mine = await client(aioxmpp.EntityCapsService, aioxmpp.avatar.AvatarService)
    service = mine.summon(aioxmpp.avatar.AvatarService)
    avatars = aioxmpp.avatar.AvatarSet()
    avatars.add_avatar_image("image/png", image_bytes=b"not quite a picture")
    await soon(service.publish_avatar_set(avatars))
    (found,) = await soon(service.get_avatar_metadata(mine.local_jid.bare(), require_fresh=True))
    assert await soon(found.get_image_bytes()) == b"not quite a picture"


# --- the account ----------------------------------------------------------------------------------------------------


async def test_blocking_is_pushed_and_works(client):
    mine, other = await client(aioxmpp.BlockingClient), await client()
    blocking = mine.summon(aioxmpp.BlockingClient)
    blocked = heard(blocking.on_jids_blocked)
    await soon(blocking.block_jids([other.local_jid.bare()]))
    assert set((await soon(blocked))[0]) == {other.local_jid.bare()}
    assert other.local_jid.bare() in blocking.blocklist
    with pytest.raises(aioxmpp.errors.XMPPError) as caught:
        await soon(aioxmpp.ping.ping(mine, other.local_jid))
    assert caught.value.condition == aioxmpp.errors.ErrorCondition.NOT_ACCEPTABLE
    unblocked = heard(blocking.on_jids_unblocked)
    await soon(blocking.unblock_all())
    await soon(unblocked)
    assert not blocking.blocklist


async def test_vcard_is_kept(client):
    mine, other = await client(), await client()
    service = mine.summon(aioxmpp.vcard.VCardService)
    card = await soon(service.get_vcard())
    card.set_photo_data("image/png", b"a picture")
    await soon(service.set_vcard(card))
    again = await soon(other.summon(aioxmpp.vcard.VCardService).get_vcard(mine.local_jid.bare()))
    assert again.get_photo_data() == b"a picture"


async def test_private_xml_is_kept(client):
    service = (await client()).summon(aioxmpp.private_xml.PrivateXMLService)
    kept = Kept()
    kept.text = "for me alone"
    await soon(service.set_private_xml(kept))
    assert (await soon(service.get_private_xml(Kept()))).registered_payload.text == "for me alone"


async def test_roster_entries_are_added_pushed_and_removed(client):
    roster = (await client(aioxmpp.RosterClient)).summon(aioxmpp.RosterClient)
    peer = JID("peer@localhost")
    added, removed = heard(roster.on_entry_added), heard(roster.on_entry_removed)
    await soon(roster.set_entry(peer, name="A peer", add_to_groups={"friends"}))
    (item,) = await soon(added)
    assert (item.jid, item.name, item.groups) == (peer, "A peer", {"friends"})
    await soon(roster.remove_entry(peer))
    assert (await soon(removed))[0].jid == peer
    assert not roster.items


async def test_presence_subscriptions_are_asked_for_and_granted(client):
    asks, grants = await client(aioxmpp.RosterClient), await client(aioxmpp.RosterClient)
    asking, granting = asks.summon(aioxmpp.RosterClient), grants.summon(aioxmpp.RosterClient)
    asked, granted = heard(granting.on_subscribe), heard(asking.on_subscribed)
    seen = heard(asks.summon(aioxmpp.PresenceClient).on_bare_available)
    asking.subscribe(grants.local_jid.bare())
    assert (await soon(asked))[0].from_ == asks.local_jid.bare()
    granting.approve(asks.local_jid.bare())
    assert (await soon(granted))[0].from_ == grants.local_jid.bare()
    assert (await soon(seen))[0].from_.bare() == grants.local_jid.bare()


async def test_carbons_are_switched_on_and_off(client):
    carbons = (await client()).summon(aioxmpp.CarbonsClient)
    await soon(carbons.enable())
    await soon(carbons.disable())


# --- one another ----------------------------------------------------------------------------------------------------


async def test_ping_of_server_and_peer(client):
    mine, other = await client(), await client(aioxmpp.ping.PingService)
    await soon(aioxmpp.ping.ping(mine, HOST))
    await soon(aioxmpp.ping.ping(mine, other.local_jid))


async def test_version_of_server_and_peer(client):
    mine, other = await client(), await client(aioxmpp.VersionServer)
    version = other.summon(aioxmpp.VersionServer)
    version.name, version.version = "a bot", "1.0"
    assert (await soon(aioxmpp.version.query_version(mine.stream, HOST))).name == "Prosody"
    found = await soon(aioxmpp.version.query_version(mine.stream, other.local_jid))
    assert (found.name, found.version) == ("a bot", "1.0")


async def test_commands_are_listed_and_run(client):
    asks, serves = await client(), await client(aioxmpp.adhoc.AdHocServer)

    async def run(_stanza: Any) -> Any:
        return aioxmpp.adhoc.xso.Command(
            "hello", notes=[aioxmpp.adhoc.xso.Note(aioxmpp.adhoc.xso.NoteType.INFO, "done")]
        )

    serves.summon(aioxmpp.adhoc.AdHocServer).register_stateless_command("hello", "Say hello", run)
    commands = asks.summon(aioxmpp.AdHocClient)
    assert [item.node for item in await soon(commands.get_commands(serves.local_jid))] == ["hello"]
    session = await soon(commands.execute(serves.local_jid, "hello"))
    assert [note.body for note in session.response.notes] == ["done"]


async def test_message_and_presence_of_a_peer_come_whole(client):
    mine, other = await client(), await client()
    dispatcher = mine.summon(aioxmpp.dispatcher.SimpleMessageDispatcher)
    came: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    dispatcher.register_callback(aioxmpp.MessageType.CHAT, other.local_jid, came.set_result)
    message = aioxmpp.Message(to=mine.local_jid, type_=aioxmpp.MessageType.CHAT)
    message.body[None], message.subject[None] = "a <body> & more \U0001f600", "a subject"
    await soon(other.send(message))
    found = await soon(came)
    assert (found.body.any(), found.subject.any()) == ("a <body> & more \U0001f600", "a subject")
    assert found.from_ == other.local_jid


async def test_room_is_made_configured_and_talked_in(client):
    owner, guest = await client(aioxmpp.MUCClient), await client(aioxmpp.MUCClient)
    place = JID(f"aio-{owner.local_jid.localpart}@rooms.localhost")
    rooms = owner.summon(aioxmpp.MUCClient)
    room, entered = rooms.join(place, "owner")
    await soon(entered)
    form = aioxmpp.muc.xso.ConfigurationForm.from_xso(await soon(rooms.get_room_config(place)))
    form.roomname.value, form.moderatedroom.value = "A room", True
    await soon(rooms.set_room_config(place, form.render_reply()))
    info = await soon(owner.summon(aioxmpp.DiscoClient).query_info(place, require_fresh=True))
    assert "muc_moderated" in info.features
    visited, entered = guest.summon(aioxmpp.MUCClient).join(place, "guest")
    await soon(entered)
    await soon(room.muc_set_role("guest", "participant"))
    said = heard(visited.on_message)
    message = aioxmpp.Message(type_=aioxmpp.MessageType.GROUPCHAT)
    message.body[None] = "hello"
    await soon(room.send_message(message))
    assert (await soon(said))[0].body.any() == "hello"
    left = heard(room.on_leave)
    await soon(visited.leave())
    assert (await soon(left))[0].nick == "guest"


async def test_file_is_uploaded_and_fetched(client, server):
    mine = await client()
    slot = await soon(aioxmpp.httpupload.request_slot(mine, UPLOAD, "a file.txt", 5, "text/plain"))
    context = ssl.create_default_context(cafile=str(server.ca_file))

    def put() -> bytes:
        headers = {"Content-Type": "text/plain", **slot.put.headers}
        request = urllib.request.Request(slot.put.url, b"hello", headers, method="PUT")
        with urllib.request.urlopen(request, context=context, timeout=10) as answer:
            assert answer.status in (200, 201)
        with urllib.request.urlopen(slot.get.url, context=context, timeout=10) as answer:
            found: bytes = answer.read()
        return found

    assert await soon(asyncio.to_thread(put)) == b"hello"
    with pytest.raises(aioxmpp.errors.XMPPError) as caught:
        await soon(aioxmpp.httpupload.request_slot(mine, UPLOAD, "large", 1 << 40, "text/plain"))
    assert caught.value.condition == aioxmpp.errors.ErrorCondition.NOT_ACCEPTABLE


async def test_results_come_in_pages(client):
    mine = await client()
    for number in range(5):
        message = aioxmpp.Message(to=mine.local_jid.bare(), type_=aioxmpp.MessageType.CHAT)
        message.body[None] = str(number)
        await soon(mine.send(message))
    query = Element("{urn:xmpp:mam:2}query")
    page = SubElement(query, "{http://jabber.org/protocol/rsm}set")
    SubElement(page, "{http://jabber.org/protocol/rsm}max").text = "2"
    fin = await soon(mine.connection.request(query, to=None, kind="set"))
    assert fin.tag == "{urn:xmpp:mam:2}fin"
    assert fin.findtext(".//{http://jabber.org/protocol/rsm}last")
    assert fin.get("complete") != "true"


# --- requests as such -----------------------------------------------------------------------------------------------


def _ask(to: Any, kind: Any = aioxmpp.IQType.GET) -> Any:
    return aioxmpp.IQ(type_=kind, to=to, payload=Question())


async def test_unknown_request_is_answered_service_unavailable(client):
    mine, other = await client(), await client()
    for kind in (aioxmpp.IQType.GET, aioxmpp.IQType.SET):
        with pytest.raises(aioxmpp.errors.XMPPCancelError) as caught:
            await soon(mine.send(_ask(other.local_jid, kind)))
        assert caught.value.condition == aioxmpp.errors.ErrorCondition.SERVICE_UNAVAILABLE


@pytest.mark.parametrize(
    ("raised", "condition"),
    [
        (aioxmpp.errors.XMPPAuthError, "FORBIDDEN"),
        (aioxmpp.errors.XMPPModifyError, "BAD_REQUEST"),
        (aioxmpp.errors.XMPPWaitError, "RESOURCE_CONSTRAINT"),
        (aioxmpp.errors.XMPPCancelError, "ITEM_NOT_FOUND"),
    ],
)
async def test_error_of_a_handler_comes_to_whom_asked(client, raised, condition):
    mine, other = await client(), await client()
    wanted = aioxmpp.errors.ErrorCondition[condition]

    async def refuse(_iq: Any) -> None:
        raise raised(wanted, text="the reason")

    other.stream.register_iq_request_handler(aioxmpp.IQType.GET, Question, refuse)
    with pytest.raises(raised, match="the reason") as caught:
        await soon(mine.send(_ask(other.local_jid)))
    assert caught.value.condition == wanted


async def test_request_that_nobody_answers_can_be_given_up(client):
    mine, other = await client(), await client()

    async def never(_iq: Any) -> None:
        await asyncio.Event().wait()

    other.stream.register_iq_request_handler(aioxmpp.IQType.GET, Question, never)
    with pytest.raises(TimeoutError):
        await mine.send(_ask(other.local_jid), timeout=0.2)
    await soon(aioxmpp.ping.ping(mine, HOST))


async def test_services_go_on_after_a_resumption(server, account):
    async with Cutter(server.host, server.port) as cutter:
        settings = settings_for(server, await account(), port=cutter.port)
        async with aioxmpp_client(settings, aioxmpp.RosterClient) as mine:
            disco = mine.summon(aioxmpp.DiscoClient)
            for _ in range(3):
                asked = asyncio.create_task(disco.query_info(ROOMS, require_fresh=True))
                await asyncio.sleep(0)
                cutter.cut()
                assert (await soon(asked)).features
            assert all(event.resumed for event in mine.connection.sessions[1:])
            roster = mine.summon(aioxmpp.RosterClient)
            added = heard(roster.on_entry_added)
            await soon(roster.set_entry(JID("later@localhost")))
            assert (await soon(added))[0].jid == JID("later@localhost")
