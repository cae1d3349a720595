"""Whether a notice may be said by correcting the one before it of its topic."""

from __future__ import annotations

from datetime import timedelta

from botkit.model.messages import MessageId
from botkit.model.notices import StoredNotice
from botkit.ports import Clock, Link, NoticeStore
from botkit.services.outbox.finding import Finder

CORRECTED_WITHIN = timedelta(days=1)
"""So old a message may be. XEP-0308 §3 promises nothing for any but the last; clients scroll back so far at best."""


class Correcting:
    """Judges as whoever receives a correction must (XEP-0308 §3 and §4); what would not be believed is not tried."""

    def __init__(self, link: Link, store: NoticeStore, clock: Clock, finder: Finder) -> None:
        self._link = link
        self._store = store
        self._clock = clock
        self._finder = finder

    def standing(self, row: StoredNotice) -> tuple[str | None, str | None]:
        """Our nick where ``row`` goes to, and a name for our stay there; None and None where there is no such thing."""
        info = self._link.room(row.to) if row.groupchat else None
        if info is None or info.me is None:
            return None, None
        return info.me.nick, info.since.isoformat() if info.since is not None else ""

    async def target(self, row: StoredNotice) -> MessageId | None:
        """The message that ``row`` is to correct; None if it is to be a message of its own."""
        if row.topic is None or len(await self._store.of_key(row.key)) > 1:  # a correction is one message
            return None
        told = await self._store.told(row.to, row.topic)
        if told is None or not self._is_believed(told) or not await self._finder.stands(told):
            return None
        if not self._is_believed(told):  # asked again, as finding out took a while
            return None
        # §3: "the id of the original message is used in each case"
        return told.message_id

    def _is_believed(self, told: StoredNotice) -> bool:
        said = told.attempted or told.created
        if not timedelta(0) <= self._clock.now() - said <= CORRECTED_WITHIN:
            return False
        # §4: not for "messages received before the sender joined the room", and from the same full JID there. In a
        # chat with one account the bare JID is enough, and that is always the same.
        return not told.groupchat or (told.stay is not None and self.standing(told) == (told.sent_as, told.stay))
