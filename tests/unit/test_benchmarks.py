"""The benches work, with few messages: what they measure is looked at by people, not by tests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import canned, catch_up, corpus, decode, growth, join, latency, memory, receive, report, schedule
from benchmarks.receive import Figures, Invalid
from botkit.testing.prosody import Generation

_ROOM = "bench@rooms.localhost"


def _quiet(_text: str) -> None:
    return None


def test_the_same_arguments_give_the_same_messages() -> None:
    assert corpus.messages(_ROOM, 7, 20) == corpus.messages(_ROOM, 7, 20)
    assert corpus.messages(_ROOM, 7, 20)[5:] == corpus.messages(_ROOM, 12, 15)


def test_bodies_are_distinct_and_their_sum_tells_a_lost_one() -> None:
    bodies = [said.body for said in corpus.messages(_ROOM, 1, 300)]
    assert len(set(bodies)) == 300
    assert corpus.checksum(bodies) == corpus.checksum(reversed(bodies))
    assert corpus.checksum(bodies) != corpus.checksum([*bodies[:-1], bodies[0]])


def test_the_ratio_compares_receivers_round_by_round(tmp_path: Path) -> None:
    found = {
        "slixmpp": Figures(cpu=[100, 200, 400], wall=[1, 1, 1]),
        "botkit": Figures(cpu=[50, 80, 100], wall=[1, 1, 1]),
    }
    written = json.loads(report.write("some", {"rounds": 3}, found, tmp_path).read_text())
    assert written["receivers"]["botkit"]["ratio_to_slixmpp"] == 0.4
    assert written["receivers"]["slixmpp"]["ratio_to_slixmpp"] == 1.0


def test_the_table_names_each_receiver() -> None:
    console = Console(width=100)
    with console.capture() as printed:
        report.show(console, "a bench", "notes", {"slixmpp": Figures(cpu=[100.0], wall=[1.0])})
    assert "slixmpp" in printed.get()


@pytest.mark.server
async def test_every_library_reads_the_same_bodies_from_recorded_bytes() -> None:
    found = await decode.run(Generation.V13, 20, 1, _quiet)
    assert set(found) == set(decode.READERS)
    assert all(figures.cpu_median > 0 for figures in found.values())


@pytest.mark.server
async def test_peers_and_botkit_receive_every_message_from_one_server() -> None:
    names = ("slixmpp", "aioxmpp", "botkit-decode", "botkit", "botkit-keeper")
    settings = receive.Settings(receivers=names, messages=40, warm_up=10, rounds=1, talkers=2)
    found = await receive.run(settings, _quiet)
    assert tuple(found) == names
    assert all(figures.cpu_median > 0 and figures.peak_mib > 1 for figures in found.values())


@pytest.mark.server
async def test_the_stand_in_gives_every_message_to_each_receiver() -> None:
    names = ("slixmpp", "aioxmpp", "botkit-decode", "botkit-keeper")
    found = await canned.run(canned.Settings(receivers=names, messages=60, warm_up=10, rounds=1), _quiet)
    assert tuple(found) == names
    assert all(figures.cpu_median > 0 for figures in found.values())


@pytest.mark.server
async def test_everybody_comes_into_every_room() -> None:
    sheet = await join.run(Generation.V13, 5, 1, _quiet)
    assert [row[0] for row in sheet.rows] == ["raw", "raw-asking", "slixmpp", "aioxmpp", "botkit"]


@pytest.mark.server
async def test_a_gap_of_thousands_is_read_and_stored() -> None:
    sheet = await catch_up.run(Generation.V13, 2000, _quiet, ("archive-raw", "archive-botkit"))
    assert [row[0] for row in sheet.rows] == ["raw", "botkit"]


@pytest.mark.server
async def test_unwanted_messages_are_taken_away_under_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "RATES", (100,))
    sheet = await latency.run(Generation.V13, 0.5, _quiet)
    assert [row[0] for row in sheet.rows] == ["slixmpp", "botkit-keeper"]


@pytest.mark.server
async def test_memory_is_looked_at_in_steps() -> None:
    sheet = await memory.run(Generation.V13, ("botkit",), (3, 5, 100), _quiet)
    assert len(sheet.settings["steps_mib"]["botkit"]) == memory.STEPS + 1  # type: ignore[index]


@pytest.mark.server
async def test_growth_compares_with_its_first_case() -> None:
    cases = (growth.Case("usual"), growth.Case("more", rooms=2, occupants=3, words=9, longer=50))
    sheet = await growth.run(Generation.V13, 40, _quiet, cases)
    assert sheet.rows[0][2] == 1.0


async def test_a_receiver_that_lost_a_message_makes_the_run_invalid() -> None:
    said = corpus.messages(_ROOM, 1, 3)

    class Deaf:
        name = "deaf"

        async def ask(self, _command: str, _seconds: float) -> dict[str, float]:
            return {"count": 2, "checksum": corpus.checksum(each.body for each in said[:2]), "cpu_ns": 0}

    with pytest.raises(Invalid, match="deaf saw 2 of 3"):
        await receive.finish(Deaf(), said)


async def test_schedule_says_every_notice_once() -> None:
    sheet = await schedule.run(60, 7, _quiet, fires=50)
    assert [str(row[0]).split(",")[0] for row in sheet.rows] == ["apscheduler 3.11", "botkit", "botkit", "botkit"]
    assert all(isinstance(row[1], float) and row[1] > 0 for row in sheet.rows)
    assert all(value is not None for value in sheet.rows[-1])
