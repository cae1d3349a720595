"""What every ``JobStore`` must do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from botkit.errors import MisuseError
from botkit.model.address import Address
from botkit.model.jobs import FireKey, FireRecord, FireState, JobRecord, Missed
from botkit.ports import JobStore
from botkit.storage.memory import MemoryStorage
from botkit.storage.sqlite import SqliteStorage

NINE = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
STANDUP = JobRecord(
    name="herald.standup",
    rule={"cron": "0 9 * * *", "timezone": "Europe/Berlin"},
    handler="herald:post",
    arguments={"text": "Good morning \N{ROSE}", "list": [1, None]},
    rooms=(Address.parse("team@rooms.example.org"), Address.parse("lobby@rooms.example.org")),
    missed=Missed.EACH,
    grace=timedelta(minutes=7),
    owner=Address.parse("you@example.org"),
    made=NINE - HOUR,
    checked=NINE - HOUR,
)
AT_NINE = FireKey("herald.standup", NINE)


@pytest.fixture(params=["memory", "sqlite"])
async def jobs(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[JobStore]:
    if request.param == "memory":
        yield MemoryStorage().jobs
        return
    async with SqliteStorage.open(tmp_path / "jobs.db", Address.parse("herald@example.org")) as storage:
        yield storage.jobs


async def running(jobs: JobStore, *, process: str = "one") -> FireRecord:
    await jobs.put(STANDUP)
    assert await jobs.begin(process, NINE, begun=[AT_NINE], checked={AT_NINE.job: NINE}) == {AT_NINE}
    (fire,) = await jobs.open_fires()
    return fire


async def test_job_comes_back_as_it_was_put(jobs: JobStore) -> None:
    assert await jobs.put(STANDUP) == [STANDUP]
    bare = JobRecord(name="a", rule={"every": 60.0}, handler="x:y", made=NINE, checked=NINE)
    await jobs.put(bare)
    assert await jobs.jobs() == [bare, STANDUP]
    assert await jobs.put(bare, STANDUP) == [bare, STANDUP]
    assert await jobs.put() == []


async def test_what_is_no_json_is_refused(jobs: JobStore) -> None:
    with pytest.raises(MisuseError, match=r"herald\.standup"):
        await jobs.put(replace(STANDUP, arguments=object()))
    assert await jobs.jobs() == []


async def test_a_job_that_is_put_again_keeps_its_progress_unless_it_has_another_rule(jobs: JobStore) -> None:
    await running(jobs)
    await jobs.pause(STANDUP.name, "on holiday", NINE)
    (again,) = await jobs.put(replace(STANDUP, arguments="new", checked=NINE + 9 * HOUR, made=NINE))
    assert (again.arguments, again.checked, again.made) == ("new", NINE, STANDUP.made)
    assert (again.paused, again.reason) == (NINE, "on holiday")
    (other,) = await jobs.put(replace(STANDUP, rule={"cron": "0 10 * * *"}, checked=NINE + HOUR))
    assert (other.checked, other.paused, other.reason) == (NINE + HOUR, None, None)


async def test_a_fire_belongs_to_who_notes_it_first(jobs: JobStore) -> None:
    await jobs.put(STANDUP)
    got = await asyncio.gather(
        *(jobs.begin(f"process {n}", NINE, begun=[AT_NINE], checked={AT_NINE.job: NINE}) for n in range(5))
    )
    assert sorted(map(len, got)) == [0, 0, 0, 0, 1]
    (fire,) = await jobs.open_fires()
    assert (fire.state, fire.attempts, fire.begun) == (FireState.RUNNING, 1, NINE)


async def test_a_fire_that_is_done_is_never_begun_again(jobs: JobStore) -> None:
    fire = await running(jobs)
    await jobs.end([replace(fire, state=FireState.DONE, ended=NINE)])
    assert await jobs.open_fires() == []
    assert await jobs.begin("two", NINE, begun=[AT_NINE], checked={}) == set()
    assert [f.state for f in await jobs.fires(STANDUP.name)] == [FireState.DONE]


async def test_a_job_that_is_gone_has_no_fires(jobs: JobStore) -> None:
    await running(jobs)
    assert await jobs.remove(STANDUP.name) is True
    assert await jobs.remove(STANDUP.name) is False
    assert (await jobs.jobs(), await jobs.open_fires()) == ([], [])
    assert await jobs.begin("one", NINE, begun=[AT_NINE], missed=[AT_NINE], checked={STANDUP.name: NINE}) == set()
    assert await jobs.fires(STANDUP.name) == []


async def test_what_was_missed_is_noted_as_that(jobs: JobStore) -> None:
    await jobs.put(STANDUP)
    await jobs.begin("one", NINE + HOUR, missed=[AT_NINE], checked={STANDUP.name: NINE})
    (fire,) = await jobs.fires(STANDUP.name)
    assert (fire.state, fire.attempts, fire.ended) == (FireState.MISSED, 0, NINE + HOUR)
    assert await jobs.open_fires() == []


async def test_what_was_looked_at_never_goes_back(jobs: JobStore) -> None:
    await jobs.put(STANDUP)
    await jobs.begin("one", NINE, checked={STANDUP.name: NINE})
    await jobs.begin("two", NINE, checked={STANDUP.name: NINE - HOUR})
    assert [job.checked for job in await jobs.jobs()] == [NINE]


async def test_failures_are_counted_until_a_fire_is_done(jobs: JobStore) -> None:
    fire = await running(jobs)
    await jobs.end([replace(fire, state=FireState.RETRY, retry_at=NINE + HOUR, error="no", attempts=2)])
    (waiting,) = await jobs.open_fires()
    assert (waiting.state, waiting.retry_at, waiting.error, waiting.attempts) == (
        FireState.RETRY, NINE + HOUR, "no", 2,
    )  # fmt: skip
    assert [job.failures for job in await jobs.jobs()] == [0]
    await jobs.end([replace(waiting, state=FireState.FAILED, ended=NINE, retry_at=None)])
    assert [job.failures for job in await jobs.jobs()] == [1]
    await jobs.begin("one", NINE, begun=[FireKey(STANDUP.name, NINE + HOUR)], checked={})
    (second,) = await jobs.open_fires()
    await jobs.end([replace(second, state=FireState.DONE, ended=NINE)])
    assert [job.failures for job in await jobs.jobs()] == [0]


async def test_only_one_takes_over_the_fire_of_a_process_that_is_gone(jobs: JobStore) -> None:
    fire = await running(jobs, process="gone")
    assert sorted(await asyncio.gather(*(jobs.take_over(f"p{n}", fire) for n in range(3)))) == [False, False, True]
    (taken,) = await jobs.open_fires()
    await jobs.end([replace(fire, state=FireState.DONE, ended=NINE)])  # the old one's word counts no more
    assert (await jobs.open_fires())[0].process == taken.process
    await jobs.end([replace(fire, state=FireState.FAILED, ended=NINE)])
    assert [job.failures for job in await jobs.jobs()] == [0]


async def test_a_job_that_goes_on_starts_with_no_failures(jobs: JobStore) -> None:
    fire = await running(jobs)
    await jobs.end([replace(fire, state=FireState.FAILED, ended=NINE)])
    assert await jobs.pause(STANDUP.name, "it failed too often", NINE) is True
    (paused,) = await jobs.jobs()
    assert (paused.paused, paused.reason, paused.failures) == (NINE, "it failed too often", 1)
    assert await jobs.pause(STANDUP.name, None, None) is True
    (going,) = await jobs.jobs()
    assert (going.paused, going.reason, going.failures) == (None, None, 0)
    assert await jobs.pause("nobody", None, None) is False


async def test_leases_are_by_process(jobs: JobStore) -> None:
    assert await jobs.lease("one") is None
    await jobs.hold("one", NINE)
    await jobs.hold("one", NINE + HOUR)
    assert await jobs.lease("one") == NINE + HOUR


async def test_old_fires_and_processes_are_forgotten_but_not_what_is_open(jobs: JobStore) -> None:
    fire = await running(jobs)
    await jobs.hold("one", NINE)
    later = [FireKey(STANDUP.name, NINE + n * HOUR) for n in (1, 2)]
    await jobs.begin("one", NINE, begun=later, checked={})
    await jobs.end([replace(fire, state=FireState.DONE, ended=NINE)])
    await jobs.end([replace(fire, key=later[0], state=FireState.RETRY, ended=NINE, retry_at=NINE + HOUR)])
    assert await jobs.prune(NINE + 30 * HOUR) == 1
    assert [f.key for f in await jobs.open_fires()] == later
    assert await jobs.lease("one") is None


async def test_accounts_are_apart(tmp_path: Path) -> None:
    async with (
        SqliteStorage.open(tmp_path / "jobs.db", Address.parse("herald@example.org")) as one,
        SqliteStorage.open(tmp_path / "jobs.db", Address.parse("other@example.org")) as two,
    ):
        await running(one.jobs)
        assert (await two.jobs.jobs(), await two.jobs.open_fires()) == ([], [])
        await running(two.jobs)
        assert await two.jobs.remove(STANDUP.name)
        assert len(await one.jobs.open_fires()) == 1


async def test_of_two_bots_with_one_database_one_has_each_fire(tmp_path: Path) -> None:
    herald = Address.parse("herald@example.org")
    async with (
        SqliteStorage.open(tmp_path / "jobs.db", herald) as one,
        SqliteStorage.open(tmp_path / "jobs.db", herald) as two,
    ):
        await one.jobs.put(STANDUP)
        keys = [FireKey(STANDUP.name, NINE + n * HOUR) for n in range(50)]
        got = await asyncio.gather(
            *(store.jobs.begin(name, NINE, begun=[key], checked={}) for key in keys for name, store in
              (("one", one), ("two", two)))
        )  # fmt: skip
        assert sorted(key for mine in got for key in mine) == keys
