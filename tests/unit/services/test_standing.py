"""What an account is in a room."""

from __future__ import annotations

from botkit.errors import Forbidden
from botkit.model.address import Address
from botkit.model.rooms import Affiliation
from botkit.services.standing import Standings
from botkit.testing.fakes import FakeClock, FakeLink, make_occupant, make_room

ROOM = Address.parse("room@rooms.example.org")
BOSS = Address.parse("boss@example.org")


def make() -> tuple[FakeLink, FakeClock, Standings]:
    link, clock = FakeLink(), FakeClock()
    link.add_room(make_room(ROOM))
    return link, clock, Standings(link, clock, keep=30)


async def test_who_is_there_is_judged_by_their_presence() -> None:
    link, _, standings = make()
    link.set_occupant(make_occupant(ROOM, "b", affiliation=Affiliation.MEMBER, real=str(BOSS)))
    link.affiliations[ROOM] = {BOSS: Affiliation.OWNER}
    assert await standings.affiliation(ROOM, BOSS) is Affiliation.MEMBER


async def test_who_is_absent_is_looked_up_in_the_rooms_lists_for_a_while() -> None:
    link, clock, standings = make()
    link.affiliations[ROOM] = {BOSS: Affiliation.ADMIN}
    assert await standings.affiliation(ROOM, BOSS.with_resource("x")) is Affiliation.ADMIN
    link.affiliations[ROOM] = {}
    assert await standings.affiliation(ROOM, BOSS) is Affiliation.ADMIN
    await clock.advance(31)
    assert await standings.affiliation(ROOM, BOSS) is Affiliation.NONE


async def test_what_the_room_does_not_show_is_not_known() -> None:
    class Closed(FakeLink):
        async def affiliated(self, room: Address, affiliation: Affiliation) -> tuple[Address, ...]:
            raise Forbidden("forbidden", "auth")

    assert await Standings(Closed(), FakeClock()).affiliation(ROOM, BOSS) is None
