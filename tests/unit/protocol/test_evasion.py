"""Every way to hide a message from a bot while people see it. Here it must be seen, each time."""

from __future__ import annotations

import pytest

from botkit.model import anomalies
from botkit.model.address import Address
from botkit.model.events import (
    DirectMessage,
    MessageModerated,
    MessageRetracted,
    PresenceReceived,
    ReactionsChanged,
    RoomMessage,
    SubjectChanged,
    TombstoneSeen,
)
from botkit.model.messages import Source
from botkit.protocol.decode import decode_stanza
from tests.unit.protocol.wire import (
    NICK,
    NOW,
    ROOM,
    Rooms,
    archived,
    decode,
    element,
    groupchat,
    said,
    told,
    whispered,
)

SPAM = "<body>buy pills</body>"

# (name, children besides the body, the anomaly that must be named or None)
TRICKS: list[tuple[str, str, str | None]] = [
    ("a delay of the sender's own", "<delay xmlns='urn:xmpp:delay' stamp='2020-01-01T00:00:00Z'/>", "forged-delay"),
    (
        "a delay in another's name",
        "<delay xmlns='urn:xmpp:delay' from='evil.example' stamp='2020-01-01T00:00:00Z'/>",
        "forged-delay",
    ),
    (
        "a delay in the occupant's name",
        "<delay xmlns='urn:xmpp:delay' from='room@muc.example.org/nick' stamp='2020-01-01T00:00:00Z'/>",
        "forged-delay",
    ),
    ("a delay without a stamp", "<delay xmlns='urn:xmpp:delay'/>", "malformed-delay"),
    (
        "a room's delay without a stamp",
        "<delay xmlns='urn:xmpp:delay' from='room@muc.example.org'/>",
        "malformed-delay",
    ),
    (
        "a room's delay with a bad stamp",
        "<delay xmlns='urn:xmpp:delay' from='room@muc.example.org' stamp='soon'/>",
        "malformed-delay",
    ),
    ("a delay from what is no address", "<delay xmlns='urn:xmpp:delay' from='@/' stamp='x'/>", "malformed-delay"),
    ("a legacy delay", "<x xmlns='jabber:x:delay' stamp='20020910T23:08:25'/>", "forged-delay"),
    ("an empty legacy delay", "<x xmlns='jabber:x:delay'/>", "forged-delay"),
    ("a correction without an id", "<replace xmlns='urn:xmpp:message-correct:0'/>", "malformed-correction"),
    (
        "two corrections",
        "<replace xmlns='urn:xmpp:message-correct:0' id='a'/><replace xmlns='urn:xmpp:message-correct:0' id='b'/>",
        "doubled-correction",
    ),
    (
        "an invitation through the room",
        "<x xmlns='http://jabber.org/protocol/muc#user'><invite from='a@b'/></x>",
        "forged-invitation",
    ),
    ("a direct invitation", "<x xmlns='jabber:x:conference' jid='other@muc.example.org'/>", "forged-invitation"),
    ("a direct invitation to nowhere", "<x xmlns='jabber:x:conference'/>", "forged-invitation"),
    (
        "an item of the sender's own",
        "<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='owner' role='moderator' jid='a@b'/></x>",
        "forged-muc-user",
    ),
    (
        "a role that does not exist",
        "<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='king' role='queen'/></x>",
        "forged-muc-user",
    ),
    (
        "a status code that is no number",
        "<x xmlns='http://jabber.org/protocol/muc#user'><status code='nine'/></x>",
        "forged-muc-user",
    ),
    (
        "a status code of kicking",
        "<x xmlns='http://jabber.org/protocol/muc#user'><status code='307'/></x>",
        "forged-muc-user",
    ),
    (
        "an empty x of every kind",
        "<x xmlns='http://jabber.org/protocol/muc#user'/><x xmlns='jabber:x:oob'/><x/>",
        "malformed-attachment",
    ),
    (
        "a received carbon",
        "<received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'/></received>",
        "forged-carbon",
    ),
    ("a sent carbon", "<sent xmlns='urn:xmpp:carbons:2'/>", "forged-carbon"),
    ("an archive result", "<result xmlns='urn:xmpp:mam:2' id='x'/>", "forged-archive-result"),
    (
        "a forwarded message",
        "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><body>nice</body></message></forwarded>",
        None,
    ),
    ("an error", "<error type='cancel'/>", "stray-error"),
    ("a link without a url", "<x xmlns='jabber:x:oob'/>", "malformed-attachment"),
    (
        "a stanza-id without an id",
        "<stanza-id xmlns='urn:xmpp:sid:0' by='room@muc.example.org'/>",
        "malformed-stanza-id",
    ),
    ("a stanza-id without anything", "<stanza-id xmlns='urn:xmpp:sid:0'/>", "forged-stanza-id"),
    ("a stanza-id by another", "<stanza-id xmlns='urn:xmpp:sid:0' by='evil.example' id='s'/>", "forged-stanza-id"),
    ("an empty origin-id", "<origin-id xmlns='urn:xmpp:sid:0'/>", "malformed-origin-id"),
    ("an empty occupant-id", "<occupant-id xmlns='urn:xmpp:occupant-id:0'/>", "malformed-occupant-id"),
    (
        "an endless occupant-id",
        f"<occupant-id xmlns='urn:xmpp:occupant-id:0' id='{'x' * 129}'/>",
        "malformed-occupant-id",
    ),
    (
        "a fallback out of bounds",
        "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='999'/></fallback>",
        "malformed-fallback",
    ),
    (
        "a fallback the wrong way round",
        "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='5' end='2'/></fallback>",
        "malformed-fallback",
    ),
    (
        "a fallback of no numbers",
        "<fallback xmlns='urn:xmpp:fallback:0'><body start='-1' end='٣'/></fallback>",
        "malformed-fallback",
    ),
    ("a reply to nothing", "<reply xmlns='urn:xmpp:reply:0'/>", "malformed-reply"),
    ("a reply to what is no address", "<reply xmlns='urn:xmpp:reply:0' id='x' to='@@/'/>", None),
    ("a reply to an endless address", f"<reply xmlns='urn:xmpp:reply:0' id='x' to='{'x' * 3000}'/>", "malformed-reply"),
    (
        "reactions to nothing",
        "<reactions xmlns='urn:xmpp:reactions:0'><reaction>x</reaction></reactions>",
        "malformed-reactions",
    ),
    ("a retraction of nothing", "<retract xmlns='urn:xmpp:message-retract:1'/>", "malformed-retraction"),
    ("a fastened nothing", "<apply-to xmlns='urn:xmpp:fasten:0'/>", None),
    (
        "a tombstone",
        "<retracted xmlns='urn:xmpp:message-retract:1' id='x' stamp='2020-01-01T00:00:00Z'/>",
        "forged-tombstone",
    ),
    (
        "a moderated tombstone",
        "<moderated xmlns='urn:xmpp:message-moderate:0' by='x'>"
        "<retracted xmlns='urn:xmpp:message-retract:0'/></moderated>",
        "forged-tombstone",
    ),
    ("a pubsub event", "<event xmlns='http://jabber.org/protocol/pubsub#event'><items/></event>", None),
    ("a subject", "<subject>hello</subject>", None),
    ("a thread", "<thread>t</thread>", None),
    ("two threads", "<thread>t</thread><thread>u</thread>", "doubled-thread"),
    ("an html body that is none", "<html xmlns='http://jabber.org/protocol/xhtml-im'/>", None),
    ("a key transport", "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/></encrypted>", None),
    ("text outside", "look here", "stray-text"),
    ("a body of another namespace", "<body xmlns='urn:other'>x</body>", "foreign-body"),
]


