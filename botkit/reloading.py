"""The modules of a bot that runs, and how others take their place while it goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from datetime import timedelta

from botkit.change import Change, compare
from botkit.loading import LoadedConfig
from botkit.model.events import BotStarted, BotStopping
from botkit.modules import LoadedModule, Module, NoSettings, RunningModule
from botkit.ports import KeyValues
from botkit.routing.board import Handover, Prepared
from botkit.routing.context import ModuleStorage
from botkit.routing.dispatch import Dispatcher
from botkit.routing.syntax import CommandSyntax
from botkit.services.hooks.desk import Opened, open_hooks
from botkit.services.schedule import Job, Scheduler, job_name, jobs_of
from botkit.session.link import XmppLink


@dataclass(frozen=True, slots=True)
class Reload:
    """What ``Modules.take`` puts in place. ``done``: what was in hand before has ended, and modules that are gone
    have stopped."""

    change: Change
    runs: dict[str, RunningModule]
    prepared: Prepared
    jobs: tuple[Job, ...]
    hooks: tuple[Opened, ...] = ()
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Modules:
    """The modules of one account. ``own`` are no part of the config: they hold what is the bot's own."""

    def __init__(self, dispatcher: Dispatcher, values: KeyValues, own: Sequence[Module]) -> None:
        self._dispatcher = dispatcher
        self._values = values
        self._runs: dict[str, RunningModule] = {}
        self._own = [self._run(LoadedModule(name=one.name, module=one, settings=NoSettings())) for one in own]

    def begin(self, loaded: LoadedConfig) -> None:
        """Load the first ones. Raises ``ConfigError``."""
        self._runs = self._all(loaded, frozenset())
        self._dispatcher.load([*self._runs.values(), *self._own])

    async def prepare(self, before: LoadedConfig, found: LoadedConfig) -> Reload:
        """Make ready what ``found`` changes; nothing changes yet. Raises ``ConfigError`` with every mistake."""
        change = await asyncio.to_thread(compare, before, found)
        hooks = await asyncio.to_thread(open_hooks, change.after.config)
        config = change.after.config
        runs = self._all(change.after, change.kept)
        prepared = self._dispatcher.prepare(
            [*runs.values(), *self._own],
            syntax=CommandSyntax(config.commands.prefix),
            timeout=config.runtime.handler_timeout.total_seconds(),
            admins=config.access.admins,
        )
        new = {id(one) for one in prepared.come}
        jobs = jobs_of(self._dispatcher, [one for one in prepared.plan.schedules if id(one.runtime) in new])
        return Reload(change, runs, prepared, tuple(jobs), hooks)

    def take(self, reload: Reload, scheduler: Scheduler) -> Handover:
        """Go on with what was prepared, from the next event on; ``finish`` is to follow."""
        self._runs = reload.runs
        handover = self._dispatcher.take(reload.prepared)
        scheduler.change(map(job_name, handover.schedules_gone), reload.jobs)
        return handover

    async def finish(self, reload: Reload, handover: Handover, patience: timedelta, *, started: bool) -> None:
        """Let those that are gone stop once nothing is in hand, at the latest after ``patience``; then start the new.

        ``started``: the bot has started already. Else the new ones hear of that with the others.
        """
        try:
            now = self._dispatcher.services.clock.now()
            start = BotStarted(at=now) if started else None
            await handover.finish(patience.total_seconds(), stopping=BotStopping(at=now), started=start)
        finally:
            reload.done.set()

    def _all(self, loaded: LoadedConfig, kept: Set[str]) -> dict[str, RunningModule]:
        """The modules of ``loaded`` by name; of those ``kept`` the ones that run already."""
        return {one.name: self._runs[one.name] if one.name in kept else self._run(one) for one in loaded.modules}

    def _run(self, loaded: LoadedModule) -> RunningModule:
        return loaded.running(ModuleStorage(self._values, loaded.name))


async def change_rooms(link: XmppLink, change: Change) -> None:
    """Enter, leave and alter the rooms that the config now has, has no more, or has otherwise. Touches no other."""
    for room in change.alter:
        await link.alter(room)
    for room in change.enter:
        await link.join(room)
    for address in change.leave:
        await link.leave(address, "the bot is not wanted here any more")
