"""Forms for typed commands: made of their parameters, and read back (XEP-0004, XEP-0122)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from enum import Enum
from typing import Any

from botkit.model.address import Address
from botkit.model.forms import Field, FieldKind, Form, Option
from botkit.model.rooms import Affiliation, Occupant, Role
from botkit.routing.commands import Command
from botkit.routing.context import Context
from botkit.routing.converters import Expected, complaint
from botkit.routing.specs import Parameter, ParameterKind

MOST_OPTIONS = 200
"""A room with more people than this gets a text field for a nick; a list would be too long to choose from."""


def room_var(command: Command) -> str:
    """The name of the field in which the room is chosen: ``room``, unless a parameter is called so."""
    return "_room" if any(p.name == "room" for p in command.parameters) else "room"


def command_form(command: Command, rooms: Sequence[Address], nicks: Sequence[str] | None) -> Form:
    """What to fill in for ``command``. With several ``rooms`` its first field chooses one.

    ``nicks``: who is in the one room that it is about, None where that is not settled yet.
    """
    fields: list[Field] = []
    if len(rooms) > 1:
        options = tuple(Option(value=str(room)) for room in rooms)
        fields.append(
            Field(var=room_var(command), kind=FieldKind.LIST_SINGLE, label="Room", required=True, options=options)
        )
    fields += [_field(parameter, nicks) for parameter in command.parameters]
    instructions = tuple(line for line in (command.spec.summary,) if line)
    return Form(kind="form", title=command.name, instructions=instructions, fields=tuple(fields))


def filled_again(form: Form, submitted: Form) -> Form:
    """``form`` with what was submitted in its fields, to be shown once more."""
    given = submitted.values()
    fields = tuple(replace(f, values=given.get(f.var, f.values)) for f in form.fields)
    return replace(form, fields=fields)


def read_form(command: Command, form: Form, ctx: Context[Any]) -> tuple[dict[str, Any], list[str]]:
    """The values that ``form`` gives to the command's parameters, and one line for each fault.

    An empty field is one that was not filled in; unknown fields are ignored (XEP-0004 §3.3).
    """
    given = form.values()
    values: dict[str, Any] = {}
    faults: list[str] = []
    for parameter, convert in zip(command.parameters, command.converters, strict=True):
        texts = [text for text in given.get(parameter.name, ()) if text.strip()]
        if not texts:
            if parameter.required:
                faults.append(f"{_label(parameter)} is missing")
            continue
        if parameter.kind is not ParameterKind.REPEATED:
            # a text-multi in answer to a text-single: several lines are one text
            texts = [" ".join(texts)] if parameter.type is str else texts[:1]
        found = []
        for text in texts:
            try:
                value = convert(text.strip(), ctx)
            except Expected as problem:
                faults.append(f"{_label(parameter)}: {text[:40]!r}; expected {problem}")
                continue
            except ValueError as problem:
                faults.append(f"{_label(parameter)}: {text[:40]!r}: {problem}")
                continue
            if (wanted := complaint(value, parameter.constraints)) is not None:
                faults.append(f"{_label(parameter)}: {text[:40]!r}; expected {wanted}")
            found.append(value)
        if found:
            values[parameter.name] = tuple(found) if parameter.kind is ParameterKind.REPEATED else found[0]
    return values, faults


def shown(value: object) -> str:
    """A typed value as text that the same converter reads."""
    match value:
        case bool():
            return "1" if value else "0"
        case Affiliation() | Role():
            return value.word
        case Enum():
            return value.name.lower().replace("_", "-")
        case timedelta():
            return f"{int(value.total_seconds())}s"
    return str(value)


def result_form(text: str) -> Form:
    """A text of several lines as a result."""
    lines = tuple(line for line in text.splitlines() if line.strip())
    return Form(kind="result", fields=(Field(var="result", kind=FieldKind.TEXT_MULTI, values=lines),))


def _field(parameter: Parameter, nicks: Sequence[str] | None) -> Field:
    repeated = parameter.kind is ParameterKind.REPEATED
    kind, datatype, desc = FieldKind.TEXT_SINGLE, None, parameter.doc
    options: tuple[Option, ...] = ()
    if parameter.choices:
        kind = FieldKind.LIST_MULTI if repeated else FieldKind.LIST_SINGLE
        options = tuple(Option(value=word) for word in parameter.choices)
    elif parameter.type is bool:
        kind = FieldKind.BOOLEAN
    elif parameter.type is Address:
        kind = FieldKind.JID_MULTI if repeated else FieldKind.JID_SINGLE
    elif parameter.type is Occupant and nicks is not None and 0 < len(nicks) <= MOST_OPTIONS and not repeated:
        kind = FieldKind.LIST_SINGLE
        options = tuple(Option(value=nick) for nick in nicks)
    elif repeated:
        kind = FieldKind.TEXT_MULTI
    elif parameter.type in (int, float):
        datatype = "xs:integer" if parameter.type is int else "xs:decimal"
    if parameter.type is timedelta:
        desc = desc or "a length of time like 30m, 1h30m or 2d"
    elif parameter.type is Occupant:
        desc = desc or "a nick, exactly as it is shown in the room"
    low, high = _range(parameter) if datatype else (None, None)
    default = () if parameter.default in (None, ()) else (shown(parameter.default),)
    return Field(
        var=parameter.name, kind=kind, label=_label(parameter), desc=desc, required=parameter.required, values=default,
        options=options, datatype=datatype, minimum=low, maximum=high,
    )  # fmt: skip


def _label(parameter: Parameter) -> str:
    return parameter.name.replace("_", " ").capitalize()


def _range(parameter: Parameter) -> tuple[str | None, str | None]:
    """Both ends as XEP-0122 §3.2.2 has them (inclusive); exclusive ones are checked on return alone."""
    low: object = None
    high: object = None
    for constraint in parameter.constraints:
        for marker in (constraint, *getattr(constraint, "metadata", ())):
            low = next((v for n in ("low", "ge") if (v := getattr(marker, n, None)) is not None), low)
            high = next((v for n in ("high", "le") if (v := getattr(marker, n, None)) is not None), high)
    return (None if low is None else str(low)), (None if high is None else str(high))


def chosen(form: Form, var: str) -> str | None:
    """The one value of a field, None if it has none."""
    values: Mapping[str, tuple[str, ...]] = form.values()
    return next((v.strip() for v in values.get(var, ()) if v.strip()), None)
