"""What the dispatcher knows of one type of event."""

from __future__ import annotations

from typing import Any

from botkit.model.events import DirectMessage, Event, InvitationReceived, OccupantEvent, PrivateMessage, RoomMessage
from botkit.model.messages import Source
from botkit.routing.plan import Loaded


class Entry:
    """What is known of one type of event: who handles it, and which lane it takes."""

    __slots__ = (
        "any_catch_up",
        "any_own",
        "authored",
        "handlers",
        "is_replaced",
        "is_urgent",
        "key",
        "main",
        "message",
        "parts",
        "peer",
        "sourced",
    )

    def __init__(self, event: type[Event], handlers: tuple[Loaded, ...], *, is_urgent: bool = False) -> None:
        fields = event.__dataclass_fields__
        first = tuple(h for h in handlers if h.urgent) if "room" in fields and not is_urgent else ()
        self.is_urgent = is_urgent
        self.main: Entry = self  # of an urgent part the other one
        self.is_replaced = False  # other modules were loaded since
        self.parts: tuple[Entry, ...] = (Entry(event, first, is_urgent=True), self) if first else (self,)
        self.parts[0].main = self
        self.handlers = handlers = tuple(h for h in handlers if h not in first)
        self.authored = issubclass(event, OccupantEvent)
        self.any_own = any(h.own for h in handlers)
        self.any_catch_up = any(h.catch_up for h in handlers)
        self.message = issubclass(event, RoomMessage | PrivateMessage | DirectMessage)
        # Invitations name rooms of strangers' choice: a lane for each would be theirs to multiply.
        names = () if issubclass(event, InvitationReceived) else ("room", "sender", "job")
        self.key = next((name for name in names if name in fields), None)
        self.peer = self.key == "sender"
        self.sourced = "source" in fields

    def lane_of(self, event: Event) -> Any:
        """The key of the lane in which its handlers run."""
        key = getattr(event, self.key) if self.key is not None else None
        return (key, "urgent") if self.is_urgent else key

    def is_live(self, event: Event) -> bool:
        """True unless ``event`` was said before we heard of it."""
        return not self.sourced or event.source is Source.LIVE  # type: ignore[attr-defined]  # sourced says so
