"""Who is in one room: presences in, events out. Pure: no sockets, no waiting (XEP-0045 §7, §8, §9)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from botkit.model.address import Address
from botkit.model.events import (
    Departure,
    Event,
    MucItem,
    NickChanged,
    OccupantJoined,
    OccupantLeft,
    PresenceReceived,
    RightsChanged,
    StatusChanged,
)
from botkit.model.rooms import Occupant

SELF_PRESENCE = 110
NICK_CHANGE = 303

_DEPARTURES: tuple[tuple[int, Departure], ...] = (
    (301, Departure.BANNED),
    (333, Departure.ERROR),  # before 307: XEP-0045 §9.1.. "333 together with 307" is no kick by a moderator
    (332, Departure.SHUTDOWN),
    (321, Departure.AFFILIATION),
    (322, Departure.MEMBERS_ONLY),
    (307, Departure.KICKED),
)


class Occupancy:
    """The occupants of one room, by occupant JID.

    While ``complete`` is False the room is still telling who was there before us; those are no joins.
    """

    def __init__(self, room: Address) -> None:
        self.room = room
        self.people: dict[Address, Occupant] = {}
        self.me: Occupant | None = None

    @property
    def complete(self) -> bool:
        """True once the room has sent our own presence, which comes last (XEP-0045 §7.2.2)."""
        return self.me is not None

    def clear(self) -> None:
        """Forget everybody: we are not in the room any more."""
        self.people.clear()
        self.me = None

    def is_self(self, presence: PresenceReceived, expected: Address) -> bool:
        """True if this presence is about ourselves: the occupant JID that we have or asked for, or status 110.

        Once we have an occupant JID the code is not asked: a service that does not strip ``<x/>`` from what
        occupants send (XEP-0045 §15.4) would let anybody pass for us, or put us out.
        """
        if self.me is not None:
            return presence.sender == self.me.address
        return SELF_PRESENCE in presence.codes or presence.sender == expected

    def arrived(self, presence: PresenceReceived, *, is_self: bool, occupant_ids: bool) -> list[Event]:
        """An available presence: somebody came, or changed. Returns what that means, in order."""
        before = self.people.get(presence.sender)
        now = _occupant(presence, before, is_self=is_self, occupant_ids=occupant_ids)
        was_complete = self.complete
        self.people[now.address] = now
        if is_self:
            self.me = now
        if not was_complete:
            return []
        if before is None:
            if is_self:
                return []
            return [OccupantJoined(at=presence.at, room=self.room, author=now, anomalies=presence.anomalies)]
        return list(_changes(presence, before, now))

    def left(self, presence: PresenceReceived) -> list[Event]:
        """An unavailable presence. Returns a ``NickChanged``, an ``OccupantLeft``, or nothing for a stranger.

        Prosody sends unavailable presences of absent members too; somebody who was not there cannot leave.
        """
        before = self.people.pop(presence.sender, None)
        if before is None:
            return []
        item = presence.items[0] if presence.items else MucItem()
        if NICK_CHANGE in presence.codes and item.nick:
            return self._renamed(presence, before, item.nick)
        if before.is_self:
            self.me = None
        return [
            OccupantLeft(
                at=presence.at,
                room=self.room,
                author=before,
                how=departure(presence),
                actor=item.actor,
                reason=item.reason,
            )
        ]

    def _renamed(self, presence: PresenceReceived, before: Occupant, nick: str) -> list[Event]:
        # XEP-0045 §7.6: unavailable with 303 and the new nick first, then an available presence from the new
        # occupant JID. The new entry is made now, so that what is said in between has its author.
        # As the room has it: a nick that only our preparation refuses is a nick all the same.
        address = Address.received(f"{self.room}/{nick}")
        now = replace(before, address=address)
        self.people[address] = now
        if before.is_self:
            self.me = now
        odd = presence.anomalies
        return [NickChanged(at=presence.at, room=self.room, author=now, before=before.nick, anomalies=odd)]


def departure(presence: PresenceReceived) -> Departure:
    """Why the sender of this unavailable presence is no longer in the room."""
    if presence.destroyed:
        return Departure.DESTROYED
    for code, how in _DEPARTURES:
        if code in presence.codes:
            return how
    return Departure.LEFT


def _occupant(presence: PresenceReceived, before: Occupant | None, *, is_self: bool, occupant_ids: bool) -> Occupant:
    item = presence.items[0] if presence.items else MucItem()
    known = before or Occupant(address=presence.sender)
    jids = [i.jid for i in presence.items or () if i.jid is not None]
    return Occupant(
        address=presence.sender,
        affiliation=known.affiliation if item.affiliation is None else item.affiliation,
        role=known.role if item.role is None else item.role,
        real=jids[0] if jids else known.real,
        occupant_id=presence.occupant_id if occupant_ids else None,
        status=presence.status,
        titles=presence.titles,
        is_self=is_self or known.is_self,
    )


def _changes(presence: PresenceReceived, before: Occupant, now: Occupant) -> Iterable[Event]:
    at: datetime = presence.at
    if (before.affiliation, before.role) != (now.affiliation, now.role):
        item = presence.items[0] if presence.items else MucItem()
        yield RightsChanged(at=at, room=now.room, author=now, before=before, actor=item.actor, reason=item.reason)
    if (before.status, before.titles) != (now.status, now.titles) and (now.status or now.titles):
        yield StatusChanged(at=at, room=now.room, author=now, anomalies=presence.anomalies)
