"""How the reading of a room's archive goes, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from botkit.model.address import Address


class CatchUpStatus(Enum):
    """How a catch-up ended."""

    CAUGHT_UP = "caught up"
    INTERRUPTED = "interrupted"  # the stream or the room went away; the cursor keeps what was read
    UNAVAILABLE = "unavailable"  # the room has no archive, or not for us


@dataclass(frozen=True, slots=True, kw_only=True)
class CatchUpProgress:
    """After each page. ``since`` is the time from which is read (None: not known), ``at`` how far it is by now."""

    room: Address
    read: int
    new: int
    since: datetime | None
    at: datetime
    now: datetime

    @property
    def fraction(self) -> float | None:
        """The part of the time that is read, 0 to 1; None where the beginning is not known.

        Time and not messages: a server's ``<count/>`` is of the whole archive where one pages by id.
        """
        if self.since is None or self.now <= self.since:
            return None
        return min(1.0, max(0.0, (self.at - self.since) / (self.now - self.since)))


@dataclass(frozen=True, slots=True, kw_only=True)
class CatchUpResult:
    """``read`` rows of the archive, ``new`` of them handed on. ``first``: the room was never read before.

    ``gap`` is from when to when messages may be missing, as the archive has forgotten them or could not be read; None:
    no gap. What was found is in ``MessageLog.gaps``, too. ``no_archive``: the room keeps none. ``visit`` is for
    ``History.visit``.
    """

    room: Address
    status: CatchUpStatus
    read: int = 0
    new: int = 0
    pages: int = 0
    first: bool = False
    gap: tuple[datetime, datetime] | None = None
    reason: str | None = None
    no_archive: bool = False
    visit: int = 0