@pytest.mark.parametrize(("extra", "anomaly"), [pytest.param(x, a, id=name) for name, x, a in TRICKS])
@pytest.mark.parametrize("first", [True, False], ids=["before the body", "after the body"])
def test_a_groupchat_message_is_seen_beside(extra: str, anomaly: str | None, first: bool) -> None:
    event = said(extra + SPAM if first else SPAM + extra)
    assert event.body == "buy pills"
    assert event.source is Source.LIVE
    assert event.at == NOW
    assert event.author.nick == "nick"
    if anomaly is None:
        assert event.anomalies == ()
    else:
        assert anomaly in event.anomalies
    assert anomalies.UNREADABLE_CHILD not in event.anomalies


@pytest.mark.parametrize("extra", [pytest.param(x, id=name) for name, x, _ in TRICKS])
def test_a_private_message_is_seen_beside(extra: str) -> None:
    assert whispered(extra + SPAM).body == "buy pills"


@pytest.mark.parametrize("extra", [pytest.param(x, id=name) for name, x, _ in TRICKS])
def test_a_direct_message_is_seen_beside(extra: str) -> None:
    assert told(extra + SPAM).body == "buy pills"


@pytest.mark.parametrize("extra", [pytest.param(x, id=name) for name, x, _ in TRICKS])
def test_an_archived_message_is_seen_beside(extra: str) -> None:
    result = archived(extra + SPAM)
    assert result is not None
    inner = result.event  # type: ignore[attr-defined]
    assert isinstance(inner, RoomMessage)
    assert (inner.body, inner.source, inner.archive_id) == ("buy pills", Source.ARCHIVE, "s9")


