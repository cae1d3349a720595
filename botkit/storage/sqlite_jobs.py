"""Jobs and their fires in SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from botkit.model.address import Address
from botkit.model.jobs import FireKey, FireRecord, FireState, JobRecord, Missed
from botkit.storage.json_text import as_json
from botkit.storage.sqlite_base import Connections

T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_DEFINITION = ("rule", "handler", "arguments", "rooms", "missed", "grace", "retries", "pause_after", "at_once",
               "owner", "declared")  # fmt: skip
_PROGRESS = ("made", "checked", "failures", "paused", "reason")
_JOB = ", ".join(("name", *_DEFINITION, *_PROGRESS))
_FIRE = "job, due, state, process, begun, attempts, ended, retry_at, error"


class SqliteJobs:
    """``JobStore`` for one account."""

    def __init__(self, connections: Connections, account: str) -> None:
        self._connections = connections
        self._account = account

    async def jobs(self) -> list[JobRecord]:
        """See ``ports.JobStore``."""
        return await self._connections.read(self._jobs)

    def _jobs(self, connection: sqlite3.Connection) -> list[JobRecord]:
        rows = connection.execute(f"SELECT {_JOB} FROM job WHERE account = ? ORDER BY name", (self._account,))
        return [_job(row) for row in rows]

    async def put(self, *jobs: JobRecord) -> list[JobRecord]:
        """See ``ports.JobStore``."""
        return await self._change(self._put, jobs)

    def _put(self, connection: sqlite3.Connection, jobs: Sequence[JobRecord]) -> list[JobRecord]:
        replaced = ", ".join(f"{column} = excluded.{column}" for column in _DEFINITION)
        kept = ", ".join(f"{c} = CASE WHEN rule = excluded.rule THEN {c} ELSE excluded.{c} END" for c in _PROGRESS)
        statement = (
            f"INSERT INTO job (account, {_JOB}) VALUES (?{', ?' * (1 + len(_DEFINITION) + len(_PROGRESS))})"
            f" ON CONFLICT DO UPDATE SET {kept}, {replaced} RETURNING {_JOB}"
        )
        return [_job(connection.execute(statement, (self._account, *_job_row(job))).fetchone()) for job in jobs]

    async def remove(self, name: str) -> bool:
        """See ``ports.JobStore``."""
        return await self._change(self._remove, name)

    def _remove(self, connection: sqlite3.Connection, name: str) -> bool:
        connection.execute("DELETE FROM fire WHERE account = ? AND job = ?", (self._account, name))
        return connection.execute("DELETE FROM job WHERE account = ? AND name = ?", (self._account, name)).rowcount > 0

    async def begin(
        self,
        process: str,
        at: datetime,
        *,
        begun: Sequence[FireKey] = (),
        missed: Sequence[FireKey] = (),
        checked: Mapping[str, datetime],
    ) -> set[FireKey]:
        """See ``ports.JobStore``."""
        return await self._change(self._begin, process, at, begun, missed, checked)

    def _begin(
        self,
        connection: sqlite3.Connection,
        process: str,
        at: datetime,
        begun: Sequence[FireKey],
        missed: Sequence[FireKey],
        checked: Mapping[str, datetime],
    ) -> set[FireKey]:
        insert = (
            "INSERT INTO fire (account, job, due, state, process, begun, attempts, ended)"
            " SELECT ?, ?, ?, ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM job WHERE account = ? AND name = ?)"
            " ON CONFLICT DO NOTHING"
        )

        def noted(key: FireKey, state: FireState) -> bool:
            running = state is FireState.RUNNING
            row = (self._account, key.job, _number(key.due), state.value, process, _number(at), int(running),
                   None if running else _number(at), self._account, key.job)  # fmt: skip
            return connection.execute(insert, row).rowcount > 0

        mine = {key for key in begun if noted(key, FireState.RUNNING)}
        for key in missed:
            noted(key, FireState.MISSED)
        connection.executemany(
            "UPDATE job SET checked = max(checked, ?) WHERE account = ? AND name = ?",
            [(_number(until), self._account, name) for name, until in checked.items()],
        )
        return mine

    async def end(self, fires: Sequence[FireRecord]) -> None:
        """See ``ports.JobStore``."""
        await self._change(self._end, fires)

    def _end(self, connection: sqlite3.Connection, fires: Sequence[FireRecord]) -> None:
        for fire in fires:
            changed = connection.execute(
                "UPDATE fire SET state = ?, attempts = ?, ended = ?, retry_at = ?, error = ?"
                " WHERE account = ? AND job = ? AND due = ? AND process = ?",
                (fire.state.value, fire.attempts, _number_or_none(fire.ended), _number_or_none(fire.retry_at),
                 fire.error, self._account, fire.key.job, _number(fire.key.due), fire.process),
            )  # fmt: skip
            if changed.rowcount and fire.state in (FireState.DONE, FireState.FAILED):
                count = "0" if fire.state is FireState.DONE else "failures + 1"
                connection.execute(
                    f"UPDATE job SET failures = {count} WHERE account = ? AND name = ?", (self._account, fire.key.job)
                )

    async def open_fires(self) -> list[FireRecord]:
        """See ``ports.JobStore``."""
        return await self._connections.read(self._found, "state IN ('running', 'retry') ORDER BY due, job")

    async def fires(self, job: str, limit: int = 100) -> list[FireRecord]:
        """See ``ports.JobStore``."""
        return await self._connections.read(self._found, "job = ? ORDER BY due DESC LIMIT ?", job, limit)

    def _found(self, connection: sqlite3.Connection, where: str, *values: object) -> list[FireRecord]:
        rows = connection.execute(f"SELECT {_FIRE} FROM fire WHERE account = ? AND {where}", (self._account, *values))
        return [_fire(row) for row in rows]

    async def take_over(self, process: str, fire: FireRecord) -> bool:
        """See ``ports.JobStore``."""
        return await self._change(self._take_over, process, fire)

    def _take_over(self, connection: sqlite3.Connection, process: str, fire: FireRecord) -> bool:
        changed = connection.execute(
            "UPDATE fire SET process = ? WHERE account = ? AND job = ? AND due = ? AND process = ? AND state = ?"
            " AND attempts = ?",
            (process, self._account, fire.key.job, _number(fire.key.due), fire.process, fire.state.value,
             fire.attempts),
        )  # fmt: skip
        return changed.rowcount > 0

    async def pause(self, name: str, reason: str | None, at: datetime | None) -> bool:
        """See ``ports.JobStore``."""
        return await self._change(self._pause, name, reason, at)

    def _pause(self, connection: sqlite3.Connection, name: str, reason: str | None, at: datetime | None) -> bool:
        forgotten = ", failures = 0" if at is None else ""
        changed = connection.execute(
            f"UPDATE job SET paused = ?, reason = ?{forgotten} WHERE account = ? AND name = ?",
            (_number_or_none(at), reason if at is not None else None, self._account, name),
        )
        return changed.rowcount > 0

    async def hold(self, process: str, until: datetime) -> None:
        """See ``ports.JobStore``."""
        await self._change(self._hold, process, until)

    def _hold(self, connection: sqlite3.Connection, process: str, until: datetime) -> None:
        connection.execute(
            "INSERT INTO process (id, until) VALUES (?, ?) ON CONFLICT DO UPDATE SET until = excluded.until",
            (process, _number(until)),
        )

    async def lease(self, process: str) -> datetime | None:
        """See ``ports.JobStore``."""
        return await self._connections.read(self._lease, process)

    def _lease(self, connection: sqlite3.Connection, process: str) -> datetime | None:
        row = connection.execute("SELECT until FROM process WHERE id = ?", (process,)).fetchone()
        return None if row is None else _time(row[0])

    async def prune(self, before: datetime) -> int:
        """See ``ports.JobStore``."""
        return await self._change(self._prune, before)

    def _prune(self, connection: sqlite3.Connection, before: datetime) -> int:
        connection.execute("DELETE FROM process WHERE until < ?", (_number(before),))
        return connection.execute(
            "DELETE FROM fire WHERE account = ? AND ended < ? AND retry_at IS NULL", (self._account, _number(before))
        ).rowcount

    async def _change(self, work: Callable[..., T], *args: object) -> T:
        return await self._connections.write(_whole, work, *args)


def _whole(connection: sqlite3.Connection, work: Callable[..., T], *args: object) -> T:
    # A fire that was noted, or a job that was acknowledged, has no other copy: it must outlive a power cut.
    connection.execute("PRAGMA synchronous = FULL")
    try:
        connection.execute("BEGIN IMMEDIATE")
        result = work(connection, *args)
        connection.execute("COMMIT")
        return result
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        connection.execute("PRAGMA synchronous = NORMAL")


def _job_row(job: JobRecord) -> tuple[object, ...]:
    rooms = None if job.rooms is None else json.dumps([str(room) for room in job.rooms])
    rule, arguments = (as_json("job", job.name, value) for value in (dict(job.rule), job.arguments))
    return (
        job.name, rule, job.handler, arguments, rooms, job.missed.value, job.grace // _TICK, job.retries,
        job.pause_after, job.at_once, str(job.owner) if job.owner else None, int(job.declared),
        _number(job.made), _number(job.checked), job.failures, _number_or_none(job.paused), job.reason,
    )  # fmt: skip


def _job(row: Sequence[object]) -> JobRecord:
    (name, rule, handler, arguments, rooms, missed, grace, retries, pause_after, at_once, owner, declared,
     made, checked, failures, paused, reason) = row  # fmt: skip
    return JobRecord(
        name=_text(name),
        rule=json.loads(_text(rule)),
        handler=_text(handler),
        arguments=json.loads(_text(arguments)),
        rooms=None if rooms is None else tuple(map(Address.parse, json.loads(_text(rooms)))),
        missed=Missed(missed),
        grace=_integer(grace) * _TICK,
        retries=_integer(retries),
        pause_after=_integer(pause_after),
        at_once=_integer(at_once),
        owner=None if owner is None else Address.parse(_text(owner)),
        declared=bool(declared),
        made=_time(_integer(made)),
        checked=_time(_integer(checked)),
        failures=_integer(failures),
        paused=None if paused is None else _time(_integer(paused)),
        reason=None if reason is None else _text(reason),
    )


def _fire(row: Sequence[object]) -> FireRecord:
    job, due, state, process, begun, attempts, ended, retry_at, error = row
    return FireRecord(
        key=FireKey(_text(job), _time(_integer(due))),
        state=FireState(state),
        process=_text(process),
        begun=_time(_integer(begun)),
        attempts=_integer(attempts),
        ended=None if ended is None else _time(_integer(ended)),
        retry_at=None if retry_at is None else _time(_integer(retry_at)),
        error=None if error is None else _text(error),
    )


def _text(value: object) -> str:
    assert isinstance(value, str), value
    return value


def _integer(value: object) -> int:
    assert isinstance(value, int), value
    return value


def _number(at: datetime) -> int:
    return (at - _EPOCH) // _TICK


def _number_or_none(at: datetime | None) -> int | None:
    return None if at is None else _number(at)


def _time(number: int) -> datetime:
    return _EPOCH + number * _TICK
