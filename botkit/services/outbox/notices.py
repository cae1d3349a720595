"""Notices: written down before they are sent, and exactly once in the room, whatever is killed in between.

Each part of a notice has its message id from the beginning. Its way, and what a crash leaves behind:

1. It is added to the store. Before that nobody was told that it is kept.
2. The archive's newest id is asked, and it is written down that the notice may be under way (``begin``).
3. It is sent, and the room sends it back.
4. It is written down as done (``settle``).

Whoever finds a notice between 2 and 4 does not know whether it was sent. It is looked for in the archive behind the id
of step 2, and sent again only if it is not there; the search itself proves that nothing of ours is still on its way.
In a room without an archive nobody can say what happened before a crash, and the notice is sent again.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from botkit.errors import LinkClosed, LinkError, MisuseError, OutboxFull, RequestTimeout, StanzaError, StoreError
from botkit.model.actions import Notice, Priority, SendMessage, Sent
from botkit.model.address import Address
from botkit.model.messages import ArchiveId, MessageId
from botkit.model.notices import NoticeState, StoredNotice
from botkit.model.rooms import RoomState
from botkit.ports import Clock, Link, NoticeStore
from botkit.services.outbox.entry import Entry
from botkit.services.outbox.finding import Finder
from botkit.services.outbox.sender import Sender

_log = logging.getLogger(__name__)

_REFLECTED_WITHIN = 30.0
_SETTLING = 3.0  # an archive may write what it was told a moment later
_AGAIN = 5.0  # after the network or the store failed
_FIRST_REFUSAL, _LONGEST_REFUSAL, _MOST_REFUSALS = 60.0, 3600.0, 20
_KEPT = timedelta(days=30)  # for as long a key is not used again
_DAY = 86_400.0
_LOOK_AGAIN = 3600.0


class Notices:
    """Keeps and sends notices, each recipient's in order. ``run`` it."""

    def __init__(
        self,
        link: Link,
        store: NoticeStore,
        clock: Clock,
        sender: Sender,
        split: Callable[[Notice], list[str]],
        most: int,
    ) -> None:
        self._link = link
        self._store = store
        self._clock = clock
        self._sender = sender
        self._split = split
        self._most = most
        self._finder = Finder(link)
        self._open: dict[Address, dict[int, StoredNotice]] = {}
        self._entries: dict[int, Entry] = {}  # sent by this process
        self._refused_until: dict[int, datetime] = {}
        self._awaiting: dict[int, list[asyncio.Future[StoredNotice]]] = {}
        self._wake: dict[Address, asyncio.Event] = {}
        self._group: asyncio.TaskGroup | None = None

    @property
    def waiting(self) -> int:
        """How many are not done."""
        return sum(map(len, self._open.values()))

    # --- in ---------------------------------------------------------------------------------------------------

    async def add(self, notice: Notice) -> Sent:
        """Write ``notice`` down; it is sent from then on. Raises ``StoreError``, ``OutboxFull``, ``MisuseError``."""
        if not notice.to.is_bare:
            raise MisuseError(f"a notice goes to a room or an account, not to {notice.to}")
        texts = self._split(notice)
        if self.waiting + len(texts) > self._most:
            raise OutboxFull(f"{self.waiting} notices wait already")
        parts = self._parts(notice, texts)
        kept = await self._store.add(parts)
        rows = await self._store.of_key(parts[0].key)
        if kept:
            self._take_in(rows)
        return Sent(
            rows[0].message_id, parts=tuple(row.message_id for row in rows), following=_Following(self, tuple(rows))
        )

    def _parts(self, notice: Notice, texts: list[str]) -> list[StoredNotice]:
        ids = [MessageId(secrets.token_hex(8)) for _ in texts]
        return [
            StoredNotice(
                key=notice.key if notice.key is not None else f"\n{ids[0]}",  # a line feed: nobody's own key
                part=part,
                to=notice.to,
                groupchat=notice.groupchat,
                text=text,
                message_id=ids[part],
                created=self._clock.now(),
                not_before=notice.not_before,
                expires=notice.expires,
            )
            for part, text in enumerate(texts)
        ]

    def _take_in(self, rows: list[StoredNotice]) -> None:
        for row in rows:
            if row.state.is_open:
                self._open.setdefault(row.to, {}).setdefault(row.number, row)
        for to in {row.to for row in rows}:
            self.kick(to)

    def kick(self, to: Address | None = None) -> None:
        """Look again what can be sent to ``to`` (None: to anybody), as something has changed."""
        for each in tuple(self._open) if to is None else (to,):
            if each in self._wake:
                self._wake[each].set()
            elif self._group is not None and self._open.get(each):
                self._wake[each] = asyncio.Event()
                self._group.create_task(self._serve(each), name=f"notices to {each}")

    # --- life -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Send until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                self._take_in(await self._load())
                while True:
                    try:
                        await self._store.forget(self._clock.now() - _KEPT)
                    except StoreError as problem:
                        _log.error("old notices could not be forgotten: %s", problem)
                    await self._clock.sleep(_DAY)
            finally:
                self._group = None

    async def _load(self) -> list[StoredNotice]:
        while True:
            try:
                return await self._store.open()
            except StoreError as problem:
                _log.error("notices could not be read, trying again in %.0f s: %s", _AGAIN, problem)
            await self._clock.sleep(_AGAIN)

    async def _serve(self, to: Address) -> None:
        """Send what there is for one recipient, in order, until there is nothing more."""
        wake = self._wake[to]
        try:
            while rows := self._open.get(to):
                wake.clear()
                row, wait = self._next(rows)
                if row is not None:
                    wait = await self._attempt(row)
                if wait > 0:
                    await self._rest(wake, wait)
        finally:
            del self._wake[to]

    async def _attempt(self, row: StoredNotice) -> float:
        """Bring one notice on; how long to wait before anything else is tried."""
        try:
            return await self._advance(row)
        except (LinkError, StoreError) as problem:
            _log.warning("a notice to %s waits: %s", row.to, problem)
        except Exception as problem:  # a boundary: one notice's fault must not stop the others
            _log.error("a notice to %s could not be sent", row.to, exc_info=problem)
        return _AGAIN

    def _next(self, rows: dict[int, StoredNotice]) -> tuple[StoredNotice | None, float]:
        """The first that is due or has expired; else None and how long to wait for one."""
        now = self._clock.now()
        soonest = _LOOK_AGAIN
        for number, row in rows.items():
            if _is_over(row, now):
                return row, 0.0
            due = max((t for t in (row.not_before, self._refused_until.get(number)) if t is not None), default=now)
            if due <= now and self._is_reachable(row):
                return row, 0.0
            times = [t for t in (due, row.expires) if t is not None and t > now]
            soonest = min([soonest, *((t - now).total_seconds() for t in times)])
        return None, soonest

    async def _rest(self, wake: asyncio.Event, seconds: float) -> None:
        assert self._group is not None, "workers end before run does"
        alarm = self._group.create_task(self._alarm(wake, seconds))
        await wake.wait()  # no deadline: the alarm is one
        alarm.cancel()

    async def _alarm(self, wake: asyncio.Event, seconds: float) -> None:
        await self._clock.sleep(seconds)
        wake.set()

    def _is_reachable(self, row: StoredNotice) -> bool:
        if not row.groupchat:
            return True
        info = self._link.room(row.to)
        return info is not None and info.state is RoomState.JOINED and info.me is not None

    # --- one notice -------------------------------------------------------------------------------------------

    async def _advance(self, row: StoredNotice) -> float:
        under_way = self._entries.get(row.number)
        if under_way is not None and under_way.queued:  # told to wait, and sent again by the sender
            return _AGAIN
        if row.state is NoticeState.SENDING:
            found = await self._was_sent(row)
            if found is not None:
                await self._settle(row, NoticeState.DONE, archive_id=found or None)
                return 0.0
        if _is_over(replace(row, state=NoticeState.WAITING), self._clock.now()):
            await self._settle(row, NoticeState.EXPIRED)
            return 0.0
        anchor = row.anchor if row.attempted is not None else await self._finder.anchor(row.to, groupchat=row.groupchat)
        row = await self._begin(row, anchor)
        (entry,) = await self._sender.send([self._message(row)])
        self._entries[row.number] = entry
        return await self._follow(row, entry)

    async def _was_sent(self, row: StoredNotice) -> ArchiveId | None:
        """Its archive id if it was sent, "" if it was and has none; None if it certainly was not, or nobody can say."""
        entry = self._entries.get(row.number)
        if entry is None and row.attempted is not None:
            passed = (self._clock.now() - row.attempted).total_seconds()
            if 0 <= passed < _SETTLING:
                await self._clock.sleep(_SETTLING - passed)
        found = await self._finder.find(row)
        if found is None and entry is not None and entry.ended is None:
            if entry.reflected:
                return entry.archive_id or ArchiveId("")
            if not row.groupchat:  # the same session still: our server has taken it, and handled it before our question
                return ArchiveId("")
        return found

    async def _begin(self, row: StoredNotice, anchor: str | None) -> StoredNotice:
        info = self._link.room(row.to)
        sent_as = info.me.nick if info is not None and info.me is not None else None
        at = self._clock.now()
        await self._store.begin(row.number, at=at, sent_as=sent_as, anchor=anchor)
        first = row.attempted is None
        row = replace(
            row,
            state=NoticeState.SENDING,
            attempted=at if first else row.attempted,
            anchor=anchor if first else row.anchor,
            sent_as=sent_as,
            tries=row.tries + 1,
        )
        self._open[row.to][row.number] = row
        return row

    def _message(self, row: StoredNotice) -> SendMessage:
        return SendMessage(
            to=row.to,
            body=row.text,
            groupchat=row.groupchat,
            priority=Priority.NOTICE,
            split=False,
            message_id=row.message_id,
        )

    async def _follow(self, row: StoredNotice, entry: Entry) -> float:
        """Wait for what becomes of it."""
        if not row.groupchat:
            found = await self._was_sent(row)
            if isinstance(entry.ended, StanzaError):
                return await self._refused(row, entry.ended)
            if found is None or entry.queued:  # the session ended, or our server told us to wait
                return _AGAIN
            await self._settle(row, NoticeState.DONE, archive_id=found or None)
            return 0.0
        while True:
            try:
                archive_id = await entry.until_reflected(_REFLECTED_WITHIN)
            except RequestTimeout:
                if not entry.queued:  # else the room told us to wait
                    return 0.0
            except StanzaError as error:
                return await self._refused(row, error)
            except LinkError:
                return 0.0
            else:
                await self._settle(row, NoticeState.DONE, archive_id=archive_id)
                return 0.0

    async def _refused(self, row: StoredNotice, error: StanzaError) -> float:
        """RFC 6120 §8.3.2: "modify" never works as it is; everything else may, with rights or at another time."""
        if error.kind == "modify" or row.tries >= _MOST_REFUSALS:
            await self._settle(row, NoticeState.FAILED, reason=str(error))
            return 0.0
        pause = min(_FIRST_REFUSAL * 2.0 ** (row.tries - 1), _LONGEST_REFUSAL)
        _log.warning("a notice to %s was refused (%s); tried again in %.0f s", row.to, error.condition, pause)
        self._refused_until[row.number] = self._clock.now() + timedelta(seconds=pause)
        return 0.0

    async def _settle(
        self, row: StoredNotice, state: NoticeState, *, archive_id: ArchiveId | None = None, reason: str | None = None
    ) -> None:
        at = self._clock.now()
        await self._store.settle(row.number, state, at=at, archive_id=archive_id, reason=reason)
        row = replace(row, state=state, settled=at, archive_id=archive_id, reason=reason)
        rows = self._open[row.to]
        del rows[row.number]
        if not rows:
            del self._open[row.to]
        self._entries.pop(row.number, None)
        self._refused_until.pop(row.number, None)
        self._count(row)
        for waiting in self._awaiting.pop(row.number, ()):
            if not waiting.done():
                waiting.set_result(row)

    def _count(self, row: StoredNotice) -> None:
        counters = self._sender.counters
        if row.state is NoticeState.DONE:
            counters.notices_done += 1
        elif row.state is NoticeState.EXPIRED:
            counters.notices_expired += 1
            _log.warning("a notice to %s has expired unsent", row.to)
        else:
            counters.notices_failed += 1
            _log.error("a notice to %s cannot be sent: %s", row.to, row.reason)

    async def settled(self, row: StoredNotice, timeout: float) -> StoredNotice:
        """Wait until ``row`` is done, expired or failed. Raises ``RequestTimeout``."""
        if row.number not in self._open.get(row.to, {}):
            return next(r for r in await self._store.of_key(row.key) if r.number == row.number)
        waiting: asyncio.Future[StoredNotice] = asyncio.get_running_loop().create_future()
        self._awaiting.setdefault(row.number, []).append(waiting)
        try:
            async with asyncio.timeout(timeout):
                return await waiting
        except TimeoutError:
            raise RequestTimeout(f"the notice to {row.to} was not said within {timeout:g} s") from None


class _Following:
    """``model.actions.Following`` for a notice."""

    def __init__(self, notices: Notices, rows: tuple[StoredNotice, ...]) -> None:
        self._notices = notices
        self._rows = rows

    async def reflected(self, timeout: float) -> ArchiveId | None:
        try:
            async with asyncio.timeout(timeout):
                rows = [await self._notices.settled(row, timeout) for row in self._rows]
        except TimeoutError:
            raise RequestTimeout(f"the notice to {self._rows[0].to} was not said within {timeout:g} s") from None
        for row in rows:
            if row.state is not NoticeState.DONE:
                raise LinkClosed(f"the notice to {row.to} was not said: {row.reason or row.state.value}")
        return rows[0].archive_id

    async def update(self, text: str) -> None:
        raise MisuseError("a notice cannot be updated; it may be said at any time")


def _is_over(row: StoredNotice, now: datetime) -> bool:
    return row.state is NoticeState.WAITING and row.expires is not None and now >= row.expires
