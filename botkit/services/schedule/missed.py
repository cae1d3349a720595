"""What is to be done now about the times of a job that have come: run, or leave out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from botkit.model.jobs import Missed
from botkit.services.schedule.times import Trigger

PUNCTUAL = timedelta(seconds=60)
"""What is no later than this was not missed: timers are late, processes are restarted."""

_MOST = 1000  # times of one job that are run one after the other, after a long absence


@dataclass(frozen=True, slots=True)
class Verdict:
    """Times of one job, all aware UTC. ``left_out`` is the first that is not run and how it is told, or None.

    ``checked``: every time up to here is dealt with.
    """

    run: tuple[datetime, ...]
    checked: datetime
    left_out: tuple[datetime, str] | None = None


def judge(trigger: Trigger, checked: datetime, now: datetime, missed: Missed, grace: timedelta) -> Verdict | None:
    """What to do at ``now`` when everything up to ``checked`` was dealt with; None: nothing has come yet.

    ``once`` runs the last of the times if it is no later than ``grace``; ``each`` runs all that are no later than that,
    at most 1000; ``skip`` runs the last if it is punctual.
    """
    first = trigger.next(checked)
    if first is None or first > now:
        return None
    bound = min(PUNCTUAL, grace) if missed is Missed.SKIP else grace
    times = _times(trigger, max(checked, now - bound - timedelta(microseconds=1)), now)
    if not times:
        return Verdict((), now, (first, f"more than {bound} late"))
    if missed is Missed.EACH:
        too_early = (first, f"more than {bound} late, or more than {_MOST} at once") if times[0] != first else None
        return Verdict(tuple(times), times[-1], too_early)
    others = (first, f"run for the last of them, {times[-1]:%F %T} UTC") if times[-1] != first else None
    return Verdict((times[-1],), times[-1], others)


def _times(trigger: Trigger, after: datetime, now: datetime) -> list[datetime]:
    found: list[datetime] = []
    moment = trigger.next(after)
    while moment is not None and moment <= now:
        found.append(moment)
        if len(found) > _MOST:
            del found[0]
        moment = trigger.next(moment)
    return found
