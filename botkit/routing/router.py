"""The router: a value on which a module's decorators record its handlers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, TypeVar, overload

from botkit.errors import ConfigError
from botkit.model.address import Address
from botkit.model.events import (
    BotStarted,
    BotStopping,
    DirectMessage,
    DirectReactions,
    DirectRetraction,
    Event,
    InvitationReceived,
    MessageModerated,
    MessageRetracted,
    NickChanged,
    OccupantJoined,
    OccupantLeft,
    PrivateMessage,
    ReactionsChanged,
    RightsChanged,
    RoomMessage,
    RoomStateChanged,
    StatusChanged,
    SubjectChanged,
)
from botkit.model.jobs import Missed
from botkit.model.room_events import CapabilitiesChanged
from botkit.routing.context import Middleware
from botkit.routing.converters import Converter
from botkit.routing.filters import Filter
from botkit.routing.recording import Group, all_of, make_group, one_word, recorder, rights
from botkit.routing.specs import (
    AdhocSpec,
    CommandSpec,
    Example,
    GroupSpec,
    HandlerSpec,
    Need,
    Right,
    ScheduleSpec,
)

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


class Registrar:
    """One kind of event on a router; used as ``@router.join`` or ``@router.join(filter, …)``.

    ``filters`` must all pass. ``catch_up``: also what was said while we were away (``event.source``
    tells). ``own``: also our own doings, which are left out else so that no bot answers itself.
    ``commands=False``: not the messages that are commands. ``timeout``: seconds until the handler
    is cancelled, None for the dispatcher's.
    """

    def __init__(self, router: Router, *events: type[Event]) -> None:
        self._router = router
        self._events = events

    @overload
    def __call__(self, handler: F, /) -> F: ...

    @overload
    def __call__(
        self,
        *filters: Filter,
        catch_up: bool = False,
        own: bool = False,
        commands: bool = True,
        timeout: float | None = None,
    ) -> Callable[[F], F]: ...

    def __call__(
        self,
        *given: Any,
        catch_up: bool = False,
        own: bool = False,
        commands: bool = True,
        timeout: float | None = None,
    ) -> Any:
        if len(given) == 1 and not isinstance(given[0], Filter):
            return self()(given[0])
        combined = all_of(given)

        def record(handler: F) -> F:
            self._router.handlers.append(
                HandlerSpec(
                    handler=handler,
                    events=self._events,
                    filter=combined,
                    catch_up=catch_up,
                    own=own,
                    commands=commands,
                    timeout=timeout,
                )
            )
            return handler

        return record


class Router:
    """Records handlers; knows nothing of any connection. Decorators return the function unchanged.

    All handlers of an event run, in the order in which they were recorded (an included router's
    where ``include`` stands); of commands the first with that name. ``message`` handlers see
    messages that are commands, too, so that moderation sees everything; ``commands=False`` leaves
    them out.

    By kind of event: ``message`` (``RoomMessage`` unless the annotation says ``PrivateMessage`` or
    ``DirectMessage`` or a union), ``join``, ``part``, ``nick``, ``rights``, ``status``,
    ``retraction``, ``moderation``, ``reaction``, ``subject``, ``invitation``, ``room_state``, ``capabilities``,
    ``start``, ``stop``; ``on`` takes any.

    ``urgent``: what happens in a room comes to the handlers that were recorded on this very router in
    a queue of their own, in order, beside the one of all others and not behind their slow handlers.
    It is meant for moderation. Commands are not part of it.
    """

    def __init__(self, name: str, *, urgent: bool = False) -> None:
        self.name = name
        self.urgent = urgent
        self.handlers: list[HandlerSpec] = []
        self.commands: list[CommandSpec] = []
        self.groups: list[GroupSpec] = []
        self.schedules: list[ScheduleSpec] = []
        self.schedule_makers: list[Callable[[Any], Iterable[ScheduleSpec]]] = []
        self.adhoc_commands: list[AdhocSpec] = []
        self.middlewares: list[Middleware] = []
        self.converters: dict[Any, Converter] = {}
        self.included: list[tuple[int, int, Router]] = []  # (handlers before it, commands before it, router)
        self.message = Registrar(self, RoomMessage, PrivateMessage, DirectMessage)
        self.join = Registrar(self, OccupantJoined)
        self.part = Registrar(self, OccupantLeft)
        self.nick = Registrar(self, NickChanged)
        self.rights = Registrar(self, RightsChanged)
        self.status = Registrar(self, StatusChanged)
        self.retraction = Registrar(self, MessageRetracted, DirectRetraction)
        self.moderation = Registrar(self, MessageModerated)
        self.reaction = Registrar(self, ReactionsChanged, DirectReactions)
        self.subject = Registrar(self, SubjectChanged)
        self.invitation = Registrar(self, InvitationReceived)
        self.room_state = Registrar(self, RoomStateChanged)
        self.capabilities = Registrar(self, CapabilitiesChanged)
        self.start = Registrar(self, BotStarted)
        self.stop = Registrar(self, BotStopping)

    def on(
        self,
        event: type[Event],
        *filters: Filter,
        catch_up: bool = False,
        own: bool = False,
        commands: bool = True,
        timeout: float | None = None,
    ) -> Callable[[F], F]:
        """Handle any type of event, its subclasses included."""
        return Registrar(self, event)(*filters, catch_up=catch_up, own=own, commands=commands, timeout=timeout)

    def command(
        self,
        name: str,
        *aliases: str,
        needs: Right | Iterable[Right] | None = None,
        adhoc: bool = True,
        hidden: bool = False,
        filters: Iterable[Filter] = (),
        timeout: float | None = None,
        examples: Iterable[str | Example] = (),
        effects: bool = True,
    ) -> Callable[[F], F]:
        """Run when somebody types the name after the prefix, after our nick, or alone in a private or 1:1 chat.

        ``needs``: one right, or several of which one suffices. ``hidden``: works, but help does
        not list it. ``examples`` are shown by help, and run by botkit's pytest plugin: whole lines without a prefix.
        ``effects=False``: it only answers, so that running it once more when its message is corrected harms nothing.
        Raises ``ConfigError`` at once for a name, right or example that cannot be.
        """
        return recorder(
            self,
            one_word(self, (name, *aliases)),
            needs=rights(needs, f"router {self.name!r}: command {name!r}"),
            adhoc=adhoc,
            hidden=hidden,
            filters=filters,
            timeout=timeout,
            examples=examples,
            effects=effects,
        )

    def group(self, name: str, *aliases: str, needs: Right | Iterable[Right] | None = None, doc: str = "") -> Group:
        """Commands under one word: ``poll = router.group("poll")``, then ``@poll.command("start")``.

        ``needs`` are what its commands need that do not say otherwise; ``doc`` is shown by help.
        """
        own = rights(needs, f"router {self.name!r}: group {name!r}")
        return make_group(self, one_word(self, (name, *aliases)), own, doc)

    def every(
        self,
        *,
        cron: str | None = None,
        timezone: str | None = None,
        days: float = 0,
        hours: float = 0,
        minutes: float = 0,
        seconds: float = 0,
        rooms: Iterable[Address | str] | None = None,
        name: str | None = None,
        timeout: float | None = None,
        missed: Missed = Missed.ONCE,
        grace: timedelta = timedelta(minutes=5),
        retries: int = 3,
        pause_after: int = 5,
        kept: bool | None = None,
    ) -> Callable[[F], F]:
        """Run by the clock: a cron expression of five fields in a time zone, or an interval.

        ``rooms`` None: once, with no room; (): once for each room of the module; else for these.
        ``name`` stays the same over restarts; the function's name where it is None. Times that passed while the bot was
        away are run as ``missed`` says, if they are no later than ``grace``. What fails is tried ``retries`` times
        more; after ``pause_after`` times that failed for good the job is paused. ``kept``: each time is noted in the
        database and happens once, whatever is killed; None: so with cron, and intervals live in the process alone.
        """
        interval = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        if (cron is None) == (interval <= timedelta(0)):
            raise ConfigError(f"router {self.name!r}: every() takes either cron=… or a positive interval")
        if timezone is not None and cron is None:
            raise ConfigError(f"router {self.name!r}: every(timezone=…) belongs to cron=…")
        where = None if rooms is None else tuple(r if isinstance(r, Address) else Address.parse(r) for r in rooms)

        def record(handler: F) -> F:
            self.schedules.append(
                ScheduleSpec(
                    handler=handler,
                    job=name or handler.__name__,
                    cron=cron,
                    timezone=timezone,
                    interval=interval if cron is None else None,
                    rooms=where,
                    timeout=timeout,
                    missed=missed,
                    grace=grace,
                    retries=retries,
                    pause_after=pause_after,
                    kept=cron is not None if kept is None else kept,
                )
            )
            return handler

        return record

    def job(
        self,
        name: str,
        *,
        in_room: bool = False,
        timeout: float | None = None,
        retries: int = 3,
        pause_after: int = 5,
    ) -> Callable[[F], F]:
        """Record what jobs run that are made later, by ``ctx.jobs.add(name, when, …)``.

        ``in_room``: such a job is made for rooms, and the handler may take a ``RoomHandle``. A parameter whose type is
        a pydantic model gets what the job was made with. ``name`` must stay the same over restarts.
        """

        def record(handler: F) -> F:
            self.schedules.append(
                ScheduleSpec(
                    handler=handler,
                    job=name,
                    rooms=() if in_room else None,
                    timeout=timeout,
                    retries=retries,
                    pause_after=pause_after,
                )
            )
            return handler

        return record

    def schedules_from(self, make: F) -> F:
        """Record what makes schedules of a module's settings: ``make(config)`` gives any number of ``ScheduleSpec``.

        It is asked once, when the module is loaded, with the settings that hold outside of rooms.
        """
        self.schedule_makers.append(make)
        return make

    def adhoc(
        self,
        node: str,
        title: str,
        *,
        needs: Right | Iterable[Right] | None = Need.BOT_ADMIN,
        timeout: float | None = None,
    ) -> Callable[[F], F]:
        """Serve a hand-written ad-hoc command (XEP-0050) at ``node``."""
        wanted = rights(needs, f"router {self.name!r}: ad-hoc command {node!r}")

        def record(handler: F) -> F:
            self.adhoc_commands.append(
                AdhocSpec(handler=handler, node=node, title=title, needs=wanted, timeout=timeout)
            )
            return handler

        return record

    def include(self, other: Router) -> None:
        """Take in another router's handlers, inside this one's middleware. Raises ``ConfigError`` for a circle."""
        if other is self or any(r is self for r in other.walk()):
            raise ConfigError(f"router {self.name!r} would include itself through {other.name!r}")
        if any(r is other for r in self.walk()):
            raise ConfigError(f"router {self.name!r} has {other.name!r} already; its handlers would run twice")
        self.included.append((len(self.handlers), len(self.commands), other))

    def walk(self) -> Iterable[Router]:
        """This router and all that it includes."""
        yield self
        for _, _, other in self.included:
            yield from other.walk()

    def middleware(self, ring: Middleware) -> Middleware:
        """Put ``ring`` around every handler of this router; the first one recorded is the outermost."""
        self.middlewares.append(ring)
        return ring

    def converter(self, kind: type[T], convert: Callable[[str, Any], T] | Converter) -> None:
        """Let commands take parameters of type ``kind``: ``convert(word, ctx)`` or raises ``Expected``.

        A ``Converter`` says besides how a form asks for it.
        """
        self.converters[kind] = convert if isinstance(convert, Converter) else Converter(convert=convert)
