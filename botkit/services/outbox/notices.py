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
from datetime import timedelta

from botkit.errors import Expired, LinkError, MisuseError, NotSaid, OutboxFull, RequestTimeout, StoreError
from botkit.model.actions import Notice, Sent, Urgency
from botkit.model.address import Address
from botkit.model.messages import ArchiveId, MessageId
from botkit.model.notices import ATTACHED, NoticeState, StoredNotice
from botkit.ports import Clock, Link, NoticeStore
from botkit.services.outbox.choosing import Choosing, Wait
from botkit.services.outbox.delivery import Delivery
from botkit.services.outbox.digests import Digests
from botkit.services.outbox.pile import Book
from botkit.services.outbox.sender import Sender
from botkit.services.outbox.settings import OutboxSettings

_log = logging.getLogger(__name__)

_AGAIN = 5.0  # after the network or the store failed
_AT_ONCE = 32  # notices that are written down at the same time: enough to share a transaction, few enough for the loop
_KEPT = timedelta(days=30)  # for as long a key is not used again
_DAY = 86_400.0


class Notices:
    """Keeps and sends notices, each recipient's in order. ``run`` it."""

    def __init__(
        self,
        link: Link,
        store: NoticeStore,
        clock: Clock,
        sender: Sender,
        split: Callable[[Notice], list[str]],
        settings: OutboxSettings,
    ) -> None:
        self._store = store
        self._clock = clock
        self._split = split
        self._most = settings.notices
        self._book = Book()
        self._choosing = Choosing(link, self._book, settings)
        self._delivery = Delivery(link, store, clock, sender, self._book)
        self._digests = Digests(store, clock, self._book, split)
        self._door = asyncio.Semaphore(_AT_ONCE)
        self._wake: dict[Address, asyncio.Event] = {}
        self._group: asyncio.TaskGroup | None = None

    @property
    def waiting(self) -> int:
        """How many are not done."""
        return self._book.count

    # --- in ---------------------------------------------------------------------------------------------------

    async def add(self, notice: Notice) -> Sent:
        """Write ``notice`` down; it is sent from then on. Raises ``StoreError``, ``OutboxFull``, ``MisuseError``."""
        if notice.retract_on_expiry and notice.expires is None:
            raise MisuseError("a notice that is retracted on expiry has to expire; give it expires=")
        if not notice.to.is_bare:
            raise MisuseError(f"a notice goes to a room or an account, not to {notice.to}")
        texts = self._split(notice)
        if self.waiting + len(texts) > self._most:
            raise OutboxFull(f"{self.waiting} notices wait already")
        parts = self._parts(notice, texts)
        async with self._door:
            replaced = await self._store.add(parts)
            rows = await self._store.of_key(parts[0].key)
        if replaced is not None:
            self._delivery.were_replaced(notice.to, replaced)
            self._take_in(rows)
        return Sent(
            rows[0].message_id, parts=tuple(row.message_id for row in rows), following=_Following(self, tuple(rows))
        )

    def _parts(self, notice: Notice, texts: list[str]) -> list[StoredNotice]:
        ids = [MessageId(secrets.token_hex(8)) for _ in texts]
        own = notice.key if notice.key is not None else f"\n{ids[0]}"  # a line feed: nobody's own key
        digest = notice.digest if notice.digest is not None else self._choosing.manners(notice.to).digest
        if len(texts) > 1 or notice.urgency is Urgency.URGENT or notice.retract_on_expiry or notice.attached:
            digest = None  # what is to be taken back again, or shown as a file, must be a message of its own
        return [
            StoredNotice(
                key=f"{ATTACHED if notice.attached else ''}{own}",
                part=part,
                to=notice.to,
                groupchat=notice.groupchat,
                text=text,
                message_id=ids[part],
                created=self._clock.now(),
                not_before=notice.not_before,
                expires=notice.expires,
                topic=notice.topic,
                urgency=notice.urgency,
                retract_on_expiry=notice.retract_on_expiry,
                digest=digest or None,
            )
            for part, text in enumerate(texts)
        ]

    def _take_in(self, rows: list[StoredNotice]) -> None:
        for row in rows:
            if row.state.is_open:
                self._book.put(row)
        for to in {row.to for row in rows}:
            self.kick(to)

    def kick(self, to: Address | None = None) -> None:
        """Look again what can be sent to ``to`` (None: to anybody), as something has changed."""
        for each in self._book.recipients() if to is None else (to,):
            if each in self._wake:
                self._wake[each].set()
            elif self._group is not None and self._book.pile(each) is not None:
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
            while pile := self._book.pile(to):
                wake.clear()
                choice = self._choosing.next(pile, to, self._clock.now())
                wait = await self._attempt(choice.rows) if choice.rows else choice.wait
                if wait > 0:
                    await self._rest(wake, wait)
        finally:
            del self._wake[to]

    async def _attempt(self, rows: tuple[StoredNotice, ...]) -> float:
        """Bring one notice on, or several as a digest; how long to wait before anything else is tried."""
        try:
            if len(rows) > 1:
                return await self._digests.gather(rows)
            if rows[0].is_digest and rows[0].is_over(self._clock.now()):
                return await self._digests.scatter(rows[0])
            return await self._delivery.advance(rows[0])
        except (LinkError, StoreError) as problem:
            _log.warning("a notice to %s waits: %s", rows[0].to, problem)
        except Exception as problem:  # a boundary: one notice's fault must not stop the others
            _log.error("a notice to %s could not be sent", rows[0].to, exc_info=problem)
        return _AGAIN

    async def _rest(self, wake: asyncio.Event, seconds: float) -> None:
        assert self._group is not None, "workers end before run does"
        alarm = self._group.create_task(self._alarm(wake, seconds))
        await wake.wait()  # no deadline: the alarm is one
        alarm.cancel()

    async def _alarm(self, wake: asyncio.Event, seconds: float) -> None:
        await self._clock.sleep(seconds)
        wake.set()

    def waits(self) -> list[tuple[StoredNotice, Wait]]:
        """All that are not done, and why."""
        return list(self._choosing.waits(self._clock.now()))

    # --- what became of one -----------------------------------------------------------------------------------

    async def settled(self, row: StoredNotice, timeout: float) -> StoredNotice:
        """Wait until ``row`` is done, expired, replaced or failed. Raises ``RequestTimeout``."""
        if not self._book.has(row):
            return next(r for r in await self._store.of_key(row.key) if r.number == row.number)
        try:
            async with asyncio.timeout(timeout):
                return await self._book.settling(row)
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
                text = f"the notice to {row.to} was not said: {row.reason or row.state.value}"
                raise Expired(text) if row.state is NoticeState.EXPIRED else NotSaid(text, row.state.value)
        return rows[0].archive_id

    async def update(self, text: str) -> None:
        raise MisuseError("a notice is not updated, as it may be said at any time; give it a topic and say another")
