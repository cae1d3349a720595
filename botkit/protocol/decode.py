"""Elements to events: the one door for everything that comes in, pure and without exceptions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from xml.etree.ElementTree import Element

from botkit.model.events import Event
from botkit.protocol.known import NOTHING, Known
from botkit.protocol.message import decode_message
from botkit.protocol.namespaces import MESSAGE, PRESENCE
from botkit.protocol.presence import decode_presence

__all__ = ["EPOCH", "NOTHING", "Known", "decode_stanza"]

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def decode_stanza(
    element: Element,
    *,
    received: datetime | None = None,
    known: Known = NOTHING,
    replaying: bool = True,
) -> Event | None:
    """What ``<message/>`` or ``<presence/>`` (Clark names in ``jabber:client``) tells; None if it shows nothing.

    Pure; never raises. ``received`` is when it came (aware UTC), and becomes the event's ``at`` unless the room
    dates it itself; None: the Unix epoch, for callers who have no use for a time. No child can hide the stanza: what is
    malformed, doubled, foreign or forged is left out and named in ``anomalies`` (``botkit.model.anomalies``).

    ``replaying`` False says that the room is past the history that it sends on joining (its subject ends that, XEP-0045
    §7.2.15): a delay in the room's name is then forged, on a service that lets it through, and the message is live.

    A stanza that both shows a text and says something else (a retraction, reactions, a moderation, an invitation) is a
    message event with the rest in ``also``.
    """
    at = received if received is not None else EPOCH
    if element.tag == MESSAGE:
        return decode_message(element, at, known, replaying)
    if element.tag == PRESENCE:
        return decode_presence(element, at, known)
    return None
