"""Several bots in one process: each account an ``App`` of its own, none of which can harm another.

An account that ends by a fault that may pass (a database that cannot be written, a bug) is begun again after a growing
wait, for as long as another one runs. Once none runs, the process ends with the fault of the first: what then is to be
done is the service manager's to say. So a process with one account ends when that one does.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

import botkit.logs as logs
import botkit.process as process
import botkit.sources as sources
from botkit.app import App
from botkit.clock import SystemClock
from botkit.errors import BotkitError, ConfigError, ControlError, StoreError
from botkit.imports import module_name
from botkit.loading import LoadedConfig, check_together, load_all
from botkit.model.address import Address
from botkit.model.measures import Measure
from botkit.model.status import AccountStatus, BotStatus, ReloadStatus
from botkit.modules import Module
from botkit.ports import Clock, Hook, Jobs, Link, View
from botkit.reloading import Reload
from botkit.services.catch_ups import Progress
from botkit.services.hooks.desk import ClosedHook
from botkit.services.own import own_commands

Beside = Callable[[View], Coroutine[Any, Any, None]]
"""Something that runs beside the accounts until it is cancelled: the control socket, HTTP."""

_AGAIN_FIRST = 5.0
_AGAIN_CAP = 300.0
_LAG_EVERY = 0.5
_LAG_KEPT = 60.0
_TIDY_WAIT = 120.0
_HANGUP: signal.Signals | None = getattr(signal, "SIGHUP", None)  # not on every platform


class Account:
    """One config file's place in the process: its app while it runs, and what ended it."""

    def __init__(self, loaded: LoadedConfig) -> None:
        self.loaded = loaded
        self.app: App | None = None
        self.problem: BaseException | None = None
        self.next_try: datetime | None = None
        self.attempts = 0
        self.again = asyncio.Event()  # set: begin again now, whatever ended it
        self.reload: ReloadStatus | None = None

    @property
    def jid(self) -> Address:
        """The bare JID."""
        return self.loaded.config.account.jid

    def status(self) -> AccountStatus:
        """How it is; of one that has ended or waits to be begun again, why."""
        if self.app is not None:
            return replace(self.app.status(), reload=self.reload)
        return AccountStatus(
            account=self.jid,
            running=False,
            config=str(self.loaded.path),
            reason=_words(self.problem) if self.problem is not None else None,
            retry_at=self.next_try,
            reload=self.reload,
        )


