"""History against a room that forgets, cuts pages short and goes away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botkit.errors import Forbidden, ItemNotFound, LinkClosed, RequestTimeout, StanzaError, StoreError
from botkit.model.archive import CursorMoved, LogChange, LogQuery
from botkit.model.events import (
    Event,
    MessageModerated,
    MessageRetracted,
    RoomStateChanged,
    StreamEstablished,
    SubjectChanged,
    TombstoneSeen,
)
from botkit.model.messages import ArchiveId, Content, Fallback, Moderation, Source
from botkit.model.rooms import Occupant, RoomState
from botkit.ports import Clock, Link
from botkit.services.catch_up import NEAR, CatchUpProgress, CatchUpStatus
from botkit.services.history import History, HistoryOptions
from botkit.storage.memory import MemoryLog
from tests.unit.services.history_fakes import NOON, ROOM, FakeArchive, TurnedClock, message

ROMEO = Occupant(address=ROOM.with_resource("romeo"))


class FailingLog(MemoryLog):
    """A log on a disk that is full for the next ``failures`` writes."""

    def __init__(self) -> None:
        super().__init__()
        self.failures = 0
        self.batches: list[int] = []

    async def write(self, changes: Sequence[LogChange]) -> None:
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise StoreError("log.db: the disk is full")
        self.batches.append(len(changes))
        await super().write(changes)


class World:
    """A room, its archive, and a bot's history of it; ``handled`` is what handlers saw, as (number, source)."""

    def __init__(self, **options: Any) -> None:
        self.options = HistoryOptions(**{"first_catch_up": timedelta(days=1), **options})
        self.archive = FakeArchive()
        self.log = FailingLog()
        self.clock = TurnedClock()
        self.pressed: list[bool] = []
        self.handled: list[tuple[str, Source]] = []
        self.joined = False
        self.said = 0
        self.start()

    def start(self) -> None:
        """A new process on the same log."""
        link, clock = cast(Link, self.archive), cast(Clock, self.clock)
        self.history = History(self.log, link, clock, self.options, on_pressure=self.pressed.append)
        self.joined = False

    def handle(self, event: Event) -> None:
        archive_id = cast(ArchiveId, getattr(event, "archive_id", None))
        self.handled.append((archive_id, getattr(event, "source", Source.ARCHIVE)))

    def live(self, event: Event) -> bool:
        new = self.history.remember(event)
        if new:
            self.handle(event)
        return new

    def say(self, count: int = 1) -> None:
        """Somebody says something: the room archives it, and sends it to us if we are there."""
        for _ in range(count):
            self.said += 1
            event = message(self.said)
            self.clock.time = max(self.clock.time, event.at)
            self.archive.keep(event)
            if self.joined:
                self.live(event)

    async def handle_all(self, events: Sequence[Event]) -> None:
        for event in events:
            self.handle(event)

    def lose(self) -> None:
        self.joined = False
        self.history.lost(ROOM)

    async def come_in(self, progress: Any = None) -> Any:
        self.joined = True
        return await self.history.catch_up(ROOM, on_events=self.handle_all, progress=progress)

    async def logged(self) -> list[str | None]:
        await self.history.flush()
        return [row.archive_id for row in await self.log.find(LogQuery(room=ROOM, limit=10**6))]

    async def cursor(self) -> str | None:
        await self.history.flush()
        cursor = await self.log.cursor(ROOM)
        return cursor and cursor.archive_id

    @property
    def everything(self) -> list[str]:
        return [row.archive_id for row in self.archive.stored]

    @property
    def seen(self) -> list[str]:
        return [archive_id for archive_id, _ in self.handled]


# --- catching up ----------------------------------------------------------------------------------------------


async def test_gap_is_closed_page_by_page_in_order() -> None:
    world = World()
    world.say(3)
    await world.come_in()
    world.lose()
    world.say(120)
    result = await world.come_in()
    assert (result.status, result.read, result.new, result.pages) == (CatchUpStatus.CAUGHT_UP, 120, 120, 3)
    assert await world.logged() == world.everything == world.seen
    assert await world.cursor() == world.everything[-1]
    assert {source for _, source in world.handled} == {Source.ARCHIVE}


