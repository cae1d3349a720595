"""The event of a command that was called other than by a message."""

from __future__ import annotations

from dataclasses import dataclass

from botkit.model.address import Address
from botkit.model.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandCalled(Event):
    """Somebody called a command over XEP-0050. ``requester`` is a full JID, or an occupant's where a room relayed it.

    ``room`` is the room that the call is about, None for commands that are about no room.
    """

    requester: Address
    room: Address | None = None

    @property
    def sender(self) -> Address:
        """The requester, by the name that 1:1 messages use."""
        return self.requester
