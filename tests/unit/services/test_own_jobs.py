"""The command ``jobs``, for those who run the bot; and what was to be said at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from botkit.model.actions import Notice
from botkit.model.address import Address
from botkit.model.posts import Post
from botkit.routing.router import Router
from botkit.services.own_jobs import serve_jobs
from botkit.services.posting import schedule
from botkit.services.schedule import Cron
from botkit.testing.tester import RoomTester

ROOT, EVE = "root@example.org/desk", "eve@example.org/x"


@pytest.fixture
async def desk() -> AsyncIterator[RoomTester]:
    router = Router("botkit")
    serve_jobs(router)

    @router.job("nightly")
    async def nightly() -> None:
        pass

    async with RoomTester(router, admins=["root@example.org"]) as room:
        await room.jobs.add("botkit.nightly", Cron.parse("0 4 * * *"), name="botkit.nightly")
        yield room


async def asked(desk: RoomTester, text: str) -> str:
    return "\n".join(await desk.direct(ROOT, text))


async def test_jobs_are_listed_shown_paused_and_resumed_in_a_chat(desk: RoomTester) -> None:
    assert "botkit.nightly: next 2026-01-06 04:00 UTC; has not fired yet" in await asked(desk, "jobs")
    assert "cron 0 4 * * * (UTC)" in await asked(desk, "jobs show botkit.nightly")
    assert "jobs resume botkit.nightly" in await asked(desk, "jobs pause botkit.nightly")
    assert "paused since" in await asked(desk, "jobs list")
    assert "goes on" in await asked(desk, "jobs resume botkit.nightly")
    assert "runs now" in await asked(desk, "jobs run botkit.nightly")
    assert "cancelled" in await asked(desk, "jobs cancel botkit.nightly")
    assert await asked(desk, "jobs show none") == "There is no job none."


async def test_nobody_else_is_told_of_jobs(desk: RoomTester) -> None:
    assert not any("nightly" in line for line in await desk.direct(EVE, "jobs"))


async def test_what_was_to_be_said_at_a_time_is_said_then_and_once(desk: RoomTester) -> None:
    alice = Address.parse("alice@example.org")
    post = Post(to=alice, key="k", topic="t", text="bins", at=desk.clock.now() + timedelta(hours=1), groupchat=False)
    told = await schedule(desk.jobs, post)
    assert told.job == "botkit.send.k"
    await desk.passes(3700)
    assert desk.link.notices == [Notice(to=alice, text="bins", groupchat=False, key="shell k", topic="shell t")]
