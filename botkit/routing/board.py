"""What a dispatcher has loaded, how much it has in hand, and how other modules take the place of these."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from botkit.model.address import Address
from botkit.model.events import BotStarted, BotStopping, Event
from botkit.routing.calls import Caller
from botkit.routing.commands import Command
from botkit.routing.context import Context, Services
from botkit.routing.contexts import Contexts
from botkit.routing.entry import Entry
from botkit.routing.failures import Failures
from botkit.routing.help import help_module
from botkit.routing.lanes import Lanes
from botkit.routing.plan import Loaded, LoadedAdhoc, LoadedSchedule, ModuleRuntime, Plan, make_plan
from botkit.routing.syntax import CommandSyntax
from botkit.routing.tally import Tallies


@dataclass(frozen=True, slots=True)
class Prepared:
    """Modules that were found good, and wait for their turn. ``gone`` and ``come``: what changes with them."""

    plan: Plan
    runtimes: tuple[ModuleRuntime, ...]
    gone: tuple[ModuleRuntime, ...]
    come: tuple[ModuleRuntime, ...]
    syntax: CommandSyntax
    timeout: float
    admins: frozenset[Address]


class Board:
    """The part of a dispatcher that knows what is loaded. From ``take`` on no handler of what is gone begins."""

    _contexts: Contexts
    _caller: Caller
    _failures: Failures
    _lanes: Lanes[Any]
    _attempt: Callable[[Loaded, Event, Context[Any]], Awaitable[object] | None]

    def __init__(self, services: Services, syntax: CommandSyntax | None, timeout: float) -> None:
        self.services = services
        self._syntax = syntax or CommandSyntax()
        self._timeout = timeout
        self._entries: dict[type[Event], Entry] = {}
        self._runtimes: tuple[ModuleRuntime, ...] = ()
        self._plan: Plan

    def load(self, modules: Sequence[ModuleRuntime]) -> None:
        """Take these modules in place of those before, whose stop handlers do not run.

        Raises ``ConfigError`` with every mistake of every handler, and then changes nothing.
        """
        self.take(self.prepare(modules))

    def prepare(
        self,
        modules: Sequence[ModuleRuntime],
        *,
        syntax: CommandSyntax | None = None,
        timeout: float | None = None,
        admins: Iterable[Address] | None = None,
    ) -> Prepared:
        """Compile ``modules``; nothing changes yet. Whatever is None stays as it is. Raises ``ConfigError``.

        A module that is the same object as before stays; any other is new, and the one before it is gone.
        """
        syntax, seconds = syntax or self._syntax, self._timeout if timeout is None else timeout
        before, after = {id(one) for one in self._runtimes}, {id(one) for one in modules}
        return Prepared(
            plan=make_plan((*modules, help_module(self._caller, syntax)), seconds, self.tallies),
            runtimes=tuple(modules),
            gone=tuple(one for one in self._runtimes if id(one) not in after),
            come=tuple(one for one in modules if id(one) not in before),
            syntax=syntax,
            timeout=seconds,
            admins=self.services.admins if admins is None else frozenset(one.bare for one in admins),
        )

    def take(self, prepared: Prepared) -> Handover:
        """Put what was prepared in place, between two events. What waits in queues is handled by what is there then."""
        handover = Handover(self, getattr(self, "_plan", None), prepared, self._lanes.in_hand())
        self._plan = self._caller.plan = prepared.plan
        self._runtimes = prepared.runtimes
        self._syntax, self._timeout = prepared.syntax, prepared.timeout
        self.services = self._contexts.services = replace(self.services, admins=prepared.admins)
        self.tallies.keep(prepared.plan.names())
        for entry in self._entries.values():
            for part in entry.parts:
                part.is_replaced = True
        self._entries = {}
        self._contexts.forget(_runtimes_in(prepared.plan))
        return handover

    def forget_settings(self) -> None:
        """Ask the modules anew for their settings and rooms from the next event on."""
        self._contexts.forget()

    def _entry(self, kind: type[Event]) -> Entry:
        entry = self._entries.get(kind)
        if entry is None:
            entry = self._entries[kind] = Entry(kind, self._plan.of_type(kind))
        return entry

    def _now_in_place_of(self, entry: Entry, event: Event, *, alone: bool) -> tuple[Entry, ...]:
        """The entries that stand for one that was replaced while ``event`` waited with it; ``alone``: with no other."""
        parts = self._entry(type(event)).parts
        return parts if alone else tuple(part for part in parts if part.is_urgent == entry.is_urgent)

    def _current(self, schedule: LoadedSchedule) -> LoadedSchedule | None:
        """The schedule that bears the name of this one now."""
        wanted = (schedule.runtime.name, schedule.spec.job)
        return next((one for one in self._plan.schedules if (one.runtime.name, one.spec.job) == wanted), None)

    # --- what is loaded, and in hand --------------------------------------------------------------------------

    @property
    def commands(self) -> tuple[Command, ...]:
        """Every command, in order of registration, the built-in ``help`` last."""
        return tuple(loaded.command for loaded in self._plan.commands)

    @property
    def schedules(self) -> tuple[LoadedSchedule, ...]:
        """Every handler that runs by the clock."""
        return self._plan.schedules

    @property
    def adhoc_commands(self) -> tuple[LoadedAdhoc, ...]:
        """Every hand-written ad-hoc command."""
        return self._plan.adhoc

    @property
    def tallies(self) -> Tallies:
        """Calls, failures and times, by ``module.function``."""
        return self._failures.tallies

    def waiting_for(self, room: Address) -> int:
        """Events of ``room`` that wait in queues."""
        return self._lanes.depth(room) + self._lanes.depth((room, "urgent"))

    @property
    def failures(self) -> int:
        """Handlers that raised or took too long, since the start."""
        return self._failures.count

    @property
    def dropped(self) -> int:
        """Events that were dropped because a queue was full or the bot was going down."""
        return self._lanes.dropped

    @property
    def waiting(self) -> int:
        """Events that wait in queues."""
        return self._lanes.waiting

    @property
    def running(self) -> int:
        """Events that are being handled."""
        return self._lanes.running


def _runtimes_in(plan: Plan) -> set[int]:
    found = (plan.handlers, plan.commands, plan.schedules, plan.adhoc)
    return {id(loaded.runtime) for part in found for loaded in part}


class Handover:
    """What is left to do after ``take``: those that are gone stop, then those that have come start."""

    def __init__(
        self, board: Board, before: Plan | None, prepared: Prepared, in_hand: Sequence[asyncio.Future[None]]
    ) -> None:
        self._board = board
        self._before = before
        self._prepared = prepared
        self._in_hand = in_hand

    @property
    def schedules_gone(self) -> tuple[LoadedSchedule, ...]:
        """Handlers that ran by the clock, of modules that are gone."""
        gone = {id(one) for one in self._prepared.gone}
        return tuple(one for one in self._before.schedules if id(one.runtime) in gone) if self._before else ()

    async def finish(self, seconds: float, *, stopping: BotStopping, started: BotStarted | None) -> None:
        """Wait ``seconds`` at most for what was in hand, then let the gone ones stop and the new ones start.

        ``started`` None: the bot itself has not started yet. Raises nothing.
        """
        if self._in_hand and self._prepared.gone:
            await asyncio.wait(self._in_hand, timeout=seconds)
        if self._before is not None:
            await self._tell(self._before, self._prepared.gone, stopping)
        if started is not None:
            await self._tell(self._prepared.plan, self._prepared.come, started)

    async def _tell(self, plan: Plan, runtimes: Sequence[ModuleRuntime], event: Event) -> None:
        wanted = {id(one) for one in runtimes}
        for handler in plan.of_type(type(event)):
            if id(handler.runtime) in wanted:
                ctx = self._board._contexts.of(handler.runtime, event)
                rest = self._board._attempt(handler, event, ctx) if ctx is not None else None
                if rest is not None:
                    await rest
