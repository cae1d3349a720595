"""When archives are read, and read again: each time that we have come in, until all is read or we are out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from botkit.model.address import Address
from botkit.model.events import Event
from botkit.model.rooms import RoomState
from botkit.routing.context import Logger
from botkit.services.catch_up_result import CatchUpProgress, CatchUpResult, CatchUpStatus
from botkit.services.history import History

Progress = Callable[[CatchUpProgress | CatchUpResult], None]

_AGAIN = 30.0
"""Seconds until an archive that did not answer to the end is asked again, while we are in the room."""

_LATER = 900.0
"""Seconds until one that could not be read at all is asked again."""


class CatchUps:
    """Reads the archives of one account's rooms. ``handle`` gets the events, and returns once they are handled.

    ``on_result`` is called each time that one ends, ``tell`` only where that is news; it is logged then, too.
    """

    def __init__(
        self,
        history: History,
        log: Logger,
        handle: Callable[[Sequence[Event]], Awaitable[None]],
        *,
        on_progress: Callable[[CatchUpProgress], None] | None = None,
        on_result: Callable[[CatchUpResult], Awaitable[None]] | None = None,
        tell: Callable[[CatchUpResult], None] | None = None,
    ) -> None:
        self._history = history
        self._log = log
        self._handle = handle
        self._on_progress = on_progress
        self._on_result = on_result
        self._also_tell = tell

    async def run(self, room: Address) -> None:
        """Catch up with ``room``, in which we are; ends with that, or with the visit."""
        told: CatchUpResult | None = None
        while True:
            result = await self._history.catch_up(room, on_events=self._hand, progress=self._on_progress)
            if self._on_result is not None:
                await self._on_result(result)
            if told is None or (result.status, result.reason) != (told.status, told.reason):
                self._tell(result)
            told = result
            if result.status is CatchUpStatus.CAUGHT_UP:
                return
            # A room may begin to keep an archive, or to let us read it, while we are in.
            soon = result.status is CatchUpStatus.INTERRUPTED
            await self._history.clock.sleep(_AGAIN if soon else _LATER)
            info = self._history.link.room(room)
            if info is None or info.state is not RoomState.JOINED or self._history.visit(room) != result.visit:
                return  # the next time that we come in begins another
            if self._history.caught_up(room):
                return

    def _tell(self, result: CatchUpResult) -> None:
        if self._also_tell is not None:
            self._also_tell(result)
        if result.no_archive:
            tell, event = self._log.info, "no history to catch up: the room keeps no archive"
        else:
            calm = result.status is CatchUpStatus.CAUGHT_UP
            tell, event = self._log.info if calm else self._log.warning, f"history {result.status.value}"
        shown: dict[str, object] = {"read": result.read, "new": result.new}
        shown |= {"gap": f"{result.gap[0]:%F %T} to {result.gap[1]:%F %T} UTC"} if result.gap else {}
        shown |= {"reason": result.reason} if result.reason else {}
        tell(event, room=str(result.room), **shown)

    async def _hand(self, events: Sequence[Event]) -> None:
        # Awaited: a page is written down as read only after its messages were handled, so that a crash in between
        # leaves them to be handled again rather than never.
        await self._handle([told for event in events for told in (event, *getattr(event, "also", ()))])
