"""A room with an archive, as a server keeps it, for the tests of history."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botkit.errors import ItemNotFound
from botkit.model.address import Address
from botkit.model.archive import ArchivedEvent, ArchiveQuery, Page
from botkit.model.events import Event, RoomMessage
from botkit.model.messages import ArchiveId, Content, MessageId, Source
from botkit.model.rooms import MAM_2, Occupant, RoomInfo, RoomState

ROOM = Address.parse("lobby@rooms.example.org")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class TurnedClock:
    """A clock that the test turns; sleeping takes no time, but turns it."""

    def __init__(self) -> None:
        self.time = NOON
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return (self.time - NOON).total_seconds()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if seconds > 3600:
            await asyncio.Event().wait()  # until tomorrow: in a test, for ever
        self.time += timedelta(seconds=seconds)
        await asyncio.sleep(0)


def message(number: int, body: str | None = None, *, source: Source = Source.LIVE, **changes: Any) -> RoomMessage:
    author = Occupant(address=ROOM.with_resource("romeo"), real=Address.parse("romeo@example.org/orchard"))
    values: dict[str, Any] = {
        "at": NOON + timedelta(seconds=number),
        "room": ROOM,
        "author": author,
        "content": Content(body=body or f"message {number}"),
        "archive_id": ArchiveId(f"a{number:05d}"),
        "message_id": MessageId(f"m{number}"),
        "source": source,
    }
    return RoomMessage(**{**values, **changes})


@dataclass
class FakeArchive:
    """The one room's archive, and as much of a ``Link`` as history uses: paging with a cap, forgetting, failing."""

    cap: int = 50
    says_complete: bool = True
    stored: list[ArchivedEvent] = field(default_factory=list)
    features: frozenset[str] = frozenset({MAM_2})
    queries: list[ArchiveQuery] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    before_answer: Callable[[], None] | None = None
    after_answer: Callable[[], None] | None = None
    empty_for_unknown: bool = False  # as Prosody 13.0.1 answers about an id that it does not have

    def keep(self, event: Event, archive_id: str | None = None) -> None:
        as_id = ArchiveId(archive_id or getattr(event, "archive_id", None) or f"x{len(self.stored)}")
        self.stored.append(ArchivedEvent(archive_id=as_id, at=event.at, event=event))

    def forget_before(self, archive_id: str) -> None:
        self.stored = [row for row in self.stored if row.archive_id >= archive_id]

    def room(self, room: Address) -> RoomInfo | None:
        return RoomInfo(address=room, state=RoomState.JOINED, features=self.features)

    async def page(self, query: ArchiveQuery) -> Page:
        self.queries.append(query)
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop(0)
        if self.before_answer is not None:
            self.before_answer()
        page = self._page(query)
        if self.after_answer is not None:
            self.after_answer()
        await asyncio.sleep(0)
        return page

    def _page(self, query: ArchiveQuery) -> Page:
        size = min(query.page_size, self.cap)
        found = [row for row in self.stored if query.start is None or row.at >= query.start]
        if query.before is not None:
            if query.before:
                found = found[: self._index(found, query.before)]
            rows = found[-size:]
        else:
            if query.after is not None:
                found = found[self._index(found, query.after) + 1 :]
            rows = found[:size]
        complete = self.says_complete and len(rows) == len(found)
        first, last = (rows[0].archive_id, rows[-1].archive_id) if rows else (None, None)
        return Page(rows=tuple(map(_replayed, rows)), first=first, last=last, complete=complete)

    def _index(self, found: list[ArchivedEvent], archive_id: str) -> int:
        for index, row in enumerate(found):
            if row.archive_id == archive_id:
                return index
        if self.empty_for_unknown:
            return len(found)
        raise ItemNotFound("item-not-found", "modify")


def _replayed(row: ArchivedEvent) -> ArchivedEvent:
    from dataclasses import replace

    if isinstance(row.event, RoomMessage):
        return replace(row, event=replace(row.event, source=Source.ARCHIVE))
    return row
