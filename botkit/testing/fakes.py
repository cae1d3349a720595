"""Stand-ins for the ports, in memory: a link, a clock, a log. They keep the ports' contracts, as far as a room goes."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from botkit.errors import Forbidden, ItemNotFound, LinkClosed, MisuseError
from botkit.model.actions import (
    Action,
    Invite,
    Moderate,
    Notice,
    Priority,
    React,
    RetractOwn,
    SendMessage,
    Sent,
    SetAffiliation,
    SetRole,
    SetSubject,
)
from botkit.model.address import Address
from botkit.model.archive import ArchivedEvent, ArchiveQuery, Page
from botkit.model.messages import ArchiveId, MessageId
from botkit.model.rooms import (
    MAM_2,
    MODERATE_1,
    OCCUPANT_ID_0,
    Affiliation,
    Occupant,
    Role,
    RoomInfo,
    RoomSettings,
    RoomState,
)

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
"""Where a ``FakeClock`` starts: a Monday."""


class FakeClock:
    """Stands still until ``advance``; whoever sleeps on it wakes then, in order of their times."""

    def __init__(self, now: datetime = NOON) -> None:
        self._start = now
        self._passed = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    def now(self) -> datetime:
        """The time as aware UTC."""
        return self._start + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self._passed

    @property
    def sleepers(self) -> int:
        """How many wait for a time to come."""
        return sum(1 for _, _, waiter in self._sleepers if not waiter.done())

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock was advanced by ``seconds``."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._passed + seconds, next(self._numbers), waiter))
        await waiter

    async def advance(self, seconds: float) -> None:
        """Let time pass. Sleepers wake at their own times, and may sleep again within the span."""
        end = self._passed + seconds
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, waiter = heapq.heappop(self._sleepers)
            if waiter.done():
                continue
            self._passed = max(self._passed, due)
            waiter.set_result(None)
            for _ in range(20):  # lets who woke run, and sleep again
                await asyncio.sleep(0)
        self._passed = end


class FakeLog:
    """Keeps what was logged: ``lines`` are (level, event, values)."""

    def __init__(self, lines: list[tuple[str, str, dict[str, Any]]] | None = None, **bound: Any) -> None:
        self.lines: list[tuple[str, str, dict[str, Any]]] = [] if lines is None else lines
        self._bound = bound

    def debug(self, event: str, /, **values: Any) -> None:
        """Keep a line."""
        self._keep("debug", event, values)

    def info(self, event: str, /, **values: Any) -> None:
        """Keep a line."""
        self._keep("info", event, values)

    def warning(self, event: str, /, **values: Any) -> None:
        """Keep a line."""
        self._keep("warning", event, values)

    def error(self, event: str, /, **values: Any) -> None:
        """Keep a line."""
        self._keep("error", event, values)

    def bind(self, **values: Any) -> FakeLog:
        """A log that writes to the same lines, with these values on each."""
        return FakeLog(self.lines, **self._bound | values)

    def of(self, level: str) -> list[str]:
        """The events of one level."""
        return [event for kept, event, _ in self.lines if kept == level]

    def _keep(self, level: str, event: str, values: dict[str, Any]) -> None:
        self.lines.append((level, event, self._bound | values))


def make_occupant(
    room: Address | str,
    nick: str,
    *,
    affiliation: Affiliation = Affiliation.NONE,
    role: Role | None = None,
    real: Address | str | None = None,
    occupant_id: str | None = None,
    is_self: bool = False,
    known: bool = True,
) -> Occupant:
    """An occupant. ``role`` None: what rooms give as a rule, moderator to admins and owners, else participant."""
    if role is None:
        role = Role.MODERATOR if affiliation >= Affiliation.ADMIN else Role.PARTICIPANT
    return Occupant(
        address=_address(room).with_resource(nick),
        affiliation=affiliation,
        role=role,
        real=_address(real) if real is not None else None,
        occupant_id=occupant_id,
        is_self=is_self,
        known=known,
    )


def make_room(
    address: Address | str,
    *,
    nick: str = "bot",
    affiliation: Affiliation = Affiliation.ADMIN,
    features: frozenset[str] = frozenset((MAM_2, MODERATE_1, OCCUPANT_ID_0)),
) -> RoomInfo:
    """A room that we are in, with everything switched on."""
    me = make_occupant(address, nick, affiliation=affiliation, is_self=True)
    return RoomInfo(address=_address(address), state=RoomState.JOINED, features=features, me=me, occupants=1)


class _Followed:
    """Rooms in memory reflect at once, and corrections are said at once."""

    def __init__(self, link: FakeLink, action: SendMessage, message_id: MessageId) -> None:
        self._link = link
        self._action = action
        self._message_id = message_id

    async def reflected(self, timeout: float) -> ArchiveId | None:
        return None

    async def update(self, text: str) -> None:
        target = self._action.replaces or self._message_id
        await self._link.perform(replace(self._action, body=text, replaces=target, quote=None))


class FakeLink:
    """A ``ports.Link`` to rooms in memory.

    ``done`` has every action in order, notices as the messages that they become; ``notices`` has them
    as they were; ``uploads`` files by their URLs. Kicks, bans and changes of role and affiliation change who is
    there; ``on_change(before, after)`` hears of it (``after`` None: they are out). ``refusing`` maps a
    type of action to the error that it raises. Where ``archives`` has the room, only what is in there can be moderated.
    """

    def __init__(self, address: Address | str = "bot@example.org/botkit") -> None:
        self._address = _address(address)
        self._rooms: dict[Address, RoomInfo] = {}
        self._occupants: dict[Address, dict[str, Occupant]] = {}
        self.affiliations: dict[Address, dict[Address, Affiliation]] = {}
        self.archives: dict[Address | None, list[ArchivedEvent]] = {}
        self.done: list[Action] = []
        self.notices: list[Notice] = []
        self.uploads: dict[str, bytes] = {}
        self.refusing: dict[type[Any], Exception] = {}
        self.connected = True
        self.on_change: Callable[[Occupant, Occupant | None], None] | None = None
        self._noticed: dict[str, MessageId] = {}
        self.on_sent: Callable[[SendMessage, Sent], None] | None = None
        self._numbers = itertools.count(1)

    # --- setting it up ----------------------------------------------------------------------------------------

    def add_room(self, info: RoomInfo) -> None:
        """We are in this room now."""
        self._rooms[info.address] = info
        there = self._occupants.setdefault(info.address, {})
        if info.me is not None:
            there[info.me.nick] = info.me
        self._count(info.address)

    def set_occupant(self, occupant: Occupant) -> None:
        """Somebody is there, or is so from now on."""
        self._occupants.setdefault(occupant.room, {})[occupant.nick] = occupant
        if occupant.real is not None:
            self.affiliations.setdefault(occupant.room, {})[occupant.real.bare] = occupant.affiliation
        info = self._rooms.get(occupant.room)
        if occupant.is_self and info is not None:
            self._rooms[occupant.room] = replace(info, me=occupant)
        self._count(occupant.room)

    def remove_occupant(self, address: Address) -> Occupant | None:
        """Somebody is out."""
        gone = self._occupants.get(address.bare, {}).pop(address.resource or "", None)
        self._count(address.bare)
        return gone

    # --- the port ---------------------------------------------------------------------------------------------

    @property
    def address(self) -> Address:
        """Our full JID."""
        return self._address

    async def perform(self, action: Action) -> Sent | None:
        """Keep ``action`` in ``done`` and let it take effect."""
        if not self.connected:
            raise LinkClosed("there is no stream")
        for kind, error in self.refusing.items():
            if isinstance(action, kind):
                raise error
        if isinstance(action, SetRole):
            self._set_role(action)
        elif isinstance(action, SetAffiliation):
            self._set_affiliation(action)
        elif isinstance(action, Moderate):
            self._moderate(action)
        else:
            return self._send(action)
        self.done.append(action)
        return None

    def room(self, room: Address) -> RoomInfo | None:
        """What is known of ``room``."""
        return self._rooms.get(room)

    def rooms(self) -> tuple[RoomInfo, ...]:
        """All rooms."""
        return tuple(self._rooms.values())

    def occupants(self, room: Address) -> tuple[Occupant, ...]:
        """Everybody there."""
        return tuple(self._occupants.get(room, {}).values())

    def occupant(self, address: Address) -> Occupant | None:
        """Who is at this occupant JID."""
        return self._occupants.get(address.bare, {}).get(address.resource or "")

    async def affiliated(self, room: Address, affiliation: Affiliation) -> tuple[Address, ...]:
        """Everybody with this affiliation, present or not."""
        return tuple(a for a, level in self.affiliations.get(room, {}).items() if level is affiliation)

    async def page(self, query: ArchiveQuery) -> Page:
        """One page of ``archives``."""
        rows = [
            row
            for row in self.archives.get(query.archive, [])
            if (query.start is None or row.at >= query.start) and (query.end is None or row.at <= query.end)
        ]
        ids = [row.archive_id for row in rows]
        for start in (query.after, query.before):
            if start and start not in ids:
                raise ItemNotFound("item-not-found", "cancel")
        first = ids.index(query.after) + 1 if query.after else 0
        last = ids.index(query.before) if query.before else len(rows)
        span = rows[first:last]
        backward = query.before is not None
        page = span[-query.page_size :] if backward else span[: query.page_size]
        return Page(
            rows=tuple(page),
            first=page[0].archive_id if page else None,
            last=page[-1].archive_id if page else None,
            complete=len(page) == len(span),
            count=len(rows),
        )

    async def upload(self, data: bytes | Path, *, name: str | None = None, content_type: str | None = None) -> str:
        """Keep it in ``uploads``, by the URL."""
        if not self.connected:
            raise LinkClosed("there is no stream")
        content = data if isinstance(data, bytes) else await asyncio.to_thread(data.read_bytes)
        if not content:
            raise MisuseError("an empty file cannot be uploaded")
        called = name or (data.name if isinstance(data, Path) else "file")
        url = f"https://upload.{self._address.domain}/{len(self.uploads) + 1}/{quote(called)}"
        self.uploads[url] = content
        return url

    async def join(self, room: RoomSettings) -> None:
        """We are in ``room`` at once."""
        self.add_room(make_room(room.address, nick=room.nick))

    async def leave(self, room: Address, reason: str | None = None) -> None:
        """Forget ``room``."""
        self._rooms.pop(room, None)
        self._occupants.pop(room, None)

    # --- effects ----------------------------------------------------------------------------------------------

    def _send(self, action: SendMessage | React | RetractOwn | SetSubject | Invite | Notice) -> Sent:
        to = action.room if isinstance(action, SetSubject | Invite) else action.to
        if isinstance(action, SetSubject) or (not isinstance(action, Invite) and action.groupchat):
            if not to.is_bare:
                raise MisuseError(f"a groupchat message goes to the room's bare JID, not to {to}")
            info = self._rooms.get(to)
            if info is None or info.me is None:
                raise LinkClosed(f"we are not in {to} now")
        if isinstance(action, Notice):  # said at once, and once: an outbox keeps it while it cannot be said
            self.notices.append(action)
            if action.key is not None and action.key in self._noticed:
                return Sent(self._noticed[action.key])
            if action.key is not None:
                self._noticed[action.key] = MessageId(f"sent-{len(self.done) + 1}")
            action = SendMessage(
                to=action.to, body=action.text, groupchat=action.groupchat, priority=Priority.NOTICE,
                url=action.text if action.attached else None,
            )  # fmt: skip
        self.done.append(action)
        given = action.message_id if isinstance(action, SendMessage) else None
        message_id = given or MessageId(f"sent-{next(self._numbers)}")
        if not isinstance(action, SendMessage):
            return Sent(message_id)
        sent = Sent(message_id, (message_id,), following=_Followed(self, action, message_id))
        if self.on_sent is not None:
            self.on_sent(action, sent)
        return sent

    def _moderate(self, action: Moderate) -> None:
        archive = self.archives.get(action.room)
        unknown = archive is not None and all(row.archive_id != action.archive_id for row in archive)
        if action.room not in self._rooms or unknown:
            raise ItemNotFound("item-not-found", "cancel")

    def _set_role(self, action: SetRole) -> None:
        there = self._occupants.get(action.room, {}).get(action.nick)
        if there is None:
            raise ItemNotFound("item-not-found", "cancel")
        if there.affiliation >= Affiliation.ADMIN and action.role < Role.MODERATOR:
            raise Forbidden("not-allowed", "cancel")  # XEP-0045 §8.2
        self._change(there, None if action.role is Role.NONE else replace(there, role=action.role))

    def _set_affiliation(self, action: SetAffiliation) -> None:
        info = self._rooms.get(action.room)
        before = self.affiliations.get(action.room, {}).get(action.address, Affiliation.NONE)
        if info is not None and info.me is not None and info.me.affiliation < Affiliation.OWNER <= before:
            raise Forbidden("not-allowed", "cancel")  # XEP-0045 §9.1, §10.4: only owners change owners
        self.affiliations.setdefault(action.room, {})[action.address] = action.affiliation
        for there in self.occupants(action.room):
            if there.real is not None and there.real.bare == action.address:
                banned = action.affiliation is Affiliation.OUTCAST
                self._change(there, None if banned else replace(there, affiliation=action.affiliation))

    def _change(self, before: Occupant, after: Occupant | None) -> None:
        if after is None:
            self.remove_occupant(before.address)
        else:
            self.set_occupant(after)
        if self.on_change is not None:
            self.on_change(before, after)

    def _count(self, room: Address) -> None:
        if room in self._rooms:
            self._rooms[room] = replace(self._rooms[room], occupants=len(self._occupants.get(room, {})))


def _address(text: Address | str) -> Address:
    return text if isinstance(text, Address) else Address.parse(text)
