"""One account's storage in memory, gone with the process: for tests, and for bots that need no past."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise

from botkit.model.address import Address
from botkit.model.archive import (
    Cursor,
    CursorMoved,
    Gap,
    GapFound,
    GapsClosed,
    LogChange,
    LogQuery,
    LogRow,
    Retracted,
    Said,
)
from botkit.model.messages import ArchiveId, Source
from botkit.storage.json_text import as_json
from botkit.storage.memory_jobs import MemoryJobs
from botkit.storage.memory_notices import MemoryNotices
from botkit.storage.rules import PENDING_LIMIT, SKEW, Found, apply, author_keys, unspaced, words

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class _Row:
    number: int
    said: Said
    body: str
    original: str | None = None
    corrects: int | None = None
    corrected: datetime | None = None
    retracted: datetime | None = None
    retracted_by: str | None = None
    reason: str | None = None

    @property
    def order(self) -> tuple[datetime, int]:
        return self.said.at, self.number


class _MemoryShelf:
    """``rules.Shelf`` on lists and dicts."""

    def __init__(self) -> None:
        self.rows: list[_Row] = []
        self.in_room: dict[Address, list[_Row]] = defaultdict(list)
        self.by_id: dict[tuple[Address, str], _Row] = {}
        self.cursors: dict[Address, Cursor] = {}
        self.gaps: list[Gap] = []
        self._waiting: dict[tuple[Address, bool], deque[tuple[int, Retracted]]] = {}
        self._pended = 0

    def insert(self, said: Said) -> int | None:
        if said.archive_id is not None and (said.room, said.archive_id) in self.by_id:
            return None
        if said.source is Source.JOIN_HISTORY and said.archive_id is None and self._repeated(said):
            return None
        row = _Row(len(self.rows) + 1, said, said.body)
        self.rows.append(row)
        self.in_room[said.room].append(row)
        if said.archive_id is not None:
            self.by_id[said.room, said.archive_id] = row
        return row.number

    def insert_all(self, said: Sequence[Said]) -> None:
        for one in said:
            self.insert(one)

    def _repeated(self, said: Said) -> bool:
        return any(
            (r.said.message_id, r.said.nick, r.body) == (said.message_id, said.nick, said.body)
            and abs(r.said.at - said.at) <= SKEW
            for r in self.in_room[said.room]
        )

    def row(self, number: int) -> Found:
        return _found(self.rows[number - 1])

    def by_archive_id(self, room: Address, archive_id: str) -> Found | None:
        row = self.by_id.get((room, archive_id))
        return None if row is None else _found(row)

    def by_sender_id(self, room: Address, sender_id: str, until: datetime) -> list[Found]:
        rows = sorted((r for r in self.in_room[room] if r.said.at <= until), key=lambda r: r.order, reverse=True)
        by_origin = [r for r in rows if r.said.origin_id == sender_id != r.said.message_id]
        by_message = [r for r in rows if r.said.message_id == sender_id]
        return [_found(r) for r in (*by_origin[:20], *by_message[:20])]

    def orphans(self, room: Address, replaces: str, since: datetime) -> list[Found]:
        rows = [
            r for r in self.in_room[room] if r.said.replaces == replaces and r.corrects is None and r.said.at >= since
        ]
        return [_found(r) for r in sorted(rows, key=lambda r: r.order)[:20]]

    def corrections(self, number: int) -> list[Found]:
        room = self.rows[number - 1].said.room
        return [_found(r) for r in sorted(self.in_room[room], key=lambda r: r.order) if r.corrects == number]

    def attach(self, number: int, target: int) -> None:
        for row in self.rows:
            if row.number == number or row.corrects == number:
                row.corrects = target

    def show(self, number: int, body: str, original: str | None, corrected: datetime | None) -> None:
        row = self.rows[number - 1]
        row.body, row.original, row.corrected = body, original, corrected

    def hide(self, number: int, original: str | None, change: Retracted) -> None:
        row = self.rows[number - 1]
        row.body, row.original = "", original
        row.retracted = row.retracted or change.at
        row.retracted_by = change.nick if row.retracted_by is None else row.retracted_by
        row.reason = change.reason if row.reason is None else row.reason

    def awaited(self, said: Said) -> bool:
        return True

    def pend(self, change: Retracted) -> None:
        self._pended += 1
        key = change.room, change.by_room
        self._waiting.setdefault(key, deque(maxlen=PENDING_LIMIT)).append((self._pended, change))

    def pending(self, room: Address, targets: Iterable[str]) -> list[tuple[int, Retracted]]:
        wanted = set(targets)
        both = (*self._waiting.get((room, True), ()), *self._waiting.get((room, False), ()))
        return sorted((p for p in both if p[1].target in wanted), key=lambda p: p[0])

    def settled(self, pending: int) -> None:
        for waiting in self._waiting.values():
            for entry in tuple(waiting):
                if entry[0] == pending:
                    waiting.remove(entry)

    def move_cursor(self, change: CursorMoved) -> None:
        before = self.cursors.get(change.room)
        if before is None or change.at >= before.at:
            self.cursors[change.room] = Cursor(change.archive_id, change.at)

    def open_gap(self, change: GapFound) -> None:
        place = change.room, change.reason, change.after_id, change.after
        for index, gap in enumerate(self.gaps):
            if gap.closed is None and (gap.room, gap.reason, gap.after_id, gap.after) == place:
                self.gaps[index] = replace(gap, before_id=change.before_id, before=change.before)
                return
        self.gaps.append(
            Gap(number=len(self.gaps) + 1, room=change.room, after_id=change.after_id, after=change.after,
                before_id=change.before_id, before=change.before, reason=change.reason, found=change.found)
        )  # fmt: skip

    def close_gaps(self, change: GapsClosed) -> None:
        for index, gap in enumerate(self.gaps):
            if gap.room == change.room and gap.closed is None and gap.reason.can_be_closed:
                self.gaps[index] = replace(gap, closed=change.at)


class MemoryLog:
    """``MessageLog`` in memory."""

    def __init__(self) -> None:
        self._shelf = _MemoryShelf()

    async def write(self, changes: Sequence[LogChange]) -> None:
        """Apply ``changes`` in order."""
        apply(self._shelf, changes)

    async def known(self, room: Address, ids: Collection[ArchiveId]) -> set[ArchiveId]:
        """Those of ``ids`` that the log has."""
        return {archive_id for archive_id in ids if (room, archive_id) in self._shelf.by_id}

    async def numbers(self, room: Address, ids: Collection[ArchiveId]) -> dict[ArchiveId, int]:
        """As ``known``, with the numbers of the rows."""
        rows = ((archive_id, self._shelf.by_id.get((room, archive_id))) for archive_id in ids)
        return {archive_id: row.number for archive_id, row in rows if row is not None}

    async def newest(self) -> int:
        """The highest number; 0 if there is none."""
        return len(self._shelf.rows)

    async def gaps(self, room: Address) -> list[Gap]:
        """Where something may be missing, oldest first."""
        return sorted((gap for gap in self._shelf.gaps if gap.room == room), key=_gap_order)

    async def cursor(self, room: Address) -> Cursor | None:
        """Where to go on reading, or None."""
        return self._shelf.cursors.get(room)

    async def get(self, room: Address, archive_id: ArchiveId) -> LogRow | None:
        """One message, or None. The id of a correction gives the correction itself."""
        row = self._shelf.by_id.get((room, archive_id))
        return None if row is None else _log_row(row)

    async def find(self, query: LogQuery) -> list[LogRow]:
        """Messages, oldest first. ``since`` is included, ``until`` is not."""
        rows = [r for r in self._shelf.in_room.get(query.room, ()) if r.corrects is None and _fits(r, query)]
        rows.sort(key=lambda r: r.order)
        return [_log_row(r) for r in rows[len(rows) - min(max(query.limit, 0), len(rows)) :]]

    async def counts(self, room: Address, times: Sequence[datetime]) -> list[int]:
        """How many messages from each of ``times`` up to the next."""
        said = [r for r in self._shelf.in_room.get(room, ()) if r.corrects is None and r.retracted is None]
        return [sum(start <= r.said.at < end for r in said) for start, end in pairwise(times)]

    async def rooms(self) -> list[Address]:
        """Every room with at least one message."""
        return sorted((room for room, rows in self._shelf.in_room.items() if rows), key=str)

    async def expire_originals(self, before: datetime) -> int:
        """Forget original texts. Returns of how many messages."""
        count = 0
        for row in self._shelf.rows:
            if row.corrects is not None and row.body:
                root = self._shelf.rows[row.corrects - 1]
                last = self._shelf.corrections(row.corrects)[-1].number
                if root.corrected is not None and root.corrected < before and row.number != last:
                    row.body = ""
            changed = max((t for t in (row.corrected, row.retracted) if t is not None), default=None)
            if row.original is not None and changed is not None and changed < before:
                row.original = None
                count += row.corrects is None
        return count


class MemoryValues:
    """``KeyValues`` in memory; kept as JSON so that nothing passes here that a database would refuse or change."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], str] = {}

    async def get(self, space: str, key: str) -> object | None:
        """The value, or None."""
        text = self._values.get((space, key))
        value: object = None if text is None else json.loads(text)
        return value

    async def put(self, space: str, key: str, value: object) -> None:
        """Keep a value. Raises ``MisuseError`` for what is no JSON."""
        self._values[space, key] = as_json(space, key, value)

    async def delete(self, space: str, key: str) -> None:
        """Forget a value."""
        self._values.pop((space, key), None)

    async def items(self, space: str, prefix: str = "") -> Mapping[str, object]:
        """All values whose key starts with ``prefix``, by key."""
        found = sorted((k, v) for (s, k), v in self._values.items() if s == space and k.startswith(prefix))
        return {key: json.loads(value) for key, value in found}


