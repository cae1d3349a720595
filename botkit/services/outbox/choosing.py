"""Which notice goes next, and why the others wait."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from botkit.model.actions import Urgency
from botkit.model.address import Address
from botkit.model.notices import NoticeState, StoredNotice
from botkit.model.rooms import RoomState
from botkit.ports import Link
from botkit.services.outbox.pile import Book, Pile
from botkit.services.outbox.settings import Manners, OutboxSettings

_LOOK_AGAIN = 3600.0
MOST_IN_DIGEST = 100
"""Notices in one digest; the others come with the next one."""


class Why(Enum):
    """Why a notice waits."""

    TURN = "its turn"
    NOT_DUE = "not due"
    QUIET = "quiet hours"
    ROOM = "not in the room"
    REFUSED = "refused"
    DIGEST = "a digest"
    TOPIC = "the one before it"
    SENDING = "being sent"


@dataclass(frozen=True, slots=True)
class Wait:
    """A reason, and until when; None: nobody knows."""

    why: Why
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """What to do now: ``rows`` (several: as a digest), else nothing for ``wait`` seconds."""

    rows: tuple[StoredNotice, ...]
    wait: float = 0.0


class Choosing:
    """Looks through piles. Cheap: it is asked after every notice."""

    def __init__(self, link: Link, book: Book, settings: OutboxSettings) -> None:
        self._link = link
        self._book = book
        self._settings = settings

    def manners(self, to: Address) -> Manners:
        """How notices come to ``to``. Who is no room has none."""
        if to in self._settings.rooms:
            return self._settings.rooms[to]
        return self._settings.manners if self._link.room(to) is not None else Manners()

    def next(self, pile: Pile, to: Address, now: datetime) -> Choice:
        """The first that may be sent or has expired; or a digest."""
        around = _Around.of(self, pile, to, now)
        soonest = _LOOK_AGAIN
        gathered: list[StoredNotice] = []
        ready = False
        for row in pile.in_order():
            if row.is_over(now):
                return Choice((row,))
            wait = self._wait(row, around)
            if wait is None and not _is_gathered(row):
                return Choice((row,))
            if _is_gathered(row) and (wait is None or wait.why is Why.DIGEST):
                gathered.append(row)
                ready = ready or wait is None
            times = [wait.until if wait is not None else None, row.expires]
            soonest = min([soonest, *((t - now).total_seconds() for t in times if t is not None and t > now)])
        if ready:
            return Choice(tuple(gathered[:MOST_IN_DIGEST]))
        return Choice((), soonest)

    def waits(self, now: datetime) -> Iterator[tuple[StoredNotice, Wait]]:
        """All that are not done, and why."""
        for to in self._book.recipients():
            pile = self._book.pile(to)
            if pile is not None:
                around = _Around.of(self, pile, to, now)
                for row in pile.in_order():
                    wait = self._wait(row, around)
                    yield row, wait or Wait(Why.SENDING if row.state is NoticeState.SENDING else Why.TURN)

    def _wait(self, row: StoredNotice, around: _Around) -> Wait | None:
        """None: it may go."""
        now, number = around.now, row.number
        if row.state is NoticeState.COLLECTED:
            return Wait(Why.DIGEST)
        if around.pile.earlier_of_topic(row) is not None:  # that one first: it may have to be corrected
            return Wait(Why.TOPIC)
        refused = self._book.refused_until.get(number)
        if refused is not None and refused > now and not around.pile.is_superseded(row, now):
            return Wait(Why.REFUSED, refused)
        if row.not_before is not None and row.not_before > now:
            return Wait(Why.NOT_DUE, row.not_before)
        if row.groupchat and not around.is_in:
            return Wait(Why.ROOM)
        if row.state is not NoticeState.WAITING or row.retracts is not None:  # begun; or it makes no sound
            return None
        if row.groupchat and row.urgency is not Urgency.URGENT and around.quiet_until is not None:
            return Wait(Why.QUIET, around.quiet_until)
        if row.digest is not None:
            due = max(row.created, row.not_before or row.created) + row.digest
            return Wait(Why.DIGEST, due) if due > now else None
        return None


@dataclass(frozen=True, slots=True)
class _Around:
    """What is so for all notices to one recipient."""

    pile: Pile
    now: datetime
    is_in: bool
    quiet_until: datetime | None

    @classmethod
    def of(cls, choosing: Choosing, pile: Pile, to: Address, now: datetime) -> _Around:
        info = choosing._link.room(to)
        quiet = choosing.manners(to).quiet
        return cls(
            pile=pile,
            now=now,
            is_in=info is not None and info.state is RoomState.JOINED and info.me is not None,
            quiet_until=quiet.until(now) if quiet is not None else None,
        )


def _is_gathered(row: StoredNotice) -> bool:
    return row.digest is not None and row.state is NoticeState.WAITING
