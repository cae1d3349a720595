"""Saying something while no bot runs: as the bot's account, under a resource of its own, and gone again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from botkit import logs
from botkit.clock import SystemClock
from botkit.control.place import take
from botkit.errors import BotkitError, LinkError, NotSupported, RequestTimeout, StanzaError
from botkit.http.put import put_file
from botkit.loading import LoadedConfig, load
from botkit.model.address import Address
from botkit.model.events import ErrorReceived, Event, RoomMessage, RoomStateChanged, StreamEstablished, StreamLost
from botkit.model.posts import Post, Posted, PostState
from botkit.model.rooms import RoomSettings, RoomState
from botkit.services.outbox.outbox import Outbox
from botkit.services.outbox.settings import settings_of
from botkit.services.posting import post, schedule
from botkit.services.stored_jobs import StoredJobs
from botkit.session.link import XmppLink
from botkit.storage.sqlite import SqliteStorage
from botkit.wiring import connection_settings

_CONNECTED_WITHIN = 60.0


async def send_alone(config: Path, given: Post, wait: float) -> Posted:
    """Log in, enter the room if it is one, say it, wait up to ``wait`` seconds until it stands, and leave.

    It is kept in the bot's database first: what was not said in time is said by the next run of the bot. With a time,
    it is only kept. Raises ``ConfigError``, ``AlreadyRunning`` if a bot begins meanwhile, and why the login failed;
    then nothing is kept.
    """
    loaded = await asyncio.to_thread(load, config)
    logs.configure("error", "console")
    with await asyncio.to_thread(take, loaded.config.control_path):
        async with SqliteStorage.open(loaded.config.storage.path, loaded.config.account.jid) as storage:
            if given.at is not None and given.at > SystemClock().now():  # to load the config took a moment
                if given.file is not None:
                    raise NotSupported(
                        "feature-not-implemented", "cancel", "a file is uploaded by the running bot only", who="--at"
                    )
                rooms = {room.jid for room in loaded.config.rooms}
                given = replace(given, groupchat=given.to in rooms)
                return await schedule(StoredJobs(storage.jobs, SystemClock()), given)
            return await _Visit(loaded, storage).say(given, wait)


@dataclass(slots=True)
class _Visit:
    loaded: LoadedConfig
    storage: SqliteStorage
    link: XmppLink = field(init=False)
    outbox: Outbox = field(init=False)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    fatal: BotkitError | None = None
    lost: str | None = None
    connected: bool = False

    async def say(self, given: Post, wait: float) -> Posted:
        async with asyncio.TaskGroup() as group:

            def spawn(work: Awaitable[None], name: str) -> None:
                tasks.append(group.create_task(_quietly(work), name=name))

            tasks: list[asyncio.Task[None]] = []
            config, clock = self.loaded.config, SystemClock()
            settings = connection_settings(self.loaded)
            settings = replace(settings, address=settings.address.bare)  # not to be taken for the bot itself
            put = partial(put_file, ca_file=config.account.ca_file)
            self.link = XmppLink(settings, emit=self._on_event, clock=clock, spawn=spawn, put=put)
            self.outbox = Outbox(self.link, self.storage.notices, clock, settings_of(config.outgoing))
            tasks.append(group.create_task(self._connect(), name="link"))
            tasks.append(group.create_task(self.outbox.run(), name="outbox"))
            try:
                return await self._say(given, wait)
            except BotkitError as problem:
                self.fatal = self.fatal or problem
            finally:
                if self.connected:
                    await self.link.close()
                for task in tasks:
                    task.cancel()
        assert self.fatal is not None, "without a fault it returned"
        raise self.fatal

    async def _say(self, given: Post, wait: float) -> Posted:
        await self._until(lambda: self.connected, max(wait, _CONNECTED_WITHIN))
        if not self.connected:
            raise LinkError(f"no connection: {self.lost or 'the server did not answer in time'}")
        room = await self._room(given.to)
        if room is not None:
            await self.link.join(room)
            await self._until(lambda: self._state(given.to) in (RoomState.JOINED, RoomState.REFUSED), wait)
            info = self.link.room(given.to)
            if info is not None and info.state is RoomState.REFUSED:
                return Posted(state=PostState.REFUSED, id=given.topic, reason=info.reason)
        given = replace(given, groupchat=room is not None)
        return await post(self.outbox, StoredJobs(self.storage.jobs, SystemClock()), SystemClock(), given, wait=wait)

    async def _room(self, to: Address) -> RoomSettings | None:
        """How to enter ``to``; None if it is no room."""
        config = self.loaded.config
        for room in await asyncio.to_thread(config.room_settings):
            if room.address == to:
                return replace(room, create=False)
        try:
            info = await self.link.connection.disco_info(to)
        except (StanzaError, RequestTimeout):  # accounts answer strangers with an error
            return None
        if any(identity.category == "conference" for identity in info.identities):
            return RoomSettings(address=to, nick=config.account.jid.local or "bot")
        return None

    def _state(self, room: Address) -> RoomState | None:
        info = self.link.room(room)
        return info.state if info is not None else None

    async def _until(self, condition: Callable[[], bool], seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.fatal is None and not condition():
                    self.changed.clear()
                    await self.changed.wait()
        if self.fatal is not None:
            raise self.fatal

    async def _connect(self) -> None:
        try:
            await self.link.run()
        except BotkitError as problem:
            self.fatal = problem
        self.changed.set()

    def _on_event(self, event: Event) -> None:
        match event:
            case RoomMessage():
                self.outbox.on_message(event)
            case ErrorReceived():
                self.outbox.on_error(event)
            case StreamEstablished():
                self.connected = True
                self.outbox.on_stream(event)
            case StreamLost():
                self.connected, self.lost = False, event.reason
            case RoomStateChanged():
                self.outbox.on_room(event)
        self.changed.set()


async def _quietly(work: Awaitable[None]) -> None:
    with suppress(BotkitError):
        await work
