"""Whether we are connected, and what of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from botkit.model.address import Address
from botkit.model.events import StreamEstablished, StreamLost
from botkit.session.settings import Standing

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
ME = Address.parse("keeper@example.org/bot")


def up(seconds: int, *, resumed: bool = False) -> StreamEstablished:
    return StreamEstablished(at=NOW + timedelta(seconds=seconds), address=ME, resumed=resumed)


def down(seconds: int, reason: str, retry_in: float | None) -> StreamLost:
    return StreamLost(at=NOW + timedelta(seconds=seconds), reason=reason, retry_in=retry_in)


def after(*events: StreamEstablished | StreamLost) -> Standing:
    standing = Standing()
    for event in events:
        standing.note(event)
    return standing


def test_the_first_connection_is_no_reconnect() -> None:
    standing = after(up(0))
    assert (standing.connected, standing.since, standing.reconnects) == (True, NOW, 0)


def test_a_loss_is_told_from_its_beginning_with_the_last_reason_and_the_next_try() -> None:
    standing = after(up(0), down(10, "closed", 1.0), down(11, "refused", 4.0))
    assert not standing.connected
    assert standing.since == NOW + timedelta(seconds=10)
    assert standing.reason == "refused"
    assert standing.retry_at == NOW + timedelta(seconds=15)


def test_a_bot_that_never_was_connected_says_since_when() -> None:
    standing = after(down(1, "no such host", 1.0), down(2, "no such host", None))
    assert (standing.since, standing.retry_at) == (NOW + timedelta(seconds=1), None)


def test_new_sessions_and_resumptions_are_reconnects_of_two_kinds() -> None:
    standing = after(up(0), down(1, "x", 1.0), up(2, resumed=True), down(3, "x", 1.0), up(4))
    assert (standing.reconnects, standing.resumptions) == (2, 1)
    assert (standing.reason, standing.retry_at) == (None, None)
