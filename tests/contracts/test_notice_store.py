"""What every ``NoticeStore`` must do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from botkit.model.actions import Urgency
from botkit.model.address import Address
from botkit.model.messages import ArchiveId, MessageId
from botkit.model.notices import DIGEST, NoticeState, StoredNotice
from botkit.ports import NoticeStore
from botkit.storage.memory import MemoryStorage
from botkit.storage.sqlite import SqliteStorage

NOW = datetime(2026, 1, 5, 12, 0, 0, 123456, tzinfo=UTC)
ROOM = Address.parse("lobby@rooms.example.org")
BOT = Address.parse("herald@example.org")


def notice(key: str, part: int = 0, **more: Any) -> StoredNotice:
    given = {"to": ROOM, "text": "tea", "not_before": NOW + timedelta(minutes=1), **more}
    return StoredNotice(
        key=key, part=part, groupchat=True, message_id=MessageId(f"id-{key}-{part}"), created=NOW, **given
    )


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[NoticeStore]:
    if request.param == "memory":
        yield MemoryStorage().notices
        return
    async with SqliteStorage.open(tmp_path / "notices.db", BOT) as storage:
        yield storage.notices


async def test_notice_comes_back_as_it_was_added_with_a_number(store: NoticeStore) -> None:
    given = notice("a", text="tea \N{ROSE}\nat five", expires=NOW + timedelta(days=1))
    assert await store.add([given]) == []
    (kept,) = await store.open()
    assert kept.number > 0
    assert (kept.key, kept.part, kept.to, kept.groupchat, kept.text, kept.message_id, kept.created) == (
        given.key, 0, ROOM, True, given.text, given.message_id, NOW
    )  # fmt: skip
    assert (kept.not_before, kept.expires, kept.state) == (given.not_before, given.expires, NoticeState.WAITING)
    assert (kept.attempted, kept.sent_as, kept.tries, kept.settled, kept.archive_id) == (None, None, 0, None, None)
    assert await store.of_key("a") == [kept]


async def test_a_key_is_taken_once_and_all_parts_or_none_are_written(store: NoticeStore) -> None:
    assert await store.add([notice("a", 0), notice("a", 1)]) == []
    assert await store.add([notice("a", 0, text="other")]) is None
    assert await store.add([notice("a", 2), notice("a", 1)]) is None
    assert [(row.part, row.text) for row in await store.of_key("a")] == [(0, "tea"), (1, "tea")]


async def test_open_notices_come_in_the_order_in_which_they_were_written(store: NoticeStore) -> None:
    for key in ("b", "a", "c"):
        assert await store.add([notice(key)]) == []
    first = (await store.open())[0]
    await store.settle(first.number, NoticeState.EXPIRED, at=NOW)
    assert [row.key for row in await store.open()] == ["a", "c"]


async def test_the_first_attempt_is_remembered_and_the_last_nick(store: NoticeStore) -> None:
    await store.add([notice("a")])
    (row,) = await store.open()
    assert await store.begin(row.number, at=NOW, sent_as="bot", anchor="a7", stay="1", replaces=MessageId("m1"))
    later = NOW + timedelta(hours=1)
    assert await store.begin(row.number, at=later, sent_as="bot_2", anchor="a9", stay="2")
    (row,) = await store.open()
    assert (row.stay, row.replaces) == ("2", None)
    assert (row.state, row.attempted, row.sent_as, row.tries) == (NoticeState.SENDING, NOW, "bot_2", 2)
    assert row.anchor == "a7"


async def test_what_is_settled_is_not_begun_again(store: NoticeStore) -> None:
    await store.add([notice("a")])
    (row,) = await store.open()
    await store.settle(row.number, NoticeState.DONE, at=NOW, archive_id=ArchiveId("x1"))
    assert not await store.begin(row.number, at=NOW, sent_as="bot", anchor=None)
    (row,) = await store.of_key("a")
    assert (row.state, row.archive_id, row.settled, row.tries) == (NoticeState.DONE, "x1", NOW, 0)
    assert await store.open() == []


async def test_failure_keeps_its_reason(store: NoticeStore) -> None:
    await store.add([notice("a")])
    (row,) = await store.open()
    await store.settle(row.number, NoticeState.FAILED, at=NOW, reason="policy-violation")
    assert (await store.of_key("a"))[0].reason == "policy-violation"


async def test_settled_notices_are_forgotten_whole_and_their_keys_are_free_again(store: NoticeStore) -> None:
    await store.add([notice("a", 0), notice("a", 1)])
    await store.add([notice("b")])
    rows = await store.open()
    for row in rows:
        if (row.key, row.part) != ("a", 1):
            await store.settle(row.number, NoticeState.DONE, at=NOW)
    assert await store.forget(NOW) == 0
    assert await store.forget(NOW + timedelta(seconds=1)) == 1
    assert await store.of_key("b") == []
    assert len(await store.of_key("a")) == 2
    assert await store.add([notice("b")]) == []


async def test_numbers_are_not_used_again(store: NoticeStore) -> None:
    await store.add([notice("a")])
    (row,) = await store.open()
    await store.settle(row.number, NoticeState.DONE, at=NOW)
    await store.forget(NOW + timedelta(seconds=1))
    await store.add([notice("b")])
    assert (await store.open())[0].number > row.number


async def test_a_notice_replaces_what_waits_of_its_topic_and_recipient(store: NoticeStore) -> None:
    other = Address.parse("other@rooms.example.org")
    await store.add([notice("same", 0, topic="t"), notice("same", 1, topic="t")])
    await store.add([notice("elsewhere", topic="t", to=other)])
    await store.add([notice("other", topic="u")])
    await store.add([notice("none")])
    rows = {(row.key, row.part): row.number for row in await store.open()}
    new = notice("new", topic="t", not_before=None)
    assert await store.add([new]) == [rows["same", 0], rows["same", 1]]
    assert [row.key for row in await store.open()] == ["elsewhere", "other", "none", "new"]
    assert {row.state for row in await store.of_key("same")} == {NoticeState.REPLACED}
    assert not await store.begin(rows["same", 0], at=NOW, sent_as="bot", anchor=None)
    assert await store.add([new]) is None  # of a key that was used: nothing is replaced, either
    assert await store.add([notice("untopical", not_before=None)]) == []


async def test_a_notice_does_not_replace_what_is_due_before_it(store: NoticeStore) -> None:
    await store.add([notice("now", topic="t", not_before=None)])
    await store.add([notice("soon", topic="t", not_before=NOW + timedelta(minutes=5))])
    assert [row.key for row in await store.open()] == ["now", "soon"]
    later = notice("later", topic="t", not_before=NOW + timedelta(minutes=4))
    assert len(await store.add([later]) or ()) == 1
    assert [row.key for row in await store.open()] == ["now", "later"]


async def test_what_is_under_way_is_not_replaced(store: NoticeStore) -> None:
    await store.add([notice("a", topic="t")])
    (row,) = await store.open()
    await store.begin(row.number, at=NOW, sent_as="bot", anchor=None)
    assert await store.add([notice("b", topic="t", not_before=None)]) == []
    assert [row.key for row in await store.open()] == ["a", "b"]


async def test_the_message_that_a_topic_corrects_is_the_last_of_its_own(store: NoticeStore) -> None:
    assert await store.told(ROOM, "t") is None
    for key, replaces in (("first", None), ("second", None), ("third", MessageId("id-second-0"))):
        await store.add([notice(key, topic="t")])
        (row,) = await store.open()
        await store.begin(row.number, at=NOW, sent_as="bot", anchor=None, stay="s", replaces=replaces)
        await store.settle(row.number, NoticeState.DONE, at=NOW, archive_id=ArchiveId(key))
    found = await store.told(ROOM, "t")
    assert found is not None
    assert (found.key, found.archive_id, found.stay) == ("second", "second", "s")
    await store.add([notice("long", 0, topic="t"), notice("long", 1, topic="t")])
    for row in await store.open():
        await store.settle(row.number, NoticeState.DONE, at=NOW)
    assert await store.told(ROOM, "t") is None


async def test_a_digest_is_written_with_the_mark_on_those_in_it_and_ends_them(store: NoticeStore) -> None:
    for key in ("a", "b", "c"):
        await store.add([notice(key)])
    numbers = {row.key: row.number for row in await store.open()}
    parts = [notice(f"{DIGEST}1", 0), notice(f"{DIGEST}1", 1)]
    assert await store.gather(parts, [numbers["a"], numbers["b"]])
    assert [(row.key, row.state, row.within) for row in await store.open()] == [
        ("a", NoticeState.COLLECTED, f"{DIGEST}1"),
        ("b", NoticeState.COLLECTED, f"{DIGEST}1"),
        ("c", NoticeState.WAITING, None),
        (f"{DIGEST}1", NoticeState.WAITING, None),
        (f"{DIGEST}1", NoticeState.WAITING, None),
    ]
    first, second = await store.of_key(f"{DIGEST}1")
    await store.settle(first.number, NoticeState.DONE, at=NOW, archive_id=ArchiveId("x1"))
    assert (await store.of_key("a"))[0].state is NoticeState.COLLECTED
    await store.settle(second.number, NoticeState.DONE, at=NOW, archive_id=ArchiveId("x2"))
    for key in ("a", "b"):
        (row,) = await store.of_key(key)
        assert (row.state, row.settled, row.archive_id) == (NoticeState.DONE, NOW, "x2")
    assert [row.key for row in await store.open()] == ["c"]


async def test_what_does_not_wait_any_more_is_gathered_in_no_digest(store: NoticeStore) -> None:
    await store.add([notice("a")])
    await store.add([notice("b", topic="t")])
    numbers = [row.number for row in await store.open()]
    await store.add([notice("new", topic="t")])
    assert not await store.gather([notice(f"{DIGEST}1")], numbers)
    assert [(row.key, row.state) for row in await store.open()] == [
        ("a", NoticeState.WAITING),
        ("new", NoticeState.WAITING),
    ]


async def test_a_digest_that_is_not_sent_lets_those_in_it_wait_again(store: NoticeStore) -> None:
    for key in ("a", "b"):
        await store.add([notice(key)])
    await store.gather([notice(f"{DIGEST}1")], [row.number for row in await store.open()])
    await store.scatter(f"{DIGEST}1", at=NOW)
    assert [(r.key, r.state, r.within) for r in await store.open()] == [
        ("a", NoticeState.WAITING, None),
        ("b", NoticeState.WAITING, None),
    ]


async def test_a_retraction_comes_with_the_end_of_its_notice_and_goes_with_a_correction(store: NoticeStore) -> None:
    await store.add([notice("a", topic="t", urgency=Urgency.LOW, retract_on_expiry=True, digest=timedelta(minutes=3))])
    (row,) = await store.open()
    assert (row.urgency, row.retract_on_expiry, row.digest) == (Urgency.LOW, True, timedelta(minutes=3))
    back = notice("back", retracts="x1", replaces=row.message_id, sent_as="bot")
    for _ in range(2):
        await store.settle(row.number, NoticeState.DONE, at=NOW, archive_id=ArchiveId("x1"), then=back)
    (kept,) = await store.open()
    assert (kept.key, kept.retracts, kept.replaces, kept.sent_as) == ("back", "x1", row.message_id, "bot")
    await store.add([notice("b", topic="t")])
    newer = (await store.open())[-1]
    await store.begin(newer.number, at=NOW, sent_as="bot", anchor=None, replaces=row.message_id)
    await store.settle(newer.number, NoticeState.DONE, at=NOW)
    assert await store.open() == []
    assert (await store.of_key("back"))[0].state is NoticeState.REPLACED


async def test_many_at_once_are_all_written(store: NoticeStore) -> None:
    added = await asyncio.gather(*(store.add([notice(f"{n % 700}", topic=f"{n % 700}")]) for n in range(1400)))
    assert [one is None for one in added] == [False] * 700 + [True] * 700
    assert len(await store.open()) == 700


async def test_accounts_are_apart(tmp_path: Path) -> None:
    path = tmp_path / "notices.db"
    other = Address.parse("other@example.org")
    async with SqliteStorage.open(path, BOT) as one, SqliteStorage.open(path, other) as two:
        assert await one.notices.add([notice("a", topic="t")]) == []
        assert await two.notices.add([notice("a", topic="t")]) == []
        (row,) = await one.notices.open()
        await two.notices.settle(row.number, NoticeState.DONE, at=NOW)
        assert len(await one.notices.open()) == 1


async def test_notices_outlive_the_program(tmp_path: Path) -> None:
    path = tmp_path / "notices.db"
    async with SqliteStorage.open(path, BOT) as storage:
        await storage.notices.add([notice("a")])
        (row,) = await storage.notices.open()
        await storage.notices.begin(row.number, at=NOW, sent_as="bot", anchor=None)
    async with SqliteStorage.open(path, BOT) as storage:
        (row,) = await storage.notices.open()
        assert (row.state, row.message_id) == (NoticeState.SENDING, "id-a-0")
