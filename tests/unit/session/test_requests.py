"""IQs of ours and to us: answers only from whom we asked, refusals where the RFC asks for them."""

from __future__ import annotations

import asyncio
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from botkit.errors import Forbidden, ItemNotFound, LinkClosed, MisuseError, RequestTimeout, StanzaError
from botkit.model.address import Address
from botkit.session.requests import Requests, error_of

OWN = Address.parse("bot@example.org/r")
STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"


class Wire:
    def __init__(self, *, down: bool = False) -> None:
        self.sent: list[Element] = []
        self.down = down
        self.requests = Requests(send=self.send, address=lambda: OWN, serve_timeout=0.2)
        self.tasks: set[asyncio.Task[None]] = set()
        self.requests.spawn = self.spawn

    def send(self, element: Element) -> None:
        if self.down:
            raise LinkClosed("down")
        self.sent.append(element)

    def spawn(self, work):
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)

    async def settle(self) -> None:
        await asyncio.gather(*self.tasks)

    async def asked(self, to: str | None, timeout: float = 1.0):
        address = None if to is None else Address.parse(to)
        work = self.requests.ask(Element("{u}q"), to=address, kind="get", timeout=timeout)
        task = asyncio.get_running_loop().create_task(work)
        await asyncio.sleep(0)
        return task


def iq(kind: str, id_: str, sender: str | None, inner: str = "") -> Element:
    came = "" if sender is None else f" from='{sender}'"
    return ElementTree.fromstring(f"<iq xmlns='jabber:client' type='{kind}' id='{id_}'{came}>{inner}</iq>")


@pytest.mark.parametrize(
    ("to", "sender"),
    [
        ("room@rooms.example.org", "room@rooms.example.org"),
        ("room@rooms.example.org/Nick", "ROOM@rooms.example.org/Nick"),
        (None, None),
        (None, "bot@example.org"),
        (None, "bot@example.org/r"),
        (None, "example.org"),
        ("bot@example.org", None),
        ("bot@example.org", "bot@example.org"),
        ("example.org", "example.org"),
        ("example.org", None),
    ],
)
async def test_answer_from_whom_we_asked_is_taken(to, sender):
    wire = Wire()
    task = await wire.asked(to)
    assert wire.requests.take(iq("result", wire.sent[0].get("id"), sender, "<q xmlns='u'/>"))
    assert (await task).tag == "{u}q"


@pytest.mark.parametrize(
    ("to", "sender"),
    [
        ("room@rooms.example.org", "evil@example.net"),
        ("room@rooms.example.org", "room@rooms.example.org/nick"),
        ("room@rooms.example.org", None),
        ("room@rooms.example.org", "bot@example.org"),
        (None, "evil@example.org"),
        (None, "@@@"),
        ("example.org", "bot@example.org"),
    ],
)
async def test_answer_from_anybody_else_is_ignored(to, sender):
    wire = Wire()
    task = await wire.asked(to, timeout=0.05)
    assert wire.requests.take(iq("result", wire.sent[0].get("id"), sender))
    with pytest.raises(RequestTimeout):
        await task


async def test_answer_to_somebody_elses_request_is_left_alone():
    assert not Wire().requests.take(iq("result", "unknown", "example.org"))


async def test_empty_result_is_none():
    wire = Wire()
    task = await wire.asked(None)
    wire.requests.take(iq("result", wire.sent[0].get("id"), None))
    assert await task is None


async def test_error_is_raised_by_condition_with_its_text():
    wire = Wire()
    task = await wire.asked("room@rooms.example.org")
    inner = (
        "<q xmlns='u'/><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
        "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>no</text></error>"
    )
    wire.requests.take(iq("error", wire.sent[0].get("id"), "room@rooms.example.org", inner))
    with pytest.raises(Forbidden, match="no") as caught:
        await task
    assert (caught.value.kind, caught.value.who) == ("auth", "room@rooms.example.org")


@pytest.mark.parametrize("inner", ["", "<error/>", "<error><text xmlns='urn:x'/></error>"])
def test_error_without_a_condition_is_still_an_error(inner):
    assert error_of(iq("error", "1", None, inner)).condition == "undefined-condition"


