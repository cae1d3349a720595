"""Urgency, quiet hours, and why notices wait."""

from __future__ import annotations

from datetime import time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from botkit.errors import StanzaError
from botkit.model.actions import Notice, Urgency
from botkit.model.quiet import QuietHours
from botkit.services.outbox.choosing import Why
from botkit.services.outbox.settings import Manners, OutboxSettings
from botkit.testing.fakes import FakeClock
from tests.unit.services.outbox.notice_world import ALICE, ROOM, Hall, joined, passing, process, say, until_done

NIGHT = OutboxSettings(
    rooms={ROOM: Manners(quiet=QuietHours(time(22, 0), time(7, 0), ZoneInfo("Europe/Berlin")))},
)


@pytest.fixture
def evening(clock: FakeClock) -> FakeClock:
    return FakeClock(clock.now().replace(hour=21, minute=30, second=0, microsecond=0))  # 22:30 in Berlin, in winter


async def test_urgent_ones_go_ahead_and_low_ones_last(hall: Hall, clock: FakeClock, path: Path) -> None:
    hall.leave_room()
    async with process(path, hall, clock) as outbox:
        for urgency in (Urgency.LOW, Urgency.NORMAL, Urgency.URGENT):
            for number in (1, 2):
                await outbox.perform(say(f"{urgency.name} {number}", urgency=urgency))
    hall.enter_room()
    async with process(path, hall, clock) as outbox:
        await passing(clock, lambda: len(hall.heard()) == 6)
    assert hall.heard() == ["URGENT 1", "URGENT 2", "NORMAL 1", "NORMAL 2", "LOW 1", "LOW 2"]


async def test_notices_wait_for_the_end_of_quiet_hours_unless_they_are_urgent(evening: FakeClock, path: Path) -> None:
    hall = Hall(evening)
    async with process(path, hall, evening, settings=NIGHT) as outbox:
        await outbox.perform(say("tea"))
        await outbox.perform(say("fire", urgency=Urgency.URGENT))
        await outbox.perform(Notice(to=ALICE, text="for you", groupchat=False))
        await passing(evening, lambda: outbox.status().notices == 1)
        assert hall.heard() == ["fire"]
        assert hall.heard(None) == ["for you"]
        [waiting] = outbox.notices_waiting()
        assert (waiting.to, waiting.why, waiting.count) == (ROOM, Why.QUIET, 1)
        assert waiting.until is not None
        assert waiting.until.astimezone(ZoneInfo("Europe/Berlin")).time() == time(7, 0)
        begun = evening.monotonic()
        await until_done(outbox, evening, step=300)
        assert 8.4 * 3600 <= evening.monotonic() - begun <= 12 * 3600
    assert hall.heard() == ["fire", "tea"]


async def test_what_expires_in_quiet_hours_is_not_said(evening: FakeClock, path: Path) -> None:
    hall = Hall(evening)
    async with process(path, hall, evening, settings=NIGHT) as outbox:
        await outbox.perform(say("tea", expires=evening.now() + timedelta(hours=1)))
        await until_done(outbox, evening, step=300)
        assert outbox.status().counters.notices_expired == 1
    assert hall.heard() == []


async def test_quiet_hours_hold_after_a_restart(evening: FakeClock, path: Path) -> None:
    hall = Hall(evening)
    async with process(path, hall, evening, settings=NIGHT) as outbox:
        await outbox.perform(say("tea"))
    async with process(path, hall, evening, settings=NIGHT) as outbox:
        await passing(evening, lambda: evening.monotonic() > 8 * 3600, step=300)
        assert hall.heard() == []
        await until_done(outbox, evening, step=300)
    assert hall.heard() == ["tea"]


async def test_a_retraction_is_done_in_quiet_hours(evening: FakeClock, path: Path) -> None:
    hall = Hall(evening)
    async with process(path, hall, evening, settings=NIGHT) as outbox:
        gone = evening.now() + timedelta(hours=1)
        await outbox.perform(say("fire", urgency=Urgency.URGENT, expires=gone, retract_on_expiry=True))
        await until_done(outbox, evening, step=60)
        assert evening.monotonic() < 6 * 3600
    assert hall.retracted == ["a1"]


async def test_why_notices_wait_is_told(hall: Hall, clock: FakeClock, path: Path) -> None:
    hall.leave_room()
    later = clock.now() + timedelta(hours=1)
    async with process(path, hall, clock) as outbox:
        for _ in range(2):
            await outbox.perform(say("tea"))
        await outbox.perform(say("later", not_before=later))
        assert [(w.why, w.count, w.until) for w in outbox.notices_waiting()] == [
            (Why.ROOM, 2, None),
            (Why.NOT_DUE, 1, later),
        ]
        hall.refusals = [StanzaError.of("forbidden", "auth")] * 5
        hall.enter_room()
        hall.hear(joined(clock))
        await passing(clock, lambda: any(w.why is Why.REFUSED for w in outbox.notices_waiting()))
