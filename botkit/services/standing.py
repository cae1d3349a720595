"""What an account is in a room: by who is there now, else by the room's own lists, kept for a short while."""

from __future__ import annotations

from botkit.errors import LinkError, StanzaError
from botkit.model.address import Address
from botkit.model.rooms import Affiliation, Occupant
from botkit.ports import Clock, Link

_LISTED = (Affiliation.OWNER, Affiliation.ADMIN, Affiliation.MEMBER)


class Standings:
    """Answers for one account's rooms. ``keep`` is how many seconds a room's list is believed."""

    def __init__(self, link: Link, clock: Clock, *, keep: float = 30) -> None:
        self.link = link
        self._clock = clock
        self._keep = keep
        self._lists: dict[tuple[Address, Affiliation], tuple[float, frozenset[Address] | None]] = {}

    def present(self, room: Address, account: Address) -> Occupant | None:
        """The occupant with this real bare JID, the one with the highest role if there are several; None if absent."""
        there = [o for o in self.link.occupants(room) if o.real is not None and o.real.bare == account.bare]
        return max(there, key=lambda o: (o.affiliation, o.role), default=None)

    async def affiliation(
        self, room: Address, account: Address, *, at_least: Affiliation = Affiliation.MEMBER
    ) -> Affiliation | None:
        """What ``account`` is in ``room``; NONE if it is in no list from ``at_least`` up; None if we may not know.

        A room does not show every list to everybody: an admin may not see the owners (XEP-0045 §9.5).
        """
        if found := self.present(room, account):
            return found.affiliation
        unknown = False
        for affiliation in _LISTED:
            if affiliation < at_least:
                break
            listed = await self._list(room, affiliation)
            if listed is None:
                unknown = True
            elif account.bare in listed:
                return affiliation
        return None if unknown else Affiliation.NONE

    async def _list(self, room: Address, affiliation: Affiliation) -> frozenset[Address] | None:
        now = self._clock.monotonic()
        kept = self._lists.get((room, affiliation))
        if kept is not None and now - kept[0] < self._keep:
            return kept[1]
        listed: frozenset[Address] | None
        try:
            listed = frozenset(a.bare for a in await self.link.affiliated(room, affiliation))
        except (StanzaError, LinkError):
            listed = None
        self._lists[room, affiliation] = (now, listed)
        return listed
