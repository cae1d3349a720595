"""Faults that take away what rooms remember. What was said is read before, so that the judge knows of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.soak.ground import Ground


@asynccontextmanager
async def _silence(ground: Ground, rooms: list[str]) -> AsyncIterator[None]:
    """Nobody talks in ``rooms``, and all that was said there is read."""
    ground.crowd.quiet.update(rooms)
    try:
        await asyncio.sleep(0.5)
        for room in rooms:
            await ground.read(room)
        yield
    finally:
        ground.crowd.quiet.difference_update(rooms)


async def destroy(ground: Ground) -> None:
    """A room is destroyed, with its archive, once the bot has all of it; made again; and the bot told to try."""
    room = ground.rng.choice(ground.rooms)
    async with _silence(ground, [room]):
        await _settle(ground, [room])
        await ground.crowd.with_owner(lambda owner: owner.destroy(room))
        await asyncio.sleep(ground.rng.uniform(0.2, 2))

        async def make(owner: object) -> None:
            with contextlib.suppress(AssertionError):  # somebody else came first, and it is there
                await ground.make_room(owner, room)  # type: ignore[arg-type]

        await ground.crowd.with_owner(make)
    await ground.tell_to_retry(room)


async def wipe(ground: Ground) -> None:
    """All archives go once the bot has all of them: it has a cursor that the server does not know any more."""
    async with _silence(ground, ground.rooms):
        await _settle(ground, ground.rooms)
        await _restart_without_archives(ground)


async def wipe_while_away(ground: Ground) -> None:
    """All archives go while the bot is away: what it has not read by then is gone, and must be told as a gap."""
    # A notice that stands in an archive that is wiped before the bot saw it there can only be posted again.
    ground.crowd.notes = False
    await asyncio.sleep(3)
    ground.bot.hold()
    ground.crowd.notes = True
    await asyncio.sleep(ground.rng.uniform(1, 4))
    async with _silence(ground, ground.rooms):
        missed = {key for key, said in ground.truth.said.items() if said.body} - ground.logged()
        ground.truth.gone |= missed
        await _restart_without_archives(ground)
    ground.bot.start()


async def _settle(ground: Ground, rooms: list[str]) -> None:
    """Until the bot has all that was said, so that nothing of it can be lost by what follows; else we go on anyway."""
    await ground.has_all(90)
    for room in rooms:
        await ground.read(room)  # what it answered meanwhile
    await ground.has_all(30)


async def _restart_without_archives(ground: Ground) -> None:
    ground.server.kill()
    name = "".join(c if c.isalnum() else f"%{ord(c):02x}" for c in ground.server.muc)
    for path in (ground.server.folder / "data" / name / "muc_log").glob("*"):
        path.unlink()
    await asyncio.sleep(0.2)
    await ground.server.revive()
