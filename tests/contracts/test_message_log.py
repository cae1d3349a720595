"""What every ``MessageLog`` must do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from botkit.model.address import Address
from botkit.model.archive import Cursor, CursorMoved, LogChange, LogQuery, LogRow, Retracted, Said
from botkit.model.messages import ArchiveId, MessageId, Source
from botkit.ports import MessageLog
from botkit.storage.memory import MemoryStorage
from botkit.storage.sqlite import SqliteStorage

ROOM = Address.parse("lobby@rooms.example.org")
OTHER = Address.parse("cellar@rooms.example.org")
ACCOUNT = Address.parse("keeper@example.org")
NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
ROMEO = "jid:romeo@example.org"
MERCUTIO = "jid:mercutio@example.org"


@pytest.fixture(params=["memory", "sqlite"])
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MessageLog]:
    if request.param == "memory":
        yield MemoryStorage().log
        return
    async with SqliteStorage.open(tmp_path / "log.db", ACCOUNT) as storage:
        yield storage.log


def said(number: int, body: str = "", **changes: Any) -> Said:
    values: dict[str, Any] = {
        "room": ROOM,
        "archive_id": ArchiveId(f"a{number}"),
        "message_id": MessageId(f"m{number}"),
        "at": NOON + timedelta(minutes=number),
        "nick": "romeo",
        "identity": ROMEO,
        "occupant_id": None,
        "real": None,
        "body": body or f"message {number}",
    }
    return Said(**{**values, **changes})


def corrected(number: int, target: int, body: str, **changes: Any) -> Said:
    return said(number, body, replaces=MessageId(f"m{target}"), **changes)


def moderated(target: str, minute: int = 50, **changes: Any) -> Retracted:
    values: dict[str, Any] = {"nick": "prince", "reason": "spam", **changes}
    return Retracted(room=ROOM, target=target, at=NOON + timedelta(minutes=minute), by_room=True, **values)


def taken_back(target: str, minute: int = 50, **changes: Any) -> Retracted:
    values: dict[str, Any] = {"nick": "romeo", "identity": ROMEO, **changes}
    return Retracted(room=ROOM, target=target, at=NOON + timedelta(minutes=minute), by_room=False, **values)


async def shown(log: MessageLog, **query: Any) -> list[str]:
    return [row.body for row in await log.find(LogQuery(room=ROOM, **query))]


async def only(log: MessageLog) -> LogRow:
    [row] = await log.find(LogQuery(room=ROOM))
    return row


async def test_message_comes_back_as_it_was_written(log: MessageLog) -> None:
    real = Address.parse("romeo@example.org")
    await log.write([said(1, "wherefore\n\N{ROSE}", real=real, occupant_id="dd72", origin_id="o1")])
    row = await only(log)
    assert (row.archive_id, row.message_id, row.at) == ("a1", "m1", NOON + timedelta(minutes=1))
    assert (row.nick, row.identity, row.real, row.room) == ("romeo", ROMEO, real, ROOM)
    assert (row.body, row.original) == ("wherefore\n\N{ROSE}", "wherefore\n\N{ROSE}")
    assert (row.corrected, row.retracted, row.retracted_by, row.reason) == (None, None, None, None)
    assert await log.get(ROOM, ArchiveId("a1")) == row
    assert await log.get(OTHER, ArchiveId("a1")) is None
    assert await log.get(ROOM, ArchiveId("a2")) is None


async def test_same_archive_id_is_written_once_for_each_room(log: MessageLog) -> None:
    await log.write([said(1, "first"), said(1, "again"), said(1, "elsewhere", room=OTHER)])
    await log.write([said(1, "and again")])
    assert await shown(log) == ["first"]
    assert await log.rooms() == [OTHER, ROOM]


async def test_messages_without_archive_id_are_all_kept(log: MessageLog) -> None:
    await log.write([said(1, "one", archive_id=None), said(2, "two", archive_id=None)])
    assert await shown(log) == ["one", "two"]


async def test_join_history_of_a_room_without_archive_is_kept_once(log: MessageLog) -> None:
    again = said(1, archive_id=None, source=Source.JOIN_HISTORY)
    await log.write([said(1, archive_id=None), again])
    await log.write([again, said(2, archive_id=None, source=Source.JOIN_HISTORY)])
    assert await shown(log) == ["message 1", "message 2"]


async def test_known_tells_which_archive_ids_are_in_the_log(log: MessageLog) -> None:
    await log.write([said(1), said(2), corrected(3, 1, "better")])
    asked = [ArchiveId(f"a{n}") for n in range(1200)]
    assert await log.known(ROOM, asked) == {"a1", "a2", "a3"}
    assert await log.known(OTHER, asked) == set()
    assert await log.known(ROOM, []) == set()


async def test_cursor_is_none_then_moves_but_never_back_in_time(log: MessageLog) -> None:
    assert await log.cursor(ROOM) is None
    await log.write([CursorMoved(room=ROOM, archive_id=ArchiveId("a2"), at=NOON)])
    await log.write([CursorMoved(room=ROOM, archive_id=ArchiveId("a1"), at=NOON - timedelta(seconds=1))])
    assert await log.cursor(ROOM) == Cursor(ArchiveId("a2"), NOON)
    await log.write([CursorMoved(room=ROOM, archive_id=ArchiveId("a3"), at=NOON)])
    assert await log.cursor(ROOM) == Cursor(ArchiveId("a3"), NOON)
    assert await log.cursor(OTHER) is None
    assert await log.rooms() == []


async def test_find_gives_the_newest_oldest_first_within_its_bounds(log: MessageLog) -> None:
    await log.write([said(n) for n in (3, 1, 2, 5, 4)])
    assert await shown(log, limit=2) == ["message 4", "message 5"]
    assert await shown(log, limit=0) == []
    bounds = {"since": NOON + timedelta(minutes=2), "until": NOON + timedelta(minutes=4)}
    assert await shown(log, **bounds) == ["message 2", "message 3"]


async def test_messages_are_counted_between_times(log: MessageLog) -> None:
    await log.write([said(n) for n in (1, 2, 3, 7)])
    await log.write([corrected(8, 7, "better"), moderated("a2"), said(4, room=OTHER)])
    times = [NOON + timedelta(minutes=n) for n in (0, 2, 4, 6, 7, 8)]
    assert await log.counts(ROOM, times) == [1, 1, 0, 0, 1]
    assert await log.counts(ROOM, times[:1]) == []
    assert await log.counts(Address.parse("none@rooms.example.org"), times[:2]) == [0]


async def test_find_by_author(log: MessageLog) -> None:
    real = Address.parse("romeo@example.org/orchard")
    await log.write(
        [
            said(1),
            said(2, identity=MERCUTIO, nick="mercutio"),
            said(3, identity=None, real=real),
            said(4, identity=None, occupant_id="dd72", nick="ghost"),
        ]
    )
    assert await shown(log, identity=ROMEO) == ["message 1", "message 3"]
    assert await shown(log, identity=f"occupant:{ROOM}:dd72") == ["message 4"]
    assert await shown(log, nick="mercutio") == ["message 2"]


# --- search ---------------------------------------------------------------------------------------------------


async def test_search_wants_every_word_and_minds_neither_case_nor_accents(log: MessageLog) -> None:
    await log.write([said(1, "Buy CHEAP café coins"), said(2, "cheap talk"), said(3, "nothing")])
    assert await shown(log, search="cheap") == ["Buy CHEAP café coins", "cheap talk"]
    assert await shown(log, search="coins Cafe") == ["Buy CHEAP café coins"]
    assert await shown(log, search="chea") == []


async def test_search_finds_words_of_scripts_without_spaces(log: MessageLog) -> None:
    await log.write([said(1, "今日は良い天気です"), said(2, "您好 spam")])
    assert await shown(log, search="天気") == ["今日は良い天気です"]
    assert await shown(log, search="好 spam") == ["您好 spam"]


@pytest.mark.parametrize(
    "search",
    ['"', "a OR b", "NEAR(", "body:", "x*", "-", "'", "(", ")", "^a", '""', "a\0b", "!!!", "", " ", "{", "AND", "%"],
)
async def test_search_text_is_never_an_operator_or_an_error(log: MessageLog, search: str) -> None:
    await log.write([said(1, "quite ordinary")])
    assert await shown(log, search=search) == []


@given(search=st.text(max_size=30))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_text_can_be_searched_for(log: MessageLog, search: str) -> None:
    await log.find(LogQuery(room=ROOM, search=search))


async def test_search_sees_what_is_shown_and_nothing_else(log: MessageLog) -> None:
    await log.write([said(1, "teh gold"), said(2, "silver"), corrected(3, 1, "the gold")])
    assert await shown(log, search="teh") == []
    assert await shown(log, search="gold") == ["the gold"]
    await log.write([moderated("a1"), moderated("a2")])
    assert await shown(log, search="gold") == []
    assert await shown(log, search="silver") == []


# --- corrections ----------------------------------------------------------------------------------------------


async def test_correction_changes_what_is_shown_and_is_no_message_of_its_own(log: MessageLog) -> None:
    await log.write([said(1, "teh"), said(2), corrected(3, 1, "the"), corrected(4, 1, "the end")])
    first, second = await log.find(LogQuery(room=ROOM))
    assert (first.body, first.original) == ("the end", "teh")
    assert (first.archive_id, first.corrected) == ("a1", NOON + timedelta(minutes=4))
    assert second.body == "message 2"
    assert await log.known(ROOM, [ArchiveId("a3")]) == {"a3"}


async def test_correction_by_another_stays_a_message_of_its_own(log: MessageLog) -> None:
    await log.write([said(1), corrected(2, 1, "forged", identity=MERCUTIO)])
    assert await shown(log) == ["message 1", "forged"]


async def test_nick_counts_only_where_neither_side_has_an_identity(log: MessageLog) -> None:
    await log.write([said(1, identity=None), corrected(2, 1, "mine", identity=None)])
    assert await shown(log) == ["mine"]
    await log.write([corrected(3, 1, "taken over"), corrected(4, 1, "other nick", identity=None, nick="juliet")])
    assert await shown(log) == ["mine", "taken over", "other nick"]


async def test_author_is_known_again_where_the_archive_tells_less(log: MessageLog) -> None:
    live = said(1, occupant_id="dd72", real=Address.parse("romeo@example.org/orchard"))
    await log.write([live, corrected(2, 1, "by occupant id", identity=f"occupant:{ROOM}:dd72", occupant_id="dd72")])
    assert await shown(log) == ["by occupant id"]


async def test_correction_goes_to_the_latest_message_with_the_id(log: MessageLog) -> None:
    again = MessageId("again")
    await log.write([said(1, message_id=again), said(2, message_id=again)])
    await log.write([said(3, "right", replaces=again)])
    assert await shown(log) == ["message 1", "right"]


async def test_correction_of_a_correction_changes_the_first_message(log: MessageLog) -> None:
    await log.write([said(1, "a"), corrected(2, 1, "b"), corrected(3, 2, "c")])
    assert await shown(log) == ["c"]


@pytest.mark.parametrize("order", [(2, 1, 0), (1, 2, 0), (2, 0, 1), (1, 0, 2)])
async def test_correction_before_its_message_takes_effect_later(log: MessageLog, order: tuple[int, ...]) -> None:
    changes = [said(1, "a"), corrected(2, 1, "b"), corrected(3, 2, "c")]
    for index in order:
        await log.write([changes[index]])
    row = await only(log)
    assert (row.archive_id, row.body, row.original) == ("a1", "c", "a")


async def test_correction_waits_not_for_a_message_said_long_after_it(log: MessageLog) -> None:
    await log.write([corrected(1, 60, "about something unseen"), said(60, "the client used its id again")])
    assert len(await shown(log)) == 2


async def test_messages_that_claim_to_correct_each_other_do_no_harm(log: MessageLog) -> None:
    await log.write([corrected(1, 2, "a"), corrected(2, 1, "b"), corrected(3, 3, "itself")])
    assert await shown(log) == ["b", "itself"]


# --- retractions ----------------------------------------------------------------------------------------------


async def test_room_retracts_by_archive_id_only(log: MessageLog) -> None:
    await log.write([said(1, "spam"), said(2, "ham"), moderated("a1"), moderated("m2")])
    gone, kept = await log.find(LogQuery(room=ROOM))
    assert (gone.body, gone.original) == ("", "spam")
    assert (gone.retracted, gone.retracted_by, gone.reason) == (NOON + timedelta(minutes=50), "prince", "spam")
    assert kept.retracted is None
    assert await shown(log, include_retracted=False) == ["ham"]


@pytest.mark.parametrize("target", ["a1", "m1", "o1"])
async def test_author_retracts_by_any_of_its_ids(log: MessageLog, target: str) -> None:
    await log.write([said(1, "regret", origin_id="o1"), taken_back(target)])
    row = await only(log)
    assert (row.body, row.original, row.retracted_by) == ("", "regret", "romeo")


@pytest.mark.parametrize("target", ["a1", "m1", "o1"])
async def test_retraction_of_anothers_message_is_ignored(log: MessageLog, target: str) -> None:
    forged = taken_back(target, identity=MERCUTIO)
    nameless = taken_back(target, identity=None)
    await log.write([forged, said(1, "stays", origin_id="o1"), forged, nameless])
    assert await shown(log) == ["stays"]


@pytest.mark.parametrize("change", [moderated("a1"), taken_back("a1"), taken_back("m1"), taken_back("o1")])
async def test_retraction_before_its_message_takes_effect_later(log: MessageLog, change: Retracted) -> None:
    await log.write([change])
    await log.write([said(1, "late", origin_id="o1")])
    row = await only(log)
    assert (row.body, row.original, row.retracted) == ("", "late", change.at)
    assert await shown(log, search="late") == []


async def test_author_retraction_waits_not_for_a_message_said_long_after_it(log: MessageLog) -> None:
    await log.write([taken_back("m60", minute=1), said(60, "stays")])
    assert await shown(log) == ["stays"]


async def test_retracting_any_version_takes_the_whole_message_away(log: MessageLog) -> None:
    for start, target in ((10, "a10"), (20, "a21")):
        await log.write([said(start, "good"), corrected(start + 1, start, "bad"), moderated(target)])
    assert [(row.body, row.original) for row in await log.find(LogQuery(room=ROOM))] == [("", "good")] * 2
    version = await log.get(ROOM, ArchiveId("a11"))
    assert version is not None
    assert (version.body, version.original) == ("", "bad")


async def test_correction_said_before_the_retraction_but_read_later_is_not_shown(log: MessageLog) -> None:
    await log.write([said(1), moderated("a1"), corrected(2, 1, "hidden")])
    assert await shown(log) == [""]


async def test_correction_said_after_the_retraction_is_shown_as_clients_do(log: MessageLog) -> None:
    await log.write([said(1), moderated("a1", minute=2), corrected(3, 1, "spam again")])
    assert await shown(log) == ["", "spam again"]


async def test_second_retraction_adds_only_what_was_not_known(log: MessageLog) -> None:
    await log.write([said(1), moderated("a1", nick=None, reason=None), moderated("a1", minute=55)])
    row = await only(log)
    assert row.retracted == NOON + timedelta(minutes=50)
    assert (row.retracted_by, row.reason, row.original) == ("prince", "spam", "message 1")


async def test_tombstone_of_a_message_never_seen_has_no_original(log: MessageLog) -> None:
    tombstone = Said(
        room=ROOM, archive_id=ArchiveId("a1"), message_id=None, at=NOON, nick="x", identity=None, occupant_id=None,
        real=None, body="",
    )  # fmt: skip
    await log.write([tombstone, moderated("a1")])
    row = await only(log)
    assert (row.body, row.original, row.retracted is not None) == ("", None, True)


# --- retention and wholeness ----------------------------------------------------------------------------------


async def test_originals_expire_and_what_is_shown_stays(log: MessageLog) -> None:
    await log.write([said(1, "a"), corrected(2, 1, "b"), corrected(3, 1, "c"), said(4, "d"), moderated("a4", 5)])
    await log.write([said(6, "e"), moderated("a6", minute=40), said(7, "plain")])
    assert await log.expire_originals(NOON) == 0
    assert await log.expire_originals(NOON + timedelta(minutes=30)) == 2
    rows = await log.find(LogQuery(room=ROOM))
    assert [row.body for row in rows] == ["c", "", "", "plain"]
    assert [row.original for row in rows] == [None, None, "e", "plain"]
    between = await log.get(ROOM, ArchiveId("a2"))
    assert between is not None
    assert between.body == ""
    assert await log.expire_originals(NOON + timedelta(minutes=30)) == 0


async def test_empty_write_does_nothing(log: MessageLog) -> None:
    await log.write([])
    assert await log.rooms() == []


IDS = st.integers(1, 4)
NICKS = st.sampled_from([("romeo", ROMEO), ("mercutio", MERCUTIO), ("romeo", None)])


@st.composite
def any_change(draw: st.DrawFn) -> LogChange:
    nick, identity = draw(NICKS)
    at = NOON + timedelta(minutes=draw(st.integers(0, 30)))
    kind = draw(st.sampled_from(["said", "correction", "room", "author", "cursor"]))
    number = draw(IDS)
    if kind in ("said", "correction"):
        replaces = MessageId(f"m{draw(IDS)}") if kind == "correction" else None
        archive_id = draw(st.one_of(st.none(), st.integers(1, 12).map(lambda n: ArchiveId(f"a{n}"))))
        body = draw(st.sampled_from(["one", "two", "three", ""]))
        return said(number, at=at, nick=nick, identity=identity, replaces=replaces, archive_id=archive_id, body=body)
    if kind == "cursor":
        return CursorMoved(room=ROOM, archive_id=ArchiveId(f"a{number}"), at=at)
    target = draw(st.sampled_from([f"a{number}", f"m{number}"]))
    return Retracted(room=ROOM, target=target, at=at, by_room=kind == "room", nick=nick, identity=identity)


@given(batches=st.lists(st.lists(any_change(), max_size=6), max_size=8))
@settings(max_examples=80, deadline=None)
async def test_all_logs_agree_whatever_is_written(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[LogChange]]
) -> None:
    memory = MemoryStorage().log
    async with SqliteStorage.open(tmp_path_factory.mktemp("log") / "log.db", ACCOUNT) as storage:
        for batch in batches:
            await memory.write(batch)
            await storage.log.write(batch)
        for query in (LogQuery(room=ROOM), LogQuery(room=ROOM, search="one"), LogQuery(room=ROOM, identity=ROMEO)):
            assert await storage.log.find(query) == _numbers_apart(
                await memory.find(query), await storage.log.find(query)
            )
        assert await storage.log.cursor(ROOM) == await memory.cursor(ROOM)
        later = NOON + timedelta(minutes=15)
        assert await storage.log.expire_originals(later) == await memory.expire_originals(later)


def _numbers_apart(rows: list[LogRow], like: list[LogRow]) -> list[LogRow]:
    """Row numbers only have to rise; SQLite may skip some."""
    from dataclasses import replace

    return [replace(row, number=other.number) for row, other in zip(rows, like, strict=True)]
