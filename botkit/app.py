"""The runtime: one account with its rooms and modules, every part built, wired, run and taken down here.

A stanza's way: link (decoded) → history (seen before?) → dispatcher (its room's lane) → handler → link.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import structlog

from botkit import health
from botkit.clock import SystemClock
from botkit.errors import BotkitError, ConfigError, LinkError, StoreError
from botkit.heart import Heart
from botkit.http.put import put_file
from botkit.loading import LoadedConfig
from botkit.model.address import Address
from botkit.model.capabilities import Capability
from botkit.model.events import (
    BotStarted,
    BotStopping,
    ErrorReceived,
    Event,
    RoomMessage,
    RoomStateChanged,
    StreamEstablished,
    StreamLost,
)
from botkit.model.measures import Measure
from botkit.model.room_events import CapabilitiesChanged
from botkit.model.rooms import RoomSettings, RoomState
from botkit.model.status import AccountStatus
from botkit.modules import Module
from botkit.observe.account import Parts, account_status
from botkit.observe.measures import account_measures
from botkit.observe.reading import Reading
from botkit.observe.telling import tell_capabilities
from botkit.ports import Clock
from botkit.reloading import Modules, Reload, change_rooms
from botkit.routing.dispatch import Dispatcher
from botkit.routing.syntax import CommandSyntax
from botkit.routing.zones import Zones
from botkit.services.adhoc import AdhocService
from botkit.services.catch_up_result import CatchUpProgress, CatchUpResult
from botkit.services.catch_ups import CatchUps, Progress
from botkit.services.history import History, HistoryOptions
from botkit.services.hooks.desk import HookDesk, open_hooks
from botkit.services.outbox.outbox import Outbox
from botkit.services.outbox.settings import settings_of
from botkit.services.schedule import MadeJobs, scheduler_of
from botkit.session.link import XmppLink
from botkit.session.settings import Keeping
from botkit.shutdown import CLOSE, HANDLERS, OUTGOING, ROOMS, WayDown
from botkit.storage.sqlite import SqliteStorage
from botkit.wiring import connection_settings


class App:
    """One running bot. ``progress`` is told of the reading of archives (for a progress bar).

    ``own``: modules that are no part of the config, with what is the bot's own.
    """

    def __init__(
        self,
        loaded: LoadedConfig,
        *,
        clock: Clock | None = None,
        progress: Progress | None = None,
        own: Sequence[Module] = (),
    ) -> None:
        self.config = loaded.config
        self._loaded = loaded
        self._clock = clock or SystemClock()
        self._progress = progress
        self._own = own
        self._log = structlog.get_logger("botkit").bind(account=str(self.config.account.jid))
        self._stopping = asyncio.Event()
        self._way_down = WayDown(self._log)
        self._connected = False
        self._started = False
        self._going_down = False
        self._undone: int | None = None  # events that were not handled on the way down; None: not known
        self._heart = Heart(self.config.runtime.health_file, self._write_health, self._log)
        self._pressing: set[str] = set()
        self._fatal: BotkitError | None = None
        self._tasks: set[asyncio.Task[None]] = set()  # spawned, and not done yet

    def stop(self, *, at_once: bool = False) -> None:
        """Begin the way down; safe to call more than once. ``at_once``: wait for nobody any more."""
        self._stopping.set()
        if at_once:
            self._way_down.hurry()

    @property
    def is_built(self) -> bool:
        """False before the database is open."""
        return hasattr(self, "link")

    def status(self) -> AccountStatus:
        """How the account is now."""
        if not hasattr(self, "_parts"):  # the database is being opened
            return AccountStatus(account=self.config.account.jid, config=str(self._loaded.path))
        return account_status(self._parts)

    def measures(self) -> Sequence[Measure]:
        """The figures of the account."""
        return account_measures(self._parts) if hasattr(self, "_parts") else ()

    async def retry(self, room: Address | None = None) -> Sequence[Address]:
        """Try at once to enter ``room`` (None: every room) if it refused us or waits. Returns the rooms tried."""
        rooms = [info.address for info in self.link.rooms()] if hasattr(self, "link") else []
        return [one for one in rooms if room in (None, one) and self.link.retry(one)]

    async def run(self) -> None:
        """Run until ``stop``. Raises what retrying cannot cure: ``LoginRefused``, ``StoreError`` …"""
        rooms = await asyncio.to_thread(self.config.room_settings)  # may ask commands for passwords
        async with SqliteStorage.open(self.config.storage.path, self.config.account.jid) as storage:
            self._build(storage)
            self.hooks.take(await asyncio.to_thread(open_hooks, self.config))
            await self.jobs.restore()
            await self.history.begin()
            async with asyncio.TaskGroup() as group:
                self._group = group
                await self._run_parts(rooms)
        if self._fatal is not None:
            raise self._fatal

    # --- building ---------------------------------------------------------------------------------------------

    def _build(self, storage: SqliteStorage) -> None:
        config = self.config
        self.link = XmppLink(
            connection_settings(self._loaded),
            emit=self._on_event,
            clock=self._clock,
            spawn=self._spawn,
            put=partial(put_file, ca_file=config.account.ca_file),
            keeping=Keeping(
                silence=config.runtime.room_silence.total_seconds(),
                features_every=config.runtime.room_features.total_seconds(),
            ),
        )
        self.outbox = Outbox(self.link, storage.notices, self._clock, settings_of(config.outgoing, config.rooms))
        self.hooks = HookDesk(self.outbox.perform, self._clock)
        self._awaited = self.outbox.awaited
        self.history = History(
            storage.log,
            self.link,
            self._clock,
            HistoryOptions(
                first_catch_up=config.history.first_catch_up or None,
                keep_originals=config.storage.keep_originals,
            ),
            life=storage.life,
            when_handled=lambda room, then: self.dispatcher.when_handled(room, then),
            on_skipped=self._catch_up,
            on_pressure=lambda on: self._press("history", on),
        )
        self.jobs = MadeJobs(storage.jobs)
        self.dispatcher = Dispatcher(
            (),
            link=self.outbox,
            clock=self._clock,
            log=self._log,
            spawn=self._spawn,
            history=storage.log,
            claims=storage.claims,
            jobs=self.jobs,
            admins=config.access.admins,
            syntax=CommandSyntax(
                config.commands.prefix, {room.jid: room.prefix for room in config.rooms if room.prefix is not None}
            ),
            zones=Zones(config.commands.timezone, self.link.utc_offset, self._clock),
            timeout=config.runtime.handler_timeout.total_seconds(),
            on_pressure=lambda on: self._press("handlers", on),
            may_drop=self.history.skip,
        )
        self._modules = Modules(self.dispatcher, storage.values, self._own)
        self._modules.begin(self._loaded)
        self.catch_ups = CatchUps(
            self.history, self._log, self.dispatcher.handle,
            on_progress=self._reads, on_result=self._read, tell=self._progress,
        )  # fmt: skip
        self.scheduler = scheduler_of(self.dispatcher, storage.jobs)
        self.jobs.attach(self.dispatcher, self.scheduler)
        self.link.serve_adhoc(AdhocService(self.dispatcher))
        self._parts = Parts(
            loaded=self._loaded,
            link=self.link,
            history=self.history,
            reading=Reading(self.history, self._clock),
            dispatcher=self.dispatcher,
            outbox=self.outbox,
            hooks=self.hooks,
            scheduler=self.scheduler,
            pressing=self._pressing,
        )

    async def _run_parts(self, rooms: Sequence[RoomSettings]) -> None:
        connection = self._group.create_task(self._stay_connected(), name="link")
        background = [
            self._group.create_task(self.history.run(), name="history"),
            self._group.create_task(self.scheduler.run(), name="schedule"),
            self._group.create_task(self._heart.run(), name="health"),
            self._group.create_task(self.outbox.run(), name="outbox"),
            self._group.create_task(self.hooks.run(), name="hooks"),
        ]
        try:
            for room in rooms:
                await self.link.join(room)
            await self._stopping.wait()  # no deadline: a bot runs until it is told to stop
        finally:
            await self._go_down(connection, background)

    async def _stay_connected(self) -> None:
        try:
            await self.link.run()
        except BotkitError as problem:  # what the connection could not cure ends the program; ``run`` raises it
            self._fatal = problem
        self.stop()

    # --- events -----------------------------------------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        """What the link emits, in order; quick, and never raises."""
        if self._awaited and type(event) is RoomMessage:  # seldom is anything under way
            self.outbox.on_message(event)
        told = self.history.remember(event)
        if told is None:
            return
        if not self._going_down:
            self.dispatcher.dispatch(told)
            for other in getattr(told, "also", ()):
                self.dispatcher.dispatch(other)
        own = _OWN.get(type(event))
        if own is not None:
            own(self, event)

    def _on_established(self, event: StreamEstablished) -> None:
        self._connected = True
        self.outbox.on_stream(event)
        self._heart.beat()
        self._log.info("connected", address=str(event.address), resumed=event.resumed)
        self._begin()

    def _on_lost(self, event: StreamLost) -> None:
        self._connected = False
        self._heart.beat()
        self._log.warning("not connected", reason=event.reason, retry_in=event.retry_in)

    def _on_error(self, event: ErrorReceived) -> None:
        self.outbox.on_error(event)

    def _on_room(self, event: RoomStateChanged) -> None:
        self.outbox.on_room(event)
        self._heart.beat()
        tell = self._log.info if event.state in _CALM else self._log.warning
        shown = {"reason": event.reason} if event.reason else {}
        if event.next_try is not None:
            shown["next_try"] = event.next_try.isoformat(timespec="seconds")
        tell(f"room {event.state.value}", room=str(event.room), **shown)
        if event.state is RoomState.JOINED and self.config.catches_up(event.room):
            self._catch_up(event.room)
        self._begin()

    def _on_capabilities(self, event: CapabilitiesChanged) -> None:
        tell_capabilities(event, self._log)
        behind = not (self.history.caught_up(event.room) or self.history.is_reading(event.room))
        if Capability.READ_ARCHIVE in event.gained and behind and self.config.catches_up(event.room):
            self._catch_up(event.room)

    def _begin(self) -> None:
        """Tell handlers that the bot has started, once every room has answered for the first time."""
        settled = (RoomState.JOINED, RoomState.REFUSED, RoomState.WAITING)
        if not self._started and all(room.state in settled for room in self.link.rooms()):
            self._started = True
            self.dispatcher.dispatch(BotStarted(at=self._clock.now()))

    def _catch_up(self, room: Address) -> None:
        self._spawn(self.catch_ups.run(room), f"catch-up of {room}")

    async def _read(self, result: CatchUpResult) -> None:
        self._parts.reading.told(result)
        await self._parts.reading.look(result.room)

    def _reads(self, what: CatchUpProgress) -> None:
        self._parts.reading.told(what)
        if self._progress is not None:
            self._progress(what)

    def _press(self, who: str, on: bool) -> None:
        """``history`` or ``handlers`` cannot keep up, or can again: slow down the reading, drop nothing."""
        (self._pressing.add if on else self._pressing.discard)(who)
        if self._pressing:
            self._log.warning("reading paused", behind=sorted(self._pressing))
            self.link.connection.pause_reading()
        else:
            self._log.info("reading again")
            self.link.connection.resume_reading()

    # --- another config ---------------------------------------------------------------------------------------

    async def prepare(self, found: LoadedConfig) -> Reload:
        """Make ready what ``found`` changes; nothing changes yet. Raises ``ConfigError`` with every mistake."""
        if not self.is_built or self._going_down:
            raise ConfigError(f"{self.config.account.jid} is being started or stopped; try again")
        return await self._modules.prepare(self._loaded, found)

    def take(self, reload: Reload) -> None:
        """Go on with what was prepared, from the next event on; raises nothing."""
        self._loaded = self._parts.loaded = reload.change.after
        self.config = self._loaded.config
        self._parts.reading.forget(*reload.change.leave)
        self.hooks.take(reload.hooks)
        handover = self._modules.take(reload, self.scheduler)
        patience = self.config.runtime.shutdown_timeout
        self._spawn(self.jobs.restore(), "jobs of a reload")
        self._spawn(self._modules.finish(reload, handover, patience, started=self._started), "the end of a reload")
        self._spawn(change_rooms(self.link, reload.change), "rooms of a reload")

    # --- tasks ------------------------------------------------------------------------------------------------

    def _spawn(self, work: Awaitable[None], name: str) -> None:
        task = self._group.create_task(self._guarded(work, name), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Awaitable[None], name: str) -> None:
        try:
            await work
        except LinkError as problem:
            self._log.warning(f"{name}: {problem}")
        except Exception as problem:  # the boundary for everything spawned: one fault must not end the others
            self._log.error(f"{name} failed", exc_info=problem)

    def _write_health(self, path: Path) -> None:
        account, rooms = str(self.config.account.jid), self.link.rooms()
        health.write(path, at=self._clock.now(), account=account, connected=self._connected, rooms=rooms)

    # --- the way down -----------------------------------------------------------------------------------------

    async def _go_down(self, connection: asyncio.Task[None], background: list[asyncio.Task[None]]) -> None:
        """In the order that docs/operation.md tells: nobody is kept waiting for what comes later anyway."""
        self._way_down.begin(self.config.runtime.shutdown_timeout.total_seconds())
        self._log.info("stopping", within=f"{self._way_down.left(CLOSE):g} s")
        self.dispatcher.dispatch(BotStopping(at=self._clock.now()))
        self._going_down = True  # what is said from here on is left to the archives, and read by the next run
        self.history.stop_moving()
        background[1].cancel()  # no new fires
        step = self._way_down.step
        await step(HANDLERS, self._drain(), "handlers were not done in time")
        await step(OUTGOING, self._flush_outgoing(), "not all was sent in time")
        await step(ROOMS, self.link.leave_rooms("the bot goes down"), "the rooms did not see us off in time")
        for task in background:
            task.cancel()
        await self._write_all()
        # Not in time: the rooms hear of it from the server, once that gives our session up.
        await step(CLOSE, self.link.close(), "the server did not see us off in time")
        connection.cancel()
        for task in tuple(self._tasks):
            task.cancel()
        self._log.info("stopped")

    async def _drain(self) -> None:
        self._undone = await self.dispatcher.drain(self._way_down.left(HANDLERS) * 0.9)
        if self._undone:
            self._log.warning("handlers were not done in time", undone=self._undone)

    async def _flush_outgoing(self) -> None:
        unsent = await self.outbox.flush(self._way_down.left(OUTGOING) * 0.9)
        if unsent:
            self._log.warning("not sent in time", messages=unsent)

    async def _write_all(self) -> None:
        try:
            await self.history.flush()
            if self._undone == 0:
                await self.history.end()
            await self.scheduler.flush()
        except StoreError as problem:
            self._log.error("not stored: what was said last; it will be read from the archives", reason=str(problem))


_CALM = frozenset({RoomState.ASKING, RoomState.JOINING, RoomState.JOINED, RoomState.LEFT})


_OWN: dict[type[Event], Callable[..., None]] = {
    RoomStateChanged: App._on_room,
    CapabilitiesChanged: App._on_capabilities,
    StreamEstablished: App._on_established,
    StreamLost: App._on_lost,
    ErrorReceived: App._on_error,
}
"""What the app itself does about events."""
