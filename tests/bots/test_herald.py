"""The herald: notices from the config, at their times."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from botkit.errors import ConfigError
from botkit.model.events import Tick
from botkit.model.jobs import Missed
from botkit.services.schedule import Cron, scheduler_of
from botkit.storage.memory_jobs import MemoryJobs
from botkit.testing.tester import RoomTester
from bots import herald, herald_notices

MORNING = {"name": "standup", "text": "Good morning!", "cron": "0 9 * * 1-5", "timezone": "Europe/Berlin"}
ADMIN = "root@example.org"


def config(**more: Any) -> dict[str, Any]:
    return {"notices": [MORNING | more]}


async def test_a_notice_is_posted_when_its_time_has_come() -> None:
    async with RoomTester(herald.module, config=config()) as room:
        running = asyncio.create_task(scheduler_of(room.dispatcher, MemoryJobs()).run())
        await room.settle()
        await room.passes(19 * 3600)  # from Monday noon UTC to Tuesday 08:00 in Berlin
        assert room.said == []
        await room.passes(3600)
        assert room.said == ["Good morning!"]
        await room.passes(24 * 3600)
        assert room.said == ["Good morning!"] * 2
        running.cancel()


async def test_a_notice_goes_to_its_rooms_alone() -> None:
    async with RoomTester(herald.module, config=config(rooms=["elsewhere@rooms.example.org"])) as room:
        [schedule] = [s for s in room.dispatcher.schedules if s.spec.job == "standup"]
        assert [str(address) for address in schedule.spec.rooms or ()] == ["elsewhere@rooms.example.org"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"cron": "0 99 * * *"}, "99"),
        ({"cron": "every day"}, "five"),
        ({"cron": "0 0 31 2 *"}, "never"),
        ({"timezone": "Mars/Olympus"}, "Mars/Olympus"),
        ({"text": ""}, "text"),
        ({"rooms": ["@@"]}, "@@"),
        ({"name": "two words"}, "name"),
        ({"every": "1h"}, "cron and every"),
        ({"cron": None}, "cron, every, at and monthly"),
        ({"cron": None, "every": "10s"}, "minute"),
        ({"cron": None, "monthly": "last fri"}, "time"),
        ({"cron": None, "monthly": "last fry", "time": "09:00"}, "last fry"),
        ({"cron": None, "monthly": "31", "time": "09:00", "months": [2]}, "never"),
        ({"cron": None, "at": 1798000000}, "date and time"),
        ({"time": "09:00"}, "monthly"),
        ({"missed": "sometimes"}, "once"),
        ({"grace": "soon"}, "grace"),
    ],
)
def test_a_notice_that_cannot_be_is_refused_when_the_config_is_loaded(change: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError) as refused:
        herald.HeraldConfig.model_validate(config(**change))
    assert named in str(refused.value)


def test_two_notices_of_one_name_are_refused() -> None:
    with pytest.raises(ValidationError, match="standup"):
        herald.HeraldConfig.model_validate({"notices": [MORNING, MORNING]})


async def test_who_runs_the_bot_sees_the_notices_and_when_they_come() -> None:
    async with RoomTester(herald.module, config=config(), admins=[ADMIN]) as room:
        [answer] = await room.direct(f"{ADMIN}/x", "notices")
        assert answer.startswith("standup: 2026-01-06 08:00 UTC")


async def test_a_notice_is_posted_now_for_who_runs_the_bot() -> None:
    async with RoomTester(herald.module, config=config(), admins=[ADMIN]) as room:
        assert await room.direct(f"{ADMIN}/x", "notice now standup") == ["Posted standup to 1 rooms."]
        assert room.said == ["Good morning!"]


async def test_nobody_else_posts_notices() -> None:
    async with RoomTester(herald.module, config=config(), admins=[ADMIN]) as room:
        await room.direct("eve@example.org/x", "notice now standup")
        assert room.said == []


def test_a_bad_expression_names_itself() -> None:
    with pytest.raises(ConfigError, match="every day"):
        Cron.parse("every day")


async def test_a_notice_is_written_down_under_its_time_and_kept_for_an_hour() -> None:
    async with RoomTester(herald.module, config=config()) as room:
        running = asyncio.create_task(scheduler_of(room.dispatcher, MemoryJobs()).run())
        await room.settle()
        await room.passes(20 * 3600)
        [notice] = room.link.notices
        assert notice.key is not None
        assert notice.key.endswith("2026-01-06T08:00:00+00:00 room@rooms.example.org")
        assert notice.expires is not None
        assert notice.expires.isoformat() == "2026-01-06T09:00:00+00:00"
        running.cancel()


@pytest.mark.parametrize(
    ("times", "first", "words"),
    [
        ({"every": "6h"}, "2026-01-05 18:00 UTC", "every 6h"),
        ({"at": "2026-12-24T18:00"}, "2026-12-24 17:00 UTC", "once, Europe/Berlin"),
        ({"at": "2026-12-24T18:00Z"}, "2026-12-24 18:00 UTC", "once, Europe/Berlin"),
        ({"at": "2025-12-24T18:00"}, "never", "once, Europe/Berlin"),
        ({"monthly": "last fri", "time": "09:00"}, "2026-01-30 08:00 UTC", "last fri 09:00, Europe/Berlin"),
        ({"monthly": "1", "time": "09:00", "months": [4, 10]}, "2026-04-01 07:00 UTC", "1 of 4, 10 09:00"),
    ],
)
async def test_a_notice_comes_by_other_rules_than_crons(times: dict[str, Any], first: str, words: str) -> None:
    async with RoomTester(herald.module, config=config(cron=None, **times), admins=[ADMIN]) as room:
        [answer] = await room.direct(f"{ADMIN}/x", "notices")
        assert answer.startswith(f"standup: {first} (")
        assert words in answer


async def test_a_notice_that_comes_late_says_so_if_that_is_wanted() -> None:
    async with RoomTester(herald.module, config=config(say_late=True, expires="2h")) as room:
        [schedule] = [s for s in room.dispatcher.schedules if s.spec.job == "standup"]
        due = room.clock.now()
        tick = Tick(at=due, job="standup", key="k", begun=due + timedelta(minutes=12))
        await room.dispatcher.run_schedule(schedule, tick, room.address)
        assert room.said == ["Good morning! (due 13:00, sent 13:12)"]
        assert room.link.notices[0].expires == due + timedelta(hours=2, minutes=12)


def test_what_becomes_of_missed_times_is_the_notices_own() -> None:
    loaded = herald.HeraldConfig.model_validate(config(missed="each", grace="2h"))
    [spec] = herald_notices.jobs(loaded)
    assert (spec.missed, spec.grace) == (Missed.EACH, timedelta(hours=2))
