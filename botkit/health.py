"""The heartbeat file: what a running bot says of itself, for a container's or a service manager's health check."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from botkit.errors import StoreError
from botkit.model.rooms import RoomInfo, RoomState

BEAT_SECONDS = 10.0
STALE = timedelta(seconds=45)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """One reading. ``problems`` is () for a bot that is well; else a line for each thing that is not."""

    at: datetime
    problems: tuple[str, ...]
    rooms: tuple[tuple[str, str, str | None], ...]  # JID, state, reason


def write(path: Path, *, at: datetime, account: str, connected: bool, rooms: Sequence[RoomInfo]) -> None:
    """Replace the heartbeat file in one step, so that a reader never sees half of it. Raises ``StoreError``."""
    body = {
        "at": at.isoformat(),
        "pid": os.getpid(),
        "account": account,
        "connected": connected,
        "rooms": [{"jid": str(r.address), "state": r.state.value, "reason": r.reason} for r in rooms],
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(body), encoding="utf-8")
        fresh.replace(path)
    except OSError as problem:
        raise StoreError(
            f"health file {path} cannot be written: {problem.strerror}; check its folder's rights"
        ) from None


def remove(path: Path) -> None:
    """Take the file away, as one of a bot that has stopped would call it well for ``STALE`` more. Never raises."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


def read(path: Path, now: datetime) -> Health:
    """Read the heartbeat file. Raises ``StoreError`` if there is none or it cannot be understood."""
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        at = datetime.fromisoformat(body["at"])
        rooms = tuple((str(r["jid"]), str(r["state"]), r["reason"]) for r in body["rooms"])
        connected = bool(body["connected"])
    except FileNotFoundError:
        raise StoreError(f"there is no health file {path}: the bot does not run, or writes another one") from None
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise StoreError(f"the health file {path} cannot be read: {problem}") from None
    problems = []
    if now - at > STALE:
        problems.append(f"the last heartbeat is {(now - at).total_seconds():.0f} s old")
    if not connected:
        problems.append("not connected")
    problems += [
        f"{jid}: {state}{f' ({reason})' if reason else ''}"
        for jid, state, reason in rooms
        if state not in (RoomState.JOINED.value, RoomState.LEFT.value)
    ]
    return Health(at=at, problems=tuple(problems), rooms=rooms)
