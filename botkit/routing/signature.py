"""Reading a handler's signature: its annotations resolved, its mistakes named."""

from __future__ import annotations

import inspect
import types
import typing
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from botkit.model.events import Event
from botkit.routing.context import Context
from botkit.routing.specs import Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One parameter of a handler. ``kind`` is the annotation without ``Annotated`` and ``| None``."""

    name: str
    kind: Any
    shown: str
    optional: bool
    extras: tuple[Any, ...]
    parameter: inspect.Parameter

    @property
    def default(self) -> Any:
        """The default, or ``inspect.Parameter.empty``."""
        return self.parameter.default


@dataclass(slots=True)
class Signature:
    """A handler's parameters, and what is wrong with it so far, one line each."""

    spec: Spec
    what: str
    arguments: list[Argument]
    mistakes: list[str]

    def cannot(self, argument: Argument, why: str) -> None:
        """Note that ``argument`` can't be bound."""
        self.mistakes.append(
            f"{self.spec.place}: {self.what} `{self.spec.name}`: parameter `{argument.shown}` can't be bound: {why}"
        )

    def wrong(self, why: str) -> None:
        """Note a mistake of the handler as a whole."""
        self.mistakes.append(f"{self.spec.place}: {self.what} `{self.spec.name}`: {why}")


def read(spec: Spec, what: str) -> Signature:
    """The signature of a recorded handler; ``what`` it is ("handler", "command") is for its mistakes."""
    found = Signature(spec, what, [], [])
    if not inspect.iscoroutinefunction(spec.handler):
        found.wrong("is no `async def` function")
        return found
    for parameter in inspect.signature(spec.handler).parameters.values():
        try:
            annotation = _resolved(spec.handler, parameter)
        except Exception as problem:  # whatever evaluating somebody's annotations raises
            found.cannot(
                _argument(parameter, inspect.Parameter.empty, str(parameter)),
                f"{problem}; what an annotation names must be there when the module is imported",
            )
            continue
        argument = _argument(parameter, annotation)
        if argument.parameter.kind is inspect.Parameter.VAR_KEYWORD:
            found.cannot(argument, "nothing is ever given by a name that the signature does not have")
        elif argument.kind is inspect.Parameter.empty:
            found.cannot(argument, "it has no annotation, and arguments are bound by type")
        else:
            found.arguments.append(argument)
    return found


def _resolved(handler: Any, parameter: inspect.Parameter) -> Any:
    """The annotation as a type. What is returned may be annotated with anything: only parameters are looked at."""
    if parameter.annotation is inspect.Parameter.empty:
        return parameter.annotation
    holder = types.SimpleNamespace(__annotations__={parameter.name: parameter.annotation})
    globals_of = getattr(inspect.unwrap(handler), "__globals__", {})
    return typing.get_type_hints(holder, globals_of, include_extras=True)[parameter.name]


def _argument(parameter: inspect.Parameter, annotation: Any, shown: str | None = None) -> Argument:
    star = ""
    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        star = "*"
    elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
        star = "**"
    if annotation is inspect.Parameter.empty and parameter.name == "ctx":
        annotation = Context
    if shown is None:
        typed = f": {_shown(annotation)}" if annotation is not inspect.Parameter.empty else ""
        shown = star + parameter.name + typed
    extras: tuple[Any, ...] = ()
    if get_origin(annotation) is Annotated:
        annotation, *found = get_args(annotation)
        extras = tuple(found)
    kind, optional = _without_none(annotation)
    if get_origin(kind) is Annotated:  # Annotated[int, Range(1, 10)] | None
        kind, *found = get_args(kind)
        extras += tuple(found)
    return Argument(name=parameter.name, kind=kind, shown=shown, optional=optional, extras=extras, parameter=parameter)


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) not in (Union, types.UnionType):
        return annotation, False
    members = [m for m in get_args(annotation) if m is not types.NoneType]
    if len(members) == len(get_args(annotation)):
        return annotation, False
    return (members[0] if len(members) == 1 else Union[tuple(members)]), True  # noqa: UP007 - built at run time


def _shown(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")


def is_context(kind: Any) -> bool:
    """True for ``Context`` and ``Context[Config]``."""
    return kind is Context or get_origin(kind) is Context


def event_types(kind: Any) -> tuple[type[Event], ...]:
    """The event types that an annotation names, alone or in a union; () if it names something else."""
    members = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    if all(isinstance(m, type) and issubclass(m, Event) for m in members):
        return tuple(members)
    return ()


def plain(kind: Any) -> Any:
    """A type without its parameters: ``re.Match[str]`` is ``re.Match``."""
    return get_origin(kind) or kind
