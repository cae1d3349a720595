"""Somebody in a ``RoomTester``'s room."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from botkit.model.address import Address
from botkit.model.events import (
    Departure,
    MessageRetracted,
    NickChanged,
    OccupantLeft,
    PrivateMessage,
    ReactionsChanged,
    RightsChanged,
    RoomMessage,
)
from botkit.model.messages import Content, Reply, Source, Text
from botkit.model.rooms import Affiliation, Occupant, Role

if TYPE_CHECKING:
    from botkit.testing.tester import RoomTester


class Somebody:
    """An occupant who does things. Every method returns once the bot is done with it."""

    def __init__(self, room: RoomTester, address: Address) -> None:
        self._room = room
        self._address = address
        self._last: Occupant | None = room.link.occupant(address)

    @property
    def occupant(self) -> Occupant:
        """As the room shows them now; as they were last, once they are out."""
        self._last = self._room.link.occupant(self._address) or self._last
        assert self._last is not None, "whoever was made by RoomTester.join was there"
        return self._last

    @property
    def here(self) -> bool:
        """True while they are in the room."""
        return self._room.link.occupant(self._address) is not None

    @property
    def received(self) -> list[str]:
        """What the bot wrote to them privately."""
        return self._room.sent_to(self._address)

    async def says(self, text: str, *, source: Source = Source.LIVE, **more: Any) -> RoomMessage:
        """A message to all. ``more`` are fields of ``Content``."""
        message = RoomMessage(
            at=self._room.clock.now(),
            room=self._room.address,
            author=self.occupant,
            content=Content(body=text, bodies=(Text(text),), **more),
            archive_id=self._room.archive_id(),
            message_id=self._room.message_id(),
            source=source,
        )
        await self._room.hears(message)
        return message

    async def corrects(self, message: RoomMessage, text: str) -> RoomMessage:
        """A correction of an earlier message (XEP-0308)."""
        return await self.says(text, replaces=message.message_id)

    async def replies(self, message: RoomMessage, text: str) -> RoomMessage:
        """An answer to an earlier message (XEP-0461)."""
        assert message.archive_id is not None, "a message of RoomTester's has an archive id"
        return await self.says(text, reply=Reply(message.archive_id, message.author.address))

    async def whispers(self, text: str) -> list[str]:
        """A private message to the bot. Returns what it answers privately."""
        before = len(self.received)
        await self._room.hears(
            PrivateMessage(
                at=self._room.clock.now(),
                room=self._room.address,
                author=self.occupant,
                content=Content(body=text, bodies=(Text(text),)),
                message_id=self._room.message_id(),
            )
        )
        return self.received[before:]

    async def retracts(self, message: RoomMessage) -> None:
        """Takes a message back (XEP-0424)."""
        assert message.archive_id is not None, "a message of RoomTester's has an archive id"
        await self._room.hears(
            MessageRetracted(
                at=self._room.clock.now(), room=self._room.address, author=self.occupant, target=message.archive_id
            )
        )

    async def reacts(self, message: RoomMessage, *emoji: str) -> None:
        """Sets all reactions to a message (XEP-0444)."""
        assert message.archive_id is not None, "a message of RoomTester's has an archive id"
        await self._room.hears(
            ReactionsChanged(
                at=self._room.clock.now(),
                room=self._room.address,
                author=self.occupant,
                target=message.archive_id,
                reactions=emoji,
            )
        )

    async def becomes(self, *, affiliation: Affiliation | None = None, role: Role | None = None) -> None:
        """Their rights change."""
        before = self.occupant
        after = replace(
            before,
            affiliation=before.affiliation if affiliation is None else affiliation,
            role=before.role if role is None else role,
        )
        self._room.link.set_occupant(after)
        await self._room.hears(
            RightsChanged(at=self._room.clock.now(), room=self._room.address, author=after, before=before)
        )

    async def renames(self, nick: str) -> None:
        """Takes another nick."""
        before = self.occupant
        self._room.link.remove_occupant(self._address)
        self._address = self._room.address.with_resource(nick)
        after = replace(before, address=self._address)
        self._room.link.set_occupant(after)
        await self._room.hears(
            NickChanged(at=self._room.clock.now(), room=self._room.address, author=after, before=before.nick)
        )

    async def leaves(self) -> None:
        """Goes out."""
        gone = self.occupant
        self._room.link.remove_occupant(self._address)
        await self._room.hears(
            OccupantLeft(at=self._room.clock.now(), room=self._room.address, author=gone, how=Departure.LEFT)
        )
