"""Ad-hoc commands (XEP-0050): every typed command as a form, and hand-written ones with as many stages as they want."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from botkit.errors import Forbidden, ItemNotFound, StanzaError, StoreError
from botkit.model.address import Address
from botkit.model.forms import CommandAnswer, CommandRequest, Field, Form, Note, NoteKind
from botkit.routing.called import CommandCalled
from botkit.routing.commands import Command
from botkit.routing.context import Context, Services
from botkit.routing.permission import allowed
from botkit.routing.plan import LoadedAdhoc
from botkit.routing.replied import prepare, recent_messages
from botkit.routing.words import CommandError, UsageError
from botkit.services.adhoc_forms import (
    chosen,
    chosen_messages,
    command_form,
    filled_again,
    read_form,
    replies,
    result_form,
    room_var,
)
from botkit.services.adhoc_once import Asked
from botkit.services.adhoc_sessions import Session, Sessions, bad_request

_ACTIONS = frozenset(("execute", "next", "prev", "complete", "cancel"))


@dataclass(frozen=True, slots=True, kw_only=True)
class AdhocStep:
    """One stage of a hand-written command that is not its last: a form, and which ``actions`` go on from it.

    ``default`` is what "execute" means here; None: the first of ``actions``.
    """

    form: Form
    actions: tuple[str, ...] = ("next",)
    default: str | None = None
    notes: tuple[Note, ...] = ()


class Commands(Protocol):
    """What the dispatcher does for calls that come by a form."""

    @property
    def services(self) -> Services:
        """What all contexts of the account share."""

    @property
    def adhoc_commands(self) -> tuple[LoadedAdhoc, ...]:
        """Every hand-written ad-hoc command."""

    def offered(self, requester: Address) -> tuple[Command, ...]:
        """The commands that ``requester`` may call now."""

    @property
    def commands(self) -> tuple[Command, ...]:
        """Every command."""

    def rooms_for(self, command: Command, requester: Address) -> tuple[Address, ...]:
        """The rooms about which ``requester`` may call ``command`` now."""

    def context(self, command: Command, requester: Address, room: Address | None = None) -> Context[Any]:
        """The context of such a call. Raises ``CommandError``."""

    async def invoke(self, command: Command, ctx: Context[Any], values: Mapping[str, object]) -> tuple[str, ...]:
        """Run it. Raises ``CommandError``."""

    async def run_adhoc(self, loaded: LoadedAdhoc, requester: Address, form: Form | None) -> object:
        """One step of a hand-written one. Raises ``CommandError``."""


class AdhocService:
    """Fulfils ``ports.AdhocOffer`` over a dispatcher. Who may what is the dispatcher's to say, anew at every stage."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._link = commands.services.link
        self._sessions = Sessions(commands.services.clock)
        self._asked = Asked(commands.services)

    async def listed(self, requester: Address) -> Sequence[tuple[str, str]]:
        """(node, name) of each command that ``requester`` may run; of equal names the first."""
        found: dict[str, str] = {}
        for command in self._commands.offered(requester):
            found.setdefault(command.name, command.spec.summary.rstrip(".") or command.name)
        for loaded in self._commands.adhoc_commands:
            if self._may(loaded, requester):
                found.setdefault(loaded.spec.node, loaded.spec.title)
        return list(found.items())

    async def called(self, requester: Address, request: CommandRequest) -> CommandAnswer:
        """One stage. Raises ``StanzaError`` as XEP-0050 §4.4 says. A request that comes again gets the same answer."""
        return await self._asked.answer(requester, request, self._called)

    async def _called(self, requester: Address, request: CommandRequest) -> CommandAnswer:
        work = self._find(requester, request.node)
        action = request.action or "execute"
        if action not in _ACTIONS:
            raise bad_request("malformed-action", f"{action[:40]!r} is no action")
        person = self._person(requester)
        if request.session is None:
            if action not in ("execute", "complete", "next"):
                raise bad_request("bad-action", f"a command does not begin with {action}")
            session = self._sessions.begin(request.node, requester, person)
            return await self._stage(session, work, request, None)
        session = self._sessions.find(request.session, request.node, requester, person)
        if action == "cancel":
            self._sessions.end(session)
            return CommandAnswer(node=session.node, session=session.id, status="canceled")
        return await self._stage(session, work, request, _meant(session, action))

    # --- who and what ------------------------------------------------------------------------------------------

    def _find(self, requester: Address, node: str) -> Command | LoadedAdhoc:
        for command in self._commands.offered(requester):
            if command.name == node:
                return command
        for loaded in self._commands.adhoc_commands:
            if loaded.spec.node == node and self._may(loaded, requester):
                return loaded
        names = {c.name for c in self._commands.commands if c.spec.adhoc}
        names |= {loaded.spec.node for loaded in self._commands.adhoc_commands}
        if node in names:
            raise Forbidden("forbidden", "cancel", "you may not run this command")
        raise ItemNotFound("item-not-found", "cancel", "there is no such command")

    def _may(self, loaded: LoadedAdhoc, requester: Address) -> bool:
        services, runtime = self._commands.services, loaded.runtime
        event = CommandCalled(at=services.clock.now(), requester=requester)
        ctx: Context[Any] = Context(event, services, module=runtime.name, config=None, storage=runtime.storage)
        return runtime.active_in(None) and allowed(loaded.spec.needs, ctx)

    def _person(self, requester: Address) -> str:
        """Who is behind ``requester``: an occupant's JID may be somebody else's the next moment."""
        occupant = self._link.occupant(requester) if requester.resource is not None else None
        if occupant is None:
            return str(requester)
        return occupant.identity or f"occupant {occupant.affiliation} {occupant.role} {requester}"

    # --- stages ------------------------------------------------------------------------------------------------

    async def _stage(
        self, session: Session, work: Command | LoadedAdhoc, request: CommandRequest, action: str | None
    ) -> CommandAnswer:
        if session.busy:
            raise StanzaError("resource-constraint", "wait", "the stage before is still being worked on")
        session.busy = True
        try:
            if isinstance(work, Command):
                return await self._typed(session, work, request, action)
            await self._asked.begin(session.requester, request)
            return await self._written(session, work, request.form, action)
        except CommandError as problem:
            # "If a command completes but fails, the responder MUST include at least one <note type='error'/>" (§3.6)
            return self._completed(session, notes=(Note(str(problem), NoteKind.ERROR),))
        except StoreError as problem:
            raise StanzaError("resource-constraint", "wait", "nothing can be written down now") from problem
        except StanzaError:
            raise  # a wrong request; the session waits for a right one
        except BaseException:
            self._sessions.end(session)
            raise
        finally:
            session.busy = False

    async def _typed(
        self, session: Session, command: Command, request: CommandRequest, action: str | None
    ) -> CommandAnswer:
        requester, submitted = session.requester, request.form if action else None
        rooms = self._commands.rooms_for(command, requester) if command.wants_room else ()
        if session.form is None:
            settled = self._settled(command, requester, rooms)
            recent = await recent_messages(settled) if settled is not None and replies(command) else ()
            form = command_form(command, rooms, settled, recent)
            if form.fields:
                return self._shown(session, form)
        elif submitted is None:
            raise bad_request("bad-payload", "the form is missing")
        submitted = submitted or Form(kind="submit")
        room = _room_of(command, rooms, submitted)
        if command.wants_room and room is None:
            return self._again(session, submitted, ["Room: choose one of the list"])
        ctx = self._commands.context(command, requester, room)
        try:
            given = await prepare(command, ctx, chosen_messages(command, submitted))
        except UsageError as problem:
            return self._again(session, submitted, [str(problem)])
        values, faults = read_form(command, submitted, ctx, given)
        if faults:
            return self._again(session, submitted, faults)
        await self._asked.begin(requester, request)
        try:
            texts = await self._commands.invoke(command, ctx, values)
        except UsageError as problem:
            return self._again(session, submitted, [str(problem)])
        return self._answered(session, "\n".join(texts))

    async def _written(
        self, session: Session, loaded: LoadedAdhoc, form: Form | None, action: str | None
    ) -> CommandAnswer:
        if action == "prev":
            forms: list[AdhocStep] = session.values.setdefault("steps", [])
            if len(forms) > 1:
                forms.pop()
            return self._step(session, forms[-1])
        given: dict[str, Field] = session.values.setdefault("given", {})
        if action and form is not None:
            given.update({field.var: field for field in form.fields if field.var})
        # A handler sees what was filled in at all stages so far: it keeps nothing itself.
        so_far = Form(kind="submit", fields=tuple(given.values())) if action else None
        found = await self._commands.run_adhoc(loaded, session.requester, so_far)
        match found:
            case AdhocStep():
                session.values.setdefault("steps", []).append(found)
                return self._step(session, found)
            case Form(kind="form"):
                step = AdhocStep(form=found, actions=("complete",))
                session.values.setdefault("steps", []).append(step)
                return self._step(session, step)
            case Form():
                return self._completed(session, form=replace(found, kind="result"))
            case Note():
                return self._completed(session, notes=(found,))
            case str() | None:
                return self._answered(session, found or "")
        raise CommandError(f"{loaded.spec.title} gave an answer that cannot be shown.")

    def _step(self, session: Session, step: AdhocStep) -> CommandAnswer:
        steps = session.values["steps"]
        back = ("prev",) if len(steps) > 1 and "prev" not in step.actions else ()
        return self._shown(session, step.form, step.notes, (*step.actions, *back), step.default or step.actions[0])

    def _again(self, session: Session, submitted: Form, faults: Sequence[str]) -> CommandAnswer:
        """The same stage once more, with what was filled in and what is wrong with it."""
        if session.form is None:
            return self._completed(session, notes=tuple(Note(fault, NoteKind.ERROR) for fault in faults))
        notes = tuple(Note(fault, NoteKind.ERROR) for fault in faults)
        shown = filled_again(session.form, submitted)
        return self._shown(session, session.form, notes, answer_form=shown)

    def _shown(
        self,
        session: Session,
        form: Form,
        notes: tuple[Note, ...] = (),
        actions: tuple[str, ...] = ("complete",),
        default: str = "complete",
        answer_form: Form | None = None,
    ) -> CommandAnswer:
        session.form, session.actions, session.default = form, actions, default
        return CommandAnswer(
            node=session.node,
            session=session.id,
            status="executing",
            form=answer_form or form,
            notes=notes,
            actions=actions,
            default=default,
        )

    def _answered(self, session: Session, text: str) -> CommandAnswer:
        """A text as a note; one of several lines as a form, which clients show whole."""
        if "\n" in text.strip():
            return self._completed(session, form=result_form(text))
        return self._completed(session, notes=(Note(text.strip() or "Done."),))

    def _completed(self, session: Session, *, form: Form | None = None, notes: tuple[Note, ...] = ()) -> CommandAnswer:
        self._sessions.end(session)
        return CommandAnswer(node=session.node, session=session.id, status="completed", form=form, notes=notes)

    def _settled(self, command: Command, requester: Address, rooms: Sequence[Address]) -> Context[Any] | None:
        """The context of a call whose room is settled, or that needs none."""
        if command.wants_room and len(rooms) != 1:
            return None
        return self._commands.context(command, requester, rooms[0] if command.wants_room else None)


def _meant(session: Session, action: str) -> str:
    """What ``action`` stands for at this stage. Raises ``bad-action`` for one that was not offered (§3.4)."""
    meant = (session.default or "complete") if action == "execute" else action
    if meant == "complete" and not session.actions:
        return meant
    if meant not in session.actions:
        raise bad_request("bad-action", f"{action} is not possible here")
    return meant


def _room_of(command: Command, rooms: Sequence[Address], submitted: Form) -> Address | None:
    if not command.wants_room:
        return None
    wanted = chosen(submitted, room_var(command))
    if wanted is not None:
        return next((room for room in rooms if str(room) == wanted), None)
    return rooms[0] if len(rooms) == 1 else None
