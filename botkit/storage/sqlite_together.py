"""Many small writes that must reach the disk, in one transaction."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from botkit.storage.sqlite_base import Connections, to_the_disk

P = ParamSpec("P")
T = TypeVar("T")

_MOST = 500
"""Writes in one transaction; other processes that write have to wait for it."""


class _Write:
    __slots__ = ("done", "problem", "result", "work")

    def __init__(self, work: Callable[[sqlite3.Connection], Any]) -> None:
        self.work = work
        self.done = False
        self.result: Any = None
        self.problem: BaseException | None = None


class Together:
    """Writes that are asked for while another is under way share the next transaction, and its wait for the disk."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._waiting: deque[_Write] = deque()  # appended to by the loop, taken from by the database's thread

    async def do(
        self, function: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``function`` in a transaction; what it wrote is on the disk itself when this returns.

        What it raises undoes its own writes alone. Who is cancelled does not know whether it was done.
        """
        mine = _Write(lambda connection: function(connection, *args, **kwargs))
        self._waiting.append(mine)
        # Each has a turn of its own in the thread; most find there that the turn of another did their work.
        return cast(T, await self._connections.write(self._turn, mine))

    def _turn(self, connection: sqlite3.Connection, mine: _Write) -> Any:
        while not mine.done:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST))]
            try:
                _all(connection, batch)
            except BaseException as problem:
                for one in batch:
                    one.problem = one.problem or problem
            for one in batch:
                one.done = True
        if mine.problem is not None:
            raise mine.problem
        return mine.result


def _all(connection: sqlite3.Connection, batch: list[_Write]) -> None:
    with to_the_disk(connection):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for one in batch:
                _do(connection, one)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _do(connection: sqlite3.Connection, one: _Write) -> None:
    connection.execute("SAVEPOINT one")
    try:
        one.result = one.work(connection)
    except Exception as problem:
        if not connection.in_transaction:  # the disk is full, say: SQLite has undone everything
            raise
        connection.execute("ROLLBACK TO one")
        one.problem = problem
    connection.execute("RELEASE one")
