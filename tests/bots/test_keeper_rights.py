"""The keeper and what it can do in a room."""

from __future__ import annotations

from botkit.model.actions import SendMessage
from botkit.model.capabilities import Capabilities, Capability
from botkit.model.room_events import CapabilitiesChanged
from botkit.testing.fakes import make_room
from botkit.testing.tester import RoomTester
from bots import keeper

LOG = "log@rooms.example.org"


async def test_rights_that_are_lost_are_told_in_the_log_room_with_the_reason() -> None:
    async with RoomTester(keeper.module, config={"log_room": LOG}) as room:
        room.link.add_room(make_room(LOG))
        without = Capabilities({Capability.BAN: "the bot is no admin here: it cannot ban"})
        for before, now in ((Capabilities(), without), (without, Capabilities())):
            await room.hears(CapabilitiesChanged(at=room.clock.now(), room=room.address, before=before, now=now))
        (told,) = [action for action in room.link.done if isinstance(action, SendMessage)]
        assert str(told.to) == LOG
        assert "cannot ban" in told.body
        assert str(room.address) in told.body


async def test_loss_that_does_not_matter_to_it_is_not_told() -> None:
    async with RoomTester(keeper.module, config={"log_room": LOG}) as room:
        room.link.add_room(make_room(LOG))
        now = Capabilities({Capability.READ_ARCHIVE: "this room keeps no archive (XEP-0313)"})
        await room.hears(CapabilitiesChanged(at=room.clock.now(), room=room.address, before=Capabilities(), now=now))
        assert room.link.done == []