async def test_live_messages_move_the_cursor_only_when_caught_up() -> None:
    world = World()
    world.say(2)
    world.joined = True
    world.say()
    assert await world.cursor() is None
    await world.come_in()
    world.say()
    assert await world.cursor() == world.everything[-1]
    world.history.lost(ROOM)
    world.say()
    assert await world.cursor() == world.everything[-2]
    assert await world.logged() == world.everything


async def _read(world: World, at: Any) -> None:
    """A gap of 398 messages, said at ``at(number)``, that begins after the first."""
    for number in range(1, 400):
        world.archive.keep(message(number, at=at(number)))
    await world.log.write([CursorMoved(room=ROOM, archive_id=ArchiveId("a00001"), at=at(1))])
    result = await world.come_in()
    assert (result.new, len(world.seen)) == (398, 398)


async def test_later_pages_of_a_long_gap_are_looked_for_near_the_one_before() -> None:
    world, begin = World(), NOON - timedelta(days=40)
    await _read(world, lambda number: begin + timedelta(hours=2 * number))
    assert world.archive.queries[0].start is None  # our own note of the time may be by another clock
    starts = {query.after: query.start for query in world.archive.queries[1:]}
    assert starts[ArchiveId("a00201")] is None
    assert starts[ArchiveId("a00251")] == begin + timedelta(hours=2 * 202) - NEAR
    assert starts[ArchiveId("a00301")] == begin + timedelta(hours=2 * 252) - NEAR


async def test_clock_of_the_server_that_was_set_back_hides_nothing_of_a_gap_of_a_few_pages() -> None:
    world = World()
    world.say()
    await world.come_in()
    world.lose()
    for number in range(2, 240):
        back = timedelta(hours=5) if number > 90 else timedelta(0)
        world.archive.keep(message(number, at=NOON + timedelta(seconds=number) - back))
    result = await world.come_in()
    assert result.new == 238
    assert sorted(filter(None, await world.logged())) == world.everything


async def test_pages_that_an_archive_did_not_stamp_narrow_nothing() -> None:
    world = World()
    await _read(world, lambda number: NOON)
    assert {query.start for query in world.archive.queries} == {None}


async def test_live_messages_during_catch_up_are_handled_once_in_order_and_close_the_gap() -> None:
    world = World()
    world.say(120)
    world.archive.before_answer = world.say  # archived before the page is made, and sent live
    world.archive.after_answer = world.say  # said after the page was made
    await world.come_in()
    world.archive.before_answer = world.archive.after_answer = None
    assert sorted(world.seen) == world.everything
    for source in (Source.LIVE, Source.ARCHIVE):
        own = [archive_id for archive_id, how in world.handled if how is source]
        assert own == sorted(own)
    assert await world.logged() == world.everything
    assert await world.cursor() == world.everything[-1]
    assert world.history.caught_up(ROOM)


async def test_live_copy_of_what_a_page_brought_is_not_handled_again() -> None:
    world = World()
    world.say(2)
    await world.come_in()
    assert not world.live(message(2))
    assert world.history.counters.repeated == 1
    assert world.history.seen(ROOM, ArchiveId("a00002"))
    assert not world.history.seen(ROOM, ArchiveId("a00003"))


async def test_expired_cursor_falls_back_to_time_and_tells_the_gap() -> None:
    world = World()
    world.say(10)
    await world.come_in()
    world.lose()
    world.say(2000)
    world.archive.forget_before("a01500")
    result = await world.come_in()
    assert result.status is CatchUpStatus.CAUGHT_UP
    assert result.gap == (NOON + timedelta(seconds=10), NOON + timedelta(seconds=1500))
    assert await world.cursor() == world.everything[-1]
    assert world.archive.queries[-11].start == NOON + timedelta(seconds=10) - timedelta(minutes=10)
    assert (await world.logged())[10:] == world.everything


async def test_expired_cursor_without_a_gap_doubles_nothing() -> None:
    world = World()
    world.say(10)
    await world.come_in()
    world.lose()
    world.say(5)
    world.archive.stored = [row for row in world.archive.stored if row.archive_id != "a00010"]
    result = await world.come_in()
    assert (result.gap, result.new, result.read) == (None, 5, 14)
    assert len(world.seen) == len(set(world.seen)) == 15


