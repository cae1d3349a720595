"""From points to measures, and who is exempt from all of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from botkit.model.address import Address
from botkit.model.rooms import Affiliation, Occupant, Role


class Measure(IntEnum):
    """What is done about somebody, mildest first. Each from ``RETRACT`` on takes the message away, too."""

    WARN = 1
    RETRACT = 2
    DEVOICE = 3
    KICK = 4
    BAN = 5

    @property
    def word(self) -> str:
        """As logs name it: ``devoice``."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Ladder:
    """``steps``: from how many points on each measure is taken. Points older than ``window`` seconds are forgotten."""

    steps: Mapping[Measure, int]
    window: float

    def measure(self, points: int) -> Measure | None:
        """The sternest measure reached; None if none is."""
        return max((m for m, needed in self.steps.items() if points >= needed), default=None)

    def above(self, measure: Measure) -> Measure | None:
        """The next sterner measure that this ladder has; None at its top."""
        return min((m for m in self.steps if m > measure), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImmuneSet:
    """Who is never acted against: ourselves and our other sessions, moderators, admins, owners; ``members`` if so set;
    the accounts and domains in ``addresses``."""

    members: bool = True
    addresses: Collection[Address] = field(default_factory=frozenset)

    def reason(self, who: Occupant, me: Address) -> str | None:
        """Why ``who`` is exempt; None if it is not. Somebody of whom no presence was seen has no rank."""
        if who.is_self or (who.real is not None and who.real.bare == me.bare):
            return "it is the bot itself"
        if who.real is not None and self._listed(who.real):
            return "listed as immune"
        if not who.known:
            return None
        if who.role is Role.MODERATOR or who.affiliation >= Affiliation.ADMIN:
            return "moderator" if who.role is Role.MODERATOR else who.affiliation.word
        if self.members and who.affiliation is Affiliation.MEMBER:
            return "member"
        return None

    def _listed(self, real: Address) -> bool:
        listed = self.addresses
        return bool(listed) and (real.bare in listed or Address(None, real.domain) in listed)
