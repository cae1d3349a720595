"""Room handles: nothing is done against the wrong one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from botkit.errors import Forbidden, MisuseError
from botkit.model.actions import Moderate, React, RetractOwn, SendMessage, SetAffiliation, SetRole, SetSubject
from botkit.model.address import Address
from botkit.model.events import RoomMessage
from botkit.model.messages import ArchiveId, Content
from botkit.model.rooms import Affiliation, Occupant, Role
from botkit.routing.handles import CannotIdentify, NotDone, NotSamePerson, RoomHandle
from botkit.testing.fakes import NOON, FakeLink, make_occupant, make_room

ROOM = Address.parse("room@rooms.example.org")


@pytest.fixture
def link() -> FakeLink:
    link = FakeLink("bot@example.org/botkit")
    link.add_room(make_room(ROOM))
    return link


@pytest.fixture
def room(link: FakeLink) -> RoomHandle:
    return RoomHandle(ROOM, link)


def there(link: FakeLink, nick: str, **more: object) -> Occupant:
    occupant = make_occupant(ROOM, nick, **more)  # type: ignore[arg-type]
    link.set_occupant(occupant)
    return occupant


async def test_what_is_said_may_ask_to_be_shown_as_it_is(link: FakeLink, room: RoomHandle) -> None:
    await room.say("> _ <", unstyled=True)
    assert link.done == [SendMessage(to=ROOM, body="> _ <", groupchat=True, unstyled=True)]


async def test_a_shared_file_is_a_message_of_its_url_alone(link: FakeLink, room: RoomHandle) -> None:
    await room.share(b"picture", name="chart.png")
    [url] = link.uploads
    assert link.done == [SendMessage(to=ROOM, body=url, url=url, groupchat=True)]
    assert link.uploads[url] == b"picture"


async def test_kick_devoice_and_voice_set_the_role(link: FakeLink, room: RoomHandle) -> None:
    bob = there(link, "bob", real="bob@example.org")
    await room.devoice(bob, "noise")
    await room.voice(bob)
    await room.kick(bob)
    assert link.done == [
        SetRole(room=ROOM, nick="bob", role=Role.VISITOR, reason="noise"),
        SetRole(room=ROOM, nick="bob", role=Role.PARTICIPANT),
        SetRole(room=ROOM, nick="bob", role=Role.NONE),
    ]
    assert room.find("bob") is None


@pytest.mark.parametrize("act", ["kick", "devoice", "voice"])
@pytest.mark.parametrize(
    ("then", "now"),
    [
        ({"real": "bob@example.org"}, {"real": "carol@example.org"}),
        ({"real": "bob@example.org"}, {}),
        ({}, {"real": "carol@example.org"}),
        ({"occupant_id": "1"}, {"occupant_id": "2"}),
        ({"occupant_id": "1"}, {}),
        ({"known": False}, {}),
        ({}, {"role": Role.VISITOR}),
        ({"real": "bob@example.org"}, None),
    ],
)
async def test_nothing_is_done_to_who_took_the_nick_over(
    link: FakeLink, room: RoomHandle, act: str, then: dict[str, object], now: dict[str, object] | None
) -> None:
    bob = there(link, "bob", **then)
    link.remove_occupant(bob.address)
    if now is not None:
        there(link, "bob", **now)
    with pytest.raises(NotSamePerson, match="not the same person any more"):
        await getattr(room, act)(bob)
    assert link.done == []


@pytest.mark.parametrize("identity", [{"real": "bob@example.org"}, {"occupant_id": "1"}, {}])
async def test_the_same_person_is_kicked(link: FakeLink, room: RoomHandle, identity: dict[str, object]) -> None:
    bob = there(link, "bob", **identity)
    await room.kick(bob)
    assert room.find("bob") is None


async def test_a_change_of_rights_makes_nobody_another_person(link: FakeLink, room: RoomHandle) -> None:
    bob = there(link, "bob", real="bob@example.org/phone")
    link.set_occupant(replace(bob, role=Role.VISITOR, status="away"))
    await room.kick(bob)
    assert room.find("bob") is None


@pytest.mark.parametrize("act", ["kick", "devoice", "ban"])
@pytest.mark.parametrize("affiliation", [Affiliation.ADMIN, Affiliation.OWNER])
async def test_owners_and_admins_are_left_alone(
    link: FakeLink, room: RoomHandle, act: str, affiliation: Affiliation
) -> None:
    boss = there(link, "boss", real="boss@example.org", affiliation=affiliation)
    with pytest.raises(MisuseError):
        await getattr(room, act)(boss)
    assert link.done == []


@pytest.mark.parametrize("act", ["kick", "devoice", "ban"])
async def test_we_do_nothing_to_ourselves(link: FakeLink, room: RoomHandle, act: str) -> None:
    me = room.me
    assert me is not None
    with pytest.raises(MisuseError):
        await getattr(room, act)(me)
    assert link.done == []


async def test_a_ban_hits_the_real_bare_jid(link: FakeLink, room: RoomHandle) -> None:
    bob = there(link, "bob", real="bob@example.org/phone")
    await room.ban(bob, "spam")
    await room.unban(Address.parse("bob@example.org/other"))
    bare = Address.parse("bob@example.org")
    assert link.done == [
        SetAffiliation(room=ROOM, address=bare, affiliation=Affiliation.OUTCAST, reason="spam"),
        SetAffiliation(room=ROOM, address=bare, affiliation=Affiliation.NONE),
    ]


async def test_lifting_a_ban_takes_no_membership_away(link: FakeLink, room: RoomHandle) -> None:
    there(link, "bob", real="bob@example.org/phone", affiliation=Affiliation.MEMBER)
    with pytest.raises(NotDone, match="is not banned"):
        await room.unban(Address.parse("bob@example.org"))
    assert link.done == []


async def test_a_hidden_account_cannot_be_banned(link: FakeLink, room: RoomHandle) -> None:
    with pytest.raises(CannotIdentify, match="hides 'bob'"):
        await room.ban(there(link, "bob", occupant_id="1"))
    assert link.done == []


@pytest.mark.parametrize(
    "target",
    ["bot@example.org", "bot@example.org/x", "owner@far.example", "far.example", "example.org", str(ROOM)],
)
async def test_a_ban_by_address_spares_ourselves_the_room_and_its_leaders_even_when_absent(
    link: FakeLink, room: RoomHandle, target: str
) -> None:
    link.affiliations[ROOM] = {Address.parse("owner@far.example"): Affiliation.OWNER}
    with pytest.raises(MisuseError):
        await room.ban(Address.parse(target))
    assert link.done == []


async def test_a_stranger_and_a_strange_server_can_be_banned(link: FakeLink, room: RoomHandle) -> None:
    await room.ban(Address.parse("eve@bad.example/x"))
    await room.ban(Address.parse("bad.example"))
    assert [str(a.address) for a in link.done if isinstance(a, SetAffiliation)] == ["eve@bad.example", "bad.example"]


async def test_where_the_lists_are_not_shown_to_us_the_room_judges_the_ban(
    link: FakeLink, room: RoomHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: object) -> None:
        raise Forbidden("forbidden", "auth")

    monkeypatch.setattr(link, "affiliated", refused)
    await room.ban(Address.parse("eve@bad.example"))
    assert len(link.done) == 1


async def test_an_occupant_of_another_room_is_refused(link: FakeLink, room: RoomHandle) -> None:
    stranger = make_occupant("other@rooms.example.org", "bob")
    for act in (room.kick, room.ban, room.voice):
        with pytest.raises(MisuseError, match="is not in"):
            await act(stranger)


def said(link: FakeLink, nick: str, archive_id: str | None) -> RoomMessage:
    author = link.occupant(ROOM.with_resource(nick)) or make_occupant(ROOM, nick)
    found = ArchiveId(archive_id) if archive_id else None
    return RoomMessage(at=NOON, room=ROOM, author=author, content=Content(body="x"), archive_id=found)


async def test_messages_are_retracted_by_archive_id_our_own_as_ours(link: FakeLink, room: RoomHandle) -> None:
    await room.retract(said(link, "bob", "a1"), "spam")
    await room.retract(ArchiveId("a2"))
    await room.retract(said(link, "bot", "a3"))
    await room.react(said(link, "bob", "a1"), "👍")
    await room.set_subject("tea")
    assert link.done == [
        Moderate(room=ROOM, archive_id=ArchiveId("a1"), reason="spam"),
        Moderate(room=ROOM, archive_id=ArchiveId("a2")),
        RetractOwn(to=ROOM, target="a3", groupchat=True),
        React(to=ROOM, target="a1", reactions=("👍",), groupchat=True),
        SetSubject(room=ROOM, subject="tea"),
    ]


async def test_a_message_without_archive_id_cannot_be_retracted(link: FakeLink, room: RoomHandle) -> None:
    with pytest.raises(MisuseError, match="no archive id"):
        await room.retract(said(link, "bob", None))


def test_occupants_are_found_by_nick_and_by_account(link: FakeLink, room: RoomHandle) -> None:
    phone = there(link, "bob", real="bob@example.org/phone")
    desk = there(link, "bob2", real="bob@example.org/desk", affiliation=Affiliation.MEMBER)
    assert room.find("bob") == phone
    assert room.find("") is None
    assert room.find("nobody") is None
    assert room.by_account(Address.parse("bob@example.org/anything")) == desk
    assert room.by_account(Address.parse("eve@example.org")) is None
    assert room.info is not None
    assert len(room.occupants()) == 3


async def test_texts_that_cannot_be_sent_are_refused(room: RoomHandle) -> None:
    for text in ("", "x" * 10_001):
        with pytest.raises(MisuseError):
            await room.say(text)
