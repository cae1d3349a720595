"""The built-in ``help``: what the asker may run here, from names, signatures and docstrings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from botkit.errors import MisuseError
from botkit.model.address import Address
from botkit.model.events import DirectMessage, RoomMessage
from botkit.routing.calls import Caller, usage
from botkit.routing.context import Context, ModuleStorage
from botkit.routing.converters import Converter, did_you_mean
from botkit.routing.permission import shown
from botkit.routing.router import Router
from botkit.routing.specs import Example, Parameter, ParameterKind
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

    @router.command("help", adhoc=False, effects=False, examples=(Example("help help", "tell about this command"),))
    async def show_help(
        ctx: Context[Any], *, command: Annotated[str | None, "a command, or a group of commands"] = None
    ) -> str:
        """List what you may do here, or tell more about one command."""
        page = _Page(caller, ctx, _prefix(ctx, syntax))
        if command is not None:
            return page.about(_name(command, syntax.of(ctx.event)))
        return page.names() if isinstance(ctx.event, RoomMessage) else page.all()

    return _HelpModule(router)


def _prefix(ctx: Context[Any], syntax: CommandSyntax) -> str:
    prefixes = syntax.of(ctx.event)
    return "" if isinstance(ctx.event, DirectMessage) or not prefixes else prefixes[0]


def _name(asked: str, prefixes: tuple[str, ...]) -> str:
    name = " ".join(asked.casefold().split())[:80]
    for sign in prefixes:
        name = name.removeprefix(sign)
    return name


class _Page:
    """What one person may run in one place, told in three lengths."""

    def __init__(self, caller: Caller, ctx: Context[Any], prefix: str) -> None:
        self._ctx = ctx
        self._prefix = prefix
        self._groups = caller.plan.groups
        self._commands = caller.visible(ctx)

    def names(self) -> str:
        """One line: a room is no place for more."""
        shown = dict.fromkeys(self._prefix + self._first(loaded) for loaded in self._commands)
        return f"{', '.join(shown)}. More: {self._prefix}help <command>"

    def all(self) -> str:
        """A line for each command."""
        return "\n".join(self._line(loaded) for loaded in self._commands)

    def about(self, name: str) -> str:
        """All about one command, or what there is of a group."""
        for loaded in self._commands:
            if name in (one.casefold() for one in loaded.command.spec.names):
                return "\n".join(self._told(loaded))
        if name in self._groups:
            start = f"{name} "
            inside = [c for c in self._commands if any(n.casefold().startswith(start) for n in c.command.spec.names)]
            if inside:
                doc = [self._groups[name]] if self._groups[name] else []
                return "\n".join((*doc, *(self._line(loaded) for loaded in inside)))
        known = [one for loaded in self._commands for one in loaded.command.spec.names]
        return f"There is no command {name[:40]} that you may run here{did_you_mean(name, known)}."

    def _told(self, loaded: LoadedCommand) -> list[str]:
        spec, command = loaded.command.spec, loaded.command
        lines = [self._prefix + usage(command, self._ctx)]
        lines += [spec.doc] if spec.doc else []
        for parameter, converter in zip(command.parameters, command.converters, strict=True):
            if (told := parameter.doc or converter.hint) is not None:
                lines.append(f"{_argument(parameter)}: {told}{_default(parameter, converter)}")
        for example in spec.examples:
            note = f" ({example.note})" if example.note else ""
            lines.append(f"For example: {self._prefix}{example.text}{note}")
        if len(spec.names) > 1:
            lines.append(f"Also: {', '.join(self._prefix + name for name in spec.names[1:])}")
        if spec.needs:
            lines.append(f"For {shown(spec.needs)}.")
        return lines

    def _line(self, loaded: LoadedCommand) -> str:
        summary = loaded.command.spec.summary
        return self._prefix + usage(loaded.command, self._ctx) + (f": {summary}" if summary else "")

    def _first(self, loaded: LoadedCommand) -> str:
        """The name; of a group's commands the group's."""
        name = loaded.command.name
        word = name.partition(" ")[0]
        return f"{word} …" if word != name and word.casefold() in self._groups else name


def _argument(parameter: Parameter) -> str:
    if parameter.kind not in (ParameterKind.FLAG, ParameterKind.OPTION):
        return parameter.shown
    short = f"-{parameter.short}, " if parameter.short else ""
    no = "no-" if parameter.kind is ParameterKind.FLAG and parameter.default else ""
    return f"{short if not no else ''}--{no}{parameter.shown}"


def _default(parameter: Parameter, converter: Converter) -> str:
    if parameter.kind is ParameterKind.FLAG or parameter.default in (None, (), ""):
        return ""
    text = converter.show(parameter.default) if converter.show is not None else str(parameter.default)
    return f" (else {text})"
