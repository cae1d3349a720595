"""Puts files on the server's upload service (XEP-0363), for others to get by a link."""

from __future__ import annotations

import asyncio
import logging
import mimetypes
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final, Protocol
from xml.etree.ElementTree import Element

from botkit.errors import LinkClosed, MisuseError, NotSupported, StanzaError, UploadFailed
from botkit.model.address import Address
from botkit.model.files import Sending, Slot
from botkit.protocol.namespaces import UPLOAD
from botkit.protocol.upload import max_size, parse_slot, slot_request
from botkit.session.disco import DiscoInfo, DiscoItem
from botkit.session.requests import Kind

_log = logging.getLogger(__name__)
_CHUNK: Final = 64 * 1024
_MOST_ASKED: Final = 30  # of a server's items
_TRIES: Final = 2
_LONGEST_NAME: Final = 200

Put = Callable[[Slot, Sending], Awaitable[None]]
"""Sends something to a slot. Raises ``UploadFailed``."""


class _Connection(Protocol):
    @property
    def address(self) -> Address: ...

    async def request(
        self, element_payload: Element, *, to: Address | None, kind: Kind, timeout: float | None = None
    ) -> Element | None: ...

    async def disco_info(self, address: Address, node: str | None = None) -> DiscoInfo: ...

    async def disco_items(self, address: Address, node: str | None = None) -> tuple[DiscoItem, ...]: ...


@dataclass(frozen=True, slots=True)
class UploadService:
    """Who takes files, and how large ones (bytes); None: it does not say."""

    address: Address
    largest: int | None


class Uploader:
    """Uploads over one connection. The service is looked for once, and again after it refused something."""

    def __init__(self, connection: _Connection, put: Put | None) -> None:
        self._connection = connection
        self._put = put
        self._service: UploadService | None = None

    async def upload(self, data: bytes | Path, *, name: str | None, content_type: str | None) -> str:
        """See ``ports.Link.upload``."""
        if self._put is None:
            raise NotSupported("feature-not-implemented", "cancel", "nothing here speaks HTTP", who="botkit")
        called = _name(data, name)
        kind = content_type or mimetypes.guess_type(called)[0] or "application/octet-stream"
        with await asyncio.to_thread(_open, data) as file:
            size = await asyncio.to_thread(_size, file)
            service = await self.service()
            if service.largest is not None and size > service.largest:
                raise UploadFailed(
                    f"{called!r} has {size:,} bytes; {service.address} takes {service.largest:,} at most"
                )
            for left in reversed(range(_TRIES)):
                slot = await self._slot(service, called, size, kind)
                try:
                    await self._put(slot, Sending(size, kind, _chunks(file, size)))
                except UploadFailed as problem:  # §7: "If the upload fails … the client MAY request a new slot"
                    if not left or not problem.retryable:
                        raise
                    _log.info("%s; trying once more", problem)
                else:
                    return slot.get
        raise AssertionError("the last try ends the loop")

    async def service(self) -> UploadService:
        """Who takes files on our server (§3). Raises ``NotSupported`` if nobody, ``RequestTimeout``, ``LinkClosed``."""
        if self._service is None:
            self._service = await self._find()
        return self._service

    async def _find(self) -> UploadService:
        server = Address.parse(self._connection.address.domain)
        items = await self._connection.disco_items(server)
        there = [item.address for item in items[:_MOST_ASKED] if item.node is None]
        for address in dict.fromkeys([*there, server]):
            try:
                info = await self._connection.disco_info(address)
            except LinkClosed:
                raise
            except Exception as problem:  # a component that is down, or answers rubbish, is none that takes files
                _log.debug("%s does not say what it is: %s", address, problem)
                continue
            if UPLOAD in info.features:
                return UploadService(address, max_size(info.forms.get(UPLOAD, {}).get("max-file-size", ())))
        raise NotSupported("feature-not-implemented", "cancel", "no upload service (XEP-0363)", who=str(server))

    async def _slot(self, service: UploadService, name: str, size: int, content_type: str) -> Slot:
        request = slot_request(name, size, content_type)
        try:
            slot = parse_slot(await self._connection.request(request, to=service.address, kind="get"))
        except StanzaError as refusal:
            self._service = None  # its limit may be another by now, or it is somebody else's task
            text = f"{service.address} does not take {name!r}: {refusal}"
            raise UploadFailed(text, retryable=refusal.retryable) from None
        if slot is None:
            raise UploadFailed(f"{service.address} gave no place that may be used: both URLs must be https")
        return slot


def _name(data: bytes | Path, name: str | None) -> str:
    """The last part of the name alone: nobody need know where it lay here."""
    given = name if name is not None else data.name if isinstance(data, Path) else ""
    found = "".join(char if char.isprintable() else "_" for char in Path(given).name)
    if len(found) > _LONGEST_NAME:  # the end says what it is
        found = found[:100] + found[-100:]
    return found if found.strip(". ") else "file"


def _open(data: bytes | Path) -> AbstractContextManager[BinaryIO]:
    if isinstance(data, bytes):
        return nullcontext(BytesIO(data))
    try:
        if not stat.S_ISREG(data.stat().st_mode):  # a pipe would wait for its other end, a device has none
            raise MisuseError(f"{data} is no file")
        return data.open("rb")
    except (OSError, ValueError) as problem:  # a path with a zero byte is a ValueError
        raise MisuseError(f"{data} cannot be read: {problem}") from None


def _size(file: BinaryIO) -> int:
    size = file.seek(0, 2)
    if not size:
        raise MisuseError("an empty file cannot be uploaded")
    return size


async def _chunks(file: BinaryIO, size: int) -> AsyncIterator[bytes]:
    """From the beginning, exactly ``size`` bytes: what was promised to the service (§7)."""
    await asyncio.to_thread(file.seek, 0)
    while size:
        chunk = await asyncio.to_thread(file.read, min(size, _CHUNK))
        if not chunk:
            raise UploadFailed("the file became shorter while it was sent")
        size -= len(chunk)
        yield chunk
