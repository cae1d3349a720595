"""The outbox: a ``Link`` that sends in order of urgency, at a rate that rooms bear, and keeps notices until they stand.

It wraps the account's real link. Reading passes through; ``perform`` goes through the queue (``sender``), or past it
where it is moderation (``moderating``), or into the database first where it is a notice (``notices``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sized
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from botkit.errors import MisuseError
from botkit.model.actions import (
    Action,
    Moderate,
    Notice,
    Priority,
    SendMessage,
    Sent,
    SetAffiliation,
    SetRole,
)
from botkit.model.address import Address
from botkit.model.archive import ArchiveQuery, Page
from botkit.model.events import ErrorReceived, RoomMessage, RoomStateChanged, StreamEstablished
from botkit.model.messages import MessageId
from botkit.model.rooms import Affiliation, Occupant, RoomInfo, RoomSettings, RoomState
from botkit.ports import Clock, Link, NoticeStore
from botkit.routing.texts import sayable
from botkit.services.outbox.choosing import Why
from botkit.services.outbox.entry import Followed, Talk
from botkit.services.outbox.loops import LoopGuard
from botkit.services.outbox.moderating import Moderating
from botkit.services.outbox.notices import Notices
from botkit.services.outbox.sender import Counters, Sender
from botkit.services.outbox.settings import OutboxSettings
from botkit.services.outbox.split import shortened, split

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxStatus:
    """How the outbox is now. ``waiting`` by priority; ``slowed``: recipients that asked us to wait, lately."""

    waiting: dict[Priority, int]
    moderating: int
    slowed: int
    notices: int
    counters: Counters


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticesWaiting:
    """So many notices to ``to`` wait, for one reason; ``until``: the first of them; None: nobody knows."""

    to: Address
    why: Why
    count: int
    until: datetime | None


class Outbox:
    """Fulfils ``ports.Link``. ``run`` it; show it reflections, errors and changes of rooms; ``flush`` it at the end."""

    awaited: Sized
    """What is under way to rooms: only while there is any need ``on_message`` be called."""

    def __init__(
        self, link: Link, store: NoticeStore | None, clock: Clock, settings: OutboxSettings | None = None
    ) -> None:
        self.settings = settings or OutboxSettings()
        self._link = link
        self._clock = clock
        self._sender = Sender(link, clock, self.settings)
        self.awaited = self._sender.awaited
        self._moderating = Moderating(link, clock, self._sender.lanes.account)
        self._notices = (
            Notices(link, store, clock, self._sender, self._texts, self.settings) if store is not None else None
        )
        self._guard = LoopGuard(self.settings.loop) if self.settings.loop is not None else None

    # --- what is done -----------------------------------------------------------------------------------------

    async def perform(self, action: Action) -> Sent | None:
        """See ``ports.Link``. Raises ``OutboxFull`` besides, where too much waits."""
        if isinstance(action, SetRole | SetAffiliation | Moderate):
            await self._moderating.perform(action)
            return None
        if isinstance(action, Notice):
            if self._notices is None:
                raise MisuseError("this bot keeps no notices; give it a database")
            return await self._notices.add(action)
        if isinstance(action, SendMessage):
            return await self._say(action)
        (entry,) = await self._sender.send([action])
        assert entry.message_id is not None, "what was sent has an id"
        return Sent(entry.message_id)

    async def _say(self, action: SendMessage) -> Sent:
        why = self._loops(action)
        if why is not None:
            self._sender.counters.withheld += 1
            return Sent(MessageId(""), withheld=why)
        parts: list[Talk] = list(self._parts(action))
        entries = await self._sender.send(parts)
        ids = tuple(entry.message_id for entry in entries if entry.message_id is not None)
        return Sent(ids[0], parts=ids, following=Followed(entries, self._correct))

    def _texts(self, notice: Notice) -> list[str]:
        text = sayable(notice.text)
        parts = self._parts(SendMessage(to=notice.to, body=text, groupchat=notice.groupchat, split=notice.split))
        return [part.body for part in parts]

    def _correct(self, correction: SendMessage) -> None:
        self._sender.send_later(self._parts(replace(correction, body=sayable(correction.body)))[0])

    def _parts(self, action: SendMessage) -> list[SendMessage]:
        """``action`` as messages that are short enough. Raises ``MisuseError`` where it must not be cut."""
        limit = self.settings.max_bytes
        if action.quote is not None:
            # what is quoted is for old clients, and somebody else's: it may be of any length
            action = replace(action, quote=shortened(action.quote, limit // 4))
            limit -= limit // 4
        size = len(action.body.encode(errors="replace"))
        if size <= limit:
            return [action]
        if not action.split or action.replaces is not None:
            raise MisuseError(f"a message of {size} bytes; at most {limit} fit into one ([outgoing] max_bytes)")
        texts = split(action.body.encode(errors="replace").decode(), limit)
        if action.message_id is not None and len(texts) > 1:
            raise MisuseError("a message with a given id cannot be sent in parts")
        first = replace(action, body=texts[0], url=None)
        rest = [replace(action, body=text, reply=None, quote=None, url=None) for text in texts[1:]]
        parts = [first, *rest]
        return [*parts[:-1], replace(parts[-1], url=action.url)]

    def _loops(self, action: SendMessage) -> str | None:
        """Why ``action`` is not to be said, if it goes round in circles. One log line for each time it begins."""
        if self._guard is None or action.priority in (Priority.MODERATION, Priority.NOTICE) or action.replaces:
            return None
        why, is_news = self._guard.check(action.to, action.body, action.answers, self._clock.monotonic())
        if is_news:
            pause = self._guard.pause
            _log.warning("answers in %s are held back for %.0f s: %s", action.to, pause, why)
        return why

    # --- what happens -----------------------------------------------------------------------------------------

    def on_message(self, event: RoomMessage) -> None:
        """A message of a room, our own ones too; cheap for all that are somebody else's."""
        if event.author.is_self:
            self._sender.came_back(event)

    def on_error(self, event: ErrorReceived) -> None:
        """A message of ours bounced."""
        self._sender.refused(event)

    def on_stream(self, event: StreamEstablished) -> None:
        """The stream is there again; if it is a new one, what was under way is not known to have arrived."""
        if not event.resumed:
            self._sender.session_ended()
        if self._notices is not None:
            self._notices.kick()

    def on_room(self, event: RoomStateChanged) -> None:
        """Our standing with a room changed."""
        if self._notices is not None and event.state is RoomState.JOINED:
            self._notices.kick(event.room)

    # --- life -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Send until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sender.run(), name="outbox")
            if self._notices is not None:
                group.create_task(self._notices.run(), name="notices")

    async def flush(self, seconds: float) -> int:
        """Send what waits, within ``seconds``, then take nothing more. How many messages were not sent."""
        return await self._sender.flush(seconds)

    def waiting_for(self, to: Address) -> int:
        """Messages that wait to be sent to one room or account (bare)."""
        return self._sender.lanes.waiting_for(to)

    def notices_waiting(self) -> list[NoticesWaiting]:
        """What notices wait for, by recipient and reason; looks at each of them."""
        if self._notices is None:
            return []
        found: dict[tuple[Address, Why], NoticesWaiting] = {}
        for row, wait in self._notices.waits():
            old = found.get((row.to, wait.why))
            untils = [t for t in (wait.until, old.until if old is not None else None) if t is not None]
            found[row.to, wait.why] = NoticesWaiting(
                to=row.to, why=wait.why, count=old.count + 1 if old is not None else 1, until=min(untils, default=None)
            )
        return list(found.values())

    def status(self) -> OutboxStatus:
        """How it is now."""
        return OutboxStatus(
            waiting=self._sender.depths(),
            moderating=self._moderating.under_way,
            slowed=self._sender.lanes.slowed(),
            notices=self._notices.waiting if self._notices is not None else 0,
            counters=replace(self._sender.counters),
        )

    # --- what the link knows ----------------------------------------------------------------------------------

    @property
    def address(self) -> Address:
        """See ``ports.Link``."""
        return self._link.address

    def room(self, room: Address) -> RoomInfo | None:
        """See ``ports.Link``."""
        return self._link.room(room)

    def rooms(self) -> tuple[RoomInfo, ...]:
        """See ``ports.Link``."""
        return self._link.rooms()

    def occupants(self, room: Address) -> tuple[Occupant, ...]:
        """See ``ports.Link``."""
        return self._link.occupants(room)

    def occupant(self, address: Address) -> Occupant | None:
        """See ``ports.Link``."""
        return self._link.occupant(address)

    async def affiliated(self, room: Address, affiliation: Affiliation) -> tuple[Address, ...]:
        """See ``ports.Link``."""
        return await self._link.affiliated(room, affiliation)

    async def page(self, query: ArchiveQuery) -> Page:
        """See ``ports.Link``."""
        return await self._link.page(query)

    async def upload(self, data: bytes | Path, *, name: str | None = None, content_type: str | None = None) -> str:
        """See ``ports.Link``."""
        return await self._link.upload(data, name=name, content_type=content_type)

    async def join(self, room: RoomSettings) -> None:
        """See ``ports.Link``."""
        await self._link.join(room)

    async def leave(self, room: Address, reason: str | None = None) -> None:
        """See ``ports.Link``."""
        await self._link.leave(room, reason)
