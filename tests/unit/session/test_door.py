"""How many rooms of a service are entered at the same time."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from xml.etree.ElementTree import Element

import pytest

from botkit.errors import StanzaError
from botkit.model.address import Address
from botkit.model.rooms import RoomState
from botkit.session.disco import DiscoInfo
from botkit.session.door import AT_ONCE, MOST_AT_ONCE, Door
from tests.unit.session.presences import presence
from tests.unit.session.stage import A_ROOM, ESTABLISHED, LOST, Stage, Wire, opened


def test_service_that_bears_it_gets_more_at_a_time_up_to_a_bound():
    door = Door()
    for _ in range(100):
        door.bore()
    assert door.limit == MOST_AT_ONCE
    door.reset()
    assert door.limit == AT_ONCE


def test_strain_halves_it_down_to_one():
    door = Door()
    seen = []
    for _ in range(5):
        door.strained()
        seen.append(door.limit)
    assert seen == [4, 2, 1, 1, 1]
    door.reset()
    assert door.limit == 1  # what was too much is not asked of it again at once


async def test_who_gives_up_waiting_holds_up_nobody():
    door = Door()
    for _ in range(AT_ONCE):
        await door.__aenter__()
    first, second = (asyncio.create_task(door.__aenter__()) for _ in range(2))
    await asyncio.sleep(0)
    await door.__aexit__()  # the first one's turn, in the moment in which it is cancelled
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await asyncio.wait_for(second, 1)
    assert door.inside == AT_ONCE


class Busy(Wire):
    """A service with ``bears`` rooms' work at a time, each room a second's; counts what is asked of it at once."""

    def __init__(self, stage: Stage, bears: int) -> None:
        super().__init__()
        self.stage = stage
        self.bears = bears
        self.inside = 0
        self.most = 0
        self.refused = 0
        self.joins: Counter[int] = Counter()  # by second
        self.answers: set[asyncio.Task[None]] = set()

    async def disco_info(self, address: Address) -> DiscoInfo:
        self.inside += 1
        self.most = max(self.most, self.inside)
        if self.inside > self.bears:
            self.inside -= 1
            self.refused += 1
            raise StanzaError.of("resource-constraint", "wait")
        return A_ROOM

    async def send(self, element: Element, *, acked: bool = False) -> None:
        self.joins[int(self.stage.clock.monotonic())] += 1
        room = Address.parse(element.attrib["to"]).bare
        task = asyncio.create_task(self._let_in(room))
        self.answers.add(task)
        task.add_done_callback(self.answers.discard)

    async def _let_in(self, room: Address) -> None:
        await self.stage.clock.sleep(1)
        self.inside -= 1
        self.stage.rooms.on_presence(replace(presence("bot", 110), sender=room.with_resource("bot")))


@pytest.mark.parametrize("bears", [1000, 12])
async def test_five_hundred_rooms_come_back_as_fast_as_the_service_bears_and_no_faster(bears):
    async with opened() as stage:
        service = Busy(stage, bears)
        stage.rooms._supervisor.connection = service  # type: ignore[assignment]
        many = [Address.parse(f"r{number}@rooms.example.org") for number in range(500)]
        for room in many:
            stage.join(room)

        async def all_in() -> float:
            began = stage.clock.monotonic()
            while any(info.state is not RoomState.JOINED for info in stage.rooms.all()):
                await stage.after(1)
                assert stage.clock.monotonic() - began < 600
            return stage.clock.monotonic() - began

        first = await all_in()
        stage.rooms.on_stream(LOST)
        service.most = service.refused = 0
        service.joins.clear()
        stage.rooms.on_stream(ESTABLISHED)  # the server was restarted
        again = await all_in()
        assert service.most <= MOST_AT_ONCE
        assert max(service.joins.values()) <= MOST_AT_ONCE
        if bears == 1000:
            assert again < 40  # 500 rooms, 32 in a second, and the spread
            assert first < 40
        else:
            assert service.refused < 150  # it was told to wait, and did not press on
            assert again < 200
