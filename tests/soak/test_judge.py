"""The judge of the soak finds what it is there to find."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.soak.ground import Truth
from tests.soak.journal import FULL_AT, Journal, read
from tests.soak.judge import Verdict, judge
from tests.soak.reader import Gap, Row, Said

ROOM = "lobby@rooms.example.org"
SAID = [
    Said(ROOM, "a1", "m1", "alice", "m1 hello", 60.0),
    Said(ROOM, "a2", "d2", "alice", "!do d2", 60.0),
    Said(ROOM, "a3", "k1", "keeper", "done d2", 60.0),
    Said(ROOM, "a4", "k2", "keeper", "notice n3", 60.0),
]


class Case:
    """A run in which all was well, to be spoilt by a test."""

    def __init__(self) -> None:
        self.said = list(SAID)
        self.rows = [Row(one.room, one.number, one.id, one.nick, one.body, "live") for one in SAID]
        self.told: list[dict[str, Any]] = [{"what": "saw", "room": ROOM, "id": number} for number in ("a1", "a2")]
        self.told += [
            {"what": "ran", "token": "d2"},
            {"what": "noting", "token": "n3"},
            {"what": "noted", "token": "n3"},
        ]
        self.gone: set[tuple[str, str]] = set()
        self.gaps: list[Gap] = []

    def verdict(self) -> Verdict:
        truth = Truth(gone=self.gone)
        truth.add(self.said)
        return judge(truth, self.rows, self.gaps, self.told, "keeper")


def lost(case: Case) -> None:
    case.rows.pop(0)


def unknown(case: Case) -> None:
    case.rows.append(Row(ROOM, "a9", "m9", "bob", "m9", "live"))


def doubled(case: Case) -> None:
    case.rows.append(replace(case.rows[0], number=None))


def altered(case: Case) -> None:
    case.rows[0] = replace(case.rows[0], body="m1 goodbye")


def unseen(case: Case) -> None:
    case.told.pop(0)


def seen_twice(case: Case) -> None:
    case.told.append(case.told[0])


def gone_untold(case: Case) -> None:
    case.gone.add((ROOM, "a1"))
    case.gaps.append(Gap(ROOM, 70.0, 80.0, "expired"))


def ran_twice(case: Case) -> None:
    case.told.append({"what": "ran", "token": "d2"})


def answered_twice(case: Case) -> None:
    case.said.append(replace(SAID[2], number="a5"))


def notice_missing(case: Case) -> None:
    case.told.append({"what": "noted", "token": "n4"})


def notice_twice(case: Case) -> None:
    case.said.append(replace(SAID[3], number="a5"))


@pytest.mark.parametrize(
    ("spoil", "finding"),
    [
        (lost, "lost"),
        (unknown, "of an unknown archive id"),
        (doubled, "doubled"),
        (altered, "logged with another text"),
        (unseen, "never seen by handlers"),
        (seen_twice, "seen twice, and not marked as repeated"),
        (gone_untold, "gone, and in no gap that the bot tells of"),
        (ran_twice, "commands run twice"),
        (answered_twice, "answers given twice"),
        (notice_missing, "notices that are not in the room"),
        (notice_twice, "notices doubled"),
    ],
)
def test_broken_promise_is_found(spoil: Any, finding: str) -> None:
    case = Case()
    spoil(case)
    assert any(line.startswith(f"{finding}: 1 ") for line in case.verdict().broken)


def test_run_in_which_all_was_well_has_no_finding() -> None:
    assert Case().verdict().broken == []


def test_what_was_wiped_before_it_could_be_read_is_not_held_against_the_bot() -> None:
    case = Case()
    case.rows.pop(0)
    case.told.pop(0)
    case.gone.add((ROOM, "a1"))
    case.gaps.append(Gap(ROOM, 50.0, 61.0, "expired"))
    assert case.verdict().broken == []


def test_what_was_handed_again_and_marked_so_is_no_finding() -> None:
    case = Case()
    case.told.append(case.told[0] | {"source": "repeated"})
    assert case.verdict().broken == []


def test_journal_goes_on_in_files_of_less_than_a_page(tmp_path: Path) -> None:
    for run in range(2):
        journal = Journal(tmp_path)
        for number in range(100):
            journal.tell("saw", id=f"{run}-{number}")
    assert [line["id"] for line in read(tmp_path)] == [f"{run}-{number}" for run in range(2) for number in range(100)]
    assert all(path.stat().st_size < FULL_AT for path in tmp_path.iterdir())