class MemoryClaims:
    """``Claims`` in memory: they hold for this run alone."""

    def __init__(self) -> None:
        self._claimed: dict[bytes, datetime] = {}

    async def claim(self, keys: Collection[bytes], at: datetime, *, since: datetime) -> bool:
        """Claim all ``keys``; False if one of them was taken since."""
        free = all(self._claimed.get(key, _LONG_AGO) < since for key in keys)
        for key in keys:
            if self._claimed.get(key, _LONG_AGO) < since:
                self._claimed[key] = at
        return free

    async def expire(self, before: datetime) -> int:
        """Forget old claims. Returns how many."""
        old = [key for key, at in self._claimed.items() if at < before]
        for key in old:
            del self._claimed[key]
        return len(old)


class MemoryLife:
    """``Life`` in memory."""

    def __init__(self) -> None:
        self._until: datetime | None = None

    async def last(self) -> datetime | None:
        """What was said last."""
        return self._until

    async def renew(self, until: datetime) -> None:
        """Alive until then."""
        self._until = until

    async def end(self) -> None:
        """An orderly end."""
        self._until = None


class MemoryStorage:
    """``log`` is a ``MessageLog``, ``values`` are ``KeyValues``, ``claims`` are ``Claims``, ``life`` is a ``Life``,
    ``jobs`` a ``JobStore``, ``notices`` a ``NoticeStore``."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.notices = MemoryNotices()
        self.values = MemoryValues()
        self.claims = MemoryClaims()
        self.life = MemoryLife()
        self.jobs = MemoryJobs()


def _gap_order(gap: Gap) -> tuple[datetime, int]:
    return gap.before or gap.after or gap.found, gap.number


def _found(row: _Row) -> Found:
    said = row.said
    return Found(
        number=row.number, at=said.at, nick=said.nick, body=row.body, original=row.original, corrects=row.corrects,
        keys=author_keys(said.room, said.identity, said.occupant_id, said.real),
        corrected=row.corrected, retracted=row.retracted,
    )  # fmt: skip


def _log_row(row: _Row) -> LogRow:
    said = row.said
    unchanged = row.corrected is None and row.retracted is None
    return LogRow(
        number=row.number, room=said.room, archive_id=said.archive_id, message_id=said.message_id, at=said.at,
        nick=said.nick, identity=said.identity, real=said.real, body=row.body,
        original=row.body if unchanged else row.original, corrected=row.corrected, retracted=row.retracted,
        retracted_by=row.retracted_by, reason=row.reason,
    )  # fmt: skip


def _fits(row: _Row, query: LogQuery) -> bool:
    said = row.said
    keys = author_keys(said.room, said.identity, said.occupant_id, said.real)
    return (
        (query.since is None or said.at >= query.since)
        and (query.until is None or said.at < query.until)
        and (query.identity is None or query.identity in keys)
        and (query.nick is None or said.nick == query.nick)
        and (query.include_retracted or row.retracted is None)
        and (query.search is None or _contains(row.body, query.search))
    )


def _contains(body: str, search: str) -> bool:
    asked = words(search)
    if not all(word in body for word in asked if unspaced(word)):
        return False
    said = _tokens(body)
    phrases = [phrase for word in asked if not unspaced(word) and (phrase := _tokens(word))]
    if not phrases:
        return any(unspaced(word) for word in asked)
    return all(any(said[i : i + len(p)] == p for i in range(len(said))) for p in phrases)


def _tokens(text: str) -> list[str]:
    """Words as SQLite's ``unicode61`` makes them: letters and digits, without case and diacritics."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text.casefold()) if not unicodedata.combining(c))
    return re.findall(r"[^\W_]+", plain)
