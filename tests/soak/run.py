"""One soak: faults in an order that its seed decides, then the comparison."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from botkit.testing.prosody import Generation
from tests.soak import journal, reader
from tests.soak.faults import FAULTS, Fault
from tests.soak.ground import NICK, Ground, prepared
from tests.soak.judge import Verdict, judge

_END_SECONDS = 180.0
_FIRST_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do: ``seconds`` of faults, and on until the bot was killed ``kills`` times, at most twice as long.

    ``rate``: messages a second, by all together. ``patience`` stretches bounds, for a machine with other work.
    """

    seed: int
    generation: Generation
    seconds: float
    kills: int = 0
    rooms: int = 3
    rate: float = 12.0
    pause: float = 2.0
    patience: float = 1.0
    only: tuple[str, ...] = ()
    once: bool = False
    """Each fault once, whatever the time."""


@dataclass(frozen=True, slots=True)
class Suffered:
    """One fault that was. ``back``: seconds until the bot answered in every room again; None: not within the bound."""

    name: str
    began: float
    took: float
    back: float | None


@dataclass(slots=True)
class Outcome:
    """How it went."""

    plan: Plan
    suffered: list[Suffered] = field(default_factory=list)
    verdict: Verdict = field(default_factory=Verdict)
    sent: dict[str, int] = field(default_factory=dict)
    exits: dict[str, int] = field(default_factory=dict)
    problems: dict[str, int] = field(default_factory=dict)
    network: dict[str, int] = field(default_factory=dict)
    memory: list[int] = field(default_factory=list)
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        found = asdict(self)
        found["plan"]["generation"] = self.plan.generation.value
        return found


def deck(rng: random.Random, faults: tuple[Fault, ...]) -> Iterator[Fault]:
    """Every fault once in an order of chance, then by weight, for ever: so that none is left out."""
    once = list(faults)
    rng.shuffle(once)
    yield from once
    while True:
        again = [fault for fault in faults for _ in range(fault.weight)]
        rng.shuffle(again)
        yield from again


async def soak(plan: Plan, folder: Path, tell: Callable[[str], None]) -> Outcome:
    """Do it all in ``folder``, where everything stays. ``tell`` gets a line for each step."""
    outcome = Outcome(plan)
    faults = tuple(fault for fault in FAULTS if not plan.only or fault.name in plan.only)
    began = time.monotonic()
    async with prepared(
        folder,
        plan.generation,
        seed=plan.seed,
        rooms=plan.rooms,
        rate=plan.rate,
        patience=plan.patience,
    ) as ground:
        ground.bot.start()
        if not await ground.answers(ground.rooms, _FIRST_SECONDS):
            raise RuntimeError("the bot did not come up:\n" + "\n".join(ground.bot.last))
        tell(f"the bot answers in {len(ground.rooms)} rooms; faults begin")
        watching = asyncio.create_task(_watch(ground))
        try:
            await _suffer(ground, outcome, faults, tell)
            await _finish(ground, outcome, tell)
        finally:
            watching.cancel()
        _account(ground, outcome)
    outcome.seconds = time.monotonic() - began
    return outcome


async def _suffer(ground: Ground, outcome: Outcome, faults: tuple[Fault, ...], tell: Callable[[str], None]) -> None:
    plan = outcome.plan
    began = time.monotonic()
    for number, fault in enumerate(deck(ground.rng, faults)):
        spent = time.monotonic() - began
        if plan.once and number == len(faults):
            break
        enough = spent > plan.seconds and ground.bot.exits[-9] >= plan.kills
        if not plan.once and (enough or spent > 2 * plan.seconds + 60):
            break
        await asyncio.sleep(ground.rng.uniform(0, plan.pause))
        outcome.suffered.append(one := await _one(ground, fault, plan))
        shown = f"back after {one.back:.1f} s" if one.back is not None else "NOT BACK"
        tell(f"{spent:7.1f} s  {fault.name:28} took {one.took:5.1f} s, {shown}")
        if one.back is None:
            outcome.verdict.broken.append(f"not back in every room within {fault.bound:g} s: {fault.name}")
            tell("\n".join(list(ground.bot.last)[-12:]))
    if ground.bot.exits[-9] < plan.kills:
        outcome.verdict.broken.append(f"killed {ground.bot.exits[-9]} times only, not {plan.kills}")


async def _one(ground: Ground, fault: Fault, plan: Plan) -> Suffered:
    start = time.monotonic()
    try:
        async with asyncio.timeout(240):
            await fault.act(ground)
    except TimeoutError:
        pass  # told as not back, if it is not
    ground.proxy.heal()
    ground.bot.start()
    healed = time.monotonic()
    back = await ground.answers(ground.rooms, fault.bound * plan.patience)
    now = time.monotonic()
    return Suffered(fault.name, time.time(), healed - start, now - healed if back else None)


async def _finish(ground: Ground, outcome: Outcome, tell: Callable[[str], None]) -> None:
    """Let it come to rest, stop it in order, and compare."""
    tell("no more faults; reading the archives")
    ground.crowd.silent = True
    await asyncio.sleep(1)
    for _ in range(2):  # what it answers to what it caught up with is read as well
        for room in ground.rooms:
            await ground.read(room)
        await ground.has_all(_END_SECONDS / 2)
    await _notices_are_out(ground)
    ground.bot.watch_memory()
    code = await ground.bot.stop()
    for room in ground.rooms:
        await ground.read(room)
    database = ground.bot.folder / "bot.db"
    verdict = judge(
        ground.truth,
        list(reader.log(database)),
        reader.gaps(database),
        list(journal.read(ground.bot.folder / "journal")),
        NICK,
    )
    verdict.broken = outcome.verdict.broken + verdict.broken
    if code != 0:
        verdict.broken.append(f"told to stop, it ended with {code}")
    sound = reader.is_sound(database)
    if sound != "ok":
        verdict.broken.append(f"the database is broken: {sound}")
    outcome.verdict = verdict


async def _notices_are_out(ground: Ground) -> None:
    """Until each notice that was taken on stands in its room; the judge says what is missing then."""
    folder = ground.bot.folder / "journal"
    wanted = {f"notice {line['token']}" for line in journal.read(folder) if line["what"] == "noted"}
    latest = time.monotonic() + _END_SECONDS / 2
    while wanted - {said.body for said in ground.truth.said.values()} and time.monotonic() < latest:
        await asyncio.sleep(2)
        for room in ground.rooms:
            await ground.read(room)


async def _watch(ground: Ground) -> None:
    while True:
        await asyncio.sleep(2)
        ground.bot.watch_memory()


def _account(ground: Ground, outcome: Outcome) -> None:
    outcome.sent = dict(ground.crowd.sent)
    outcome.exits = {str(code): count for code, count in sorted(ground.bot.exits.items())}
    outcome.problems = dict(ground.bot.problems.most_common(30))
    outcome.network = {
        name: getattr(ground.proxy.passed, name) for name in ("down", "up", "connections", "cuts", "swallowed")
    }
    outcome.memory = [kib for _, kib in ground.bot.memory]
