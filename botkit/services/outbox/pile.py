"""The notices that are not done, as this process knows them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime

from botkit.model.actions import Urgency
from botkit.model.address import Address
from botkit.model.notices import StoredNotice
from botkit.services.outbox.entry import Entry


class Pile:
    """Those to one recipient."""

    def __init__(self) -> None:
        self.rows: dict[int, StoredNotice] = {}
        self._ranks: dict[Urgency, dict[int, None]] = {urgency: {} for urgency in Urgency}
        self._topics: dict[str, list[StoredNotice]] = {}

    def put(self, row: StoredNotice) -> None:
        """Have ``row`` as it is now."""
        known = row.number in self.rows
        self.rows[row.number] = row
        self._ranks[row.urgency][row.number] = None
        if row.topic is not None and not known:
            self._topics.setdefault(row.topic, []).append(row)

    def drop(self, number: int) -> StoredNotice | None:
        """It is settled."""
        row = self.rows.pop(number, None)
        if row is not None:
            del self._ranks[row.urgency][number]
        if row is not None and row.topic is not None:
            left = [one for one in self._topics[row.topic] if one.number != number]
            if left:
                self._topics[row.topic] = left
            else:
                del self._topics[row.topic]
        return row

    def in_order(self) -> Iterator[StoredNotice]:
        """What goes first, first. Do not change the pile meanwhile."""
        for rank in self._ranks.values():
            for number in rank:
                yield self.rows[number]

    def earlier_of_topic(self, row: StoredNotice) -> StoredNotice | None:
        """A notice of its topic from before it, if there is one that is not settled."""
        same = self._topics.get(row.topic, ()) if row.topic is not None else ()
        return next((one for one in same if one.number < row.number and one.key != row.key), None)

    def is_superseded(self, row: StoredNotice, now: datetime) -> bool:
        """True if a later notice of its topic is due: if this one was not sent, it need not be."""
        same = self._topics.get(row.topic, ()) if row.topic is not None else ()
        return any(
            one.number > row.number and one.key != row.key and (one.not_before is None or one.not_before <= now)
            for one in same
        )


class Book:
    """All piles; and what only this process knows of their notices."""

    def __init__(self) -> None:
        self._piles: dict[Address, Pile] = {}
        self._awaiting: dict[int, list[asyncio.Future[StoredNotice]]] = {}
        self.entries: dict[int, Entry] = {}  # sent by this process
        self.refused_until: dict[int, datetime] = {}
        self.count = 0

    def put(self, row: StoredNotice) -> None:
        """Have ``row`` as it is now."""
        pile = self._piles.setdefault(row.to, Pile())
        self.count += row.number not in pile.rows
        pile.put(row)

    def drop(self, to: Address, number: int) -> StoredNotice | None:
        """Nothing is left to do for it. The row as it was, None if it was not open."""
        pile = self._piles.get(to)
        row = pile.drop(number) if pile is not None else None
        if pile is None or row is None:
            return None
        self.count -= 1
        if not pile.rows:
            del self._piles[to]
        self.entries.pop(number, None)
        self.refused_until.pop(number, None)
        return row

    def pile(self, to: Address) -> Pile | None:
        """What there is for ``to``; None if there is nothing."""
        return self._piles.get(to)

    def recipients(self) -> tuple[Address, ...]:
        """For whom there is anything."""
        return tuple(self._piles)

    def has(self, row: StoredNotice) -> bool:
        """True while ``row`` is open."""
        pile = self._piles.get(row.to)
        return pile is not None and row.number in pile.rows

    async def settling(self, row: StoredNotice) -> StoredNotice:
        """Wait until it is settled; whoever asks sets the deadline."""
        waiting: asyncio.Future[StoredNotice] = asyncio.get_running_loop().create_future()
        self._awaiting.setdefault(row.number, []).append(waiting)
        return await waiting

    def settled(self, row: StoredNotice) -> None:
        """Tell those who wait for it."""
        for waiting in self._awaiting.pop(row.number, ()):
            if not waiting.done():
                waiting.set_result(row)
