"""The independent reader: what rooms' archives say (XEP-0313, over slixmpp), and what the bot's files say (plain SQL).

Nothing of botkit is used here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.server.clients import Client, Server
from tests.server.wire import CLIENT, body

_MAM = "{urn:xmpp:mam:2}"
_FORWARD = "{urn:xmpp:forward:0}"
_DELAY = "{urn:xmpp:delay}"
_PAGE = 1000
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a room's archive. ``number`` is the room's archive id, ``id`` what its sender called it."""

    room: str
    number: str
    id: str
    nick: str
    body: str
    at: float


@dataclass(frozen=True, slots=True)
class Row:
    """One message of the bot's log."""

    room: str
    number: str | None
    id: str | None
    nick: str
    body: str
    source: str


async def archive(server: Server, account: str, room: str, after: str = "") -> list[Said]:
    """All that the room's archive has behind ``after``, oldest first, read on a connection of its own."""
    client = await Client.connect(server, account, "reader")
    try:
        found: list[Said] = []
        while True:
            page = [_said(room, result) for result in await _page(client, room, after)]
            if not page:
                return found
            found += [said for said in page if said is not None]
            after = next(said.number for said in reversed(page) if said is not None)
    finally:
        await client.close()


async def _page(client: Client, room: str, after: str) -> list[Any]:
    number, since = client.next_id(), client.mark()
    place = f"<after>{after}</after>" if after else ""
    await client.iq(
        "set",
        room,
        f"<query xmlns='urn:xmpp:mam:2' queryid='{number}'><set xmlns='http://jabber.org/protocol/rsm'>"
        f"<max>{_PAGE}</max>{place}</set></query>",
        _PATIENCE,
    )
    found = (element.find(f"{_MAM}result") for element in client.received[since:] if element.get("from") == room)
    results = [result for result in found if result is not None and result.get("queryid") == number]
    del client.received[:]
    return results


def _said(room: str, result: Any) -> Said:
    message = result.find(f"{_FORWARD}forwarded/{CLIENT}message")
    delay = result.find(f"{_FORWARD}forwarded/{_DELAY}delay")
    return Said(
        room=room,
        number=result.get("id", ""),
        id=message.get("id", ""),
        nick=message.get("from", "").partition("/")[2],
        body=body(message) or "",
        at=0.0 if delay is None else datetime.fromisoformat(delay.get("stamp", "")).timestamp(),
    )


def log(database: Path) -> Iterator[Row]:
    """Every message of the bot's log, in the order in which it was written."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        yield from (
            Row(*fields)
            for fields in connection.execute(
                "SELECT room.address, archive_id, message_id, nick, coalesce(original, body), source"
                " FROM message JOIN room ON room.id = message.room ORDER BY number"
            )
        )
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class Gap:
    """What the bot knows to be missing: from when to when (POSIX times; None: since ever, until now)."""

    room: str
    after: float | None
    before: float | None
    reason: str

    def covers(self, room: str, at: float, slack: float = 2.0) -> bool:
        """Whether what was said then is in it. Prosody 0.12 stamps whole seconds."""
        return (
            room == self.room
            and (self.after is None or self.after - slack <= at)
            and (self.before is None or at <= self.before + slack)
        )


def gaps(database: Path) -> list[Gap]:
    """Every gap of the bot's log."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return [
            Gap(room, after and after / 1e6, before and before / 1e6, reason)
            for room, after, before, reason in connection.execute(
                'SELECT room.address, "after", "before", reason FROM gap JOIN room ON room.id = gap.room'
            )
        ]
    finally:
        connection.close()


def is_sound(database: Path) -> str:
    """What SQLite itself says of the file: ``ok``, or what is broken."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])
    finally:
        connection.close()
