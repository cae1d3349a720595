"""What happened to our own standing in a room, besides its state."""

from __future__ import annotations

from dataclasses import dataclass

from botkit.model.address import Address
from botkit.model.capabilities import Capabilities, Capability
from botkit.model.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilitiesChanged(Event):
    """What we can do in ``room`` is not what it was when last told, perhaps before an absence."""

    room: Address
    before: Capabilities
    now: Capabilities

    @property
    def lost(self) -> frozenset[Capability]:
        """What could be done and cannot any more; ``now.why_not`` has the reasons."""
        return self.before.held - self.now.held

    @property
    def gained(self) -> frozenset[Capability]:
        """What can be done that could not."""
        return self.now.held - self.before.held
