from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from botkit.errors import ItemNotFound, LinkClosed, MisuseError, OutboxFull, RequestTimeout, StanzaError
from botkit.model.actions import Action, Moderate, Priority, React, SendMessage, Sent, SetAffiliation, SetRole
from botkit.model.address import Address
from botkit.model.events import StreamEstablished
from botkit.model.messages import ArchiveId, MessageId, Reply
from botkit.model.rooms import Affiliation, Role
from botkit.services.outbox.settings import LoopSettings, Rate
from botkit.testing.fakes import FakeClock, FakeLink, make_occupant, make_room
from tests.unit.services.outbox.rig import BOT, OTHER, ROOM, Rig, kinds, rig, say

# --- pace -----------------------------------------------------------------------------------------------------


async def test_a_burst_goes_at_once_and_the_rest_at_the_rate() -> None:
    async with rig() as r:
        tasks = [asyncio.create_task(r.outbox.perform(say(str(n)))) for n in range(5)]
        await r.settle()
        assert r.said == ["0", "1"]
        await r.advance(1)
        assert r.said == ["0", "1", "2"]
        await r.advance(2)
        assert r.said == ["0", "1", "2", "3", "4"]
        await asyncio.gather(*tasks)


async def test_a_room_that_waits_holds_up_no_other() -> None:
    async with rig() as r:
        tasks = [asyncio.create_task(r.outbox.perform(say(str(n)))) for n in range(5)]
        await r.settle()
        await r.outbox.perform(say("elsewhere", to=OTHER))
        assert r.said == ["0", "1", "elsewhere"]
        for task in tasks:
            task.cancel()


async def test_all_rooms_share_the_rate_of_the_account() -> None:
    async with rig(account=Rate(per_second=1.0, burst=1)) as r:
        tasks = [asyncio.create_task(r.outbox.perform(say(t.domain, to=t))) for t in (ROOM, OTHER)]
        await r.settle()
        assert len(r.said) == 1
        await r.advance(1)
        assert len(r.said) == 2
        await asyncio.gather(*tasks)


async def test_urgent_goes_first_and_equals_in_order() -> None:
    async with rig(room=Rate(per_second=1.0, burst=1)) as r:
        await r.outbox.perform(say("first"))
        order = [Priority.CHATTER, Priority.NOTICE, Priority.REPLY, Priority.CHATTER, Priority.REPLY]
        tasks = []
        for number, priority in enumerate(order):
            tasks.append(asyncio.create_task(r.outbox.perform(say(f"{priority.name} {number}", priority=priority))))
            await r.settle()
        await r.advance(10)
        assert r.said == ["first", "REPLY 2", "REPLY 4", "NOTICE 1", "CHATTER 0", "CHATTER 3"]
        await asyncio.gather(*tasks)


async def test_moderation_waits_for_no_talk() -> None:
    async with rig(account=Rate(per_second=1.0, burst=1)) as r:
        r.link.set_occupant(make_occupant(ROOM, "mallory"))
        tasks = [asyncio.create_task(r.outbox.perform(say(str(n)))) for n in range(8)]
        await r.settle()
        for number in range(20):
            await r.outbox.perform(Moderate(room=ROOM, archive_id=ArchiveId(str(number))))
        await r.outbox.perform(SetRole(room=ROOM, nick="mallory", role=Role.NONE))
        assert kinds(r.link.done) == ["SendMessage", *["Moderate"] * 20, "SetRole"]
        for task in tasks:
            task.cancel()


async def test_talk_pays_for_what_moderation_took_on_credit() -> None:
    async with rig(account=Rate(per_second=1.0, burst=2)) as r:
        for number in range(4):
            await r.outbox.perform(Moderate(room=ROOM, archive_id=ArchiveId(str(number))))
        task = asyncio.create_task(r.outbox.perform(say("later")))
        await r.advance(2)
        assert r.said == []
        await r.advance(1)
        assert r.said == ["later"]
        await task


# --- bounds ---------------------------------------------------------------------------------------------------


async def test_a_full_queue_refuses_whoever_calls_and_keeps_what_it_has() -> None:
    async with rig(queue=3) as r:
        tasks = [asyncio.create_task(r.outbox.perform(say(str(n)))) for n in range(5)]
        await r.settle()
        with pytest.raises(OutboxFull, match="3 messages wait for lobby@"):
            await r.outbox.perform(say("too much"))
        assert r.outbox.status().counters.full == 1
        assert r.outbox.status().waiting[Priority.REPLY] == 3
        await r.advance(10)
        assert r.said == ["0", "1", "2", "3", "4"]
        await asyncio.gather(*tasks)


