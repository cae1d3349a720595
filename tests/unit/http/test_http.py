"""The port for monitoring: what it says, and whom it does not let hold it up."""

from __future__ import annotations

import asyncio
import json
import math
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import uvloop
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from botkit.http.door import HttpLimits
from botkit.http.server import HttpServer
from botkit.model.address import Address
from botkit.model.measures import Measure, MeasureKind, Sample
from botkit.model.rooms import RoomState
from botkit.model.status import AccountStatus, BotStatus, RoomStatus

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
LOBBY = RoomStatus(room=Address.parse("lobby@rooms.example.org"), state=RoomState.JOINED)
DEN = RoomStatus(
    room=Address.parse("den@rooms.example.org"),
    state=RoomState.WAITING,
    reason="remote-server-timeout",
    since=NOW,
    next_try=NOW + timedelta(minutes=1),
)
KEEPER = AccountStatus(account=Address.parse("keeper@example.org"), connected=True, rooms=(LOBBY,))
HERALD = AccountStatus(account=Address.parse("herald@example.org"), connected=True)
MEASURES = (
    Measure(
        name="botkit_stanzas_received",
        kind=MeasureKind.COUNTER,
        help="Stanzas.",
        labels=("account", "kind"),
        samples=(Sample(labels=('a"b\\c\nd', "message"), value=3), Sample(labels=("x", "iq"), value=4)),
    ),
    Measure(name="botkit_event_loop_lag_seconds", kind=MeasureKind.GAUGE, help="Lag.", samples=(Sample(value=0.25),)),
    Measure(
        name="botkit_handler_seconds",
        kind=MeasureKind.HISTOGRAM,
        help="Times.",
        labels=("handler",),
        samples=(Sample(labels=("h",), value=1.5, buckets=((0.001, 1), (1.0, 2), (math.inf, 3))),),
    ),
)


class FakeView:
    """What is to be told."""

    def __init__(self, *accounts: AccountStatus) -> None:
        self.accounts = accounts or (KEEPER, HERALD)

    def status(self) -> BotStatus:
        return BotStatus(at=NOW, started=NOW, version="1", pid=1, lag=0.0123, accounts=self.accounts)

    def measures(self) -> Sequence[Measure]:
        return MEASURES

    async def reload(self) -> None:
        raise AssertionError("nobody may do that over HTTP")

    async def retry(self, room: Address | None = None) -> Sequence[Address]:
        raise AssertionError("nobody may do that over HTTP")

    def hook(self, name: str) -> None:
        return None

    def largest_body(self) -> int:
        return 0


