"""From routers to tables: what is to be called for which type of event, and for which word."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from botkit.errors import ConfigError
from botkit.model.address import Address
from botkit.model.events import Event
from botkit.routing.binding import Bound, Call, Values, bind_adhoc, bind_handler, bind_schedule
from botkit.routing.commands import Command, load_command
from botkit.routing.context import Context, Middleware, ModuleStorage, Next, Reply
from botkit.routing.converters import Converter
from botkit.routing.filters import Yield
from botkit.routing.naming import groups_of
from botkit.routing.router import Router
from botkit.routing.specs import AdhocSpec, CommandSpec, HandlerSpec, ScheduleSpec, Spec
from botkit.routing.tally import Tallies, Tally


class ModuleRuntime(Protocol):
    """A loaded module, as the dispatcher needs it. What the two methods answer is remembered (``forget_settings``)."""

    @property
    def name(self) -> str:
        """The module's name in the config."""

    @property
    def router(self) -> Router:
        """Its handlers."""

    @property
    def storage(self) -> ModuleStorage:
        """Its own values."""

    def settings_for(self, room: Address | None) -> object:
        """Its config merged for a room; None: for what belongs to no room."""

    def active_in(self, room: Address | None) -> bool:
        """Does it work in this room; None: outside of rooms?"""


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """One handler of one module, ready to be called. ``name`` is for logs."""

    runtime: ModuleRuntime
    spec: HandlerSpec
    events: tuple[type[Event], ...]
    call: Call
    check: Callable[[Event, Context[Any]], bool | Yield] | None
    catch_up: bool
    own: bool
    commands: bool
    urgent: bool
    timeout: float
    name: str
    tally: Tally


@dataclass(frozen=True, slots=True, eq=False)
class LoadedCommand:
    """One command of one module. ``rings`` are the middlewares around it, outermost first."""

    runtime: ModuleRuntime
    command: Command
    rings: tuple[Middleware, ...]
    timeout: float


@dataclass(frozen=True, slots=True, eq=False)
class LoadedSchedule:
    """One scheduled handler of one module."""

    runtime: ModuleRuntime
    spec: ScheduleSpec
    call: Call
    timeout: float


