from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from botkit.errors import Expired, LinkClosed, MisuseError, OutboxFull, StanzaError
from botkit.model.actions import Action, Notice, Sent
from botkit.model.address import Address
from botkit.model.events import StreamEstablished
from botkit.model.notices import NoticeState
from botkit.model.rooms import RoomState
from botkit.storage.sqlite import SqliteStorage
from botkit.testing.fakes import FakeClock
from tests.unit.services.outbox.notice_world import ALICE, BOT, ROOM, Hall, Steps, joined, passing, process, until_done


def tea(key: str | None = "tea", text: str = "tea at five", **more: object) -> Notice:
    return Notice(to=ROOM, text=text, key=key, **more)  # type: ignore[arg-type]


# --- in peace -------------------------------------------------------------------------------------------------


async def test_a_notice_is_said_once_and_its_reflection_can_be_awaited(
    hall: Hall, clock: FakeClock, path: Path
) -> None:
    async with process(path, hall, clock) as outbox:
        sent = await outbox.perform(tea())
        assert sent is not None
        assert await sent.reflected(5) == "a1"
        assert hall.heard() == ["tea at five"]
        assert outbox.status().counters.notices_done == 1
        with pytest.raises(MisuseError):
            await sent.update("tea at six")


async def test_a_key_is_said_once_however_often_it_is_asked_for(hall: Hall, clock: FakeClock, path: Path) -> None:
    async with process(path, hall, clock) as outbox:
        first = await outbox.perform(tea())
        again = await outbox.perform(tea())
        assert first is not None
        assert again is not None
        assert first.message_id == again.message_id
        assert await again.reflected(5) == "a1"
        third = await outbox.perform(tea())
        assert third is not None
        assert await third.reflected(5) == "a1"
    async with process(path, hall, clock) as outbox:
        await outbox.perform(tea())
        await outbox.perform(tea(key=None))
        await outbox.perform(tea(key=None))
        await until_done(outbox, clock)
    assert hall.heard() == ["tea at five"] * 3


async def test_a_file_is_said_as_one_and_has_a_key_of_its_own(hall: Hall, clock: FakeClock, path: Path) -> None:
    url, sending, perform = "https://upload.example.org/1/plot.png", [], hall.perform

    async def keep(action: Action) -> Sent | None:
        sending.append(action)
        return await perform(action)

    hall.perform = keep  # type: ignore[method-assign]
    async with process(path, hall, clock) as outbox:
        for _ in range(2):
            sent = await outbox.perform(tea(text=url, attached=True))
            assert sent is not None
            await sent.reflected(5)
        await outbox.perform(tea())
        await until_done(outbox, clock)
    assert hall.heard() == [url, "tea at five"]
    assert [action.url for action in sending] == [url, None]


async def test_a_notice_waits_for_its_time_and_for_the_room(hall: Hall, clock: FakeClock, path: Path) -> None:
    hall.leave_room()
    async with process(path, hall, clock) as outbox:
        await outbox.perform(tea(not_before=clock.now() + timedelta(minutes=5)))
        await passing(clock, lambda: clock.monotonic() >= 400)
        assert hall.heard() == []
        hall.enter_room()
        hall.hear(joined(clock))
        await until_done(outbox, clock)
        assert hall.heard() == ["tea at five"]
        await outbox.perform(tea(key="later", not_before=clock.now() + timedelta(minutes=5)))
        begun = clock.monotonic()
        await until_done(outbox, clock)
        assert 300 <= clock.monotonic() - begun < 320


async def test_a_notice_is_kept_over_a_restart_while_the_room_is_lost(hall: Hall, clock: FakeClock, path: Path) -> None:
    hall.leave_room()
    async with process(path, hall, clock) as outbox:
        await outbox.perform(tea())
    hall.enter_room()
    async with process(path, hall, clock) as outbox:
        await passing(clock, lambda: hall.heard() == ["tea at five"])
        await until_done(outbox, clock)


async def test_an_expired_notice_is_not_said(hall: Hall, clock: FakeClock, path: Path) -> None:
    hall.leave_room()
    async with process(path, hall, clock) as outbox:
        sent = await outbox.perform(tea(expires=clock.now() + timedelta(minutes=1)))
        assert sent is not None
        await until_done(outbox, clock)
        assert outbox.status().counters.notices_expired == 1
        hall.enter_room()
        hall.hear(joined(clock))
        with pytest.raises(Expired, match="expired"):
            await sent.reflected(5)
    assert hall.heard() == []


async def test_notices_to_a_room_keep_their_order(hall: Hall, clock: FakeClock, path: Path) -> None:
    async with process(path, hall, clock) as outbox:
        for number in range(30):
            await outbox.perform(tea(key=None, text=str(number)))
        await until_done(outbox, clock)
    assert hall.heard() == [str(number) for number in range(30)]


