"""The whole table of tricks against decoding and the keeper's rules: seen by both, and named if odd."""

from __future__ import annotations

from dataclasses import replace

import pytest

from botkit.model import anomalies
from botkit.model.events import (
    DirectMessage,
    Event,
    NickChanged,
    OccupantJoined,
    PresenceReceived,
    PrivateMessage,
    ReactionsChanged,
    RoomMessage,
    StatusChanged,
    SubjectChanged,
)
from botkit.model.messages import Source
from botkit.protocol.decode import decode_stanza
from botkit.services.moderation import LinkRule, Person, Statement, WordRule
from tests.tricks import BODY, TRICKS, Trick, filled
from tests.unit.protocol.wire import NICK, NOW, OCCUPANT, ROOM, Rooms, archived, decode, element, groupchat

SPAM = "buy-pills"
RULE = WordRule(["buy-pills"])
NAMED = [pytest.param(trick, id=trick.name) for trick in TRICKS]


def children(trick: Trick) -> str:
    return filled(trick, spam=SPAM, room=str(ROOM), nick=NICK)


def judged(event: Event | None) -> Statement:
    """What the rules look at; they must find the text in it."""
    assert isinstance(event, RoomMessage | SubjectChanged | ReactionsChanged), event
    said = Statement.of(event)
    assert said is not None
    assert SPAM in said.text
    assert RULE.examine(said, Person()) is not None
    return said


def test_every_trick_has_a_name_of_its_own() -> None:
    assert len({trick.name for trick in TRICKS}) == len(TRICKS)


def test_every_anomaly_of_the_table_is_one_that_rules_know() -> None:
    known = {value for name, value in vars(anomalies).items() if name.isupper()}
    assert {trick.odd for trick in TRICKS} - {None} <= known


@pytest.mark.parametrize("trick", NAMED)
def test_rules_see_in_a_room(trick: Trick) -> None:
    stanza = element(f"<message type='groupchat' from='{NICK}' id='itself'>{children(trick)}</message>")
    event = decode_stanza(stanza, received=NOW, known=Rooms(), replaying=False)
    said = judged(event)
    assert (said.source, said.at, said.author.nick) == (Source.LIVE, NOW, "nick")
    odd = event.anomalies  # type: ignore[union-attr]
    assert anomalies.UNREADABLE_CHILD not in odd
    assert trick.odd in odd if trick.odd else odd == ()
    assert said.anomalies == odd


@pytest.mark.parametrize("trick", [t for t in NAMED if not t.values[0].live])  # type: ignore[union-attr]
def test_rules_see_in_an_archive(trick: Trick) -> None:
    result = archived(children(trick))
    assert result is not None
    said = judged(result.event)  # type: ignore[attr-defined]
    assert (said.source, said.archive_id) == (Source.ARCHIVE, "s9")


@pytest.mark.parametrize("trick", [t for t in NAMED if t.values[0].xml.endswith(BODY)])  # type: ignore[union-attr]
@pytest.mark.parametrize(
    ("sender", "kind_of_event"),
    [(NICK, PrivateMessage), ("a@home.example/r", DirectMessage)],
    ids=["occupant", "account"],
)
def test_handlers_see_in_private(
    trick: Trick, sender: str, kind_of_event: type[PrivateMessage | DirectMessage]
) -> None:
    for kind in ("chat", "normal", "headline", "weird"):
        event = decode(f"<message type='{kind}' from='{sender}' to='bot@home.example/r'>{children(trick)}</message>")
        assert isinstance(event, kind_of_event), (kind, event)
        assert SPAM in event.content.everything
        assert (anomalies.ODD_TYPE in event.anomalies) == (kind == "weird")


def test_a_form_of_the_room_itself_is_nobodys_word() -> None:
    form = "<x xmlns='jabber:x:data' type='form'><title>Voice request</title></x>"
    assert decode(f"<message from='{ROOM}'>{form}</message>") is None


def test_forwarded_text_of_our_own_server_is_no_message() -> None:
    copy = "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><body>x</body></message></forwarded>"
    for outer in (copy, f"<received xmlns='urn:xmpp:carbons:2'>{copy}</received>"):
        assert decode(f"<message from='bot@home.example' to='bot@home.example/r'>{outer}</message>") is None


@pytest.mark.parametrize(
    "child",
    [
        "<nick xmlns='http://jabber.org/protocol/nick'>buy-pills</nick>",
        "<hats xmlns='urn:xmpp:hats:0'><hat title='buy-pills' uri='x'/></hats>",
        "<hats xmlns='xmpp:prosody.im/protocol/hats:1'><hat title='buy-pills' uri='x'/></hats>",
    ],
    ids=["nickname", "hat", "hat of Prosody"],
)
def test_a_presence_shows_titles_beside_the_nick(child: str) -> None:
    event = decode(f"<presence from='{NICK}'>{child}</presence>")
    assert isinstance(event, PresenceReceived)
    assert (event.titles, event.status) == ((SPAM,), None)


def test_a_nickname_that_is_the_nick_is_no_title() -> None:
    event = decode(f"<presence from='{NICK}'><nick xmlns='http://jabber.org/protocol/nick'>nick</nick></presence>")
    assert isinstance(event, PresenceReceived)
    assert event.titles == ()


@pytest.mark.parametrize("kind", [OccupantJoined, StatusChanged])
def test_what_a_presence_shows_is_judged(kind: type[OccupantJoined | StatusChanged]) -> None:
    for shown in (replace(OCCUPANT, status=SPAM), replace(OCCUPANT, titles=("x", SPAM))):
        said = Statement.of(kind(at=NOW, room=ROOM, author=shown, anomalies=("doubled-status",)))
        assert said is not None
        assert RULE.examine(said, Person()) is not None
        assert (said.spoken, said.anomalies) == (False, ("doubled-status",))


def test_a_nick_is_judged_and_its_dots_make_no_links() -> None:
    author = replace(OCCUPANT, address=ROOM.with_resource("pills.example.com"))
    said = Statement.of(OccupantJoined(at=NOW, room=ROOM, author=author))
    assert said is not None
    assert LinkRule(others=False).examine(said, Person()) is None
    assert LinkRule(deny=["example.com"]).examine(said, Person()) is not None
    renamed = Statement.of(NickChanged(at=NOW, room=ROOM, author=author, before="x"))
    assert renamed is not None
    assert renamed.text == "pills.example.com"


def test_that_a_room_has_no_subject_is_a_statement_too() -> None:
    said = Statement.of(SubjectChanged(at=NOW, room=ROOM, author=OCCUPANT, subject=""))
    assert said is not None
    assert said.subject


def test_texts_of_the_room_itself_are_not_read_as_forged() -> None:
    reason = (
        "<retract xmlns='urn:xmpp:message-retract:1' id='s1'><moderated xmlns='urn:xmpp:message-moderate:1'/>"
        "<reason>rude</reason></retract>"
    )
    event = groupchat(reason, sender=str(ROOM))
    assert not isinstance(event, RoomMessage)