@dataclass(frozen=True, slots=True, eq=False)
class LoadedAdhoc:
    """One hand-written ad-hoc command of one module; ``call`` takes ``(form,)`` as values."""

    runtime: ModuleRuntime
    spec: AdhocSpec
    call: Call
    timeout: float


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Everything that the modules want, in order. ``by_name`` has every name and alias, casefolded;
    ``groups`` every first word of several, likewise, with what it is for."""

    handlers: tuple[Loaded, ...]
    commands: tuple[LoadedCommand, ...]
    by_name: dict[str, tuple[LoadedCommand, ...]]
    groups: dict[str, str]
    schedules: tuple[LoadedSchedule, ...]
    adhoc: tuple[LoadedAdhoc, ...]

    def names(self) -> set[str]:
        """What its calls and failures are counted by: of each module, and of each thing of it that is called."""
        called: list[tuple[ModuleRuntime, Spec]] = [(one.runtime, one.command.spec) for one in self.commands]
        called += [(one.runtime, one.spec) for one in self.handlers]
        called += [(one.runtime, one.spec) for one in self.schedules]
        called += [(one.runtime, one.spec) for one in self.adhoc]
        return {label(runtime, spec) for runtime, spec in called} | {runtime.name for runtime, _ in called}

    def of_type(self, event: type[Event]) -> tuple[Loaded, ...]:
        """The handlers of this type of event."""
        return tuple(h for h in self.handlers if issubclass(event, h.events))


@dataclass(slots=True)
class _Draft:
    handlers: list[Loaded]
    commands: list[LoadedCommand]
    schedules: list[LoadedSchedule]
    adhoc: list[LoadedAdhoc]
    mistakes: list[str]
    tallies: Tallies


def make_plan(modules: Sequence[ModuleRuntime], timeout: float = 60.0, tallies: Tallies | None = None) -> Plan:
    """Compile all modules. Raises ``ConfigError`` with every mistake of every handler.

    ``tallies``: where calls are counted, so that they go on where a handler was there before.
    """
    draft = _Draft([], [], [], [], [], tallies or Tallies())
    for runtime in modules:
        _collect(draft, runtime, runtime.router, (), {}, timeout)
    if draft.mistakes:
        raise ConfigError(draft.mistakes)
    by_name: dict[str, tuple[LoadedCommand, ...]] = {}
    for loaded in draft.commands:
        for name in loaded.command.spec.names:
            by_name[name.casefold()] = (*by_name.get(name.casefold(), ()), loaded)
    return Plan(
        handlers=tuple(draft.handlers),
        commands=tuple(draft.commands),
        by_name=by_name,
        groups=groups_of(runtime.router for runtime in modules),
        schedules=tuple(draft.schedules),
        adhoc=tuple(draft.adhoc),
    )


def check(router: Router) -> list[str]:
    """Every mistake of every handler of ``router``: ``file:line: handler `name`: …``; empty if all can be called."""
    try:
        make_plan([_Unconfigured(router)])
    except ConfigError as found:
        return list(found.mistakes)
    return []


class _Unconfigured:
    """A router alone, for ``check``."""

    def __init__(self, router: Router) -> None:
        self.name = router.name
        self.router = router

    @property
    def storage(self) -> ModuleStorage:
        raise NotImplementedError("a router that is only checked stores nothing")

    def settings_for(self, room: Address | None) -> object:
        return None

    def active_in(self, room: Address | None) -> bool:
        return False


def _collect(
    draft: _Draft,
    runtime: ModuleRuntime,
    router: Router,
    rings: tuple[Middleware, ...],
    converters: dict[Any, Converter],
    timeout: float,
) -> None:
    rings = (*rings, *router.middlewares)
    converters = converters | router.converters
    handlers_done = commands_done = 0
    for handlers_before, commands_before, inner in (
        *router.included,
        (len(router.handlers), len(router.commands), None),
    ):
        for handler in router.handlers[handlers_done:handlers_before]:
            _load_handler(draft, runtime, handler, rings, timeout, router.urgent)
        for command in router.commands[commands_done:commands_before]:
            _load_command(draft, runtime, command, rings, converters, timeout)
        handlers_done, commands_done = handlers_before, commands_before
        if inner is not None:
            _collect(draft, runtime, inner, rings, converters, timeout)
    for schedule in (*router.schedules, *_made(draft, runtime, router)):
        bound = _kept(draft, bind_schedule(schedule))
        if bound is not None:
            call = in_rings(bound.call, rings)
            draft.schedules.append(LoadedSchedule(runtime, schedule, call, schedule.timeout or timeout))
    for adhoc in router.adhoc_commands:
        bound = _kept(draft, bind_adhoc(adhoc))
        if bound is not None:
            draft.adhoc.append(LoadedAdhoc(runtime, adhoc, bound.call, adhoc.timeout or timeout))


def _made(draft: _Draft, runtime: ModuleRuntime, router: Router) -> list[ScheduleSpec]:
    """The schedules that follow from the module's settings."""
    settings = runtime.settings_for(None) if router.schedule_makers else None
    if settings is None:  # checked without a config
        return []
    found: list[ScheduleSpec] = []
    for make in router.schedule_makers:
        try:
            found += make(settings)
        except ConfigError as problem:
            draft.mistakes += problem.mistakes
    return found


def _load_handler(
    draft: _Draft,
    runtime: ModuleRuntime,
    spec: HandlerSpec,
    rings: tuple[Middleware, ...],
    timeout: float,
    urgent: bool,
) -> None:
    bound = _kept(draft, bind_handler(spec))
    if bound is None:
        return
    draft.handlers.append(
        Loaded(
            runtime=runtime,
            spec=spec,
            events=bound.events,
            call=in_rings(bound.call, rings),
            check=spec.filter.check if spec.filter is not None else None,
            catch_up=spec.catch_up,
            own=spec.own,
            commands=spec.commands,
            urgent=urgent,
            timeout=spec.timeout or timeout,
            name=label(runtime, spec),
            tally=draft.tallies.of(label(runtime, spec)),
        )
    )


def _load_command(
    draft: _Draft,
    runtime: ModuleRuntime,
    spec: CommandSpec,
    rings: tuple[Middleware, ...],
    converters: dict[Any, Converter],
    timeout: float,
) -> None:
    command, mistakes = load_command(spec, runtime.name, converters)
    draft.mistakes += mistakes
    if command is not None:
        draft.commands.append(LoadedCommand(runtime, command, rings, spec.timeout or timeout))


def _kept(draft: _Draft, found: tuple[Bound | None, Iterable[str]]) -> Bound | None:
    bound, mistakes = found
    draft.mistakes += mistakes
    return bound


def in_rings(call: Call, rings: tuple[Middleware, ...]) -> Call:
    """``call`` with the middlewares around it, the first one outermost."""
    if not rings:
        return call

    def ringed(event: Event, ctx: Context[Any], values: Values) -> Any:
        async def innermost(event: Event, ctx: Context[Any]) -> Reply:
            return await call(event, ctx, values)

        inner: Next = innermost
        for ring in reversed(rings):
            inner = partial(ring, inner)
        return inner(event, ctx)

    return ringed


def label(runtime: ModuleRuntime, spec: Spec) -> str:
    """``module.function``."""
    return f"{runtime.name}.{spec.name}"
