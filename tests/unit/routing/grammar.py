"""A command of one handler, in a room with some people, for tests of how lines are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botkit.model.address import Address
from botkit.model.events import RoomMessage
from botkit.model.messages import Content
from botkit.routing.commands import Command, load_command
from botkit.routing.context import Context, ModuleStorage, Services
from botkit.routing.handles import RoomHandle
from botkit.routing.router import Router
from botkit.storage.memory import MemoryValues
from botkit.testing.fakes import NOON, FakeClock, FakeLink, FakeLog, make_occupant, make_room

ROOM = Address.parse("room@rooms.example.org")
PEOPLE = ("alice", "bob", "bob the builder", "Ann Lee", "ann", "Tom Thumb", "x:", "@home", "-dash-", '"quoted"', "❤")
LINK = FakeLink()
LINK.add_room(make_room(ROOM))
for _nick in PEOPLE:
    LINK.set_occupant(make_occupant(ROOM, _nick, real="alice@example.org" if _nick == "alice" else None))
LINK.add_room(make_room("den@rooms.example.org"))
LINK.set_occupant(make_occupant("den@rooms.example.org", "alice", real="alice@example.org"))
LINK.add_room(make_room("secret@rooms.example.org"))


def _no_tasks(work: Any, name: str) -> None:
    raise AssertionError(f"reading a line starts no task: {name}")


def context() -> Context[Any]:
    """alice says something in the room."""
    author = LINK.occupant(ROOM.with_resource("alice"))
    assert author is not None
    message = RoomMessage(at=NOON, room=ROOM, author=author, content=Content(body="x"))
    services = Services(link=LINK, clock=FakeClock(), log=FakeLog(), spawn=_no_tasks)
    storage = ModuleStorage(MemoryValues(), "m")
    return Context(message, services, module="m", config=None, storage=storage, room=RoomHandle(ROOM, LINK))


def command(handler: Callable[..., Any]) -> Command:
    """The loaded command of a handler."""
    router = Router("m")
    router.command("c")(handler)
    loaded, mistakes = load_command(router.commands[0], "m", router.converters)
    assert loaded is not None, mistakes
    return loaded


def parsed(handler: Callable[..., Any], text: str) -> dict[str, Any]:
    """The values that ``text`` gives to the handler's parameters."""
    return command(handler).parse(text, context())
