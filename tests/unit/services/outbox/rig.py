"""An outbox before a room in memory, on a clock that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from botkit.errors import StanzaError
from botkit.model.actions import Action, Priority, SendMessage
from botkit.model.address import Address
from botkit.model.events import ErrorReceived, RoomMessage
from botkit.model.messages import ArchiveId, Content, MessageId
from botkit.model.rooms import Occupant
from botkit.ports import NoticeStore
from botkit.services.outbox.outbox import Outbox
from botkit.services.outbox.settings import LoopSettings, OutboxSettings, Rate
from botkit.testing.fakes import FakeClock, FakeLink, make_occupant, make_room

ROOM = Address.parse("lobby@rooms.example.org")
OTHER = Address.parse("other@rooms.example.org")
BOT = Address.parse("bot@example.org/botkit")


@dataclass
class Rig:
    link: FakeLink
    clock: FakeClock
    outbox: Outbox

    @property
    def said(self) -> list[str]:
        """Every text that was sent, in order."""
        return [action.body for action in self.link.done if isinstance(action, SendMessage)]

    def messages(self) -> list[SendMessage]:
        return [action for action in self.link.done if isinstance(action, SendMessage)]

    async def settle(self) -> None:
        """Let everybody run who can."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def advance(self, seconds: float) -> None:
        """Let time pass, and everybody run before and behind it."""
        await self.settle()
        await self.clock.advance(seconds)
        await self.settle()

    def reflect(
        self,
        message_id: MessageId,
        *,
        author: Occupant | None = None,
        archive_id: str | None = "a1",
        room: Address = ROOM,
    ) -> None:
        me = author or make_occupant(room, "bot", is_self=True)
        self.outbox.on_message(
            RoomMessage(
                at=self.clock.now(), room=room, author=me, content=Content(body="x"),
                message_id=message_id, archive_id=ArchiveId(archive_id) if archive_id else None,
            )
        )  # fmt: skip

    def refuse(self, message_id: MessageId, condition: str, kind: str, *, sender: Address = ROOM) -> None:
        error = StanzaError.of(condition, kind)
        self.outbox.on_error(ErrorReceived(at=self.clock.now(), sender=sender, message_id=message_id, error=error))


def say(
    body: str, *, to: Address = ROOM, priority: Priority = Priority.REPLY, answers: str | None = None
) -> SendMessage:
    return SendMessage(to=to, body=body, groupchat=True, priority=priority, answers=answers)


@asynccontextmanager
async def rig(
    *,
    room: Rate = Rate(per_second=1.0, burst=2),  # noqa: B008  frozen
    account: Rate = Rate(per_second=100.0, burst=100),  # noqa: B008
    loop: LoopSettings | None = None,
    queue: int = 10,
    max_bytes: int = 1000,
    link: FakeLink | None = None,
    store: NoticeStore | None = None,
    clock: FakeClock | None = None,
) -> AsyncIterator[Rig]:
    link, clock = link or FakeLink(BOT), clock or FakeClock()
    for address in (ROOM, OTHER):
        if link.room(address) is None:
            link.add_room(make_room(address))
    settings = OutboxSettings(room=room, account=account, loop=loop, queue=queue, max_bytes=max_bytes)
    outbox = Outbox(link, store, clock, settings)
    running = asyncio.create_task(outbox.run())
    try:
        async with asyncio.timeout(10):
            yield Rig(link, clock, outbox)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def kinds(actions: list[Action]) -> list[str]:
    return [type(action).__name__ for action in actions]
