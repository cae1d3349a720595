"""The built-in ``help``: what the asker may run here, from names, signatures and docstrings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botkit.errors import MisuseError
from botkit.model.address import Address
from botkit.model.events import DirectMessage, RoomMessage
from botkit.routing.calls import Caller, usage
from botkit.routing.context import Context, ModuleStorage
from botkit.routing.router import Router
from botkit.routing.syntax import CommandSyntax

if TYPE_CHECKING:
    from botkit.routing.plan import LoadedCommand


class _HelpModule:
    """A module like any other, active everywhere, that keeps nothing."""

    name = "help"

    def __init__(self, router: Router) -> None:
        self.router = router

    @property
    def storage(self) -> ModuleStorage:
        return _NOTHING

    def settings_for(self, room: Address | None) -> object:
        return None

    def active_in(self, room: Address | None) -> bool:
        return True


class _NoValues:
    """Keeps nothing, and says so."""

    async def get(self, space: str, key: str) -> object | None:
        return None

    async def put(self, space: str, key: str, value: object) -> None:
        raise MisuseError("the help module stores nothing")

    async def delete(self, space: str, key: str) -> None:
        return None

    async def items(self, space: str, prefix: str = "") -> dict[str, object]:
        return {}


_NOTHING = ModuleStorage(_NoValues(), "help")


def help_module(caller: Caller, syntax: CommandSyntax) -> _HelpModule:
    """The module that answers ``help``. It stands last: a module's own ``help`` goes before it."""
    router = Router("help")

    @router.command("help", adhoc=False)
    async def show_help(ctx: Context[Any], command: str | None = None) -> str:
        """List what you may do here, or tell more about one command."""
        prefix = "" if isinstance(ctx.event, DirectMessage) or not syntax.prefixes else syntax.prefixes[0]
        commands = caller.visible(ctx)
        if command is not None:
            return _one(command, commands, ctx, prefix, syntax)
        if isinstance(ctx.event, RoomMessage):
            names = ", ".join(prefix + loaded.command.name for loaded in commands)
            return f"{names}. More: {prefix}help <command>"
        return "\n".join(_line(loaded, ctx, prefix) for loaded in commands)

    return _HelpModule(router)


def _line(loaded: LoadedCommand, ctx: Context[Any], prefix: str) -> str:
    summary = loaded.command.spec.summary
    return prefix + usage(loaded.command, ctx) + (f": {summary}" if summary else "")


def _one(name: str, commands: list[LoadedCommand], ctx: Context[Any], prefix: str, syntax: CommandSyntax) -> str:
    wanted = name.casefold()
    for sign in syntax.prefixes:
        wanted = wanted.removeprefix(sign)
    for loaded in commands:
        spec = loaded.command.spec
        if wanted not in (n.casefold() for n in spec.names):
            continue
        lines = [prefix + usage(loaded.command, ctx)]
        if spec.doc:
            lines.append(spec.doc)
        lines += [f"{p.name}: {p.doc}" for p in loaded.command.parameters if p.doc]
        if len(spec.names) > 1:
            lines.append(f"Also: {', '.join(prefix + n for n in spec.names[1:])}")
        return "\n".join(lines)
    return f"There is no command {name[:40]} that you may run here."
