"""Whose clock is meant."""

from __future__ import annotations

import asyncio
from datetime import UTC, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from botkit.errors import StanzaError
from botkit.model.address import Address
from botkit.routing.zones import Zones
from botkit.testing.fakes import FakeClock

BERLIN = ZoneInfo("Europe/Berlin")
ANN = Address.parse("room@rooms.example.org/ann")


class Client:
    """Answers, and counts how often it is asked."""

    def __init__(self, answer: timedelta | BaseException | None) -> None:
        self.answer = answer
        self.asked = 0

    async def __call__(self, who: Address) -> timedelta | None:
        self.asked += 1
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "zone"),
    [
        (timedelta(hours=-5), timezone(timedelta(hours=-5))),
        (timedelta(hours=1), BERLIN),  # as Berlin's clocks are now: then its changes count, too
        (None, BERLIN),
        (StanzaError("service-unavailable", "cancel"), BERLIN),
        (TimeoutError(), BERLIN),
    ],
)
async def test_the_client_s_offset_counts_and_without_one_the_bot_s_zone(answer: object, zone: object) -> None:
    client = Client(answer)  # type: ignore[arg-type]
    zones = Zones(BERLIN, client, FakeClock())
    await zones.learn(ANN)
    assert zones.of(ANN) == zone


async def test_a_client_is_asked_once_an_hour() -> None:
    clock, client = FakeClock(), Client(timedelta(hours=2))
    zones = Zones(UTC, client, clock)
    for _ in range(3):
        await zones.learn(ANN)
    assert client.asked == 1
    await clock.advance(3601)
    client.answer = None
    await zones.learn(ANN)
    assert (client.asked, zones.of(ANN)) == (2, UTC)


async def test_nobody_is_asked_who_is_no_client() -> None:
    client = Client(timedelta(hours=2))
    zones = Zones(UTC, client, FakeClock())
    for who in (None, ANN.bare):
        await zones.learn(who)
        assert zones.of(who) is UTC
    assert client.asked == 0


async def test_those_asked_longest_ago_are_forgotten() -> None:
    zones = Zones(UTC, Client(timedelta(hours=2)), FakeClock())
    people = [ANN.bare.with_resource(f"p{n}") for n in range(1100)]
    for who in people:
        await zones.learn(who)
    assert zones.of(people[0]) is UTC
    assert zones.of(people[-1]) == timezone(timedelta(hours=2))


async def test_a_client_that_hangs_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(who: Address) -> timedelta | None:
        await asyncio.Event().wait()
        return None

    asked = []

    async def hang_counted(who: Address) -> timedelta | None:
        asked.append(who)
        return await hang(who)

    monkeypatch.setattr("botkit.routing.zones._PATIENCE", 0.01)
    zones = Zones(UTC, hang_counted, FakeClock())
    for nick in ("ann", "bea", "cat"):  # one person, who holds up nobody by changing nicks
        await asyncio.wait_for(zones.learn(ANN.bare.with_resource(nick), "jid:ann@example.org"), 5)
    assert zones.of(ANN) is UTC
    assert asked == [ANN]
