"""What corrections and retractions do to a log, the same for every store.

A store is a ``Shelf``: it finds and changes rows. ``apply`` is the only place that decides which
row a correction or retraction belongs to, and whether its author may.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from botkit.model.address import Address
from botkit.model.archive import CursorMoved, GapFound, GapsClosed, LogChange, Retracted, Said

SKEW = timedelta(minutes=10)
"""How much later than its correction or retraction a message may seem to be: live times are of our
clock, archived ones of the server's. It also keeps ids apart that a client uses again another day."""

PENDING_LIMIT = 1000
"""How many retractions that wait for their message are kept for a room, of each kind (by the room, by authors)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A row, as far as the rules look at it. ``corrects`` is the number of the message that it corrects."""

    number: int
    at: datetime
    nick: str
    keys: frozenset[str]
    body: str
    original: str | None
    corrects: int | None
    corrected: datetime | None
    retracted: datetime | None


class Shelf(Protocol):
    """What a store must be able to do inside one write."""

    def insert(self, said: Said) -> int | None:
        """Add a row and return its number; None if the room's log has its archive id already."""

    def insert_all(self, said: Sequence[Said]) -> None:
        """Add rows in order, but for those whose archive ids are there already. None of them may be ``awaited``."""

    def row(self, number: int) -> Found:
        """The row with this number."""

    def by_archive_id(self, room: Address, archive_id: str) -> Found | None:
        """The row with this archive id."""

    def by_sender_id(self, room: Address, sender_id: str, until: datetime) -> list[Found]:
        """Rows with this origin id, then those with this message id, not later than ``until``, latest first."""

    def orphans(self, room: Address, replaces: str, since: datetime) -> list[Found]:
        """Corrections of this message id that have found no message yet, not before ``since``, oldest first."""

    def corrections(self, number: int) -> list[Found]:
        """All corrections of a message, oldest first."""

    def attach(self, number: int, target: int) -> None:
        """Make a row, and what corrected it, corrections of ``target``."""

    def show(self, number: int, body: str, original: str | None, corrected: datetime | None) -> None:
        """Change what a message shows."""

    def hide(self, number: int, original: str | None, change: Retracted) -> None:
        """Take a message away; where it is away already, add only who and why if that was not known."""

    def awaited(self, said: Said) -> bool:
        """False if surely no correction or retraction waits for this message."""

    def pend(self, change: Retracted) -> None:
        """Remember a retraction whose message is not here; the oldest beyond ``PENDING_LIMIT`` is forgotten."""

    def pending(self, room: Address, targets: Iterable[str]) -> list[tuple[int, Retracted]]:
        """Retractions that wait for one of ``targets``, in order of coming, each with a number for ``settled``."""

    def settled(self, pending: int) -> None:
        """Forget a waiting retraction."""

    def move_cursor(self, change: CursorMoved) -> None:
        """Move the room's cursor, but never back in time."""

    def open_gap(self, change: GapFound) -> None:
        """Record a gap, or move the end of the open one that has the same reason and begins at the same place."""

    def close_gaps(self, change: GapsClosed) -> None:
        """Close every open gap of the room that can be closed."""


def author_keys(room: Address, identity: str | None, occupant_id: str | None, real: Address | None) -> frozenset[str]:
    """Everything that says who an author is; the archive often tells less than the live room did."""
    keys = {identity} if identity else set()
    if occupant_id:
        keys.add(f"occupant:{room}:{occupant_id}")
    if real is not None:
        keys.add(f"jid:{real.bare}")
    return frozenset(keys)


def same_author(keys: frozenset[str], nick: str | None, row: Found) -> bool:
    """XEP-0424 §4, XEP-0308 §4: the same real JID or occupant-id. A nick counts only where neither side has more."""
    if keys or row.keys:
        return not keys.isdisjoint(row.keys)
    return nick is not None and nick == row.nick


def apply(shelf: Shelf, changes: Iterable[LogChange]) -> None:
    """Apply ``changes`` in order. Messages that nothing else is about, as most are, go in together."""
    plain: list[Said] = []
    for change in changes:
        if isinstance(change, CursorMoved):
            shelf.move_cursor(change)
            continue
        if isinstance(change, GapFound):
            shelf.open_gap(change)
        elif isinstance(change, GapsClosed):
            shelf.close_gaps(change)
        elif isinstance(change, Said):
            if change.replaces is None and change.archive_id is not None and not shelf.awaited(change):
                plain.append(change)
                continue
            shelf.insert_all(plain)
            plain.clear()
            _add(shelf, change)
        else:
            shelf.insert_all(plain)
            plain.clear()
            _retract(shelf, change)
    shelf.insert_all(plain)


