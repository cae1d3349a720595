"""What the bot's log says, in words for people. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Line = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One thing that the bot did, and why ("" where it needs no reason). ``tone``: ``act``, ``plain`` or ``bad``."""

    what: str
    why: str = ""
    tone: str = "plain"


_MEASURES = {
    "warn": "warned {nick}",
    "retract": "retracted {nick}'s message",
    "devoice": "retracted {nick}'s message and took {nick}'s voice",
    "kick": "retracted {nick}'s message and put {nick} out",
    "ban": "retracted {nick}'s message and banned {nick}",
    "nothing": "can do nothing about {nick}'s message",
}
_SILENT = frozenset({"room asking", "room joining"})


def tell(line: Line) -> Deed | None:
    """What to say about one log line; None if it is of no interest to people."""
    event = str(line.get("event", ""))
    if event in _SILENT:
        return None
    known = _KNOWN.get(event)
    if known is not None:
        return known(line)
    if line.get("level") in ("warning", "error", "critical"):
        return Deed(what=event, why=_first(line, "reason", "error", "why"), tone="bad")
    return None


def _acted(line: Line) -> Deed:
    what = _MEASURES.get(str(line.get("measure")), "acted on {nick}'s message").format(nick=line.get("nick"))
    late = "from the archive: " if line.get("source") == "archive" else ""
    notes = line.get("notes")
    why = [_evidence(line), *(str(note) for note in (notes if isinstance(notes, list) else []))]
    return Deed(what=late + what, why="; ".join(filter(None, why)), tone="act")


def _spared(line: Line) -> Deed:
    return Deed(what=f"left {line.get('nick')} alone, who is {line.get('why')}", why=_evidence(line))


def _by_hand(line: Line) -> Deed:
    return Deed(
        what=f"{line.get('what')} {line.get('whom')} on {line.get('by')}'s order",
        why=_first(line, "reason"),
        tone="act",
    )


def _caught_up(line: Line) -> Deed:
    return Deed(what=f"read the room's archive: {line.get('read')} entries, {line.get('new')} of them new to it")


def _notice(line: Line) -> Deed:
    due = str(line.get("due", ""))[11:19]
    return Deed(what=f"posted the notice “{line.get('notice')}”", why=f"due at {due} UTC", tone="act")


def _noted(line: Line) -> Deed:
    return Deed(what=f"noted {line.get('nick')}'s message", why=_evidence(line))


_KNOWN: dict[str, Callable[[Line], Deed]] = {
    "acting": _acted,
    "rule matched, but the author is immune": _spared,
    "rule matched; nothing is done yet": _noted,
    "done by hand": _by_hand,
    "connected": lambda line: Deed(what=f"connected over verified TLS as {line.get('account')}"),
    "room joined": lambda line: Deed(what=f"joined {line.get('room')}"),
    "room left": lambda line: Deed(what=f"left {line.get('room')}", why=_first(line, "reason")),
    "history caught up": _caught_up,
    "notice posted": _notice,
    "stopping": lambda line: Deed(what="was told to stop: finishes what is in hand"),
    "stopped": lambda line: Deed(what="stopped"),
}


def _evidence(line: Line) -> str:
    evidence = line.get("evidence")
    return "; ".join(map(str, evidence)) if isinstance(evidence, list) else _first(line, "evidence")


def _first(line: Line, *keys: str) -> str:
    return next((str(line[key]) for key in keys if line.get(key)), "")
