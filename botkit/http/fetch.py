"""Getting something by HTTP from a server that nobody vouches for: bounded in time, size and redirections.

No address of a private network is asked unless that is allowed: else whoever can change a feed's redirection, or a
name in the DNS, could have this machine ask its neighbours. Names are looked at as they are resolved for the very
connection, so that a second answer of the DNS changes nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from botkit.errors import BotkitError

AGENT = "botkit"
_REDIRECTS = 5
_MOVED = frozenset((301, 302, 303, 307, 308))
_CHUNK = 16 * 1024
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class FetchError(BotkitError):
    """It could not be fetched; the text says why, for whoever runs the bot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What the server said. ``url`` is where it was found in the end; ``body`` is empty but for a status of 200.

    ``etag`` and ``modified`` are for the next request; ``retry_after`` is how long to stay away, None: not said.
    """

    status: int
    url: str
    body: bytes = b""
    content_type: str | None = None
    etag: str | None = None
    modified: str | None = None
    retry_after: timedelta | None = None


async def fetch(
    url: str,
    *,
    now: datetime,
    etag: str | None = None,
    modified: str | None = None,
    most: int = 2 * 1024 * 1024,
    seconds: float = 30.0,
    private: bool = False,
) -> Fetched:
    """GET ``url`` (http or https), with what an earlier answer gave as ``etag`` and ``modified`` (RFC 9110 §13.1).

    ``most`` bytes, after decompression; ``seconds`` for all of it. ``now`` (aware) is what dates are compared with.
    Raises ``FetchError``; a status that is no success is no error.
    """
    try:
        async with asyncio.timeout(seconds):
            return await _fetch(url, now, _headers(etag, modified), most, private)
    except TimeoutError:
        raise FetchError(f"no answer within {seconds:g} seconds") from None
    except (aiohttp.ClientError, OSError, ValueError) as problem:
        raise FetchError(str(problem) or type(problem).__name__) from None


async def _fetch(url: str, now: datetime, headers: dict[str, str], most: int, private: bool) -> Fetched:
    resolver = ThreadedResolver() if private else _PublicOnly()
    connector = aiohttp.TCPConnector(resolver=resolver, limit=1, force_close=True)
    async with aiohttp.ClientSession(
        connector=connector, headers=headers, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
    ) as session:
        for _ in range(_REDIRECTS + 1):
            _check(url, private)
            async with session.get(url, allow_redirects=False) as answer:
                target = answer.headers.get("Location")
                if answer.status not in _MOVED or target is None:
                    return await _read(answer, url, now, most)
            before, url = url, urljoin(url, target)
            if before.startswith("https:") and not url.startswith("https:"):
                raise FetchError("it redirects from https to something less safe")
    raise FetchError(f"it redirects more than {_REDIRECTS} times")


async def _read(answer: aiohttp.ClientResponse, url: str, now: datetime, most: int) -> Fetched:
    body = bytearray()
    if answer.status == 200:
        async for chunk in answer.content.iter_chunked(_CHUNK):
            body += chunk
            if len(body) > most:
                raise FetchError(f"it has more than {most} bytes")
    return Fetched(
        status=answer.status, url=url, body=bytes(body), content_type=answer.headers.get("Content-Type"),
        etag=answer.headers.get("ETag"), modified=answer.headers.get("Last-Modified"),
        retry_after=_retry_after(answer.headers.get("Retry-After"), now),
    )  # fmt: skip


def _headers(etag: str | None, modified: str | None) -> dict[str, str]:
    headers = {"User-Agent": AGENT}
    if etag:
        headers["If-None-Match"] = etag
    if modified:
        headers["If-Modified-Since"] = modified
    return headers


def _check(url: str, private: bool) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise FetchError("only http and https are fetched")
    try:
        literal = ipaddress.ip_address(parts.hostname)
    except ValueError:
        return  # a name: looked at when it is resolved
    if not private and not is_public(literal):
        raise FetchError(f"{literal} is a private address")


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """True for an address of the public internet, also in its IPv6 clothes."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast


class _PublicOnly(AbstractResolver):
    """Resolves names, but to public addresses alone."""

    def __init__(self) -> None:
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        public = [one for one in found if is_public(ipaddress.ip_address(one["host"].partition("%")[0]))]
        if not public:
            raise OSError(f"{host} has private addresses alone")
        return public

    async def close(self) -> None:
        await self._inner.close()


def _retry_after(said: str | None, now: datetime) -> timedelta | None:
    """RFC 9110 §10.2.3: seconds, or a date."""
    if said is None:
        return None
    if said.strip().isdecimal() and len(said) < 10:
        return timedelta(seconds=int(said))
    try:
        moment = parsedate_to_datetime(said)
    except ValueError:
        return None
    return max(timedelta(), (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)) - now)