async def test_a_queue_full_of_chatter_takes_replies() -> None:
    async with rig(queue=3) as r:
        tasks = [asyncio.create_task(r.outbox.perform(say(str(n), priority=Priority.CHATTER))) for n in range(5)]
        await r.settle()
        tasks.append(asyncio.create_task(r.outbox.perform(say("reply"))))
        await r.settle()
        await r.advance(1)
        assert r.said == ["0", "1", "reply"]
        for task in tasks:
            task.cancel()


async def test_what_its_handler_gave_up_is_not_sent() -> None:
    async with rig() as r:
        tasks = [asyncio.create_task(r.outbox.perform(say(str(n)))) for n in range(4)]
        await r.settle()
        tasks[2].cancel()
        await r.advance(10)
        assert r.said == ["0", "1", "3"]


async def test_whoever_waits_is_told_that_the_room_is_lost() -> None:
    async with rig() as r:
        tasks = [asyncio.create_task(r.outbox.perform(say(str(n)))) for n in range(3)]
        await r.settle()
        r.link.connected = False
        await r.advance(1)
        with pytest.raises(LinkClosed):
            await tasks[2]


async def test_the_rates_of_many_recipients_are_not_kept_for_ever() -> None:
    async with rig(account=Rate(per_second=1e6, burst=100_000)) as r:
        for number in range(2000):
            to = Address.parse(f"user{number}@example.org")
            await r.outbox.perform(SendMessage(to=to, body="hi", groupchat=False))
            await r.advance(1)
        assert len(r.outbox._sender.lanes._lanes) <= 512


# --- learning -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("condition", ["resource-constraint", "policy-violation"])
async def test_what_a_room_wants_to_wait_is_sent_again_as_the_same_message_and_slower(condition: str) -> None:
    async with rig(room=Rate(per_second=10.0, burst=5)) as r:
        sent = await r.outbox.perform(say("hello"))
        assert sent is not None
        r.refuse(sent.message_id, condition, "wait")
        await r.settle()
        assert r.said == ["hello"]
        assert r.outbox.status().slowed == 1
        await r.advance(2.2)
        assert r.said == ["hello", "hello"]
        assert r.messages()[1].message_id == sent.message_id
        waiting = asyncio.create_task(sent.reflected(5))
        await r.settle()
        r.reflect(sent.message_id, archive_id="arch")
        assert await waiting == "arch"


async def test_refused_again_and_again_it_waits_longer_then_gives_up() -> None:
    async with rig() as r:
        sent = await r.outbox.perform(say("hello"))
        assert sent is not None
        waiting = asyncio.create_task(sent.reflected(10_000))
        for _ in range(6):
            r.refuse(sent.message_id, "policy-violation", "wait")
            await r.advance(130)
        assert len(r.said) == 6
        with pytest.raises(StanzaError, match="policy-violation"):
            await waiting
        assert r.outbox.status().counters.refused == 1


async def test_refused_messages_keep_their_order() -> None:
    async with rig(room=Rate(per_second=10.0, burst=5)) as r:
        ids = [sent.message_id for n in range(3) if (sent := await r.outbox.perform(say(str(n)))) is not None]
        for message_id in ids:
            r.refuse(message_id, "policy-violation", "wait")
        await r.advance(60)
        assert r.said == ["0", "1", "2", "0", "1", "2"]


async def test_a_rate_that_was_lowered_comes_back_with_what_goes_well() -> None:
    async with rig(room=Rate(per_second=100.0, burst=100)) as r:
        sent = await r.outbox.perform(say("hello"))
        assert sent is not None
        r.refuse(sent.message_id, "resource-constraint", "wait")
        await r.advance(3)
        for _ in range(40):
            assert r.outbox.status().slowed == 1 or _ > 30
            sent = await r.outbox.perform(say("x"))
            assert sent is not None
            r.reflect(sent.message_id)
            await r.advance(1)
        assert r.outbox.status().slowed == 0


async def test_an_error_from_our_own_server_slows_the_whole_account() -> None:
    async with rig() as r:
        sent = await r.outbox.perform(say("hello"))
        assert sent is not None
        r.refuse(sent.message_id, "resource-constraint", "wait", sender=Address.parse("example.org"))
        task = asyncio.create_task(r.outbox.perform(say("elsewhere", to=OTHER)))
        await r.settle()
        assert r.said == ["hello"]
        await r.advance(5)
        assert sorted(r.said) == ["elsewhere", "hello", "hello"]
        await task


