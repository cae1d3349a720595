"""What decorators record: plain values that a router holds, and that the dispatcher and services read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Any

from botkit.model.address import Address
from botkit.model.events import Event
from botkit.model.jobs import Missed
from botkit.model.rooms import Affiliation, Role
from botkit.routing.filters import Filter

Handler = Callable[..., Any]
"""A handler as its author wrote it: ``async def`` with annotated parameters."""


class Need(Enum):
    """A right that is no room's to give."""

    BOT_ADMIN = "to run this bot"


Right = Affiliation | Role | Need


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What every recorded handler has. ``timeout`` None: the dispatcher's."""

    handler: Handler
    timeout: float | None = None

    @property
    def name(self) -> str:
        """The function's own name."""
        return str(getattr(self.handler, "__qualname__", repr(self.handler)))

    @property
    def place(self) -> str:
        """``file:line`` of the function."""
        code = getattr(self.handler, "__code__", None)
        return f"{code.co_filename}:{code.co_firstlineno}" if code is not None else "?"

    @property
    def doc(self) -> str:
        """The docstring, without indentation; "" where there is none."""
        lines = (getattr(self.handler, "__doc__", None) or "").strip().splitlines()
        return "\n".join(line.strip() for line in lines)

    @property
    def summary(self) -> str:
        """The docstring's first line."""
        return self.doc.partition("\n")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerSpec(Spec):
    """A handler of events. ``events`` are the types that it may get; its annotation may narrow them."""

    events: tuple[type[Event], ...]
    filter: Filter | None = None
    catch_up: bool = False
    own: bool = False
    commands: bool = True


@dataclass(frozen=True, slots=True)
class Example:
    """A line that shows a command's use, without prefix. ``note`` tells what it does.

    The pytest plugin runs it in a room in memory. ``answer`` is what the bot must say then, exactly or by a compiled
    pattern; None: anything. ``run=False``: it is only read, for commands that reach beyond the room. ``people`` are
    nicks of who is there, beside everybody whom an ``Occupant`` of it names.
    """

    text: str
    note: str | None = None
    answer: str | re.Pattern[str] | None = None
    run: bool = True
    people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSpec:
    """A word before the names of commands; ``names`` has the aliases, too."""

    names: tuple[str, ...]
    doc: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSpec(Spec):
    """A command. Whoever has one of ``needs`` may run it; () is everybody.

    ``names`` has its name first, then the aliases; those of a group's command are several words.
    ``adhoc``: offered over XEP-0050, too. ``effects``: it does more than to answer.
    """

    names: tuple[str, ...]
    needs: tuple[Right, ...] = ()
    adhoc: bool = True
    hidden: bool = False
    filter: Filter | None = None
    examples: tuple[Example, ...] = ()
    effects: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleSpec(Spec):
    """A handler that runs by the clock: by ``cron`` (five fields, in ``timezone``), every ``interval``, or by ``rule``
    (what a trigger of ``botkit.services.schedule`` gives as its ``rule``).

    ``rooms`` None: it runs once with no room; else once for each of these rooms, () meaning every
    room in which its module is active. ``job`` is a name that stays the same over restarts. The rest says what becomes
    of times that passed and of runs that failed; see ``JobRecord``. ``kept``: each of its times is noted in the
    database, so that it happens once, and late rather than never.
    """

    job: str
    cron: str | None = None
    timezone: str | None = None
    interval: timedelta | None = None
    rule: Mapping[str, object] | None = None
    rooms: tuple[Address, ...] | None = None
    missed: Missed = Missed.ONCE
    grace: timedelta = timedelta(minutes=5)
    retries: int = 3
    pause_after: int = 5
    kept: bool = True

    @property
    def on_demand(self) -> bool:
        """True if it has no times of its own: jobs are made for it while the bot runs."""
        return self.cron is None and self.interval is None and self.rule is None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdhocSpec(Spec):
    """A hand-written ad-hoc command: ``async (ctx, form: Form | None) -> Form | Note | str | AdhocStep``."""

    node: str
    title: str
    needs: tuple[Right, ...] = (Need.BOT_ADMIN,)


class ParameterKind(Enum):
    """How a command's parameter takes its text."""

    WORD = "word"
    REPEATED = "repeated"  # ``*args``: every remaining word
    REST = "rest"  # the last keyword-only one that is no flag: the rest of the line as it was typed, or ``--name=…``
    OPTION = "option"  # keyword-only ones before it, and what ``Option`` marks: ``--name=…``
    REPLY = "reply"  # the message that the command is sent in reply to
    FLAG = "flag"  # keyword-only ``bool``: ``--name``, ``--no-name``


@dataclass(frozen=True, slots=True)
class Option:
    """``Annotated[str, Option("r")]``: given by name, ``--reason=…`` or ``-r …``; never the rest of the line.

    ``short`` is one letter. Flags have their first letter where no other flag before it has the same.
    """

    short: str | None = None


@dataclass(frozen=True, slots=True)
class Replied:
    """Marks a parameter that is the message which the command replies to; see ``replied.RepliedTo``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a command, from which usage texts and forms are made.

    ``type`` is the annotation without ``Annotated`` and ``| None``; ``constraints`` are what
    ``Annotated`` carried (``Range``, ``Pattern``, annotated_types'). ``choices`` are the words
    that a ``Literal``, an enum, an affiliation or a role allows, () for free input. ``label``
    is what usage shows for it. ``doc`` is a ``str`` in the ``Annotated``, or None. ``short`` is the letter of
    an option or flag, None where it has none. ``check`` applies the constraints: gives the value, perhaps made
    fit, or raises ``ValueError``; None where there are none.
    """

    name: str
    kind: ParameterKind
    type: Any
    required: bool
    default: Any = None
    choices: tuple[str, ...] = ()
    constraints: tuple[Any, ...] = field(default=())
    doc: str | None = None
    short: str | None = None
    check: Callable[[Any], Any] | None = None

    @property
    def shown(self) -> str:
        """The name as people type it: with hyphens."""
        return self.name.replace("_", "-")

    @property
    def usage(self) -> str:
        """``<who>``, ``[span]``, ``[reason …]``, ``[--quiet]``, ``[--to=TO]``."""
        shown = "|".join(self.choices) if 0 < len(self.choices) <= 6 else self.shown
        if self.kind is ParameterKind.REPLY:
            return "(as a reply)" if self.required else "[as a reply]"
        if self.kind is ParameterKind.FLAG:
            return f"[--no-{self.shown}]" if self.default else f"[--{self.shown}]"
        if self.kind is ParameterKind.OPTION:
            value = shown if self.choices else shown.upper()
            return f"--{self.shown}={value}" if self.required else f"[--{self.shown}={value}]"
        if self.kind is not ParameterKind.WORD:
            shown += " …"
        return f"<{shown}>" if self.required else f"[{shown}]"
