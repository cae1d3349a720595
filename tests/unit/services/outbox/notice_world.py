"""A room and a store that outlive the process that uses them, and processes that stop for good at any step."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from botkit.errors import LinkClosed, StanzaError
from botkit.model.actions import Action, Moderate, Notice, RetractOwn, SendMessage, Sent
from botkit.model.address import Address
from botkit.model.archive import ArchivedEvent, ArchiveQuery, Page
from botkit.model.events import (
    DirectMessage,
    DirectRetraction,
    ErrorReceived,
    Event,
    MessageRetracted,
    RoomMessage,
    RoomStateChanged,
    StreamEstablished,
)
from botkit.model.messages import ArchiveId, Content, MessageId
from botkit.model.rooms import Occupant, RoomState
from botkit.ports import Link, NoticeStore
from botkit.services.outbox.outbox import Outbox
from botkit.services.outbox.settings import OutboxSettings
from botkit.storage.sqlite import SqliteStorage
from botkit.testing.fakes import FakeClock, FakeLink, make_occupant, make_room

ROOM = Address.parse("lobby@rooms.example.org")
BOT = Address.parse("herald@example.org/r")
ALICE = Address.parse("alice@example.org")
STORE_STEPS = frozenset({"add", "of_key", "told", "begin", "settle", "gather", "scatter"})


class Hall(FakeLink):
    """A room with an archive, and our account's own; both stay when the bot's process is gone."""

    def __init__(self, clock: FakeClock, *, keeps_archive: bool = True) -> None:
        super().__init__(BOT)
        self.clock = clock
        self.keeps_archive = keeps_archive
        self.numbers = itertools.count(1)
        self.hear: Callable[[Event], None] = lambda event: None
        self.refusals: list[StanzaError] = []
        self.deaf = 0  # so many messages are dropped on their way
        self.silent = False  # messages arrive, and nothing comes back
        self.stay = 0
        self.retracted: list[str] = []  # targets, once for each time that the room heard of it
        self.moderated: list[str] = []
        self.stays: dict[str | None, tuple[str, int]] = {}  # who said a message, in which stay
        self.enter_room()
        self.archives[ROOM] = []
        self.archives[None] = []

    def leave_room(self, state: RoomState = RoomState.LOST) -> None:
        self._rooms[ROOM] = replace(self._rooms[ROOM], state=state, me=None)

    def enter_room(self, nick: str = "herald", *, features: frozenset[str] | None = None) -> None:
        self.stay += 1
        since = self.clock.now() + timedelta(microseconds=self.stay)
        room = make_room(ROOM, nick=nick)
        self.add_room(replace(room, since=since, features=room.features if features is None else features))

    def shown(self) -> list[str]:
        """What a client shows that believes no correction but those of the same occupant in the same stay."""
        texts: dict[str, str] = {}
        for row in self.archives[ROOM]:
            if isinstance(row.event, RoomMessage):
                target = row.event.content.replaces
                if target is None:
                    texts[row.event.message_id or row.archive_id] = row.event.body
                elif target in texts and self.stays[target] == self.stays[row.event.message_id]:
                    texts[target] = row.event.body
                else:
                    texts[row.archive_id] = f"not believed: {row.event.body}"
        return list(texts.values())

    def heard(self, to: Address | None = ROOM) -> list[str]:
        """What stands in an archive."""
        return [row.event.body for row in self.archives[to] if isinstance(row.event, RoomMessage | DirectMessage)]

    def say(self, nick: str, body: str, message_id: str = "x") -> None:
        self._write(make_occupant(ROOM, nick), body, MessageId(message_id))

    async def perform(self, action: Action) -> Sent | None:
        sent = await super().perform(action)
        if isinstance(action, Moderate):
            self.moderated.append(action.archive_id)
            return None
        if isinstance(action, RetractOwn):
            self._retract(action)
            return sent
        assert isinstance(action, SendMessage)
        assert sent is not None
        now = asyncio.get_running_loop()
        if self.refusals:
            error = ErrorReceived(
                at=self.clock.now(), sender=action.to, message_id=sent.message_id, error=self.refusals.pop(0)
            )
            now.call_soon(self.hear, error)
        elif self.deaf:
            self.deaf -= 1
        elif action.groupchat:
            me = self._rooms[ROOM].me
            assert me is not None
            event = self._write(me, action.body, sent.message_id, action.replaces)
            if not self.silent:
                now.call_soon(self.hear, event)
        else:
            number = ArchiveId(f"p{next(self.numbers)}")
            direct = DirectMessage(
                at=self.clock.now(), sender=BOT, content=Content(body=action.body), message_id=sent.message_id
            )
            self.archives[None].append(ArchivedEvent(archive_id=number, at=self.clock.now(), event=direct))
        return sent

    def _retract(self, action: RetractOwn) -> None:
        if self.deaf:
            self.deaf -= 1
            return
        self.retracted.append(action.target)
        me = self._rooms[ROOM].me
        number = ArchiveId(f"a{next(self.numbers)}")
        event: Event
        if action.groupchat:
            assert me is not None
            event = MessageRetracted(at=self.clock.now(), room=ROOM, author=me, target=action.target)
        else:
            event = DirectRetraction(at=self.clock.now(), sender=BOT, target=action.target)
        archive = self.archives[ROOM if action.groupchat else None]
        archive.append(ArchivedEvent(archive_id=number, at=event.at, event=event))

    def _write(
        self, author: Occupant, body: str, message_id: MessageId, replaces: MessageId | None = None
    ) -> RoomMessage:
        self.stays[message_id] = (author.nick, self.stay)
        number = ArchiveId(f"a{next(self.numbers)}")
        event = RoomMessage(
            at=self.clock.now(), room=ROOM, author=author, content=Content(body=body, replaces=replaces),
            message_id=message_id, archive_id=number if self.keeps_archive else None,
        )  # fmt: skip
        self.archives[ROOM].append(ArchivedEvent(archive_id=number, at=event.at, event=event))
        return event

    async def page(self, query: ArchiveQuery) -> Page:
        if not self.connected:
            raise LinkClosed("there is no stream")
        if not self.keeps_archive:
            raise StanzaError.of("service-unavailable", "cancel")
        page = await super().page(replace(query, page_size=min(query.page_size, 3)))
        # as from a real archive: of who wrote it only the nick and what the room vouches for is known
        return replace(page, rows=tuple(map(_archived, page.rows)))


def _archived(row: ArchivedEvent) -> ArchivedEvent:
    event = row.event
    if not isinstance(event, RoomMessage):
        return row
    author = Occupant(address=event.author.address, known=False)
    return replace(row, event=replace(event, author=author))


class Steps:
    """Counts the steps of a process; before or behind the one of a number it stops for good, as ``kill -9`` does."""

    def __init__(self, deadly: int | None, *, behind: bool) -> None:
        self.count = 0
        self.deadly = deadly
        self.behind = behind
        self.dead = asyncio.Event()

    async def take(self, work: Callable[[], Awaitable[Any]]) -> Any:
        number = self.count
        self.count += 1
        if number == self.deadly and not self.behind:
            await self.die()
        result = await work()
        if number == self.deadly and self.behind:
            await self.die()
        return result

    async def die(self) -> None:
        self.dead.set()
        await asyncio.get_running_loop().create_future()


class Stepping:
    """Every method of ``real`` as a step."""

    def __init__(self, real: object, steps: Steps, names: frozenset[str]) -> None:
        self._real = real
        self._steps = steps
        self._names = names

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if name not in self._names:
            return found
        return lambda *given, **named: self._steps.take(lambda: found(*given, **named))


@asynccontextmanager
async def process(
    path: Path, hall: Hall, clock: FakeClock, steps: Steps | None = None, settings: OutboxSettings | None = None
) -> AsyncIterator[Outbox]:
    """One run of the bot on the store at ``path``."""
    steps = steps or Steps(None, behind=False)
    if hall.room(ROOM).state is RoomState.JOINED:  # type: ignore[union-attr]
        hall.enter_room()
    async with SqliteStorage.open(path, BOT) as storage:
        store: NoticeStore = Stepping(
            storage.notices, steps, frozenset({"add", "of_key", "told", "begin", "settle", "gather", "scatter"})
        )  # type: ignore[assignment]
        link: Link = Stepping(hall, steps, frozenset({"perform", "page"}))  # type: ignore[assignment]
        outbox = Outbox(link, store, clock, settings)

        def hear(event: Event) -> None:
            if isinstance(event, RoomMessage) and outbox.awaited:
                outbox.on_message(event)
            elif isinstance(event, ErrorReceived):
                outbox.on_error(event)
            elif isinstance(event, RoomStateChanged):
                outbox.on_room(event)
            elif isinstance(event, StreamEstablished):
                outbox.on_stream(event)

        hall.hear = hear
        running = asyncio.create_task(outbox.run())
        try:
            async with asyncio.timeout(20):
                yield outbox
        finally:
            hall.hear = lambda event: None
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def passing(clock: FakeClock, until: Callable[[], bool], *, step: float = 1.0) -> None:
    """Let time pass until something is so."""
    async with asyncio.timeout(10):
        while not until():
            await asyncio.sleep(0.001)
            await clock.advance(step)


async def until_done(outbox: Outbox, clock: FakeClock, *, step: float = 1.0) -> None:
    """Let time pass until no notice is open."""
    await passing(clock, lambda: outbox.status().notices == 0, step=step)


def say(text: str, **more: object) -> Notice:
    """A notice to the room."""
    return Notice(to=ROOM, text=text, **more)  # type: ignore[arg-type]


def joined(clock: FakeClock) -> RoomStateChanged:
    return RoomStateChanged(at=clock.now(), room=ROOM, state=RoomState.JOINED, before=RoomState.JOINING)
