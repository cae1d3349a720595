"""What the bot can do in a room, as one value: what it may, what it may not and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType


class Capability(Enum):
    """One thing to be able to do; the value is the word for it."""

    SPEAK = "speak"
    SUBJECT = "set the subject"
    RETRACT = "retract"  # messages of others (XEP-0425)
    DEVOICE = "devoice"
    KICK = "kick"
    BAN = "ban"
    CONFIGURE = "configure"
    SEE_JIDS = "see real JIDs"
    READ_ARCHIVE = "read the archive"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """``missing`` has a reason for each capability that is not there; what has none is."""

    missing: Mapping[Capability, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "missing", MappingProxyType(dict(self.missing)))

    def __contains__(self, capability: object) -> bool:
        return isinstance(capability, Capability) and capability not in self.missing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Capabilities) and self.missing == other.missing

    def __hash__(self) -> int:
        return hash(frozenset(self.missing))

    @property
    def held(self) -> frozenset[Capability]:
        """Everything that can be done."""
        return frozenset(Capability) - self.missing.keys()

    def why_not(self, capability: Capability) -> str | None:
        """The reason for which it cannot be done; None if it can."""
        return self.missing.get(capability)
