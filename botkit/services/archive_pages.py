"""One page of an archive after the other: asked for again where that may help, and no longer once the visit ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from botkit.errors import LinkClosed, RequestTimeout, StanzaError
from botkit.model.archive import ArchiveQuery, Page
from botkit.ports import Clock, Link

_TRIES = 3


class Pages:
    """Reads pages over ``link``. ``check`` raises where there is no point in going on."""

    def __init__(self, link: Link, clock: Clock, page_size: int, check: Callable[[], None]) -> None:
        self._link = link
        self._clock = clock
        self._page_size = page_size
        self._check = check
        self.read = 0

    async def page(self, query: ArchiveQuery) -> Page:
        """One page. Raises what ``Link.page`` and ``check`` raise."""
        if query.before is None:
            query = replace(query, page_size=self._page_size)
        page = await self._asked(query)
        self._check()
        self.read += 1
        return page

    async def _asked(self, query: ArchiveQuery) -> Page:
        attempt = 1
        while True:
            try:
                return await self._link.page(query)
            except LinkClosed:
                raise
            except (RequestTimeout, StanzaError) as problem:
                if attempt == _TRIES or not problem.retryable:
                    raise
            await self._clock.sleep(2.0**attempt)
            self._check()
            attempt += 1
