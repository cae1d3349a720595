"""Templates: jinja2, without any way out. The one door of jinja2."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from botkit.errors import BadPayload
from botkit.services.hooks.words import line
from botkit.text.styling import escape

LONGEST = 4_000
"""Characters of a text."""
_RANGE = 1_000
_LARGEST = 1_000_000  # a factor of a product with a text or list in it


class Styled(str):
    """What a template says is to be styled: not made plain."""

    __slots__ = ()


class _Environment(ImmutableSandboxedEnvironment):
    """Nothing is changed, nothing private is read, nothing grows without bound."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: object, operator: str, left: object, right: object) -> object:
        if operator == "**" and not (_is_small(left, 10_000) and _is_small(right, 100)):
            raise SecurityError("a power of large numbers")
        if operator == "*" and not (_is_small(left, _LARGEST) and _is_small(right, _LARGEST)):
            raise SecurityError("texts and lists are not multiplied here, nor very large numbers")
        if operator == "%" and isinstance(left, str):
            raise SecurityError("texts are put together with ~ here, not with %")
        return super().call_binop(context, operator, left, right)  # type: ignore[arg-type]


def _is_small(value: object, most: int) -> bool:
    return isinstance(value, int | float) and abs(value) <= most


def _range(*bounds: int) -> range:
    found = range(*bounds)
    if len(found) > _RANGE:
        raise SecurityError(f"a range of more than {_RANGE} numbers")
    return found


def _finalize(value: object) -> object:
    """Values come out plain; what the template itself says may be styled (XEP-0393)."""
    return value if isinstance(value, Styled) else escape(str(value))


def _environment() -> _Environment:
    found = _Environment(undefined=StrictUndefined, finalize=_finalize, autoescape=False, trim_blocks=True)
    found.globals = {"range": _range}
    for name in ("format", "indent", "center", "xmlattr", "pprint", "urlize", "wordwrap", "tojson"):
        found.filters.pop(name, None)
    found.filters |= {"line": lambda value, limit=200: Styled(line(str(value), int(limit))), "styled": Styled}
    return found


def mistake_in(template: str) -> tuple[int, str] | None:
    """The line within ``template`` of its first mistake, and what it is; None if it can be tried."""
    try:
        _environment().from_string(template)
    except TemplateSyntaxError as problem:
        return problem.lineno, problem.message or "a mistake"
    except RecursionError:
        return 1, "it is nested too deep"
    except Exception as problem:  # jinja2 may fail in its own ways over what it cannot compile
        return 1, f"{type(problem).__name__}: {problem}"
    return None


def render(template: str, values: Mapping[str, object]) -> str:
    """The text. May take for ever: call it where it can be ended. Raises ``BadPayload``."""
    parts: list[str] = []
    length = 0
    try:
        for part in _environment().from_string(template).generate(**values):
            length += len(part)
            if length > LONGEST * 2:
                raise BadPayload(f"the template made a text of more than {LONGEST} characters")
            parts.append(part)
    except TemplateError as problem:
        raise BadPayload(f"the template failed: {problem.message or type(problem).__name__}") from None
    except (MemoryError, RecursionError) as problem:
        raise BadPayload(f"the template needs too much ({type(problem).__name__})") from None
    except (ArithmeticError, TypeError, ValueError, LookupError, AttributeError) as problem:
        raise BadPayload(f"the template failed: {type(problem).__name__}: {problem}") from None
    text = "".join(parts).strip()
    if len(text) > LONGEST:
        raise BadPayload(f"the template made a text of more than {LONGEST} characters")
    return text
