"""The table of tricks through a real server: what it relays reaches a handler, and the keeper finds the text in it.

All of them are said in one room to one bot, once for each generation of Prosody; then each is a test of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import pytest

from botkit.model.address import Address
from botkit.model.events import (
    Departure,
    DirectMessage,
    Event,
    InvitationReceived,
    MessageModerated,
    NickChanged,
    OccupantJoined,
    OccupantLeft,
    PrivateMessage,
    ReactionsChanged,
    RoomMessage,
    RoomNotice,
    StatusChanged,
    SubjectChanged,
    TombstoneSeen,
)
from botkit.model.messages import Source
from botkit.services.moderation import Statement
from botkit.testing.prosody import Generation, Prosody
from tests.server.clients import Client
from tests.server.running import NICK, Stay, running_app, write_config
from tests.server.wire import is_message, stanza_id
from tests.tricks import TRICKS, Trick, filled

pytestmark = pytest.mark.server

_RECORDER = """
from pydantic import BaseModel

from botkit import Context, Module, Router
from botkit.model.events import Event

router = Router("recorder")

@router.on(Event)
async def record(ctx: Context[BaseModel], event: Event) -> None:
    "Tells all that handlers are given."
    ctx.log.info("handled", what=event)

module = Module(name="recorder", router=router)
"""
_SETTINGS = """
[modules.keeper]
use = "bots.keeper"
words = ["casino*"]
dry_run = true
flood_messages = 60
malformed_points = 1
[modules.recorder]
use = "./recorder.py"
"""


@dataclass
class Told:
    """What one run of the table gave. ``handled`` is every event that a handler was given, ``found`` what the keeper
    told of its findings, ``sent`` what the server passed on to another client, by the text in it."""

    room: str
    spammer: str
    handled: list[Event] = field(default_factory=list)
    found: str = ""
    relayed: list[Element] = field(default_factory=list)
    account: Address | None = None  # the spammer's bare JID

    def event(self, text: str) -> Any:
        """The one event that shows ``text``."""
        [event] = [event for event in self.handled if text in _shown(event)]
        return event

    def shown(self, text: str) -> bool:
        """Whether any event shows ``text``."""
        return any(text in _shown(event) for event in self.handled)


def _shown(event: Event) -> str:
    if isinstance(event, PrivateMessage | DirectMessage):
        return event.content.everything
    # A reaction beside a text is told with it, and on its own: as one and the same.
    said = Statement.of(event) if isinstance(event, RoomMessage | SubjectChanged | ReactionsChanged) else None
    return said.text if said is not None else ""


def _spam(trick: Trick) -> str:
    return f"casino{TRICKS.index(trick):03}"


_PRESENCES = {
    "status": "<status>casinostatus</status>",
    "status in a second language": "<status>away</status><status xml:lang='de'>casinolanguage</status>",
    "nickname": "<nick xmlns='http://jabber.org/protocol/nick'>casinonickname</nick>",
    "hat": "<hats xmlns='urn:xmpp:hats:0'><hat title='casinohat' uri='x'/></hats>",
    "status beside an item of the sender's own": "<x xmlns='http://jabber.org/protocol/muc#user'><item role='x' "
    "affiliation='owner'/><status code='110'/></x><status>casinoitem</status>",
    "status beside an error": "<error type='cancel'/><status>casinoerror</status>",
    "status beside an occupant-id": "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='x'/><status>casinoid</status>",
    "status beside a delay": "<delay xmlns='urn:xmpp:delay'/><status>casinodelay</status>",
    "status beside stray text": "stray<status>casinostray</status>",
}
_WORDS = {name: "casino" + xml.partition("casino")[2].split("<")[0].split("'")[0] for name, xml in _PRESENCES.items()}

# How messages are sent that are no ordinary groupchat; what Prosody 0.12.3 and 13 make of each.
_SENT = {
    "without a type to the room": ("<message to='{room}'>{body}</message>", None),
    "of type normal to the room": ("<message type='normal' to='{room}'>{body}</message>", None),
    "of type chat to the room": ("<message type='chat' to='{room}'>{body}</message>", None),
    "of type headline to the room": ("<message type='headline' to='{room}'>{body}</message>", None),
    "of an unknown type to the room": ("<message type='weird' to='{room}'>{body}</message>", None),
    "of type groupchat to an occupant": ("<message type='groupchat' to='{bot}'>{body}</message>", None),
    "of type chat to an occupant": ("<message type='chat' to='{bot}'>{body}</message>", PrivateMessage),
    "without a type to an occupant": ("<message to='{bot}'>{body}</message>", PrivateMessage),
    "of type headline to an occupant": ("<message type='headline' to='{bot}'>{body}</message>", PrivateMessage),
    "of an unknown type to an occupant": ("<message type='weird' to='{bot}'>{body}</message>", PrivateMessage),
    "of type chat to the account": ("<message type='chat' to='{account}'>{body}</message>", DirectMessage),
    "of type groupchat to the account": ("<message type='groupchat' to='{account}'>{body}</message>", RoomMessage),
    "of type headline to the account": ("<message type='headline' to='{account}'>{body}</message>", DirectMessage),
    "with a carbon to the account": (
        "<message type='chat' to='{account}'><received xmlns='urn:xmpp:carbons:2'>"
        "<forwarded xmlns='urn:xmpp:forward:0'>"
        "<message xmlns='jabber:client' type='groupchat' from='{room}/owner'><body>hidden</body></message></forwarded>"
        "</received>{body}</message>",
        DirectMessage,
    ),
    "with an archive result to the account": (
        "<message to='{account}'><result xmlns='urn:xmpp:mam:2' id='x' queryid='1'><forwarded "
        "xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' type='groupchat' from='{room}/owner'><body>hidden"
        "</body></message></forwarded></result>{body}</message>",
        DirectMessage,
    ),
    "with a moderation to the account": (
        "<message to='{account}'><retract xmlns='urn:xmpp:message-retract:1' id='s1'><moderated "
        "xmlns='urn:xmpp:message-moderate:1'/></retract>{body}</message>",
        DirectMessage,
    ),
}
_DOCUMENTS_REFUSED = {
    "control character": "<message type='groupchat' to='{room}'><body>casinorefused&#x1;</body></message>",
    "end of text": "<message type='groupchat' to='{room}'><body>casinorefused&#x0;</body></message>",
    "undeclared entity": "<message type='groupchat' to='{room}'><body>casinorefused&nbsp;</body></message>",
    "comment": "<message type='groupchat' to='{room}'><body>casino<!-- -->refused</body></message>",
    "processing instruction": "<message type='groupchat' to='{room}'><body>casino<?x y?>refused</body></message>",
    "undeclared prefix": "<message type='groupchat' to='{room}'><y:x/><body>casinorefused</body></message>",
}


def _word(sent: str) -> str:
    return f"casinosent{list(_SENT).index(sent):02}"


@asynccontextmanager
async def _person(server: Prosody, name: str) -> AsyncIterator[Client]:
    await server.add_account(name, "secret")
    client = await Client.connect(server, name, "r")
    try:
        yield client
    finally:
        await client.close()


async def _play(server: Prosody, folder: Path) -> Told:
    """Say all of it; returns when the bot has handled the last of it."""
    room = f"tricks-{folder.name}@{server.muc}"
    bot, spammer = f"bot-{folder.name}", f"spammer-{folder.name}"
    (folder / "recorder.py").write_text(_RECORDER)
    await server.add_account(bot, "secret")
    async with _person(server, f"owner-{folder.name}") as owner, _person(server, spammer) as person:
        await owner.create_room(
            room, "owner", config={"changesubject": True}, affiliations={f"{bot}@{server.domain}": "admin"}
        )
        async with running_app(write_config(folder, server, bot, [room], _SETTINGS)) as stay:
            told = Told(room, f"{room}/spammer", account=Address.parse(person.bare))
            await owner.say(room, "an innocent message", number="owner-1")
            await person.join(room, "spammer")
            for trick in TRICKS:
                xml = filled(trick, spam=_spam(trick), room=room, nick=told.spammer)
                person.send_xml(f"<message type='groupchat' to='{room}' id='itself'>{xml}</message>")
            places = {"room": room, "bot": f"{room}/{NICK}", "account": str(stay.app.link.address)}
            for name, (xml, _) in _SENT.items():
                person.send_xml(xml.format(**places, body=f"<body>{_word(name)}</body>"))
            person.send_xml(f"<message type='groupchat' to='{room}'><subject>casinosubject</subject></message>")
            person.send_xml(
                f"<message type='groupchat' to='{room}'><subject>tea</subject>"
                "<subject xml:lang='de'>casinoslot</subject></message>"
            )
            for xml in _PRESENCES.values():
                person.send_xml(f"<presence to='{told.spammer}'>{xml}</presence>")
            person.send_xml(f"<presence to='{room}/casinonick'/>")
            await _refused(server, folder.name, room)
            await person.say(room, "casinolast")
            await person.say(room, "the end")
            await _settle(stay, told)
            told.relayed = [e for e in owner.received if is_message(e)]
    return told


async def _refused(server: Prosody, name: str, room: str) -> None:
    """Each by a client of its own, which the server puts out for it."""

    async def one(number: int, xml: str) -> None:
        async with _person(server, f"casinojoin{number}-{name}") as client:
            client.send_xml(
                f"<presence to='{room}/casinojoin{number}'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
            )
            client.send_xml(xml.format(room=room))
            await client.ended()

    await asyncio.gather(*(one(number, xml) for number, xml in enumerate(_DOCUMENTS_REFUSED.values())))


async def _settle(stay: Stay, told: Told) -> None:
    def handled() -> list[Event]:
        return [line["what"] for line in stay.told("handled")]

    def found() -> str:
        return "\n".join(str(line["evidence"]) for line in stay.logs if "evidence" in line)

    await stay.until(lambda: any(isinstance(e, RoomMessage) and e.body == "the end" for e in handled()))
    await stay.until(lambda: "casinolast" in found())  # the keeper has a lane of its own
    told.handled = handled()
    told.found = found()


@pytest.fixture(scope="module")
def told(server: Prosody, tmp_path_factory: pytest.TempPathFactory) -> Told:
    return asyncio.run(_play(server, tmp_path_factory.mktemp("evasion")))


# --- seen ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trick", [pytest.param(trick, id=trick.name) for trick in TRICKS])
def test_handler_and_keeper_see(told: Told, trick: Trick) -> None:
    seen = [event for event in told.handled if _spam(trick) in _shown(event)]
    assert seen
    assert _spam(trick) in told.found
    for event in seen:
        assert (event.source, event.author.nick, event.author.known) == (Source.LIVE, "spammer", True)
        assert event.author.real.bare == told.account
        assert getattr(event, "archive_id", None) != "forged"
        assert abs(event.at - datetime.now(UTC)) < timedelta(minutes=5)
        assert trick.odd in event.anomalies if trick.odd and not trick.stripped else event.anomalies == ()


@pytest.mark.parametrize("name", _PRESENCES)
def test_handler_and_keeper_see_in_a_presence(told: Told, generation: Generation, name: str) -> None:
    word = _WORDS[name]
    if name == "hat" and generation is Generation.V13:  # 13.0 takes them out of what occupants send, 0.12.3 does not
        assert not any(word in _presence_text(e) for e in told.handled if isinstance(e, StatusChanged))
        return
    [event] = [e for e in told.handled if isinstance(e, StatusChanged) and word in _presence_text(e)]
    assert (event.author.nick, event.author.affiliation.word) == ("spammer", "none")
    assert word in told.found


def _presence_text(event: StatusChanged | OccupantJoined | NickChanged) -> str:
    return "\n".join((event.author.nick, event.author.status or "", *event.author.titles))


def test_handler_and_keeper_see_a_nick_of_somebody_new(told: Told) -> None:
    joined = [event.author.nick for event in told.handled if isinstance(event, OccupantJoined)]
    assert set(joined) >= {f"casinojoin{number}" for number in range(len(_DOCUMENTS_REFUSED))}
    # Whoever is gone when the keeper comes to look is nobody to act against.
    assert any(nick in told.found for nick in joined)


def test_handler_and_keeper_see_a_nick_that_somebody_takes(told: Told) -> None:
    [event] = [event for event in told.handled if isinstance(event, NickChanged)]
    assert (event.before, event.author.nick) == ("spammer", "casinonick")
    assert "casinonick" in told.found


def test_handler_and_keeper_see_the_first_subject_of_a_room(told: Told) -> None:
    assert isinstance(told.event("casinosubject"), SubjectChanged)
    assert "casinosubject" in told.found


def test_subject_in_a_second_language_is_not_passed_on(told: Told) -> None:
    """Prosody 0.12.3 and 13.0 make a subject of the first text alone."""
    assert isinstance(told.event("tea"), SubjectChanged)
    assert not told.shown("casinoslot")


@pytest.mark.parametrize("name", _SENT)
def test_message(told: Told, name: str) -> None:
    """What Prosody 0.12.3 and 13.0 pass on reaches a handler; what they refuse (None in the table) nobody sees."""
    expected = _SENT[name][1]
    if expected is None:
        assert not told.shown(_word(name))
    else:
        assert isinstance(told.event(_word(name)), expected)


# --- not believed -------------------------------------------------------------------------------------------------


def test_nothing_that_was_forged_is_believed(told: Told) -> None:
    kinds = (MessageModerated, TombstoneSeen, RoomNotice, InvitationReceived)
    assert [event for event in told.handled if isinstance(event, kinds)] == []
    assert "hidden" not in "".join(map(_shown, told.handled))
    left = [event for event in told.handled if isinstance(event, OccupantLeft)]
    assert {event.how for event in left} == {Departure.LEFT}
    assert all(event.author.nick.startswith("casinojoin") for event in left)


def test_archive_ids_are_those_of_the_room(told: Told) -> None:
    given = {stanza_id(e, told.room) for e in told.relayed if e.find("{urn:xmpp:sid:0}stanza-id") is not None}
    ids = [event.archive_id for event in told.handled if isinstance(event, RoomMessage) and event.archive_id]
    assert len(ids) > 100
    assert set(ids) <= given


def test_a_groupchat_of_an_account_is_no_message_of_a_room_of_ours(told: Told) -> None:
    event = told.event(_word("of type groupchat to the account"))
    assert str(event.room) != told.room
    assert not event.author.known


@pytest.mark.parametrize("name", ["with a carbon to the account", "with an archive result to the account",
                                  "with a moderation to the account"])  # fmt: skip
def test_a_claim_to_the_account_is_named(told: Told, name: str) -> None:
    [odd] = told.event(_word(name)).anomalies
    assert odd.startswith("forged-")


# --- refused by the server ----------------------------------------------------------------------------------------


def test_documents_that_the_server_refuses_reach_nobody(told: Told) -> None:
    """Prosody 0.12.3 and 13.0 end the sender's stream for each of them (RFC 6120 §4.9.3.13, §11.1)."""
    assert not told.shown("casinorefused")
