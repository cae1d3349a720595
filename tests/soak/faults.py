"""The faults, each a function that does it and returns once all is well again but for what the bot has to do.

A fault's ``bound`` is the time within which the bot must answer in every room after that, in seconds: what the manual
promises (waits between attempts to connect, and to join), and ``WORK`` for doing it.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from tests.soak.crowd import Crowd, Person
from tests.soak.ground import Ground
from tests.soak.swept import destroy, wipe, wipe_while_away

WORK: Final = 20.0
"""Seconds to start, log in, join and catch up on a machine with other work."""
CONNECT: Final = 60.0
"""The longest wait between two attempts to connect."""
SILENCE: Final = 60.0
"""The time after which a silent connection is given up."""
REJOIN: Final = 64.0
"""The longest wait before a room is joined again after it was lost six times in short order."""

Act = Callable[[Ground], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """``weight``: how often it is, beside others."""

    name: str
    act: Act
    bound: float = WORK
    weight: int = 1


async def _some(ground: Ground, least: float, most: float) -> None:
    await asyncio.sleep(ground.rng.uniform(least, most))


# --- the network ----------------------------------------------------------------------------------------------------


async def cut(ground: Ground) -> None:
    """Every connection reset."""
    ground.proxy.cut()


async def away(ground: Ground) -> None:
    """No network for some seconds."""
    ground.proxy.refuse = True
    ground.proxy.cut()
    await _some(ground, 1, 8)
    ground.proxy.heal()


async def half_open(ground: Ground) -> None:
    """Nothing passes, and nobody says so, until the bot gives the connection up by itself."""
    made = ground.proxy.passed.connections
    ground.proxy.swallow = True
    await ground.bot.until(lambda: ground.proxy.passed.connections > made, SILENCE + WORK)
    ground.proxy.heal()


async def half_open_briefly(ground: Ground) -> None:
    """The same for some seconds; then the next bytes are answered with a reset."""
    ground.proxy.swallow = True
    await _some(ground, 1, 5)
    ground.proxy.heal()


async def delayed(ground: Ground) -> None:
    """Everything comes late."""
    ground.proxy.delay = ground.rng.uniform(0.3, 2.0)
    await _some(ground, 3, 8)
    ground.proxy.heal()


async def dripping(ground: Ground) -> None:
    """A line so slow that the server's words pile up in front of it."""
    ground.proxy.drip = ground.rng.randint(1_000, 6_000)
    await _some(ground, 3, 8)
    ground.proxy.heal()


async def torn(ground: Ground) -> None:
    """The connection is reset in the middle of a stanza that takes many TLS records."""
    ground.proxy.cut_after(ground.rng.randint(18_000, 60_000))

    async def say(owner: Person) -> None:
        room = ground.rng.choice(ground.rooms)
        token = ground.crowd.token("m")
        ground.crowd.sent["large message"] += 1
        Crowd.raw(owner, room, token, f"{token} {'0123456789abcdef' * 6_000}")

    await ground.crowd.with_owner(say)
    await ground.bot.until(lambda: not ground.proxy.cut_is_due, 10)
    ground.proxy.heal()


# --- the server -----------------------------------------------------------------------------------------------------


async def server_restarts(ground: Ground) -> None:
    """In good order."""
    await ground.server.restart()


async def server_crashes(ground: Ground) -> None:
    """Killed with -9, and away for a moment."""
    ground.server.kill()
    await _some(ground, 0.2, 4)
    await ground.server.revive()


async def server_freezes(ground: Ground) -> None:
    """Its process is stopped, and goes on."""
    ground.server.pause()
    await _some(ground, 1, 6)
    ground.server.resume()


# --- the rooms ------------------------------------------------------------------------------------------------------


async def _nick(ground: Ground, room: str) -> str:
    async with asyncio.timeout(30):
        while not ground.crowd.bot_nicks[room]:
            await asyncio.sleep(0.05)
    return next(iter(ground.crowd.bot_nicks[room]))


async def kicked(ground: Ground) -> None:
    """Thrown out of a room."""
    room = ground.rng.choice(ground.rooms)
    nick = await _nick(ground, room)
    await ground.crowd.with_owner(lambda owner: owner.set_role(room, nick, "none", "out with you"))


async def nick_taken(ground: Ground) -> None:
    """Thrown out, and another has its nick when it comes back."""
    room = ground.rng.choice(ground.rooms)
    nick = await _nick(ground, room)
    thief = await Person.connect(ground.server, "thief", "thief")
    try:
        await ground.crowd.with_owner(lambda owner: owner.set_role(room, nick, "none"))
        with contextlib.suppress(Exception):  # the bot may be quicker, or the server away
            await thief.join(room, nick)
        await ground.answers([room], REJOIN + WORK)
    finally:
        await thief.dropped()


