"""What people and rooms say, from slixmpp clients through a real server to typed events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from botkit.model import anomalies
from botkit.model.actions import Invite, Moderate, React, RetractOwn, SendMessage
from botkit.model.address import Address
from botkit.model.archive import ArchiveQuery
from botkit.model.events import (
    Departure,
    DirectMessage,
    DirectReactions,
    DirectRetraction,
    InvitationReceived,
    MessageModerated,
    MessageRetracted,
    NickChanged,
    OccupantJoined,
    OccupantLeft,
    PresenceReceived,
    PrivateMessage,
    ReactionsChanged,
    RightsChanged,
    RoomMessage,
    StatusChanged,
    SubjectChanged,
    TombstoneSeen,
)
from botkit.model.messages import ArchiveId, Source
from botkit.model.rooms import Affiliation, Role
from botkit.testing.prosody import Generation
from tests.server.bots import RunningLink
from tests.server.clients import Client
from tests.server.wire import is_message, stanza_id

pytestmark = pytest.mark.server

_RETRACT_1 = "<retract xmlns='urn:xmpp:message-retract:1' id='{}'/>"
_RETRACT_0 = "<apply-to xmlns='urn:xmpp:fasten:0' id='{}'><retract xmlns='urn:xmpp:message-retract:0'/></apply-to>"
_REACT = "<reactions xmlns='urn:xmpp:reactions:0' id='{}'><reaction>👍</reaction><reaction>🎉</reaction></reactions>"


@dataclass
class Stage:
    """A room with its owner, somebody without rights, and the bot as admin."""

    room: str
    alice: Client
    mallory: Client
    bot: RunningLink

    @property
    def address(self) -> Address:
        return Address.parse(self.room)


@pytest.fixture
async def stage(server, account, people, fresh_room, start_link) -> Stage:
    alice, mallory = await people("alice", "mallory")
    name = await account("bot")
    await alice.create_room(fresh_room, "alice", affiliations={f"{name}@{server.domain}": "admin"})
    bot = await start_link(server, name, fresh_room)
    await mallory.join(fresh_room, "mallory")
    await bot.wait_for(OccupantJoined)
    return Stage(fresh_room, alice, mallory, bot)


# --- said in a room -----------------------------------------------------------------------------------------------


async def test_groupchat_message_has_author_ids_and_time(stage):
    said = await stage.mallory.say(stage.room, "hello", "<origin-id xmlns='urn:xmpp:sid:0' id='o-1'/>")
    message = await stage.bot.wait_body("hello")
    assert (message.room, message.source, message.anomalies) == (stage.address, Source.LIVE, ())
    assert message.archive_id == stanza_id(said, stage.room)
    assert message.message_id == said.get("id")
    assert message.origin_id == "o-1"
    assert abs(message.at - datetime.now(UTC)) < timedelta(seconds=10)
    author = message.author
    assert (author.nick, author.affiliation, author.role) == ("mallory", Affiliation.NONE, Role.PARTICIPANT)
    assert author.real == Address.parse(stage.mallory.jid)
    assert author.occupant_id
    assert author.known
    assert not author.is_self


async def test_correction_reply_reactions_and_retraction_are_told_apart(stage):
    room, mallory, bot = stage.room, stage.mallory, stage.bot
    said = await mallory.say(room, "a tpyo")
    archive_id = stanza_id(said, room)
    await mallory.say(room, "a typo", f"<replace xmlns='urn:xmpp:message-correct:0' id='{said.get('id')}'/>")
    assert (await bot.wait_body("a typo")).content.replaces == said.get("id")

    fallback = (
        f"<reply xmlns='urn:xmpp:reply:0' id='{archive_id}' to='{room}/mallory'/>"
        "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='10'/></fallback>"
    )
    await stage.alice.say(room, "> a tpyo\n\n!command", fallback)
    reply = await bot.wait_for(RoomMessage, lambda event: event.content.reply)
    assert reply.content.reply.target == archive_id
    assert reply.text == "!command"
    assert reply.body == reply.content.everything == "> a tpyo\n\n!command"

    mallory.send_xml(f"<message type='groupchat' to='{room}' id='r-1'>{_REACT.format(archive_id)}</message>")
    reactions = await bot.wait_for(ReactionsChanged)
    assert (reactions.target, reactions.reactions, reactions.author.nick) == (archive_id, ("👍", "🎉"), "mallory")

    mallory.send_xml(f"<message type='groupchat' to='{room}' id='r-2'>{_RETRACT_1.format(archive_id)}</message>")
    retraction = await bot.wait_for(MessageRetracted)
    assert (retraction.target, retraction.author.nick) == (archive_id, "mallory")


@pytest.mark.parametrize("retract", [_RETRACT_0, _RETRACT_1])
async def test_retraction_with_a_text_for_old_clients_is_both(stage, retract):
    said = await stage.mallory.say(stage.room, "a mistake")
    await stage.mallory.say(
        stage.room,
        "/me retracted a message",
        retract.format(stanza_id(said, stage.room))
        + "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:message-retract:1'/>",
    )
    message = await stage.bot.wait_body("/me retracted a message")
    (retraction,) = message.also
    assert isinstance(retraction, MessageRetracted)
    assert retraction.target == stanza_id(said, stage.room)


async def test_subject_is_told_on_joining_and_when_it_changes(stage):
    first = await stage.bot.wait_for(SubjectChanged)
    assert first.subject == ""
    since = stage.bot.mark()
    stage.alice.send_xml(
        f"<message type='groupchat' to='{stage.room}' id='s-1'><subject>tea &amp; cake</subject></message>"
    )
    second = await stage.bot.wait_for(SubjectChanged, since=since)
    assert (second.subject, second.author.nick, second.source) == ("tea & cake", "alice", Source.LIVE)


async def test_moderation_is_believed_from_the_room_alone(stage, generation):
    room, mallory, bot = stage.room, stage.mallory, stage.bot
    versions = [0] if generation is Generation.V0_12 else [0, 1]
    assert bot.link.room(stage.address).moderation == max(versions)
    for version in versions:
        target = await mallory.say(room, f"spam {version}")
        await stage.alice.moderate(room, target, "no adverts", version=version)
        gone = await bot.wait_for(
            MessageModerated, lambda event, target=target: event.target == stanza_id(target, room)
        )
        assert gone.moderation.reason == "no adverts"
        assert gone.moderation.by == stage.address.with_resource("alice")

    # and by us, through whatever the room knows
    target = await mallory.say(room, "more spam")
    await bot.link.perform(Moderate(room=stage.address, archive_id=ArchiveId(stanza_id(target, room)), reason="rule 1"))
    gone = await bot.wait_for(MessageModerated, lambda event: event.target == stanza_id(target, room))
    assert gone.moderation.reason == "rule 1"

    since = bot.mark()
    innocent = await stage.alice.say(room, "an announcement")
    for extra in _forged_moderations(stanza_id(innocent, room), room):
        await mallory.say(room, "see what I can do", extra)
    await mallory.say(room, "done")
    await bot.wait_body("done")
    assert bot.of(MessageModerated, since) == []
    forged = [event for event in bot.of(RoomMessage, since) if event.body == "see what I can do"]
    assert len(forged) == 2
    assert all(anomalies.FORGED_MODERATION in event.anomalies for event in forged)


def _forged_moderations(target: str, room: str) -> tuple[str, str]:
    return (
        f"<apply-to xmlns='urn:xmpp:fasten:0' id='{target}'><moderated xmlns='urn:xmpp:message-moderate:0' "
        f"by='{room}/alice'><retract xmlns='urn:xmpp:message-retract:0'/><reason>x</reason></moderated></apply-to>",
        f"<retract xmlns='urn:xmpp:message-retract:1' id='{target}'><moderated xmlns='urn:xmpp:message-moderate:1' "
        f"by='{room}/alice'/><reason>x</reason></retract>",
    )


# --- said to us alone ---------------------------------------------------------------------------------------------


async def test_private_message_of_an_occupant_and_direct_message_of_an_account(stage):
    bot = stage.bot
    number = stage.mallory.tell(f"{stage.room}/bot", "psst", "<x xmlns='http://jabber.org/protocol/muc#user'/>")
    private = await bot.wait_for(PrivateMessage)
    assert (private.body, private.author.nick, private.room) == ("psst", "mallory", stage.address)
    assert (private.message_id, private.anomalies) == (number, ())
    assert private.author.real == Address.parse(stage.mallory.jid)

    number = stage.alice.tell(str(bot.link.address), "hello bot")
    direct = await bot.wait_for(DirectMessage)
    assert (direct.body, direct.sender, direct.message_id) == ("hello bot", Address.parse(stage.alice.jid), number)

    stage.alice.send_xml(f"<message type='chat' to='{bot.link.address}'>{_REACT.format(number)}</message>")
    assert (await bot.wait_for(DirectReactions)).reactions == ("👍", "🎉")
    stage.alice.send_xml(f"<message type='chat' to='{bot.link.address}'>{_RETRACT_1.format(number)}</message>")
    assert (await bot.wait_for(DirectRetraction)).target == number


async def test_invitations_mediated_and_direct(stage, server, people):
    (carol,) = await people("carol")
    other = f"other-{stage.room}"
    await carol.create_room(other, "carol")
    invite = f"<invite to='{stage.bot.bare}'><reason>come in</reason></invite>"
    carol.send_xml(f"<message to='{other}'><x xmlns='http://jabber.org/protocol/muc#user'>{invite}</x></message>")
    mediated = await stage.bot.wait_for(InvitationReceived, lambda event: event.mediated)
    assert (str(mediated.room), mediated.reason) == (other, "come in")
    assert mediated.inviter.bare in (Address.parse(carol.bare), Address.parse(other))

    carol.send_xml(
        f"<message to='{stage.bot.link.address}'>"
        f"<x xmlns='jabber:x:conference' jid='{other}' reason='please' password='pw'/></message>"
    )
    direct = await stage.bot.wait_for(InvitationReceived, lambda event: not event.mediated)
    assert (str(direct.room), direct.reason, direct.password) == (other, "please", "pw")
    assert direct.inviter == Address.parse(carol.jid)


async def test_what_we_send_arrives_as_the_xeps_say(stage, people):
    bot, room = stage.bot, stage.address
    sent = await bot.link.perform(SendMessage(to=room, body="from the bot", groupchat=True))
    seen = await stage.alice.wait_for(lambda e: is_message(e, f"{room}/bot", "from the bot"))
    own = await bot.wait_body("from the bot")
    assert own.message_id == sent.message_id == seen.get("id")
    assert own.author.is_self
    await bot.link.perform(React(to=room, target=own.archive_id, reactions=("👀",), groupchat=True))
    await stage.alice.wait_for(lambda e: e.find("{urn:xmpp:reactions:0}reactions") is not None)
    await bot.link.perform(RetractOwn(to=room, target=own.archive_id, groupchat=True))
    told = await bot.wait_for(RoomMessage, lambda event: any(isinstance(e, MessageRetracted) for e in event.also))
    assert (told.author.is_self, told.also[0].target) == (True, own.archive_id)
    (carol,) = await people("carol")
    await bot.link.perform(Invite(room=room, address=Address.parse(carol.bare), reason="join us"))
    await carol.wait_for(lambda e: is_message(e) and "join us" in "".join(e.itertext()))


# --- presence -----------------------------------------------------------------------------------------------------


async def test_presence_tells_joins_status_nick_rights_and_parts(stage, people):
    room, bot = stage.room, stage.bot
    (carol,) = await people("carol")
    since = bot.mark()
    await carol.join(room, "carol")
    joined = await bot.wait_for(OccupantJoined, lambda event: event.author.nick == "carol", since=since)
    assert (joined.author.real, joined.author.role) == (Address.parse(carol.jid), Role.PARTICIPANT)
    assert joined.author.occupant_id

    carol.send_xml(f"<presence to='{room}/carol'><status>buy now</status></presence>")
    assert (await bot.wait_for(StatusChanged)).author.status == "buy now"

    carol.send_xml(f"<presence to='{room}/caroline'/>")
    renamed = await bot.wait_for(NickChanged)
    assert (renamed.before, renamed.author.nick) == ("carol", "caroline")
    assert renamed.author.occupant_id == joined.author.occupant_id

    await stage.alice.set_role(room, "caroline", "moderator")
    risen = await bot.wait_for(RightsChanged, lambda event: event.author.role is Role.MODERATOR, since=since)
    assert risen.before.role is Role.PARTICIPANT
    await stage.alice.set_affiliation(room, carol.bare, "member")
    member = await bot.wait_for(RightsChanged, lambda event: event.author.affiliation is Affiliation.MEMBER)
    assert member.before.affiliation is Affiliation.NONE

    carol.nicks[room] = "caroline"
    await carol.leave(room)
    left = await bot.wait_for(OccupantLeft, since=since)
    assert (left.author.nick, left.how) == ("caroline", Departure.LEFT)
    assert bot.link.occupant(stage.address.with_resource("caroline")) is None
    assert len(bot.of(OccupantJoined, since)) == 1
    assert not bot.of(PresenceReceived)


async def test_kicks_and_bans_tell_actor_and_reason(stage, people):
    room, bot = stage.room, stage.bot
    await stage.alice.set_role(room, "mallory", "none", "caps lock")
    kicked = await bot.wait_for(OccupantLeft)
    assert (kicked.author.nick, kicked.how, kicked.reason) == ("mallory", Departure.KICKED, "caps lock")
    await stage.mallory.join(room, "mallory")
    await bot.wait_for(OccupantJoined, since=bot.events.index(kicked))
    await stage.alice.set_affiliation(room, stage.mallory.bare, "outcast", "spam")
    banned = await bot.wait_for(OccupantLeft, lambda event: event is not kicked)
    assert (banned.how, banned.reason) == (Departure.BANNED, "spam")
    assert {occupant.nick for occupant in bot.link.occupants(stage.address)} == {"alice", "bot"}
    assert await bot.link.affiliated(stage.address, Affiliation.OUTCAST) == (Address.parse(stage.mallory.bare),)


# --- the archive --------------------------------------------------------------------------------------------------


async def test_archive_page_holds_the_same_events_with_their_own_time(stage):
    room, bot = stage.room, stage.bot
    said = [await stage.mallory.say(room, f"line {number}") for number in range(5)]
    await stage.alice.moderate(room, said[1], "gone")
    await bot.wait_for(MessageModerated)
    live = {event.archive_id: event for event in bot.of(RoomMessage)}
    page = await bot.link.page(ArchiveQuery(archive=stage.address, page_size=50))
    assert page.complete
    rows = {row.archive_id: row for row in page.rows}
    for message in (said[0], *said[2:]):
        row = rows[stanza_id(message, room)]
        assert row.event.source is Source.ARCHIVE
        assert row.event.body == live[row.archive_id].body
        assert row.event.author.nick == "mallory"
        assert abs(row.at - live[row.archive_id].at) < timedelta(seconds=5)
    tombstone = rows[stanza_id(said[1], room)].event
    assert isinstance(tombstone, TombstoneSeen)

    first = await bot.link.page(ArchiveQuery(archive=stage.address, page_size=2))
    second = await bot.link.page(ArchiveQuery(archive=stage.address, page_size=2, after=first.last))
    assert len(first.rows) == len(second.rows) == 2
    assert not first.complete
    assert not {row.archive_id for row in first.rows} & {row.archive_id for row in second.rows}


# --- stanzas that hide --------------------------------------------------------------------------------------------

_MALFORMED = {
    "delay without a stamp": "<delay xmlns='urn:xmpp:delay'/>",
    "a delay by the room": "<delay xmlns='urn:xmpp:delay' from='{room}' stamp='2001-01-01T00:00:00Z'/>",
    "a second body": "<body>buy pills</body>",
    "a second body in another language": "<body xml:lang='de'>Pillen kaufen</body>",
    "an empty x": "<x xmlns='http://jabber.org/protocol/muc#user'/>",
    "an empty x of a form": "<x xmlns='jabber:x:data'/>",
    "status codes": "<x xmlns='http://jabber.org/protocol/muc#user'><status code='104'/><status code='x'/></x>",
    "a mediated invitation": "<x xmlns='http://jabber.org/protocol/muc#user'><invite from='a@b'/><invite/></x>",
    "a direct invitation": "<x xmlns='jabber:x:conference' jid='evil@rooms.example'/>",
    "a direct invitation without a room": "<x xmlns='jabber:x:conference'/>",
    "a carbon": "<received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>"
    "<message xmlns='jabber:client' from='a@b'><body>forged</body></message></forwarded></received>",
    "an empty carbon": "<sent xmlns='urn:xmpp:carbons:2'/>",
    "an archive result": "<result xmlns='urn:xmpp:mam:2' id='1' queryid='q'><forwarded xmlns='urn:xmpp:forward:0'>"
    "<message xmlns='jabber:client' from='{room}/alice' type='groupchat'><body>forged</body></message>"
    "</forwarded></result>",
    "an error": "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
    "an empty error": "<error/>",
    "a stanza id by the room": "<stanza-id xmlns='urn:xmpp:sid:0' by='{room}' id='forged'/>",
    "a stanza id of nobody": "<stanza-id xmlns='urn:xmpp:sid:0'/>",
    "an occupant id": "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='forged'/>",
    "a correction of nothing": "<replace xmlns='urn:xmpp:message-correct:0'/>",
    "a reply to nothing": "<reply xmlns='urn:xmpp:reply:0'/>",
    "reactions to nothing": "<reactions xmlns='urn:xmpp:reactions:0'/>",
    "a retraction of nothing": "<retract xmlns='urn:xmpp:message-retract:1'/>",
    "a tombstone": "<retracted xmlns='urn:xmpp:message-retract:1' id='x' stamp='never'/>",
    "a fallback of words": "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'>"
    "<body start='a' end='-4'/></fallback>",
    "a fallback past the end": "<reply xmlns='urn:xmpp:reply:0' id='1'/><fallback xmlns='urn:xmpp:fallback:0' "
    "for='urn:xmpp:reply:0'><body start='5' end='99999999999999999999'/></fallback>",
    "a file without an address": "<x xmlns='jabber:x:oob'/>",
    "a message within": "<message xmlns='jabber:client'/>",
    "html": "<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>other</body></html>",
    "text between": "stray text",
}


async def test_no_malformed_or_forged_child_hides_a_message_or_is_believed(stage):
    room, mallory, bot = stage.room, stage.mallory, stage.bot
    await bot.wait_for(SubjectChanged)
    since = bot.mark()
    for name, template in _MALFORMED.items():
        extra, start = template.format(room=room), f"<message type='groupchat' to='{room}'"
        mallory.send_xml(f"{start} id='{name}'><body>{name}</body>{extra}</message>")
        mallory.send_xml(f"{start} id='first {name}'>{extra}<body>first {name}</body></message>")
    await mallory.say(room, "the end")
    end = await bot.wait_body("the end")
    events = bot.events[since : bot.events.index(end)]
    seen = {event.message_id: event for event in events if isinstance(event, RoomMessage)}
    reflected = {e.get("id"): e for e in stage.alice.received if is_message(e) and (e.get("id") or "") in seen}
    for name in _MALFORMED:
        for number in (name, f"first {name}"):
            assert number in seen, f"hidden by {name}"
            message = seen[number]
            assert name in message.content.everything
            assert message.author.nick == "mallory"
            assert message.author.real == Address.parse(mallory.jid)
            assert message.source is Source.LIVE
            assert abs(message.at - end.at) < timedelta(seconds=30)
            assert message.archive_id == stanza_id(reflected[number], room) != "forged"
            assert message.author.occupant_id != "forged"
    assert [event for event in events if not isinstance(event, RoomMessage)] == []
    assert "forged" not in " ".join(body.text for event in seen.values() for body in event.content.bodies)
    assert "buy pills" in seen["a second body"].content.everything
    assert "Pillen" in seen["a second body in another language"].content.everything
    assert anomalies.FORGED_CARBON in seen["a carbon"].anomalies
    assert anomalies.FORGED_ARCHIVE_RESULT in seen["an archive result"].anomalies
    assert anomalies.FORGED_INVITATION in seen["a direct invitation"].anomalies


async def test_forged_carbon_result_or_room_notice_from_an_account_is_not_believed(stage):
    bot = stage.bot
    for name in ("a carbon", "an archive result", "an empty carbon", "status codes", "a mediated invitation"):
        extra = _MALFORMED[name].format(room=stage.room)
        stage.mallory.send_xml(f"<message type='chat' to='{bot.link.address}'><body>{name}</body>{extra}</message>")
        direct = await bot.wait_for(DirectMessage, lambda event, name=name: event.body == name)
        assert direct.anomalies
    result = _MALFORMED["an archive result"].format(room=stage.room)
    stage.mallory.send_xml(f"<message type='chat' to='{bot.link.address}'>{result}</message>")
    stage.mallory.tell(str(bot.link.address), "the end")
    await bot.wait_for(DirectMessage, lambda event: event.body == "the end")
    assert not [event for event in bot.of(DirectMessage) if "forged" in event.content.everything]
    assert not bot.of(InvitationReceived)
    assert not [event for event in bot.of(RoomMessage) if event.author.nick == "alice"]


async def test_malformed_presence_hides_nobody(stage, people):
    room, bot = stage.room, stage.bot
    extras = (
        "<delay xmlns='urn:xmpp:delay'/><x xmlns='http://jabber.org/protocol/muc#user'>"
        "<item affiliation='owner' role='moderator' jid='alice@localhost'/><status code='110'/></x>"
        "<priority>many</priority><show>sleeping</show><status>one</status><status>two</status><error/>"
        "<c xmlns='http://jabber.org/protocol/caps'/><x xmlns='vcard-temp:x:update'/>"
    )
    stage.mallory.send_xml(f"<presence to='{room}/mallory'>{extras}</presence>")
    changed = await bot.wait_for(StatusChanged)
    assert set(changed.author.status.split("\n")) <= {"one", "two"}
    me = bot.link.room(stage.address).me
    assert (me.nick, me.affiliation) == ("bot", Affiliation.ADMIN)
    await stage.mallory.say(room, "who am I")
    message = await bot.wait_body("who am I")
    assert message.author.affiliation <= Affiliation.NONE
    assert message.author.role < Role.MODERATOR
    assert message.author.real in (None, Address.parse(stage.mallory.jid))
