"""RSS and Atom, read by feedparser. What feeds say is anybody's: it comes out of here as short plain lines."""

from __future__ import annotations

import calendar
import hashlib
import html
import io
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import feedparser

from botkit.errors import BotkitError

MOST = 300
"""Entries of one feed that are looked at: the newest."""
LONGEST_TITLE, LONGEST_LINK = 300, 2000  # characters

_TAG = re.compile(r"<[^<>]{0,1000}>")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")
_HTML = frozenset(("text/html", "application/xhtml+xml"))


class FeedError(BotkitError):
    """It is no feed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. ``key`` knows it again; ``title`` and ``link`` are one line each, "" where there is none.

    The link is http or https. ``at`` is when it was published, as it says itself (aware UTC).
    """

    key: str
    title: str
    link: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed's title and its entries, oldest first."""

    title: str
    entries: tuple[Entry, ...]


def parse_feed(body: bytes, content_type: str | None = None) -> Feed:
    """Read a feed; blocks for as long as that takes, so it belongs into a thread. Raises ``FeedError``."""
    headers = {"content-type": content_type} if content_type else {}
    try:
        # as a stream: feedparser takes anything else for a URL or a file's name
        found = feedparser.parse(io.BytesIO(body), response_headers=headers, resolve_relative_uris=False)
        if not found.get("version"):
            raise FeedError("it is no RSS or Atom feed")
        entries = [_entry(one) for one in found.entries[: MOST * 4]]
        title = _title(found.feed)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as problem:
        raise FeedError(f"it cannot be read: {problem}") from None
    return Feed(title, _in_order(entries))


def _in_order(entries: list[Entry]) -> tuple[Entry, ...]:
    """Feeds begin with the newest, as a rule; where all have dates these are better."""
    unique = list({entry.key: entry for entry in reversed(entries)}.values())
    if all(entry.at is not None for entry in unique):
        unique.sort(key=lambda entry: entry.at or datetime.min.replace(tzinfo=UTC))
    return tuple(unique[-MOST:])


def _entry(found: Any) -> Entry:
    title, link = _title(found), str(found.get("link") or "").strip()
    if not link.startswith(("http://", "https://")) or len(link) > LONGEST_LINK or re.search(r"[\s\x00-\x1f]", link):
        link = ""
    said = str(found.get("id") or "") or link or f"{title} {found.get('summary') or ''}"
    return Entry(hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:32], title, link, _moment(found))


def _title(found: Any) -> str:
    text = str(found.get("title") or "")
    if (found.get("title_detail") or {}).get("type") in _HTML:
        text = html.unescape(_TAG.sub("", text))
    line = " ".join(_UNSEEN.sub(" ", text).split())
    return line if len(line) <= LONGEST_TITLE else line[: LONGEST_TITLE - 1] + "…"


def _moment(found: Any) -> datetime | None:
    parsed = found.get("published_parsed") or found.get("updated_parsed")
    try:
        return datetime.fromtimestamp(calendar.timegm(parsed), UTC) if parsed else None
    except (ValueError, OverflowError, OSError, TypeError):
        return None
