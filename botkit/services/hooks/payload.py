"""Reading JSON that anybody may have written: whatever is not there, or of another type, is said clearly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs

from botkit.errors import BadPayload
from botkit.services.hooks.words import line, link


@dataclass(frozen=True, slots=True)
class Said:
    """One notice to be. ``key``: told apart by it from others, None: by the request. ``thread``: of notices with the
    same one the newer takes the place of the older."""

    text: str
    key: str | None = None
    thread: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What a request tells: ``event`` ("issues"), ``action`` ("opened" or "") and what is to be said of it.

    ``usual``: said unless the config names events.
    """

    event: str
    action: str = ""
    said: tuple[Said, ...] = ()
    usual: bool = True

    @property
    def name(self) -> str:
        """``issues.opened``, or ``push``."""
        return f"{self.event}.{self.action}" if self.action else self.event


class Payload:
    """A JSON object; a path is its keys one after the other."""

    def __init__(self, value: dict[str, object]) -> None:
        self.value = value

    def at(self, *path: str) -> object:
        """What is there, or None."""
        value: object = self.value
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        return value

    def raw(self, *path: str) -> str:
        """A text or number as it stands there; "" if there is none."""
        value = self.at(*path)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return ""
        return str(value)

    def text(self, *path: str, limit: int = 200) -> str:
        """The same, fit to be said; see ``words.line``."""
        return line(self.raw(*path), limit)

    def need(self, *path: str, limit: int = 200) -> str:
        """As ``text``. Raises ``BadPayload`` if there is none."""
        found = self.text(*path, limit=limit)
        if not found:
            raise BadPayload(f"the payload lacks a text or number at `{'.'.join(path)}`")
        return found

    def link(self, *path: str) -> str:
        """A link, "" if there is none that leads to the web."""
        return link(self.raw(*path))

    def number(self, *path: str) -> int:
        """A whole number, 0 if there is none."""
        value = self.at(*path)
        return value if isinstance(value, int) and not isinstance(value, bool) else 0

    def flag(self, *path: str) -> bool:
        """Is it true?"""
        return self.at(*path) is True

    def each(self, *path: str) -> Iterator[Payload]:
        """The objects of a list."""
        value = self.at(*path)
        for one in value if isinstance(value, list) else ():
            if isinstance(one, dict):
                yield Payload(one)

    def need_list(self, *path: str) -> list[Payload]:
        """As ``each``. Raises ``BadPayload`` if there is no list."""
        if not isinstance(self.at(*path), list):
            raise BadPayload(f"the payload lacks a list at `{'.'.join(path)}`")
        return list(self.each(*path))

    def inner(self, *path: str) -> Payload:
        """The object there. Raises ``BadPayload`` if there is none."""
        value = self.at(*path)
        if not isinstance(value, dict):
            raise BadPayload(f"the payload lacks an object at `{'.'.join(path)}`")
        return Payload(value)


def parse(body: bytes, media_type: str) -> object:
    """The JSON of a body, or of the field ``payload`` of a form. Raises ``ValueError`` that says what is wrong."""
    try:
        text = body.decode("utf-8")
        if media_type == "application/x-www-form-urlencoded":
            text = parse_qs(text, max_num_fields=16).get("payload", [""])[0]
        return json.loads(text, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise ValueError("the body is not UTF-8") from None
    except json.JSONDecodeError as problem:
        raise ValueError(
            f"the body is not JSON: {problem.msg} (line {problem.lineno}, column {problem.colno})"
        ) from None
    except RecursionError:
        raise ValueError("the body is not JSON that anybody needs: it is nested too deep") from None
    except ValueError as problem:  # too many digits or fields
        raise ValueError(f"the body is not JSON that anybody needs: {problem}") from None


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")
