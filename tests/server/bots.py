"""Bots of ours against a real server: a bare link, the whole app in this process, and ``botkit run`` as a process.

::

    link = await start_link(server, name, room)            # an XmppLink; link.events, link.wait_for(predicate)
    app = await start_app(server, name, toml, rooms=[...]) # an App; app.log, app.wait_for_log(predicate)
    bot = await start_bot(server, name, toml, rooms=[...]) # a process; bot.log, bot.wait_for_log(predicate)

All three are fixtures and end what they started. Waiting raises ``AssertionError`` with what came instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
import structlog

from botkit.app import App
from botkit.clock import SystemClock
from botkit.http.put import put_file
from botkit.loading import load
from botkit.model.address import Address
from botkit.model.events import Event, RoomMessage, RoomStateChanged
from botkit.model.rooms import RoomInfo, RoomSettings, RoomState
from botkit.session.link import XmppLink
from botkit.session.settings import ConnectionSettings
from tests.server.clients import Server

E = TypeVar("E", bound=Event)
Line = dict[str, Any]

PATIENCE = 15.0
PASSWORD = "secret"
_REPOSITORY = Path(__file__).resolve().parents[2]


class Waiter:
    """Something that grows, and conditions on it."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """It grew."""
        self._changed.set()

    async def until(self, condition: Callable[[], Any], told: Callable[[], object], seconds: float) -> Any:
        """The first true value of ``condition``."""
        try:
            async with asyncio.timeout(seconds):
                while not (found := condition()):
                    self._changed.clear()
                    with contextlib.suppress(TimeoutError):  # what it looks at may change without an event
                        await asyncio.wait_for(self._changed.wait(), 0.05)
                return found
        except TimeoutError:
            raise AssertionError(f"waited {seconds:g} s in vain; {told()}") from None


# --- a bare link ----------------------------------------------------------------------------------------------------


class RunningLink:
    """An ``XmppLink`` (``.link``) that runs. ``events`` has all it emitted; ``faults`` what its tasks raised."""

    def __init__(self, settings: ConnectionSettings) -> None:
        self.events: list[Event] = []
        self.faults: list[BaseException] = []
        put = partial(put_file, ca_file=settings.ca_file)
        self.link = XmppLink(settings, emit=self._emit, clock=SystemClock(), spawn=self._spawn, put=put)
        self._waiter = Waiter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._run = asyncio.create_task(self.link.run())

    @property
    def bare(self) -> str:
        """Our bare JID."""
        return str(self.link.address.bare)

    def mark(self) -> int:
        """The place of the next event; give it as ``since`` to leave out what came before."""
        return len(self.events)

    def of(self, kind: type[E], since: int = 0) -> list[E]:
        """The events of one kind."""
        return [event for event in self.events[since:] if isinstance(event, kind)]

    async def wait_for(
        self,
        kind: type[E],
        predicate: Callable[[E], object] = lambda _: True,
        *,
        since: int = 0,
        seconds: float = PATIENCE,
    ) -> E:
        """The first event of ``kind`` from ``events[since]`` on for which ``predicate`` holds, come or to come."""
        found: E = await self.until(
            lambda: next((event for event in self.of(kind, since) if predicate(event)), None), seconds
        )
        return found

    async def wait_body(self, text: str, *, since: int = 0) -> RoomMessage:
        """The groupchat message with this body."""
        return await self.wait_for(RoomMessage, lambda event: event.body == text, since=since)

    async def wait_state(self, room: str, *states: RoomState, since: int = 0, seconds: float = PATIENCE) -> RoomInfo:
        """Until the room is told to be in one of ``states``; what is known of it then."""
        address = Address.parse(room)
        await self.wait_for(
            RoomStateChanged,
            lambda event: event.room == address and event.state in states,
            since=since,
            seconds=seconds,
        )
        info = self.link.room(address)
        assert info is not None
        return info

    async def until(self, condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        """The first true value of ``condition``."""
        return await self._waiter.until(
            condition, lambda: f"events: {self.events[-8:]}; faults: {self.faults}", seconds
        )

    async def stop(self) -> None:
        """Close the link. Raises what its tasks raised."""
        await self.link.close()
        ended = (await asyncio.gather(self._run, return_exceptions=True))[0]
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if isinstance(ended, BaseException):
            raise ended
        if self.faults:
            raise self.faults[0]

    def _told(self) -> str:
        return f"events: {self.events[-8:]}; rooms: {self.link.rooms()}; faults: {self.faults}"

    def _emit(self, event: Event) -> None:
        self.events.append(event)
        self._waiter.changed()

    def _spawn(self, work: Awaitable[None], name: str) -> None:
        async def guarded() -> None:
            try:
                await work
            except Exception as problem:
                self.faults.append(problem)

        task = asyncio.create_task(guarded(), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def room_settings(room: str | RoomSettings, nick: str = "bot", **more: Any) -> RoomSettings:
    """A room as the link wants it; ``more``: ``password``, ``create``."""
    if isinstance(room, RoomSettings):
        return room
    return RoomSettings(address=Address.parse(room), nick=nick, **more)


def link_settings(server: Server, account: str, **changes: Any) -> ConnectionSettings:
    """How to connect as ``account`` (a local part), with short delays."""
    given = {
        "address": Address.parse(f"{account}@{server.domain}"),
        "password": lambda: PASSWORD,
        "host": server.host,
        "port": server.port,
        "ca_file": Path(str(server.ca_file)),
        "backoff_first": 0.05,
        "backoff_cap": 0.2,
        "request_timeout": 10.0,
    }
    return ConnectionSettings(**given | changes)


@pytest.fixture
async def start_link() -> AsyncIterator[Callable[..., Awaitable[RunningLink]]]:
    """``await start_link(server, account, room, …, nick="bot", joined=True, **connection_settings)``.

    Returns once every room is joined (``joined`` False: at once). A room is a JID or ``RoomSettings``.
    """
    async with AsyncExitStack() as stack:

        async def start(
            server: Server,
            account: str,
            *rooms: str | RoomSettings,
            nick: str = "bot",
            joined: bool = True,
            **more: Any,
        ) -> RunningLink:
            running = RunningLink(link_settings(server, account, **more))
            stack.push_async_callback(running.stop)
            wanted = [room_settings(room, nick) for room in rooms]
            for room in wanted:
                await running.link.join(room)
            if joined:
                for room in wanted:
                    await running.wait_state(str(room.address), RoomState.JOINED)
            return running

        yield start


# --- configs --------------------------------------------------------------------------------------------------------


def config_text(
    server: Server, account: str, toml: str = "", *, rooms: Iterable[str] = (), nick: str = "bot", in_account: str = ""
) -> str:
    """A whole config: the account with ``in_account`` as more keys of its table, the rooms, and ``toml`` at the end.

    A room is a JID, or a whole ``[[rooms]]`` table's keys as TOML. The password is in ``BOT_PASSWORD``.
    """
    tables = "".join(
        f"[[rooms]]\n{room if '=' in room else f'jid = {json.dumps(room)}'}\n"
        + ("" if "nick" in room else f"nick = {json.dumps(nick)}\n")
        for room in rooms
    )
    account_table = {
        "jid": f'"{account}@{server.domain}"',
        "password": '{ env = "BOT_PASSWORD" }',
        "host": f'"{server.host}"',
        "port": str(server.port),
        "ca_file": f'"{server.ca_file}"',
    }
    own = {line.partition("=")[0].strip() for line in in_account.splitlines()}
    keys = "".join(f"{key} = {value}\n" for key, value in account_table.items() if key not in own)
    return f"[account]\n{keys}{in_account}\n{tables}\n{toml}\n"


class _Logged:
    """What the bot logged, one dict for each line; a line that is no JSON is ``{"event": text, "plain": True}``."""

    def __init__(self) -> None:
        self.log: list[Line] = []
        self._waiter = Waiter()

    def events(self) -> list[str]:
        """The ``event`` of each line."""
        return [str(line.get("event")) for line in self.log]

    async def wait_for_log(
        self, predicate: str | Callable[[Line], object], *, since: int = 0, seconds: float = PATIENCE
    ) -> Line:
        """The first line from ``log[since]`` on for which ``predicate`` holds, or whose ``event`` has that text."""
        fits = (lambda line: predicate in str(line.get("event"))) if isinstance(predicate, str) else predicate
        found: Line = await self.until(lambda: next((line for line in self.log[since:] if fits(line)), None), seconds)
        return found

    def log_of(self, event: str) -> Line:
        """The first line that says exactly ``event``."""
        return next(line for line in self.log if line.get("event") == event)

    async def wait_room(self, room: str, state: str = "joined", *, since: int = 0, seconds: float = PATIENCE) -> Line:
        """Until the log tells this state of the room."""
        return await self.wait_for_log(
            lambda line: line.get("event") == f"room {state}" and line.get("room") == room,
            since=since,
            seconds=seconds,
        )

    async def until(self, condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        """The first true value of ``condition``."""
        return await self._waiter.until(condition, lambda: f"the log: {self.log[-12:]}", seconds)

    def _logged(self, line: Line) -> None:
        self.log.append(line)
        self._waiter.changed()


# --- the app in this process ----------------------------------------------------------------------------------------


class RunningApp(_Logged):
    """An ``App`` (``.app``) that runs here. ``task`` ends as ``App.run`` does."""

    def __init__(self, config: Path) -> None:
        super().__init__()
        structlog.configure(processors=[self.write])  # the app binds its logger when it is made
        self.app = App(load(config))
        self.task = asyncio.create_task(self.app.run())

    async def stop(self) -> None:
        """Tell it to stop, and wait until it did. Raises what ``App.run`` raised."""
        self.app.stop()
        await asyncio.wait_for(self.task, PATIENCE)

    def write(self, _logger: object, method: str, event: Line) -> Line:
        """A structlog processor: keeps the line."""
        self._logged({"level": method} | event)
        raise structlog.DropEvent


@pytest.fixture
async def start_app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[..., Awaitable[RunningApp]]]:
    """``await start_app(server, account, toml, rooms=[…], joined=True, folder=tmp_path, nick="bot", in_account="")``.

    ``folder`` holds config and database: the same again is the same bot after a restart. One at a time is logged.
    """
    monkeypatch.setenv("BOT_PASSWORD", PASSWORD)
    before = structlog.get_config()
    async with AsyncExitStack() as stack:
        stack.callback(lambda: structlog.configure(**before))

        async def start(
            server: Server,
            account: str,
            toml: str = "",
            *,
            rooms: Iterable[str] = (),
            joined: bool = True,
            folder: Path | None = None,
            **more: Any,
        ) -> RunningApp:
            place = folder or tmp_path
            (place / "bot.toml").write_text(config_text(server, account, toml, rooms=rooms, **more))
            running = RunningApp(place / "bot.toml")
            stack.push_async_callback(_stop_quietly, running)
            if joined:
                for room in running.app.config.rooms:
                    await running.wait_room(str(room.jid))
            return running

        yield start


async def _stop_quietly(running: RunningApp) -> None:
    if not running.task.done():
        await running.stop()


# --- botkit run -----------------------------------------------------------------------------------------------------


class BotProcess(_Logged):
    """``botkit run`` (or another command) as a process. ``output`` is what it printed to standard output."""

    def __init__(self, process: asyncio.subprocess.Process, config: Path) -> None:
        super().__init__()
        self._process = process
        self.config = config
        self.output = ""
        self._readers = (asyncio.create_task(self._read_log()), asyncio.create_task(self._read_output()))

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the number of the signal that ended it."""
        return self._process.returncode

    def text(self) -> str:
        """Everything that it wrote to standard error, as one text."""
        return "\n".join(line["event"] if line.get("plain") else json.dumps(line) for line in self.log)

    def terminate(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end."""
        if self.exit_code is None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once."""
        self.terminate(signal.SIGKILL)

    async def wait(self, seconds: float = PATIENCE) -> int:
        """Until it has ended; its exit code."""
        try:
            async with asyncio.timeout(seconds):
                code = await self._process.wait()
                await asyncio.gather(*self._readers)
        except TimeoutError:
            raise AssertionError(f"it did not end within {seconds:g} s; the log: {self.log[-12:]}") from None
        return code

    async def stop(self, seconds: float = PATIENCE) -> int:
        """SIGTERM, and its exit code."""
        self.terminate()
        return await self.wait(seconds)

    async def _read_log(self) -> None:
        assert self._process.stderr is not None
        async for raw in self._process.stderr:
            text = raw.decode(errors="replace").rstrip("\n")
            try:
                line = json.loads(text)
            except ValueError:
                line = None
            self._logged(line if isinstance(line, dict) else {"event": text, "plain": True})

    async def _read_output(self) -> None:
        assert self._process.stdout is not None
        async for raw in self._process.stdout:
            self.output += raw.decode(errors="replace")


async def spawn_bot(
    config: Path, *arguments: str, env: Mapping[str, str | None] | None = None, wrapper: Iterable[str] = ()
) -> BotProcess:
    """Start ``botkit`` with ``arguments`` (default: ``run CONFIG``) in the config's folder.

    ``wrapper`` is a command put before it. A None in ``env`` takes the variable away.
    """
    given: dict[str, str | None] = {
        **os.environ,
        "BOT_PASSWORD": PASSWORD,
        "PYTHONPATH": str(_REPOSITORY),
        "PYTHONDONTWRITEBYTECODE": None,  # compiling all of it anew takes longer than most tests
        "COLUMNS": "200",
        **(env or {}),
    }
    process = await asyncio.create_subprocess_exec(
        *wrapper,
        sys.executable,
        "-m",
        "botkit",
        *(arguments or ("run", str(config))),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=config.parent,
        env={name: value for name, value in given.items() if value is not None},
        limit=1 << 22,
    )
    return BotProcess(process, config)


@pytest.fixture
async def start_bot(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[BotProcess]]]:
    """``await start_bot(server, account, toml, rooms=[…], joined=True, folder=tmp_path, env={}, …)``: ``botkit run``.

    Returns once every room is joined (``joined`` False: at once). ``folder`` holds config and database.
    """
    async with AsyncExitStack() as stack:

        async def start(
            server: Server,
            account: str,
            toml: str = "",
            *,
            rooms: Iterable[str] = (),
            joined: bool = True,
            folder: Path | None = None,
            env: Mapping[str, str | None] | None = None,
            wrapper: Iterable[str] = (),
            **more: Any,
        ) -> BotProcess:
            listed = list(rooms)
            place = folder or tmp_path
            place.mkdir(parents=True, exist_ok=True)
            config = place / "bot.toml"
            config.write_text(config_text(server, account, toml, rooms=listed, **more))
            bot = await spawn_bot(config, env=env, wrapper=wrapper)
            stack.push_async_callback(_end, bot)
            if joined:
                for room in listed:
                    await bot.wait_room(room)
            return bot

        yield start


async def _end(bot: BotProcess) -> None:
    if bot.exit_code is None:
        bot.kill()
    await bot.wait()
