"""Several notices as one message.

The digest is a notice itself, written down in one with the mark on each that it is told by it. From then on it goes the
way of all notices, and those in it are done when it is. What a crash leaves behind is a digest on its way, or none.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace

from botkit.model.actions import Notice
from botkit.model.messages import MessageId
from botkit.model.notices import DIGEST, NoticeState, StoredNotice
from botkit.ports import Clock, NoticeStore
from botkit.services.outbox.pile import Book


class Digests:
    """Gathers notices in digests, and scatters those that were not sent."""

    def __init__(self, store: NoticeStore, clock: Clock, book: Book, split: Callable[[Notice], list[str]]) -> None:
        self._store = store
        self._clock = clock
        self._book = book
        self._split = split

    async def gather(self, rows: tuple[StoredNotice, ...]) -> float:
        """Have ``rows``, of one recipient, told by one digest. Raises ``StoreError``."""
        parts = self._parts(rows)
        if await self._store.gather(parts, [row.number for row in rows]):
            for row in rows:
                self._book.put(replace(row, state=NoticeState.COLLECTED, within=parts[0].key))
            for part in await self._store.of_key(parts[0].key):
                self._book.put(part)
            return 0.0
        for row in rows:  # some were replaced, and nobody told us: another process did
            for now in await self._store.of_key(row.key):
                if now.number == row.number and not now.state.is_open:
                    self._book.drop(row.to, row.number)
                    self._book.settled(now)
        return 0.0

    async def scatter(self, digest: StoredNotice) -> float:
        """It was not begun, and something in it has expired: the others are gathered anew. Raises ``StoreError``."""
        await self._store.scatter(digest.key, at=self._clock.now())
        pile = self._book.pile(digest.to)
        for row in tuple(pile.rows.values()) if pile is not None else ():
            if row.key == digest.key:
                self._book.drop(row.to, row.number)
            elif row.within == digest.key:
                self._book.put(replace(row, state=NoticeState.WAITING, within=None))
        return 0.0

    def _parts(self, rows: tuple[StoredNotice, ...]) -> list[StoredNotice]:
        to, groupchat = rows[0].to, rows[0].groupchat
        texts = self._split(Notice(to=to, groupchat=groupchat, text=digest_of(rows)))
        key = f"{DIGEST}{secrets.token_hex(8)}"
        expires = min((row.expires for row in rows if row.expires is not None), default=None)
        return [
            StoredNotice(
                key=key,
                part=part,
                to=to,
                groupchat=groupchat,
                text=text,
                message_id=MessageId(secrets.token_hex(8)),
                created=self._clock.now(),
                expires=expires if part == 0 else None,  # begun it is told to the end
                urgency=min(row.urgency for row in rows),
            )
            for part, text in enumerate(texts)
        ]


def digest_of(rows: tuple[StoredNotice, ...]) -> str:
    """The text of a digest: how many, and each as a point of a list."""
    points = ("• " + row.text.replace("\n", "\n  ") for row in rows)
    return "\n".join((f"{len(rows)} notices:", *points))
