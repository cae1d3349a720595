"""What a handler gets besides its event: where it is, who is asking, and the means to act."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol

from typing_extensions import TypeVar

from botkit.errors import MisuseError
from botkit.model.actions import Action, Notice, Priority, SendMessage, Sent, Urgency
from botkit.model.address import Address
from botkit.model.events import DirectMessage, Event, PrivateMessage, RoomMessage, Tick, TombstoneSeen
from botkit.model.messages import Delivery, Source
from botkit.model.messages import Reply as ReplyTo
from botkit.model.rooms import Occupant
from botkit.ports import Claims, Clock, Jobs, KeyValues, Link, MessageLog, Spawn
from botkit.routing.called import CommandCalled
from botkit.routing.corrections import answering
from botkit.routing.handles import RoomHandle, check_same_person
from botkit.routing.module_jobs import ModuleJobs
from botkit.routing.texts import sayable
from botkit.routing.zones import Zones

if TYPE_CHECKING:
    from botkit.routing.specs import CommandSpec

C = TypeVar("C", default=Any)
"""A module's config model. A bare ``Context`` is ``Context[Any]``."""

_LOGGERS = 4096
_DELIVERIES = {
    Source.LIVE: Delivery.LIVE,
    Source.ARCHIVE: Delivery.CAUGHT_UP,
    Source.JOIN_HISTORY: Delivery.CAUGHT_UP,
    Source.REPEATED: Delivery.REPEATED,
}

Reply = str | Action | Iterable[str | Action] | None
"""What a handler may return: a ``str`` is said where the event came from, an ``Action`` is performed; or several."""


class Logger(Protocol):
    """A structured logger (structlog's shape): an event's name or sentence, and values by keyword."""

    def debug(self, event: str, /, **values: Any) -> Any:
        """For whoever looks for a fault."""

    def info(self, event: str, /, **values: Any) -> Any:
        """For whoever runs the bot."""

    def warning(self, event: str, /, **values: Any) -> Any:
        """Odd, and handled."""

    def error(self, event: str, /, **values: Any) -> Any:
        """Something did not get done. ``exc_info`` carries the exception."""

    def bind(self, **values: Any) -> Any:
        """The same logger with these values on every line."""


