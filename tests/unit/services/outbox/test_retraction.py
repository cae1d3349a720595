"""Notices that are taken back once they have expired."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from botkit.errors import MisuseError
from botkit.model.actions import Notice
from botkit.testing.fakes import FakeClock
from tests.unit.services.outbox.notice_world import ALICE, Hall, Steps, joined, passing, process, say, until_done


def offer(clock: FakeClock, text: str = "tea is ready", minutes: int = 10, **more: object) -> Notice:
    return say(text, expires=clock.now() + timedelta(minutes=minutes), retract_on_expiry=True, **more)


async def test_what_has_expired_is_taken_back_once_by_the_id_of_the_room(
    hall: Hall, clock: FakeClock, path: Path
) -> None:
    async with process(path, hall, clock) as outbox:
        sent = await outbox.perform(offer(clock))
        assert sent is not None
        archive_id = await sent.reflected(5)
        await passing(clock, lambda: clock.monotonic() > 590, step=10)
        assert hall.retracted == []
        await until_done(outbox, clock, step=10)
        assert clock.monotonic() < 1200
        assert hall.retracted == [archive_id]
        assert outbox.status().counters.notices_retracted == 1
        await passing(clock, lambda: clock.monotonic() > 7200, step=600)
    async with process(path, hall, clock) as outbox:
        await passing(clock, lambda: clock.monotonic() > 14400, step=600)
    assert hall.retracted == [archive_id]


async def test_a_retraction_is_kept_over_a_restart(hall: Hall, clock: FakeClock, path: Path) -> None:
    async with process(path, hall, clock) as outbox:
        sent = await outbox.perform(offer(clock))
        assert sent is not None
        await sent.reflected(5)
    await clock.advance(3600)
    async with process(path, hall, clock) as outbox:
        await passing(clock, lambda: outbox.status().counters.notices_retracted == 1)
    assert hall.retracted == ["a1"]


async def test_one_that_has_to_be_taken_back_has_to_expire(hall: Hall, clock: FakeClock, path: Path) -> None:
    async with process(path, hall, clock) as outbox:
        with pytest.raises(MisuseError, match="expires="):
            await outbox.perform(say("tea", retract_on_expiry=True))


async def test_what_was_never_said_is_not_taken_back(hall: Hall, clock: FakeClock, path: Path) -> None:
    hall.leave_room()
    async with process(path, hall, clock) as outbox:
        await outbox.perform(offer(clock))
        await until_done(outbox, clock, step=30)
        hall.enter_room()
        hall.hear(joined(clock))
        await passing(clock, lambda: clock.monotonic() > 3600, step=600)
    assert (hall.heard(), hall.retracted) == ([], [])


async def test_a_correction_brings_the_retraction_of_its_own(hall: Hall, clock: FakeClock, path: Path) -> None:
    async with process(path, hall, clock) as outbox:
        for minutes in (10, 60):
            sent = await outbox.perform(offer(clock, minutes=minutes, topic="tea"))
            assert sent is not None
            await sent.reflected(5)
        await passing(clock, lambda: clock.monotonic() > 1800, step=60)
        assert hall.retracted == []
        await until_done(outbox, clock, step=60)
    assert hall.retracted == ["a1"]  # the message that everybody sees corrected, not the correction


async def test_a_correction_that_stays_ends_the_retraction_of_what_it_corrects(
    hall: Hall, clock: FakeClock, path: Path
) -> None:
    async with process(path, hall, clock) as outbox:
        for notice in (offer(clock, topic="tea"), say("tea is over", topic="tea")):
            sent = await outbox.perform(notice)
            assert sent is not None
            await sent.reflected(5)
        assert outbox.status().notices == 0
    async with process(path, hall, clock) as outbox:
        await passing(clock, lambda: clock.monotonic() > 7200, step=600)
    assert hall.retracted == []


async def test_an_account_is_told_by_the_message_id(hall: Hall, clock: FakeClock, path: Path) -> None:
    async with process(path, hall, clock) as outbox:
        sent = await outbox.perform(
            Notice(
                to=ALICE, text="tea?", groupchat=False, expires=clock.now() + timedelta(minutes=1),
                retract_on_expiry=True,
            )
        )  # fmt: skip
        assert sent is not None
        await sent.reflected(5)
        await until_done(outbox, clock, step=10)
    assert hall.retracted == [sent.message_id]


async def test_under_another_nick_where_nobody_would_believe_it_the_room_is_asked(
    hall: Hall, clock: FakeClock, path: Path
) -> None:
    async with process(path, hall, clock) as outbox:
        sent = await outbox.perform(offer(clock))
        assert sent is not None
        await sent.reflected(5)
        hall.leave_room()
        hall.enter_room("herald_2", features=frozenset(("urn:xmpp:mam:2", "urn:xmpp:message-moderate:1")))
        hall.hear(joined(clock))
        await until_done(outbox, clock, step=30)
    assert (hall.retracted, hall.moderated) == ([], ["a1"])


async def test_under_another_nick_and_without_rights_it_is_given_up_with_a_reason(
    hall: Hall, clock: FakeClock, path: Path
) -> None:
    async with process(path, hall, clock) as outbox:
        sent = await outbox.perform(offer(clock))
        assert sent is not None
        await sent.reflected(5)
        hall.leave_room()
        hall.enter_room("herald_2", features=frozenset(("urn:xmpp:mam:2",)))
        hall.hear(joined(clock))
        await until_done(outbox, clock, step=30)
        assert outbox.status().counters.notices_failed == 0
    assert (hall.retracted, hall.moderated) == ([], [])


async def run_and_die(path: Path, hall: Hall, clock: FakeClock, steps: Steps, notice: Notice) -> None:
    async with process(path, hall, clock, steps) as outbox:
        asking = asyncio.create_task(outbox.perform(notice))
        with suppress(TimeoutError):
            await passing(
                clock, lambda: steps.dead.is_set() or (asking.done() and outbox.status().notices == 0), step=10
            )
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("deadly", range(12))
async def test_killed_at_any_step_it_is_said_and_taken_back_once(
    hall: Hall, clock: FakeClock, path: Path, deadly: int, behind: bool
) -> None:
    notice = offer(clock, minutes=5, key="tea")
    await run_and_die(path, hall, clock, Steps(deadly, behind=behind), notice)
    await run_and_die(path, hall, clock, Steps(None, behind=False), notice)
    async with process(path, hall, clock) as outbox:
        await passing(clock, lambda: clock.monotonic() > 3600, step=600)
        assert outbox.status().notices == 0
    assert hall.heard() == ["tea is ready"]
    assert hall.retracted == ["a1"]