class Runtime:
    """Runs the bots of ``configs`` in one process; fulfils ``ports.View``. ``beside`` runs beside them.

    Raises ``ConfigError`` where two of ``configs`` cannot run together.
    """

    def __init__(
        self,
        configs: Sequence[LoadedConfig],
        *,
        clock: Clock | None = None,
        progress: Progress | None = None,
        beside: Sequence[Beside] = (),
    ) -> None:
        check_together(configs)
        self._clock = clock or SystemClock()
        self._progress = progress
        self._beside = tuple(beside)
        self._log = structlog.get_logger("botkit")
        self._accounts = [Account(loaded) for loaded in configs]
        self._started = self._clock.now()
        self._over = asyncio.Event()  # told to stop, or no account runs any more
        self._stopping = False
        self._ended = False
        self._reloading = asyncio.Lock()
        self._group: asyncio.TaskGroup | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._own = (Module(name="botkit", router=own_commands(self)),)
        self._lags: list[tuple[float, float]] = []

    # --- running ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run until ``stop``, a signal, or the end of the last account; raises what ended the first one, if so."""
        with self._signals():
            async with asyncio.TaskGroup() as beside:
                self._group = beside
                for one in self._beside:
                    self._begin(one(self), "something beside the accounts")
                self._begin(self._measure_lag(), "measuring the lag")
                await self._run_accounts()
                told = self._stopping
                self._stopping = self._ended = True
                for task in tuple(self._tasks):
                    task.cancel()
        problem = next((one.problem for one in self._accounts if one.problem is not None), None)
        if problem is not None and not told:
            raise problem

    def stop(self) -> None:
        """Begin the way down of every account; called again, end at once. Safe in a signal handler."""
        if self._stopping:
            self._log.warning("ending at once")
        for account in self._accounts:
            if account.app is not None:
                account.app.stop(at_once=self._stopping)
        self._stopping = True
        self._over.set()

    async def _run_accounts(self) -> None:
        async with asyncio.TaskGroup() as group:
            keepers = []
            for account in self._accounts:
                account.app = self._app(account)  # each counts as running before the first can have ended
            for account in self._accounts:
                keepers.append(group.create_task(self._keep(account), name=f"account {account.jid}"))
            await self._over.wait()  # no deadline: a bot runs until it is told to stop
            for account, keeper in zip(self._accounts, keepers, strict=True):
                if account.app is None:
                    keeper.cancel()  # waits to be begun again

    def _app(self, account: Account) -> App:
        return App(account.loaded, clock=self._clock, progress=self._progress, own=self._own)

    async def _keep(self, account: Account) -> None:
        """Run one account, and again after a fault that may pass. Raises nothing: its faults are its own."""
        log = self._log.bind(account=str(account.jid))
        while True:
            if account.app is None:
                account.app = self._app(account)
            begun = self._clock.monotonic()
            try:
                await account.app.run()
                account.problem = None
            except Exception as problem:  # the boundary between accounts
                account.problem = _innermost(problem)
            account.app = None
            account.again.clear()
            if self._clock.monotonic() - begun > _AGAIN_CAP:
                account.attempts = 0
            if account.problem is None or self._stopping:
                self._check_over()
                return
            await self._wait_again(account, log)

    async def _wait_again(self, account: Account, log: structlog.stdlib.BoundLogger) -> None:
        problem = account.problem
        passing = not isinstance(problem, BotkitError) or isinstance(problem, StoreError) or problem.retryable
        shown: dict[str, object] = {} if isinstance(problem, BotkitError) else {"exc_info": problem}
        delay: float | None = None
        if passing:
            delay = random.uniform(0.5, 1.0) * min(_AGAIN_FIRST * 2**account.attempts, _AGAIN_CAP)
            account.attempts += 1
            account.next_try = self._clock.now() + timedelta(seconds=delay)
            shown["next_try"] = account.next_try.isoformat(timespec="seconds")
        log.error("the account has ended", reason=_words(problem), **shown)
        self._check_over()
        with suppress(TimeoutError):  # without a delay: until a reload brings another config, or the end of the process
            async with asyncio.timeout(delay):
                await account.again.wait()
        account.next_try = None

    def _check_over(self) -> None:
        if all(account.app is None for account in self._accounts):
            self._over.set()

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None] | None:
        """Do ``work`` beside the accounts, until it is done or they have ended; None: nothing runs now."""
        if self._group is None or self._ended:
            work.close()
            return None
        task = self._group.create_task(self._guarded(work, name), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guarded(self, work: Awaitable[None], name: str) -> None:
        try:
            await work
        except Exception as problem:  # the boundary: what only watches or reloads must not end the bots
            self._log.error(f"{name} failed", exc_info=problem)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        caught = []
        for number, handle in ((signal.SIGTERM, self.stop), (signal.SIGINT, self.stop), (_HANGUP, self._hung_up)):
            with suppress(NotImplementedError, RuntimeError, ValueError):  # not in the main thread (tests)
                if number is not None:
                    loop.add_signal_handler(number, handle)
                    caught.append(number)
        try:
            yield
        finally:
            for number in caught:
                loop.remove_signal_handler(number)

    # --- what is asked from outside: ``ports.View`` -----------------------------------------------------------

    def status(self) -> BotStatus:
        """How every account is now."""
        return BotStatus(
            at=self._clock.now(),
            started=self._started,
            version=_version(),
            pid=os.getpid(),
            lag=max((lag for _, lag in self._lags), default=0.0),
            accounts=tuple(account.status() for account in self._accounts),
        )

    def measures(self) -> Sequence[Measure]:
        """The figures of every account that runs."""
        return [one for account in self._accounts if account.app is not None for one in account.app.measures()]

    async def reload(self) -> None:
        """Read configs and modules again; see ``ports.View.reload``. All accounts go on with the new, or all as before.

        An account that has ended is begun again, with what its file says now.
        """
        task = self._begin(self._reload(), "the reload")
        if task is not None:
            await asyncio.shield(task)  # whoever asked may give up: half a reload is none that can be had

    async def _reload(self) -> None:
        async with self._reloading:  # no deadline: the one before us has it
            if self._stopping:
                return
            before = [account.loaded for account in self._accounts]
            try:
                found, reloads = await self._prepare([one.path for one in before])
            except ConfigError as problem:
                self._told(self._accounts, ok=False, told=problem.mistakes)
                self._log.error("not reloaded: all goes on as before", mistakes=list(problem.mistakes))
                return
            except Exception as problem:  # a boundary: whatever a bot's files do when they are imported
                self._told(self._accounts, ok=False, told=(_words(problem),))
                self._log.error("not reloaded: all goes on as before", exc_info=problem)
                return
            for account, loaded in zip(self._accounts, found, strict=True):
                self._take(account, loaded, reloads.get(account))
            self._begin(self._tidy(before, found, list(reloads.values())), "letting go of old code")

    async def _prepare(self, paths: Sequence[Path]) -> tuple[Sequence[LoadedConfig], dict[Account, Reload]]:
        """Everything that can fail, before anything changes. In threads, as modules may take long to import."""
        with ExitStack() as stack:
            await asyncio.to_thread(stack.enter_context, sources.renewing())
            found = await asyncio.to_thread(load_all, paths)
            reloads: dict[Account, Reload] = {}
            mistakes: list[str] = []
            for account, loaded in zip(self._accounts, found, strict=True):
                try:
                    if account.app is not None:
                        reloads[account] = await account.app.prepare(loaded)
                except ConfigError as problem:
                    mistakes += problem.mistakes
            if mistakes:
                raise ConfigError(mistakes)
            return found, reloads

    def _take(self, account: Account, loaded: LoadedConfig, reload: Reload | None) -> None:
        told: tuple[str, ...] = ("begun again",)
        if reload is None or account.app is None:  # it ended while we prepared
            account.loaded = loaded
            account.again.set()
        else:
            account.app.take(reload)
            account.loaded, told = reload.change.after, reload.change.told
        logs.set_level(self._accounts[0].loaded.config.log.level)
        self._told([account], ok=True, told=told)
        log = self._log.bind(account=str(account.jid))
        log.info("reloaded", changes=list(told))
        for warning in loaded.warnings:
            log.warning(warning)

    def _told(self, accounts: Sequence[Account], *, ok: bool, told: Sequence[str]) -> None:
        for account in accounts:
            account.reload = ReloadStatus(at=self._clock.now(), ok=ok, told=tuple(told))

    async def _tidy(self, before: Sequence[LoadedConfig], after: Sequence[LoadedConfig], reloads: list[Reload]) -> None:
        """Let go of the old code, once nothing of it runs any more."""
        for reload in reloads:
            with suppress(TimeoutError):
                async with asyncio.timeout(_TIDY_WAIT):
                    await reload.done.wait()
        reloads.clear()
        sources.forget(_modules_of(before), _modules_of(after))
        process.tidy()

    def _hung_up(self) -> None:
        self._log.info("told to reload")
        self._begin(self._reload(), "the reload")

    async def retry(self, room: Address | None = None) -> Sequence[Address]:
        """Try rooms that are out at once; see ``ports.View.retry``."""
        tried: list[Address] = []
        for account in self._accounts:
            if account.app is not None:
                tried += await account.app.retry(room)
        return tried

    def hook(self, name: str) -> Hook | None:
        """See ``ports.View``; of an account that does not run now one that says so."""
        for account in self._accounts:
            if (config := account.loaded.config.hooks.get(name)) is not None:
                app = account.app
                opened = app.hooks.get(name) if app is not None and app.is_built else None
                return opened or ClosedHook(config)
        return None

    def largest_body(self) -> int:
        """See ``ports.View``."""
        hooks = [hook for account in self._accounts for hook in account.loaded.config.hooks.values()]
        return max((hook.max_bytes for hook in hooks), default=0)

    def link(self, account: Address) -> Link:
        """See ``ports.View``."""
        return self._running(account).outbox

    def jobs(self, account: Address) -> Jobs:
        """See ``ports.View``."""
        return self._running(account).jobs

    def _running(self, jid: Address) -> App:
        for account in self._accounts:
            if account.jid == jid.bare and account.app is not None and account.app.is_built:
                return account.app
        raise ControlError(f"the account {jid} does not run now")

    async def _measure_lag(self) -> None:
        """How late the loop runs: a handler that blocks it is seen here."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _LAG_EVERY
            await asyncio.sleep(_LAG_EVERY)
            now = loop.time()
            self._lags = [(at, lag) for at, lag in self._lags if at > now - _LAG_KEPT]
            self._lags.append((now, max(0.0, now - due)))


def _modules_of(configs: Sequence[LoadedConfig]) -> list[str]:
    return [
        module_name(table.use, one.path.absolute().parent)
        for one in configs
        for table in one.config.modules.values()
        if table.enabled
    ]


def _innermost(problem: BaseException) -> BaseException:
    """The one fault of a group of one: what a TaskGroup wraps."""
    while isinstance(problem, BaseExceptionGroup) and len(problem.exceptions) == 1:
        problem = problem.exceptions[0]
    return problem


def _words(problem: BaseException | None) -> str:
    return str(problem) if isinstance(problem, BotkitError) else f"{type(problem).__name__}: {problem}"


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("botkit")
    except PackageNotFoundError:
        return "unknown"
