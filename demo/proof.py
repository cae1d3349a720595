"""What the demo proves: one row each, ✗ until it is shown to hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from tests.server.clients import Client
from tests.server.wire import CLIENT, body

_MAM = "{urn:xmpp:mam:2}"
_FORWARDED = "{urn:xmpp:forward:0}forwarded"
_PAGE = 50

ROWS = {
    "messages": "messages seen",
    "spam": "spam retracted",
    "ladder": "who goes on is stopped",
    "spared": "nobody else touched",
    "commands": "commands answered",
    "adhoc": "ad-hoc commands",
    "notice": "notice posted",
    "gap": "archive gap closed",
    "equal": "history equals archive",
    "clean": "clean shutdown",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One thing to prove. ``ok`` None: not got that far."""

    title: str
    ok: bool | None = None
    figures: str = "not reached"


class Ledger:
    """All rows, by their keys in ``ROWS``. A row that failed once stays so."""

    def __init__(self) -> None:
        self.rows = {key: Row(title) for key, title in ROWS.items()}

    def put(self, key: str, ok: object, figures: str) -> None:
        """Write down what was found."""
        row = self.rows[key]
        self.rows[key] = Row(row.title, bool(ok) and row.ok is not False, figures)

    def fail(self, key: str, why: str) -> None:
        """It did not hold, and why."""
        self.put(key, False, why)

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return all(row.ok for row in self.rows.values())

    def as_json(self) -> dict[str, object]:
        """For programs."""
        rows = {key: {"title": row.title, "ok": bool(row.ok), "figures": row.figures} for key, row in self.rows.items()}
        return {"ok": self.ok, "rows": rows}


async def read_archive(client: Client, room: str) -> dict[str, Element]:
    """The whole archive of the room (XEP-0313), read by an independent client: archive id to message."""
    found: dict[str, Element] = {}
    after = ""
    while True:
        page = await client.archive(room, after=after, limit=_PAGE)
        for result in page:
            message = result.find(f"{_FORWARDED}/{CLIENT}message")
            if message is not None:
                found[result.get("id", "")] = message
        if len(page) < _PAGE:
            return found
        after = page[-1].get("id", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The bot's history beside the room's archive. Ids, but for ``texts``: messages whose text differs."""

    in_archive: int
    in_history: int
    missing: tuple[str, ...]
    doubled: tuple[str, ...]
    foreign: tuple[str, ...]
    texts: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether both say the same."""
        return not (self.missing or self.doubled or self.foreign or self.texts)

    @property
    def figures(self) -> str:
        """In one line."""
        odd = "".join(
            f", {len(ids)} {word}" for ids, word in ((self.foreign, "foreign"), (self.texts, "different")) if ids
        )
        return (
            f"{self.in_history} = {self.in_archive}" if self.in_history == self.in_archive else
            f"{self.in_history} of {self.in_archive}"
        ) + f": {len(self.missing)} missing, {len(self.doubled)} doubled{odd}"  # fmt: skip


def compare(
    history: Collection[Mapping[str, object]], archive: Mapping[str, Element], retracted: Collection[str]
) -> Comparison:
    """Each message of the archive must be in the history once, with its text; a retracted one without its text.

    A message counts if it has a body, or was retracted (servers then leave a tombstone, or nothing but the id).
    """
    count = Counter(str(row["archive_id"]) for row in history)
    expected = {one for one, message in archive.items() if body(message) is not None or one in retracted}
    texts = {str(row["archive_id"]): row["body"] for row in history}
    wrong = [
        one
        for one in expected & count.keys()
        if (texts[one] or None) != (None if one in retracted else body(archive[one]))
    ]
    return Comparison(
        in_archive=len(expected),
        in_history=sum(count.values()),
        missing=tuple(sorted(expected - count.keys())),
        doubled=tuple(one for one, times in count.items() if times > 1),
        foreign=tuple(sorted(count.keys() - expected)),
        texts=tuple(wrong),
    )
