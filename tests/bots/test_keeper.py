"""The keeper as people in the room meet it."""

from __future__ import annotations

from dataclasses import replace

from botkit.errors import Forbidden
from botkit.model.actions import Action, Moderate, SendMessage, SetAffiliation, SetRole, SetSubject
from botkit.model.address import Address
from botkit.model.events import RightsChanged, RoomMessage, RoomStateChanged, StatusChanged, SubjectChanged
from botkit.model.messages import ArchiveId, Content, Reply, Source, Text
from botkit.model.rooms import Affiliation, Occupant, Role, RoomState
from botkit.testing.fakes import make_room
from botkit.testing.tester import RoomTester
from bots import keeper

RULES = {"words": ["casino"], "deny_links": ["evil.example"]}
GENTLE = RULES | {"devoice_after": None, "kick_after": None, "ban_after": None}


def retracted(room: RoomTester) -> list[str]:
    return [action.archive_id for action in room.done if isinstance(action, Moderate)]


def of(room: RoomTester, kind: type[Action]) -> list[Action]:
    return [action for action in room.done if isinstance(action, kind)]


async def test_spam_is_retracted_and_its_author_warned_in_private() -> None:
    async with RoomTester(keeper.module, config=RULES) as room:
        eve = room.join("eve")
        spam = await eve.says("best CASINO in town")
        assert retracted(room) == [spam.archive_id]
        assert len(eve.received) == 1
        assert "unwanted word" in eve.received[0]
        assert room.said == []


async def test_what_was_done_and_why_is_logged() -> None:
    async with RoomTester(keeper.module, config=RULES) as room:
        await room.join("eve").says("see https://evil.example/x")
        values = next(values for _, event, values in room.log.lines if event == "acting")
        assert values["measure"] == "retract"
        assert values["nick"] == "eve"
        assert values["rules"] == ["links"]
        assert "https://evil.example/x" in values["evidence"][0]


async def test_ordinary_talk_is_let_alone() -> None:
    async with RoomTester(keeper.module, config=RULES) as room:
        alice = room.join("alice")
        for text in ("hello", "see https://example.org/x", "how are you?", "ok", "ok", "ok"):
            await alice.says(text)
        assert room.done == []
        assert alice.received == []


async def test_going_on_leads_up_the_ladder_with_the_message_taken_away_first() -> None:
    async with RoomTester(keeper.module, config=RULES) as room:
        eve = room.join("eve")
        for n in range(1, 6):
            await eve.says(f"casino number {n}")
            await room.passes(1)
        assert len(retracted(room)) == 5
        measures = [a for a in room.done if not isinstance(a, Moderate)]
        assert [type(a) for a in measures] == [SetRole, SetRole, SetAffiliation]
        assert isinstance(measures[0], SetRole)
        assert isinstance(measures[1], SetRole)
        assert isinstance(measures[2], SetAffiliation)
        assert (measures[0].role, measures[1].role) == (Role.VISITOR, Role.NONE)
        assert measures[2].address == Address.parse("eve@example.org")
        kinds = [type(a) for a in room.done]
        assert kinds.index(Moderate) < kinds.index(SetRole)
        assert kinds[-2:] == [Moderate, SetAffiliation]


async def test_members_leaders_and_listed_accounts_are_immune() -> None:
    async with RoomTester(keeper.module, config=RULES | {"immune": ["friend@example.org"]}) as room:
        for nick, affiliation in (("m", Affiliation.MEMBER), ("o", Affiliation.OWNER), ("friend", Affiliation.NONE)):
            await room.join(nick, affiliation=affiliation).says("casino")
        assert room.done == []


async def test_members_are_judged_where_the_config_says_so() -> None:
    async with RoomTester(keeper.module, config=RULES | {"immune_members": False}) as room:
        await room.join("m", affiliation=Affiliation.MEMBER).says("casino")
        assert len(retracted(room)) == 1


async def test_spam_said_while_the_bot_was_away_is_retracted_but_nobody_absent_is_kicked() -> None:
    async with RoomTester(keeper.module, config=RULES | {"kick_after": 2}) as room:
        ghost = Occupant(address=room.address.with_resource("ghost"), occupant_id="g1", known=False)
        spam = _archived(room, ghost, "casino")
        await room.hears(spam)
        assert retracted(room) == [spam.archive_id]
        assert of(room, SetRole) == []


async def test_the_author_of_archived_spam_is_kicked_if_the_same_person_is_there_now() -> None:
    async with RoomTester(keeper.module, config=RULES | {"kick_after": 2}) as room:
        room.join("renamed", occupant_id="g1")
        room.join("ghost", occupant_id="other")
        author = Occupant(address=room.address.with_resource("ghost"), occupant_id="g1", known=False)
        await room.hears(_archived(room, author, "casino"))
        assert [a.nick for a in of(room, SetRole) if isinstance(a, SetRole)] == ["renamed"]


