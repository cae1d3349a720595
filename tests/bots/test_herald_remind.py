"""The herald's reminders: whose they are, where they are said, and how they are put off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from botkit.model.archive import LogQuery
from botkit.model.events import DirectReactions, RoomMessage, Tick
from botkit.model.messages import Content, Reply, Text
from botkit.model.rooms import Affiliation
from botkit.routing.constraints import Expected
from botkit.routing.spans import NotATime
from botkit.testing.tester import RoomTester
from bots import herald
from bots.herald_reminder import Reminder
from bots.herald_when import take

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)  # a Monday
ALICE = "alice@example.org/phone"


def herald_room(**config: Any) -> RoomTester:
    return RoomTester(herald.module, config=config)


async def last_of_the_bot(room: RoomTester) -> RoomMessage:
    rows = await room.history.find(LogQuery(room=room.address))
    row = next(row for row in reversed(rows) if row.body == room.said[-1])
    me = room.link.room(room.address)
    assert me is not None
    assert me.me is not None
    return RoomMessage(
        at=row.at, room=row.room, author=me.me, content=Content(body=row.body, bodies=(Text(row.body),)),
        archive_id=row.archive_id, message_id=row.message_id,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "first", "rest"),
    [
        ("tomorrow 9:00 water", "2026-01-06 08:00", "water"),
        ("tomorrow at 9 to water", "2026-01-06 08:00", "to water"),
        ("tomorrow at 9 pm tea", "2026-01-06 20:00", "tea"),
        ("in 2h at 9 people come", "2026-01-05 14:00", "at 9 people come"),
        ("every monday 9:00 meeting", "2026-01-12 08:00", "meeting"),
        ("every monday at 9 meeting", "2026-01-12 08:00", "meeting"),
        ("every mon, wed and fri 18:00 run", "2026-01-05 17:00", "run"),
        ("every weekday at 8:45 stand-up", "2026-01-06 07:45", "stand-up"),
        ("every day 9:00 Asia/Tokyo tea", "2026-01-06 00:00", "tea"),
        ("every 15th 9:00 rent", "2026-01-15 08:00", "rent"),
        ("every last friday of the month 16:00 beer", "2026-01-30 15:00", "beer"),
        ("every last day of the month 16:00 count", "2026-01-31 15:00", "count"),
        ("every 2 days feed the cat", "2026-01-07 12:00", "feed the cat"),
    ],
)
def test_times_are_read_in_the_askers_zone(text: str, first: str, rest: str) -> None:
    wanted, end = take(text, NOW, BERLIN)
    assert wanted.first.strftime("%Y-%m-%d %H:%M") == first
    assert wanted.when.next(NOW) == wanted.first
    assert text[end:].strip() == rest


@pytest.mark.parametrize(
    "text", ["9 tea", "yesterday 9:00 tea", "every tea", "every 5m tea", "every monday tea", "every 9 tea",
             "every 40th 9:00 x", "every monday 9:00 Mars/Olympus x", "2h ago tea", "every 1st 9 x", "every"],
)  # fmt: skip
def test_what_says_no_time_is_refused(text: str) -> None:
    with pytest.raises((NotATime, Expected)):
        take(text, NOW, BERLIN)


def test_an_offset_that_has_no_name_does_for_once_but_not_for_always() -> None:
    odd = timezone(timedelta(hours=5, minutes=30))
    assert take("tomorrow 9:00 tea", NOW, odd)[0].first == datetime(2026, 1, 6, 3, 30, tzinfo=UTC)
    with pytest.raises(Expected, match="Asia/Kolkata"):
        take("every day 9:00 tea", NOW, odd)
    assert take("every day 9:00 tea", NOW, timezone(timedelta(hours=2)))[0].zone == "Etc/GMT-2"


async def test_a_reminder_asked_for_in_the_room_is_said_there_by_the_nick_of_then() -> None:
    async with herald_room() as room:
        alice = room.join("alice")
        await alice.says("!remind me in 2h to water the plants")
        assert room.said[0].startswith("Reminder ")
        assert room.said[0].endswith(": Mon 2026-01-05 14:00 (UTC).")
        await alice.renames("alice_away")
        await room.passes(7200)
        assert room.said[1:] == ["alice_away: water the plants"]
        await alice.says("!reminders")
        assert room.said[-1] == "There are no reminders."


async def test_whoever_takes_the_nick_is_not_reminded_but_the_account_is() -> None:
    async with herald_room() as room:
        alice = room.join("alice")
        await alice.says("!remind me in 2h tea")
        await alice.leaves()
        eve = room.join("alice", real="eve@example.org")
        await room.passes(7200)
        assert len(room.said) == 1
        assert eve.received == []
        assert room.sent_to("alice@example.org") == ["Reminder: tea (you asked in room@rooms.example.org)"]


async def test_where_the_account_is_hidden_a_reminder_waits_until_they_come_back() -> None:
    async with herald_room() as room:
        alice = room.join("alice", real=None, occupant_id="a1")
        await alice.says("!remind me in 2h tea")
        await alice.leaves()
        room.join("alice", real=None, occupant_id="e9")
        await room.passes(7200)
        assert len(room.said) == 1
        room.join("ann", real=None, occupant_id="a1")
        await room.settle()
        assert room.said[1:] == ["ann: tea"]
        room.join("ann2", real=None, occupant_id="a1")
        await room.settle()
        assert len(room.said) == 2


async def test_who_cannot_be_known_again_is_told_to_write_directly() -> None:
    async with herald_room() as room:
        alice = room.join("alice", real=None)
        await alice.says("!remind me in 2h tea")
        assert "a chat of our own" in room.said[0]


async def test_what_was_asked_in_private_is_said_in_private() -> None:
    async with herald_room() as room:
        alice = room.join("alice")
        hidden = room.join("hidden", real=None, occupant_id="h")
        await alice.whispers("remind me in 1h tea")
        await hidden.whispers("remind me in 1h soup")
        await room.direct("bob@example.org/x", "remind me in 1h cake")
        await room.passes(3600)
        assert room.said == []
        assert room.sent_to("alice@example.org") == ["Reminder: tea (you asked in room@rooms.example.org)"]
        assert hidden.received[-1] == "Reminder: soup"
        assert room.sent_to("bob@example.org") == ["Reminder: cake"]


async def test_a_room_is_reminded_for_its_members_again_and_again() -> None:
    async with herald_room() as room:
        guest, member = room.join("guest"), room.join("member", affiliation=Affiliation.MEMBER)
        await guest.says("!remind room every monday 9:00 spam")
        await member.says("!remind room every day 13:00 the kettle is on")
        assert "spam" not in " ".join(room.said)
        await room.passes(3600)
        await room.passes(24 * 3600)
        assert room.said[-2:] == ["Reminder: the kettle is on"] * 2


async def test_everybody_sees_and_forgets_their_own() -> None:
    async with herald_room() as room:
        alice, bob = room.join("alice"), room.join("bob")
        await alice.says("!remind me in 2h tea")
        ident = room.said[0].split()[1].rstrip(":")
        await bob.says("!reminders")
        assert room.said[-1] == "There are no reminders."
        await bob.says(f"!forget {ident}")
        assert "no reminder" in room.said[-1]
        await alice.says("!reminders")
        assert room.said[-1] == f"{ident}: Mon 2026-01-05 14:00 (UTC): tea"
        assert await room.direct(ALICE, "reminders") == [f"{ident}: Mon 2026-01-05 14:00 (UTC): tea"]
        await alice.says(f"!forget {ident}")
        assert room.said[-1] == "Forgotten: tea"
        await room.passes(7200)
        assert room.said[-1] == "Forgotten: tea"


async def test_a_room_that_lies_about_somebody_learns_nothing_of_their_own_reminders() -> None:
    async with herald_room() as room:
        await room.direct(ALICE, "remind me in 2h secret")
        liar = room.join("alice")
        await liar.says("!reminders")
        await liar.whispers("reminders")
        assert "secret" not in " ".join(room.said + liar.received)


async def test_a_private_reminder_is_not_listed_for_the_room() -> None:
    async with herald_room() as room:
        alice = room.join("alice")
        await alice.whispers("remind me in 2h secret")
        await alice.says("!reminders")
        assert room.said == ["There are no reminders."]
        [listed] = await alice.whispers("reminders")
        assert "secret" in listed


async def test_nobody_has_more_reminders_than_the_config_allows() -> None:
    async with herald_room(reminders={"per_person": 1}) as room:
        alice = room.join("alice")
        await alice.says("!remind me in 2h tea")
        await alice.says("!remind me in 3h cake")
        assert "No more" in room.said[1]
        await room.join("bob").says("!remind me in 3h cake")
        assert room.said[2].startswith("Reminder ")


async def test_an_answer_to_a_reminder_snoozes_it() -> None:
    async with herald_room() as room:
        alice, bob = room.join("alice"), room.join("bob")
        await alice.says("!remind me in 1h tea")
        await room.passes(3600)
        reminder = await last_of_the_bot(room)
        await bob.replies(reminder, "snooze 5m")
        assert room.said[-1] == "alice: tea"
        await alice.replies(reminder, "snooze 5m")
        assert room.said[-1] == "Again: Mon 2026-01-05 13:05 (UTC)."
        await alice.replies(reminder, "snooze for 20m")
        await room.passes(300)
        assert room.said[-1] == "Again: Mon 2026-01-05 13:20 (UTC)."
        await room.passes(900)
        assert room.said[-1] == "alice: tea"
        await alice.says("!snooze 1h")
        assert room.said[-1] == "Again: Mon 2026-01-05 14:20 (UTC)."


async def test_a_clock_as_reaction_snoozes_for_ten_minutes_until_it_is_taken_back() -> None:
    async with herald_room() as room:
        alice, bob = room.join("alice"), room.join("bob")
        await alice.says("!remind me in 1h tea")
        await room.passes(3600)
        reminder = await last_of_the_bot(room)
        await bob.reacts(reminder, "⏰")
        await alice.reacts(reminder, "👍")
        assert room.said[-1] == "alice: tea"
        await alice.reacts(reminder, "👍", "⏰")
        await alice.reacts(reminder, "⏰")
        assert room.said[2:] == ["Again: Mon 2026-01-05 13:10 (UTC)."]
        await alice.reacts(reminder)
        await room.passes(700)
        assert len(room.said) == 3
        await alice.reacts(reminder, "⏰\ufe0f")
        await room.passes(600)
        assert room.said[-1] == "alice: tea"


async def test_private_reminders_are_snoozed_by_their_message_id() -> None:
    async with herald_room() as room:
        await room.direct(ALICE, "remind me in 1h tea")
        await room.passes(3600)
        [entry] = await herald_shown(room)
        target = entry.removeprefix("shown ")
        alice = room.link.address.parse(ALICE)
        await room.hears(DirectReactions(at=room.clock.now(), sender=alice, target=target, reactions=("⏰",)))
        await room.passes(600)
        assert room.sent_to("alice@example.org") == [
            "Reminder: tea",
            "Again: Mon 2026-01-05 13:10 (UTC).",
            "Reminder: tea",
        ]
        eve = room.link.address.parse("eve@example.org/x")
        await room.hears(DirectReactions(at=room.clock.now(), sender=eve, target=target, reactions=("⏰",)))
        await room.passes(600)
        assert len(room.sent_to("alice@example.org")) == 3


async def herald_shown(room: RoomTester) -> list[str]:
    return list(await room.values.items("herald", "shown "))


async def test_saying_snooze_in_answer_to_something_else_is_nobodys_business() -> None:
    async with herald_room() as room:
        alice, bob = room.join("alice"), room.join("bob")
        said = await bob.says("shall we meet?")
        await alice.replies(said, "snooze 10m")
        await alice.says("snooze 10m", reply=Reply("nothing"))
        assert room.said == []


async def test_late_reminders_say_when_they_were_due() -> None:
    async with herald_room() as room:
        [schedule] = [s for s in room.dispatcher.schedules if s.spec.job == "reminders/say"]
        due, reminder = room.clock.now(), Reminder(text="tea", who="jid:alice@example.org", account="alice@example.org")
        tick = Tick(
            at=due, job="reminders/say", key="k", begun=due + timedelta(hours=3), arguments=reminder.model_dump()
        )
        await room.dispatcher.run_schedule(schedule, tick)
        assert room.sent_to("alice@example.org") == ["Reminder: tea (due 12:00, sent 15:00)"]