async def test_request_without_a_stream_fails_at_once():
    wire = Wire(down=True)
    with pytest.raises(LinkClosed):
        await wire.requests.ask(Element("{u}q"), to=None, kind="get", timeout=1)
    assert not wire.requests._pending


async def test_end_of_the_session_fails_all_requests():
    wire = Wire()
    tasks = [await wire.asked(None), await wire.asked("a@b")]
    wire.requests.fail_all("gone")
    for task in tasks:
        with pytest.raises(LinkClosed, match="gone"):
            await task


async def test_cancelled_request_leaves_nothing_behind():
    wire = Wire()
    task = await wire.asked(None)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not wire.requests._pending


async def test_request_is_served_and_answered():
    wire = Wire()

    async def handler(request):
        assert (request.sender, request.kind, request.payload.get("a")) == (Address.parse("x@y/z"), "set", "1")
        return Element("{u}done")

    wire.requests.serve("{u}q", handler)
    assert wire.requests.take(iq("set", "7", "x@y/z", "<q xmlns='u' a='1'/>"))
    await wire.settle()
    (answer,) = wire.sent
    assert (answer.get("type"), answer.get("to"), answer.get("id")) == ("result", "x@y/z", "7")
    assert answer[0].tag == "{u}done"


def condition(element: Element) -> str:
    return element[0][0].tag.removeprefix(STANZAS)


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (ItemNotFound("item-not-found", "cancel", "no such \x00 thing"), "item-not-found"),
        (RuntimeError("a bug"), "internal-server-error"),
        (MisuseError("a bug"), "internal-server-error"),
    ],
)
async def test_handler_that_raises_refuses(problem, expected):
    wire = Wire()

    async def handler(request):
        raise problem

    wire.requests.serve("{u}q", handler)
    wire.requests.take(iq("get", "7", "x@y/z", "<q xmlns='u'/>"))
    await wire.settle()
    assert condition(wire.sent[0]) == expected


async def test_handler_that_hangs_is_ended():
    wire = Wire()

    async def handler(request):
        await asyncio.Event().wait()

    wire.requests.serve("{u}q", handler)
    wire.requests.take(iq("get", "7", "x@y/z", "<q xmlns='u'/>"))
    await wire.settle()
    assert condition(wire.sent[0]) == "internal-server-error"


async def test_unknown_payload_is_left_to_the_engine_and_unregistering_works():
    wire = Wire()

    async def handler(request):
        return None

    end = wire.requests.serve("{u}q", handler)
    with pytest.raises(MisuseError):
        wire.requests.serve("{u}q", handler)
    end()
    assert not wire.requests.take(iq("get", "7", "x@y/z", "<q xmlns='u'/>"))


@pytest.mark.parametrize(
    ("kind", "inner"), [("get", ""), ("set", "<a xmlns='u'/><b xmlns='u'/>"), ("nonsense", "<a xmlns='u'/>")]
)
async def test_request_against_the_rules_is_a_bad_request(kind, inner):
    wire = Wire()
    assert wire.requests.take(iq(kind, "7", "x@y/z", inner))
    assert condition(wire.sent[0]) == "bad-request"


async def test_errors_are_never_answered():
    wire = Wire()
    wire.requests.refuse(iq("error", "7", "x@y/z"), StanzaError("bad-request", "modify"))
    wire.requests.take(iq("error", "7", "x@y/z", "<a xmlns='u'/><b xmlns='u'/>"))
    assert not wire.sent


async def test_flood_of_requests_is_told_to_wait():
    wire = Wire()
    gate = asyncio.Event()

    async def handler(request):
        await gate.wait()

    wire.requests.serve("{u}q", handler)
    for number in range(200):
        wire.requests.take(iq("get", str(number), "x@y/z", "<q xmlns='u'/>"))
    assert len(wire.tasks) == 128
    assert {condition(each) for each in wire.sent} == {"resource-constraint"}
    gate.set()
    await wire.settle()
    wire.requests.take(iq("get", "next", "x@y/z", "<q xmlns='u'/>"))
    await wire.settle()
    assert wire.sent[-1].get("type") == "result"
