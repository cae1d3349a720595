"""Frozen dataclasses that are as cheap to make as others."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from typing import Any, TypeVar

T = TypeVar("T")


def quick(cls: type[T]) -> type[T]:
    """Give a frozen dataclass with slots an ``__init__`` of a third of the cost; for what is made for every message.

    The ``__init__`` of ``dataclasses`` sets each field of a frozen class by a call of ``object.__setattr__``. This one
    has the new object be of a twin class while it sets them: the same in its layout, and not frozen.
    """
    told = fields(cls)  # type: ignore[arg-type]  # it is a dataclass
    if any(field.default_factory is not MISSING or not field.init for field in told) or hasattr(cls, "__post_init__"):
        raise TypeError(f"{cls.__name__} has fields that quick does not know how to set")
    unfrozen = {"__slots__": (), "__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    scope: dict[str, Any] = {
        "_become": object.__dict__["__class__"].__set__,
        "_twin": type(cls.__name__, (cls,), unfrozen),
        "_own": cls,
        **{f"_{field.name}": field.default for field in told},
    }
    named = [_parameter(field) for field in told if field.kw_only]
    parameters = [
        "self",
        *(_parameter(field) for field in told if not field.kw_only),
        *(["*", *named] if named else []),
    ]
    body = ["_become(self, _twin)", *(f"self.{field.name} = {field.name}" for field in told), "self.__class__ = _own"]
    exec(f"def __init__({', '.join(parameters)}):\n    " + "\n    ".join(body), scope)  # as dataclasses does it
    made = scope["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    made.__annotations__ = cls.__init__.__annotations__
    setattr(cls, "__init__", made)  # noqa: B010
    return cls


def _parameter(field: Field[Any]) -> str:
    return field.name if field.default is MISSING else f"{field.name}=_{field.name}"
