"""Uploading: who takes files, which, and what is tried again."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest

from botkit.errors import LinkClosed, MisuseError, NotSupported, RequestTimeout, StanzaError, UploadFailed
from botkit.model.address import Address
from botkit.model.files import Sending, Slot
from botkit.session.disco import DiscoInfo, DiscoItem
from botkit.session.upload import Uploader

NS = "urn:xmpp:http:upload:0"
SERVER, UPLOAD, ROOMS = map(Address.parse, ("example.org", "upload.example.org", "rooms.example.org"))
TAKES = DiscoInfo(features=frozenset({NS}), forms={NS: {"max-file-size": ("100",)}})


class Wire:
    """A server with two components. ``answers`` of disco#info by address, ``refuses`` slots with an error."""

    address = Address.parse("bot@example.org/r")

    def __init__(self) -> None:
        self.infos: dict[Address, Any] = {ROOMS: RequestTimeout("no answer"), UPLOAD: TAKES, SERVER: DiscoInfo()}
        self.refuses: Exception | None = None
        self.requests: list[Element] = []
        self.asked: list[Address] = []

    async def disco_items(self, address: Address, node: str | None = None) -> tuple[DiscoItem, ...]:
        assert address == SERVER
        return (DiscoItem(ROOMS), DiscoItem(UPLOAD), DiscoItem(SERVER, "a node"))

    async def disco_info(self, address: Address, node: str | None = None) -> DiscoInfo:
        self.asked.append(address)
        found = self.infos[address]
        if isinstance(found, Exception):
            raise found
        return found

    async def request(self, element_payload: Element, *, to: Address | None, kind: str, timeout: float | None = None):
        assert (to, kind) == (UPLOAD, "get") or to == SERVER
        self.requests.append(element_payload)
        if self.refuses is not None:
            raise self.refuses
        number = len(self.requests)
        return fromstring(f"<slot xmlns='{NS}'><put url='https://u/{number}'/><get url='https://d/{number}'/></slot>")


class Disk:
    """What was put; ``fails`` is raised by the first attempts."""

    def __init__(self, *fails: Exception) -> None:
        self.fails = list(fails)
        self.put: list[tuple[Slot, int, str, bytes]] = []

    async def __call__(self, slot: Slot, sending: Sending) -> None:
        content = b"".join([chunk async for chunk in sending.chunks])
        self.put.append((slot, sending.size, sending.content_type, content))
        if self.fails:
            raise self.fails.pop(0)


async def test_a_file_goes_to_the_service_that_the_server_names() -> None:
    wire, disk = Wire(), Disk()
    url = await Uploader(wire, disk).upload(b"picture", name="chart.png", content_type=None)
    assert url == "https://d/1"
    assert disk.put == [(Slot("https://u/1", "https://d/1"), 7, "image/png", b"picture")]
    assert wire.requests[0].attrib == {"filename": "chart.png", "size": "7", "content-type": "image/png"}


async def test_the_service_is_looked_for_once() -> None:
    wire = Wire()
    uploader = Uploader(wire, Disk())
    for _ in range(3):
        await uploader.upload(b"x", name="x", content_type=None)
    assert wire.asked == [ROOMS, UPLOAD]


async def test_after_a_refusal_the_service_is_looked_for_again() -> None:
    wire = Wire()
    uploader = Uploader(wire, Disk())
    wire.refuses = StanzaError("resource-constraint", "wait", "Quota reached")
    with pytest.raises(UploadFailed, match="Quota reached") as told:
        await uploader.upload(b"x", name="x", content_type=None)
    assert told.value.retryable
    wire.refuses, wire.infos[UPLOAD], wire.infos[SERVER] = None, DiscoInfo(), TAKES
    assert await uploader.upload(b"x", name="x", content_type=None) == "https://d/2"


async def test_a_server_without_a_service_is_told_as_that() -> None:
    wire = Wire()
    wire.infos[UPLOAD] = DiscoInfo()
    with pytest.raises(NotSupported, match="XEP-0363"):
        await Uploader(wire, Disk()).upload(b"x", name="x", content_type=None)
    wire.infos[ROOMS] = LinkClosed("gone")
    with pytest.raises(LinkClosed):
        await Uploader(wire, Disk()).upload(b"x", name="x", content_type=None)


async def test_what_is_too_large_is_not_even_asked_for() -> None:
    wire = Wire()
    with pytest.raises(UploadFailed, match="takes 100 at most"):
        await Uploader(wire, Disk()).upload(b"x" * 101, name="x", content_type=None)
    assert wire.requests == []


async def test_a_lost_upload_gets_a_new_slot_once() -> None:
    wire, disk = Wire(), Disk(UploadFailed("lost", retryable=True))
    assert await Uploader(wire, disk).upload(b"abc", name="x", content_type=None) == "https://d/2"
    assert [content for *_, content in disk.put] == [b"abc", b"abc"]
    with pytest.raises(UploadFailed, match="lost"):
        await Uploader(wire, Disk(*[UploadFailed("lost", retryable=True)] * 2)).upload(
            b"abc", name="x", content_type=None
        )


async def test_a_refused_upload_is_not_tried_again() -> None:
    wire = Wire()
    with pytest.raises(UploadFailed, match="403"):
        await Uploader(wire, Disk(UploadFailed("403"))).upload(b"abc", name="x", content_type=None)
    assert len(wire.requests) == 1


async def test_a_file_of_the_disk_is_sent_under_its_last_name_alone(tmp_path: Path) -> None:
    path = tmp_path / "log\n1.txt"
    path.write_bytes(b"0123456789" * 7)
    wire, disk = Wire(), Disk()
    await Uploader(wire, disk).upload(path, name=None, content_type=None)
    assert wire.requests[0].get("filename") == "log_1.txt"
    assert disk.put[0][1:] == (70, "text/plain", b"0123456789" * 7)


@pytest.mark.parametrize(
    ("name", "shown"),
    [("/etc/passwd", "passwd"), ("../..", "file"), ("", "file"), ("a" * 500 + ".png", "a" * 100 + "a" * 96 + ".png")],
)
async def test_a_name_is_one_name_of_bounded_length(name: str, shown: str) -> None:
    wire = Wire()
    await Uploader(wire, Disk()).upload(b"x", name=name, content_type=None)
    assert wire.requests[0].get("filename") == shown


async def test_what_is_no_file_or_empty_is_refused(tmp_path: Path) -> None:
    uploader = Uploader(Wire(), Disk())
    (tmp_path / "empty").touch()
    for bad in (tmp_path, tmp_path / "none", tmp_path / "empty", b"", Path("/dev/zero"), Path("a\0b")):
        with pytest.raises(MisuseError):
            await uploader.upload(bad, name="x", content_type=None)


async def test_without_http_nothing_is_uploaded() -> None:
    with pytest.raises(NotSupported):
        await Uploader(Wire(), None).upload(b"x", name="x", content_type=None)