async def test_archived_words_of_a_member_who_is_there_now_are_let_alone() -> None:
    async with RoomTester(keeper.module, config=RULES) as room:
        room.join("anna", affiliation=Affiliation.MEMBER, occupant_id="a1")
        author = Occupant(address=room.address.with_resource("anna"), occupant_id="a1", known=False)
        await room.hears(_archived(room, author, "casino"))
        assert room.done == []


async def test_archived_words_of_an_absent_admin_are_let_alone_where_the_account_is_known() -> None:
    async with RoomTester(keeper.module, config=RULES) as room:
        boss = Address.parse("boss@example.org")
        room.link.affiliations[room.address] = {boss: Affiliation.ADMIN}
        author = Occupant(address=room.address.with_resource("boss"), real=boss, known=False)
        await room.hears(_archived(room, author, "casino"))
        assert room.done == []


async def test_archived_words_of_an_absent_member_are_let_alone_after_a_restart() -> None:
    async with RoomTester(keeper.module, config=RULES) as room:
        anna = room.join("anna", affiliation=Affiliation.MEMBER, real=None, occupant_id="a1")
        await room.settle()
        await anna.leaves()
        async with RoomTester(keeper.module, config=RULES) as later:
            for key, value in (await room.values.items("keeper")).items():
                await later.values.put("keeper", key, value)
            await later.hears(_state(later))
            author = Occupant(address=later.address.with_resource("anna"), occupant_id="a1", known=False)
            await later.hears(_archived(later, author, "casino"))
            assert later.done == []


async def test_who_is_no_member_any_more_is_no_exception() -> None:
    async with RoomTester(keeper.module, config=RULES) as room:
        anna = room.join("anna", affiliation=Affiliation.MEMBER, occupant_id="a1")
        await anna.becomes(affiliation=Affiliation.NONE)
        await room.hears(_state(room))
        await anna.leaves()
        author = Occupant(address=room.address.with_resource("anna"), occupant_id="a1", known=False)
        await room.hears(_archived(room, author, "casino"))
        assert len(retracted(room)) == 1


async def test_a_message_that_comes_again_with_the_archive_is_judged_once() -> None:
    async with RoomTester(keeper.module, config=RULES) as room:
        spam = await room.join("eve").says("casino")
        await room.hears(_archived(room, spam.author, "casino", spam.archive_id))
        assert retracted(room) == [spam.archive_id]


async def test_a_correction_that_turns_good_into_bad_takes_both_away() -> None:
    async with RoomTester(keeper.module, config=RULES) as room:
        eve = room.join("eve")
        good = await eve.says("hello all")
        bad = await eve.corrects(good, "casino for all")
        assert retracted(room) == [bad.archive_id, good.archive_id]


async def test_a_message_without_archive_id_costs_its_author_the_voice() -> None:
    async with RoomTester(keeper.module, config=RULES) as room:
        eve = room.join("eve")
        await room.hears(
            RoomMessage(at=room.clock.now(), room=room.address, author=eve.occupant,
                        content=Content(body="casino", bodies=(Text("casino"),)))
        )  # fmt: skip
        assert retracted(room) == []
        assert [type(a) for a in room.done] == [SetRole]
        notes = next(v["notes"] for _, event, v in room.log.lines if event == "acting")
        assert "no archive id" in notes[0]


async def test_each_action_is_told_in_the_log_room() -> None:
    async with RoomTester(keeper.module, config=RULES | {"log_room": "log@rooms.example.org"}) as room:
        room.link.add_room(make_room("log@rooms.example.org"))
        await room.join("eve").says("casino")
        told = [a for a in room.link.done if isinstance(a, SendMessage) and a.groupchat]
        assert [str(a.to) for a in told] == ["log@rooms.example.org"]
        assert "eve: retract; 2 points; unwanted word: casino" in told[0].body


async def test_a_dry_run_says_what_would_be_done_and_does_nothing() -> None:
    async with RoomTester(keeper.module, config=RULES | {"dry_run": True}) as room:
        eve = room.join("eve")
        await eve.says("casino")
        assert room.link.done == []
        assert any(event == "would have acted (dry run)" for _, event, _ in room.log.lines)


async def test_a_flood_is_taken_away_from_where_it_exceeds_the_measure() -> None:
    async with RoomTester(keeper.module, config=GENTLE | {"flood_messages": 4, "flood_seconds": 10}) as room:
        eve = room.join("eve")
        said = [await eve.says(f"line {n}") for n in range(6)]
        assert retracted(room) == [said[4].archive_id, said[5].archive_id]