async def test_a_long_notice_is_said_in_parts_or_refused(hall: Hall, clock: FakeClock, path: Path) -> None:
    text = " ".join(f"word{number}" for number in range(1200))
    async with process(path, hall, clock) as outbox:
        with pytest.raises(MisuseError):
            await outbox.perform(tea(text=text, split=False))
        sent = await outbox.perform(tea(text=text))
        assert sent is not None
        assert len(sent.parts) == 3
        assert await sent.reflected(5) == "a1"
    assert " ".join(hall.heard()) == text


async def test_more_notices_than_may_be_kept_are_refused(hall: Hall, clock: FakeClock, path: Path) -> None:
    hall.leave_room()
    async with process(path, hall, clock) as outbox:
        assert outbox._notices is not None
        outbox._notices._most = 2
        for _ in range(2):
            await outbox.perform(tea(key=None))
        with pytest.raises(OutboxFull):
            await outbox.perform(tea(key=None))


async def test_a_notice_to_an_occupant_is_refused(hall: Hall, clock: FakeClock, path: Path) -> None:
    async with process(path, hall, clock) as outbox:
        with pytest.raises(MisuseError):
            await outbox.perform(Notice(to=ROOM.with_resource("alice"), text="psst"))


# --- what can go wrong ----------------------------------------------------------------------------------------


async def test_a_message_lost_on_its_way_is_sent_again(hall: Hall, clock: FakeClock, path: Path) -> None:
    hall.deaf = 2
    async with process(path, hall, clock) as outbox:
        await outbox.perform(tea())
        await until_done(outbox, clock)
    assert hall.heard() == ["tea at five"]
    assert len({m.message_id for m in hall.done}) == 1  # type: ignore[union-attr]


@pytest.mark.parametrize("keeps_archive", [True, False])
async def test_a_reflection_that_does_not_come_is_looked_up(clock: FakeClock, path: Path, keeps_archive: bool) -> None:
    hall = Hall(clock, keeps_archive=keeps_archive)
    hall.silent = True
    async with process(path, hall, clock) as outbox:
        await outbox.perform(tea())
        if not keeps_archive:
            await passing(clock, lambda: len(hall.done) > 1)
            hall.silent = False  # without an archive nobody can know; it is said again
        await until_done(outbox, clock)
    assert hall.heard().count("tea at five") == 1 if keeps_archive else len(hall.heard()) > 1


async def test_a_session_that_ends_meanwhile_doubles_nothing(hall: Hall, clock: FakeClock, path: Path) -> None:
    hall.silent = True
    async with process(path, hall, clock) as outbox:
        await outbox.perform(tea())
        await passing(clock, lambda: bool(outbox.awaited))
        hall.leave_room()
        hall.hear(StreamEstablished(at=clock.now(), address=BOT, resumed=False))
        await passing(clock, lambda: clock.monotonic() > 30)
        hall.silent = False
        hall.enter_room()
        hall.hear(joined(clock))
        await until_done(outbox, clock)
    assert hall.heard() == ["tea at five"]


async def test_a_connection_that_is_away_is_waited_for(hall: Hall, clock: FakeClock, path: Path) -> None:
    hall.connected = False
    async with process(path, hall, clock) as outbox:
        await outbox.perform(tea())
        await passing(clock, lambda: clock.monotonic() > 60)
        hall.connected = True
        await until_done(outbox, clock)
    assert hall.heard() == ["tea at five"]


async def test_a_room_that_wants_us_to_wait_gets_the_notice_once(hall: Hall, clock: FakeClock, path: Path) -> None:
    hall.refusals = [StanzaError.of("policy-violation", "wait")] * 3
    async with process(path, hall, clock) as outbox:
        await outbox.perform(tea())
        await until_done(outbox, clock)
    assert hall.heard() == ["tea at five"]


async def test_a_notice_refused_for_want_of_voice_is_tried_again_later(
    hall: Hall, clock: FakeClock, path: Path
) -> None:
    hall.refusals = [StanzaError.of("forbidden", "auth")] * 2
    async with process(path, hall, clock) as outbox:
        await outbox.perform(tea())
        await until_done(outbox, clock)
    assert hall.heard() == ["tea at five"]
    assert clock.monotonic() >= 180


async def test_a_notice_that_can_never_be_taken_fails_with_a_reason(hall: Hall, clock: FakeClock, path: Path) -> None:
    hall.refusals = [StanzaError.of("not-acceptable", "modify")]
    async with process(path, hall, clock) as outbox:
        sent = await outbox.perform(tea())
        assert sent is not None
        await until_done(outbox, clock)
        with pytest.raises(LinkClosed, match="not-acceptable"):
            await sent.reflected(5)
        assert outbox.status().counters.notices_failed == 1


