"""The module of the bot under load: it measures how old each message is when a handler has it."""

from __future__ import annotations

import re
import time
from pathlib import Path

from pydantic import BaseModel, Field

from botkit import Context, Module, RoomMessage, Router
from botkit.model.messages import Source
from tests.soak.journal import Journal

STAMP = re.compile(r"~(\d+)\.(\d+)\.(\d+)~")
"""Who said it (a number), which of that one's messages it is, and when it was sent, in nanoseconds since 1970."""


class ListenerConfig(BaseModel):
    """Where to write."""

    journal: Path = Field(description="a folder")


class Ages:
    """Ages of the messages of the second that runs, in milliseconds."""

    def __init__(self) -> None:
        self.live: list[float] = []
        self.caught_up = 0
        self.since = time.monotonic()

    def add(self, journal: Journal, sent: int, live: bool) -> None:
        """Note one, and write down a second that is over."""
        if live:
            self.live.append((time.time_ns() - sent) / 1e6)
        else:
            self.caught_up += 1
        if time.monotonic() - self.since >= 1:
            ordered = sorted(self.live) or [0.0]
            journal.tell(
                "heard",
                live=len(self.live),
                caught_up=self.caught_up,
                p50=ordered[len(ordered) // 2],
                p99=ordered[len(ordered) * 99 // 100],
                most=ordered[-1],
            )
            self.__init__()  # type: ignore[misc]


router = Router("listener")
_JOURNALS: dict[Path, tuple[Journal, Ages]] = {}


@router.message(catch_up=True)
async def heard(ctx: Context[ListenerConfig], message: RoomMessage) -> None:
    path = ctx.config.journal
    if path not in _JOURNALS:
        _JOURNALS[path] = Journal(path), Ages()
    stamp = STAMP.match(message.body)
    if stamp is not None:
        journal, ages = _JOURNALS[path]
        ages.add(journal, int(stamp[3]), message.source is Source.LIVE)


module = Module(name="listener", config=ListenerConfig, router=router)