async def banned(ground: Ground) -> None:
    """Banned, let in again, and told to try."""
    room = ground.rng.choice(ground.rooms)
    await ground.crowd.with_owner(lambda owner: owner.set_affiliation(room, ground.account, "outcast", "banned"))
    await _some(ground, 0.5, 3)
    await ground.crowd.with_owner(lambda owner: owner.set_affiliation(room, ground.account, "none"))
    await ground.tell_to_retry(room)


async def devoiced(ground: Ground) -> None:
    """It may not speak for some seconds."""
    room = ground.rng.choice(ground.rooms)
    nick = await _nick(ground, room)
    await ground.crowd.with_owner(lambda owner: owner.set_role(room, nick, "visitor"))
    await _some(ground, 1, 5)
    with contextlib.suppress(TimeoutError):  # it may have come in anew meanwhile, with a voice
        await ground.crowd.with_owner(lambda owner: owner.set_role(room, nick, "participant"), 5)


# --- the machine ----------------------------------------------------------------------------------------------------


async def disk_full(ground: Ground) -> None:
    """No write of the database succeeds for some seconds."""
    ground.bot.fill_disk(True)
    await _some(ground, 2, 8)
    ground.bot.fill_disk(False)


async def clock_jumps(ground: Ground) -> None:
    """The wall clock is somewhere else for some seconds: up to a day before, or behind."""
    ground.bot.turn_clock(ground.rng.choice((-86_400, -3_600, -61, 61, 3_600, 86_400)))
    await _some(ground, 2, 6)
    ground.bot.turn_clock(0)


# --- the process ----------------------------------------------------------------------------------------------------


async def killed(ground: Ground) -> None:
    """-9, at any moment."""
    await _some(ground, 0, 2)
    ground.bot.kill()


async def killed_coming_back(ground: Ground) -> None:
    """-9, and once more while it starts, joins, or reads what it missed."""
    ground.bot.kill()
    await _some(ground, 0.5, 5)
    ground.bot.kill()


async def killed_at_command(ground: Ground) -> None:
    """-9 within moments of a command."""
    room = ground.rng.choice(ground.rooms)

    async def ask(owner: Person) -> None:
        for kind in ("do", "note", "do"):
            token = ground.crowd.token(kind[0])
            ground.crowd.sent[kind] += 1
            Crowd.raw(owner, room, token, f"!{kind} {token}")

    await ground.crowd.with_owner(ask)
    await _some(ground, 0, 0.06)
    ground.bot.kill()


async def killed_going_down(ground: Ground) -> None:
    """-9 while it stops in order."""
    ground.bot.tell(signal.SIGTERM)
    await _some(ground, 0, 0.5)
    ground.bot.kill()


async def killed_and_flooded(ground: Ground) -> None:
    """-9; a lot is said while it is away; -9 again while it reads that."""
    ground.bot.hold()

    async def flood(owner: Person) -> None:
        for number in range(240):
            token = ground.crowd.token("m")
            ground.crowd.sent["message"] += 1
            Crowd.raw(owner, ground.rooms[number % len(ground.rooms)], token, f"{token} while you were away")

    await ground.crowd.with_owner(flood)
    ground.bot.start()
    await _some(ground, 1, 4)
    ground.bot.kill()


async def stopped(ground: Ground) -> None:
    """SIGTERM, in the middle of everything; it must end with 0, and is started again."""
    await ground.bot.restart()


FAULTS: Final = (
    Fault("connection reset", cut, CONNECT + WORK, weight=2),
    Fault("network away", away, CONNECT + WORK),
    Fault("half-open until given up", half_open, CONNECT + WORK),
    Fault("half-open, then reset", half_open_briefly, CONNECT + WORK),
    Fault("delay", delayed, CONNECT + WORK),
    Fault("slow drip", dripping, CONNECT + WORK),
    Fault("reset within a stanza", torn, CONNECT + WORK, weight=2),
    Fault("server restarted", server_restarts, CONNECT + WORK),
    Fault("server killed -9", server_crashes, CONNECT + WORK),
    Fault("server stopped (SIGSTOP)", server_freezes, CONNECT + WORK),
    Fault("room destroyed, made again", destroy, REJOIN + WORK),
    Fault("archive wiped", wipe, CONNECT + WORK),
    Fault("archive wiped while away", wipe_while_away, CONNECT + WORK),
    Fault("kicked", kicked, REJOIN + WORK, weight=2),
    Fault("nick taken", nick_taken, WORK),
    Fault("banned, unbanned", banned, REJOIN + WORK),
    Fault("devoiced", devoiced, REJOIN + WORK),
    Fault("disk full", disk_full, CONNECT + WORK),
    Fault("clock jump", clock_jumps),
    Fault("SIGTERM", stopped),
    Fault("kill -9", killed, weight=7),
    Fault("kill -9 coming back", killed_coming_back, weight=6),
    Fault("kill -9 at a command", killed_at_command, weight=7),
    Fault("kill -9 going down", killed_going_down, weight=4),
    Fault("kill -9 after a flood", killed_and_flooded, weight=4),
)