async def test_the_same_id_from_somebody_else_is_not_ours(hall: Hall, clock: FakeClock, path: Path) -> None:
    hall.deaf = 1
    async with process(path, hall, clock, Steps(4, behind=True)) as outbox:  # add, of_key, page, begin, perform
        sent = await outbox.perform(tea())
        assert sent is not None
        await passing(clock, lambda: len(hall.done) == 1)
    hall.say("mallory", "tea at five", message_id=sent.message_id)
    async with process(path, hall, clock) as outbox:
        await passing(clock, lambda: outbox.status().counters.notices_done == 1)
    assert len(hall.heard()) == 2


async def test_a_clock_that_jumped_does_not_hide_what_was_sent(hall: Hall, clock: FakeClock, path: Path) -> None:
    steps = Steps(4, behind=True)
    async with process(path, hall, clock, steps) as outbox:
        await outbox.perform(tea())
        await passing(clock, steps.dead.is_set)
    earlier = FakeClock(clock.now() - timedelta(days=2))
    hall.clock = earlier
    async with process(path, hall, earlier) as outbox:
        await passing(earlier, lambda: outbox.status().counters.notices_done == 1)
    assert hall.heard() == ["tea at five"]


async def test_an_expired_place_in_the_archive_falls_back_to_time(hall: Hall, clock: FakeClock, path: Path) -> None:
    hall.say("alice", "hello")
    steps = Steps(4, behind=True)
    async with process(path, hall, clock, steps) as outbox:
        await outbox.perform(tea())
        await passing(clock, steps.dead.is_set)
    del hall.archives[ROOM][0]
    async with process(path, hall, clock) as outbox:
        await passing(clock, lambda: outbox.status().counters.notices_done == 1)
    assert hall.heard() == ["tea at five"]


# --- to one account -------------------------------------------------------------------------------------------


async def test_a_notice_to_an_account_is_done_once_our_server_has_it(hall: Hall, clock: FakeClock, path: Path) -> None:
    async with process(path, hall, clock) as outbox:
        sent = await outbox.perform(Notice(to=ALICE, text="tea?", groupchat=False, key="alice"))
        assert sent is not None
        assert await sent.reflected(5) == "p1"
    assert hall.heard(None) == ["tea?"]


# --- killed at every step -------------------------------------------------------------------------------------

STEPS = 8  # add, of_key, page (the anchor), begin, perform, page (to an account), settle, of_key


async def run_and_die(path: Path, hall: Hall, clock: FakeClock, steps: Steps, to: Address, *, ask: bool = True) -> None:
    """One process that is asked for the notice, and killed at its deadly step, or done."""
    async with process(path, hall, clock, steps) as outbox:
        asking = asyncio.create_task(outbox.perform(Notice(to=to, text="tea", groupchat=to == ROOM, key="tea")))
        with suppress(TimeoutError):
            await passing(clock, lambda: steps.dead.is_set() or (asking.done() and outbox.status().notices == 0))
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


@pytest.mark.parametrize("to", [ROOM, ALICE])
@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("deadly", range(STEPS))
async def test_killed_at_any_step_it_stands_exactly_once(
    hall: Hall, clock: FakeClock, path: Path, deadly: int, behind: bool, to: Address
) -> None:
    hall.say("alice", "hello")
    await run_and_die(path, hall, clock, Steps(deadly, behind=behind), to)
    hall.say("alice", "still here")
    await run_and_die(path, hall, clock, Steps(None, behind=False), to)
    assert hall.heard(ROOM if to == ROOM else None).count("tea") == 1
    async with SqliteStorage.open(path, BOT) as storage:
        assert [row.state for row in await storage.notices.of_key("tea")] == [NoticeState.DONE]


@pytest.mark.parametrize("seed", range(20))
async def test_killed_again_and_again_it_stands_exactly_once(
    hall: Hall, clock: FakeClock, path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    for _ in range(6):
        hall.deaf = chance.choice((0, 0, 1))
        hall.silent = chance.random() < 0.3
        await run_and_die(path, hall, clock, Steps(chance.randrange(9), behind=chance.random() < 0.5), ROOM)
    hall.deaf, hall.silent = 0, False
    await run_and_die(path, hall, clock, Steps(None, behind=False), ROOM)
    assert hall.heard() == ["tea"]


async def test_a_lost_room_state_is_no_reason_to_send(hall: Hall, clock: FakeClock, path: Path) -> None:
    hall.leave_room(RoomState.REFUSED)
    async with process(path, hall, clock) as outbox:
        await outbox.perform(tea())
        await passing(clock, lambda: clock.monotonic() > 7200, step=60)
        assert hall.done == []
        assert outbox.status().notices == 1
