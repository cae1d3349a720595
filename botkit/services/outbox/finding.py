"""Does a notice stand in the archive? Asked before it is sent again."""

from __future__ import annotations

from datetime import timedelta

from botkit.errors import ItemNotFound, StanzaError
from botkit.model.address import Address
from botkit.model.archive import ArchivedEvent, ArchiveQuery
from botkit.model.events import DirectMessage, DirectRetraction, Event, MessageRetracted, RoomMessage
from botkit.model.messages import ArchiveId
from botkit.model.notices import StoredNotice
from botkit.model.rooms import Occupant
from botkit.ports import Link

_SKEW = timedelta(minutes=10)
_MOST_PAGES = 200
_PAGES_TO_STAND = 5  # what was sent stands right behind its anchor, unless it had to wait for its turn


class Finder:
    """Searches a room's archive, or our own account's for what was sent to somebody.

    A question to the archive is put over the stream behind whatever was sent before, and both are handled in order
    (RFC 6120 §10.1). So its answer also says: what was sent in this session has been dealt with.
    """

    def __init__(self, link: Link) -> None:
        self._link = link

    async def anchor(self, to: Address, *, groupchat: bool) -> str | None:
        """The newest id of the archive, "" if it is empty, None if there is none for us. Raises ``LinkError``."""
        archive = to if groupchat else None
        try:
            page = await self._link.page(ArchiveQuery(archive=archive, before=ArchiveId(""), page_size=1))
        except StanzaError:
            return None
        return page.last or ""

    async def find(self, notice: StoredNotice) -> ArchiveId | None:
        """Its archive id; None if it is not there, or nobody can say. Raises ``LinkError`` if there was no answer."""
        archive = notice.to if notice.groupchat else None
        start = notice.attempted - _SKEW if notice.attempted is not None else None
        query = ArchiveQuery(archive=archive, start=start)
        if notice.anchor is not None:  # an id of the archive's own: no clock can mislead it
            query = ArchiveQuery(archive=archive, after=ArchiveId(notice.anchor) if notice.anchor else None)
        try:
            return await self._search(query, notice)
        except ItemNotFound:  # the anchor has expired
            if query.after is None:
                return None
        except StanzaError:  # no archive, or not for us
            return None
        try:
            return await self._search(ArchiveQuery(archive=archive, start=start), notice)
        except StanzaError:
            return None

    async def stands(self, notice: StoredNotice) -> bool:
        """False if what was sent is certainly not there any more: somebody took it away. Raises ``LinkError``."""
        if not notice.groupchat or notice.archive_id is None or notice.anchor is None:
            return True
        after = ArchiveId(notice.anchor) if notice.anchor else None
        for _ in range(_PAGES_TO_STAND):
            try:
                page = await self._link.page(ArchiveQuery(archive=notice.to, after=after))
            except StanzaError:  # the anchor has expired, and nobody can say
                return True
            for row in page.rows:
                if row.archive_id == notice.archive_id:  # a tombstone has the same id (XEP-0424 §5.1)
                    return isinstance(row.event, RoomMessage)
            if page.complete or page.last is None or page.last == after:
                return False
            after = page.last
        return True

    async def _search(self, query: ArchiveQuery, notice: StoredNotice) -> ArchiveId | None:
        after = query.after
        for _ in range(_MOST_PAGES):
            page = await self._link.page(
                ArchiveQuery(archive=query.archive, after=after, start=query.start if after is None else None)
            )
            for row in page.rows:
                if self._is_it(row, notice):
                    return row.archive_id
            if page.complete or page.last is None or page.last == after:
                return None
            after = page.last
        return None

    def _is_it(self, row: ArchivedEvent, notice: StoredNotice) -> bool:
        event = row.event
        if notice.retracts is not None:
            return self._retracts(event, notice)
        if isinstance(event, RoomMessage) and notice.groupchat:
            same = notice.message_id in (event.message_id, event.origin_id) and event.room == notice.to
            return same and self._is_ours(event.author, notice)
        if isinstance(event, DirectMessage) and not notice.groupchat:
            return event.message_id == notice.message_id and event.sender.bare == self._link.address.bare
        return False

    def _retracts(self, event: Event | None, notice: StoredNotice) -> bool:
        """That it was taken back, whoever did it last."""
        if isinstance(event, RoomMessage | DirectMessage):
            return any(self._retracts(one, notice) for one in event.also)
        if isinstance(event, MessageRetracted):
            return event.target == notice.retracts and self._is_ours(event.author, notice)
        if isinstance(event, DirectRetraction):
            return event.target == notice.retracts and event.sender.bare == self._link.address.bare
        return False

    def _is_ours(self, author: Occupant, notice: StoredNotice) -> bool:
        info = self._link.room(notice.to)
        me = info.me if info is not None else None
        if author.real is not None:
            return author.real.bare == self._link.address.bare
        if me is not None and None not in (me.occupant_id, author.occupant_id):
            return author.occupant_id == me.occupant_id
        # Only the nick is left. The id was random: whoever writes it under our nick has seen it in the room.
        return author.is_self or author.nick in (notice.sent_as, me.nick if me is not None else None)
