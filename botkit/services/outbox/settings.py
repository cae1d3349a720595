"""How fast, how long, how much may wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from zoneinfo import ZoneInfo

from botkit.config.schema import OutgoingConfig, RoomConfig
from botkit.model.address import Address
from botkit.model.quiet import QuietHours, parse_quiet


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """``burst`` messages at once, then ``per_second``."""

    per_second: float
    burst: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopSettings:
    """When answers are held to go round in circles. Times are seconds.

    The same text ``repeats`` times in one room within ``window``; or ``answers`` answers to one person within
    ``window``. What it stops is stopped for ``pause``.
    """

    repeats: int = 8
    answers: int = 20
    window: float = 60.0
    pause: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How notices come to a room: not in its ``quiet`` hours, and for the time ``digest`` gathered in one message."""

    quiet: QuietHours | None = None
    digest: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxSettings:
    """What an outbox keeps to.

    ``max_bytes`` bounds the body of one message, in UTF-8. ``queue`` is how many messages of each priority may wait
    for one recipient, ``queue_all`` how many at all; ``notices`` how many may be kept.
    ``rooms`` says how notices come to which room, ``manners`` to those that are not in it.
    """

    room: Rate = field(default_factory=lambda: Rate(per_second=2.0, burst=20))
    account: Rate = field(default_factory=lambda: Rate(per_second=20.0, burst=60))
    max_bytes: int = 4000
    queue: int = 100
    queue_all: int = 2000
    notices: int = 10_000
    loop: LoopSettings | None = field(default_factory=LoopSettings)
    manners: Manners = Manners()
    rooms: Mapping[Address, Manners] = field(default_factory=dict)


def settings_of(config: OutgoingConfig, rooms: tuple[RoomConfig, ...] = ()) -> OutboxSettings:
    """What the config's ``[outgoing]`` wants."""
    return OutboxSettings(
        room=Rate(per_second=config.room_rate, burst=config.room_burst),
        account=Rate(per_second=config.account_rate, burst=config.account_burst),
        max_bytes=config.max_bytes,
        queue=config.queue,
        loop=LoopSettings() if config.loop_guard else None,
        manners=Manners(quiet=_quiet(config.quiet, config.timezone), digest=config.digest),
        rooms={room.jid: _manners(room, config) for room in rooms},
    )


def _manners(room: RoomConfig, config: OutgoingConfig) -> Manners:
    hours = config.quiet if room.quiet is None else room.quiet
    digest = config.digest if room.digest is None else room.digest
    return Manners(quiet=_quiet(hours, room.timezone or config.timezone), digest=digest)


def _quiet(hours: str, zone: ZoneInfo) -> QuietHours | None:
    return parse_quiet(hours, zone) if hours else None
