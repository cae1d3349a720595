"""What every store must do about gaps, claims and signs of life."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from botkit.model.address import Address
from botkit.model.archive import CursorMoved, GapFound, GapReason, GapsClosed, Said
from botkit.model.messages import ArchiveId
from botkit.storage.memory import MemoryStorage
from botkit.storage.sqlite import SqliteStorage

ROOM = Address.parse("lobby@rooms.example.org")
OTHER = Address.parse("cellar@rooms.example.org")
ACCOUNT = Address.parse("keeper@example.org")
NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
DAY = timedelta(days=1)

Storage = MemoryStorage | SqliteStorage
Open = Callable[[], AbstractAsyncContextManager[Storage]]


@pytest.fixture(params=["memory", "sqlite"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Each call is another run on what the run before left behind."""
    kept = MemoryStorage()

    @asynccontextmanager
    async def memory() -> AsyncIterator[Storage]:
        yield kept

    @asynccontextmanager
    async def sqlite() -> AsyncIterator[Storage]:
        async with SqliteStorage.open(tmp_path / "bot.db", ACCOUNT) as storage:
            yield storage

    return memory if request.param == "memory" else sqlite


@pytest.fixture
async def storage(reopen: Open) -> AsyncIterator[Storage]:
    async with reopen() as storage:
        yield storage


def minute(number: int) -> datetime:
    return NOON + timedelta(minutes=number)


def gap(after: int | None, before: int | None, reason: GapReason = GapReason.EXPIRED, **changes: Any) -> GapFound:
    values: dict[str, Any] = {
        "room": ROOM,
        "after_id": None if after is None else ArchiveId(f"a{after}"),
        "after": None if after is None else minute(after),
        "before_id": None if before is None else ArchiveId(f"a{before}"),
        "before": None if before is None else minute(before),
        "reason": reason,
        "found": NOON + DAY,
    }
    return GapFound(**{**values, **changes})


def said(number: int, room: Address = ROOM) -> Said:
    return Said(
        room=room, archive_id=ArchiveId(f"a{number}"), message_id=None, at=minute(number), nick="romeo",
        identity=None, occupant_id=None, real=None, body="a rose",
    )  # fmt: skip


# --- gaps -----------------------------------------------------------------------------------------------------


async def test_gap_is_told_with_all_that_was_found_of_it(storage: Storage) -> None:
    await storage.log.write([gap(1, 9)])
    (found,) = await storage.log.gaps(ROOM)
    assert (found.room, found.after_id, found.before_id) == (ROOM, "a1", "a9")
    assert (found.after, found.before, found.found) == (minute(1), minute(9), NOON + DAY)
    assert found.reason is GapReason.EXPIRED
    assert found.closed is None


async def test_gap_without_bounds_keeps_them_open(storage: Storage) -> None:
    await storage.log.write([gap(None, None, GapReason.NOT_READ)])
    (found,) = await storage.log.gaps(ROOM)
    assert (found.after_id, found.after, found.before_id, found.before) == (None, None, None, None)


async def test_gaps_are_told_oldest_first_and_by_room(storage: Storage) -> None:
    await storage.log.write([gap(20, 30), gap(1, 9), gap(50, 60, room=OTHER)])
    assert [found.after_id for found in await storage.log.gaps(ROOM)] == ["a1", "a20"]
    assert [found.after_id for found in await storage.log.gaps(OTHER)] == ["a50"]
    assert await storage.log.gaps(Address.parse("attic@rooms.example.org")) == []


@pytest.mark.parametrize("after", [1, None])
async def test_same_gap_found_again_is_one_whose_end_moved(storage: Storage, after: int | None) -> None:
    await storage.log.write([gap(after, 9, GapReason.FORBIDDEN)])
    await storage.log.write([gap(after, 15, GapReason.FORBIDDEN, found=NOON + 2 * DAY)])
    (found,) = await storage.log.gaps(ROOM)
    assert (found.before_id, found.before, found.found) == ("a15", minute(15), NOON + DAY)


async def test_gaps_that_can_be_closed_are_and_the_others_stay(storage: Storage) -> None:
    await storage.log.write([gap(number, number + 5, reason) for number, reason in enumerate(GapReason)])
    await storage.log.write([gap(1, 9, GapReason.FORBIDDEN, room=OTHER)])
    await storage.log.write([GapsClosed(room=ROOM, at=NOON + 2 * DAY)])
    closed = {found.reason: found.closed for found in await storage.log.gaps(ROOM)}
    assert closed == {reason: NOON + 2 * DAY if reason.can_be_closed else None for reason in GapReason}
    assert [found.closed for found in await storage.log.gaps(OTHER)] == [None]


