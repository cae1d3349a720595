"""The dispatcher: each event to its lane, and there to every handler that wants it.

The message handlers of an event run first, in order of registration over all modules; then, if the
message is a command, that command. No handler can harm another: what it raises, in its filter,
its middleware, itself or what it returned, is logged and counted, and its time is limited (cancelling is
all that can be done: a handler that swallows its cancellation holds up its own room).

Handlers of urgent routers have a lane of their own in each room: moderation does not wait for chatter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from botkit.errors import LinkClosed
from botkit.model.address import Address
from botkit.model.events import Event, Tick
from botkit.model.forms import Form
from botkit.ports import Claims, Clock, Jobs, Link, MessageLog, Spawn
from botkit.routing.answers import give, kept
from botkit.routing.board import Board
from botkit.routing.calls import Caller
from botkit.routing.commands import Command
from botkit.routing.context import Context, Logger, Services
from botkit.routing.contexts import Contexts
from botkit.routing.entry import Entry
from botkit.routing.failures import Failure, Failures
from botkit.routing.handles import NotDone, RoomHandle
from botkit.routing.jobs import Job, start, when_handled
from botkit.routing.lanes import Lanes
from botkit.routing.limit import Begun, begin, being_cancelled, go_on, limited
from botkit.routing.middleware import handled
from botkit.routing.naming import resolved
from botkit.routing.plan import Loaded, LoadedAdhoc, LoadedSchedule, ModuleRuntime, label
from botkit.routing.syntax import CommandLine, CommandSyntax
from botkit.routing.words import CommandError
from botkit.routing.zones import Zones

T = TypeVar("T")


_Item = tuple[Event, Entry, CommandLine | None] | Job
_Left = tuple[Awaitable[object], int]


class Dispatcher(Board):
    """Routes the events of one account to the handlers of its modules.

    ``timeout``: seconds for one handler where it does not say otherwise. ``limit``: events waiting
    for one room before ``on_pressure(True)`` asks for a pause. ``command_rate``: so many commands
    in so many seconds for each person, None for no limit. ``claims`` remembers which commands were run, so that none
    is run again when it is sent again. ``zones`` knows whose clock a time in a command means; None: UTC.
    ``on_failure`` is called for each handler
    that raised or took too long.
    """

    def __init__(
        self,
        modules: Sequence[ModuleRuntime],
        *,
        link: Link,
        clock: Clock,
        log: Logger,
        spawn: Spawn,
        history: MessageLog | None = None,
        claims: Claims | None = None,
        admins: Iterable[Address] = (),
        syntax: CommandSyntax | None = None,
        timeout: float = 60.0,
        limit: int = 1000,
        idle: float = 30.0,
        command_rate: tuple[int, float] | None = (8, 20.0),
        zones: Zones | None = None,
        on_pressure: Callable[[bool], None] | None = None,
        on_failure: Callable[[Failure], None] | None = None,
        may_drop: Callable[[Event, bool], bool] = lambda _, __: False,
        jobs: Jobs | None = None,
    ) -> None:
        services = Services(
            link=link, clock=clock, log=log, spawn=spawn, history=history, claims=claims, jobs=jobs,
            admins=frozenset(a.bare for a in admins), zones=zones or Zones(),
        )  # fmt: skip
        super().__init__(services, syntax, timeout)
        self._failures = Failures(log, on_failure)
        self._contexts = Contexts(self.services, self._failures)
        self._caller = Caller(self._contexts, self._failures, command_rate)
        self._may_drop = may_drop
        self._lanes: Lanes[_Item] = Lanes(
            self._run, spawn, log, limit=limit, idle=idle, on_pressure=on_pressure, may_drop=self._droppable
        )
        self.load(modules)

    # --- events -----------------------------------------------------------------------------------------------

    def dispatch(self, event: Event) -> None:
        """Queue ``event`` for its handlers; returns at once, raises nothing. What nobody wants is not even queued."""
        entry = self._entry(type(event))
        line = None
        if entry.message:
            line = self._syntax.find(event, self.services.link)  # type: ignore[arg-type]  # entry.message says so
            if line is not None and line.name in self._plan.groups:
                line = resolved(line, self._plan.groups, self._plan.by_name)
        live, own = entry.is_live(event), self._is_own(event, entry)
        for part in entry.parts:
            wanted = part.handlers and (part.any_catch_up or live) and (part.any_own or not own)
            if not wanted and (line is None or part.is_urgent):
                continue
            key = part.lane_of(event)
            if part.peer:
                self._lanes.put(key.bare, (event, part, line), peer=True)
            else:
                self._lanes.put(key, (event, part, line))

    async def handle(self, events: Iterable[Event]) -> None:
        """Like ``dispatch`` for each, but returns once the handlers are done; for what must not be forgotten before.

        Raises ``LinkClosed`` where they were not handled, because the bot goes down or too much waits already.
        """
        lanes: dict[Hashable, list[tuple[Event, Entry]]] = {}
        for event in events:
            for part in self._entry(type(event)).parts:
                if part.handlers and (part.any_catch_up or part.is_live(event)):
                    lanes.setdefault(part.lane_of(event), []).append((event, part))
        try:
            for done in [start(self._lanes, key, partial(self._run_all, calls)) for key, calls in lanes.items()]:
                await done
        except CommandError:
            raise LinkClosed("the handlers take nothing more now: too much waits, or the bot goes down") from None

    def when_handled(self, room: Address, then: Callable[[], None]) -> None:
        """Call ``then`` once the handlers are done with all that was dispatched of ``room``; at once if they are.

        Never, if some of it was left undone on the way down.
        """
        when_handled(self._lanes, room, then)

    def _droppable(self, item: _Item) -> bool:
        if isinstance(item, Job):
            return True  # whoever waits for it is told
        return self._may_drop(item[0], len(self._entry(type(item[0])).parts) > 1)

    async def _run_all(self, calls: Iterable[tuple[Event, Entry]]) -> None:
        for event, entry in calls:
            rest = self._run((event, entry, None))
            if rest is not None:
                await rest

    async def drain(self, seconds: float) -> int:
        """Take nothing more and let the handlers finish, for ``seconds`` at most. Returns how many were left undone."""
        return await self._lanes.drain(seconds)

    def _is_own(self, event: Event, entry: Entry) -> bool:
        if entry.authored:
            return event.author.is_self  # type: ignore[attr-defined,no-any-return]  # entry.authored says so
        sender = getattr(event, "sender", None)
        return isinstance(sender, Address) and sender.bare == self.services.link.address.bare

    def _run(self, item: _Item) -> Awaitable[object] | None:
        """Handle ``item`` as far as it goes without waiting, which is mostly to its end; the rest is to be awaited."""
        if isinstance(item, Job):
            return item.work()
        event, entry, line = item
        if entry.is_replaced:
            return self._run_renewed(event, entry, line)
        handled.set(event)
        left = self._call(event, entry, line, 0)
        if left is not None:
            return self._go_on(left, event, entry, line)
        if line is None or entry.is_urgent:  # commands are answered in the room's own lane
            return None
        return self._caller.answer(event, line)

    async def _run_renewed(self, event: Event, replaced: Entry, line: CommandLine | None) -> None:
        # An urgent part waits alone if the other would have had nothing to do; another part, if nobody was urgent.
        main = replaced.main
        idle = line is None and not (
            main.handlers
            and (main.any_catch_up or main.is_live(event))
            and (main.any_own or not self._is_own(event, main))
        )
        alone = idle if replaced.is_urgent else len(replaced.parts) == 1
        for entry in self._now_in_place_of(replaced, event, alone=alone):
            rest = self._run((event, entry, line))
            if rest is not None:
                await rest

    async def _go_on(self, left: _Left | None, event: Event, entry: Entry, line: CommandLine | None) -> None:
        while left is not None:
            rest, start = left
            await rest
            left = self._call(event, entry, line, start)
        if line is not None and not entry.is_urgent:
            await self._caller.answer(event, line)

    def _call(self, event: Event, entry: Entry, line: CommandLine | None, start: int) -> _Left | None:
        """Call the handlers for ``event`` in order from number ``start`` to the first that waits; its rest, and the
        number of the next. None: all are done."""
        own = self._is_own(event, entry)
        live = entry.is_live(event)
        known = line is not None and line.name in self._plan.by_name
        handlers = entry.handlers
        runtime: ModuleRuntime | None = None
        ctx: Context[Any] | None = None
        for number in range(start, len(handlers)):
            handler = handlers[number]
            if (own and not handler.own) or not (live or handler.catch_up) or (known and not handler.commands):
                continue
            if handler.runtime is not runtime:
                runtime = handler.runtime
                ctx = self._contexts.of(runtime, event)
            if ctx is not None:
                rest = self._attempt(handler, event, ctx)
                if rest is not None:
                    return rest, number + 1
        return None

    def _attempt(self, handler: Loaded, event: Event, ctx: Context[Any]) -> Awaitable[object] | None:
        """Call one handler, which is done at once, or has something left that is to be awaited. Raises nothing."""
        try:
            values: tuple[object, ...] = ()
            if handler.check is not None:
                passed = handler.check(event, ctx)
                if not passed:
                    return None
                if passed is not True:
                    values = passed.values
            handler.tally.calls += 1
            begun = begin(handler.call(event, ctx, values))
        except Exception as problem:  # the boundary: whatever a bot's code raises
            self._note(handler.name, event, problem)
            return None
        except asyncio.CancelledError as problem:
            if being_cancelled():
                raise
            self._note(handler.name, event, problem)
            return None
        if begun is None:
            return None
        return self._guarded(handler.name, event, _replied(begun, ctx, handler.timeout))

    def _note(self, name: str, event: Event, problem: BaseException) -> None:
        if isinstance(problem, NotDone):
            self.services.log.info("not done", handler=name, reason=str(problem))
        else:
            self._failures.note(name, event, problem)

    # --- what other services start ----------------------------------------------------------------------------

    def context(self, command: Command, requester: Address, room: Address | None = None) -> Context[Any]:
        """The context in which ``requester`` (a full JID, or an occupant's) calls ``command`` about ``room``.

        Raises ``CommandError`` where the command is gone, or not in use there, or they are not there.
        """
        return self._caller.context(command, requester, room)

    def offered(self, requester: Address) -> tuple[Command, ...]:
        """The commands that ``requester`` may call over XEP-0050 now, in some room or none."""
        return self._caller.offered(requester)

    def rooms_for(self, command: Command, requester: Address) -> tuple[Address, ...]:
        """The rooms about which ``requester`` may call ``command`` now."""
        return self._caller.rooms_for(command, requester)

    async def invoke(self, command: Command, ctx: Context[Any], values: Mapping[str, object]) -> tuple[str, ...]:
        """Run ``command`` with typed values, in the lane of its room or requester, through all checks and middleware.

        Actions that it returns are performed; its texts are handed back for the caller to show.
        Raises ``CommandError`` (``UsageError`` for a wrong value) with words for the requester;
        failures are logged and raised as a ``CommandError`` with the reference. Not to be awaited
        by a handler of the same lane. No deadline here: everything ahead in the lane has its own.
        """
        key: Hashable = ctx.room.address if ctx.room is not None else ctx.sender_jid and ctx.sender_jid.bare
        return await self._in_lane(key, lambda: self._caller.invoke(command, ctx, values), peer=ctx.room is None)

    async def run_schedule(self, schedule: LoadedSchedule, tick: Tick, room: Address | None = None) -> bool:
        """Run a scheduled handler in the lane of ``room``, or of the job, and say and do what it returns.

        What it raises is logged and counted, and makes this False. Does nothing where the module is not active, or has
        no such schedule any more when its turn comes.
        """

        async def work() -> bool:
            current = self._current(schedule)
            place = RoomHandle(room, self.services.link) if room else None
            ctx = self._contexts.of(current.runtime, tick, place) if current is not None else None
            if current is None or ctx is None:
                return True
            name = label(current.runtime, current.spec)
            handled.set(tick)
            self.tallies.of(name).calls += 1
            return await self._guarded(name, tick, limited(_run_call(current, tick, ctx), current.timeout))

        return await self._in_lane(room or tick.job, work)

    async def run_adhoc(self, loaded: LoadedAdhoc, requester: Address, form: Form | None) -> object:
        """Run one step of a hand-written ad-hoc command; returns what it returned.

        Raises ``CommandError`` where the requester may not, or it failed.
        """
        return await self._in_lane(requester.bare, lambda: self._caller.run_adhoc(loaded, requester, form), peer=True)

    async def _guarded(self, name: str, event: Event, work: Awaitable[None]) -> bool:
        """False if it failed."""
        try:
            with self.tallies.of(name).waiting():
                await work
        except Exception as problem:  # the boundary: whatever a bot's code raises
            self._note(name, event, problem)
        except asyncio.CancelledError as problem:
            if being_cancelled():
                raise
            # Not we were cancelled, but something that the handler waited for.
            self._note(name, event, problem)
        else:
            return True
        return False

    async def _in_lane(self, key: Hashable, work: Callable[[], Awaitable[T]], *, peer: bool = False) -> T:
        return await start(self._lanes, key, work, peer=peer)


async def _replied(begun: Begun, ctx: Context[Any], seconds: float) -> None:
    reply = begun.result if begun.done else await go_on(begun, seconds)
    if reply is not None:
        await limited(give(reply, ctx), seconds)


async def _run_call(schedule: LoadedSchedule, tick: Tick, ctx: Context[Any]) -> None:
    await give(kept(await schedule.call(tick, ctx, ()), tick, ctx), ctx)
