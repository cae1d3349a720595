"""Several notices as one message."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from botkit.model.actions import Notice, SendMessage, Urgency
from botkit.model.notices import NoticeState
from botkit.services.outbox.choosing import Why
from botkit.services.outbox.settings import Manners, OutboxSettings
from botkit.storage.sqlite import SqliteStorage
from botkit.testing.fakes import FakeClock
from tests.unit.services.outbox.notice_world import (
    ALICE,
    BOT,
    ROOM,
    Hall,
    Steps,
    joined,
    passing,
    process,
    say,
    until_done,
)

TEN = OutboxSettings(rooms={ROOM: Manners(digest=timedelta(minutes=10))})


async def test_notices_within_the_time_are_one_message(hall: Hall, clock: FakeClock, path: Path) -> None:
    async with process(path, hall, clock, settings=TEN) as outbox:
        sent = [await outbox.perform(say(text)) for text in ("one", "two\nlines")]
        await clock.advance(300)
        sent.append(await outbox.perform(say("three")))
        assert [(w.why, w.count) for w in outbox.notices_waiting()] == [(Why.DIGEST, 3)]
        await passing(clock, lambda: outbox.status().notices == 0, step=10)
        assert 600 <= clock.monotonic() < 900
        assert [await one.reflected(5) for one in sent if one is not None] == ["a1"] * 3
        assert outbox.status().counters.notices_done == 3
    assert hall.heard() == ["3 notices:\n• one\n• two\n  lines\n• three"]


async def test_one_alone_is_said_as_it_is(hall: Hall, clock: FakeClock, path: Path) -> None:
    async with process(path, hall, clock, settings=TEN) as outbox:
        await outbox.perform(say("one"))
        await until_done(outbox, clock, step=10)
    assert hall.heard() == ["one"]


async def test_urgent_ones_and_those_that_want_no_digest_are_said_at_once(
    hall: Hall, clock: FakeClock, path: Path
) -> None:
    async with process(path, hall, clock, settings=TEN) as outbox:
        await outbox.perform(say("one"))
        await outbox.perform(say("fire", urgency=Urgency.URGENT))
        await outbox.perform(say("now", digest=timedelta(0)))
        await passing(clock, lambda: len(hall.heard()) == 2, step=0.1)
    assert hall.heard() == ["fire", "now"]


async def test_a_notice_can_ask_for_a_digest_itself(hall: Hall, clock: FakeClock, path: Path) -> None:
    async with process(path, hall, clock) as outbox:
        for text in ("one", "two"):
            await outbox.perform(say(text, digest=timedelta(minutes=1)))
            await outbox.perform(Notice(to=ALICE, text=text, groupchat=False, digest=timedelta(minutes=1)))
        await until_done(outbox, clock)
    assert hall.heard() == hall.heard(None) == ["2 notices:\n• one\n• two"]


async def test_a_later_word_of_a_topic_replaces_the_earlier_in_the_digest(
    hall: Hall, clock: FakeClock, path: Path
) -> None:
    async with process(path, hall, clock, settings=TEN) as outbox:
        for text, topic in (("running", "b"), ("tea", None), ("passed", "b")):
            await outbox.perform(say(text, topic=topic))
        await until_done(outbox, clock, step=10)
        await outbox.perform(say("deployed", topic="b"))
        await until_done(outbox, clock, step=10)
    assert hall.heard() == ["2 notices:\n• tea\n• passed", "deployed"]
    assert all(m.replaces is None for m in hall.done if isinstance(m, SendMessage))


async def test_what_has_expired_is_not_told(hall: Hall, clock: FakeClock, path: Path) -> None:
    async with process(path, hall, clock, settings=TEN) as outbox:
        await outbox.perform(say("soon over", expires=clock.now() + timedelta(minutes=5)))
        await outbox.perform(say("one"))
        await outbox.perform(say("two"))
        await until_done(outbox, clock, step=10)
    assert hall.heard() == ["2 notices:\n• one\n• two"]


async def test_a_digest_that_could_not_be_sent_in_time_is_gathered_anew(
    hall: Hall, clock: FakeClock, path: Path
) -> None:
    steps = Steps(None, behind=False)
    async with process(path, hall, clock, steps, settings=TEN) as outbox:
        await outbox.perform(say("soon over", expires=clock.now() + timedelta(minutes=30)))
        await outbox.perform(say("one"))
        await outbox.perform(say("two"))
        steps.deadly, steps.behind = 6, True  # gathered, and killed
        await passing(clock, steps.dead.is_set, step=10)
    hall.leave_room()
    async with process(path, hall, clock, settings=TEN) as outbox:
        await passing(clock, lambda: clock.monotonic() > 3600, step=60)
        hall.enter_room()
        hall.hear(joined(clock))
        await until_done(outbox, clock, step=10)
    assert hall.heard() == ["2 notices:\n• one\n• two"]


async def test_many_are_told_in_several_messages_and_none_is_left_out(hall: Hall, clock: FakeClock, path: Path) -> None:
    async with process(path, hall, clock, settings=TEN) as outbox:
        for number in range(130):
            await outbox.perform(say(f"notice {number} " + "x" * 50))
        await until_done(outbox, clock, step=10)
        assert outbox.status().counters.notices_done == 130
    said = "\n".join(hall.heard())
    assert [said.count(f"notice {number} ") for number in range(130)] == [1] * 130
    assert all(len(text.encode()) <= 4000 for text in hall.heard())
    assert len(hall.heard()) < 8


async def run_and_die(path: Path, hall: Hall, clock: FakeClock, steps: Steps) -> None:
    async with process(path, hall, clock, steps, settings=TEN) as outbox:

        async def ask() -> None:
            for text in ("one", "two", "three"):
                await outbox.perform(say(text, key=text))

        asking = asyncio.create_task(ask())
        with suppress(TimeoutError):
            await passing(
                clock, lambda: steps.dead.is_set() or (asking.done() and outbox.status().notices == 0), step=20
            )
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


def told(hall: Hall) -> list[str]:
    said = "\n".join(hall.heard())
    return sorted(word for word in said.replace("•", " ").split() if word in ("one", "two", "three"))


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("deadly", range(14))
async def test_killed_at_any_step_each_is_told_once(
    hall: Hall, clock: FakeClock, path: Path, deadly: int, behind: bool
) -> None:
    await run_and_die(path, hall, clock, Steps(deadly, behind=behind))
    await run_and_die(path, hall, clock, Steps(None, behind=False))
    assert told(hall) == ["one", "three", "two"]
    async with SqliteStorage.open(path, BOT) as storage:
        assert [(await storage.notices.of_key(key))[0].state for key in ("one", "two", "three")] == [
            NoticeState.DONE
        ] * 3
        assert await storage.notices.open() == []


@pytest.mark.parametrize("seed", range(10))
async def test_killed_again_and_again_each_is_told_once(hall: Hall, clock: FakeClock, path: Path, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(6):
        hall.deaf = chance.choice((0, 0, 1))
        hall.silent = chance.random() < 0.3
        await run_and_die(path, hall, clock, Steps(chance.randrange(14), behind=chance.random() < 0.5))
    hall.deaf, hall.silent = 0, False
    await run_and_die(path, hall, clock, Steps(None, behind=False))
    assert told(hall) == ["one", "three", "two"]
