"""Fetching: bounded, and of the public internet alone unless that is allowed."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest

from botkit.http.fetch import FetchError, fetch, is_public
from tests.bots.web import running_site

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


async def test_what_is_fetched_comes_with_what_the_next_request_needs() -> None:
    async with running_site() as site:
        site.body, site.headers = b"hello", {"ETag": '"1"', "Last-Modified": "Mon, 05 Jan 2026 11:00:00 GMT"}
        found = await fetch(f"{site.url}moved", now=NOW, private=True)
        assert (found.status, found.body, found.etag, found.url) == (200, b"hello", '"1"', site.url)
        again = await fetch(site.url, now=NOW, etag=found.etag, modified=found.modified, private=True)
        assert (again.status, again.body) == (304, b"")
        assert site.asked[-1]["If-Modified-Since"] == found.modified


@pytest.mark.parametrize(
    ("said", "pause"),
    [("120", 120), ("Mon, 05 Jan 2026 12:05:00 GMT", 300), ("Mon, 05 Jan 2026 11:00:00 GMT", 0), ("soon", None)],
)
async def test_how_long_to_stay_away_is_read(said: str, pause: int | None) -> None:
    async with running_site() as site:
        site.status, site.headers = 429, {"Retry-After": said}
        found = await fetch(site.url, now=NOW, private=True)
        assert found.retry_after == (None if pause is None else timedelta(seconds=pause))


async def test_what_is_too_long_is_refused_also_if_it_was_compressed() -> None:
    async with running_site() as site:
        site.body, site.headers = gzip.compress(b"x" * 5_000_000), {"Content-Encoding": "gzip"}
        with pytest.raises(FetchError, match="more than 1000000 bytes"):
            await fetch(site.url, now=NOW, most=1_000_000, private=True)


async def test_redirections_end() -> None:
    async with running_site() as site:
        with pytest.raises(FetchError, match="redirects more than"):
            await fetch(f"{site.url}loop", now=NOW, private=True)


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1/", "http://localhost/", "http://127.1/", "http://[::1]/", "http://[::ffff:10.0.0.1]/",
     "http://169.254.169.254/", "file:///etc/passwd", "gopher://example.org/", "nonsense", "http://"],
)  # fmt: skip
async def test_nothing_of_a_private_network_is_asked(url: str) -> None:
    with pytest.raises(FetchError):
        await fetch(url, now=NOW, seconds=5)


@pytest.mark.parametrize(
    ("address", "public"),
    [("8.8.8.8", True), ("2606:4700::1111", True), ("10.1.1.1", False), ("100.64.0.1", False), ("fe80::1", False),
     ("64:ff9b::a00:1", False), ("64:ff9b::808:808", True), ("2002:7f00:1::", False), ("224.0.0.1", False),
     ("0.0.0.0", False)],
)  # fmt: skip
def test_private_addresses_are_known_in_every_dress(address: str, public: bool) -> None:
    assert is_public(ip_address(address)) is public
