"""Log lines about what happened."""

from __future__ import annotations

from botkit.model.room_events import CapabilitiesChanged
from botkit.routing.context import Logger


def tell_capabilities(event: CapabilitiesChanged, log: Logger) -> None:
    """A line for each capability that was lost, with its reason, and one for all that were gained."""
    for capability in sorted(event.lost, key=lambda one: one.value):
        log.warning("can do less", room=str(event.room), lost=capability.value, reason=event.now.why_not(capability))
    if event.gained:
        log.info("can do more", room=str(event.room), gained=sorted(one.value for one in event.gained))