@asynccontextmanager
async def serving(view: FakeView | None = None, **limits: Any) -> AsyncIterator[int]:
    """The port that it listens at."""
    server = HttpServer(view or FakeView(), "127.0.0.1", 0, HttpLimits(**limits))
    task = asyncio.create_task(server.run())
    try:
        async with asyncio.timeout(5):
            while server.port is None:  # noqa: ASYNC110 - it has no event for it
                await asyncio.sleep(0.005)
        yield server.port
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def get(port: int, path: str, *, method: str = "GET", headers: str = "") -> tuple[int, str, bytes]:
    """Status, headers and body; the connection is to be closed by the server."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode())
    async with asyncio.timeout(5):
        raw = await reader.read()
    writer.close()
    head, _, body = raw.partition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode(), body


async def page(port: int, path: str) -> tuple[int, Any]:
    status, _, body = await get(port, path)
    return status, json.loads(body)


async def test_a_bot_that_is_everywhere_is_ready() -> None:
    async with serving() as port:
        status, body = await page(port, "/readyz")
    assert status == 200
    assert body["ready"]
    assert body["accounts"]["keeper@example.org"] == {
        "ready": True,
        "connected": True,
        "reason": None,
        "joined": 1,
        "missing": {},
    }


async def test_a_room_that_is_out_makes_the_bot_not_ready_and_is_named() -> None:
    async with serving(FakeView(replace(KEEPER, rooms=(LOBBY, DEN)), HERALD)) as port:
        status, body = await page(port, "/readyz")
    assert status == 503
    assert body["accounts"]["herald@example.org"]["ready"]
    assert body["accounts"]["keeper@example.org"]["missing"] == {
        "den@rooms.example.org": {
            "state": "waiting",
            "reason": "remote-server-timeout",
            "since": "2026-11-21T09:00:00+00:00",
            "next_try": "2026-11-21T09:01:00+00:00",
        }
    }


async def test_an_account_without_connection_is_alive_but_not_ready() -> None:
    away = replace(HERALD, connected=False, reason="the server was silent for too long")
    async with serving(FakeView(KEEPER, away)) as port:
        assert (await page(port, "/readyz"))[0] == 503
        status, body = await page(port, "/healthz")
    assert (status, body["lag_seconds"]) == (200, 0.012)
    assert body["accounts"]["herald@example.org"]["reason"] == "the server was silent for too long"


async def test_one_account_that_ended_leaves_the_process_alive_and_all_of_them_do_not() -> None:
    ended = replace(HERALD, running=False, connected=False, reason="the login was refused")
    async with serving(FakeView(KEEPER, ended)) as port:
        status, body = await page(port, "/healthz")
        assert (status, body["accounts"]["herald@example.org"]["running"]) == (200, False)
    async with serving(FakeView(ended)) as port:
        assert (await page(port, "/healthz"))[0] == 503


async def test_metrics_are_what_prometheus_reads() -> None:
    async with serving() as port:
        status, head, body = await get(port, "/metrics")
    assert status == 200
    assert "text/plain; version=" in head
    found = {family.name: family for family in prometheus(body.decode())}
    received = {tuple(s.labels.values()): s.value for s in found["botkit_stanzas_received"].samples}
    assert received == {('a"b\\c\nd', "message"): 3, ("x", "iq"): 4}
    times = {(s.name, s.labels.get("le")): s.value for s in found["botkit_handler_seconds"].samples}
    assert times["botkit_handler_seconds_bucket", "+Inf"] == 3
    assert times["botkit_handler_seconds_count", None] == 3
    assert times["botkit_handler_seconds_sum", None] == 1.5
    assert found["process_resident_memory_bytes"].samples[0].value > 1e6
    assert "python_gc_collections" in found


async def test_metrics_are_open_metrics_for_who_asks_for_that() -> None:
    async with serving() as port:
        accept = "Accept: application/openmetrics-text; version=1.0.0\r\n"
        _, head, body = await get(port, "/metrics", headers=accept)
    assert "application/openmetrics-text" in head
    assert "botkit_handler_seconds" in {family.name for family in open_metrics(body.decode())}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_nothing_can_be_changed(method: str) -> None:
    async with serving() as port:
        assert (await get(port, "/readyz", method=method, headers="Content-Length: 0\r\n"))[0] == 405


async def test_other_pages_are_not_there() -> None:
    async with serving() as port:
        for path in ("/", "/metrics/", "/../etc/passwd", "/healthz%00", "/status"):
            assert (await get(port, path))[0] in (400, 404)


@pytest.mark.parametrize(
    "request_text",
    [
        b"GET /" + b"x" * 3000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 5000 + b"\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n" + b"".join(b"X%d: x\r\n" % n for n in range(9000)),
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n" + b"x" * 30_000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=["long line", "long header", "many headers", "body", "tls"],
)
async def test_too_much_is_refused_and_the_next_is_served(request_text: bytes) -> None:
    async with serving(seconds=1.0) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_text)
        try:
            async with asyncio.timeout(5):
                said = await reader.read()
        except ConnectionError:
            said = b""
        writer.close()
        assert b" 200 " not in said.split(b"\r\n")[0] or b"Content-Length: 999999999" in request_text
        assert (await page(port, "/readyz"))[0] == 200


async def test_who_asks_too_slowly_is_cut_off() -> None:
    async with serving(seconds=0.1) as port:
        for said in (b"", b"GET /healthz HTTP/1.1\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(said)
            with suppress(ConnectionResetError):
                async with asyncio.timeout(5):
                    assert await reader.read() == b""
            writer.close()


def test_they_are_cut_off_on_the_loop_that_bots_run_on_too() -> None:
    async def slow_large_and_many() -> None:
        async with serving(seconds=0.2, connections=1, request=1000) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for said in (b"GET /", b"x" * 2000):
                other, more = await asyncio.open_connection("127.0.0.1", port)
                for one in (other, reader):
                    more.write(said)
                    with suppress(ConnectionError):
                        async with asyncio.timeout(5):
                            assert await one.read() == b""
                more.close()
            writer.close()

    uvloop.run(slow_large_and_many())


async def test_many_who_hold_on_keep_nobody_out_for_long() -> None:
    async with serving(seconds=0.3, connections=4) as port:
        holding = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
        async with asyncio.timeout(5):
            while True:
                try:
                    assert (await page(port, "/readyz"))[0] == 200
                    break
                except (ConnectionError, IndexError):  # cut off: no place yet
                    await asyncio.sleep(0.02)
        for one in holding:
            one.close()


async def test_a_port_that_is_taken_is_told_and_the_bot_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        task = asyncio.create_task(HttpServer(FakeView(), "127.0.0.1", other.getsockname()[1]).run())
        async with asyncio.timeout(5):
            while "nobody can listen at" not in caplog.text:  # noqa: ASYNC110 - a log has no event
                await asyncio.sleep(0.005)
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