async def test_archive_that_forgot_everything_is_a_gap_until_now() -> None:
    world = World()
    world.say(3)
    await world.come_in()
    world.lose()
    world.archive.stored.clear()
    world.clock.time = NOON + timedelta(days=9)
    result = await world.come_in()
    assert result.gap == (NOON + timedelta(seconds=3), NOON + timedelta(days=9))
    assert result.status is CatchUpStatus.CAUGHT_UP


async def test_id_that_expires_between_two_pages_is_no_dead_end() -> None:
    world = World()
    world.say(1)
    await world.come_in()
    world.lose()
    world.say(120)

    def forget() -> None:
        world.archive.after_answer = None
        world.archive.forget_before("a00060")

    world.archive.after_answer = forget
    result = await world.come_in()
    assert result.status is CatchUpStatus.CAUGHT_UP
    assert result.gap == (NOON + timedelta(seconds=51), NOON + timedelta(seconds=60))
    assert await world.cursor() == world.everything[-1]


async def test_room_never_read_begins_now_unless_asked_otherwise() -> None:
    for option, expected in ((None, 0), (0, 0), (5, 5), (70, 70), (200, 100), (timedelta(seconds=30), 31)):
        world = World(first_catch_up=option)
        world.say(100)
        result = await world.come_in()
        assert (result.first, result.new, result.status) == (True, expected, CatchUpStatus.CAUGHT_UP)
        assert world.seen == world.everything[100 - expected :]
        assert await world.cursor() == world.everything[-1]


async def test_empty_archive_is_caught_up_and_the_first_live_message_sets_the_cursor() -> None:
    world = World(first_catch_up=None)
    result = await world.come_in()
    assert (result.status, await world.cursor()) == (CatchUpStatus.CAUGHT_UP, "")
    world.say()
    assert await world.cursor() == "a00001"


async def test_server_that_never_says_complete_is_read_to_its_empty_page() -> None:
    world = World()
    world.archive.says_complete = False
    world.say(60)
    result = await world.come_in()
    assert (result.status, result.new) == (CatchUpStatus.CAUGHT_UP, 60)


async def test_server_that_gives_the_same_page_for_ever_is_left() -> None:
    world = World()
    world.say(3)
    await world.come_in()
    page = await world.archive.page(world.archive.queries[0])

    async def same(_query: object) -> Any:
        return type(page)(rows=page.rows, first=page.first, last=page.last, complete=False)

    world.archive.page = same  # type: ignore[assignment, method-assign]
    assert (await world.come_in()).status is CatchUpStatus.CAUGHT_UP


async def test_lost_stream_interrupts_and_the_next_catch_up_goes_on_from_there() -> None:
    world = World()
    world.say(1)
    await world.come_in()
    world.lose()
    world.say(120)
    world.archive.after_answer = lambda: world.archive.failures.append(LinkClosed("the stream is gone"))
    result = await world.come_in()
    assert (result.status, result.reason) == (CatchUpStatus.INTERRUPTED, "the stream is gone")
    assert await world.cursor() == "a00051"
    assert not world.history.caught_up(ROOM)
    world.archive.after_answer = None
    world.archive.failures.clear()
    assert (await world.come_in()).new == 70
    assert world.seen == world.everything


async def test_room_lost_during_the_last_page_is_not_caught_up() -> None:
    world = World()
    world.say(5)
    world.archive.after_answer = world.lose
    assert (await world.come_in()).status is CatchUpStatus.INTERRUPTED
    assert not world.history.caught_up(ROOM)
    assert await world.cursor() is None


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (Forbidden("forbidden", "auth"), CatchUpStatus.UNAVAILABLE),
        (StanzaError.of("service-unavailable", "cancel"), CatchUpStatus.UNAVAILABLE),
        (StanzaError.of("item-not-found", "cancel"), CatchUpStatus.UNAVAILABLE),
    ],
)
async def test_refused_archive_is_told_and_live_messages_are_kept(failure: Exception, status: CatchUpStatus) -> None:
    world = World()
    world.archive.failures.append(failure)
    result = await world.come_in()
    assert result.status is status
    assert result.reason
    world.say()
    assert await world.logged() == ["a00001"]
    assert await world.cursor() is None