class ModuleStorage:
    """One module's small JSON values, kept across restarts; apart from every other module's."""

    __slots__ = ("_space", "_store")

    def __init__(self, store: KeyValues, space: str) -> None:
        self._store = store
        self._space = space

    async def get(self, key: str) -> object | None:
        """The value, or None."""
        return await self._store.get(self._space, key)

    async def put(self, key: str, value: object) -> None:
        """Keep a JSON-serialisable value; durable when this returns. Raises ``StoreError``."""
        await self._store.put(self._space, key, value)

    async def delete(self, key: str) -> None:
        """Forget it, if it is there."""
        await self._store.delete(self._space, key)

    async def items(self, prefix: str = "") -> Mapping[str, object]:
        """All values whose key starts with ``prefix``."""
        return await self._store.items(self._space, prefix)


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What all contexts of one account share. ``history`` is None where no log is kept.

    ``admins`` are the bare JIDs that run this bot. ``claims`` None: a command that comes twice runs twice.
    ``zones`` are people's time zones.
    """

    link: Link
    clock: Clock
    log: Logger
    spawn: Spawn
    history: MessageLog | None = None
    claims: Claims | None = None
    jobs: Jobs | None = None
    admins: frozenset[Address] = field(default_factory=frozenset)
    loggers: dict[tuple[str, Address | None], Logger] = field(default_factory=dict)
    zones: Zones = field(default_factory=Zones)

    def logger(self, module: str, room: Address | None) -> Logger:
        """A logger that names the module, and the room if there is one; kept, as binding one costs more than most
        handlers."""
        found = self.loggers.get((module, room))
        if found is None:
            if len(self.loggers) >= _LOGGERS:
                self.loggers.clear()
            values = {"module": module} | ({"room": str(room)} if room is not None else {})
            found = self.loggers[module, room] = self.log.bind(**values)
        return found


class Context(Generic[C]):
    """One event as one module sees it. Made by the dispatcher for each event; not to be kept beyond its handler.

    ``room`` is None where the event belongs to no room (1:1, the runtime); a parameter annotated
    ``RoomHandle`` is never None. ``config`` are this module's settings merged for this room.
    ``command`` is set while a command runs.
    """

    __slots__ = ("_sender", "command", "config", "event", "module", "room", "services", "storage")

    def __init__(
        self,
        event: Event,
        services: Services,
        module: str,
        config: C,
        storage: ModuleStorage,
        room: RoomHandle | None = None,
        sender: Occupant | None = None,
        command: CommandSpec | None = None,
    ) -> None:
        self.event = event
        self.services = services
        self.module = module
        self.config = config
        self.storage = storage
        self.room = room
        self.command = command
        self._sender = sender

    @property
    def sender(self) -> Occupant | None:
        """Who did it, as a snapshot from when it happened; None outside of rooms."""
        if self._sender is not None:
            return self._sender
        author = getattr(self.event, "author", None)
        return author if isinstance(author, Occupant) else None

    @property
    def sender_jid(self) -> Address | None:
        """The account behind it: in 1:1 the sender, in a room the real JID; None where the room hides it."""
        sender = getattr(self.event, "sender", None)
        occupant = self.sender
        # An ad-hoc request may come through a room, from an occupant's JID: that is no account.
        if isinstance(sender, Address) and (occupant is None or sender != occupant.address):
            return sender
        return occupant.real if occupant is not None else None

    @property
    def from_admin(self) -> bool:
        """True if one of those who run this bot (``[access] admins``) says so from their own account.

        Never true in rooms: there the real JID is the room's word, and a room can lie.
        """
        sender = getattr(self.event, "sender", None)
        return isinstance(sender, Address) and sender.bare in self.services.admins

    @property
    def link(self) -> Link:
        """The account's connection, for what has no shorter way here."""
        return self.services.link

    @property
    def clock(self) -> Clock:
        """The source of time."""
        return self.services.clock

    @property
    def history(self) -> MessageLog:
        """What was said in this account's rooms. Raises ``MisuseError`` where no log is kept."""
        if self.services.history is None:
            raise MisuseError("this bot keeps no message log; give it a database in the config")
        return self.services.history

    @property
    def jobs(self) -> ModuleJobs:
        """Jobs that this module makes while the bot runs. Raises ``MisuseError`` where the bot keeps none."""
        if self.services.jobs is None:
            raise MisuseError("this bot keeps no jobs; give it a database in the config")
        return ModuleJobs(self.services.jobs, self.module)

    @property
    def log(self) -> Logger:
        """A logger that names the module, and the room if there is one."""
        return self.services.logger(self.module, self.room.address if self.room is not None else None)

    @property
    def delivery(self) -> Delivery:
        """Live, caught up after an absence, or repeated: perhaps handled before, as the run that did was killed."""
        source = getattr(self.event, "source", None)
        if source is None:
            return Delivery.CAUGHT_UP if isinstance(self.event, TombstoneSeen) else Delivery.LIVE
        return _DELIVERIES[source]

    def now(self) -> datetime:
        """The time as aware UTC."""
        return self.services.clock.now()

    @property
    def asker(self) -> Address | None:
        """Where the asker's client is: the occupant's JID in a room, else the account's; None for the runtime."""
        sender = getattr(self.event, "sender", None)
        if isinstance(sender, Address):
            return sender
        return self.sender.address if self.sender is not None else None

    @property
    def zone(self) -> tzinfo:
        """The time zone of whoever asks, where their client told it to a command with a time among its parameters
        (XEP-0202); else the config's (``[commands] timezone``)."""
        return self.services.zones.of(self.asker)

    def spawn(self, work: Awaitable[None], name: str) -> None:
        """Run something beside the handlers, under the app's care; it ends with the app at the latest."""
        self.services.spawn(work, f"{self.module}: {name}")

    async def perform(self, action: Action) -> Sent | None:
        """Do ``action``. Raises what ``Link.perform`` raises."""
        answers = answering.get()
        if answers is not None and isinstance(action, SendMessage):  # a command says it, and may be corrected
            return await answers.perform(action, self.services.link)
        return await self.services.link.perform(action)

    async def reply(self, text: str, *, quote: bool = False, unstyled: bool = False) -> Sent:
        """Say ``text`` where the event came from: the room, the private chat with the occupant, or the 1:1 chat.

        ``quote`` makes it a reply to the message (XEP-0461), with its text quoted for old clients;
        without an id to point at it stays a plain message. ``unstyled``: clients show it as it is, whatever stars and
        underscores are in it. Raises ``MisuseError`` where there is no place to answer in, or the text is too long or
        empty; ``NotSamePerson`` where a private answer would reach somebody else.
        """
        sent = await self.perform(replace(self.answer(text, quote=quote), unstyled=unstyled))
        assert sent is not None, "Link.perform gives a Sent for every SendMessage"
        return sent

    async def upload(self, data: bytes | Path, *, name: str | None = None, content_type: str | None = None) -> str:
        """Put a file on our server, for everybody who knows the URL that this returns. See ``Link.upload``.

        ``SendMessage(body=url, url=url)`` shows it; ``room.share`` does both.
        """
        return await self.services.link.upload(data, name=name, content_type=content_type)

    async def notify(
        self,
        text: str,
        *,
        to: Address | None = None,
        key: str | None = None,
        not_before: datetime | None = None,
        expires: datetime | None = None,
        topic: str | None = None,
        urgency: Urgency = Urgency.NORMAL,
        retract_on_expiry: bool = False,
        digest: timedelta | None = None,
    ) -> Sent:
        """Have ``text`` said exactly once here, or to ``to`` (a room of ours, or an account), across crashes too.

        See ``Notice``. Returns once it is written down. Raises ``MisuseError`` where there is no room and no ``to``.
        """
        if to is None and self.room is None:
            raise MisuseError(f"{type(self.event).__name__} is about no room; say to whom the notice goes")
        recipient = to or self.room.address  # type: ignore[union-attr]  # checked above
        notice = Notice(
            to=recipient,
            text=sayable(text),
            groupchat=to is None or self.link.room(recipient) is not None,
            key=key,
            not_before=not_before,
            expires=expires,
            topic=topic,
            urgency=urgency,
            retract_on_expiry=retract_on_expiry,
            digest=digest,
        )
        sent = await self.perform(notice)
        assert sent is not None, "Link.perform gives a Sent for every Notice"
        return sent

    def answer(self, text: str, *, quote: bool = False) -> SendMessage:
        """The action that ``reply`` performs."""
        found = self._answer(sayable(text), quote)
        if isinstance(self.event, Tick):
            return replace(found, priority=Priority.NOTICE)
        sender = self.sender
        who = (sender.identity or str(sender.address)) if sender is not None else None
        return replace(found, answers=who or str(found.to.bare))

    def _answer(self, text: str, quote: bool) -> SendMessage:
        event = self.event
        if isinstance(event, PrivateMessage):
            check_same_person(event.author, self.services.link)
            return SendMessage(to=event.author.address, body=text, groupchat=False, private=True)
        if isinstance(event, DirectMessage):
            reply = ReplyTo(event.message_id, event.sender) if quote and event.message_id else None
            quoted = event.text if reply else None
            return SendMessage(to=event.sender, body=text, groupchat=False, reply=reply, quote=quoted)
        if isinstance(event, CommandCalled):
            occupant = self.sender is not None and self.sender.address == event.requester
            if occupant and self.sender is not None:
                check_same_person(self.sender, self.services.link)
            return SendMessage(to=event.requester, body=text, groupchat=False, private=occupant)
        if self.room is None:
            raise MisuseError(f"{type(event).__name__} comes from nowhere one could answer in; return a SendMessage")
        reply, quoted = None, None
        if quote and isinstance(event, RoomMessage) and event.archive_id is not None:
            reply, quoted = ReplyTo(event.archive_id, event.author.address), event.text
        return SendMessage(to=self.room.address, body=text, groupchat=True, reply=reply, quote=quoted)


Next = Callable[[Event, Context[Any]], Awaitable[Reply]]
"""The rest of the ring: the next middleware, or the handler itself."""

Middleware = Callable[[Next, Event, Context[Any]], Awaitable[Reply]]
"""``async def ring(call, event, ctx)``: calls ``await call(event, ctx)`` or leaves it, and returns a reply."""
