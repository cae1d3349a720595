"""Binding: at load, each handler becomes one small closure that calls it with what its annotations ask for."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from botkit.model.events import Event, OccupantEvent, Tick
from botkit.model.forms import Form
from botkit.model.rooms import Occupant
from botkit.routing.context import Context, Reply
from botkit.routing.handles import RoomHandle
from botkit.routing.signature import Argument, Signature, event_types, is_context, plain, read
from botkit.routing.specs import AdhocSpec, HandlerSpec, ScheduleSpec, Spec

Values = tuple[object, ...]
Getter = Callable[[Event, Context[Any], Values], Any]
Call = Callable[[Event, Context[Any], Values], Awaitable[Reply]]
"""A bound handler: called with the event, the context and what its filters yielded."""


@dataclasses.dataclass(frozen=True, slots=True)
class Bound:
    """``events``: the types (with their subclasses) that the handler takes. ``call`` calls it."""

    spec: Spec
    events: tuple[type[Event], ...]
    call: Call


def bind_handler(spec: HandlerSpec) -> tuple[Bound | None, list[str]]:
    """Bind a handler of events. Returns None and the mistakes where it cannot be called."""
    signature = read(spec, "handler")
    events = _narrowed(signature, spec.events)
    yields = spec.filter.yields if spec.filter is not None else ()
    return _bound(signature, events, yields, all(_has_room(e) for e in events))


def bind_schedule(spec: ScheduleSpec) -> tuple[Bound | None, list[str]]:
    """Bind a handler that runs by the clock. Its event is a ``Tick``; it has a room if ``rooms`` is given."""
    signature = read(spec, "schedule")
    return _bound(signature, _narrowed(signature, (Tick,)), (), spec.rooms is not None)


def bind_adhoc(spec: AdhocSpec) -> tuple[Bound | None, list[str]]:
    """Bind a hand-written ad-hoc command. ``values[0]`` is the submitted ``Form``, or None at its first step."""
    signature = read(spec, "ad-hoc command")
    return _bound(signature, _narrowed(signature, (Event,)), (Form,), False)


def _bound(
    signature: Signature, events: tuple[type[Event], ...], yields: tuple[type, ...], in_room: bool
) -> tuple[Bound | None, list[str]]:
    getters: list[Getter] = []
    for argument in signature.arguments:
        getter = source(argument, events, yields, in_room)
        if argument.parameter.kind not in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD):
            signature.cannot(argument, "an event's handler is called with positional arguments alone")
        elif isinstance(getter, str):
            signature.cannot(argument, getter)
        else:
            getters.append(getter)
    if signature.mistakes:
        return None, signature.mistakes
    return Bound(signature.spec, events, _closure(signature.spec.handler, getters)), []


def source(
    argument: Argument, events: tuple[type[Event], ...], yields: tuple[type, ...], in_room: bool
) -> Getter | str:
    """Where an argument comes from; or, as text, why nothing gives it."""
    kind = argument.kind
    if is_context(kind):
        return _context
    if event_types(kind):
        return _event
    if Tick in events and hasattr(plain(kind), "model_validate"):
        return _arguments(plain(kind))
    for index, offered in enumerate(yields):
        if plain(kind) is offered:
            return _yielded(index)
    if kind is RoomHandle:
        if in_room:
            return _room
        return (
            _room if argument.optional else "not all events of this handler happen in a room; use `RoomHandle | None`"
        )
    if kind is Occupant:
        if argument.optional or all(issubclass(e, OccupantEvent) for e in events):
            return _sender
        return "not all events of this handler have an occupant as author; use `Occupant | None`"
    offered_types = ", ".join(t.__name__ for t in yields)
    return f"it is no Context, event, Occupant or RoomHandle, and its filters yield {offered_types or 'nothing'}"


def _context(_event: Event, ctx: Context[Any], _values: Values) -> Any:
    return ctx


def _event(event: Event, _ctx: Context[Any], _values: Values) -> Any:
    return event


def _room(_event: Event, ctx: Context[Any], _values: Values) -> Any:
    return ctx.room


def _sender(_event: Event, ctx: Context[Any], _values: Values) -> Any:
    return ctx.sender


def _yielded(index: int) -> Getter:
    return lambda _event, _ctx, values: values[index]


def _arguments(model: Any) -> Getter:
    """What a job was made with, as its pydantic model; raises ``ValidationError`` where that has changed since."""
    return lambda event, _ctx, _values: model.model_validate(getattr(event, "arguments", None))


def _closure(handler: Callable[..., Any], getters: list[Getter]) -> Call:
    """The call, spelled out for the shapes that most handlers have: this runs once for every event."""
    match getters:
        case [one] if one is _context:
            return lambda event, ctx, values: handler(ctx)
        case [one] if one is _event:
            return lambda event, ctx, values: handler(event)
        case [one, two] if one is _context and two is _event:
            return lambda event, ctx, values: handler(ctx, event)
        case [one, two] if one is _event and two is _context:
            return lambda event, ctx, values: handler(event, ctx)
    sources = tuple(getters)
    return lambda event, ctx, values: handler(*[get(event, ctx, values) for get in sources])


def _narrowed(signature: Signature, offered: tuple[type[Event], ...]) -> tuple[type[Event], ...]:
    """The event types that the annotation leaves of those ``offered``; without an event parameter the first."""
    for argument in signature.arguments:
        wanted = event_types(argument.kind)
        if not wanted:
            continue
        kept = {e for e in offered if issubclass(e, wanted)}
        kept |= {w for w in wanted if issubclass(w, offered)}
        if not kept:
            names = " or ".join(e.__name__ for e in offered)
            signature.cannot(argument, f"the event here is {names}")
            return offered
        return tuple(sorted(kept, key=lambda e: e.__name__))
    return offered[:1]


def _has_room(event: type[Event]) -> bool:
    return any(f.name == "room" for f in dataclasses.fields(event))
