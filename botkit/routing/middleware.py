"""What stands around handlers: fields for the log, and a limit on how often one person may ask.

The ring, outermost first: the dispatcher's boundary for errors and time, these log fields, the
routers' own middleware (the including router's before the included one's), the handler.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any

from botkit.model.address import Address
from botkit.model.events import Event, OccupantEvent
from botkit.routing.context import Context, Middleware, Next, Reply

handled: ContextVar[Event | None] = ContextVar("handled", default=None)
"""The event that the running handler was called for; None outside of handlers."""


def event_fields(event: Event) -> dict[str, str]:
    """What names an event in a log line: ``room``, ``from``, ``archive_id``, ``message_id``, each if there is one."""
    fields = {}
    for name, shown in (
        ("room", "room"),
        ("sender", "from"),
        ("archive_id", "archive_id"),
        ("message_id", "message_id"),
    ):
        value = getattr(event, name, None)
        if value is not None:
            fields[shown] = str(value)
    author = getattr(event, "author", None)
    if author is not None:
        fields["from"] = author.nick
    return fields


def add_event_fields(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor for structlog: each line that a handler logs names the event that it handles.

    The fields are read when a line is logged, so that events which log nothing cost nothing.
    """
    event = handled.get()
    if event is not None:
        for name, value in event_fields(event).items():
            line.setdefault(name, value)
    return line


class Buckets:
    """A token bucket for each key: ``times`` at once, one more every ``per / times`` seconds.

    At most ``most`` keys are remembered; the one used longest ago is forgotten first.
    """

    def __init__(self, times: int, per: float, most: int = 4096) -> None:
        self._times, self._refill, self._most = times, times / per, most
        self._state: OrderedDict[str, tuple[float, float, bool]] = OrderedDict()  # tokens, at, told

    def take(self, key: str, now: float) -> str | None:
        """Take one token. None: go on. "" : refused and told so before. Else: refused, with words to tell, once."""
        tokens, at, told = self._state.pop(key, (float(self._times), now, False))
        tokens = min(self._times, tokens + max(0.0, now - at) * self._refill)
        if tokens >= 1:
            self._state[key] = (tokens - 1, now, False)
            while len(self._state) > self._most:
                self._state.popitem(last=False)
            return None
        self._state[key] = (tokens, now, True)
        wait = (1 - tokens) / self._refill
        return "" if told else f"That is too many commands; try again in {max(1, round(wait))} s."


def asker(event: Event) -> str:
    """A key for whoever is behind the event: their identity, or where there is none the occupant's JID."""
    if isinstance(event, OccupantEvent):
        return event.author.identity or str(event.author.address)
    sender = getattr(event, "sender", None)
    return f"jid:{sender.bare}" if isinstance(sender, Address) else "?"


def throttle(times: int, per: float) -> Middleware:
    """Middleware: each person may run ``times`` commands at once, and so many in ``per`` seconds from then on.

    One who is over is told so once, then ignored until a command goes through again. Handlers of events are let
    alone.
    """
    buckets = Buckets(times, per)

    async def ring(call: Next, event: Event, ctx: Context[Any]) -> Reply:
        if ctx.command is None:
            return await call(event, ctx)
        refusal = buckets.take(asker(event), ctx.clock.monotonic())
        if refusal is None:
            return await call(event, ctx)
        return refusal or None

    return ring
