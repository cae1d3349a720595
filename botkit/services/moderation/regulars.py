"""Who of a room is more than a guest, by occupant-id, kept across restarts.

The archive of a semi-anonymous room tells neither real JID nor affiliation, only occupant-ids (XEP-0421). Without this
a member's words, said while the bot was away and read after they had left, would be a stranger's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from botkit.model.address import Address
from botkit.model.rooms import Affiliation, Occupant, Role
from botkit.services.moderation.memory import Memory

MOST = 2000  # of a room; the one seen first gives way


class Store(Protocol):
    """Where it is kept: a module's storage."""

    async def get(self, key: str) -> object | None:
        """The value, or None."""

    async def put(self, key: str, value: object) -> None:
        """Keep a JSON-serialisable value."""


async def recall(store: Store, room: Address, memory: Memory) -> None:
    """Tell ``memory`` of everybody that ``learn`` has kept for ``room``."""
    for occupant_id, word in (await _kept(store, room)).items():
        try:
            affiliation = Affiliation[word.upper()]
        except KeyError:
            continue
        # No role: that one is a visit's, and they are not here.
        there = Occupant(address=room, affiliation=affiliation, role=Role.NONE, occupant_id=occupant_id)
        memory.introduce(room, there)


async def learn(store: Store, room: Address, occupants: Iterable[Occupant]) -> None:
    """Keep who of ``occupants`` is a member or more, and forget who is so no longer. Writes only what changed."""
    kept = await _kept(store, room)
    new = dict(kept)
    for occupant in occupants:
        if occupant.occupant_id is None or not occupant.known:
            continue
        if occupant.affiliation >= Affiliation.MEMBER:
            new[occupant.occupant_id] = occupant.affiliation.word
        else:
            new.pop(occupant.occupant_id, None)
    if new != kept:
        await store.put(_key(room), dict(list(new.items())[-MOST:]))


async def _kept(store: Store, room: Address) -> dict[str, str]:
    value = await store.get(_key(room))
    if not isinstance(value, dict):
        return {}
    return {str(occupant_id): str(word) for occupant_id, word in value.items()}


def _key(room: Address) -> str:
    return f"regulars {room}"
