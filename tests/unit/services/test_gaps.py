"""What is missing in the log is known to be, with its bounds, and read once it can be."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from botkit.errors import Forbidden, StanzaError
from botkit.model.archive import Gap, GapReason
from botkit.model.events import RoomStateChanged
from botkit.model.messages import Source
from botkit.model.rooms import RoomState
from botkit.services.catch_up import CatchUpStatus
from tests.unit.services.history_fakes import NOON, ROOM, message
from tests.unit.services.test_history import World

REFUSED = Forbidden("forbidden", "auth")


async def gaps(world: World) -> list[Gap]:
    await world.history.flush()
    return await world.log.gaps(ROOM)


async def restarted(world: World) -> None:
    await world.history.flush()
    world.start()
    await world.history.begin()


def seconds(number: int) -> timedelta:
    return timedelta(seconds=number)


def come(world: World) -> None:
    """The room is entered; what it replays came before."""
    world.joined = True
    before = RoomState.JOINING
    world.history.remember(RoomStateChanged(at=world.clock.time, room=ROOM, state=RoomState.JOINED, before=before))


async def test_what_the_archive_has_forgotten_is_a_gap_from_our_last_message_to_its_first() -> None:
    world = World()
    world.say(10)
    await world.come_in()
    world.lose()
    world.say(20)
    world.archive.forget_before("a00020")
    await world.come_in()
    (gap,) = [gap for gap in await gaps(world) if gap.reason is GapReason.EXPIRED]
    assert (gap.after_id, gap.after) == ("a00010", NOON + seconds(10))
    assert (gap.before_id, gap.before) == ("a00020", NOON + seconds(20))
    assert gap.closed is None


async def test_forgotten_cursor_and_a_live_message_before_the_answer_lose_nothing_and_leave_a_gap() -> None:
    world = World()
    world.archive.empty_for_unknown = True
    world.say(10)
    await world.come_in()
    await restarted(world)
    world.say(5)
    world.archive.forget_before("a00013")

    def live() -> None:
        world.archive.before_answer = None
        world.say()

    world.archive.before_answer = live
    await world.come_in()
    assert (await world.logged())[10:] == world.everything == ["a00013", "a00014", "a00015", "a00016"]
    (gap,) = [gap for gap in await gaps(world) if gap.reason is GapReason.EXPIRED]
    assert (gap.after_id, gap.before_id) == ("a00010", "a00013")


async def test_live_message_that_is_written_already_does_not_hide_the_gap_before_it() -> None:
    world = World()
    world.say(10)
    await world.come_in()
    await restarted(world)
    world.say(5)
    world.archive.forget_before("a00013")
    come(world)
    world.say()
    await world.history.flush()
    await world.come_in()
    (gap,) = [gap for gap in await gaps(world) if gap.reason is GapReason.EXPIRED]
    assert (gap.after_id, gap.before_id) == ("a00010", "a00013")


async def test_log_without_a_hole_has_no_gap() -> None:
    world = World()
    await world.come_in()
    world.say(10)
    world.lose()
    world.say(10)
    await world.come_in()
    assert await gaps(world) == []


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (REFUSED, GapReason.FORBIDDEN),
        (StanzaError("not-allowed", "cancel"), GapReason.FORBIDDEN),
        (StanzaError("internal-server-error", "cancel"), GapReason.FAILED),
    ],
)
async def test_archive_that_cannot_be_read_makes_a_gap_that_is_closed_once_it_can(
    problem: StanzaError, reason: GapReason, caplog: pytest.LogCaptureFixture
) -> None:
    world = World()
    await world.come_in()
    world.say(3)
    world.lose()
    world.say(3)
    world.clock.time += seconds(100)
    come(world)
    world.archive.failures = [problem]
    result = await world.come_in()
    assert result.status is CatchUpStatus.UNAVAILABLE
    world.say(2)
    (gap,) = await gaps(world)
    assert (gap.reason, gap.after_id, gap.after) == (reason, "a00003", NOON + seconds(3))
    assert gap.before == NOON + seconds(106)
    assert result.gap == (gap.after, gap.before)

    world.archive.failures = [problem]
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        await world.come_in()  # asked again during the same visit: the same gap
    assert len(await gaps(world)) == 1
    assert not caplog.records

    result = await world.come_in()
    assert result.status is CatchUpStatus.CAUGHT_UP
    assert await world.logged() == world.everything
    (gap,) = await gaps(world)
    assert gap.closed == world.clock.now()


async def test_each_absence_from_a_room_that_keeps_no_archive_is_a_gap_of_its_own() -> None:
    world = World()
    world.archive.features = frozenset()
    await world.come_in()
    assert await gaps(world) == []  # it was never seen before: nothing is missing
    for _ in range(2):
        world.say(3)
        world.lose()
        world.clock.time += seconds(60)
        result = await world.come_in()
        assert result.no_archive
        world.clock.time += seconds(1)
        world.said += 120
    found = await gaps(world)
    assert [gap.reason for gap in found] == [GapReason.NO_ARCHIVE] * 2
    assert found[0].before is not None
    assert found[1].after is not None
    assert found[0].before < found[1].after


@pytest.mark.parametrize("restart", [False, True])
async def test_what_a_room_replays_on_joining_closes_the_gap_where_it_reaches_back(restart: bool) -> None:
    world = World()
    world.archive.features = frozenset()
    await world.come_in()
    for number in (1, 2, 3):
        world.live(message(number, archive_id=None))
    world.lose()
    if restart:
        await restarted(world)
    world.clock.time += seconds(60)
    for number in (2, 3, 4, 5):
        world.live(message(number, archive_id=None, source=Source.JOIN_HISTORY))
    come(world)
    assert (await world.come_in()).gap is None
    assert await gaps(world) == []


@pytest.mark.parametrize("restart", [False, True])
async def test_gap_ends_where_what_a_room_replays_begins(restart: bool) -> None:
    world = World()
    world.archive.features = frozenset()
    await world.come_in()
    world.live(message(1, archive_id=None))
    world.lose()
    if restart:
        await restarted(world)
    world.clock.time += seconds(60)
    for number in (20, 21):
        world.live(message(number, archive_id=None, source=Source.JOIN_HISTORY))
    come(world)
    await world.come_in()
    (gap,) = await gaps(world)
    assert (gap.after, gap.before) == (NOON + seconds(1), NOON + seconds(20))


async def test_room_whose_archive_was_never_ours_is_read_from_its_gap_on_once_it_is() -> None:
    world = World()
    world.archive.failures = [REFUSED]
    await world.come_in()
    world.say(2)
    world.lose()
    world.say(3)
    await restarted(world)
    world.archive.failures = [REFUSED]
    come(world)
    await world.come_in()
    world.say(1)
    assert len(await gaps(world)) == 1
    world.lose()
    await world.come_in()
    assert await world.logged() == world.everything
    assert [gap.closed is not None for gap in await gaps(world)] == [True]


async def test_past_that_a_first_catch_up_leaves_out_is_a_gap_without_a_beginning() -> None:
    for option, before_id in (
        (None, None),
        (5, "a00036"),
        (200, None),
        (timedelta(seconds=9), "a00031"),
        (timedelta(days=1), None),
    ):
        world = World(first_catch_up=option)
        world.say(40)
        await world.come_in()
        found = await gaps(world)
        if option in (200, timedelta(days=1)):
            assert found == []
            continue
        (gap,) = found
        assert (gap.reason, gap.after, gap.before_id) == (GapReason.NOT_READ, None, before_id)
        assert gap.before is not None


async def test_room_that_is_new_to_everybody_has_no_gap() -> None:
    world = World()
    await world.come_in()
    world.say(3)
    assert await gaps(world) == []
