"""Handlers that catch up get every event at least once, wherever the bot is killed, and know when it may be again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

from botkit.errors import LinkClosed
from botkit.model.address import Address
from botkit.model.events import Event, MessageRetracted, RoomMessage
from botkit.model.messages import ArchiveId, Source
from botkit.ports import Clock, Link
from botkit.services.catch_up_result import CatchUpStatus
from botkit.services.history import History, HistoryOptions
from botkit.storage.memory import MemoryStorage
from botkit.storage.sqlite import SqliteStorage
from tests.unit.services.history_fakes import ROOM, FakeArchive, TurnedClock, message

Storage = MemoryStorage | SqliteStorage
Open = Callable[[], AbstractAsyncContextManager[Storage]]
LIVE, CAUGHT_UP, REPEATED = Source.LIVE, Source.ARCHIVE, Source.REPEATED


class Room:
    """A room with an archive, and its time."""

    def __init__(self) -> None:
        self.archive = FakeArchive()
        self.clock = TurnedClock()
        self.said = 0

    def says(self, bot: Bot | None = None, **changes: object) -> RoomMessage:
        self.said += 1
        event = message(self.said, **changes)
        self.clock.time = max(self.clock.time, event.at)
        if event.archive_id is not None:
            self.archive.keep(event)
        if bot is not None:
            bot.hears(event)
        return event


class Bot:
    """A run on ``storage``, with handlers that take what is queued when the test says so."""

    def __init__(self, room: Room, storage: Storage, got: list[tuple[str, Source]], most: int = 10**6) -> None:
        self.room = room
        self.most = most
        self.queue: list[Event] = []
        self.got = got
        self.skipped: list[Address] = []
        self.refuses = False
        self._waiting: list[tuple[int, Callable[[], None]]] = []
        self._done = 0
        self.history = History(
            storage.log,
            cast(Link, room.archive),
            cast(Clock, room.clock),
            HistoryOptions(first_catch_up=timedelta(days=1)),
            life=storage.life,
            when_handled=self._when_handled,
            on_skipped=self.skipped.append,
        )

    def hears(self, event: Event) -> None:
        told = self.history.remember(event)
        if told is not None and (len(self.queue) < self.most or not self.history.skip(told, False)):
            self.queue.append(told)

    def works(self) -> None:
        """Handle all that is queued."""
        while self.queue:
            self._handle(self.queue.pop(0))

    def _handle(self, event: Event) -> None:
        self.got.append((cast(str, getattr(event, "archive_id", None)), cast(Source, getattr(event, "source", LIVE))))
        self._done += 1
        for waiting in [one for one in self._waiting if one[0] <= self._done]:
            self._waiting.remove(waiting)
            waiting[1]()

    def _when_handled(self, _: Address, then: Callable[[], None]) -> None:
        if self.queue:
            self._waiting.append((self._done + len(self.queue), then))
        else:
            then()

    async def caught_up(self, events: Sequence[Event]) -> None:
        await asyncio.sleep(0)
        if self.refuses:
            raise LinkClosed("going down")
        self.works()
        for event in events:
            self._handle(event)

    async def come_in(self) -> CatchUpStatus:
        return (await self.history.catch_up(ROOM, on_events=self.caught_up)).status

    async def comes_in(self) -> CatchUpStatus:
        """As ``come_in``, in a run that has just begun."""
        await self.history.begin()
        return await self.come_in()

    async def end(self) -> None:
        self.history.stop_moving()
        self.works()
        await self.history.flush()
        await self.history.end()


@pytest.fixture(params=["memory", "sqlite"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    kept = MemoryStorage()

    @asynccontextmanager
    async def memory() -> AsyncIterator[Storage]:
        yield kept

    @asynccontextmanager
    async def sqlite() -> AsyncIterator[Storage]:
        async with SqliteStorage.open(tmp_path / "bot.db", Address.parse("keeper@example.org")) as storage:
            yield storage

    return memory if request.param == "memory" else sqlite


@pytest.mark.parametrize(
    ("handled", "written", "again"),
    [(False, False, True), (False, True, True), (True, False, True), (True, True, False)],
)
async def test_live_message_is_handled_again_unless_its_handlers_were_done_and_that_is_written(
    reopen: Open, handled: bool, written: bool, again: bool
) -> None:
    room, got = Room(), list[tuple[str, Source]]()
    async with reopen() as storage:
        bot = Bot(room, storage, got)
        await bot.comes_in()
        room.says(bot)
        if handled:
            bot.works()
        if written:
            await bot.history.flush()
    async with reopen() as storage:
        assert await Bot(room, storage, got).comes_in() is CatchUpStatus.CAUGHT_UP
    assert got == [("a00001", LIVE)] * handled + [("a00001", REPEATED)] * again
    async with reopen() as storage:
        assert len(await storage.log.gaps(ROOM)) == 0
        assert await storage.log.newest() == 1


@pytest.mark.parametrize(("handled", "written"), [(False, False), (True, False), (True, True)])
async def test_message_of_an_archive_is_handled_again_unless_its_page_is_written(
    reopen: Open, handled: bool, written: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, got = Room(), list[tuple[str, Source]]()
    async with reopen() as storage:
        bot = Bot(room, storage, got)
        await bot.comes_in()
        room.says(bot)
        await bot.end()
    room.says()
    async with reopen() as storage:
        bot = Bot(room, storage, got)
        bot.refuses = not handled
        if handled and not written:

            async def die() -> None:
                raise LinkClosed("killed before it was written")

            monkeypatch.setattr(bot.history.buffer, "settle", die)
        await bot.comes_in()
    async with reopen() as storage:
        await Bot(room, storage, got).comes_in()
    first = [("a00002", CAUGHT_UP)] * handled
    assert got == [("a00001", LIVE), *first, *([("a00002", REPEATED)] * (not written))]


async def test_orderly_end_repeats_nothing_and_what_came_during_it_is_handled_first_by_the_next_run(
    reopen: Open,
) -> None:
    room, got = Room(), list[tuple[str, Source]]()
    async with reopen() as storage:
        bot = Bot(room, storage, got)
        await bot.comes_in()
        room.says(bot)
        bot.history.stop_moving()
        bot.works()
        late = room.says()
        bot.history.remember(late)  # read by the stream, and no longer given to handlers
        await bot.history.flush()
        await bot.history.end()
    async with reopen() as storage:
        await Bot(room, storage, got).comes_in()
    assert got == [("a00001", LIVE), ("a00002", CAUGHT_UP)]


async def test_live_message_during_a_catch_up_that_an_orderly_end_interrupts_is_not_handed_on_as_new(
    reopen: Open,
) -> None:
    room, got = Room(), list[tuple[str, Source]]()
    async with reopen() as storage:
        bot = Bot(room, storage, got)
        await bot.comes_in()
        room.says(bot)
        bot.works()
        bot.history.lost(ROOM)
        room.says()

        def meanwhile() -> None:
            room.archive.before_answer = None
            room.says(bot)
            bot.works()
            bot.history.stop_moving()

        room.archive.before_answer = meanwhile
        assert await bot.come_in() is CatchUpStatus.INTERRUPTED
        await bot.end()
    async with reopen() as storage:
        await Bot(room, storage, got).comes_in()
    assert [source for archive_id, source in got if archive_id == "a00003"] == [LIVE, REPEATED]
    assert {archive_id for archive_id, _ in got} == {"a00001", "a00002", "a00003"}


async def test_what_was_said_long_after_the_bot_was_killed_is_no_repetition(reopen: Open) -> None:
    room, got = Room(), list[tuple[str, Source]]()
    async with reopen() as storage:
        bot = Bot(room, storage, got)
        await bot.comes_in()
        room.says(bot)
    room.said = 1000
    room.says()
    async with reopen() as storage:
        await Bot(room, storage, got).comes_in()
    assert got == [("a00001", REPEATED), ("a01001", CAUGHT_UP)]


async def test_slow_handler_holds_back_the_cursor_and_not_the_log(reopen: Open) -> None:
    room, got = Room(), list[tuple[str, Source]]()
    async with reopen() as storage:
        bot = Bot(room, storage, got)
        await bot.comes_in()
        room.says(bot)
        bot.works()
        await bot.history.flush()
        for _ in range(3):
            room.says(bot)
            await bot.history.flush()
        cursor = await storage.log.cursor(ROOM)
        assert cursor is not None
        assert cursor.archive_id == "a00001"
        assert await storage.log.newest() == 4
        bot.works()
        await bot.history.flush()
        await bot.history.flush()
        cursor = await storage.log.cursor(ROOM)
        assert cursor is not None
        assert cursor.archive_id == "a00004"


async def test_loss_of_the_stream_while_handlers_are_slow_repeats_nothing_in_the_same_run(reopen: Open) -> None:
    room, got = Room(), list[tuple[str, Source]]()
    async with reopen() as storage:
        bot = Bot(room, storage, got)
        await bot.comes_in()
        for _ in range(3):
            room.says(bot)
        bot.history.lost(ROOM)
        room.says()
        catching_up = asyncio.create_task(bot.come_in())
        await asyncio.sleep(0.01)
        bot.works()
        assert await catching_up is CatchUpStatus.CAUGHT_UP
    assert got == [("a00001", LIVE), ("a00002", LIVE), ("a00003", LIVE), ("a00004", CAUGHT_UP)]


async def test_message_for_which_the_handlers_have_no_room_comes_again_from_the_archive(reopen: Open) -> None:
    room, got = Room(), list[tuple[str, Source]]()
    async with reopen() as storage:
        bot = Bot(room, storage, got, most=3)
        await bot.comes_in()
        for _ in range(400):
            room.says(bot)
        assert bot.skipped == []
        bot.works()
        assert bot.skipped == [ROOM]
        room.says(bot)  # skipped, too: it follows those that were
        bot.works()
        assert await bot.come_in() is CatchUpStatus.CAUGHT_UP
        room.says(bot)
        bot.works()
    expected = [(f"a{number:05d}", LIVE) for number in range(1, 4)]
    assert got[:3] == expected
    assert sorted({archive_id for archive_id, _ in got}) == [row.archive_id for row in room.archive.stored]
    assert len(got) == 402
    assert got[-1] == ("a00402", LIVE)


async def test_crash_after_messages_were_skipped_loses_none(reopen: Open) -> None:
    room, got = Room(), list[tuple[str, Source]]()
    async with reopen() as storage:
        bot = Bot(room, storage, got, most=2)
        await bot.comes_in()
        for _ in range(5):
            room.says(bot)
        bot.works()
        await bot.history.flush()
    async with reopen() as storage:
        await Bot(room, storage, got).comes_in()
    assert {archive_id for archive_id, _ in got} == {f"a{number:05d}" for number in range(1, 6)}


async def test_message_without_an_archive_id_is_never_skipped(reopen: Open) -> None:
    room = Room()
    async with reopen() as storage:
        bot = Bot(room, storage, [], most=1)
        await bot.comes_in()
        for _ in range(5):
            room.says(bot, archive_id=None)
        assert len(bot.queue) == 5


async def test_page_that_was_refused_in_part_comes_again_marked_as_repeated(reopen: Open) -> None:
    room, got = Room(), list[tuple[str, Source]]()
    async with reopen() as storage:
        bot = Bot(room, storage, got)
        await bot.comes_in()
        bot.history.lost(ROOM)
        room.says()
        bot.refuses = True
        assert await bot.come_in() is CatchUpStatus.INTERRUPTED
        bot.refuses = False
        assert await bot.come_in() is CatchUpStatus.CAUGHT_UP
    assert got == [("a00001", REPEATED)]


@pytest.mark.parametrize("orderly", [True, False])
async def test_what_a_room_without_an_archive_replays_is_not_handled_twice_after_an_orderly_end(
    reopen: Open, orderly: bool
) -> None:
    room, got = Room(), list[tuple[str, Source]]()
    room.archive.features = frozenset()
    async with reopen() as storage:
        bot = Bot(room, storage, got)
        await bot.comes_in()
        room.says(bot, archive_id=None)
        bot.works()
        await bot.history.flush()
        if orderly:
            await bot.end()
    async with reopen() as storage:
        bot = Bot(room, storage, got)
        await bot.history.begin()
        for number in (1, 2):
            bot.hears(message(number, archive_id=None, source=Source.JOIN_HISTORY))
        bot.works()
        await bot.end()
        assert await storage.log.newest() == 2
    again = [] if orderly else [REPEATED]
    assert [source for _, source in got] == [LIVE, *again, Source.JOIN_HISTORY]


async def test_what_a_stanza_says_besides_is_marked_as_well(reopen: Open) -> None:
    room, got = Room(), list[Event]()
    async with reopen() as storage:
        bot = Bot(room, storage, [])
        await bot.comes_in()
        author = message(1).author
        also = MessageRetracted(at=message(1).at, room=ROOM, author=author, target="a00000", source=Source.ARCHIVE)
        room.says(also=(also,))
    async with reopen() as storage:
        bot = Bot(room, storage, [])
        await bot.history.begin()

        async def keep(events: Sequence[Event]) -> None:
            got.extend(events)

        await bot.history.catch_up(ROOM, on_events=keep)
    (event,) = got
    assert isinstance(event, RoomMessage)
    assert (event.source, event.also[0].source) == (REPEATED, REPEATED)  # type: ignore[attr-defined]  # retraction
    assert event.archive_id == ArchiveId("a00001")
