"""Notices of a topic: the later one takes the place of the earlier."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from botkit.errors import LinkClosed, StanzaError
from botkit.model.actions import Notice, SendMessage
from botkit.model.events import StreamEstablished, TombstoneSeen
from botkit.model.notices import NoticeState
from botkit.services.outbox.outbox import Outbox
from botkit.storage.sqlite import SqliteStorage
from botkit.testing.fakes import FakeClock, make_occupant
from tests.unit.services.outbox.notice_world import ALICE, BOT, ROOM, Hall, Steps, joined, passing, process, until_done


def build(text: str, key: str | None = None, **more: object) -> Notice:
    return Notice(to=ROOM, text=text, key=key, topic="build-42", **more)  # type: ignore[arg-type]


async def say(outbox: Outbox, clock: FakeClock, *notices: Notice) -> None:
    for notice in notices:
        await outbox.perform(notice)
        await until_done(outbox, clock)


async def test_what_was_said_of_a_topic_is_corrected(hall: Hall, clock: FakeClock, path: Path) -> None:
    async with process(path, hall, clock) as outbox:
        await say(outbox, clock, build("build running"))
        hall.say("alice", "how long?")
        await say(outbox, clock, build("tests running"), build("build passed"))
        first, *others = [m for m in hall.done if isinstance(m, SendMessage)]
        # XEP-0308 §3: each names the first message, not the correction before it
        assert [m.replaces for m in others] == [first.message_id] * 2
    assert hall.shown() == ["build passed", "how long?"]


async def test_topics_and_recipients_are_apart(hall: Hall, clock: FakeClock, path: Path) -> None:
    async with process(path, hall, clock) as outbox:
        other = Notice(to=ROOM, text="build 43 running", topic="build-43")
        alice = Notice(to=ALICE, text="build running", groupchat=False, topic="build-42")
        await say(outbox, clock, build("build running"), other, alice, Notice(to=ROOM, text="tea"))
    assert all(m.replaces is None for m in hall.done if isinstance(m, SendMessage))


async def test_what_waits_of_a_topic_is_replaced_in_the_queue(hall: Hall, clock: FakeClock, path: Path) -> None:
    hall.leave_room()
    async with process(path, hall, clock) as outbox:
        first = await outbox.perform(build("build running"))
        assert first is not None
        await outbox.perform(build("build passed"))
        with pytest.raises(LinkClosed, match="replaced"):
            await first.reflected(5)
        assert outbox.status().notices == 1
        assert outbox.status().counters.notices_replaced == 1
        hall.enter_room()
        hall.hear(joined(clock))
        await until_done(outbox, clock)
    assert hall.heard() == ["build passed"]


async def test_one_that_is_due_later_replaces_nothing_before_that(hall: Hall, clock: FakeClock, path: Path) -> None:
    hall.leave_room()
    async with process(path, hall, clock) as outbox:
        await outbox.perform(build("build running"))
        await outbox.perform(build("build passed", not_before=clock.now() + timedelta(minutes=5)))
        hall.enter_room()
        hall.hear(joined(clock))
        await passing(clock, lambda: outbox.status().notices == 1)
        assert hall.shown() == ["build running"]
        await until_done(outbox, clock)
    assert hall.shown() == ["build passed"]


async def test_the_same_key_again_replaces_nothing(hall: Hall, clock: FakeClock, path: Path) -> None:
    async with process(path, hall, clock) as outbox:
        await say(outbox, clock, build("running", "1"), build("passed", "2"), build("running", "1"))
    assert hall.shown() == ["passed"]


@pytest.mark.parametrize("nick", ["herald", "herald_2"])
async def test_after_coming_in_anew_it_is_a_message_of_its_own(
    hall: Hall, clock: FakeClock, path: Path, nick: str
) -> None:
    async with process(path, hall, clock) as outbox:
        await say(outbox, clock, build("build running"))
        hall.leave_room()
        hall.enter_room(nick)
        hall.hear(joined(clock))
        await say(outbox, clock, build("tests running"), build("build passed"))
    assert hall.shown() == ["build running", "build passed"]


async def test_after_a_restart_it_is_a_message_of_its_own(hall: Hall, clock: FakeClock, path: Path) -> None:
    async with process(path, hall, clock) as outbox:
        await say(outbox, clock, build("build running"))
    async with process(path, hall, clock) as outbox:
        await say(outbox, clock, build("build passed"))
    assert hall.shown() == ["build running", "build passed"]


async def test_an_account_is_told_by_correction_after_a_restart_too(hall: Hall, clock: FakeClock, path: Path) -> None:
    # XEP-0308 §3: between two accounts the bare JID says who it is
    for text in ("running", "passed"):
        async with process(path, hall, clock) as outbox:
            await say(outbox, clock, Notice(to=ALICE, text=text, groupchat=False, topic="build-42"))
    first, second = [m for m in hall.done if isinstance(m, SendMessage)]
    assert second.replaces == first.message_id


async def test_an_old_message_is_not_corrected(hall: Hall, clock: FakeClock, path: Path) -> None:
    async with process(path, hall, clock) as outbox:
        await say(outbox, clock, build("build running"))
        await clock.advance(25 * 3600)
        await say(outbox, clock, build("build passed"))
    assert hall.shown() == ["build running", "build passed"]


@pytest.mark.parametrize("tombstone", [True, False])
async def test_a_message_that_was_taken_away_is_not_corrected(
    hall: Hall, clock: FakeClock, path: Path, tombstone: bool
) -> None:
    async with process(path, hall, clock) as outbox:
        await say(outbox, clock, build("build running"))
        row = hall.archives[ROOM].pop()
        if tombstone:
            gone = TombstoneSeen(
                at=row.at, room=ROOM, author=make_occupant(ROOM, "herald"), archive_id=row.archive_id, moderation=None
            )
            hall.archives[ROOM].append(type(row)(archive_id=row.archive_id, at=row.at, event=gone))
        await say(outbox, clock, build("build passed"))
    assert hall.shown() == ["build passed"]


async def test_long_texts_are_messages_of_their_own(hall: Hall, clock: FakeClock, path: Path) -> None:
    text = "words " * 1000
    async with process(path, hall, clock) as outbox:
        await say(outbox, clock, build("short"), build(text), build("again"))
    assert all(m.replaces is None for m in hall.done if isinstance(m, SendMessage))
    assert hall.heard()[0] == "short"
    assert hall.heard()[-1] == "again"


async def test_one_that_was_refused_is_not_tried_again_once_a_later_one_is_there(
    hall: Hall, clock: FakeClock, path: Path
) -> None:
    hall.refusals = [StanzaError.of("forbidden", "auth")]
    async with process(path, hall, clock) as outbox:
        await outbox.perform(build("build running"))
        await passing(clock, lambda: not hall.refusals, step=0.1)
        await outbox.perform(build("build passed"))
        begun = clock.monotonic()
        await until_done(outbox, clock)
        assert clock.monotonic() - begun < 30
    assert hall.heard() == ["build passed"]


async def test_one_whose_fate_is_not_known_is_looked_up_before_it_is_corrected(
    hall: Hall, clock: FakeClock, path: Path
) -> None:
    hall.silent = True
    async with process(path, hall, clock) as outbox:
        await outbox.perform(build("build running"))
        await passing(clock, lambda: len(hall.done) == 1)
        await outbox.perform(build("build passed"))
        hall.silent = False
        await until_done(outbox, clock)
        assert outbox.status().counters.notices_done == 2
    assert hall.shown() == ["build passed"]


async def test_a_correction_that_is_lost_with_the_session_is_said_anew(
    hall: Hall, clock: FakeClock, path: Path
) -> None:
    async with process(path, hall, clock) as outbox:
        await say(outbox, clock, build("build running"))
        hall.deaf = 1
        await outbox.perform(build("build passed"))
        await passing(clock, lambda: len(hall.done) == 2, step=0.1)
        hall.leave_room()
        hall.hear(StreamEstablished(at=clock.now(), address=BOT, resumed=False))
        hall.enter_room()
        hall.hear(joined(clock))
        await until_done(outbox, clock)
    assert hall.shown() == ["build running", "build passed"]


# --- killed at every step -------------------------------------------------------------------------------------

STEPS = 18  # of the first: add, of_key, page, of_key, told, begin, perform, settle; of the second the same, and a page


async def run_and_die(path: Path, hall: Hall, clock: FakeClock, steps: Steps) -> None:
    """One process that says both, and is killed at its deadly step, or done."""
    async with process(path, hall, clock, steps) as outbox:

        async def ask() -> None:
            sent = await outbox.perform(build("running", "1"))
            if sent is not None and not hall.silent:
                await sent.reflected(1000)
            await outbox.perform(build("passed", "2"))

        asking = asyncio.create_task(ask())
        with suppress(TimeoutError):
            await passing(clock, lambda: steps.dead.is_set() or (asking.done() and outbox.status().notices == 0))
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("deadly", range(STEPS))
async def test_killed_at_any_step_the_last_word_stands_once(
    hall: Hall, clock: FakeClock, path: Path, deadly: int, behind: bool
) -> None:
    hall.say("alice", "hello")
    await run_and_die(path, hall, clock, Steps(deadly, behind=behind))
    hall.say("alice", "still here")
    await run_and_die(path, hall, clock, Steps(None, behind=False))
    assert hall.heard().count("passed") == 1
    assert hall.heard().count("running") == 1
    assert hall.shown()[-1] == "passed"
    assert not any(text.startswith("not believed") for text in hall.shown())
    async with SqliteStorage.open(path, BOT) as storage:
        assert [row.state for row in await storage.notices.of_key("2")] == [NoticeState.DONE]


@pytest.mark.parametrize("seed", range(12))
async def test_killed_again_and_again_the_last_word_stands_once(
    hall: Hall, clock: FakeClock, path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    for _ in range(6):
        hall.deaf = chance.choice((0, 0, 1))
        hall.silent = chance.random() < 0.3
        await run_and_die(path, hall, clock, Steps(chance.randrange(STEPS), behind=chance.random() < 0.5))
    hall.deaf, hall.silent = 0, False
    await run_and_die(path, hall, clock, Steps(None, behind=False))
    assert hall.heard().count("passed") == 1
    assert hall.heard().count("running") <= 1
    assert hall.heard()[-1] == "passed"
    assert not any(text.startswith("not believed") for text in hall.shown())
