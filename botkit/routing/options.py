"""Options of a command line: ``--silent``, ``-s``, ``--reason=…``; wherever they stand before the rest of the line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botkit.routing.context import Context
from botkit.routing.converters import Converter, did_you_mean
from botkit.routing.reading import next_value, whole_value
from botkit.routing.specs import Parameter, ParameterKind
from botkit.routing.words import Line, UsageError, Word

_DASHES = "-—–"
"""What an option may begin with: ``--``, ``-``, or the one long dash that phones make of two hyphens."""

_NAME = re.compile(r"[^\s=]*")


@dataclass(frozen=True, slots=True)
class _Option:
    parameter: Parameter
    convert: Converter
    sets: bool  # for a flag: what it sets


class Options:
    """What a command may be told by name; made once, when it is loaded."""

    def __init__(self, pairs: Iterable[tuple[Parameter, Converter]]) -> None:
        self._long: dict[str, _Option] = {}
        self._short: dict[str, _Option] = {}
        self._strict = False
        for parameter, convert in pairs:
            option = _Option(parameter, convert, True)
            if parameter.kind is ParameterKind.FLAG:
                self._long[f"no-{parameter.shown}"] = _Option(parameter, convert, False)
            elif parameter.kind not in (ParameterKind.OPTION, ParameterKind.REST):
                continue
            self._long[parameter.shown] = option
            if parameter.short:
                self._short[parameter.short] = option
            self._strict = self._strict or parameter.kind is not ParameterKind.REST

    def take(self, line: Line, values: dict[str, Any], ctx: Context[Any]) -> None:
        """Take the options that stand at the cursor into ``values``. Raises ``UsageError``.

        ``--`` ends them for the whole line. What only looks like one is left: a number, a nick that begins with a
        hyphen, and everything where a command has no options.
        """
        while self._long and not line.plain and line.at < len(line.text) and line.text[line.at] in _DASHES:
            dash = "--" if line.text.startswith("--", line.at) else line.text[line.at]
            if not (self._short_ones(line, values, ctx) if dash == "-" else self._long_one(line, dash, values, ctx)):
                return

    def _long_one(self, line: Line, dash: str, values: dict[str, Any], ctx: Context[Any]) -> bool:
        start = line.at
        found = _NAME.match(line.text, start + len(dash))
        name = found[0] if found is not None else ""
        end = start + len(dash) + len(name)
        if dash == "--" and not name and line.text[end : end + 1] != "=":
            if not self._strict:
                return False
            line.plain = True
            line.skip_to(end)
            return False
        option = self._long.get(name.casefold().replace("_", "-"))
        given = line.text[end : end + 1] == "="
        if option is None:
            if not self._strict or dash != "--":
                return False
            shown = line.text[start:end]
            raise UsageError(f"{shown[:40]} is unknown{self._known(name)}", start, end)
        if option.parameter.kind is ParameterKind.FLAG and not given:
            _put(option, option.sets, values, start, end)
            line.skip_to(end)
            return True
        line.at = end + 1 if given else end
        if not given:
            line.skip_to(end)
        if line.done or (given and line.text[line.at].isspace()):
            raise UsageError(f"--{option.parameter.shown} wants a value: --{option.parameter.shown}=…", start, end)
        if option.parameter.kind is ParameterKind.REST and not given and not line.quoted:
            begun, text = line.at, line.rest()  # "--reason too loud": all of it, as without the name
            word = Word.of(text, begun, begun + len(text), quoted=True)
            value = whole_value(option.parameter, option.convert, word, ctx)
        else:
            value = next_value(option.parameter, option.convert, line, ctx)
        if option.parameter.kind is ParameterKind.FLAG:
            value = value is option.sets
        _put(option, value, values, start, end)
        return True

    def _short_ones(self, line: Line, values: dict[str, Any], ctx: Context[Any]) -> bool:
        """``-s``, several flags in one word (``-sq``), or ``-r`` and its value; False if it is none of them."""
        start, end = line.at, line.at + 1
        while end < len(line.text) and not line.text[end].isspace():
            end += 1
        found = [self._short.get(letter) for letter in line.text[start + 1 : end]]
        options = [one for one in found if one is not None]
        if not options or len(options) < len(found):
            return False
        *flags, last = options
        if any(one.parameter.kind is not ParameterKind.FLAG for one in flags):
            return False
        line.skip_to(end)
        for one in options:
            if one.parameter.kind is ParameterKind.FLAG:
                _put(one, True, values, start, end)
        if last.parameter.kind is not ParameterKind.FLAG:
            if line.done:
                raise UsageError(f"-{last.parameter.short} wants a value", start, end)
            _put(last, next_value(last.parameter, last.convert, line, ctx), values, start, end)
        return True

    def _known(self, name: str) -> str:
        if hint := did_you_mean(name, self._long, "--"):
            return hint
        names = [f"--{o.parameter.shown}" for key, o in self._long.items() if o.sets and o.parameter.shown == key]
        return f"; there is {', '.join(names)}"


def _put(option: _Option, value: Any, values: dict[str, Any], start: int, end: int) -> None:
    if option.parameter.name in values:
        raise UsageError(f"--{option.parameter.shown} is given twice", start, end)
    values[option.parameter.name] = value


def short_letters(parameters: Mapping[str, str | None], reserved: Iterable[str] = ()) -> dict[str, str]:
    """A letter for each flag (name to the letter that its author chose, or None): the first of its name, if free."""
    taken = set(reserved) | {letter for letter in parameters.values() if letter}
    letters: dict[str, str] = {}
    for name, chosen in parameters.items():
        letter = chosen or (name[0] if name[0].isalpha() and name[0] not in taken else None)
        if letter is not None:
            letters[name] = letter
            taken.add(letter)
    return letters
