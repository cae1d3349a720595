"""What catch-ups told: how far they are, how they ended, and which gaps a room's log has."""

from __future__ import annotations

import logging
from collections import Counter

from botkit.errors import StoreError
from botkit.model.address import Address
from botkit.model.archive import GapReason
from botkit.model.status import Gap, HistoryState, HistoryStatus
from botkit.ports import Clock
from botkit.services.catch_up import CatchUpProgress, CatchUpResult, CatchUpStatus
from botkit.services.history import History

_log = logging.getLogger(__name__)


class Reading:
    """Of all rooms of one account. ``ended`` counts catch-ups by how they ended, ``read`` the rows of archives."""

    def __init__(self, history: History, clock: Clock) -> None:
        self._history = history
        self._clock = clock
        self._progress: dict[Address, CatchUpProgress] = {}
        self._results: dict[Address, CatchUpResult] = {}
        self._gaps: dict[Address, tuple[Gap, ...]] = {}
        self.ended: Counter[CatchUpStatus] = Counter()
        self.read = 0

    def told(self, what: CatchUpProgress | CatchUpResult) -> None:
        """After each page, and at the end."""
        if isinstance(what, CatchUpProgress):
            self._progress[what.room] = what
            return
        self._progress.pop(what.room, None)
        self._results[what.room] = what
        self.ended[what.status] += 1
        self.read += what.read

    def forget(self, *rooms: Address) -> None:
        """The bot left them for good."""
        for kept in (self._progress, self._results, self._gaps):
            for room in rooms:
                kept.pop(room, None)

    async def look(self, room: Address) -> None:
        """Ask the log again which gaps it has; what nobody wanted read is none. Raises nothing."""
        try:
            await self._history.flush()
            found = await self._history.log.gaps(room)
        except StoreError as problem:
            _log.warning("the gaps of %s are not known: %s", room, problem)
            return
        self._gaps[room] = tuple(
            Gap(since=gap.after, until=gap.before, reason=gap.reason.value)
            for gap in found
            if gap.closed is None and gap.reason is not GapReason.NOT_READ
        )

    def of(self, room: Address, *, wanted: bool, archive: bool | None) -> HistoryStatus:
        """The log of ``room``. ``wanted``: is it to be read after an absence? ``archive``: is there one? None: not
        known now."""
        progress, result = self._progress.get(room), self._results.get(room)
        gaps = self._gaps.get(room, ())
        state, reason = HistoryState.BEHIND, result.reason if result is not None else None
        if not wanted:
            state, reason = HistoryState.OFF, None
        elif archive is False:
            state, reason = HistoryState.UNAVAILABLE, "the room keeps no archive"
        elif self._history.caught_up(room):
            state, reason = HistoryState.CAUGHT_UP, None
        elif self._history.is_reading(room):
            state, reason = HistoryState.CATCHING_UP, None
        elif result is not None and result.status is CatchUpStatus.UNAVAILABLE:
            state = HistoryState.UNAVAILABLE
        if state is HistoryState.CATCHING_UP and progress is not None:
            lag = max(0.0, (self._clock.now() - progress.at).total_seconds())
            return HistoryStatus(
                state=state, read=progress.read, new=progress.new, fraction=progress.fraction, lag=lag, gaps=gaps
            )
        read, new = (result.read, result.new) if result is not None else (0, 0)
        return HistoryStatus(state=state, read=read, new=new, gaps=gaps, reason=reason)
