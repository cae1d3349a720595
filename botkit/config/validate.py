"""From pydantic's errors to mistakes that name file, line, key, value and what was expected."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, time
from pathlib import Path as FilePath
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from botkit.config.lines import Path
from botkit.config.mistakes import Draft, suggestion
from botkit.config.secrets import SecretSource

M = TypeVar("M", bound=BaseModel)
_WORDS = (
    ("Input should be a valid", "expected a"),
    ("Input should be", "expected"),
    ("expected a integer", "expected an integer"),
    ("expected a array", "expected a list"),
    ("greater than or equal to", "at least"),
    ("less than or equal to", "at most"),
    ("greater than", "more than"),
)
_MEANT = re.compile(r"did you mean `([^`]+)`")


def validate(
    model: type[M], data: Mapping[str, object], folder: FilePath, *, forbid_extra: bool = False
) -> tuple[M | None, list[ErrorDetails]]:
    """Check ``data`` against ``model``, strictly: a text is no number. Returns the value or the errors.

    Through JSON, for in that mode pydantic is strict about scalars but still takes a list for a tuple
    or a set, a text for an enum or a timedelta. Whatever a model's own validator raises is an error, too.
    """
    text = json.dumps(data, default=_plain, ensure_ascii=False)
    extra: Any = "forbid" if forbid_extra and "extra" not in model.model_config else None
    try:
        return model.model_validate_json(text, strict=True, extra=extra, context={"folder": folder}), []
    except ValidationError as problem:
        # without input: it must not live on in a traceback or a log
        return None, problem.errors(include_url=False, include_context=True, include_input=False)
    except Exception as problem:
        message = f"{model.__name__} could not be checked: {type(problem).__name__}: {problem}"
        return None, [{"type": "value_error", "loc": (), "msg": message, "input": None}]


def _plain(value: object) -> str:
    if isinstance(value, date | time):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def note_secrets(draft: Draft, model: type[BaseModel], base: Path) -> None:
    """Remember which keys under ``base`` are secret by their type, whatever their names are."""
    for name, field in model.model_fields.items():
        inner = set(_types(field.annotation))
        if inner & {SecretStr, SecretBytes, SecretSource}:
            draft.secret_paths.add((*base, field.alias or name))
        for other in inner:
            if isinstance(other, type) and issubclass(other, BaseModel) and other is not model:
                _note_nested(draft, other, (*base, field.alias or name))


def _note_nested(draft: Draft, model: type[BaseModel], path: Path) -> None:
    value = draft.at(path)
    if isinstance(value, list):
        steps: Iterable[Path] = [(*path, position) for position in range(len(value))]
    else:
        keyed = [(*path, key) for key in value] if isinstance(value, dict) else []
        steps = [path, *keyed]
    for step in steps:
        note_secrets(draft, model, step)


def note_errors(
    draft: Draft,
    model: type[BaseModel],
    errors: Iterable[ErrorDetails],
    base: Path = (),
    *,
    reserved: Iterable[str] = (),
) -> None:
    """Add ``errors`` of ``model``, whose table is at ``base``. ``reserved``: keys of that table beside the model's."""
    texts: dict[Path, list[str]] = {}
    misspelt: set[Path] = set()
    for error in errors:
        path = base + _known_part(draft, base, error)
        said = texts.setdefault(path, [])
        text = _expectation(draft, model, error, path, base, reserved)
        if text not in said:
            said.append(text)
        if error["type"] == "extra_forbidden" and (meant := _MEANT.search(text)):
            misspelt.add((*path[:-1], meant[1]))
    for path, said in texts.items():
        if path in misspelt and not draft.has(path):
            continue  # `pasword` is one mistake, not an unknown key and a missing one
        first, *others = said
        draft.add(path, "; or ".join([first, *(text.removeprefix("expected ") for text in others)]))


def _known_part(draft: Draft, base: Path, error: ErrorDetails) -> Path:
    """The error's place in the file: pydantic's, without the names of union members that it puts in between."""
    path: Path = ()
    for step in error["loc"]:
        if draft.has((*base, *path, step)):
            path += (step,)
    if error["type"] == "missing":
        path += (error["loc"][-1],)
    return path


def _expectation(
    draft: Draft, model: type[BaseModel], error: ErrorDetails, path: Path, base: Path, reserved: Iterable[str]
) -> str:
    kind, message = error["type"], error["msg"]
    if kind == "missing":
        field = _fields(model, path[len(base) : -1]).get(str(path[-1]))
        return "missing" + (f"; expected {field}" if field else "")
    if kind == "extra_forbidden":
        known = dict(_fields(model, path[len(base) : -1]))
        if len(path) - 1 == len(base):
            known |= dict.fromkeys(reserved, "")
        return f"unknown key{suggestion(str(path[-1]), known) or _known_keys(known)}"
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        return "expected a table"
    if draft.is_secret(path) and kind == "value_error":
        return message.removeprefix("Value error, ")
    if kind in ("literal_error", "enum"):
        value = draft.at(path)
        choices = re.findall(r"'([^']*)'", message)
        return message.replace("Input should be", "expected") + (
            suggestion(value, choices) if isinstance(value, str) else ""
        )
    message = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    for said, better in _WORDS:
        message = message.replace(said, better)
    return message


def _known_keys(known: Mapping[str, str]) -> str:
    return f"; known here: {', '.join(known)}" if known else "; no settings are known here"


def _fields(model: type[BaseModel], path: Path) -> dict[str, str]:
    """The keys that the table at ``path`` of ``model`` may have, with what is said of each."""
    for step in path:
        if isinstance(step, int):
            continue
        field = model.model_fields.get(step)
        if field is None:
            continue  # a key of a mapping: its values' model is already in hand
        models = [t for t in _types(field.annotation) if isinstance(t, type) and issubclass(t, BaseModel)]
        if not models:
            return {}
        model = models[0]
    return {field.alias or name: field.description or "" for name, field in model.model_fields.items()}


def _types(annotation: object) -> Iterable[object]:
    """Every type that an annotation is made of."""
    if get_origin(annotation) is None:
        yield annotation
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        arguments = arguments[:1]
    for argument in arguments:
        yield from _types(argument)
