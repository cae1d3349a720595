"""The parameters of a command, made of its handler's arguments."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

from botkit.routing.constraints import check_of, described
from botkit.routing.converters import Converter, choices_of
from botkit.routing.options import short_letters
from botkit.routing.signature import Argument, Signature
from botkit.routing.specs import Option, Parameter, ParameterKind, Replied

_EMPTY = inspect.Parameter.empty


def make_parameters(
    signature: Signature, typed: Sequence[tuple[Argument, Converter]]
) -> list[tuple[Parameter, Converter]]:
    """A parameter for each argument that people type; what cannot be is noted in ``signature``."""
    kinds = _kinds([argument for argument, _ in typed])
    letters = _letters(signature, [argument for argument, _ in typed], kinds)
    found: list[tuple[Parameter, Converter]] = []
    for argument, converter in typed:
        parameter = _parameter(signature, argument, kinds[argument.name], letters.get(argument.name))
        if parameter.kind is ParameterKind.WORD and parameter.required:
            before = [p for p, _ in found if p.kind is ParameterKind.WORD and not p.required]
            if before:
                signature.cannot(argument, "it is required, but stands after an optional one")
        found.append((parameter, converter))
    return found


def _kinds(arguments: Sequence[Argument]) -> dict[str, ParameterKind]:
    named = [a for a in arguments if a.parameter.kind is inspect.Parameter.KEYWORD_ONLY]
    repeated = any(a.parameter.kind is inspect.Parameter.VAR_POSITIONAL for a in arguments)
    kinds: dict[str, ParameterKind] = {}
    for argument in arguments:
        if any(isinstance(extra, Replied) for extra in argument.extras):
            kinds[argument.name] = ParameterKind.REPLY
        elif argument.parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            kinds[argument.name] = ParameterKind.REPEATED
        elif argument not in named:
            kinds[argument.name] = ParameterKind.WORD
        else:
            kinds[argument.name] = ParameterKind.FLAG if argument.kind is bool else ParameterKind.OPTION
    # the words that are repeated leave nothing for a rest
    last = next((a for a in reversed(named) if kinds[a.name] is ParameterKind.OPTION), None)
    if last is not None and not repeated and _marked(last) is None:
        kinds[last.name] = ParameterKind.REST
    return kinds


def _marked(argument: Argument) -> Option | None:
    return next((extra for extra in argument.extras if isinstance(extra, Option)), None)


def _letters(signature: Signature, arguments: Sequence[Argument], kinds: dict[str, ParameterKind]) -> dict[str, str]:
    chosen: dict[str, str] = {}
    for argument in arguments:
        mark = _marked(argument)
        if mark is None:
            continue
        if kinds[argument.name] not in (ParameterKind.FLAG, ParameterKind.OPTION):
            signature.cannot(argument, "an Option is keyword-only: it stands behind a * in the signature")
        elif mark.short is not None and not (len(mark.short) == 1 and mark.short.isalpha()):
            signature.cannot(argument, f"{mark.short!r} is no letter")
        elif mark.short is not None and mark.short in chosen.values():
            signature.cannot(argument, f"-{mark.short} is another option already")
        elif mark.short is not None:
            chosen[argument.name] = mark.short
    flags = [a.name for a in arguments if kinds[a.name] is ParameterKind.FLAG]
    return chosen | short_letters({name: chosen.get(name) for name in flags}, chosen.values())


def _parameter(signature: Signature, argument: Argument, kind: ParameterKind, short: str | None) -> Parameter:
    extras = tuple(extra for extra in argument.extras if not isinstance(extra, Option | Replied))
    check = None
    try:
        check = check_of(argument.kind, extras)
    except ValueError as problem:
        signature.cannot(argument, str(problem))
    default = argument.default if argument.default is not _EMPTY else None
    if kind is ParameterKind.REPEATED:
        default = ()
    elif kind is ParameterKind.FLAG:
        default = bool(default)
    needed = kind not in (ParameterKind.FLAG, ParameterKind.REPEATED)
    return Parameter(
        name=argument.name,
        kind=kind,
        type=argument.kind,
        required=needed and argument.default is _EMPTY and not argument.optional,
        default=default,
        choices=tuple(choices_of(argument.kind)),
        constraints=tuple(extra for extra in extras if not isinstance(extra, str)),
        doc=described(extras),
        short=short,
        check=check,
    )
