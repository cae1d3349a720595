"""One value of a command line: converted, checked, and named where it is wrong."""

from __future__ import annotations

from typing import Any

from botkit.routing.constraints import Expected
from botkit.routing.context import Context
from botkit.routing.converters import Converter, read_next
from botkit.routing.specs import Parameter
from botkit.routing.words import Line, UsageError, Word


def next_value(parameter: Parameter, convert: Converter, line: Line, ctx: Context[Any]) -> Any:
    """The value of the next words. Raises ``UsageError`` that points at them."""
    start = line.at
    try:
        value = read_next(convert, line, ctx)
        return parameter.check(value) if parameter.check is not None else value
    except ValueError as problem:
        end = line.at if line.at > start else _end_of_word(line, start)
        raise _fault(parameter, line.text[start:end].rstrip(), problem, start) from None


def whole_value(parameter: Parameter, convert: Converter, word: Word, ctx: Context[Any]) -> Any:
    """What all of ``word`` means: a field of a form, the rest of a line. Raises ``UsageError``."""
    try:
        value = convert(word, ctx)
        return parameter.check(value) if parameter.check is not None else value
    except ValueError as problem:
        raise _fault(parameter, word, problem, word.start) from None


def expected(problem: ValueError) -> str:
    """What was wrong, to go on after the word: ``expected a number``, or what else a converter said."""
    return f"expected {problem}" if isinstance(problem, Expected) else str(problem)


def _fault(parameter: Parameter, shown: str, problem: ValueError, start: int) -> UsageError:
    word = shown if len(shown) <= 40 else shown[:39] + "…"
    word = word if word[:1] in ('"', "“", "„", "«") else f'"{word}"'
    return UsageError(f"{parameter.shown} {word}: {expected(problem)}", start, start + len(shown))


def _end_of_word(line: Line, start: int) -> int:
    try:
        word = Line(line.text, start).next()
    except UsageError:
        return len(line.text)
    return word.end if word is not None else start