# --- what is shown, wherever it stands -------------------------------------------------------------------------


def test_of_two_bodies_both_are_seen() -> None:
    event = said("<body>hello</body><body>buy pills</body>")
    assert event.body == "hello"
    assert event.content.everything == "hello\nbuy pills"
    assert event.anomalies == (anomalies.DOUBLED_BODY,)


def test_bodies_in_other_languages_are_seen() -> None:
    event = said("<body>hello</body><body xml:lang='de'>kauf Pillen</body>")
    assert [(t.text, t.lang) for t in event.content.bodies] == [("hello", None), ("kauf Pillen", "de")]
    assert event.anomalies == (anomalies.SEVERAL_LANGUAGES,)


def test_text_of_elements_inside_of_a_body_is_seen() -> None:
    event = said("<body>he<b xmlns='x'>buy pills</b>llo</body>")
    assert event.body == "hebuy pillsllo"
    assert event.anomalies == (anomalies.MARKUP_IN_BODY,)


def test_text_between_the_children_is_seen() -> None:
    event = groupchat("buy pills<active xmlns='http://jabber.org/protocol/chatstates'/> here")
    assert isinstance(event, RoomMessage)
    assert event.content.everything == "buy pills\nhere"


def test_html_that_says_something_else_is_seen() -> None:
    event = said(
        "<body>hello</body><html xmlns='http://jabber.org/protocol/xhtml-im'>"
        "<body xmlns='http://www.w3.org/1999/xhtml'><p>buy <a href='https://pills.example'>pills</a></p></body></html>"
    )
    assert event.content.html == "buy pills\nhttps://pills.example"
    assert event.anomalies == (anomalies.DIFFERENT_HTML,)


def test_a_link_behind_the_same_text_is_seen() -> None:
    event = said(
        "<body>look here</body><html xmlns='http://jabber.org/protocol/xhtml-im'>"
        "<body xmlns='http://www.w3.org/1999/xhtml'>look <a href='https://pills.example'>here</a></body></html>"
    )
    assert "https://pills.example" in event.content.everything


def test_html_with_the_same_text_is_left_out() -> None:
    event = said(
        "<body>look at https://a.example</body><html xmlns='http://jabber.org/protocol/xhtml-im'>"
        "<body xmlns='http://www.w3.org/1999/xhtml'><p>look at <a href='https://a.example'>https://a.example</a></p>"
        "</body></html>"
    )
    assert event.content.html is None
    assert event.anomalies == ()


def test_html_without_a_body_is_seen() -> None:
    event = said(
        "<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>pills</body></html>"
    )
    assert event.content.everything == "pills"


@pytest.mark.parametrize("url", ["<url>https://a.example/x.png</url>", ""])
def test_the_description_of_a_link_is_seen(url: str) -> None:
    event = said(f"<x xmlns='jabber:x:oob'>{url}<desc>buy pills</desc></x>")
    assert "buy pills" in event.content.everything


def test_shared_files_are_seen() -> None:
    event = said(
        "<file-sharing xmlns='urn:xmpp:sfs:0'><file xmlns='urn:xmpp:file:metadata:0'><name>pills.png</name></file>"
        "<sources><url-data xmlns='http://jabber.org/protocol/url-data' target='https://a.example/p.png'/></sources>"
        "</file-sharing>"
    )
    assert [(a.url, a.desc) for a in event.content.attachments] == [("https://a.example/p.png", "pills.png")]


