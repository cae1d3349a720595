"""The herald's feeds and calendars, read from a server of our own."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from botkit.model.actions import Notice
from botkit.testing.tester import RoomTester
from bots import herald
from bots.herald_settings import HeraldConfig
from tests.bots.web import Site, running_site

ADMIN = "root@example.org"


def rss(*titles: str) -> bytes:
    """Newest first, as feeds are."""
    items = "".join(
        f"<item><guid>{t}</guid><title>{t}</title><link>https://x.example/{n}</link></item>"
        for n, t in enumerate(titles)
    )
    return f'<rss version="2.0"><channel><title>News</title>{items}</channel></rss>'.encode()


def with_feed(site: Site, **more: Any) -> RoomTester:
    feed = {"name": "news", "url": site.url, "private": True, "every": timedelta(minutes=5), "text": "{feed}: {title}"}
    return RoomTester(herald.module, config={"feeds": [feed | more]}, admins=[ADMIN])


async def looks(room: RoomTester, minutes: float = 5, job: str = "feeds/news") -> None:
    await room.passes(minutes * 60)
    await room.tick(job)
    await room.settle()


async def test_the_first_look_posts_nothing_and_later_ones_what_is_new_in_order() -> None:
    async with running_site() as site:
        site.body = rss("b", "a")
        async with with_feed(site) as room:
            await looks(room)
            assert room.said == []
            site.body = rss("d", "c", "b", "a")
            await looks(room)
            assert room.said == ["News: c", "News: d"]
            await looks(room)
            assert len(room.said) == 2


async def test_as_many_as_the_config_says_are_posted_at_first_and_at_once() -> None:
    async with running_site() as site:
        site.body = rss("c", "b", "a")
        async with with_feed(site, first=1, most=2) as room:
            await looks(room)
            assert room.said == ["News: c"]
            site.body = rss("g", "f", "e", "d", "c")
            await looks(room)
            assert room.said[1:] == ["News: f", "News: g", "News: and 2 more"]


async def test_a_feed_is_asked_no_more_often_than_it_may_be_and_only_for_what_is_new() -> None:
    async with running_site() as site:
        site.body, site.headers = rss("a"), {"ETag": '"1"'}
        async with with_feed(site) as room:
            await looks(room)
            await looks(room, 1)
            assert len(site.asked) == 1
            await looks(room)
            assert site.asked[-1]["If-None-Match"] == '"1"'
            site.headers = {"ETag": '"2"', "Retry-After": "3600"}
            await looks(room)
            await looks(room, 30)
            assert len(site.asked) == 3
            await looks(room, 30)
            assert len(site.asked) == 4


async def test_failures_are_asked_about_less_and_less_and_told_once() -> None:
    async with running_site() as site:
        site.status = 500
        async with with_feed(site) as room:
            for _ in range(24 * 12):
                await room.passes(600)
                await room.tick("feeds/news")
            assert len(site.asked) < 15
            told = [n for n in room.link.notices if isinstance(n, Notice)]
            assert [str(n.to) for n in told] == [ADMIN]
            assert "the server says 500" in told[0].text
            site.status, site.body = 200, rss("a")
            await looks(room, 24 * 60)
            [answer] = await room.direct(f"{ADMIN}/x", "feeds")
            assert answer.startswith("feed news: works; next 2026-01-0")


async def test_a_feed_that_is_gone_is_not_asked_again() -> None:
    async with running_site() as site:
        site.status = 410
        async with with_feed(site) as room:
            await looks(room)
            await looks(room, 3 * 24 * 60)
            assert len(site.asked) == 1
            assert "gone for good" in room.link.notices[0].text


async def test_titles_style_nothing_and_fill_in_nothing() -> None:
    async with running_site() as site:
        site.body = rss("a")
        async with with_feed(site, text="{title} {link}") as room:
            await looks(room)
            site.body = rss("*bold* {link}", "a")
            await looks(room)
            assert room.said == ["\u200b*bold* {link} https://x.example/0"]


async def test_no_private_address_is_asked_unless_the_config_allows_it() -> None:
    async with running_site() as site, with_feed(site, private=False) as room:
        await looks(room)
        assert site.asked == []


ICS = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:x
BEGIN:VEVENT
UID:1
SUMMARY:{summary}
LOCATION:Room 1
DTSTART;TZID=Europe/Berlin:{start}
RRULE:FREQ=DAILY
END:VEVENT
BEGIN:VEVENT
UID:2
SUMMARY:Holiday
DTSTART;VALUE=DATE:20260107
END:VEVENT
END:VCALENDAR
"""


