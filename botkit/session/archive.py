"""Pages of archives: what belongs together is put together, what nobody asked for is dropped (XEP-0313)."""

from __future__ import annotations

from botkit.model.address import Address
from botkit.model.archive import ArchivedEvent, ArchiveQuery, Page
from botkit.model.events import ArchiveResult
from botkit.protocol import mam
from botkit.session.connection import Connection
from botkit.session.outgoing import new_id

_LARGEST_PAGE = 1000  # a server that sends more results for one query than this is not listened to further
_TIMEOUT = 60.0


class ArchiveReader:
    """Asks for pages over one connection. Several queries may be open at once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._open: dict[str, tuple[Address | None, list[ArchivedEvent]]] = {}

    def on_result(self, event: ArchiveResult) -> None:
        """A ``<result/>``. XEP-0313 §8.2: only for a query that is open, and only from the archive that was asked."""
        asked = self._open.get(event.query_id or "")
        if asked is None:
            return
        archive, rows = asked
        if not self._is_from(event.sender, archive) or len(rows) >= _LARGEST_PAGE:
            return
        at = event.event.at if event.event is not None else event.at
        rows.append(ArchivedEvent(archive_id=event.archive_id, at=at, event=event.event))

    async def page(self, query: ArchiveQuery) -> Page:
        """One page. Raises ``ItemNotFound`` for an expired id, ``StanzaError``, ``RequestTimeout``, ``LinkClosed``."""
        query_id = new_id()
        rows: list[ArchivedEvent] = []
        self._open[query_id] = (query.archive, rows)
        try:
            # The results come before the IQ's answer, over the same stream (XEP-0313 §4.2), so that all are in by then.
            answer = await self._connection.request(
                mam.build_query(query, query_id), to=query.archive, kind="set", timeout=_TIMEOUT
            )
        finally:
            del self._open[query_id]
        return mam.parse_page(answer, tuple(rows))

    def _is_from(self, sender: Address | None, archive: Address | None) -> bool:
        if archive is not None:
            return sender == archive
        return sender is None or sender == self._connection.address.bare
