"""Commands: from a signature to typed parameters, and from a line of text to their values."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botkit.model.events import DirectMessage, Event, PrivateMessage, RoomMessage
from botkit.model.rooms import Affiliation, Occupant, Role
from botkit.routing.binding import Getter, Values, source
from botkit.routing.called import CommandCalled
from botkit.routing.context import Context, Reply
from botkit.routing.converters import NO_WORD, Converter, converter_for
from botkit.routing.handles import RoomHandle
from botkit.routing.options import Options
from botkit.routing.parameters import make_parameters
from botkit.routing.reading import expected, next_value, whole_value
from botkit.routing.signature import Argument, event_types, is_context, plain, read
from botkit.routing.specs import CommandSpec, Parameter, ParameterKind, Replied
from botkit.routing.words import Line, UsageError, Word

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
Invoke = Callable[[Event, Context[Any], Values, Mapping[str, Any]], Awaitable[Reply]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A loaded command. ``wants_room``: it is about one room, so that in 1:1 its first word is that room's JID.

    ``events`` are the events that it can be called by; ``converters`` run with ``parameters``, one each.
    ``prepares``: something must be waited for before a line can be read (``replied.prepare``).
    ``placed`` are the parameters that are known by their place in the line, ``options`` those that have names.
    """

    spec: CommandSpec
    module: str
    parameters: tuple[Parameter, ...]
    converters: tuple[Converter, ...]
    placed: tuple[tuple[Parameter, Converter], ...]
    options: Options
    events: tuple[type[Event], ...]
    wants_room: bool
    call: Invoke
    prepares: bool

    @property
    def timed(self) -> bool:
        """True if a parameter is a time by the asker's clock."""
        return any(converter.timed for converter in self.converters)

    @property
    def name(self) -> str:
        """The name without prefix."""
        return self.spec.names[0]

    @property
    def usage(self) -> str:
        """``tempban [--quiet] <who> [span] [reason …]``: in the order in which they are typed, so flags first."""
        named = (ParameterKind.FLAG, ParameterKind.OPTION, ParameterKind.REPLY)
        options_first = sorted(self.parameters, key=lambda p: p.kind not in named)
        return " ".join((self.name, *(p.usage for p in options_first)))

    def value(self, parameter: Parameter, text: str, ctx: Context[Any]) -> Any:
        """What ``text``, as typed into one field, means for ``parameter``. Raises ``UsageError``."""
        convert = self.converters[self.parameters.index(parameter)]
        return whole_value(parameter, convert, Word.of(text, 0, len(text), quoted=True), ctx)

    def parse(
        self, text: str, ctx: Context[Any], at: int = 0, given: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Values for the parameters from ``text[at:]``; ``given`` are those that no word gives (``replied.prepare``).

        Raises ``UsageError``, and nothing else unless a module's own converter does.
        """
        line = Line(text, at)
        values: dict[str, Any] = {**given} if given else {}
        for parameter, convert in self.placed:
            self.options.take(line, values, ctx)
            if parameter.kind is ParameterKind.REPEATED:
                values[parameter.name] = self._many(parameter, convert, line, values, ctx)
            elif parameter.kind is ParameterKind.REST:
                _rest(parameter, convert, line, values, ctx)
            elif not line.done:
                values[parameter.name] = next_value(parameter, convert, line, ctx)
            elif parameter.required:
                raise UsageError(_missing(parameter), len(text), len(text))
        self.options.take(line, values, ctx)
        if (extra := line.next()) is not None:
            raise UsageError(f"{extra!s} is one word too many", extra.start, len(text))
        for parameter in self.parameters:
            if parameter.name not in values:
                if parameter.required:
                    raise UsageError(_missing(parameter), len(text), len(text))
                values[parameter.name] = parameter.default
        return values

    def _many(
        self, parameter: Parameter, convert: Converter, line: Line, values: dict[str, Any], ctx: Context[Any]
    ) -> tuple[Any, ...]:
        found = []
        while not line.done:
            found.append(next_value(parameter, convert, line, ctx))
            self.options.take(line, values, ctx)
        return tuple(found)

    def check(self, values: Mapping[str, object]) -> dict[str, Any]:
        """Already typed values, as a form gives them: defaults filled in, limits checked. Raises ``UsageError``."""
        checked: dict[str, Any] = {}
        for parameter in self.parameters:
            value = values.get(parameter.name)
            if value is None and parameter.required:
                raise UsageError(_missing(parameter))
            if value is None:
                checked[parameter.name] = parameter.default
                continue
            repeated = parameter.kind is ParameterKind.REPEATED
            each = value if repeated and isinstance(value, list | tuple) else (value,)
            try:
                fit = tuple(parameter.check(one) if parameter.check is not None else one for one in each)
            except ValueError as problem:
                raise UsageError(f"{parameter.shown}: {expected(problem)}") from None
            checked[parameter.name] = fit if repeated else fit[0]
        return checked


def load_command(spec: CommandSpec, module: str, own: Mapping[Any, Converter]) -> tuple[Command | None, list[str]]:
    """Compile a recorded command. Returns None and the mistakes where it cannot be called."""
    signature = read(spec, "command")
    yields = spec.filter.yields if spec.filter is not None else ()
    getters: list[tuple[Argument, Getter | None]] = []
    typed: list[tuple[Argument, Converter]] = []
    events: tuple[type[Event], ...] = (RoomMessage, PrivateMessage, DirectMessage, CommandCalled)
    wants_room = any(isinstance(right, Affiliation | Role) for right in spec.needs)
    about: Argument | None = None
    for argument in signature.arguments:
        kind = argument.kind
        replied = any(isinstance(extra, Replied) for extra in argument.extras)
        named = () if replied else event_types(kind)
        if named:
            events = tuple(e for e in events if issubclass(e, named))
            if not events:
                signature.cannot(argument, "a command is called by a RoomMessage, PrivateMessage or DirectMessage")
        if kind is RoomHandle and about is None and argument.parameter.kind in _POSITIONAL:
            about = argument  # the room that the command is about; any other is one that is named
        wants_room = wants_room or ((argument is about or kind is Occupant or replied) and not argument.optional)
        if is_context(kind) or named or argument is about or any(plain(kind) is y for y in yields):
            getter = source(argument, events, yields, in_room=True)
            getters.append((argument, None if isinstance(getter, str) else getter))
            continue
        getters.append((argument, None))
        converter = NO_WORD if replied else converter_for(kind, own)
        if converter is None:
            signature.cannot(argument, "no converter makes such a value of a word; see Router.converter")
        else:
            typed.append((argument, converter))
    pairs = make_parameters(signature, typed)
    if signature.mistakes:
        return None, signature.mistakes
    by_name = (ParameterKind.FLAG, ParameterKind.OPTION, ParameterKind.REPLY)
    command = Command(
        spec=spec,
        module=module,
        parameters=tuple(parameter for parameter, _ in pairs),
        converters=tuple(converter for _, converter in pairs),
        placed=tuple(pair for pair in pairs if pair[0].kind not in by_name),
        options=Options(pairs),
        events=events,
        wants_room=wants_room,
        call=_caller(spec.handler, getters),
        prepares=any(c.timed or p.kind is ParameterKind.REPLY for p, c in pairs),
    )
    return command, []


def _caller(handler: Callable[..., Any], getters: list[tuple[Argument, Getter | None]]) -> Invoke:
    def call(event: Event, ctx: Context[Any], yields: Values, values: Mapping[str, Any]) -> Awaitable[Reply]:
        positional: list[Any] = []
        named: dict[str, Any] = {}
        for argument, getter in getters:
            value = getter(event, ctx, yields) if getter is not None else values[argument.name]
            if argument.parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                positional.extend(value)
            elif argument.parameter.kind is inspect.Parameter.KEYWORD_ONLY:
                named[argument.name] = value
            else:
                positional.append(value)
        answer: Awaitable[Reply] = handler(*positional, **named)
        return answer

    return call


# --- one line -------------------------------------------------------------------------------------------------


def _rest(parameter: Parameter, convert: Converter, line: Line, values: dict[str, Any], ctx: Context[Any]) -> None:
    if parameter.name in values:  # given as an option
        return
    start = line.at
    word = line.next() if parameter.type is not str and line.quoted else None
    if word is None or not line.done:  # as it was typed, unless all of it is one word in quotes that means something
        line.at = start
        text = line.rest()
        word = Word.of(text, start, start + len(text), quoted=True)
    if word:
        values[parameter.name] = whole_value(parameter, convert, word, ctx)


def _missing(parameter: Parameter) -> str:
    if parameter.kind is ParameterKind.OPTION:
        return f"--{parameter.shown}=… is missing"
    return f"{parameter.shown} is missing"
