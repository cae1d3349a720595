"""What waits for its time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from botkit.services.schedule.job import Due, Job

OnPaused = Callable[[Job, str], None]
"""Told of a job that is paused, and why."""


@dataclass(slots=True)
class Entry:
    """A job in hand: what is known of it in this process. ``stored``: the store has it as it is."""

    job: Job
    checked: datetime
    stored: bool = False
    paused: bool = False
    failures: int = 0
    next: datetime | None = None  # its turn, if any; another that is still in the heap counts no more
    running: int = 0
    retrying: int = 0  # fires that wait to be tried again
    waiting: deque[Due] = field(default_factory=deque)

    @property
    def is_done(self) -> bool:
        """True if it has no more times, and all went well."""
        return not (self.next or self.paused or self.failures or self.running or self.retrying)


@dataclass(frozen=True, slots=True, order=True)
class Turn:
    """Something to do at a time. ``retry`` None: the job's next time."""

    at: datetime
    number: int
    entry: Entry = field(compare=False)
    retry: Due | None = field(default=None, compare=False)