async def test_an_error_from_an_occupant_is_no_error_of_the_room() -> None:
    async with rig() as r:
        sent = await r.outbox.perform(say("hello"))
        assert sent is not None
        r.refuse(sent.message_id, "policy-violation", "wait", sender=ROOM.with_resource("mallory"))
        r.refuse(sent.message_id, "policy-violation", "wait", sender=Address.parse("mallory@evil.example/x"))
        await r.advance(10)
        assert r.said == ["hello"]
        assert r.outbox.status().slowed == 0


async def test_what_is_refused_for_good_is_not_sent_again() -> None:
    async with rig() as r:
        sent = await r.outbox.perform(say("hello"))
        assert sent is not None
        r.refuse(sent.message_id, "forbidden", "auth")
        with pytest.raises(StanzaError, match="forbidden"):
            await sent.reflected(1)
        await r.advance(100)
        assert r.said == ["hello"]


async def test_slow_mode_is_kept_unless_we_are_an_admin() -> None:
    link = FakeLink(BOT)
    for address, level in ((ROOM, Affiliation.NONE), (OTHER, Affiliation.ADMIN)):
        link.add_room(replace(make_room(address, affiliation=level), slow_mode=30.0))
    async with rig(link=link, room=Rate(per_second=10.0, burst=10)) as r:
        tasks = [asyncio.create_task(r.outbox.perform(say(str(n), to=t))) for n in range(2) for t in (ROOM, OTHER)]
        await r.settle()
        assert [(m.to, m.body) for m in r.messages()] == [(ROOM, "0"), (OTHER, "0"), (OTHER, "1")]
        await r.outbox.perform(React(to=ROOM, target="x", reactions=("👍",), groupchat=True))  # has no body
        await r.advance(29)
        assert len(r.messages()) == 3
        await r.advance(2)
        assert len(r.messages()) == 4
        await asyncio.gather(*tasks)


class Refusing(FakeLink):
    """A room that finds moderation too much, so many times; then ``before_next`` happens."""

    def __init__(self, times: int) -> None:
        super().__init__(BOT)
        self.times = times

    async def perform(self, action: Action) -> Sent | None:
        if not isinstance(action, SendMessage) and self.times > 0:
            self.times -= 1
            raise StanzaError.of("resource-constraint", "wait")
        return await super().perform(action)


async def test_moderation_that_is_told_to_wait_is_done_again() -> None:
    async with rig(link=Refusing(2)) as r:
        who = Address.parse("mallory@example.org")
        task = asyncio.create_task(
            r.outbox.perform(SetAffiliation(room=ROOM, address=who, affiliation=Affiliation.OUTCAST))
        )
        await r.settle()
        await r.advance(1)
        await r.advance(2)
        await task
        assert kinds(r.link.done) == ["SetAffiliation"]


async def test_moderation_refused_too_often_is_told_so() -> None:
    async with rig(link=Refusing(9)) as r:
        task = asyncio.create_task(r.outbox.perform(Moderate(room=ROOM, archive_id=ArchiveId("1"))))
        for _ in range(20):
            await r.advance(1)
        with pytest.raises(StanzaError, match="resource-constraint"):
            await task


async def test_a_kick_that_had_to_wait_does_not_hit_whoever_took_the_nick() -> None:
    async with rig(link=Refusing(1)) as r:
        r.link.set_occupant(make_occupant(ROOM, "mallory", real="mallory@evil.example/x"))
        task = asyncio.create_task(r.outbox.perform(SetRole(room=ROOM, nick="mallory", role=Role.NONE)))
        await r.settle()
        r.link.remove_occupant(ROOM.with_resource("mallory"))
        r.link.set_occupant(make_occupant(ROOM, "mallory", real="innocent@example.org/y"))
        await r.advance(2)
        with pytest.raises(ItemNotFound):
            await task
        assert r.link.occupant(ROOM.with_resource("mallory")) is not None


# --- reflections ----------------------------------------------------------------------------------------------


async def test_the_sender_can_await_the_reflection() -> None:
    async with rig() as r:
        sent = await r.outbox.perform(say("hello"))
        assert sent is not None
        waiting = asyncio.create_task(sent.reflected(5))
        await r.settle()
        assert not waiting.done()
        r.reflect(sent.message_id, archive_id="arch-1")
        assert await waiting == "arch-1"
        assert await sent.reflected(0) == "arch-1"
        assert not r.outbox.awaited


async def test_a_room_without_an_archive_reflects_without_an_id() -> None:
    async with rig() as r:
        sent = await r.outbox.perform(say("hello"))
        assert sent is not None
        r.reflect(sent.message_id, archive_id=None)
        assert await sent.reflected(1) is None


