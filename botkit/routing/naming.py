"""Which command a line names: one word, or several where commands are grouped; and what was meant by a near miss."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from botkit.routing.router import Router
from botkit.routing.syntax import CommandLine
from botkit.routing.words import Line, UsageError


def groups_of(routers: Iterable[Router]) -> dict[str, str]:
    """Every name of a group, casefolded, with what the group is for."""
    found: dict[str, str] = {}
    for router in routers:
        for inner in router.walk():
            for group in inner.groups:
                for name in group.names:
                    found[name.casefold()] = found.get(name.casefold()) or group.doc
    return found


def resolved(line: CommandLine, groups: Collection[str], known: Collection[str]) -> CommandLine:
    """``line`` with as many of its words in its name as belong to it: ``!poll start tea`` is ``poll start``."""
    while line.name in groups:
        rest = Line(line.text, line.at)
        try:
            word = rest.next()
        except UsageError:
            return line
        name = f"{line.name} {word.casefold()}" if word is not None else ""
        if name not in known and name not in groups:
            return line
        line = replace(line, name=name, at=rest.at)
    return line


def members(group: str, known: Iterable[str]) -> list[str]:
    """The words that may follow a group's name."""
    start = f"{group} "
    return list(dict.fromkeys(name[len(start) :].partition(" ")[0] for name in known if name.startswith(start)))


def close_to(line: CommandLine, known: Mapping[str, object], groups: Collection[str]) -> str | None:
    """The name of a command, or of a group, that was probably meant; None for none."""
    if line.name in groups:
        rest = Line(line.text, line.at)
        word = line.text[rest.at :].partition(" ")[0].casefold()[:40]
        close = difflib.get_close_matches(word, members(line.name, known), n=1, cutoff=0.6)
        return f"{line.name} {close[0]}" if close else None
    close = difflib.get_close_matches(line.name[:60], [*known, *groups], n=1, cutoff=0.7)
    return close[0] if close else None
