"""One notice on its way: sent, looked for, corrected, settled."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

from botkit.errors import ItemNotFound, LinkError, RequestTimeout, StanzaError
from botkit.model.actions import Priority, RetractOwn, SendMessage, Urgency
from botkit.model.address import Address
from botkit.model.messages import ArchiveId
from botkit.model.notices import ATTACHED, NoticeState, StoredNotice
from botkit.ports import Clock, Link, NoticeStore
from botkit.services.outbox.correcting import Correcting
from botkit.services.outbox.entry import Entry
from botkit.services.outbox.finding import Finder
from botkit.services.outbox.pile import Book
from botkit.services.outbox.retracting import Retracting
from botkit.services.outbox.sender import Sender

_log = logging.getLogger(__name__)

_REFLECTED_WITHIN = 30.0
_SETTLING = 3.0  # an archive may write what it was told a moment later
_AGAIN = 5.0  # after the network or the store failed
_PRIORITIES = {Urgency.URGENT: Priority.REPLY, Urgency.NORMAL: Priority.NOTICE, Urgency.LOW: Priority.CHATTER}
_FIRST_REFUSAL, _LONGEST_REFUSAL, _MOST_REFUSALS = 60.0, 3600.0, 20


class Delivery:
    """Brings notices on, one step after the other; each is on the disk before the next (see ``notices``)."""

    def __init__(self, link: Link, store: NoticeStore, clock: Clock, sender: Sender, book: Book) -> None:
        self._store = store
        self._clock = clock
        self._sender = sender
        self._book = book
        self._finder = Finder(link)
        self._correcting = Correcting(link, store, clock, self._finder)
        self._retracting = Retracting(link, store, clock)

    async def advance(self, row: StoredNotice) -> float:
        """Bring ``row`` on; after how many seconds to go on. Raises ``LinkError``, ``StoreError``."""
        under_way = self._book.entries.get(row.number)
        if under_way is not None and under_way.queued:  # told to wait, and sent again by the sender
            return _AGAIN
        now = self._clock.now()
        if row.state is NoticeState.SENDING:
            found = await self._was_sent(row)
            if found is not None:
                await self._settle(row, NoticeState.DONE, archive_id=found or None)
                return 0.0
            pile = self._book.pile(row.to)
            if pile is not None and pile.is_superseded(row, now):
                await self._settle(row, NoticeState.REPLACED)
                return 0.0
        if not row.is_digest and replace(row, state=NoticeState.WAITING).is_over(now):
            await self._settle(row, NoticeState.EXPIRED)
            return 0.0
        if row.retracts is not None and row.state is NoticeState.WAITING and not self._retracting.is_believed(row):
            return await self._taken_away(row)
        begun = await self._begin(row)
        if begun is None:  # replaced meanwhile
            self.were_replaced(row.to, [row.number])
            return 0.0
        if (
            begun.replaces is not None
            and begun.retracts is None
            and self._correcting.standing(row) != (begun.sent_as, begun.stay)
        ):
            return 0.0  # we came in anew meanwhile: begun again it is no correction
        (entry,) = await self._sender.send([_message(begun)])
        self._book.entries[row.number] = entry
        if begun.retracts is not None:
            return await self._follow_retraction(begun, entry)
        return await self._follow(begun, entry)

    async def _was_sent(self, row: StoredNotice) -> ArchiveId | None:
        """Its archive id if it was sent, "" if it was and has none; None if it certainly was not, or nobody can say."""
        entry = self._book.entries.get(row.number)
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

    async def _begin(self, row: StoredNotice) -> StoredNotice | None:
        first = row.attempted is None
        anchor = await self._finder.anchor(row.to, groupchat=row.groupchat) if first else row.anchor
        target = await self._correcting.target(row) if row.retracts is None else row.replaces
        sent_as, stay = self._correcting.standing(row) if row.retracts is None else (row.sent_as, None)
        at = self._clock.now()
        if not await self._store.begin(row.number, at=at, sent_as=sent_as, anchor=anchor, stay=stay, replaces=target):
            return None
        row = replace(
            row,
            state=NoticeState.SENDING,
            attempted=at if first else row.attempted,
            anchor=anchor,
            sent_as=sent_as,
            tries=row.tries + 1,
            stay=stay,
            replaces=target,
        )
        self._book.put(row)
        return row

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

    async def _follow_retraction(self, row: StoredNotice, entry: Entry) -> float:
        """Nothing of it comes back with an id of ours; the archive is asked, and its answer comes behind it."""
        await self._finder.anchor(row.to, groupchat=row.groupchat)
        if isinstance(entry.ended, StanzaError):
            return await self._refused(row, entry.ended)
        if entry.queued or entry.ended is not None:
            return _AGAIN
        await self._settle(row, NoticeState.DONE)
        return 0.0

    async def _taken_away(self, row: StoredNotice) -> float:
        """Nobody would believe that it was ours: the room is asked to take it away, if we may."""
        try:
            taken = await self._retracting.moderate(row)
        except StanzaError as error:
            taken = isinstance(error, ItemNotFound)  # it is gone already
        state = NoticeState.DONE if taken else NoticeState.FAILED
        await self._settle(
            row, state, reason=None if taken else "it was said under another nick, and we are no moderator"
        )
        return 0.0

    async def _refused(self, row: StoredNotice, error: StanzaError) -> float:
        """RFC 6120 §8.3.2: "modify" never works as it is; everything else may, with rights or at another time."""
        if error.kind == "modify" or row.tries >= _MOST_REFUSALS:
            await self._settle(row, NoticeState.FAILED, reason=str(error))
            return 0.0
        pause = min(_FIRST_REFUSAL * 2.0 ** (row.tries - 1), _LONGEST_REFUSAL)
        _log.warning("a notice to %s was refused (%s); tried again in %.0f s", row.to, error.condition, pause)
        self._book.refused_until[row.number] = self._clock.now() + timedelta(seconds=pause)
        return 0.0

    # --- the end of one ---------------------------------------------------------------------------------------

    async def _settle(
        self, row: StoredNotice, state: NoticeState, *, archive_id: ArchiveId | None = None, reason: str | None = None
    ) -> None:
        at = self._clock.now()
        ended = replace(row, state=state, settled=at, archive_id=archive_id, reason=reason)
        then = await self._retracting.of(ended)
        await self._store.settle(row.number, state, at=at, archive_id=archive_id, reason=reason, then=then)
        if state is NoticeState.DONE and row.replaces is not None and row.retracts is None:
            self._drop_retraction(row)
        for one in await self._store.of_key(then.key) if then is not None else ():
            if one.state.is_open:
                self._book.put(one)
        self._ended(ended)
        if row.is_digest:
            self._told_by(ended)

    def _told_by(self, digest: StoredNotice) -> None:
        pile = self._book.pile(digest.to)
        rows = tuple(pile.rows.values()) if pile is not None else ()
        if not any(row.key == digest.key for row in rows):
            end = {"state": digest.state, "settled": digest.settled, "archive_id": digest.archive_id}
            for row in rows:
                if row.within == digest.key:
                    self._ended(replace(row, reason=digest.reason, **end))  # type: ignore[arg-type]

    def _drop_retraction(self, correction: StoredNotice) -> None:
        pile = self._book.pile(correction.to)
        for row in tuple(pile.rows.values()) if pile is not None else ():
            if row.retracts is not None and row.replaces == correction.replaces and row.state is NoticeState.WAITING:
                self._book.drop(row.to, row.number)

    def were_replaced(self, to: Address, numbers: list[int]) -> None:
        """The store has settled these, as later ones of their topic came."""
        pile = self._book.pile(to)
        for number in numbers:
            row = pile.rows.get(number) if pile is not None else None
            if row is not None:
                self._ended(replace(row, state=NoticeState.REPLACED, settled=self._clock.now()))

    def _ended(self, row: StoredNotice) -> None:
        self._book.drop(row.to, row.number)
        self._count(row)
        self._book.settled(row)

    def _count(self, row: StoredNotice) -> None:
        counters = self._sender.counters
        if row.is_digest or row.retracts is not None:
            counters.notices_retracted += row.state is NoticeState.DONE and row.retracts is not None
            if row.state is NoticeState.FAILED:
                _log.warning("a notice in %s cannot be taken back: %s", row.to, row.reason)
        elif row.state is NoticeState.DONE:
            counters.notices_done += 1
        elif row.state is NoticeState.REPLACED:
            counters.notices_replaced += 1
        elif row.state is NoticeState.EXPIRED:
            counters.notices_expired += 1
            _log.warning("a notice to %s has expired unsent", row.to)
        else:
            counters.notices_failed += 1
            _log.error("a notice to %s cannot be sent: %s", row.to, row.reason)


def _message(row: StoredNotice) -> SendMessage | RetractOwn:
    if row.retracts is not None:
        return RetractOwn(to=row.to, target=row.retracts, groupchat=row.groupchat)
    return SendMessage(
        to=row.to,
        body=row.text,
        groupchat=row.groupchat,
        priority=_PRIORITIES[row.urgency],
        split=False,
        message_id=row.message_id,
        replaces=row.replaces,
        url=row.text if row.key.startswith(ATTACHED) else None,
    )