async def test_gap_that_opens_again_after_it_was_closed_is_another(storage: Storage) -> None:
    found, closed = gap(1, 9, GapReason.FORBIDDEN), GapsClosed(room=ROOM, at=NOON + DAY)
    await storage.log.write([found, closed, found])
    assert [one.closed for one in await storage.log.gaps(ROOM)] == [NOON + DAY, None]


async def test_gap_survives_the_run_that_found_it(reopen: Open) -> None:
    async with reopen() as storage:
        await storage.log.write([gap(1, 9), CursorMoved(room=ROOM, archive_id=ArchiveId("a9"), at=minute(9))])
    async with reopen() as storage:
        assert len(await storage.log.gaps(ROOM)) == 1


# --- numbers --------------------------------------------------------------------------------------------------


async def test_numbers_grow_with_the_writing_over_all_rooms(storage: Storage) -> None:
    assert await storage.log.newest() == 0
    await storage.log.write([said(5), said(1, OTHER), said(2)])
    ids = [ArchiveId("a5"), ArchiveId("a2"), ArchiveId("a1")]
    numbers = await storage.log.numbers(ROOM, ids)
    assert set(numbers) == {"a5", "a2"}
    assert numbers[ArchiveId("a5")] < numbers[ArchiveId("a2")] == await storage.log.newest()


# --- claims ---------------------------------------------------------------------------------------------------


async def test_what_was_claimed_is_not_claimed_again(storage: Storage) -> None:
    assert await storage.claims.claim([b"one"], NOON, since=NOON - DAY)
    assert not await storage.claims.claim([b"one"], minute(1), since=NOON - DAY)
    assert await storage.claims.claim([b"two"], minute(1), since=NOON - DAY)


async def test_one_key_that_is_taken_takes_all(storage: Storage) -> None:
    assert await storage.claims.claim([b"one", b"two"], NOON, since=NOON - DAY)
    assert not await storage.claims.claim([b"two", b"three"], NOON, since=NOON - DAY)
    assert not await storage.claims.claim([b"three"], NOON, since=NOON - DAY)


async def test_claim_that_is_too_old_to_count_is_renewed(storage: Storage) -> None:
    assert await storage.claims.claim([b"one"], NOON, since=NOON - DAY)
    assert await storage.claims.claim([b"one"], NOON + DAY, since=NOON + timedelta(seconds=1))
    assert not await storage.claims.claim([b"one"], NOON + DAY, since=NOON + DAY)


async def test_expired_claims_are_forgotten_and_counted(storage: Storage) -> None:
    await storage.claims.claim([b"old"], NOON, since=NOON)
    await storage.claims.claim([b"new"], NOON + DAY, since=NOON)
    assert await storage.claims.expire(NOON + DAY) == 1
    assert await storage.claims.claim([b"old"], NOON + DAY, since=NOON)
    assert not await storage.claims.claim([b"new"], NOON + DAY, since=NOON)


async def test_claim_holds_for_later_runs(reopen: Open) -> None:
    async with reopen() as storage:
        await storage.claims.claim([b"one"], NOON, since=NOON)
    async with reopen() as storage:
        assert not await storage.claims.claim([b"one"], NOON + DAY, since=NOON)


async def test_claims_of_accounts_are_apart(tmp_path: Path) -> None:
    other = Address.parse("herald@example.org")
    async with (
        SqliteStorage.open(tmp_path / "bot.db", ACCOUNT) as storage,
        SqliteStorage.open(tmp_path / "bot.db", other) as others,
    ):
        assert await storage.claims.claim([b"one"], NOON, since=NOON)
        assert await others.claims.claim([b"one"], NOON, since=NOON)
        assert await storage.claims.expire(NOON + DAY) == 1


# --- signs of life --------------------------------------------------------------------------------------------


async def test_run_that_did_not_end_in_order_left_its_last_sign_of_life(reopen: Open) -> None:
    async with reopen() as storage:
        assert await storage.life.last() is None
        await storage.life.renew(NOON)
        await storage.life.renew(minute(1))
    async with reopen() as storage:
        assert await storage.life.last() == minute(1)


async def test_orderly_end_leaves_none(reopen: Open) -> None:
    async with reopen() as storage:
        await storage.life.renew(NOON)
        await storage.life.end()
    async with reopen() as storage:
        assert await storage.life.last() is None
