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
from botkit.routing.converters import Converter, Expected, choices_of, complaint, converter_for
from botkit.routing.handles import RoomHandle
from botkit.routing.signature import Argument, Signature, event_types, is_context, plain, read
from botkit.routing.specs import CommandSpec, Parameter, ParameterKind
from botkit.routing.words import Line, UsageError, Word

Invoke = Callable[[Event, Context[Any], Values, Mapping[str, Any]], Awaitable[Reply]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A loaded command. ``wants_room``: it is about one room, so that in 1:1 its first word is that room's JID.

    ``events`` are the events that it can be called by; ``converters`` run with ``parameters``, one each.
    """

    spec: CommandSpec
    module: str
    parameters: tuple[Parameter, ...]
    converters: tuple[Converter, ...]
    events: tuple[type[Event], ...]
    wants_room: bool
    call: Invoke

    @property
    def name(self) -> str:
        """The name without prefix."""
        return self.spec.names[0]

    @property
    def usage(self) -> str:
        """``tempban [--quiet] <who> [span] [reason …]``: in the order in which they are typed, so flags first."""
        flags_first = sorted(self.parameters, key=lambda p: p.kind is not ParameterKind.FLAG)
        return " ".join((self.name, *(p.usage for p in flags_first)))

    def value(self, parameter: Parameter, text: str, ctx: Context[Any]) -> Any:
        """What ``text``, as typed into one field, means for ``parameter``. Raises ``UsageError``."""
        convert = self.converters[self.parameters.index(parameter)]
        return _converted(parameter, convert, Word.of(text, text, 0, len(text), quoted=True), ctx)

    def parse(self, text: str, ctx: Context[Any], at: int = 0) -> dict[str, Any]:
        """Values for the parameters from ``text[at:]``.

        Raises ``UsageError``, and nothing else unless a module's own converter does.
        """
        line = Line(text, at)
        values = _flags(line, self.parameters)
        pairs = zip(self.parameters, self.converters, strict=True)
        for parameter, convert in pairs:
            if parameter.kind is ParameterKind.WORD:
                values[parameter.name] = _one(parameter, convert, line, ctx)
            elif parameter.kind is ParameterKind.REPEATED:
                values[parameter.name] = _many(parameter, convert, line, ctx)
            elif parameter.kind is ParameterKind.REST:
                values[parameter.name] = _rest(parameter, convert, line, ctx)
        if (extra := line.next()) is not None:
            raise UsageError(f"{extra!s} is one word too many", extra.start, len(text))
        return values

    def check(self, values: Mapping[str, object]) -> dict[str, Any]:
        """Already typed values, as a form gives them: defaults filled in, limits checked. Raises ``UsageError``."""
        checked: dict[str, Any] = {}
        for parameter in self.parameters:
            value = values.get(parameter.name)
            if value is None and parameter.required:
                raise UsageError(f"{parameter.name} is missing")
            if value is None:
                checked[parameter.name] = parameter.default
                continue
            each = value if parameter.kind is ParameterKind.REPEATED and isinstance(value, list | tuple) else (value,)
            for one in each:
                if (wanted := complaint(one, parameter.constraints)) is not None:
                    raise UsageError(f"{parameter.name}: expected {wanted}")
            checked[parameter.name] = tuple(each) if parameter.kind is ParameterKind.REPEATED else value
        return checked


def load_command(spec: CommandSpec, module: str, own: Mapping[Any, Converter]) -> tuple[Command | None, list[str]]:
    """Compile a recorded command. Returns None and the mistakes where it cannot be called."""
    signature = read(spec, "command")
    yields = spec.filter.yields if spec.filter is not None else ()
    getters: list[tuple[Argument, Getter | None]] = []
    parameters: list[Parameter] = []
    converters: list[Converter] = []
    events: tuple[type[Event], ...] = (RoomMessage, PrivateMessage, DirectMessage, CommandCalled)
    wants_room = any(isinstance(right, Affiliation | Role) for right in spec.needs)
    for argument in signature.arguments:
        kind = argument.kind
        if named := event_types(kind):
            events = tuple(e for e in events if issubclass(e, named))
            if not events:
                signature.cannot(argument, "a command is called by a RoomMessage, PrivateMessage or DirectMessage")
        wants_room = wants_room or (kind in (RoomHandle, Occupant) and not argument.optional)
        if is_context(kind) or event_types(kind) or kind is RoomHandle or any(plain(kind) is y for y in yields):
            getter = source(argument, events, yields, in_room=True)
            getters.append((argument, None if isinstance(getter, str) else getter))
            continue
        converter = converter_for(kind, own)
        if converter is None:
            signature.cannot(argument, "no converter makes such a value of a word; see Router.converter")
            continue
        getters.append((argument, None))
        parameters.append(_parameter(argument))
        converters.append(converter)
    _check_order(signature, parameters)
    if signature.mistakes:
        return None, signature.mistakes
    command = Command(
        spec=spec,
        module=module,
        parameters=tuple(parameters),
        converters=tuple(converters),
        events=events,
        wants_room=wants_room,
        call=_caller(spec.handler, getters),
    )
    return command, []


def _parameter(argument: Argument) -> Parameter:
    empty = inspect.Parameter.empty
    kind = ParameterKind.WORD
    if argument.parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        kind = ParameterKind.REPEATED
    elif argument.parameter.kind is inspect.Parameter.KEYWORD_ONLY:
        kind = ParameterKind.FLAG if argument.kind is bool else ParameterKind.REST
    default = argument.default if argument.default is not empty else None
    if kind is ParameterKind.REPEATED:
        default = ()
    if kind is ParameterKind.FLAG:
        default = bool(default)
    return Parameter(
        name=argument.name,
        kind=kind,
        type=argument.kind,
        required=kind in (ParameterKind.WORD, ParameterKind.REST)
        and argument.default is empty
        and not argument.optional,
        default=default,
        choices=tuple(choices_of(argument.kind)),
        constraints=tuple(extra for extra in argument.extras if not isinstance(extra, str)),
        doc=next((extra for extra in argument.extras if isinstance(extra, str)), None),
    )


def _check_order(signature: Signature, parameters: list[Parameter]) -> None:
    arguments = {a.name: a for a in signature.arguments}
    kinds = [p.kind for p in parameters]
    for index, parameter in enumerate(parameters):
        argument = arguments[parameter.name]
        before = parameters[:index]
        if parameter.kind is ParameterKind.REST and ParameterKind.REPEATED in kinds:
            signature.cannot(argument, "the repeated words before it leave nothing for the rest of the line")
        elif parameter.kind is ParameterKind.REST and ParameterKind.REST in kinds[:index]:
            signature.cannot(argument, "another parameter takes the rest of the line already")
        elif parameter.required and any(p.kind is ParameterKind.WORD and not p.required for p in before):
            signature.cannot(argument, "it is required, but stands after an optional one")


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


def _flags(line: Line, parameters: tuple[Parameter, ...]) -> dict[str, Any]:
    """Flags stand before everything else: behind it, ``--`` may be part of what somebody says."""
    flags = {p.name.replace("_", "-"): p for p in parameters if p.kind is ParameterKind.FLAG}
    values: dict[str, Any] = {p.name: p.default for p in flags.values()}
    while flags and line.text.startswith("--", line.at):
        word = line.next()
        if word is None or word == "--":
            break
        flag = flags.get(word[2:])
        if flag is None:
            known = ", ".join(f"--{name}" for name in flags)
            raise UsageError(f"{word!s} is unknown; there is {known}", word.start, word.end)
        values[flag.name] = not flag.default
    return values


def _one(parameter: Parameter, convert: Converter, line: Line, ctx: Context[Any]) -> Any:
    word = line.next()
    if word is not None:
        return _converted(parameter, convert, word, ctx)
    if parameter.required:
        raise UsageError(f"{parameter.name} is missing", len(line.text), len(line.text))
    return parameter.default


def _many(parameter: Parameter, convert: Converter, line: Line, ctx: Context[Any]) -> tuple[Any, ...]:
    found = []
    while (word := line.next()) is not None:
        found.append(_converted(parameter, convert, word, ctx))
    return tuple(found)


def _rest(parameter: Parameter, convert: Converter, line: Line, ctx: Context[Any]) -> Any:
    start = line.at
    text = line.rest()
    if text:
        return _converted(parameter, convert, Word.of(text, line.text, start, start + len(text), quoted=True), ctx)
    if parameter.required:
        raise UsageError(f"{parameter.name} is missing", len(line.text), len(line.text))
    return parameter.default


def _converted(parameter: Parameter, convert: Converter, word: Word, ctx: Context[Any]) -> Any:
    shown = f'{parameter.name} "{word if len(word) <= 40 else word[:39] + "…"}"'
    try:
        value = convert(word, ctx)
    except Expected as problem:
        raise UsageError(f"{shown}: expected {problem}", word.start, word.end) from None
    except ValueError as problem:
        raise UsageError(f"{shown}: {problem}", word.start, word.end) from None
    if (wanted := complaint(value, parameter.constraints)) is not None:
        raise UsageError(f"{shown}: expected {wanted}", word.start, word.end)
    return value
