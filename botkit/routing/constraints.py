"""Limits of a parameter: ours, and by one door all that pydantic checks (``Field``, ``annotated_types``, validators).

Settings of modules are pydantic models already, so an author knows these words, and pydantic checks more of them, and
more exactly, than we should write anew. What it says of a fault is turned into what was expected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import SchemaError

from botkit.model.durations import format_duration


class Expected(ValueError):
    """A word that will not do. The text goes on after "expected": ``Expected("a number")``."""


@dataclass(frozen=True, slots=True)
class Range:
    """``Annotated[int, Range(1, 10)]``: both ends are allowed, None is open."""

    low: Any = None
    high: Any = None

    def complaint(self, value: Any) -> str | None:
        """What was expected instead of ``value``; None if it will do."""
        if (self.low is None or value >= self.low) and (self.high is None or value <= self.high):
            return None
        if self.low is not None and self.high is not None:
            return f"from {_shown(self.low)} to {_shown(self.high)}"
        return f"at least {_shown(self.low)}" if self.low is not None else f"at most {_shown(self.high)}"


@dataclass(frozen=True, slots=True)
class Pattern:
    """``Annotated[str, Pattern(r"[a-z]+", "small letters")]``: the whole text must match."""

    regex: str
    shown: str | None = None

    def complaint(self, value: Any) -> str | None:
        """What was expected instead of ``value``; None if it will do."""
        return None if re.fullmatch(self.regex, str(value)) else self.shown or f"a text like {self.regex}"


Check = Callable[[Any], Any]
"""Gives the value, perhaps made fit, or raises ``Expected`` (or any ``ValueError`` with a text for the asker)."""

_NATIVE = (int, float, str, bool, Decimal, timedelta, datetime, date, time)
"""Types that pydantic has constraints of its own for; any other is compared as it is."""

_NOT_FROM_TEXT = (bytes, bytearray, BaseModel)


def check_of(kind: Any, extras: Iterable[Any]) -> Check | None:
    """What checks the ``Annotated`` extras of a parameter; None where there is nothing to check.

    Ours, and everything else with a ``complaint(value)``, go first; all others are pydantic's.
    Raises ``ValueError`` for extras that cannot be used with that type.
    """
    constraints = [one for one in extras if not isinstance(one, str)]
    own = [one.complaint for one in constraints if callable(getattr(one, "complaint", None))]
    foreign = [one for one in constraints if not callable(getattr(one, "complaint", None))]
    pydantic = _by_pydantic(kind, foreign) if foreign else None
    if not own:
        return pydantic

    def check(value: Any) -> Any:
        for complain in own:
            if (said := complain(value)) is not None:
                raise Expected(said)
        return pydantic(value) if pydantic is not None else value

    return check


def bounds(extras: Iterable[Any]) -> tuple[Any, Any]:
    """The lowest and highest value that is allowed, None where open or exclusive."""
    low: Any = None
    high: Any = None
    for one in extras:
        for marker in (one, *getattr(one, "metadata", ())):  # pydantic's FieldInfo keeps its markers there
            low = next((v for n in ("low", "ge") if (v := getattr(marker, n, None)) is not None), low)
            high = next((v for n in ("high", "le") if (v := getattr(marker, n, None)) is not None), high)
    return low, high


def described(extras: Iterable[Any]) -> str | None:
    """What the author says that the parameter is: a text in its ``Annotated``, or ``Field(description=…)``."""
    for one in extras:
        if isinstance(one, str):
            return one
        if isinstance(said := getattr(one, "description", None), str):
            return said
    return None


def from_text(kind: Any) -> Callable[[str], Any] | None:
    """What reads a ``kind`` from one text by pydantic (``HttpUrl``, ``UUID``, ``Decimal``, ``IPv4Address`` …), or None.

    A type counts whose JSON is a text or a number.
    """
    if not isinstance(kind, type) or issubclass(kind, _NOT_FROM_TEXT) or get_origin(kind) is not None:
        return None
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(kind)
        schema = adapter.json_schema()
    except (PydanticUserError, SchemaError, TypeError):
        return None
    forms = [schema, *schema.get("anyOf", ())]
    if not any(form.get("type") in ("string", "number", "integer") for form in forms):
        return None
    return _validated(lambda text: adapter.validate_python(text.strip("<>")), ())


def _by_pydantic(kind: Any, extras: Sequence[Any]) -> Check:
    native = kind if isinstance(kind, type) and issubclass(kind, _NATIVE) else Any
    try:
        annotated: Any = Annotated[(native, *extras)]
        adapter: TypeAdapter[Any] = TypeAdapter(annotated)
    except (PydanticUserError, SchemaError, TypeError) as problem:
        raise ValueError(f"pydantic cannot check it: {str(problem).partition(chr(10))[0]}") from None
    return _validated(lambda value: adapter.validate_python(value), extras)


def _validated(validate: Check, extras: Sequence[Any]) -> Check:
    low, high = bounds(extras)
    exact = _markers(extras)  # pydantic's own account of a fault has only texts of lengths of time

    def check(value: Any) -> Any:
        try:
            return validate(value)
        except ValidationError as problem:
            first = problem.errors(include_url=False)[0]
            context: Mapping[str, Any] = first.get("ctx", {})
            if low is not None and high is not None and first["type"] in ("greater_than_equal", "less_than_equal"):
                raise Expected(f"from {_shown(low)} to {_shown(high)}") from None
            if isinstance(error := context.get("error"), ValueError):
                raise error from None
            words = _WORDS.get(first["type"])
            said = words({**context, **exact}) if words is not None else _plain(first["msg"])
            raise Expected(said) from None
        except TypeError:  # of a comparison: the constraint does not fit what a converter made
            raise Expected("something that can be compared") from None

    return check


_WORDS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "greater_than_equal": lambda of: f"at least {_shown(of['ge'])}",
    "greater_than": lambda of: f"more than {_shown(of['gt'])}",
    "less_than_equal": lambda of: f"at most {_shown(of['le'])}",
    "less_than": lambda of: f"less than {_shown(of['lt'])}",
    "multiple_of": lambda of: f"a multiple of {of['multiple_of']}",
    "string_too_short": lambda of: f"a length of at least {of['min_length']}",
    "string_too_long": lambda of: f"a length of at most {of['max_length']}",
    "too_short": lambda of: f"a length of at least {of['min_length']}",
    "too_long": lambda of: f"a length of at most {of['max_length']}",
    "string_pattern_mismatch": lambda of: f"a text like {of['pattern']}",
    "url_parsing": lambda of: "a web address like https://example.org",
    "url_scheme": lambda of: f"a web address that begins with {of['expected_schemes'].replace(chr(39), '')}",
}


def _markers(extras: Iterable[Any]) -> dict[str, Any]:
    found = {}
    for one in extras:
        for marker in (one, *getattr(one, "metadata", ())):
            for name in ("ge", "gt", "le", "lt"):
                if (bound := getattr(marker, name, None)) is not None:
                    found[name] = bound
    return found


def _shown(bound: Any) -> str:
    if isinstance(bound, timedelta):
        return format_duration(bound)
    if isinstance(bound, datetime):
        return bound.isoformat(" ", "minutes")
    return str(getattr(bound, "word", bound))  # an affiliation or a role


def _plain(message: str) -> str:
    """pydantic's "Input should be a valid UUID, …" as what goes on after "expected"."""
    for start in ("Input should be ", "Value should be ", "Value should have ", "Value error, ", "Assertion failed, "):
        message = message.removeprefix(start)
    if failed := re.fullmatch(r"Predicate '?(\w+).* failed", message):
        return f"something that is {failed[1].removeprefix('is_').replace('_', ' ')}"
    return message
