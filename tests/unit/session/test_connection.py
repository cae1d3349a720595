"""What the end of a stream means, without a server: the real one is in tests/server/test_connection.py."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aioxmpp import errors as xmpp_errors

from botkit.clock import SystemClock
from botkit.errors import ConfigError, LinkClosed, MisuseError, Replaced
from botkit.model.address import Address
from botkit.session.connection import Connection, ConnectionSettings
from botkit.session.parser import StreamViolation
from botkit.session.resolve import Target
from botkit.session.stream import Stream


def make(**changes) -> Connection:
    given = {"address": Address.parse("bot@example.org"), "password": lambda: "secret", **changes}
    return Connection(
        ConnectionSettings(**given), on_stanza=lambda _: None, on_state=lambda _: None, clock=SystemClock()
    )


def ended(connection: Connection, condition: str, text: str | None = None) -> Stream:
    stream = connection._new_stream()
    full = ("urn:ietf:params:xml:ns:xmpp-streams", condition)
    stream._exception = xmpp_errors.StreamError(xmpp_errors.StreamErrorCondition(full), text)
    return stream


async def test_resource_is_ours_and_stays():
    connection = make()
    assert connection.address.resource.startswith("botkit-")
    assert connection.address == connection.address
    assert make().address != connection.address


async def test_password_is_in_no_text_of_the_settings():
    assert "password" not in repr(make().settings)


async def test_conflict_is_for_good():
    connection = make()
    with pytest.raises(Replaced):
        connection._lost(ended(connection, "conflict"))


@pytest.mark.parametrize("condition", ["system-shutdown", "reset", "policy-violation", "connection-timeout"])
async def test_other_stream_errors_are_retried_and_named(condition):
    connection = make()
    problem = connection._lost(ended(connection, condition, "going down"))
    assert problem.retryable
    assert condition in str(problem)
    assert "going down" in str(problem)


async def test_our_own_complaint_is_told_as_such():
    connection = make()
    stream = ended(connection, "policy-violation")
    stream.violation = StreamViolation("policy-violation", "too long")
    assert "we ended the stream" in str(connection._lost(stream))


@pytest.mark.parametrize(
    ("said", "target"),
    [
        ("other.example", Target("other.example", 5222)),
        ("other.example:5333", Target("other.example", 5333)),
        ("[2001:db8::1]:5333", Target("2001:db8::1", 5333)),
        ("2001:db8::1", Target("2001:db8::1", 5222)),
    ],
)
async def test_redirection_is_followed_once(said, target):
    connection = make(host="first.example")
    stream = ended(connection, "see-other-host")
    stream.other_host = said
    connection._lost(stream)
    assert await connection._targets() == [target]
    assert await connection._targets() == [Target("first.example", 5222)]


async def test_redirections_do_not_go_round_for_ever():
    connection = make(host="first.example")
    for _ in range(10):
        stream = ended(connection, "see-other-host")
        stream.other_host = "other.example"
        connection._lost(stream)
    connection._redirected = None
    connection._lost(stream)
    assert await connection._targets() == [Target("first.example", 5222)]


@pytest.mark.parametrize("said", ["", None, "other.example:http", ":5222", "other.example:99999", "other.example:0"])
async def test_redirection_to_nowhere_is_ignored(said):
    connection = make(host="first.example")
    stream = ended(connection, "see-other-host")
    stream.other_host = said
    connection._lost(stream)
    assert await connection._targets() == [Target("first.example", 5222)]


async def test_unusable_ca_file_ends_the_run_with_its_name(unused_tcp_port):
    connection = make(host="127.0.0.1", port=unused_tcp_port, ca_file=Path("no-such-file.pem"))
    with pytest.raises(ConfigError, match="no-such-file"):
        await asyncio.wait_for(connection.run(), 5)


async def test_connection_runs_once_and_can_be_closed_before():
    connection = make(host="127.0.0.1")
    await connection.close()
    await asyncio.wait_for(connection.run(), 5)
    with pytest.raises(MisuseError):
        await connection.run()


async def test_sending_without_a_session_is_refused():
    connection = make()
    with pytest.raises(LinkClosed):
        await connection.announce()
    with pytest.raises(LinkClosed):
        await connection.disco_info(Address.parse("example.org"))
