"""What comes from the shell, said by the bot: kept, once, and known to have arrived."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from botkit.errors import ControlError, MisuseError, UploadFailed
from botkit.model.actions import Notice
from botkit.model.address import Address
from botkit.model.jobs import FireKey, FireRecord, FireState, JobRecord, Missed
from botkit.model.plain import from_plain, to_plain
from botkit.model.posts import Post, Posted, PostState
from botkit.services.job_status import BY_HAND, act, job_lines, job_status, job_statuses, summaries, when_words
from botkit.services.posting import SEND, notice_of, post
from botkit.services.stored_jobs import StoredJobs
from botkit.storage.memory import MemoryStorage
from botkit.testing.fakes import NOON, FakeClock, FakeLink, make_room

ROOM, ALICE = Address.parse("room@rooms.example.org"), Address.parse("alice@example.org")
HELLO = Post(to=ROOM, key="k", topic="k", text="hello")


@pytest.fixture
def link() -> FakeLink:
    link = FakeLink("bot@example.org/r")
    link.add_room(make_room(ROOM))
    return link


@pytest.fixture
def jobs() -> StoredJobs:
    return StoredJobs(MemoryStorage().jobs, FakeClock())


async def test_a_post_is_a_notice_with_its_key_and_topic(link: FakeLink, jobs: StoredJobs) -> None:
    told = await post(link, jobs, FakeClock(), replace(HELLO, topic="t", expires=NOON), wait=1)
    assert (told.state, told.id, told.message_id) == (PostState.DELIVERED, "t", "sent-1")
    assert link.notices == [Notice(to=ROOM, text="hello", groupchat=True, key="shell k", topic="shell t", expires=NOON)]


async def test_what_is_no_room_of_ours_is_an_account(link: FakeLink, jobs: StoredJobs) -> None:
    await post(link, jobs, FakeClock(), replace(HELLO, to=ALICE), wait=1)
    assert not link.notices[0].groupchat


async def test_a_file_is_uploaded_first_and_said_as_one(link: FakeLink, jobs: StoredJobs, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"png")
    told = await post(link, jobs, FakeClock(), replace(HELLO, text="", file=str(tmp_path / "a.png")), wait=1)
    assert told.url in link.uploads
    assert (link.notices[0].text, link.notices[0].attached) == (told.url, True)
    with pytest.raises(ControlError):
        await post(link, jobs, FakeClock(), replace(HELLO, file="a.png"), wait=1)


async def test_what_cannot_be_uploaded_or_said_is_not_kept(
    link: FakeLink, jobs: StoredJobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def upload(*_: object, **__: object) -> str:
        raise UploadFailed("too large")

    monkeypatch.setattr(link, "upload", upload)
    with pytest.raises(UploadFailed):
        await post(link, jobs, FakeClock(), replace(HELLO, file=str(tmp_path / "a")), wait=1)
    with pytest.raises(MisuseError):
        await post(link, jobs, FakeClock(), replace(HELLO, text=" "), wait=1)
    assert link.notices == []


async def test_with_a_time_it_is_a_job_that_knows_all_of_it(link: FakeLink, jobs: StoredJobs) -> None:
    at = NOON + timedelta(hours=2)
    told = await post(link, jobs, FakeClock(), replace(HELLO, at=at), wait=1)
    assert told == Posted(state=PostState.SCHEDULED, id="k", job=f"{SEND}.k")
    [info] = await jobs.all()
    assert (info.record.handler, info.due) == (SEND, at)
    given = from_plain(Post, info.record.arguments)
    assert notice_of(given) == Notice(to=ROOM, text="hello", groupchat=True, key="shell k", topic="shell k")
    assert link.notices == []


async def test_what_was_due_while_a_file_was_uploaded_is_said_at_once(link: FakeLink, jobs: StoredJobs) -> None:
    told = await post(link, jobs, FakeClock(), replace(HELLO, at=NOON), wait=1)
    assert told.state is PostState.DELIVERED
    assert len(link.notices) == 1


def test_a_post_and_what_became_of_it_pass_the_socket() -> None:
    full = replace(HELLO, at=NOON, expires=NOON, file="/a", attached=True, groupchat=False, urgent=True)
    assert from_plain(Post, to_plain(full)) == full
    told = Posted(state=PostState.REFUSED, id="k", message_id="m", archive_id="a", url="https://u", job="j", reason="r")
    assert from_plain(Posted, to_plain(told)) == told


# --- jobs -------------------------------------------------------------------------------------------------------------


def record(name: str, **changes: object) -> JobRecord:
    base = JobRecord(name=name, rule={"cron": "0 9 * * *", "timezone": "UTC"}, handler="h", made=NOON, checked=NOON)
    return replace(base, **changes)  # type: ignore[arg-type]


@pytest.fixture
def make(jobs: StoredJobs) -> Callable[..., object]:
    return lambda *records: jobs._store.put(*records)


async def test_jobs_are_told_with_their_next_time_and_their_last(jobs: StoredJobs, make: Callable[..., object]) -> None:
    await make(record("a"), record("b", declared=True))  # type: ignore[misc]
    fire = FireRecord(
        key=FireKey("a", NOON),
        state=FireState.FAILED,
        process="p",
        begun=NOON,
        ended=NOON,
        attempts=4,
        error="no\x1bway",
    )
    await jobs._store.begin("p", NOON, begun=[fire.key], checked={})
    await jobs._store.end([fire])
    a, b = await job_statuses(jobs)
    assert (a.when, a.next, a.failures) == ("cron 0 9 * * * (UTC)", datetime.fromisoformat("2026-01-06T09:00Z"), 1)
    lines = summaries([a, b])
    assert lines[0] == (
        "a: next 2026-01-06 09:00 UTC, 1 failures; last 2026-01-05 12:00 UTC failed after 4 tries: no\\u001bway"
    )
    assert lines[1].endswith("has not fired yet")
    shown = await job_status(jobs, "a")
    assert shown is not None
    assert job_lines(shown)[1] == "2026-01-05 12:00 UTC failed after 4 tries: no\\u001bway"
    assert from_plain(type(shown), to_plain(shown)) == shown
    assert await job_status(jobs, "none") is None


async def test_a_paused_job_says_since_when_and_why(jobs: StoredJobs, make: Callable[..., object]) -> None:
    await make(record("a"))  # type: ignore[misc]
    assert await act(jobs, "pause", "a") == (True, "a is paused; it goes on with: jobs resume a")
    [a] = await job_statuses(jobs)
    assert (a.paused, a.reason, a.next) == (NOON, BY_HAND, None)
    assert summaries([a])[0].startswith("a: paused since 2026-01-05 12:00 UTC: by hand")
    assert (await act(jobs, "resume", "a"))[0]
    [a] = await job_statuses(jobs)
    assert a.paused is None


async def test_what_would_have_been_done_meanwhile_is_left_out(make: Callable[..., object]) -> None:
    clock, store = FakeClock(), MemoryStorage().jobs
    await store.put(record("a", missed=Missed.EACH))
    jobs = StoredJobs(store, clock)
    await act(jobs, "pause", "a")
    await clock.advance(3 * 86400)
    await act(jobs, "resume", "a")
    [kept] = await store.jobs()
    assert kept.checked == clock.now()


async def test_only_jobs_that_were_made_are_cancelled(jobs: StoredJobs, make: Callable[..., object]) -> None:
    await make(record("a"), record("b", declared=True))  # type: ignore[misc]
    assert (await act(jobs, "cancel", "a"))[0]
    assert not (await act(jobs, "cancel", "b"))[0]
    assert await act(jobs, "cancel", "a") == (False, "There is no job a.")
    assert not (await act(jobs, "run", "b"))[0]
    assert [info.record.name for info in await jobs.all()] == ["b"]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"cron": "0 9 * * mon", "timezone": "Europe/Berlin"}, "cron 0 9 * * mon (Europe/Berlin)"),
        ({"every": 90.0, "from": "2026-01-01T00:00:00+00:00"}, "every 90 s"),
        (
            {"day": "last fri", "months": [], "at": "18:00:00", "timezone": "UTC"},
            "last fri of the month at 18:00:00 (UTC)",
        ),
        ({"at": "2026-12-24T18:00:00", "timezone": "UTC"}, "once, 2026-12-24T18:00:00 (UTC)"),
        ({"moon": "full"}, "moon full"),
    ],
)
def test_every_rule_has_words(rule: dict[str, object], words: str) -> None:
    assert when_words(rule) == words