def test_an_encrypted_message_is_seen_as_such() -> None:
    event = said("<encrypted xmlns='eu.siacs.conversations.axolotl'><header/><payload>x</payload></encrypted>")
    assert event.content.encrypted
    announced = said("<encryption xmlns='urn:xmpp:eme:0' namespace='urn:new'/><body>old client</body>")
    assert announced.content.encrypted


def test_a_subject_is_seen_in_every_language() -> None:
    event = groupchat("<subject>hi</subject><subject xml:lang='de'>Pillen</subject>")
    assert isinstance(event, SubjectChanged)
    assert [t.text for t in event.subjects] == ["hi", "Pillen"]


def test_a_subject_beside_other_text_is_seen_with_it() -> None:
    event = said("<subject>hi</subject>buy pills")
    assert event.content.stray == "buy pills"
    assert [type(e) for e in event.also] == [SubjectChanged]


def test_reactions_may_be_any_text() -> None:
    event = groupchat("<reactions xmlns='urn:xmpp:reactions:0' id='s1'><reaction>buy pills</reaction></reactions>")
    assert isinstance(event, ReactionsChanged)
    assert event.reactions == ("buy pills",)


def test_reactions_and_a_text_are_both_seen() -> None:
    event = said("<reactions xmlns='urn:xmpp:reactions:0' id='s1'><reaction>👍</reaction></reactions>" + SPAM)
    assert [type(e) for e in event.also] == [ReactionsChanged]


def test_a_retraction_with_a_text_is_a_message_too() -> None:
    event = said("<retract xmlns='urn:xmpp:message-retract:1' id='s1'/>" + SPAM)
    assert [type(e) for e in event.also] == [MessageRetracted]


def test_two_claims_without_a_text_are_both_told() -> None:
    event = said(
        "<retract xmlns='urn:xmpp:message-retract:1' id='s1'/><reactions xmlns='urn:xmpp:reactions:0' id='s2'/>"
    )
    assert {type(e) for e in event.also} == {MessageRetracted, ReactionsChanged}


def test_a_misleading_fallback_hides_nothing_from_moderation() -> None:
    event = said(
        "<reply xmlns='urn:xmpp:reply:0' id='s1'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'>"
        "<body start='0' end='9'/></fallback>" + SPAM
    )
    assert event.text == ""
    assert event.content.everything == "buy pills"


def test_overlapping_fallbacks_do_not_eat_more_than_they_cover() -> None:
    event = said(
        "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='4'/>"
        "<body start='0' end='4'/></fallback>" + SPAM
    )
    assert event.text == "pills"
    assert anomalies.MALFORMED_FALLBACK in event.anomalies


def test_retractions_past_the_limit_are_left_out() -> None:
    event = said("".join(f"<retract xmlns='urn:xmpp:message-retract:1' id='{n}'/>" for n in range(99)) + SPAM)
    assert len(event.also) == 16
    assert anomalies.TOO_MANY_CLAIMS in event.anomalies


# --- who may claim what ----------------------------------------------------------------------------------------

FORGERIES = [
    "<apply-to xmlns='urn:xmpp:fasten:0' id='s1'><moderated xmlns='urn:xmpp:message-moderate:0' by='x'>"
    "<retract xmlns='urn:xmpp:message-retract:0'/></moderated></apply-to>",
    "<retract xmlns='urn:xmpp:message-retract:1' id='s1'><moderated xmlns='urn:xmpp:message-moderate:1'/></retract>",
]


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_moderation_by_an_occupant_is_no_moderation_and_no_retraction(forgery: str) -> None:
    assert groupchat(forgery) is None
    event = said(forgery + SPAM)
    assert event.also == ()
    assert event.anomalies == (anomalies.FORGED_MODERATION,)


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_moderation_in_a_private_message_is_not_believed(forgery: str) -> None:
    event = whispered(forgery + SPAM)
    assert event.also == ()
    assert anomalies.FORGED_MODERATION in event.anomalies


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_moderation_by_an_account_is_not_believed(forgery: str) -> None:
    assert told(forgery + SPAM).also == ()


def test_a_moderation_by_a_room_that_does_not_offer_it_is_not_believed() -> None:
    assert groupchat(FORGERIES[1], sender=str(ROOM), rooms=Rooms(features=frozenset())) is None