async def test_the_same_text_for_the_third_time_is_spam() -> None:
    async with RoomTester(keeper.module, config=GENTLE) as room:
        eve = room.join("eve")
        said = [await eve.says("Buy my fine coins!") for _ in range(3)]
        assert retracted(room) == [said[2].archive_id]


async def test_what_the_room_refuses_is_told_once_and_not_tried_again_until_rights_change() -> None:
    async with RoomTester(keeper.module, config=GENTLE) as room:
        room.link.refusing[Moderate] = Forbidden("forbidden", "auth")
        eve = room.join("eve")
        for n in range(3):
            await eve.says(f"casino {n}")
        assert len([e for e in room.log.of("warning") if "refuses" in e]) == 1
        room.link.refusing.clear()
        await eve.says("casino again")
        assert retracted(room) == []
        me = next(o for o in room.link.occupants(room.address) if o.is_self)
        await room.hears(_rights(room, me))
        last = await eve.says("casino and again")
        assert retracted(room) == [last.archive_id]


async def test_a_burst_of_spam_is_one_kick() -> None:
    config = RULES | {"kick_after": 2, "ban_after": None}
    async with RoomTester(keeper.module, config=config) as room:
        eve = room.join("eve")
        author = eve.occupant
        room.link.on_change = None
        for n in range(3):
            await room.hears(
                RoomMessage(at=room.clock.now(), room=room.address, author=author, archive_id=room.archive_id(),
                            content=Content(body=f"casino {n}", bodies=(Text(f"casino {n}"),)))
            )  # fmt: skip
            room.link.set_occupant(author)
        assert len(of(room, SetRole)) == 1
        assert len(retracted(room)) == 3


async def test_whoever_takes_over_the_nick_of_a_spammer_is_let_alone() -> None:
    async with RoomTester(keeper.module, config=RULES | {"kick_after": 2}) as room:
        eve = room.join("eve", real="eve@evil.example")
        author = eve.occupant
        await eve.leaves()
        room.join("eve", real="innocent@example.org")
        await room.hears(
            RoomMessage(at=room.clock.now(), room=room.address, author=author, archive_id=ArchiveId("x1"),
                        content=Content(body="casino", bodies=(Text("casino"),)))
        )  # fmt: skip
        assert retracted(room) == ["x1"]
        assert of(room, SetRole) == []


async def test_a_bad_rule_stops_at_the_limit_of_actions() -> None:
    config = RULES | {"words": ["hello"], "kick_after": 2, "limits": {"persons_per_minute": 3}}
    async with RoomTester(keeper.module, config=config) as room:
        for n in range(6):
            await room.join(f"guest{n}").says("hello")
        assert len(of(room, SetRole)) == 3
        assert len(retracted(room)) == 6
        assert len([e for e in room.log.of("error") if "stopped acting" in e]) == 1


async def test_the_subject_that_was_there_before_the_bot_is_nobodys_spam() -> None:
    async with RoomTester(keeper.module, config=RULES) as room:
        eve = room.join("eve")
        await room.hears(_subject(room, eve.occupant, "casino night"))
        assert room.link.done == []


async def test_a_bad_subject_is_set_back() -> None:
    async with RoomTester(keeper.module, config=RULES) as room:
        eve = room.join("eve")
        await room.hears(_subject(room, eve.occupant, "all welcome"))
        await room.hears(_subject(room, eve.occupant, "casino night"))
        assert of(room, SetSubject) == [SetSubject(room=room.address, subject="all welcome")]


async def test_a_bad_status_is_warned_about_once() -> None:
    async with RoomTester(keeper.module, config=RULES) as room:
        eve = room.join("eve")
        await eve.leaves()
        eve = room.join("eve")
        shown = replace(eve.occupant, status="best casino")
        room.link.set_occupant(shown)
        for _ in range(4):
            await room.hears(StatusChanged(at=room.clock.now(), room=room.address, author=shown))
        assert len(eve.received) == 1
        assert room.done == []


async def test_the_stock_bodies_of_encrypted_messages_are_no_repetition() -> None:
    async with RoomTester(keeper.module, config=RULES) as room:
        alice = room.join("alice")
        for _ in range(5):
            await alice.says("I sent you an OMEMO encrypted message", encrypted=True)
        assert room.link.done == []


async def test_without_message_moderation_spam_costs_its_author_the_voice() -> None:
    async with RoomTester(keeper.module, config=RULES) as room:
        info = room.link.room(room.address)
        assert info is not None
        room.link.add_room(replace(info, features=frozenset()))
        await room.join("eve").says("casino")
        assert [type(a) for a in room.done] == [SetRole]