async def test_nobody_else_can_reflect_our_message() -> None:
    async with rig() as r:
        sent = await r.outbox.perform(say("hello"))
        assert sent is not None
        r.reflect(sent.message_id, author=make_occupant(ROOM, "mallory"))
        r.reflect(sent.message_id, room=OTHER)
        r.reflect(MessageId("another"))
        with pytest.raises(RequestTimeout):
            await sent.reflected(0.01)
        assert r.outbox.status().counters.reflected == 0


async def test_a_lost_session_ends_the_wait() -> None:
    async with rig() as r:
        sent = await r.outbox.perform(say("hello"))
        assert sent is not None
        waiting = asyncio.create_task(sent.reflected(100))
        await r.settle()
        r.outbox.on_stream(StreamEstablished(at=r.clock.now(), address=BOT, resumed=True))
        await r.settle()
        assert not waiting.done()
        r.outbox.on_stream(StreamEstablished(at=r.clock.now(), address=BOT, resumed=False))
        with pytest.raises(LinkClosed):
            await waiting


async def test_in_a_chat_with_one_there_is_no_reflection() -> None:
    async with rig() as r:
        sent = await r.outbox.perform(SendMessage(to=Address.parse("alice@example.org"), body="hi", groupchat=False))
        assert sent is not None
        with pytest.raises(MisuseError):
            await sent.reflected(1)


# --- long texts -----------------------------------------------------------------------------------------------


async def test_a_long_text_is_sent_in_parts_and_reflected_when_all_are() -> None:
    async with rig(room=Rate(per_second=100.0, burst=100), max_bytes=200) as r:
        text = "word " * 100
        sent = await r.outbox.perform(replace(say(text.strip()), reply=Reply("x"), url="https://example.org/"))
        assert sent is not None
        assert len(sent.parts) == len(r.said) == 3
        assert " ".join(r.said) == text.strip()
        assert [m.reply is not None for m in r.messages()] == [True, False, False]
        assert [m.url is not None for m in r.messages()] == [False, False, True]
        waiting = asyncio.create_task(sent.reflected(5))
        for number, message_id in enumerate(sent.parts):
            await r.settle()
            assert not waiting.done()
            r.reflect(message_id, archive_id=f"a{number}")
        assert await waiting == "a0"


async def test_a_long_text_is_refused_where_it_must_not_be_cut() -> None:
    async with rig(max_bytes=200) as r:
        with pytest.raises(MisuseError, match="300 bytes; at most 200"):
            await r.outbox.perform(replace(say("x" * 300), split=False))
        assert r.said == []


async def test_what_is_quoted_is_cut_short() -> None:
    async with rig(max_bytes=200) as r:
        await r.outbox.perform(replace(say("yes"), reply=Reply("x"), quote="word " * 1000))
        (message,) = r.messages()
        assert message.quote is not None
        assert len(message.quote.encode()) <= 50


async def test_too_many_parts_for_the_queue_are_refused_whole() -> None:
    async with rig(max_bytes=200, queue=3) as r:
        with pytest.raises(OutboxFull):
            await r.outbox.perform(say("word " * 400))
        await r.advance(100)
        assert r.said == []


# --- running messages -----------------------------------------------------------------------------------------


async def _progress(r: Rig) -> Sent:
    sent = await r.outbox.perform(say("0 %"))
    assert sent is not None
    return sent


async def test_an_update_corrects_the_first_message() -> None:
    async with rig(room=Rate(per_second=10.0, burst=10)) as r:
        progress = await _progress(r)
        for percent in (50, 100):
            await progress.update(f"{percent} %")
            await r.settle()
        assert r.said == ["0 %", "50 %", "100 %"]
        assert [m.replaces for m in r.messages()] == [None, progress.message_id, progress.message_id]
        assert all(m.message_id is None for m in r.messages())  # each gets an id of its own


async def test_of_updates_that_wait_the_newest_is_sent() -> None:
    async with rig(room=Rate(per_second=0.1, burst=1)) as r:
        progress = await _progress(r)
        for percent in range(1, 101):
            await progress.update(f"{percent} %")
        await r.advance(60)
        assert r.said == ["0 %", "100 %"]
        assert r.outbox.status().counters.coalesced == 99


async def test_two_running_messages_do_not_disturb_each_other() -> None:
    async with rig(room=Rate(per_second=0.1, burst=2)) as r:
        one, two = await _progress(r), await _progress(r)
        await one.update("one")
        await two.update("two")
        await one.update("one!")
        await r.advance(60)
        assert r.said == ["0 %", "0 %", "one!", "two"]


