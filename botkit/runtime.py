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
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

import structlog

from botkit import __name__ as _PACKAGE
from botkit.app import App, Progress
from botkit.clock import SystemClock
from botkit.errors import BotkitError, StoreError
from botkit.loading import LoadedConfig, check_together
from botkit.model.address import Address
from botkit.model.measures import Measure
from botkit.model.status import AccountStatus, BotStatus
from botkit.ports import Clock, View

Beside = Callable[[View], Awaitable[None]]
"""Something that runs beside the accounts until it is cancelled: the control socket, HTTP."""

_AGAIN_FIRST = 5.0
_AGAIN_CAP = 300.0
_LAG_EVERY = 0.5
_LAG_KEPT = 60.0


class Account:
    """One config file's place in the process: its app while it runs, and what ended it."""

    def __init__(self, loaded: LoadedConfig) -> None:
        self.loaded = loaded
        self.app: App | None = None
        self.problem: BaseException | None = None
        self.next_try: datetime | None = None
        self.attempts = 0
        self.again = asyncio.Event()  # set: begin again now, whatever ended it

    @property
    def jid(self) -> Address:
        """The bare JID."""
        return self.loaded.config.account.jid

    def status(self) -> AccountStatus:
        """How it is; of one that has ended or waits to be begun again, why."""
        if self.app is not None:
            return self.app.status()
        return AccountStatus(
            account=self.jid,
            running=False,
            config=str(self.loaded.path),
            reason=_words(self.problem) if self.problem is not None else None,
            retry_at=self.next_try,
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
        self._lags: list[tuple[float, float]] = []

    # --- running ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run until ``stop``, a signal, or the end of the last account; raises what ended the first one, if so."""
        with self._signals():
            async with asyncio.TaskGroup() as beside:
                watching = [beside.create_task(self._guarded(one)) for one in self._beside]
                watching.append(beside.create_task(self._measure_lag(), name="lag"))
                await self._run_accounts()
                for task in watching:
                    task.cancel()
        problem = next((one.problem for one in self._accounts if one.problem is not None), None)
        if problem is not None and not self._stopping:
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
        return App(account.loaded, clock=self._clock, progress=self._progress)

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
            await asyncio.wait_for(account.again.wait(), delay)
        account.next_try = None

    def _check_over(self) -> None:
        if all(account.app is None for account in self._accounts):
            self._over.set()

    async def _guarded(self, beside: Beside) -> None:
        try:
            await beside(self)
        except Exception as problem:  # the boundary: who only watches must not end the bots
            self._log.error("something beside the accounts failed", exc_info=problem)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        caught = []
        for number in (signal.SIGTERM, signal.SIGINT):
            with suppress(NotImplementedError, RuntimeError, ValueError):  # not in the main thread (tests)
                loop.add_signal_handler(number, self.stop)
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
        """Read configs and modules again; see ``ports.View.reload``."""

    async def retry(self, room: Address | None = None) -> Sequence[Address]:
        """Try rooms that are out at once; see ``ports.View.retry``."""
        tried: list[Address] = []
        for account in self._accounts:
            if account.app is not None:
                tried += await account.app.retry(room)
        return tried

    async def _measure_lag(self) -> None:
        """How late the loop runs: a handler that blocks it is seen here."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _LAG_EVERY
            await asyncio.sleep(_LAG_EVERY)
            now = loop.time()
            self._lags = [(at, lag) for at, lag in self._lags if at > now - _LAG_KEPT]
            self._lags.append((now, max(0.0, now - due)))


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
        return version(_PACKAGE)
    except PackageNotFoundError:
        return "unknown"