async def test_a_bot_without_rights_says_what_it_cannot_do() -> None:
    async with RoomTester(keeper.module, config=RULES | {"ban_after": 2}, affiliation=Affiliation.NONE) as room:
        await room.join("eve").says("casino")
        assert room.done == []
        notes = " ".join(next(v["notes"] for _, event, v in room.log.lines if event == "acting"))
        assert "cannot retract" in notes
        assert "cannot ban" in notes


# --- commands --------------------------------------------------------------------------------------------------


async def test_an_admin_bans_by_nick_and_the_account_is_banned() -> None:
    async with RoomTester(keeper.module) as room:
        room.join("eve")
        await room.join("boss", affiliation=Affiliation.ADMIN).says("!ban eve enough of it")
        bans = of(room, SetAffiliation)
        assert bans == [
            SetAffiliation(room=room.address, address=Address.parse("eve@example.org"),
                           affiliation=Affiliation.OUTCAST, reason="enough of it")
        ]  # fmt: skip
        assert room.said == ["eve: banned."]


async def test_an_admin_bans_somebody_absent_by_jid() -> None:
    async with RoomTester(keeper.module) as room:
        await room.join("boss", affiliation=Affiliation.ADMIN).says("!ban mallory@evil.example")
        assert [a.address for a in of(room, SetAffiliation) if isinstance(a, SetAffiliation)] == [
            Address.parse("mallory@evil.example")
        ]


async def test_a_whole_server_is_banned_only_when_that_is_said() -> None:
    async with RoomTester(keeper.module) as room:
        boss = room.join("boss", affiliation=Affiliation.ADMIN)
        await boss.says("!ban evil.example")
        assert of(room, SetAffiliation) == []
        await boss.says("!ban --server evil.example")
        assert len(of(room, SetAffiliation)) == 1


async def test_a_participant_may_not_ban() -> None:
    async with RoomTester(keeper.module) as room:
        room.join("alice")
        await room.join("eve").says("!ban alice")
        assert room.done == []


async def test_a_message_is_retracted_by_replying_to_it() -> None:
    async with RoomTester(keeper.module) as room:
        bad = await room.join("eve").says("something")
        boss = room.join("boss", affiliation=Affiliation.ADMIN)
        await boss.says("!retract", reply=Reply(bad.archive_id or ""))
        assert retracted(room) == [bad.archive_id]


async def test_moderators_mute_unmute_kick_and_warn() -> None:
    async with RoomTester(keeper.module) as room:
        eve = room.join("eve")
        boss = room.join("boss", affiliation=Affiliation.ADMIN)
        for line in ("!mute eve", "!unmute eve", "!warn eve be nice", "!kick eve"):
            await boss.says(line)
        roles = [a.role for a in of(room, SetRole) if isinstance(a, SetRole)]
        assert roles == [Role.VISITOR, Role.PARTICIPANT, Role.NONE]
        assert any("be nice" in text for text in room.sent_to(eve.occupant.address))


async def test_what_the_room_refuses_is_said_to_who_asked() -> None:
    async with RoomTester(keeper.module) as room:
        room.link.refusing[SetRole] = Forbidden("not-allowed", "cancel")
        room.join("eve")
        await room.join("boss", affiliation=Affiliation.ADMIN).says("!kick eve")
        assert len(room.said) == 1
        assert room.said[0].startswith("Not done:")


async def test_status_tells_rights_rules_and_deeds() -> None:
    async with RoomTester(keeper.module, config=RULES) as room:
        await room.join("eve").says("casino")
        await room.join("boss", affiliation=Affiliation.ADMIN).says("!status")
        assert "admin, moderator" in room.said[0]
        assert "retract 1" in room.said[0]


def _archived(room: RoomTester, author: Occupant, text: str, archive_id: ArchiveId | None = None) -> RoomMessage:
    return RoomMessage(
        at=room.clock.now(),
        room=room.address,
        author=author,
        content=Content(body=text, bodies=(Text(text),)),
        archive_id=archive_id or room.archive_id(),
        source=Source.ARCHIVE,
    )


def _subject(room: RoomTester, author: Occupant, text: str) -> SubjectChanged:
    return SubjectChanged(at=room.clock.now(), room=room.address, author=author, subject=text)


def _rights(room: RoomTester, me: Occupant) -> RightsChanged:
    return RightsChanged(at=room.clock.now(), room=room.address, author=me, before=me)


def _state(room: RoomTester) -> RoomStateChanged:
    at = room.clock.now()
    return RoomStateChanged(at=at, room=room.address, state=RoomState.JOINED, before=RoomState.JOINING)