def test_a_retraction_in_a_private_message_says_nothing_about_the_room() -> None:
    event = decode(
        f"<message type='chat' from='{NICK}'><retract xmlns='urn:xmpp:message-retract:1' id='s1'/></message>"
    )
    assert not isinstance(event, MessageRetracted)


def test_a_stanza_id_counts_only_from_the_room() -> None:
    event = said(
        f"<stanza-id xmlns='urn:xmpp:sid:0' by='evil.example' id='s1'/>"
        f"<stanza-id xmlns='urn:xmpp:sid:0' by='{ROOM}' id='s2'/>" + SPAM
    )
    assert event.archive_id == "s2"


def test_a_stanza_id_by_the_room_in_other_letters_counts() -> None:
    event = said("<stanza-id xmlns='urn:xmpp:sid:0' by='Room@MUC.example.org' id='s2'/>" + SPAM)
    assert event.archive_id == "s2"


def test_of_two_stanza_ids_by_the_room_neither_counts() -> None:
    event = said(f"<stanza-id xmlns='urn:xmpp:sid:0' by='{ROOM}' id='s1'/>" * 2 + SPAM)
    assert event.archive_id is None
    assert event.anomalies == (anomalies.DOUBLED_STANZA_ID,)


def test_a_stanza_id_counts_only_where_the_room_offers_it() -> None:
    event = said(f"<stanza-id xmlns='urn:xmpp:sid:0' by='{ROOM}' id='s1'/>" + SPAM, rooms=Rooms(features=frozenset()))
    assert event.archive_id is None
    assert event.anomalies == (anomalies.UNOFFERED_STANZA_ID,)


def test_the_author_is_whoever_has_the_nick_with_the_same_occupant_id() -> None:
    event = said("<occupant-id xmlns='urn:xmpp:occupant-id:0' id='occ-1'/>" + SPAM)
    assert event.author.identity == "jid:nick@home.example"
    assert event.anomalies == ()


def test_another_occupant_id_than_the_presence_had_makes_another_author() -> None:
    event = said("<occupant-id xmlns='urn:xmpp:occupant-id:0' id='occ-2'/>" + SPAM)
    assert (event.author.known, event.author.real, event.author.occupant_id) == (False, None, "occ-2")
    assert event.anomalies == (anomalies.OCCUPANT_ID_MISMATCH,)


def test_of_two_occupant_ids_neither_counts() -> None:
    event = said(
        "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='occ-2'/>"
        "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='occ-1'/>" + SPAM
    )
    assert event.author.occupant_id == "occ-1"  # what the presence told
    assert event.anomalies == (anomalies.DOUBLED_OCCUPANT_ID,)


def test_an_occupant_id_counts_only_where_the_room_offers_it() -> None:
    rooms = Rooms(features=frozenset(), occupant=None)
    event = said("<occupant-id xmlns='urn:xmpp:occupant-id:0' id='occ-2'/>" + SPAM, rooms=rooms)
    assert event.author.occupant_id is None
    assert event.anomalies == (anomalies.UNOFFERED_OCCUPANT_ID,)


def test_a_speaker_without_presence_is_seen_and_has_no_rights() -> None:
    event = said(SPAM, sender=f"{ROOM}/stranger")
    assert not event.author.known
    assert event.author.identity is None


def test_history_is_not_laid_to_whoever_has_the_nick_now() -> None:
    event = said(f"<delay xmlns='urn:xmpp:delay' from='{ROOM}' stamp='2026-04-01T10:00:00Z'/>" + SPAM)
    assert event.source is Source.JOIN_HISTORY
    assert (event.at.month, event.author.known, event.author.real) == (4, False, None)


def test_a_delay_in_the_rooms_name_makes_no_history_once_history_is_over() -> None:
    delay = f"<delay xmlns='urn:xmpp:delay' from='{ROOM}' stamp='2020-01-01T00:00:00Z'/>"
    message = element(f"<message type='groupchat' from='{NICK}'>{delay}{SPAM}</message>")
    event = decode_stanza(message, received=NOW, known=Rooms(), replaying=False)
    assert isinstance(event, RoomMessage)
    assert (event.source, event.at, event.anomalies) == (Source.LIVE, NOW, (anomalies.FORGED_DELAY,))
    assert event.author.identity == "jid:nick@home.example"


