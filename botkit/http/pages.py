"""What ``/healthz`` and ``/readyz`` say: a status code for machines, and JSON with the reasons for people."""

from __future__ import annotations

from botkit.model.measures import Measure, MeasureKind, Sample
from botkit.model.rooms import RoomState
from botkit.model.status import AccountStatus, BotStatus


def health(status: BotStatus) -> tuple[int, dict[str, object]]:
    """Alive? 503 only if no account runs any more, as a restart costs the others their connections.

    That there is an answer at all says that the event loop turns; ``lag`` says how well.
    """
    running = [account for account in status.accounts if account.running]
    return (200 if running else 503), {
        "alive": bool(running),
        "pid": status.pid,
        "version": status.version,
        "started": status.started.isoformat(),
        "lag_seconds": round(status.lag, 3),
        "accounts": {
            str(one.account): {"running": one.running, "connected": one.connected, "reason": one.reason}
            for one in status.accounts
        },
    }


def readiness(status: BotStatus) -> tuple[int, dict[str, object]]:
    """At work? 503 until every account is connected, and in each room that its config asks for."""
    return (200 if status.ready else 503), {
        "ready": status.ready,
        "accounts": {str(one.account): _account(one) for one in status.accounts},
    }


def _account(account: AccountStatus) -> dict[str, object]:
    return {
        "ready": account.ready,
        "connected": account.connected,
        "reason": account.reason,
        "joined": sum(room.state is RoomState.JOINED for room in account.rooms),
        "missing": {
            str(room.room): {
                "state": room.state.value,
                "reason": room.reason,
                "since": room.since.isoformat() if room.since is not None else None,
                "next_try": room.next_try.isoformat() if room.next_try is not None else None,
            }
            for room in account.rooms
            if room.problem is not None
        },
    }


def process_measures(status: BotStatus) -> tuple[Measure, ...]:
    """What belongs to the process as a whole."""
    running = tuple(Sample(labels=(str(one.account),), value=one.running) for one in status.accounts)
    ready = tuple(Sample(labels=(str(one.account),), value=one.ready) for one in status.accounts)
    return (
        Measure(
            name="botkit_build_info",
            kind=MeasureKind.GAUGE,
            help="1; the version of botkit.",
            labels=("version",),
            samples=(Sample(labels=(status.version,), value=1),),
        ),
        Measure(
            name="botkit_event_loop_lag_seconds",
            kind=MeasureKind.GAUGE,
            help="How late the event loop was at worst, in the last minute.",
            samples=(Sample(value=status.lag),),
        ),
        Measure(
            name="botkit_account_running",
            kind=MeasureKind.GAUGE,
            help="1 while the account runs, connected or not.",
            labels=("account",),
            samples=running,
        ),
        Measure(
            name="botkit_account_ready",
            kind=MeasureKind.GAUGE,
            help="1 while it is connected, and in every room of its config.",
            labels=("account",),
            samples=ready,
        ),
    )
