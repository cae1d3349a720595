"""Running commands: chosen, allowed, understood, called, answered. Chat and ad-hoc calls take the same way."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from botkit.errors import StanzaError, StoreError
from botkit.model.actions import SendMessage
from botkit.model.address import Address
from botkit.model.events import DirectMessage, Event
from botkit.model.forms import Form
from botkit.model.rooms import Occupant
from botkit.ports import Link
from botkit.routing.answers import act, give
from botkit.routing.called import CommandCalled
from botkit.routing.commands import Command
from botkit.routing.context import Context, Reply
from botkit.routing.contexts import Contexts
from botkit.routing.corrections import TOO_LATE, Attempt, Corrections, kept
from botkit.routing.failures import Failures
from botkit.routing.filters import Yield
from botkit.routing.handles import NotDone, RoomHandle
from botkit.routing.limit import being_cancelled, limited
from botkit.routing.middleware import Buckets, asker, handled
from botkit.routing.naming import close_to, members
from botkit.routing.once import Once
from botkit.routing.permission import allowed, shown
from botkit.routing.plan import LoadedAdhoc, LoadedCommand, Plan, in_rings, label
from botkit.routing.replied import prepare
from botkit.routing.syntax import CommandLine
from botkit.routing.words import CommandError, Line, UsageError

_STRANGER = "That takes a room first, one where I see you under this account: write its JID as the first word."


class Caller:
    """Runs the commands of one dispatcher."""

    def __init__(self, contexts: Contexts, failures: Failures, rate: tuple[int, float] | None) -> None:
        self._contexts = contexts
        self._failures = failures
        self._buckets = Buckets(*rate) if rate is not None else None
        services = contexts.services
        self._corrections = Corrections(services.clock)
        self.once = Once(services.claims, services.clock, services.log)
        self.plan: Plan

    # --- by a message -----------------------------------------------------------------------------------------

    async def answer(self, event: Event, line: CommandLine) -> None:
        """Run the command that a message names, and answer it. Raises nothing but ``CancelledError``."""
        attempt = self._corrections.attempt(event, line, asker(event))
        if attempt is None:
            return
        chosen = self._choose(event, line.name)
        with kept(attempt.answers):
            if chosen is None:
                await self._hint(event, line, attempt)
            else:
                await self._answer(event, line, attempt, *chosen)
        for left in attempt.answers.end():
            await self._put_away(left)

    async def _answer(
        self,
        event: Event,
        line: CommandLine,
        attempt: Attempt,
        loaded: LoadedCommand,
        ctx: Context[Any],
        yields: tuple[object, ...],
    ) -> None:
        refusal = self._refusal(event)
        if refusal is not None:
            if refusal:
                await self._tell(ctx, refusal)
            return
        try:
            # Before any of its effects, the answer to a wrong word included; after the rate, as it waits for the disk.
            if not await self.once.begin(event):
                return
            if attempt.done:
                raise CommandError(TOO_LATE)
            attempt.answers.begin()
            await limited(self._from_text(loaded, ctx, line, attempt, yields), loaded.timeout)
        except UsageError as problem:
            await self._tell(ctx, f"{problem}\nUsage: {line.prefix}{usage(loaded.command, ctx)}")
        except (CommandError, NotDone) as problem:
            await self._tell(ctx, str(problem))
        except Exception as problem:  # the boundary: whatever a bot's code raises
            await self._tell(ctx, self._failed(loaded, event, problem))
        except asyncio.CancelledError as problem:
            if being_cancelled():
                raise
            await self._tell(ctx, self._failed(loaded, event, problem))

    async def _from_text(
        self,
        loaded: LoadedCommand,
        ctx: Context[Any],
        line: CommandLine,
        attempt: Attempt,
        yields: tuple[object, ...],
    ) -> None:
        command, at = loaded.command, line.at
        if command.wants_room and ctx.room is None:
            words = Line(line.text, at)
            room = self._room_of(words.next(), ctx)
            ctx, at = self._moved(loaded, ctx.event, room, ctx.sender_jid), words.at
        _demand(loaded, ctx)
        given = await prepare(command, ctx) if command.prepares else None
        values = command.parse(line.text, ctx, at, given)
        attempt.done = attempt.done or command.spec.effects
        await give(await self._call(loaded, ctx, yields, values), ctx)

    def _choose(self, event: Event, name: str) -> tuple[LoadedCommand, Context[Any], tuple[object, ...]] | None:
        """The first command of this name that is in use here and whose filter passes."""
        for loaded in self.plan.by_name.get(name, ()):
            if not isinstance(event, loaded.command.events):
                continue
            ctx = self._contexts.of(loaded.runtime, event, command=loaded.command.spec)
            if ctx is None:
                continue
            try:
                yields = _filtered(loaded, ctx)
            except Exception as problem:  # the boundary: a bot's filter
                self._failed(loaded, event, problem)
                continue
            if yields is not None:
                return loaded, ctx, yields
        return None

    async def _hint(self, event: Event, line: CommandLine, attempt: Attempt) -> None:
        """Say "did you mean" to who clearly meant a command. Silence else: talk may begin with any sign, and
        two bots that tell each other of unknown commands would not end."""
        # The bucket goes first: comparing with every name takes a while, and anybody can ask for it.
        if not line.explicit or self._refusal(event) is not None:
            return
        plan = self.plan
        close = close_to(line, plan.by_name, plan.groups)
        meant = f"; did you mean {line.prefix}{close}?" if close and self._seen(close, event) else ""
        if line.name in plan.groups:
            there = [word for word in members(line.name, plan.by_name) if self._seen(f"{line.name} {word}", event)]
            ctx = self._seen(line.name, event)
            text = f"{line.name}: expected one of {', '.join(there)}{meant}"
        else:
            ctx = self._seen(close, event) if close else None
            text = f"I know no {line.name[:40]}{meant}"
        if ctx is not None and await self._first(event):
            attempt.answers.begin()
            await self._tell(ctx, text)

    def _seen(self, name: str, event: Event) -> Context[Any] | None:
        """The context of the first command of this name, or of this group, that the sender may run; None for none."""
        start = f"{name} "
        for other, found in self.plan.by_name.items():
            if other == name or other.startswith(start):
                for loaded in found:
                    if (ctx := self._visible(loaded, event)) is not None:
                        return ctx
        return None

    async def _first(self, event: Event) -> bool:
        try:
            return await self.once.begin(event)
        except StoreError:
            return False

    # --- by a form --------------------------------------------------------------------------------------------

    def context(self, command: Command, requester: Address, room: Address | None) -> Context[Any]:
        """See ``Dispatcher.context``."""
        loaded = self._loaded(command)
        link = self._contexts.services.link
        event = CommandCalled(at=self._contexts.services.clock.now(), requester=requester, room=room)
        occupant = link.occupant(requester) if not requester.is_bare else None
        if room is None and occupant is None:
            ctx = self._contexts.of(loaded.runtime, event, command=command.spec)
            if ctx is None:
                raise CommandError(f"{command.name} is not in use outside of rooms.")
            return ctx
        if occupant is not None and room not in (None, occupant.room):
            raise CommandError("Through a room, commands are about that room alone.")
        handle = RoomHandle(room or requester.bare, link)
        return self._moved(loaded, event, handle, requester, occupant)

    def rooms_for(self, command: Command, requester: Address) -> tuple[Address, ...]:
        """See ``Dispatcher.rooms_for``."""
        found = []
        for info in self._contexts.services.link.rooms():
            try:
                ctx = self.context(command, requester, info.address)
            except CommandError:
                continue
            if info.me is not None and allowed(command.spec.needs, ctx):
                found.append(info.address)
        return tuple(found)

    def offered(self, requester: Address) -> tuple[Command, ...]:
        """See ``Dispatcher.offered``."""
        found = []
        for loaded in self.plan.commands:
            command = loaded.command
            if not command.spec.adhoc or not issubclass(CommandCalled, command.events):
                continue
            if command.wants_room:
                may = bool(self.rooms_for(command, requester))
            else:
                try:
                    may = allowed(command.spec.needs, self.context(command, requester, None))
                except CommandError:
                    may = False
            if may:
                found.append(command)
        return tuple(found)

    async def invoke(self, command: Command, ctx: Context[Any], values: Mapping[str, object]) -> tuple[str, ...]:
        """See ``Dispatcher.invoke``."""
        loaded = self._loaded(command)
        handled.set(ctx.event)
        if (refusal := self._refusal(ctx.event)) is not None:
            raise CommandError(refusal or "That is too many commands.")
        if command.wants_room and ctx.room is None:
            raise CommandError(f"{command.name} is about a room; say which.")
        try:
            yields = _filtered(loaded, ctx)
            if yields is None:
                raise CommandError(f"{command.name} is not in use here.")
            _demand(loaded, ctx)
            checked = command.check(values)
            return await limited(self._acted(loaded, ctx, yields, checked), loaded.timeout)
        except CommandError:
            raise
        except NotDone as problem:
            raise CommandError(str(problem)) from problem
        except Exception as problem:  # the boundary: whatever a bot's code raises
            raise CommandError(self._failed(loaded, ctx.event, problem)) from problem

    async def run_adhoc(self, loaded: LoadedAdhoc, requester: Address, form: Form | None) -> object:
        """See ``Dispatcher.run_adhoc``."""
        if all(one.spec is not loaded.spec for one in self.plan.adhoc):
            raise CommandError(f"{loaded.spec.title} is not offered any more.")
        event = CommandCalled(at=self._contexts.services.clock.now(), requester=requester)
        handled.set(event)
        ctx = self._contexts.of(loaded.runtime, event)
        if ctx is None or not allowed(loaded.spec.needs, ctx):
            raise CommandError(f"{loaded.spec.title} is for {shown(loaded.spec.needs)}.")
        tally = self._failures.tallies.of(label(loaded.runtime, loaded.spec))
        tally.calls += 1
        try:
            with tally.waiting():
                return await limited(_stepped(loaded, event, ctx, form), loaded.timeout)
        except CommandError:
            raise
        except Exception as problem:  # the boundary: whatever a bot's code raises
            failure = self._failures.note(label(loaded.runtime, loaded.spec), event, problem)
            raise CommandError(_sorry(failure.reference)) from problem

    # --- both -------------------------------------------------------------------------------------------------

    def visible(self, ctx: Context[Any]) -> list[LoadedCommand]:
        """The commands that the sender of ``ctx`` may run where it came from; of equal names the first."""
        found: dict[str, LoadedCommand] = {}
        for loaded in self.plan.commands:
            if not loaded.command.spec.hidden and self._visible(loaded, ctx.event) is not None:
                found.setdefault(loaded.command.name.casefold(), loaded)
        return list(found.values())

    def _visible(self, loaded: LoadedCommand, event: Event) -> Context[Any] | None:
        command = loaded.command
        if not isinstance(event, command.events):
            return None
        ctx = self._contexts.of(loaded.runtime, event, command=command.spec)
        if ctx is None:
            return None
        if isinstance(event, DirectMessage) and command.wants_room:
            return ctx if self.rooms_for(command, event.sender) else None
        return ctx if allowed(command.spec.needs, ctx) else None

    async def _call(
        self, loaded: LoadedCommand, ctx: Context[Any], yields: tuple[object, ...], values: Mapping[str, Any]
    ) -> Reply:
        command = loaded.command
        call = in_rings(lambda event, inner, found: command.call(event, inner, found, values), loaded.rings)
        self._failures.tallies.called["form" if isinstance(ctx.event, CommandCalled) else "chat"] += 1
        tally = self._failures.tallies.of(label(loaded.runtime, command.spec))
        tally.calls += 1
        with tally.waiting():
            return await call(ctx.event, ctx, yields)

    async def _acted(
        self, loaded: LoadedCommand, ctx: Context[Any], yields: tuple[object, ...], values: Mapping[str, Any]
    ) -> tuple[str, ...]:
        return await act(await self._call(loaded, ctx, yields, values), ctx)

    def _room_of(self, word: str | None, ctx: Context[Any]) -> RoomHandle:
        try:
            return RoomHandle(Address.parse(word or "").bare, ctx.link)
        except ValueError:
            raise UsageError(_STRANGER) from None

    def _moved(
        self,
        loaded: LoadedCommand,
        event: Event,
        room: RoomHandle,
        account: Address | None,
        occupant: Occupant | None = None,
    ) -> Context[Any]:
        """The context for a call about ``room`` from outside of it. Whoever asks must be in there, or run the bot.

        The same words in every case: whether we are in a room is nobody's business who is not.
        """
        if occupant is None and account is not None:
            occupant = room.by_account(account)
        ctx = self._contexts.of(loaded.runtime, event, room, occupant, loaded.command.spec)
        if room.me is None or ctx is None or (occupant is None and not ctx.from_admin):
            raise CommandError(_STRANGER)
        return ctx

    def _loaded(self, command: Command) -> LoadedCommand:
        for loaded in self.plan.commands:
            same_module = loaded.runtime.name == command.module
            if loaded.command is command or (same_module and loaded.command.spec is command.spec):
                return loaded  # the second: modules were loaded anew since, and this one did not change
        raise CommandError(f"{command.name} is not offered any more.")

    def _refusal(self, event: Event) -> str | None:
        if self._buckets is None:
            return None
        return self._buckets.take(asker(event), self._contexts.services.clock.monotonic())

    def _failed(self, loaded: LoadedCommand, event: Event, problem: BaseException) -> str:
        reference = self._failures.note(label(loaded.runtime, loaded.command.spec), event, problem).reference
        if isinstance(problem, StoreError):
            return f"I cannot write anything down now, so I cannot do that (reference {reference})."
        if isinstance(problem, StanzaError):
            return f"That was refused: {problem.condition} (reference {reference})."
        return _sorry(reference)

    async def _put_away(self, left: SendMessage) -> None:
        services = self._contexts.services
        try:
            await limited(_performed(services.link, left), 60.0)
        except Exception as problem:  # a boundary, as below
            services.log.warning("an old answer was not put away", reason=f"{type(problem).__name__}: {problem}")

    async def _tell(self, ctx: Context[Any], text: str) -> None:
        try:
            await limited(ctx.reply(text), 60.0)
        except Exception as problem:  # a boundary: whoever asked may be gone, or the link down
            ctx.log.warning("an answer was not sent", reason=f"{type(problem).__name__}: {problem}")


async def _performed(link: Link, action: SendMessage) -> None:
    await link.perform(action)


async def _stepped(loaded: LoadedAdhoc, event: Event, ctx: Context[Any], form: Form | None) -> object:
    return await loaded.call(event, ctx, (form,))


def usage(command: Command, ctx: Context[Any]) -> str:
    """The command's usage as it is typed where ``ctx`` is."""
    if command.wants_room and isinstance(ctx.event, DirectMessage):
        return command.usage.replace(command.name, f"{command.name} <room>", 1)
    return command.usage


def _filtered(loaded: LoadedCommand, ctx: Context[Any]) -> tuple[object, ...] | None:
    wanted = loaded.command.spec.filter
    passed = wanted.check(ctx.event, ctx) if wanted is not None else True
    if not passed:
        return None
    return passed.values if isinstance(passed, Yield) else ()


def _demand(loaded: LoadedCommand, ctx: Context[Any]) -> None:
    if not allowed(loaded.command.spec.needs, ctx):
        raise CommandError(f"{loaded.command.name} is for {shown(loaded.command.spec.needs)}.")


def _sorry(reference: str) -> str:
    return f"Something went wrong (reference {reference})."
