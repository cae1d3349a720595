"""``/hooks/`` over a real socket: what is told before, after and instead of reading a body."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest

from botkit.http.hooks import sender_of
from botkit.model.hooks import HookAnswer, HookRequest
from tests.unit.http.test_http import FakeView, get, serving

JSON = "Content-Type: application/json\r\n"


class FakeHook:
    """Keeps what it is given."""

    takes_forms = False

    def __init__(self, answer: HookAnswer | None = None, max_bytes: int = 10_000) -> None:
        self.max_bytes = max_bytes
        self.answer = answer or HookAnswer(status=202, result="stored", ids=("a", "b"))
        self.taken: list[HookRequest] = []
        self.counted: list[str] = []

    async def take(self, request: HookRequest) -> HookAnswer:
        self.taken.append(request)
        return self.answer

    def count(self, answer: HookAnswer) -> HookAnswer:
        self.counted.append(answer.result)
        return answer


class View(FakeView):
    def __init__(self, hook: FakeHook) -> None:
        super().__init__()
        self.the_hook = hook

    def hook(self, name: str) -> Any:
        return self.the_hook if name == "ci" else None

    def largest_body(self) -> int:
        return self.the_hook.max_bytes


async def post(
    port: int, body: bytes, headers: str = JSON, path: str = "/hooks/ci", length: int | None = None
) -> tuple[int, str, Any]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    size = len(body) if length is None else length
    writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n{headers}\r\n".encode() + body)
    async with asyncio.timeout(5):
        head, _, said = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split()[1]), head.decode(), json.loads(said)


async def test_a_request_is_handed_on_and_answered_with_the_ids() -> None:
    hook = FakeHook()
    async with serving(View(hook)) as port:
        status, head, told = await post(port, b'{"a": 1}', JSON + "X-GitHub-Delivery: d\r\nX-GitHub-Delivery: e\r\n")
    assert (status, told) == (202, {"status": "stored", "id": "a", "ids": ["a", "b"]})
    assert "application/json" in head
    (request,) = hook.taken
    assert (request.body, request.media_type, request.sender) == (b'{"a": 1}', "application/json", "127.0.0.1")
    assert request.headers["x-github-delivery"] == "d"
    assert hook.counted == ["stored"]


async def test_a_problem_is_told_as_rfc_9457_says() -> None:
    hook = FakeHook(HookAnswer(status=429, result="limited", detail="60 a minute", retry_after=1.2))
    async with serving(View(hook)) as port:
        status, head, told = await post(port, b"{}")
    assert status == 429
    assert "Content-Type: application/problem+json" in head
    assert "Retry-After: 2" in head
    assert told == {"title": "Too Many Requests", "status": 429, "detail": "60 a minute"}


async def test_an_unknown_hook_is_not_there() -> None:
    async with serving(View(FakeHook())) as port:
        for path in ("/hooks/other", "/hooks/", "/hooks/ci/", "/hooks/ci%00", "/hooks/..%2fci"):
            assert (await post(port, b"{}", path=path))[0] in (400, 404)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
async def test_other_methods_are_refused(method: str) -> None:
    async with serving(View(FakeHook())) as port:
        status, head, _ = await get(port, "/hooks/ci", method=method)
    assert status == 405
    assert "Allow: POST" in head


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ("", 415),
        ("Content-Type: text/plain\r\n", 415),
        ("Content-Type: application/x-www-form-urlencoded\r\n", 415),
        (JSON + "Content-Encoding: gzip\r\n", 415),
        ("Content-Type: application/cloudevents+json; charset=utf-8\r\n", 202),
    ],
)
async def test_what_is_not_json_is_refused(headers: str, status: int) -> None:
    hook = FakeHook()
    async with serving(View(hook)) as port:
        assert (await post(port, b"{}", headers))[0] == status
    assert len(hook.taken) == (status == 202)


async def test_a_body_without_a_length_is_refused() -> None:
    async with serving(View(FakeHook())) as port:
        status, _, body = await get(port, "/hooks/ci", method="POST", headers=JSON)
    assert status == 411
    assert json.loads(body)["title"] == "Length Required"


async def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent() -> None:
    hook = FakeHook(max_bytes=100)
    async with serving(View(hook)) as port:
        assert (await post(port, b"", length=101))[0] == 413
        assert (await post(port, b"x" * 100))[0] == 202


async def test_a_body_in_chunks_is_read_and_cut_off_where_it_is_too_large() -> None:
    hook = FakeHook(max_bytes=100)
    async with serving(View(hook)) as port:
        for size, status in ((90, b"202"), (200, b"413")):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            chunks = b"".join(b"a\r\n0123456789\r\n" for _ in range(size // 10)) + b"0\r\n\r\n"
            head = f"POST /hooks/ci HTTP/1.1\r\nHost: x\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n"
            writer.write(head.encode() + chunks)
            async with asyncio.timeout(5):
                assert (await reader.read()).split()[1] == status
            writer.close()
    assert [len(request.body) for request in hook.taken] == [90]


async def test_a_large_body_passes_the_door_and_an_endless_one_does_not() -> None:
    hook = FakeHook(max_bytes=300_000)
    async with serving(View(hook)) as port:
        assert (await post(port, b"x" * 300_000))[0] == 202
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"POST /readyz HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n{JSON}\r\n".encode())
        with suppress(ConnectionError):
            async with asyncio.timeout(5):
                for _ in range(200):
                    writer.write(b"x" * 10_000)
                    await writer.drain()
                await reader.read()
        writer.close()
        assert (await get(port, "/readyz"))[0] == 200


async def test_nobody_can_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    hook = FakeHook()
    head = f"POST /hooks/ci HTTP/1.1\r\nHost: x\r\n{JSON}"
    async with serving(View(hook), seconds=0.2) as port:
        for more in (
            "Content-Length: 9\r\n\r\n12",
            "Content-Length: abc\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write((head + more).encode())
            with suppress(ConnectionError):
                async with asyncio.timeout(5):
                    assert b" 202 " not in await reader.read()
            writer.close()
    assert [one for one in caplog.records if one.levelname in ("WARNING", "ERROR")] == []
    assert hook.taken == []
    assert set(hook.counted) == {"broken"}


async def test_a_fault_of_ours_is_logged_and_told_as_one(caplog: pytest.LogCaptureFixture) -> None:
    class Faulty(FakeHook):
        async def take(self, request: HookRequest) -> HookAnswer:
            raise ValueError("a bug")

    async with serving(View(Faulty())) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"POST /hooks/ci HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n{JSON}\r\n{{}}".encode())
        async with asyncio.timeout(5):
            said = await reader.read()
        writer.close()
    assert said.split()[1] == b"500"
    assert b"a bug" not in said
    assert "POST /hooks/ci failed" in caplog.text


async def test_who_sends_his_body_too_slowly_is_cut_off_and_nothing_is_taken() -> None:
    hook = FakeHook()
    async with serving(View(hook), seconds=0.2) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"POST /hooks/ci HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n{JSON}\r\n12".encode())
        with suppress(ConnectionResetError):
            async with asyncio.timeout(5):
                assert await reader.read() == b""
        writer.close()
    assert hook.taken == []


@pytest.mark.parametrize(
    ("remote", "forwarded", "sender"),
    [
        ("127.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("::1", "10.0.0.1, 192.0.2.7", "192.0.2.7"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "not an address\r\n", "127.0.0.1"),
        ("198.51.100.9", "192.0.2.7", "198.51.100.9"),
        ("", "192.0.2.7", ""),
    ],
)
def test_a_proxys_word_counts_on_this_machine_only(remote: str, forwarded: str, sender: str) -> None:
    assert sender_of(remote, forwarded) == sender
