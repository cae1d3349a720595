"""The names behind the front door: those that a bot needs first. Each room has more."""

from botkit.model.actions import SendMessage
from botkit.model.address import Address
from botkit.model.events import DirectMessage, Event, OccupantJoined, PrivateMessage, RoomMessage
from botkit.model.rooms import Affiliation, Occupant, Role
from botkit.modules import Module
from botkit.routing.context import Context, Next, Reply
from botkit.routing.converters import Expected, Pattern, Range
from botkit.routing.filters import (
    Filter,
    Links,
    addressed,
    contains,
    from_member,
    has_link,
    in_room,
    matches,
    predicate,
)
from botkit.routing.handles import RoomHandle
from botkit.routing.router import Router
from botkit.routing.specs import Need
from botkit.routing.words import CommandError

__all__ = [
    "Address",
    "Affiliation",
    "CommandError",
    "Context",
    "DirectMessage",
    "Event",
    "Expected",
    "Filter",
    "Links",
    "Module",
    "Need",
    "Next",
    "Occupant",
    "OccupantJoined",
    "Pattern",
    "PrivateMessage",
    "Range",
    "Reply",
    "Role",
    "RoomHandle",
    "RoomMessage",
    "Router",
    "SendMessage",
    "addressed",
    "contains",
    "from_member",
    "has_link",
    "in_room",
    "matches",
    "predicate",
]
