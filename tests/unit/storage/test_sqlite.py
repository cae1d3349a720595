"""What the SQLite file itself must stand."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from botkit.errors import StoreError
from botkit.model.address import Address
from botkit.model.archive import CursorMoved, LogQuery, Said
from botkit.model.messages import ArchiveId
from botkit.storage import migrations, sqlite_base
from botkit.storage.sqlite import SqliteStorage

ROOM = Address.parse("lobby@rooms.example.org")
ACCOUNT = Address.parse("keeper@example.org")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
REPOSITORY = Path(__file__).parents[3]


def said(number: int, body: str = "hello") -> Said:
    return Said(
        room=ROOM, archive_id=ArchiveId(f"a{number}"), message_id=None, at=NOON + timedelta(seconds=number),
        nick="romeo", identity=None, occupant_id=None, real=None, body=body,
    )  # fmt: skip


def moved(number: int) -> CursorMoved:
    return CursorMoved(room=ROOM, archive_id=ArchiveId(f"a{number}"), at=NOON + timedelta(seconds=number))


async def refused(path: Path, *, read_only: bool = False) -> str:
    with pytest.raises(StoreError) as caught:
        async with SqliteStorage.open(path, ACCOUNT, read_only=read_only):
            pass
    assert str(path) in str(caught.value) or str(path.parent) in str(caught.value)
    return str(caught.value)


async def test_folder_is_made_and_what_was_written_is_there_on_the_next_open(tmp_path: Path) -> None:
    path = tmp_path / "new folder?" / "deep" / "log #1%.db"
    async with SqliteStorage.open(path, ACCOUNT) as storage:
        await storage.log.write([said(1), moved(1)])
        await storage.values.put("keeper", "key", 1)
    async with SqliteStorage.open(path, ACCOUNT) as storage:
        assert [row.archive_id for row in await storage.log.find(LogQuery(room=ROOM))] == ["a1"]
        assert await storage.values.get("keeper", "key") == 1
    assert path.is_file()


async def test_accounts_share_a_file_and_not_their_rows(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with (
        SqliteStorage.open(path, ACCOUNT) as ours,
        SqliteStorage.open(path, Address.parse("other@example.org/home")) as others,
    ):
        await ours.log.write([said(1), moved(1)])
        await ours.values.put("keeper", "key", 1)
        assert await others.log.find(LogQuery(room=ROOM)) == []
        assert await others.log.cursor(ROOM) is None
        assert await others.values.get("keeper", "key") is None
        await others.log.write([said(1, "mine")])
        [row] = await ours.log.find(LogQuery(room=ROOM))
        assert row.body == "hello"


async def test_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("my diary, quite long enough to be read as a header of a database; " * 20)
    before = path.read_bytes()
    assert "not a SQLite database" in await refused(path)
    assert path.read_bytes() == before


async def test_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE bookmarks (url)")
    other.close()
    before = path.read_bytes()
    assert "another program" in await refused(path)
    assert path.read_bytes() == before


async def test_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with SqliteStorage.open(path, ACCOUNT):
        pass
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {migrations.VERSION + 1}")
    connection.close()
    assert "newer botkit" in await refused(path)
    assert "newer botkit" in await refused(path, read_only=True)


async def test_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    assert "is a folder" in await refused(tmp_path)


async def test_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    assert "folder" in await refused(tmp_path / "data" / "log.db")


async def test_reading_what_does_not_exist_is_refused_and_makes_nothing(tmp_path: Path) -> None:
    assert "does not exist" in await refused(tmp_path / "log.db", read_only=True)
    assert list(tmp_path.iterdir()) == []


async def test_database_locked_by_another_process_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_base, "BUSY_SECONDS", 0.05)
    path = tmp_path / "log.db"
    async with SqliteStorage.open(path, ACCOUNT):
        pass
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        assert "another process has it locked" in await refused(path)
    finally:
        other.close()


async def test_file_that_may_not_be_written_is_refused_at_start() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "log.db"
        async with SqliteStorage.open(path, ACCOUNT) as storage:
            await storage.log.write([said(1)])
        path.chmod(0o444)
        Path(folder).chmod(0o555)
        try:
            done = _as_nobody(path)
        finally:
            Path(folder).chmod(0o755)
    assert "StoreError" in done.stderr
    assert "let the bot's user" in done.stderr
    assert done.stdout == "read a1\n", done.stderr


def _as_nobody(path: Path) -> subprocess.CompletedProcess[str]:
    """Open to read, then to write; as root, to whom permissions mean nothing, become nobody first."""
    program = """
        import asyncio, os, sys
        from pathlib import Path
        from botkit.model.address import Address
        from botkit.model.archive import LogQuery
        from botkit.storage.sqlite import SqliteStorage

        async def main():
            path, account = Path(sys.argv[1]), Address.parse("keeper@example.org")
            async with SqliteStorage.open(path, account, read_only=True) as storage:
                for row in await storage.log.find(LogQuery(room=Address.parse("lobby@rooms.example.org"))):
                    print("read", row.archive_id, flush=True)
            async with SqliteStorage.open(path, account):
                pass

        if os.geteuid() == 0:
            os.setgid(65534)
            os.setuid(65534)
        asyncio.run(main())
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=REPOSITORY)