def _add(shelf: Shelf, said: Said) -> None:
    number = shelf.insert(said)
    if number is None:
        return
    if said.replaces is not None:
        _correct(shelf, number, said)
    if shelf.awaited(said):
        _settle(shelf, number, said)


def _correct(shelf: Shelf, number: int, said: Said) -> None:
    """Attach a new correction to its message. Without one it stays as a message of its own, as clients show it."""
    assert said.replaces is not None
    keys = author_keys(said.room, said.identity, said.occupant_id, said.real)
    for row in shelf.by_sender_id(said.room, said.replaces, said.at + SKEW):
        if row.number != number and same_author(keys, said.nick, row):
            _attach(shelf, shelf.row(number), row)
            return


def _attach(shelf: Shelf, correction: Found, target: Found) -> None:
    root = target if target.corrects is None else shelf.row(target.corrects)
    if root.number == correction.number:
        return  # two messages that claim to correct each other
    if root.retracted is not None and correction.at > root.retracted:
        return  # said after the retraction, which does not cover it: a client shows it as a new message
    shelf.attach(correction.number, root.number)
    if root.retracted is not None:
        change = Retracted(room=_NOWHERE, target="", at=root.retracted, by_room=True)
        shelf.hide(correction.number, correction.body or None, change)
        return
    newest = shelf.corrections(root.number)[-1]
    original = root.body if root.corrected is None else root.original
    shelf.show(root.number, newest.body, original, newest.at)


_NOWHERE = Address(None, "localhost")


def _retract(shelf: Shelf, change: Retracted) -> None:
    row = shelf.by_archive_id(change.room, change.target)
    if change.by_room:
        if row is None:
            shelf.pend(change)
        else:
            _hide(shelf, row, change)
        return
    keys = frozenset({change.identity} if change.identity else ())
    if row is not None:
        # An id of the room's is never also somebody's own: a claim on another's message ends here.
        if same_author(keys, change.nick, row):
            _hide(shelf, row, change)
        return
    for candidate in shelf.by_sender_id(change.room, change.target, change.at + SKEW):
        if same_author(keys, change.nick, candidate):
            _hide(shelf, candidate, change)
            return
    shelf.pend(change)


def _hide(shelf: Shelf, row: Found, change: Retracted) -> None:
    """Take away the whole message, whichever version of it was named.

    Clients show a corrected message as one, under the id of its first or of its last version, so
    whoever retracts one of them means all.
    """
    root = row if row.corrects is None else shelf.row(row.corrects)
    for version in (*shelf.corrections(root.number), root):
        original = version.original
        if version.retracted is None and version.corrected is None:
            original = version.body or None
        shelf.hide(version.number, original, change)


def _settle(shelf: Shelf, number: int, said: Said) -> None:
    """Let take effect what came before the message that it is about."""
    targets = {target for target in (said.archive_id, said.origin_id, said.message_id) if target}
    for pending, change in shelf.pending(said.room, targets):
        row = shelf.row(number)
        if change.by_room:
            fits = change.target == said.archive_id
        else:
            keys = frozenset({change.identity} if change.identity else ())
            in_time = change.target == said.archive_id or said.at <= change.at + SKEW
            fits = in_time and same_author(keys, change.nick, row)
        if fits:
            _hide(shelf, row, change)
            shelf.settled(pending)
    if said.message_id is None:
        return
    for orphan in shelf.orphans(said.room, said.message_id, said.at - SKEW):
        row = shelf.row(number)
        if orphan.number != number and same_author(orphan.keys, orphan.nick, row):
            _attach(shelf, orphan, row)


def words(search: str) -> list[str]:
    """The words of a search; each must occur."""
    # Half a surrogate pair, as odd bytes of a command line arrive, cannot be written to a database.
    return search.replace("\0", " ").encode("utf-8", "replace").decode().split()


def unspaced(word: str) -> bool:
    """True for scripts written without spaces: there a word index finds nothing, and text is compared instead."""
    return any(c >= "\u0e00" and unicodedata.category(c) == "Lo" and _in_unspaced_script(ord(c)) for c in word)


def _in_unspaced_script(code: int) -> bool:
    # Thai to Myanmar, Khmer, Han with kana and bopomofo, Yi; not Hangul, Ethiopic or Georgian.
    return 0x0E00 <= code <= 0x109F or 0x1780 <= code <= 0x17FF or 0x2E80 <= code <= 0xA4CF or code >= 0xF900