def test_the_archive_of_one_room_tells_nothing_about_another() -> None:
    result = archived(SPAM, archive="evil@muc.example.org")
    assert result is not None
    assert result.event is None  # type: ignore[attr-defined]


def test_an_archive_result_from_an_occupant_is_none() -> None:
    event = archived(SPAM, archive=NICK)
    assert event is None


def test_a_tombstone_beside_a_text_was_written_by_its_author() -> None:
    result = archived("<retracted xmlns='urn:xmpp:message-retract:1' id='r' stamp='2026-04-01T10:00:00Z'/>" + SPAM)
    inner = result.event  # type: ignore[union-attr]
    assert isinstance(inner, RoomMessage)
    assert not any(isinstance(e, TombstoneSeen) for e in inner.also)


def test_the_room_can_moderate_beside_a_text() -> None:
    event = said(FORGERIES[1] + "<body>a message was removed</body>", sender=str(ROOM))
    assert event.author.is_room
    assert [type(e) for e in event.also] == [MessageModerated]


# --- who is speaking -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nick", ["🦊", "\u05d0a", "\u200d", "\U0001fae8"])
def test_a_nick_that_stringprep_refuses_does_not_hide_its_owner(nick: str) -> None:
    event = said(SPAM, sender=f"{ROOM}/{nick}")
    assert event.room == ROOM
    assert event.author.nick == nick
    presence = decode(f"<presence from='{ROOM}/{nick}'/>")
    assert isinstance(presence, PresenceReceived)
    assert presence.sender == event.author.address


@pytest.mark.parametrize("attributes", ["", "from=''", "from='@'", "from='/x'", "from='a@b@c/d'"])
def test_a_message_from_an_odd_address_is_seen(attributes: str) -> None:
    event = decode(f"<message type='groupchat' {attributes}>{SPAM}</message>")
    assert isinstance(event, RoomMessage)


def test_a_message_without_a_sender_is_from_our_own_account() -> None:
    event = decode(f"<message to='bot@home.example/r'>{SPAM}</message>")
    assert isinstance(event, DirectMessage)
    assert event.sender == Address.parse("bot@home.example")


def test_an_unknown_type_is_a_normal_message() -> None:
    event = told(SPAM, kind="weird")
    assert event.anomalies == (anomalies.ODD_TYPE,)


@pytest.mark.parametrize(
    ("children", "anomaly"),
    [
        (
            "<x xmlns='http://jabber.org/protocol/muc#user'><item role='king' affiliation='?'/></x>",
            "malformed-muc-user",
        ),
        ("<x xmlns='http://jabber.org/protocol/muc#user'><status code='x'/><status/></x>", "malformed-muc-user"),
        ("<x xmlns='http://jabber.org/protocol/muc#user'><status code='١١٠'/></x>", "malformed-muc-user"),
        ("<occupant-id xmlns='urn:xmpp:occupant-id:0'/>", "malformed-occupant-id"),
        ("<occupant-id xmlns='urn:xmpp:occupant-id:0' id='a'/>" * 2, "doubled-occupant-id"),
        ("<status>a</status><status>b</status>", "doubled-status"),
        ("<error/>", "stray-error"),
        ("text", None),
    ],
)
def test_a_presence_with_an_odd_child_is_seen(children: str, anomaly: str | None) -> None:
    event = decode(f"<presence from='{NICK}'>{children}</presence>")
    assert isinstance(event, PresenceReceived)
    assert event.occupant_id is None
    assert anomaly is None or anomaly in event.anomalies


def test_a_second_item_of_the_occupants_own_gives_no_rights() -> None:
    x = (
        "<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='{}' role='moderator'/>"
        "<status code='110'/></x>"
    )
    event = decode(f"<presence from='{NICK}'>{x.format('none')}{x.format('owner')}</presence>")
    assert isinstance(event, PresenceReceived)
    assert (event.items, event.codes) == ((), frozenset())
    assert event.anomalies == (anomalies.DOUBLED_ITEM,)


def test_the_epoch_stands_for_a_time_that_nobody_told() -> None:
    event = decode_stanza(element(f"<message type='groupchat' from='{NICK}'>{SPAM}</message>"))
    assert event is not None
    assert event.at.year == 1970