async def test_an_update_told_to_wait_gives_way_to_a_newer_one() -> None:
    async with rig(room=Rate(per_second=10.0, burst=10)) as r:
        progress = await _progress(r)
        await progress.update("old")
        await r.settle()
        r.refuse(progress.message_id, "resource-constraint", "wait", sender=Address.parse("nobody.example"))
        other = await r.outbox.perform(say("other"))
        assert other is not None
        r.refuse(other.message_id, "policy-violation", "wait")
        await progress.update("new")
        r.refuse(MessageId("sent-2"), "policy-violation", "wait")
        await r.advance(100)
        assert r.said == ["0 %", "old", "other", "other", "new"]


async def test_updates_are_single_messages() -> None:
    async with rig(max_bytes=200, room=Rate(per_second=10.0, burst=10)) as r:
        progress = await _progress(r)
        with pytest.raises(MisuseError, match="at most 200"):
            await progress.update("x" * 300)
        long = await r.outbox.perform(say("word " * 100))
        assert long is not None
        with pytest.raises(MisuseError, match="several parts"):
            await long.update("short")
        with pytest.raises(MisuseError):
            await progress.update("  ")


# --- loops ----------------------------------------------------------------------------------------------------

GUARD = LoopSettings(repeats=3, answers=4, window=60.0, pause=300.0)
QUICK = Rate(per_second=1000.0, burst=1000)


async def test_the_same_text_too_often_is_held_back_for_a_while_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    async with rig(room=QUICK, account=QUICK, loop=GUARD) as r:
        results = [await r.outbox.perform(say("ping")) for _ in range(10)]
        assert r.said == ["ping"] * 3
        assert [bool(sent and sent.withheld) for sent in results] == [False] * 3 + [True] * 7
        await r.outbox.perform(say("something else"))
        await r.outbox.perform(say("ping", to=OTHER))
        assert r.said[3:] == ["something else", "ping"]
        assert len([line for line in caplog.messages if "held back" in line]) == 1
        await r.advance(301)
        await r.outbox.perform(say("ping"))
        assert r.said[-1] == "ping"
        assert r.outbox.status().counters.withheld == 7


async def test_who_answers_faster_than_people_is_not_answered_for_a_while() -> None:
    async with rig(room=QUICK, account=QUICK, loop=GUARD) as r:
        for number in range(10):
            await r.outbox.perform(say(f"you said {number}", answers="jid:robot@example.org"))
        await r.outbox.perform(say("hello", answers="jid:alice@example.org"))
        assert r.said == [*(f"you said {n}" for n in range(4)), "hello"]


async def test_people_may_ask_the_same_all_day() -> None:
    async with rig(room=QUICK, account=QUICK, loop=GUARD) as r:
        for _ in range(50):
            await r.outbox.perform(say("help is here", answers="jid:alice@example.org"))
            await r.advance(25)
        assert len(r.said) == 50


async def test_moderation_and_notices_are_never_held_back() -> None:
    async with rig(room=QUICK, account=QUICK, loop=GUARD) as r:
        for _ in range(10):
            await r.outbox.perform(say("stop that", priority=Priority.MODERATION))
            await r.outbox.perform(say("standup", priority=Priority.NOTICE))
            await r.outbox.perform(Moderate(room=ROOM, archive_id=ArchiveId("1")))
        assert len(r.link.done) == 30


# --- the end --------------------------------------------------------------------------------------------------


async def test_flush_sends_what_waits_then_takes_nothing_more() -> None:
    async with rig(room=Rate(per_second=100.0, burst=1)) as r:
        tasks = [asyncio.create_task(r.outbox.perform(say(str(n)))) for n in range(4)]
        await r.settle()
        flushing = asyncio.create_task(r.outbox.flush(5))
        await r.settle()
        await r.advance(1)
        assert await flushing == 0
        assert len(r.said) == 4
        with pytest.raises(LinkClosed):
            await r.outbox.perform(say("late"))
        await asyncio.gather(*tasks)


async def test_flush_gives_up_in_time_and_tells_who_waits() -> None:
    async with rig() as r:
        tasks = [asyncio.create_task(r.outbox.perform(say(str(n)))) for n in range(4)]
        await r.settle()
        assert await r.outbox.flush(0.01) == 2
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(result, LinkClosed) for result in results] == [False, False, True, True]


async def test_a_monotonic_clock_may_stand_below_zero() -> None:
    clock = FakeClock()
    clock._passed = -1e7
    async with rig(clock=clock) as r:
        await r.outbox.perform(say("hello"))
        await r.outbox.perform(Moderate(room=ROOM, archive_id=ArchiveId("1")))
        assert kinds(r.link.done) == ["SendMessage", "Moderate"]
