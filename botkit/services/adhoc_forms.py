"""Forms for typed commands: made of their parameters, and read back (XEP-0004, XEP-0122)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from botkit.model.address import Address
from botkit.model.forms import Field, FieldKind, Form, Option
from botkit.routing.commands import Command
from botkit.routing.constraints import bounds
from botkit.routing.context import Context
from botkit.routing.converters import NO_WORD, Converter
from botkit.routing.reading import expected
from botkit.routing.replied import Recent
from botkit.routing.specs import Parameter, ParameterKind

MOST_OPTIONS = 200
"""A room with more people than this gets a text field for a nick; a list would be too long to choose from."""


def room_var(command: Command) -> str:
    """The name of the field in which the room is chosen: ``room``, unless a parameter is called so."""
    return "_room" if any(p.name == "room" for p in command.parameters) else "room"


def replies(command: Command) -> bool:
    """True if a message is to be chosen for ``command``."""
    return any(p.kind is ParameterKind.REPLY for p in command.parameters)


def command_form(
    command: Command, rooms: Sequence[Address], ctx: Context[Any] | None, recent: Sequence[Recent] = ()
) -> Form:
    """What to fill in for ``command``. With several ``rooms`` its first field chooses one.

    ``ctx`` is the context of the call, None where it is not settled yet which room it is about. ``recent``
    are messages to choose from, where the command is about one.
    """
    fields: list[Field] = []
    if len(rooms) > 1:
        options = tuple(Option(value=str(room)) for room in rooms)
        fields.append(
            Field(var=room_var(command), kind=FieldKind.LIST_SINGLE, label="Room", required=True, options=options)
        )
    pairs = zip(command.parameters, command.converters, strict=True)
    fields += [
        _field(parameter, convert, ctx)
        if parameter.kind is not ParameterKind.REPLY
        else _message_field(parameter, recent)
        for parameter, convert in pairs
    ]
    instructions = tuple(line for line in (command.spec.summary,) if line)
    return Form(kind="form", title=command.name, instructions=instructions, fields=tuple(fields))


def filled_again(form: Form, submitted: Form) -> Form:
    """``form`` with what was submitted in its fields, to be shown once more."""
    given = submitted.values()
    fields = tuple(replace(f, values=given.get(f.var, f.values)) for f in form.fields)
    return replace(form, fields=fields)


def chosen_messages(command: Command, form: Form) -> dict[str, str]:
    """The archive ids that were chosen for the parameters that are messages."""
    ids = {p.name: chosen(form, p.name) for p in command.parameters if p.kind is ParameterKind.REPLY}
    return {name: archive_id for name, archive_id in ids.items() if archive_id is not None}


def read_form(
    command: Command, form: Form, ctx: Context[Any], known: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], list[str]]:
    """The values that ``form`` gives to the command's parameters, and one line for each fault. ``known`` are values
    that were found before (``replied.prepare``).

    An empty field is one that was not filled in; unknown fields are ignored (XEP-0004 §3.3).
    """
    given = form.values()
    values: dict[str, Any] = {**known} if known else {}
    faults: list[str] = []
    for parameter, convert in zip(command.parameters, command.converters, strict=True):
        if parameter.kind is ParameterKind.REPLY:
            continue
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
                if parameter.check is not None:
                    parameter.check(value)  # what it makes of it is made once more when the command is called
            except ValueError as problem:
                faults.append(f"{_label(parameter)}: {text[:40]!r}; {expected(problem)}")
            else:
                found.append(value)
        if found:
            values[parameter.name] = tuple(found) if parameter.kind is ParameterKind.REPEATED else found[0]
    return values, faults


def result_form(text: str) -> Form:
    """A text of several lines as a result."""
    lines = tuple(line for line in text.splitlines() if line.strip())
    return Form(kind="result", fields=(Field(var="result", kind=FieldKind.TEXT_MULTI, values=lines),))


def _field(parameter: Parameter, convert: Converter, ctx: Context[Any] | None) -> Field:
    repeated = parameter.kind is ParameterKind.REPEATED
    words = parameter.choices
    if not words and convert.choices is not None and ctx is not None and not repeated:
        now = tuple(convert.choices(ctx))
        words = now if len(now) <= MOST_OPTIONS else ()
    secret = convert.field is FieldKind.TEXT_PRIVATE
    default = () if parameter.default in (None, ()) or secret else (_shown(convert, parameter.default),)
    datatype = None if repeated or words else convert.datatype
    low, high = bounds(parameter.constraints) if datatype else (None, None)
    return Field(
        var=parameter.name,
        kind=_field_kind(convert, repeated, bool(words)),
        label=_label(parameter),
        desc=parameter.doc or convert.hint,
        required=parameter.required,
        values=default,
        options=tuple(Option(value=word) for word in words),
        datatype=datatype,
        minimum=None if low is None else str(low),  # XEP-0122 §3.2.2: inclusive; exclusive ones are checked on return
        maximum=None if high is None else str(high),
    )


def _message_field(parameter: Parameter, recent: Sequence[Recent]) -> Field:
    options = tuple(Option(value=one.archive_id, label=one.shown) for one in recent)
    return Field(
        var=parameter.name,
        kind=FieldKind.LIST_SINGLE if options else FieldKind.TEXT_SINGLE,
        label=_label(parameter),
        desc=parameter.doc or (None if options else NO_WORD.hint),
        required=parameter.required,
        options=options,
    )


def _field_kind(convert: Converter, repeated: bool, choices: bool) -> FieldKind:
    if choices:
        return FieldKind.LIST_MULTI if repeated else FieldKind.LIST_SINGLE
    if not repeated:
        return convert.field or FieldKind.TEXT_SINGLE
    return FieldKind.JID_MULTI if convert.field is FieldKind.JID_SINGLE else FieldKind.TEXT_MULTI


def _shown(convert: Converter, value: Any) -> str:
    return convert.show(value) if convert.show is not None else str(value)


def _label(parameter: Parameter) -> str:
    return parameter.name.replace("_", " ").capitalize()


def chosen(form: Form, var: str) -> str | None:
    """The one value of a field, None if it has none."""
    values: Mapping[str, tuple[str, ...]] = form.values()
    return next((v.strip() for v in values.get(var, ()) if v.strip()), None)