async def test_reading_goes_on_while_the_bot_writes(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with (
        SqliteStorage.open(path, ACCOUNT) as bot,
        SqliteStorage.open(path, ACCOUNT, read_only=True) as reader,
    ):
        await bot.log.write([said(1)])
        assert len(await reader.log.find(LogQuery(room=ROOM))) == 1
        with pytest.raises(StoreError, match="for reading only"):
            await reader.log.write([said(2)])
        with pytest.raises(StoreError, match="for reading only"):
            await reader.values.put("keeper", "key", 1)


async def test_failed_write_changes_nothing_and_the_next_one_works(tmp_path: Path) -> None:
    """A full disk, as SQLite reports it when a database has reached its largest size."""
    async with SqliteStorage.open(tmp_path / "log.db", ACCOUNT) as storage:
        await storage.log.write([said(1), moved(1)])
        connections = storage.log._connections
        await connections.write(lambda c: c.execute("PRAGMA max_page_count = 1").fetchall())
        too_much = [said(n, "x" * 5000) for n in range(2, 40)]
        with pytest.raises(StoreError, match="disk is full") as caught:
            await storage.log.write([*too_much, moved(39)])
        assert caught.value.retryable
        assert [row.archive_id for row in await storage.log.find(LogQuery(room=ROOM))] == ["a1"]
        cursor = await storage.log.cursor(ROOM)
        assert cursor is not None
        assert cursor.archive_id == "a1"
        await connections.write(lambda c: c.execute("PRAGMA max_page_count = 1000000").fetchall())
        await storage.log.write([*too_much, moved(39)])
        assert len(await storage.log.find(LogQuery(room=ROOM, search="x" * 5000))) == 38


async def test_first_message_of_a_room_can_be_written_again_after_a_failure(tmp_path: Path) -> None:
    async with SqliteStorage.open(tmp_path / "log.db", ACCOUNT) as storage:
        broken = said(1, "half a surrogate pair: \ud800")
        with pytest.raises(UnicodeEncodeError):
            await storage.log.write([said(2), broken])
        await storage.log.write([said(2)])
        assert len(await storage.log.find(LogQuery(room=ROOM))) == 1


async def test_use_after_closing_is_a_store_error(tmp_path: Path) -> None:
    async with SqliteStorage.open(tmp_path / "log.db", ACCOUNT) as storage:
        pass
    with pytest.raises(StoreError, match="is closed"):
        await storage.log.write([said(1)])
    with pytest.raises(StoreError, match="is closed"):
        await storage.log.rooms()


async def test_search_index_agrees_with_what_is_shown(tmp_path: Path) -> None:
    async with SqliteStorage.open(tmp_path / "log.db", ACCOUNT) as storage:
        await storage.log.write([said(n, f"word{n}") for n in range(20)])
        check = "INSERT INTO message_words (message_words, rank) VALUES ('integrity-check', 1)"
        await storage.log._connections.write(lambda c: c.execute(check).fetchall())


def test_failed_migration_leaves_the_database_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrations.migrate(connection, "log.db")
    steps = (*migrations.MIGRATIONS, ("CREATE TABLE extra (a)", "CREATE TABLE nonsense ("))
    monkeypatch.setattr(migrations, "MIGRATIONS", steps)
    monkeypatch.setattr(migrations, "VERSION", len(steps))
    with pytest.raises(sqlite3.OperationalError):
        migrations.migrate(connection, "log.db")
    assert migrations.check(connection, "log.db") == len(steps) - 1
    assert connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'extra'").fetchone() is None
    connection.close()


_WRITER = """
    import asyncio, sys
    from datetime import UTC, datetime, timedelta
    from pathlib import Path
    from botkit.model.address import Address
    from botkit.model.archive import CursorMoved, Said
    from botkit.storage.sqlite import SqliteStorage

    async def main():
        room = Address.parse("lobby@rooms.example.org")
        async with SqliteStorage.open(Path(sys.argv[1]), Address.parse("keeper@example.org")) as storage:
            for n in range(1, 1_000_000):
                at = datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(seconds=n)
                said = Said(room=room, archive_id=f"a{n}", message_id=None, at=at, nick="romeo", identity=None,
                            occupant_id=None, real=None, body="hello")
                await storage.log.write([said, CursorMoved(room=room, archive_id=f"a{n}", at=at)])
                print(n, flush=True)

    asyncio.run(main())
"""


def _acknowledged_before_kill_9(path: Path) -> int:
    command = [sys.executable, "-c", textwrap.dedent(_WRITER), str(path)]
    line = "0"
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            if int(line) >= 50:
                break
        writer.send_signal(signal.SIGKILL)
        return int([line, *writer.stdout][-1])


async def test_rows_acknowledged_before_kill_9_are_there(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    acknowledged = _acknowledged_before_kill_9(path)
    assert acknowledged >= 50
    async with SqliteStorage.open(path, ACCOUNT) as storage:
        numbers = [
            int((row.archive_id or "a0")[1:]) for row in await storage.log.find(LogQuery(room=ROOM, limit=10**6))
        ]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= acknowledged
        cursor = await storage.log.cursor(ROOM)
        assert cursor is not None
        assert cursor.archive_id == f"a{len(numbers)}"


async def test_database_of_the_first_shape_is_brought_up_to_date_with_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bot.db"
    with monkeypatch.context() as before:
        before.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:1])
        before.setattr(migrations, "VERSION", 1)
        connection = sqlite3.connect(path, isolation_level=None)
        migrations.migrate(connection, str(path))
        connection.execute("INSERT INTO room (id, account, address) VALUES (1, ?, ?)", (str(ACCOUNT), str(ROOM)))
        connection.execute("INSERT INTO cursor (room, archive_id, at) VALUES (1, 'a1', 5)")
        connection.close()
    async with SqliteStorage.open(path, ACCOUNT) as storage:
        cursor = await storage.log.cursor(ROOM)
        assert cursor is not None
        assert cursor.archive_id == "a1"
        assert await storage.log.gaps(ROOM) == []
        assert await storage.life.last() is None
