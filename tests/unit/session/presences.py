"""Presences as rooms send them, already decoded."""

from __future__ import annotations

from typing import Any

from botkit.errors import StanzaError
from botkit.model.address import Address
from botkit.model.events import MucItem, PresenceReceived
from botkit.model.rooms import Affiliation, Role
from botkit.testing.fakes import NOON

ROOM = Address.parse("lobby@rooms.example.org")


def at(nick: str) -> Address:
    """The occupant JID."""
    return ROOM.with_resource(nick)


def presence(who: str, /, *codes: int, kind: str = "", **item: Any) -> PresenceReceived:
    """An available presence (or ``kind``); ``item`` are fields of its ``MucItem``, ``status``, ``occupant_id`` and
    ``destroyed`` of itself."""
    own = {name: item.pop(name) for name in ("status", "occupant_id", "destroyed") if name in item}
    if kind == "":
        item = {"affiliation": Affiliation.NONE, "role": Role.PARTICIPANT} | item
    return PresenceReceived(at=NOON, sender=at(who), kind=kind, items=(MucItem(**item),), codes=frozenset(codes), **own)


def gone(who: str, /, *codes: int, **item: Any) -> PresenceReceived:
    """An unavailable presence."""
    return presence(who, *codes, kind="unavailable", **({"role": Role.NONE} | item))


def refusal(nick: str, condition: str, kind: str = "cancel", text: str | None = None) -> PresenceReceived:
    """An error in answer to a presence."""
    return PresenceReceived(at=NOON, sender=at(nick), kind="error", error=StanzaError.of(condition, kind, text))
