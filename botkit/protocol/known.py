"""What decoding must know besides the stanza: which addresses are rooms of ours, and who is in them."""

from __future__ import annotations

from typing import Final, Protocol

from botkit.model.address import Address
from botkit.model.rooms import Occupant


class Known(Protocol):
    """Answers from memory; called for every stanza."""

    def occupant(self, address: Address) -> Occupant | None:
        """Who has this occupant JID now; None if nobody."""

    def features(self, room: Address) -> frozenset[str] | None:
        """What disco#info of ``room`` (bare) told; None if it is no room of ours."""


class _Nothing:
    """Knows no room. A groupchat is decoded all the same; its author is then not ``known``, and the ids that the
    room would have set are kept as claims: nobody is there to say whether the room offers them."""

    def occupant(self, address: Address) -> Occupant | None:
        return None

    def features(self, room: Address) -> frozenset[str] | None:
        return None


NOTHING: Final[Known] = _Nothing()
