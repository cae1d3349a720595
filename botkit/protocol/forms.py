"""Data forms (XEP-0004) with validation hints (XEP-0122)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from botkit.model.forms import Field, FieldKind, Form, Option
from botkit.protocol.namespaces import DATA_FORMS, VALIDATE
from botkit.protocol.text import all_text, clean

FORM_TAG: Final = f"{{{DATA_FORMS}}}x"
_TITLE: Final = f"{{{DATA_FORMS}}}title"
_INSTRUCTIONS: Final = f"{{{DATA_FORMS}}}instructions"
_FIELD: Final = f"{{{DATA_FORMS}}}field"
_VALUE: Final = f"{{{DATA_FORMS}}}value"
_OPTION: Final = f"{{{DATA_FORMS}}}option"
_REQUIRED: Final = f"{{{DATA_FORMS}}}required"
_DESC: Final = f"{{{DATA_FORMS}}}desc"
_REPORTED: Final = f"{{{DATA_FORMS}}}reported"
_ITEM: Final = f"{{{DATA_FORMS}}}item"
_VALIDATE: Final = f"{{{VALIDATE}}}validate"
_RANGE: Final = f"{{{VALIDATE}}}range"
_OPEN: Final = f"{{{VALIDATE}}}open"
_BASIC: Final = f"{{{VALIDATE}}}basic"

_KINDS: Final = {kind.value: kind for kind in FieldKind}
_FORM_KINDS: Final = frozenset({"form", "submit", "result", "cancel"})
_MOST_FIELDS: Final = 1000
_MOST_VALUES: Final = 1000
_MOST_ROWS: Final = 5000
_LISTS: Final = (FieldKind.LIST_SINGLE, FieldKind.LIST_MULTI)


def find_form(parent: Element, form_type: str | None = None) -> Form | None:
    """The first form in ``parent``, or the first with this FORM_TYPE (XEP-0068); None if there is none."""
    for child in parent:
        if child.tag == FORM_TAG:
            form = parse_form(child)
            if form_type is None or form.values().get("FORM_TYPE") == (form_type,):
                return form
    return None


def parse_form(x: Element) -> Form:
    """A form as somebody sent it. What is no known word becomes the default; what is over the limits is left out."""
    kind = x.get("type", "form")
    title: str | None = None
    instructions: list[str] = []
    fields: list[Field] = []
    reported: tuple[Field, ...] = ()
    rows: list[Mapping[str, tuple[str, ...]]] = []
    for child in x:
        tag = child.tag
        if tag == _FIELD:
            if len(fields) < _MOST_FIELDS:
                fields.append(parse_field(child))
        elif tag == _TITLE:
            title = title or all_text(child) or None
        elif tag == _INSTRUCTIONS:
            instructions.append(all_text(child))
        elif tag == _REPORTED:
            reported = reported or tuple(_fields(child))
        elif tag == _ITEM and len(rows) < _MOST_ROWS:
            rows.append({field.var: field.values for field in _fields(child)})
    return Form(
        kind=kind if kind in _FORM_KINDS else "form",
        title=title,
        instructions=tuple(instructions[:_MOST_VALUES]),
        fields=tuple(fields),
        reported=reported,
        rows=tuple(rows),
    )


def _fields(parent: Element) -> list[Field]:
    found: list[Field] = []
    for child in parent:
        if child.tag == _FIELD and len(found) < _MOST_FIELDS:
            found.append(parse_field(child))
    return found


def parse_field(element: Element) -> Field:
    """One ``<field/>``; without a type, or with one that XEP-0004 does not know, it is text-single (§3.3)."""
    values: list[str] = []
    options: list[Option] = []
    required = False
    desc = datatype = minimum = maximum = None
    for child in element:
        tag = child.tag
        if tag == _VALUE:
            if len(values) < _MOST_VALUES:
                values.append(all_text(child))
        elif tag == _OPTION:
            value = next((all_text(one) for one in child if one.tag == _VALUE), None)
            if value is not None and len(options) < _MOST_VALUES:
                options.append(Option(value=value, label=child.get("label")))
        elif tag == _REQUIRED:
            required = True
        elif tag == _DESC:
            desc = all_text(child) or None
        elif tag == _VALIDATE:
            datatype = child.get("datatype")
            for part in child:
                if part.tag == _RANGE:
                    minimum, maximum = part.get("min"), part.get("max")
    return Field(
        var=element.get("var", ""),
        kind=_KINDS.get(element.get("type", ""), FieldKind.TEXT_SINGLE),
        label=element.get("label"),
        desc=desc,
        required=required,
        values=tuple(values),
        options=tuple(options),
        datatype=datatype,
        minimum=minimum,
        maximum=maximum,
    )


def build_form(form: Form) -> Element:
    """``<x/>``. In a submit or a cancel, labels and the like are left out (§3.2)."""
    x = Element(FORM_TAG, {"type": form.kind})
    if form.kind == "cancel":
        return x
    bare = form.kind == "submit"
    if form.title and not bare:
        SubElement(x, _TITLE).text = clean(form.title)
    for line in () if bare else form.instructions:
        SubElement(x, _INSTRUCTIONS).text = clean(line)
    x.extend(build_field(field, bare=bare) for field in form.fields)
    if form.reported:
        SubElement(x, _REPORTED).extend(build_field(field) for field in form.reported)
    for row in form.rows:
        item = SubElement(x, _ITEM)
        for var, values in row.items():
            _values(SubElement(item, _FIELD, {"var": clean(var)}), values)
    return x


def build_field(field: Field, *, bare: bool = False) -> Element:
    """One ``<field/>``. ``bare``: with var and values alone, but for FORM_TYPE, which stays hidden (XEP-0068)."""
    element = Element(_FIELD)
    if field.var:
        element.set("var", clean(field.var))
    if not bare or field.var == "FORM_TYPE":
        element.set("type", field.kind.value)
    if bare:
        _values(element, field.values)
        return element
    if field.label is not None:
        element.set("label", clean(field.label))
    if field.desc:
        SubElement(element, _DESC).text = clean(field.desc)
    if field.required:
        SubElement(element, _REQUIRED)
    _values(element, _lines(field))
    for option in field.options if field.kind in _LISTS else ():
        one = SubElement(element, _OPTION)
        if option.label is not None:
            one.set("label", clean(option.label))
        _values(one, (option.value,))
    if field.datatype is not None:
        _validate(element, field)
    return element


def _lines(field: Field) -> Iterable[str]:
    """§3.3: a newline inside of a value is not allowed; where several values are, each line becomes one."""
    if field.kind in (FieldKind.TEXT_MULTI, FieldKind.FIXED):
        return [line for value in field.values for line in (value.splitlines() or [""])]
    return field.values


def _values(element: Element, values: Iterable[str]) -> None:
    for value in values:
        SubElement(element, _VALUE).text = clean(value)


def _validate(element: Element, field: Field) -> None:
    validate = SubElement(element, _VALIDATE, {"datatype": field.datatype or "xs:string"})
    bounds = {name: value for name, value in (("min", field.minimum), ("max", field.maximum)) if value is not None}
    if bounds:
        SubElement(validate, _RANGE, bounds)
    else:  # XEP-0122 §3.2: <open/> suits list fields, whose choices it would otherwise bind
        SubElement(validate, _OPEN if field.kind in _LISTS and not field.options else _BASIC)
