"""The log's rows in SQLite, for one write at a time. Runs in the database's own thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from botkit.model.address import Address
from botkit.model.archive import CursorMoved, GapFound, GapReason, GapsClosed, LogChange, Retracted, Said
from botkit.model.messages import Source
from botkit.storage.rules import PENDING_LIMIT, SKEW, Found, apply, author_keys

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SOURCES = {source: source.value for source in Source}

_CLOSABLE = ", ".join(f"'{reason.value}'" for reason in GapReason if reason.can_be_closed)

_INSERT = (
    "INSERT INTO message (room, archive_id, message_id, origin_id, replaces, at, source, nick, identity, occupant_id,"
    " real, body) VALUES (?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING"
)
_FOUND = (
    "SELECT number, at, nick, identity, occupant_id, real, body, original, corrects, corrected, retracted, address"
    " FROM message%s JOIN room ON room.id = message.room WHERE "
)


def micros(at: datetime) -> int:
    """An aware time as microseconds since 1970, exactly."""
    since = at - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def moment(value: int) -> datetime:
    """The opposite of ``micros``."""
    return EPOCH + timedelta(microseconds=value)


def moment_or_none(value: int | None) -> datetime | None:
    """As ``moment``; None stays None."""
    return None if value is None else EPOCH + timedelta(microseconds=value)


def micros_or_none(at: datetime | None) -> int | None:
    """As ``micros``; None stays None."""
    return None if at is None else micros(at)


def _values(room: int, said: Said) -> tuple[Any, ...]:
    real, origin = said.real, said.origin_id
    return (
        room, said.archive_id, said.message_id, None if origin == said.message_id else origin, said.replaces,
        micros(said.at), _SOURCES[said.source], said.nick, said.identity, said.occupant_id,
        None if real is None else str(real), said.body,
    )  # fmt: skip


class SqliteShelf:
    """``rules.Shelf`` on one connection, which must be in autocommit mode."""

    def __init__(self, connection: sqlite3.Connection, account: str) -> None:
        self._connection = connection
        self._account = account
        self._rooms: dict[Address, int] = {}
        self._waiting: set[tuple[int, str]] = set()  # room and id; may hold some that no longer wait
        self._waiting_limit = 0
        self._indexed: int | None = None  # rows of this write after this number are not in the full-text index
        self._load()

    def write(self, changes: Sequence[LogChange]) -> None:
        """Apply ``changes`` in one transaction. Raises ``sqlite3.Error``, and then nothing is written."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            if len(self._waiting) > self._waiting_limit:
                self._load()
            apply(self, changes)
            self._index()
            self._connection.execute("COMMIT")
        except BaseException:
            # SQLITE_FULL may have rolled back already (sqlite.org/lang_transaction.html).
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._load()  # what the caches learnt was undone with the rest
            raise

    def _load(self) -> None:
        self._indexed = None
        rooms = self._connection.execute("SELECT address, id FROM room WHERE account = ?", (self._account,))
        self._rooms = {Address.parse(address): number for address, number in rooms}
        waiting = self._connection.execute(
            "SELECT room, target FROM pending_retraction UNION"
            " SELECT room, replaces FROM message WHERE replaces IS NOT NULL AND corrects IS NULL"
        )
        self._waiting = set(waiting)
        self._waiting_limit = 2 * len(self._waiting) + 10_000

    def _index(self) -> None:
        """Put new rows into the full-text index; due before one of them may change, as the trigger takes it out."""
        if self._indexed is not None:
            self._connection.execute(
                "INSERT INTO message_words (rowid, body) SELECT number, body FROM message"
                " WHERE number > ? AND corrects IS NULL AND body <> ''",
                (self._indexed,),
            )
            self._indexed = None

    def _before_insert(self) -> None:
        if self._indexed is None:
            self._indexed = self._connection.execute("SELECT coalesce(max(number), 0) FROM message").fetchone()[0]

    def _room(self, room: Address) -> int:
        number = self._rooms.get(room)
        if number is None:
            row = self._connection.execute(
                "INSERT INTO room (account, address) VALUES (?, ?)"
                " ON CONFLICT DO UPDATE SET address = excluded.address RETURNING id",
                (self._account, str(room)),
            ).fetchone()
            number = self._rooms[room] = int(row[0])
        return number

    def _all(self, index: str, where: str, values: Iterable[Any]) -> list[Found]:
        # The index is named, as without statistics SQLite takes the one on time and reads half the room.
        by = f" INDEXED BY {index}" if index else ""
        return [_found(row) for row in self._connection.execute(_FOUND % by + where, tuple(values))]

    def insert(self, said: Said) -> int | None:
        """Add a row; None if it is there."""
        room = self._room(said.room)
        if said.source is Source.JOIN_HISTORY and said.archive_id is None and self._repeated(room, said):
            return None
        self._before_insert()
        done = self._connection.execute(_INSERT, _values(room, said))
        if done.rowcount == 0:
            return None
        if said.replaces is not None:
            self._waiting.add((room, said.replaces))
        return done.lastrowid

    def insert_all(self, said: Sequence[Said]) -> None:
        """Add rows in order, but for those that are there."""
        if said:
            self._before_insert()
            self._connection.executemany(_INSERT, [_values(self._room(one.room), one) for one in said])

    def _repeated(self, room: int, said: Said) -> bool:
        """A room without an archive repeats its last messages to whoever joins; ids of the senders must do there."""
        return (
            self._connection.execute(
                "SELECT 1 FROM message WHERE room = ? AND message_id IS ? AND nick = ? AND body = ?"
                " AND at BETWEEN ? AND ? LIMIT 1",
                (room, said.message_id, said.nick, said.body, micros(said.at - SKEW), micros(said.at + SKEW)),
            ).fetchone()
            is not None
        )

    def row(self, number: int) -> Found:
        """The row with this number."""
        return self._all("", "number = ?", (number,))[0]

    def by_archive_id(self, room: Address, archive_id: str) -> Found | None:
        """The row with this archive id."""
        rows = self._all("message_archive_id", "message.room = ? AND archive_id = ?", (self._room(room), archive_id))
        return rows[0] if rows else None

    def by_sender_id(self, room: Address, sender_id: str, until: datetime) -> list[Found]:
        """By origin id, then by message id, latest first. A sender may use an id as often as he likes: bounded."""
        values = (self._room(room), sender_id, micros(until))
        newest = " AND at <= ? ORDER BY at DESC, number DESC LIMIT 20"
        by_origin = self._all("message_origin_id", "message.room = ? AND origin_id = ?" + newest, values)
        return by_origin + self._all("message_message_id", "message.room = ? AND message_id = ?" + newest, values)

    def orphans(self, room: Address, replaces: str, since: datetime) -> list[Found]:
        """Corrections without their message, oldest first."""
        where = "message.room = ? AND replaces = ? AND corrects IS NULL AND at >= ? ORDER BY at, number LIMIT 20"
        return self._all("message_orphan", where, (self._room(room), replaces, micros(since)))

    def corrections(self, number: int) -> list[Found]:
        """All corrections of a message, oldest first."""
        return self._all("message_corrects", "corrects = ? ORDER BY at, number", (number,))

    def attach(self, number: int, target: int) -> None:
        """Make a row and its own corrections corrections of ``target``."""
        self._index()
        self._connection.execute(
            "UPDATE message SET corrects = ? WHERE number = ? OR corrects = ?", (target, number, number)
        )

    def show(self, number: int, body: str, original: str | None, corrected: datetime | None) -> None:
        """Change what a message shows."""
        self._index()
        self._connection.execute(
            "UPDATE message SET body = ?, original = ?, corrected = ? WHERE number = ?",
            (body, original, None if corrected is None else micros(corrected), number),
        )

    def hide(self, number: int, original: str | None, change: Retracted) -> None:
        """Take a message away, or add who and why."""
        self._index()
        self._connection.execute(
            "UPDATE message SET body = '', original = ?, retracted = coalesce(retracted, ?),"
            " retracted_by = coalesce(retracted_by, ?), reason = coalesce(reason, ?) WHERE number = ?",
            (original, micros(change.at), change.nick, change.reason, number),
        )

    def awaited(self, said: Said) -> bool:
        """False if surely nothing waits for this message."""
        if not self._waiting:
            return False
        room = self._rooms.get(said.room)
        return any((room, id_) in self._waiting for id_ in (said.archive_id, said.origin_id, said.message_id) if id_)

    def pend(self, change: Retracted) -> None:
        """Remember a retraction; forget the oldest beyond the limit."""
        room = self._room(change.room)
        self._connection.execute(
            "INSERT INTO pending_retraction (room, target, at, by_room, nick, identity, reason) VALUES (?,?,?,?,?,?,?)",
            (room, change.target, micros(change.at), change.by_room, change.nick, change.identity, change.reason),
        )
        self._connection.execute(
            "DELETE FROM pending_retraction WHERE room = ? AND by_room = ? AND number <= (SELECT number"
            " FROM pending_retraction WHERE room = ? AND by_room = ? ORDER BY number DESC LIMIT 1 OFFSET ?)",
            (room, change.by_room, room, change.by_room, PENDING_LIMIT),
        )
        self._waiting.add((room, change.target))

    def pending(self, room: Address, targets: Iterable[str]) -> list[tuple[int, Retracted]]:
        """Retractions that wait for one of ``targets``."""
        ids = tuple(targets)
        rows = self._connection.execute(
            "SELECT number, target, at, by_room, nick, identity, reason FROM pending_retraction"
            f" WHERE room = ? AND target IN ({','.join('?' * len(ids))}) ORDER BY number",
            (self._room(room), *ids),
        )
        return [
            (number, Retracted(room=room, target=target, at=moment(at), by_room=bool(by_room), nick=nick,
                               identity=identity, reason=reason))
            for number, target, at, by_room, nick, identity, reason in rows
        ]  # fmt: skip

    def settled(self, pending: int) -> None:
        """Forget a waiting retraction."""
        self._connection.execute("DELETE FROM pending_retraction WHERE number = ?", (pending,))

    def move_cursor(self, change: CursorMoved) -> None:
        """Move the cursor, never back in time."""
        self._connection.execute(
            "INSERT INTO cursor (room, archive_id, at) VALUES (?, ?, ?) ON CONFLICT (room) DO UPDATE"
            " SET archive_id = excluded.archive_id, at = excluded.at WHERE excluded.at >= cursor.at",
            (self._room(change.room), change.archive_id, micros(change.at)),
        )

    def open_gap(self, change: GapFound) -> None:
        """Record a gap, or move the end of the same one."""
        room, after = self._room(change.room), micros_or_none(change.after)
        place = (room, change.reason.value, change.after_id, after)
        end = (change.before_id, micros_or_none(change.before))
        moved = self._connection.execute(
            "UPDATE gap SET before_id = ?, before = ? WHERE room = ? AND reason = ? AND after_id IS ? AND after IS ?"
            " AND closed IS NULL",
            (*end, *place),
        )
        if not moved.rowcount:
            self._connection.execute(
                "INSERT INTO gap (room, reason, after_id, after, before_id, before, found) VALUES (?,?,?,?,?,?,?)",
                (*place, *end, micros(change.found)),
            )

    def close_gaps(self, change: GapsClosed) -> None:
        """Close those that can be closed."""
        self._connection.execute(
            f"UPDATE gap SET closed = ? WHERE room = ? AND closed IS NULL AND reason IN ({_CLOSABLE})",
            (micros(change.at), self._room(change.room)),
        )


def _found(row: tuple[Any, ...]) -> Found:
    number, at, nick, identity, occupant_id, real, body, original, corrects, corrected, retracted, room = row
    keys = author_keys(Address.parse(room), identity, occupant_id, None if real is None else Address.parse(real))
    return Found(
        number=number, at=moment(at), nick=nick, keys=keys, body=body, original=original, corrects=corrects,
        corrected=moment_or_none(corrected), retracted=moment_or_none(retracted),
    )  # fmt: skip
