"""What follows from being refused or put out."""

from __future__ import annotations

import pytest

from botkit.errors import StanzaError
from botkit.model.address import Address
from botkit.model.events import Departure
from botkit.session.verdicts import Next, of_departure, of_disco_error, of_join_error
from tests.unit.session.presences import gone


def error(condition: str, kind: str = "cancel", text: str | None = None) -> StanzaError:
    return StanzaError.of(condition, kind, text, who="lobby@rooms.example.org")


@pytest.mark.parametrize(
    ("condition", "follows", "part"),
    [
        ("not-authorized", Next.STOP, "password"),
        ("forbidden", Next.STOP, "banned"),
        ("registration-required", Next.STOP, "members-only"),
        ("not-allowed", Next.STOP, "create or enter"),
        ("not-acceptable", Next.STOP, "registered nick"),
        ("conflict", Next.OTHER_NICK, "taken"),
        ("service-unavailable", Next.RETRY, "full"),
        ("item-not-found", Next.RETRY, "locked"),
        ("gone", Next.STOP, "destroyed"),
        ("remote-server-timeout", Next.RETRY, "does not answer"),
        ("a-condition-of-tomorrow", Next.RETRY, "a-condition-of-tomorrow"),
    ],
)
def test_refused_join_says_what_cures_it(condition, follows, part):
    verdict = of_join_error(error(condition, text="said the room"))
    assert verdict.next is follows
    assert part in verdict.reason
    assert "said the room" in verdict.reason


@pytest.mark.parametrize("condition", ["item-not-found", "gone"])
def test_room_that_is_not_there_is_not_made_by_mistyping(condition):
    verdict = of_disco_error(error(condition), create=False)
    assert verdict.next is Next.STOP
    assert "create = true" in verdict.reason


def test_room_that_is_not_there_may_be_made():
    assert of_disco_error(error("item-not-found"), create=True) is None
    assert of_disco_error(error("gone"), create=True).next is Next.STOP


@pytest.mark.parametrize("condition", ["forbidden", "not-authorized", "not-allowed"])
def test_room_that_hides_what_it_is_may_be_joined(condition):
    assert of_disco_error(error(condition, "auth"), create=False) is None


@pytest.mark.parametrize(
    ("condition", "kind"),
    [
        ("remote-server-not-found", "cancel"),
        ("remote-server-timeout", "wait"),
        ("resource-constraint", "wait"),
        ("service-unavailable", "cancel"),
        ("internal-server-error", "wait"),
    ],
)
def test_service_that_is_away_is_asked_again(condition, kind):
    verdict = of_disco_error(error(condition, kind), create=False)
    assert verdict.next is Next.RETRY
    assert condition in verdict.reason


@pytest.mark.parametrize("how", list(Departure))
def test_every_departure_has_a_verdict(how):
    comes_back = {Departure.KICKED, Departure.SHUTDOWN, Departure.ERROR, Departure.LEFT}
    assert of_departure(how, gone("bot", 110)).next is (Next.RETRY if how in comes_back else Next.STOP)


def test_departure_tells_who_why_and_where_to():
    verdict = of_departure(Departure.KICKED, gone("bot", 110, 307, actor="alice", reason="too loud"))
    assert "by alice: too loud" in verdict.reason
    moved = of_departure(Departure.DESTROYED, gone("bot", 110, destroyed=Address.parse("new@rooms.example.org")))
    assert "it goes on at new@rooms.example.org" in moved.reason