async def test_room_without_archive_is_not_asked() -> None:
    world = World()
    world.archive.features = frozenset()
    result = await world.come_in()
    assert (result.status, world.archive.queries) == (CatchUpStatus.UNAVAILABLE, [])


async def test_passing_failures_are_tried_again_three_times() -> None:
    world = World()
    world.say(1)
    busy = StanzaError.of("resource-constraint", "wait")
    world.archive.failures += [RequestTimeout("no answer"), busy]
    assert (await world.come_in()).status is CatchUpStatus.CAUGHT_UP
    assert world.clock.slept == [2.0, 4.0]
    world.lose()
    world.archive.failures += [busy] * 3
    assert (await world.come_in()).status is CatchUpStatus.INTERRUPTED


async def test_handler_that_raises_does_not_stop_the_catch_up() -> None:
    world = World()
    world.say(3)
    told: list[Event] = []

    async def raises(events: Sequence[Event]) -> None:
        told.extend(events)
        raise RuntimeError("handler")

    result = await world.history.catch_up(ROOM, on_events=raises)
    assert (result.status, len(told)) == (CatchUpStatus.CAUGHT_UP, 3)


async def test_page_that_the_handlers_did_not_take_is_read_and_handed_again() -> None:
    world = World()
    world.say(1)
    await world.come_in()
    world.lose()
    world.say(3)

    async def going_down(events: Sequence[Event]) -> None:
        raise LinkClosed("the bot goes down")

    before = await world.cursor()
    result = await world.history.catch_up(ROOM, on_events=going_down)
    assert result.status is CatchUpStatus.INTERRUPTED
    assert await world.cursor() == before
    handled = len(world.handled)
    assert (await world.come_in()).status is CatchUpStatus.CAUGHT_UP
    assert len(world.handled) - handled == 3


async def test_what_waits_to_be_written_when_the_stream_is_lost_is_not_handled_again() -> None:
    world = World(recent=8)
    await world.come_in()
    world.say(50)  # nothing has written them
    world.lose()
    world.say(2)
    handled = len(world.handled)
    result = await world.come_in()
    assert (result.new, len(world.handled) - handled) == (2, 2)


async def test_pages_share_a_transaction_however_few_ids_are_remembered() -> None:
    world = World(recent=8)
    world.say()
    await world.come_in()
    world.lose()
    world.say(400)
    batches, handled = world.history.counters.batches, len(world.handled)
    result = await world.come_in()
    assert (result.new, len(world.handled) - handled) == (400, 400)
    assert world.history.counters.batches - batches <= 2


async def test_rows_that_wait_to_be_written_are_not_handed_again_where_an_id_expires_on_the_way() -> None:
    world = World(recent=8)
    world.say()
    await world.come_in()
    world.lose()
    world.say(400)
    handled, asked = len(world.handled), len(world.archive.queries)

    def expires() -> None:
        if len(world.archive.queries) == asked + 4:
            world.archive.failures.append(ItemNotFound("item-not-found", "cancel"))

    world.archive.after_answer = expires
    result = await world.come_in()
    assert result.read > 400
    assert len(world.handled) - handled == len(set(world.handled[handled:])) == 400


async def test_progress_tells_how_much_of_the_time_is_read() -> None:
    world = World()
    world.say(1)
    await world.come_in()
    world.lose()
    world.say(100)
    steps: list[CatchUpProgress] = []
    await world.come_in(progress=steps.append)
    assert [(step.read, step.fraction) for step in steps] == [(50, 0.5), (100, 1.0)]


# --- the store ------------------------------------------------------------------------------------------------


async def test_full_disk_is_waited_out_and_the_cursor_never_passes_missing_rows() -> None:
    world = World()
    world.say(60)
    world.log.failures = 3
    result = await world.come_in()
    assert result.status is CatchUpStatus.CAUGHT_UP
    assert world.clock.slept == [0.5, 1.0, 2.0]
    assert world.history.counters.write_failures == 3
    assert await world.logged() == world.everything


@pytest.fixture
async def running() -> AsyncIterator[World]:
    world = World(write_every=0.005, capacity=20)
    task = asyncio.create_task(world.history.run())
    yield world
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 (any condition, with a deadline)
            await asyncio.sleep(0.002)


