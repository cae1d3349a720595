"""The examples of a module's commands, run in a room in memory: what help shows must be true."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from botkit.model.events import Event, PrivateMessage, RoomMessage
from botkit.model.rooms import Affiliation, Role
from botkit.modules import Module
from botkit.routing.commands import Command
from botkit.routing.context import Context, Next, Reply
from botkit.routing.inhabitants import NOBODY
from botkit.routing.replied import prepare
from botkit.routing.router import Router
from botkit.routing.specs import CommandSpec, Example, Need, ParameterKind
from botkit.routing.words import Line, UsageError
from botkit.testing.people import Somebody
from botkit.testing.tester import RoomTester

_ADMIN: Final = "admin@example.org"
_MOST_PEOPLE: Final = 10


def examples_of(module: Module) -> Iterator[tuple[CommandSpec, Example]]:
    """Every example of every command, included routers' too."""
    for router in module.router.walk():
        for spec in router.commands:
            for example in spec.examples:
                yield spec, example


async def run_example(
    module: Module, spec: CommandSpec, example: Example, settings: Mapping[str, Any] | None = None
) -> None:
    """Type the example in a room, as an owner of it, and see that it is understood, runs, and says what it should.

    Whoever it names is in the room. ``settings`` are the module's; None: their defaults. Raises ``AssertionError``.
    """
    ring = _Ring(spec)
    exampled = _Exampled(module, ring, settings)
    async with RoomTester(exampled, config=exampled.settings, admins=[_ADMIN], command_rate=None) as room:
        asker = room.join("asker", affiliation=Affiliation.OWNER, role=Role.MODERATOR)
        for nick in example.people:
            room.join(nick)
        earlier = await asker.says("An earlier message.")
        command = next(c for c in room.dispatcher.commands if c.spec is spec)
        at = next(len(name) for name in spec.names if f"{example.text} ".casefold().startswith(f"{name} ".casefold()))
        await _understood(command, example, at, room, asker, earlier)
        if not example.run:
            return
        ring.watching = True
        said = await _type(command, example, at, room, asker, earlier)
        told = f"{example.text!r} was answered: {said!r}"
        assert ring.ran, f"{told}; the command did not run"
        assert ring.raised is None, f"{told}; the command raised {ring.raised!r}"
        if isinstance(example.answer, re.Pattern):
            assert example.answer.fullmatch(said), f"{told}; not like {example.answer.pattern!r}"
        elif example.answer is not None:
            assert said == example.answer, f"{told}; not {example.answer!r}"


class _Ring:
    """Middleware that sees whether the command ran, and how it ended."""

    def __init__(self, spec: CommandSpec) -> None:
        self._spec = spec
        self.watching = False
        self.ran = False
        self.raised: Exception | None = None

    async def __call__(self, call: Next, event: Event, ctx: Context[Any]) -> Reply:
        if not self.watching or ctx.command is not self._spec:
            return await call(event, ctx)
        self.ran = True
        try:
            return await call(event, ctx)
        except Exception as problem:  # handed on: the dispatcher tells of it as always
            self.raised = problem
            raise


@dataclass(frozen=True, slots=True)
class _Exampled:
    """The module behind the ring."""

    module: Module
    ring: _Ring
    given: Mapping[str, Any] | None

    @property
    def name(self) -> str:
        return self.module.name

    @property
    def config(self) -> type[BaseModel]:
        return self.module.config

    @property
    def settings(self) -> BaseModel:
        try:
            return self.module.config(**(self.given or {}))
        except ValidationError as problem:
            raise AssertionError(f"the module has no settings without a config: {problem}") from None

    @property
    def router(self) -> Router:
        outer = Router(self.module.name)
        outer.middleware(self.ring)
        outer.include(self.module.router)
        return outer


async def _understood(
    command: Command, example: Example, at: int, room: RoomTester, asker: Somebody, earlier: RoomMessage
) -> None:
    """Read the line, with everybody whom it names in the room."""
    ctx = room.dispatcher.context(command, asker.occupant.address, room.address)
    replies = {p.name: str(earlier.archive_id) for p in command.parameters if p.kind is ParameterKind.REPLY}
    for _ in range(_MOST_PEOPLE):
        try:
            command.parse(example.text, ctx, at, await prepare(command, ctx, replies))
        except UsageError as problem:
            nick = Line(example.text, problem.start).next() if problem.start is not None else None
            if not nick or NOBODY not in str(problem):
                raise AssertionError(f"{example.text!r} is not understood: {problem}") from None
            room.join(nick.removeprefix("@").rstrip(":,"))
        else:
            return await room.settle()
    raise AssertionError(f"{example.text!r} names more than {_MOST_PEOPLE} people")


async def _type(
    command: Command, example: Example, at: int, room: RoomTester, asker: Somebody, earlier: RoomMessage
) -> str:
    """Say it where the command can be called, and return what the bot says."""
    replying = any(p.kind is ParameterKind.REPLY for p in command.parameters)
    if Need.BOT_ADMIN in command.spec.needs or not {RoomMessage, PrivateMessage} & set(command.events):
        where = f" {room.address}" if command.wants_room else ""
        return "\n".join(await room.direct(_ADMIN, f"{example.text[:at]}{where}{example.text[at:]}"))
    if RoomMessage not in command.events:
        return "\n".join(await asker.whispers(example.text))
    before = len(room.said)
    text = f"!{example.text}"
    await (asker.replies(earlier, text) if replying else asker.says(text))
    return "\n".join(room.said[before:])
