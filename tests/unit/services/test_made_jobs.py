"""Jobs that a module makes while the bot runs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import BaseModel

from botkit.errors import MisuseError
from botkit.model.address import Address
from botkit.model.events import Tick
from botkit.model.jobs import FireRecord
from botkit.routing.context import Context
from botkit.routing.handles import RoomHandle
from botkit.routing.router import Router
from botkit.services.schedule import Due, Interval, Job, MadeJobs, Once, Scheduler
from botkit.services.schedule.declared import telling
from botkit.storage.memory_jobs import MemoryJobs
from botkit.testing.fakes import NOON
from botkit.testing.tester import RoomTester

YOU = Address.parse("you@example.org")


class Reminder(BaseModel):
    text: str


def reminding() -> Router:
    router = Router("remind")

    @router.job("say", in_room=True)
    async def say(what: Reminder, tick: Tick, room: RoomHandle) -> str:
        return f"{what.text} ({tick.at:%H:%M})"

    @router.command("remind")
    async def remind(ctx: Context, minutes: int, *, text: str) -> str:
        assert ctx.room is not None
        when = Once.at(ctx.now() + timedelta(minutes=minutes), "Europe/Berlin")
        return await ctx.jobs.add(
            "say", when, arguments=Reminder(text=text), rooms=[ctx.room.address], owner=YOU, name=f"r{minutes}"
        )

    @router.command("drop")
    async def drop(ctx: Context, name: str) -> str:
        return "dropped" if await ctx.jobs.cancel(name) else "no such"

    @router.command("mine")
    async def mine(ctx: Context) -> str:
        return ", ".join(f"{name} at {info.due:%H:%M}" for name, info in await ctx.jobs.all(YOU)) or "none"

    return router


async def test_a_job_that_a_command_makes_runs_at_its_time_with_its_arguments() -> None:
    async with RoomTester(reminding()) as room:
        anna = room.join("anna")
        await anna.says("!remind 10 tea is ready")
        assert room.said[-1] == "r10"
        await room.passes(599)
        assert room.said[1:] == []
        await room.passes(2)
        assert room.said[1:] == ["tea is ready (12:10)"]
        await anna.says("!mine")
        assert room.said[-1] == "none"


async def test_a_job_can_be_listed_replaced_and_cancelled() -> None:
    async with RoomTester(reminding()) as room:
        anna = room.join("anna")
        await anna.says("!remind 10 tea")
        await anna.says("!remind 20 cake")
        await anna.says("!remind 20 biscuits")
        await anna.says("!mine")
        assert room.said[-1] == "r10 at 12:10, r20 at 12:20"
        await anna.says("!drop r10")
        assert room.said[-1] == "dropped"
        await anna.says("!drop r10")
        assert room.said[-1] == "no such"
        await room.passes(1800)
        assert room.said[-1] == "biscuits (12:20)"
        assert not any("tea" in line for line in room.said)


async def test_jobs_outlive_a_restart_and_wait_while_their_module_is_not_there() -> None:
    async with RoomTester(reminding()) as room:
        await room.join("anna").says("!remind 10 tea")
        store = room._job_store
    async with RoomTester(Router("other")) as other:
        jobs, scheduler = MadeJobs(store), Scheduler(other.clock, other.log, store, process="two")
        jobs.attach(other.dispatcher, scheduler)
        await jobs.restore()
        assert "jobs wait" in other.log.of("warning")[0]
        assert [(info.record.name, info.loaded) for info in await jobs.all()] == [("remind.r10", False)]
    async with RoomTester(reminding()) as again:
        jobs, scheduler = MadeJobs(store), Scheduler(again.clock, again.log, store, process="three")
        jobs.attach(again.dispatcher, scheduler)
        await jobs.restore()
        again._spawn(scheduler.run(), "schedule")
        await again.passes(601)
        assert again.said == ["tea (12:10)"]


async def test_what_no_handler_runs_is_refused() -> None:
    async with RoomTester(reminding()) as room:
        when = Interval(timedelta(hours=1), NOON)
        with pytest.raises(MisuseError, match=r"no handler 'remind\.sing'"):
            await room.jobs.add("remind.sing", when)
        with pytest.raises(MisuseError, match="needs rooms"):
            await room.jobs.add("remind.say", when, arguments={"text": "x"})


async def test_one_owner_has_a_bounded_number_of_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botkit.services.schedule.made.MOST_OF_ONE", 2)
    async with RoomTester(reminding()) as room:
        when = Interval(timedelta(hours=1), NOON)
        for _ in range(2):
            await room.jobs.add("remind.say", when, arguments={"text": "x"}, rooms=[room.address], owner=YOU)
        with pytest.raises(MisuseError, match="has 2 jobs already"):
            await room.jobs.add("remind.say", when, arguments={"text": "x"}, rooms=[room.address], owner=YOU)


async def test_a_job_whose_time_has_just_passed_runs_at_once_and_one_long_gone_is_refused() -> None:
    async with RoomTester(reminding()) as room:
        just, long_ago = NOON - timedelta(seconds=1), NOON - timedelta(days=2)
        await room.jobs.add("remind.say", Once.at(just), arguments={"text": "tea"}, rooms=[room.address], name="it")
        await room.passes(15)
        assert room.said == ["tea (11:59)"]
        with pytest.raises(MisuseError, match="its time has passed"):
            await room.jobs.add("remind.say", Once.at(long_ago), arguments={"text": "x"}, rooms=[room.address])


class SlowStore(MemoryJobs):
    """Takes its time, as a database does."""

    async def open_fires(self) -> list[FireRecord]:
        for _ in range(20):
            await asyncio.sleep(0)
        return await super().open_fires()


async def test_a_job_that_is_due_while_it_is_being_stored_runs() -> None:
    async with RoomTester(reminding()) as room:
        store = SlowStore()
        jobs, scheduler = MadeJobs(store), Scheduler(room.clock, room.log, store, process="two")
        jobs.attach(room.dispatcher, scheduler)
        room._spawn(scheduler.run(), "schedule")
        await room.passes(1)
        just = Once.at(NOON)
        await jobs.add("remind.say", just, arguments={"text": "tea"}, rooms=[room.address], name="it")
        await room.passes(30)
        assert room.said == ["tea (12:00)"]


async def test_who_made_a_job_is_told_that_it_is_paused_or_those_who_run_the_bot() -> None:
    router = Router("m")

    @router.job("break")
    async def breaks() -> None:
        raise ValueError("oh")

    async with RoomTester(router, admins=["boss@example.org"]) as room:
        tell = telling(room.dispatcher.services)
        trigger = Interval(timedelta(hours=1), NOON)
        job = Job(name="m.break", trigger=trigger, run=_nothing)
        tell(replace(job, owner=YOU), "it failed 5 times")
        tell(job, "it failed 5 times")
        await room.settle()
        for who in ("you@example.org", "boss@example.org"):
            (word,) = room.sent_to(Address.parse(who))
            assert "m.break is paused: it failed 5 times" in word
            assert "jobs resume m.break" in word


async def _nothing(due: Due) -> None:
    pass