async def test_run_writes_batches_and_pauses_reading_while_the_store_fails(running: World) -> None:
    running.joined = True
    running.log.failures = 4
    running.say(30)
    assert running.pressed == [True]
    await until(lambda: running.history.counters.written == 30)
    assert running.pressed == [True, False]
    assert running.log.batches == [30]
    assert running.history.counters.write_failures == 4
    assert await running.logged() == running.everything


async def test_run_lets_originals_expire(running: World) -> None:
    running.clock.time = NOON + timedelta(days=60)
    running.live(message(1))
    running.live(MessageModerated(at=NOON, room=ROOM, target=ArchiveId("a00001"), moderation=Moderation()))
    await until(lambda: running.history.counters.written)
    second = asyncio.create_task(running.history.run())
    await until(lambda: running.history.counters.expired_originals)
    second.cancel()
    [row] = await running.history.recent(ROOM)
    assert row.original is None


# --- what is remembered ---------------------------------------------------------------------------------------


async def test_questions_see_what_was_remembered_a_moment_ago() -> None:
    world = World()
    world.live(message(1, "cheap coins"))
    world.live(message(2, "hello"))
    assert [row.body for row in await world.history.recent(ROOM, 1)] == ["hello"]
    assert [row.body for row in await world.history.search(ROOM, "coins")] == ["cheap coins"]
    assert len(await world.history.by_author(ROOM, "jid:romeo@example.org")) == 2
    row = await world.history.get(ROOM, ArchiveId("a00001"))
    assert row is not None


async def test_moderation_retraction_and_tombstone_change_the_log() -> None:
    world = World()
    for number in (1, 2):
        world.live(message(number))
    by = Moderation(by=ROOM.with_resource("prince"), reason="spam")
    world.live(MessageModerated(at=NOON, room=ROOM, target=ArchiveId("a00001"), moderation=by))
    author = message(2).author
    world.live(MessageRetracted(at=NOON + timedelta(minutes=1), room=ROOM, author=author, target="a00002"))
    gone = TombstoneSeen(at=NOON, room=ROOM, author=ROMEO, archive_id=ArchiveId("a00003"), moderation=by)
    world.archive.keep(gone)
    await world.come_in()
    rows = {row.archive_id: row for row in await world.history.recent(ROOM)}
    assert [rows[ArchiveId(f"a0000{n}")].retracted_by for n in (1, 2, 3)] == ["prince", "romeo", "prince"]
    assert rows[ArchiveId("a00001")].reason == "spam"


async def test_tombstone_in_place_of_a_message_that_we_have_is_handed_on_and_hides_it() -> None:
    world = World()
    world.say(2)
    await world.come_in()
    world.lose()
    by = Moderation(by=ROOM.with_resource("prince"), stamp=NOON + timedelta(hours=1))
    world.archive.stored.clear()  # so that it is read from the cursor's time, the tombstone with it
    world.archive.keep(TombstoneSeen(at=NOON, room=ROOM, author=ROMEO, archive_id=ArchiveId("a00001"), moderation=by))
    world.say(1)
    result = await world.come_in()
    assert (result.new, result.gap) == (2, None)
    row = await world.history.get(ROOM, ArchiveId("a00001"))
    assert row is not None
    assert (row.body, row.original, row.retracted) == ("", "message 1", NOON + timedelta(hours=1))


async def test_fallback_body_of_a_retraction_is_no_message() -> None:
    world = World()
    world.live(message(1))
    retraction = MessageRetracted(at=NOON + timedelta(minutes=1), room=ROOM, author=message(1).author, target="m1")
    fallback = Fallback("urn:xmpp:message-retract:1")
    body = Content(body="/me retracted a previous message", fallbacks=(fallback,))
    world.live(message(2, content=body, also=(retraction,)))
    [row] = await world.history.recent(ROOM)
    assert row.retracted == NOON + timedelta(seconds=2)


async def test_subject_moves_the_cursor_and_is_no_message() -> None:
    world = World()
    await world.come_in()
    world.live(SubjectChanged(at=NOON, room=ROOM, author=ROMEO, subject="welcome", archive_id=ArchiveId("s1")))
    assert (await world.logged(), await world.cursor()) == ([], "s1")