def ics(summary: str = "Meeting", start: str = "20260105T150000") -> bytes:
    return ICS.format(summary=summary, start=start).replace("\n", "\r\n").encode()


def with_calendar(**more: Any) -> RoomTester:
    calendar = {"name": "team", "timezone": "Europe/Berlin", "text": "{summary} ({location}) {start}"}
    return RoomTester(herald.module, config={"calendars": [calendar | more]}, admins=[ADMIN])


async def test_events_of_a_file_are_announced_before_they_begin(tmp_path: Path) -> None:
    file = tmp_path / "team.ics"
    file.write_bytes(ics())
    async with with_calendar(path=file) as room:
        await room.tick("calendars/team")
        await room.passes(2 * 3600 - 10 * 60)  # 14:50 in Berlin
        assert room.said == ["Meeting (Room 1) at 15:00"]
        await room.passes(24 * 3600)
        await room.passes(24 * 3600)
        assert room.said[1:] == ["Meeting (Room 1) at 15:00", "Holiday () today", "Meeting (Room 1) at 15:00"]


async def test_events_that_are_moved_renamed_or_dropped_are_followed() -> None:
    async with running_site() as site:
        site.body, site.headers = ics(), {"ETag": '"1"'}
        async with with_calendar(url=site.url, private=True, every=timedelta(minutes=1)) as room:
            await looks(room, 1, "calendars/team")
            await looks(room, 1, "calendars/team")
            assert site.asked[-1]["If-None-Match"] == '"1"'
            site.body, site.headers = ics("Later", "20260105T160000"), {"ETag": '"2"'}
            await looks(room, 1, "calendars/team")
            await room.passes(2 * 3600)
            assert room.said == []
            await room.passes(3600)
            assert room.said == ["Later (Room 1) at 16:00"]
            site.body, site.headers = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n", {}
            await looks(room, 1, "calendars/team")
            await room.passes(3 * 24 * 3600)
            assert len(room.said) == 1


async def test_a_calendar_that_cannot_be_read_keeps_what_is_known_of_it(tmp_path: Path) -> None:
    file = tmp_path / "team.ics"
    file.write_bytes(ics())
    async with with_calendar(path=file, every=timedelta(minutes=1)) as room:
        await room.tick("calendars/team")
        file.write_bytes(b"oops")
        await looks(room, 5, "calendars/team")
        [answer] = await room.direct(f"{ADMIN}/x", "feeds")
        assert "no calendar" in answer
        await room.passes(2 * 3600)
        assert room.said == ["Meeting (Room 1) at 15:00"]
        assert room.clock.now() > datetime.fromisoformat("2026-01-05T13:50Z")


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"feeds": [{"name": "x", "url": "file:///etc/passwd"}]}, "https://example.org/feed.xml"),
        ({"feeds": [{"name": "x", "url": "https://x.example", "text": "{author}"}]}, "{author}"),
        ({"feeds": [{"name": "x", "url": "https://x.example", "every": "10s"}]}, "minute"),
        ({"feeds": [{"name": "x", "url": "https://x.example"}] * 2}, "two feeds"),
        ({"calendars": [{"name": "x"}]}, "url and path"),
        ({"calendars": [{"name": "x", "url": "https://x.example", "before": "8d"}]}, "week"),
        ({"calendars": [{"name": "x", "url": "https://x.example", "timezone": "Mars"}]}, "Mars"),
    ],
)
def test_sources_that_cannot_be_are_refused_when_the_config_is_loaded(config: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError) as refused:
        HeraldConfig.model_validate(config)
    assert named in str(refused.value)
