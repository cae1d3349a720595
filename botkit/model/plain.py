"""Values of the model to JSON's own types and back: for what leaves the process, and comes to another version of us."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum, IntEnum
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from botkit.model.address import Address

T = TypeVar("T")


def to_plain(value: object) -> Any:
    """``value`` as dictionaries, lists, texts and numbers. An enum becomes its word, a time ISO 8601 in UTC."""
    if is_dataclass(value) and not isinstance(value, type) and not isinstance(value, Address):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, IntEnum):
        return value.name.lower()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Address):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): to_plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(one) for one in value]
    return value


def from_plain(kind: type[T], plain: object) -> T:
    """The dataclass that ``to_plain`` made ``plain`` of. What ``kind`` does not have is left out.

    Raises ``ValueError`` for what does not fit, a field without a default that is missing too.
    """
    if not isinstance(plain, Mapping):
        raise ValueError(f"expected an object for {kind.__name__}")
    hints = get_type_hints(kind)
    given: dict[str, object] = {}
    for field in fields(kind):  # type: ignore[arg-type]  # the callers' kinds are dataclasses
        if field.name in plain:
            given[field.name] = _value(hints[field.name], plain[field.name], field.name)
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"{kind.__name__} lacks {field.name}")
    return kind(**given)


def _value(hint: Any, plain: object, name: str) -> object:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        if plain is None:
            return None
        return _value(next(one for one in get_args(hint) if one is not type(None)), plain, name)
    if origin is tuple:
        if not isinstance(plain, list):
            raise ValueError(f"expected a list for {name}")
        return tuple(_value(get_args(hint)[0], one, name) for one in plain)
    return _single(hint, plain, name)


def _single(hint: Any, plain: object, name: str) -> object:
    if hint is Address:
        return Address.parse(_text(plain, name))
    if hint is datetime:
        return datetime.fromisoformat(_text(plain, name))
    if isinstance(hint, type) and is_dataclass(hint):
        return from_plain(hint, plain)
    if issubclass(hint, IntEnum):
        try:
            return hint[_text(plain, name).upper()]
        except KeyError:
            raise ValueError(f"{plain!r} is no {hint.__name__}") from None
    if issubclass(hint, Enum):
        return hint(plain)
    if hint is float and type(plain) is int:
        return float(plain)
    if type(plain) is not hint:
        raise ValueError(f"expected {hint.__name__} for {name}, not {plain!r}")
    return plain


def _text(plain: object, name: str) -> str:
    if not isinstance(plain, str):
        raise ValueError(f"expected a text for {name}, not {plain!r}")
    return plain