async def test_join_history_is_left_to_the_archive() -> None:
    world = World()
    assert not world.live(message(1, source=Source.JOIN_HISTORY))
    assert await world.logged() == []


async def test_join_history_of_a_room_without_archive_is_taken_once() -> None:
    world = World()
    assert world.live(message(1, archive_id=None))
    assert not world.live(message(1, archive_id=None, source=Source.JOIN_HISTORY))
    assert world.live(message(2, archive_id=None, source=Source.JOIN_HISTORY))
    assert not world.live(message(2, archive_id=None, source=Source.JOIN_HISTORY))
    assert len(await world.history.recent(ROOM)) == 2
    world.start()
    assert world.live(message(2, archive_id=None, source=Source.JOIN_HISTORY))
    assert len(await world.history.recent(ROOM)) == 2


async def test_live_messages_without_ids_are_never_taken_for_repetitions() -> None:
    world = World()
    event = message(1, archive_id=None, message_id=None)
    assert world.live(event)
    assert world.live(event)
    assert len(await world.history.recent(ROOM)) == 2


async def test_new_stream_and_lost_room_end_the_caught_up_state_but_a_resumed_stream_does_not() -> None:
    world = World()
    for event, still in (
        (StreamEstablished(at=NOON, address=ROOM, resumed=True), True),
        (RoomStateChanged(at=NOON, room=ROOM, state=RoomState.JOINED, before=RoomState.JOINING), True),
        (RoomStateChanged(at=NOON, room=ROOM, state=RoomState.LOST, before=RoomState.JOINED), False),
        (StreamEstablished(at=NOON, address=ROOM, resumed=False), False),
    ):
        await world.come_in()
        assert world.history.remember(event)
        assert world.history.caught_up(ROOM) is still


async def test_memory_of_recent_ids_is_bounded() -> None:
    world = World(recent=10)
    world.joined = True
    world.say(50)
    assert len(world.history.state(ROOM).recent) == 10
    assert world.history.seen(ROOM, ArchiveId("a00050"))


# --- whatever happens -----------------------------------------------------------------------------------------

STEPS = st.sampled_from(["say", "say", "say many", "repeat", "lose", "come in", "crash", "flush", "disk full"])
DURING = st.sampled_from(["nothing", "nothing", "say", "lose", "cut", "disk full"])


async def _play(world: World, steps: list[str], during: list[str]) -> None:
    events = iter(during)

    def happens() -> None:
        match next(events, "nothing"):
            case "say":
                world.say()
            case "lose":
                world.lose()
            case "cut":
                world.lose()
                world.archive.failures.append(LinkClosed("cut"))
            case "disk full":
                world.log.failures = 2

    world.archive.before_answer = world.archive.after_answer = happens
    for step in steps:
        match step:
            case "say":
                world.say()
            case "say many":
                world.say(7)
            case "repeat" if world.history.seen(ROOM, message(world.said).archive_id or ArchiveId("")):
                assert not world.live(message(world.said))
            case "lose":
                world.lose()
            case "come in":
                await world.come_in()
            case "crash":
                world.start()
            case "disk full":
                world.log.failures = 1
            case "flush":
                try:
                    await world.history.flush()
                except StoreError:
                    pass
    world.archive.before_answer = world.archive.after_answer = None
    world.archive.failures.clear()
    world.log.failures = 0


@given(steps=st.lists(STEPS, max_size=25), during=st.lists(DURING, max_size=25))
@settings(max_examples=300, deadline=None)
async def test_log_is_the_archive_after_any_history(steps: list[str], during: list[str]) -> None:
    world = World(page_size=3)
    await _play(world, steps, during)
    cursor = await world.log.cursor(ROOM)
    written = {row.archive_id for row in await world.log.find(LogQuery(room=ROOM, limit=10**6))}
    if cursor is not None:  # at any moment: nothing up to the cursor is missing
        assert {archive_id for archive_id in world.everything if archive_id <= cursor.archive_id} <= written
    world.say()
    world.lose()
    assert (await world.come_in()).status is CatchUpStatus.CAUGHT_UP
    world.say()
    assert await world.logged() == world.everything
    assert await world.cursor() == world.everything[-1]
    assert set(world.seen) == set(world.everything)
    if "crash" not in steps:
        assert len(world.seen) == len(world.everything)
