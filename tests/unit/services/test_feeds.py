"""Feeds: what they say comes out as short plain lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from botkit.services.feeds import LONGEST_TITLE, FeedError, parse_feed

ATOM = b"""<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom"><title>Blog</title>
<entry><id>b</id><title>Second</title><link href="https://x.example/b"/><updated>2026-01-02T00:00:00Z</updated></entry>
<entry><id>a</id><title type="html">First &lt;b&gt;one&lt;/b&gt; &amp;amp; only</title>
<link href="javascript:alert(1)"/><updated>2026-01-01T00:00:00Z</updated></entry></feed>"""


def rss(*items: str) -> bytes:
    return f'<rss version="2.0"><channel><title>R</title>{"".join(items)}</channel></rss>'.encode()


def test_atom_is_read_oldest_first_without_markup_and_odd_links() -> None:
    feed = parse_feed(ATOM, "application/atom+xml")
    assert feed.title == "Blog"
    assert [(e.title, e.link) for e in feed.entries] == [("First one & only", ""), ("Second", "https://x.example/b")]


def test_without_dates_a_feed_begins_with_the_newest() -> None:
    feed = parse_feed(rss("<item><title>new</title></item>", "<item><title>old</title></item>"))
    assert [entry.title for entry in feed.entries] == ["old", "new"]


def test_titles_are_one_short_line_whatever_is_in_them() -> None:
    [entry] = parse_feed(rss(f"<item><title>a\n\u202eb\x07 c {'x' * 1000}</title></item>")).entries
    assert entry.title.startswith("a b c xxx")
    assert len(entry.title) == LONGEST_TITLE


@pytest.mark.parametrize(
    "body", [b"", b"<html><title>no</title></html>", b"/etc/passwd", b"http://127.0.0.1/", b"\0\1"]
)
def test_what_is_no_feed_is_told_and_never_opened(body: bytes) -> None:
    with pytest.raises(FeedError):
        parse_feed(body)


def test_a_feed_reads_no_files_of_ours(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("treasure")
    head = f'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a SYSTEM "{secret.as_uri()}">]>'.encode()
    feed = parse_feed(head + rss("<item><title>X&a;Y</title></item>"))
    assert "treasure" not in repr(feed)
