"""An account's status and figures, from parts that are real and connected to nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families

from botkit.http.exposition import Exposition
from botkit.http.pages import process_measures
from botkit.loading import load
from botkit.model.address import Address
from botkit.model.archive import GapFound, GapReason
from botkit.model.events import Event, StreamEstablished, StreamLost
from botkit.model.measures import Measure, MeasureKind, merged
from botkit.model.rooms import MAM_2, OCCUPANT_ID_0, Affiliation, Role, RoomInfo, RoomState
from botkit.model.status import AccountStatus, BotStatus, Gap, HistoryState, ReloadStatus
from botkit.observe.account import Parts, account_status
from botkit.observe.measures import account_measures
from botkit.observe.reading import Reading
from botkit.routing.context import ModuleStorage
from botkit.routing.dispatch import Dispatcher
from botkit.services.catch_up import CatchUpProgress, CatchUpResult, CatchUpStatus
from botkit.services.history import History
from botkit.services.hooks.desk import HookDesk
from botkit.services.outbox.outbox import Outbox
from botkit.services.schedule import Scheduler
from botkit.session.connection import ConnectionSettings
from botkit.session.link import XmppLink
from botkit.storage.memory import MemoryJobs, MemoryLog, MemoryValues
from botkit.testing.fakes import FakeClock, make_occupant
from tests.docs.pages import ROOT

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
ME = Address.parse("keeper@example.org/bot")
LOBBY, DEN = Address.parse("lobby@rooms.example.org"), Address.parse("den@rooms.example.org")
CONFIG = """
[account]
jid = "keeper@example.org"
password = { env = "P" }
[[rooms]]
jid = "lobby@rooms.example.org"
[[rooms]]
jid = "den@rooms.example.org"
catch_up = false
[modules.echo]
use = "bots.echo"
only_in = ["lobby@rooms.example.org"]
"""


class LinkIn(XmppLink):
    """A link that was never connected, and says that it is in these rooms."""

    infos: list[RoomInfo]

    def rooms(self) -> tuple[RoomInfo, ...]:
        return tuple(self.infos)


def make_parts(folder: Path, more: str = "") -> Parts:
    """An account in the lobby, and refused by the den."""
    (folder / "bot.toml").write_text(CONFIG + more)
    loaded, clock, log = load(folder / "bot.toml"), FakeClock(NOW), MemoryLog()

    def spawn(work: Awaitable[None], name: str) -> None:
        raise AssertionError("nothing is to be run here")

    def emit(event: Event) -> None:
        pass

    settings = ConnectionSettings(address=ME, password=lambda: "")
    link = LinkIn(
        settings,
        emit=emit,
        clock=clock,
        spawn=spawn,
    )
    me = make_occupant(LOBBY, "keeper", affiliation=Affiliation.ADMIN, role=Role.MODERATOR)
    link.infos = [
        RoomInfo(address=LOBBY, state=RoomState.JOINED, me=me, occupants=2, features=frozenset({MAM_2, OCCUPANT_ID_0})),
        RoomInfo(address=DEN, state=RoomState.REFUSED, reason="banned from the room", error="forbidden", attempts=1),
    ]
    modules = [one.running(ModuleStorage(MemoryValues(), one.name)) for one in loaded.modules]
    logger = structlog.get_logger()
    dispatcher = Dispatcher(modules, link=link, clock=clock, log=logger, spawn=spawn, history=log)
    history = History(log, link, clock)
    return Parts(
        outbox=(outbox := Outbox(link, None, clock)),
        hooks=HookDesk(outbox.perform, clock),
        loaded=loaded,
        link=link,
        history=history,
        reading=Reading(history, clock),
        dispatcher=dispatcher,
        scheduler=Scheduler(clock, logger, MemoryJobs()),
    )


@pytest.fixture
async def parts(tmp_path: Path) -> Parts:
    return make_parts(tmp_path)


async def test_rooms_are_told_with_rights_capabilities_and_reasons(parts: Parts) -> None:
    lobby, den = account_status(parts).rooms
    assert lobby.me is not None
    assert (lobby.me.nick, lobby.me.affiliation, lobby.me.role) == ("keeper", Affiliation.ADMIN, Role.MODERATOR)
    assert lobby.features == ("archive", "occupant ids")
    assert "ban" in lobby.can
    assert "the bot is no owner here: it cannot configure" in lobby.missing
    assert (den.state, den.reason, den.me) == (RoomState.REFUSED, "banned from the room", None)
    assert account_status(parts).problems == (
        "not connected",
        "den@rooms.example.org: refused: banned from the room",
    )


async def test_the_connection_is_told_as_it_stands(parts: Parts) -> None:
    standing = parts.link.connection.standing
    standing.note(StreamEstablished(at=NOW, address=ME, resumed=False))
    assert account_status(parts).address == ME
    standing.note(StreamLost(at=NOW, reason="closed", retry_in=2.0))
    status = account_status(parts)
    assert (status.connected, status.reason, status.retry_at) == (False, "closed", NOW + timedelta(seconds=2))
    assert status.address is None


async def test_modules_are_told_with_what_their_handlers_did(parts: Parts) -> None:
    parts.dispatcher.tallies.of("echo.echo").calls += 3
    parts.dispatcher.tallies.of("echo.echo").failures += 1
    parts.reload = ReloadStatus(at=NOW, ok=True)
    status = account_status(parts)
    (module,) = status.modules
    assert (module.name, module.use, module.rooms, module.calls, module.failures) == (
        "echo",
        "bots.echo",
        (LOBBY,),
        3,
        1,
    )
    assert status.reload == parts.reload


def progress(at: datetime) -> CatchUpProgress:
    return CatchUpProgress(room=LOBBY, read=100, new=7, since=NOW - timedelta(hours=2), at=at, now=NOW)


def result(status: CatchUpStatus, reason: str | None = None) -> CatchUpResult:
    return CatchUpResult(room=LOBBY, status=status, read=200, new=9, reason=reason)


def state_of(parts: Parts, room: Address = LOBBY) -> HistoryState:
    return next(one.history.state for one in account_status(parts).rooms if one.room == room)


async def test_a_log_is_behind_then_read_then_complete_then_behind(parts: Parts) -> None:
    state = parts.history.state(LOBBY)
    assert state_of(parts) is HistoryState.BEHIND
    async with state.catching_up:
        parts.reading.told(progress(NOW - timedelta(hours=1)))
        history = account_status(parts).rooms[0].history
        assert (history.state, history.fraction, history.lag) == (HistoryState.CATCHING_UP, 0.5, 3600)
        assert (history.read, history.new) == (100, 7)
    state.caught_up = True
    parts.reading.told(result(CatchUpStatus.CAUGHT_UP))
    history = account_status(parts).rooms[0].history
    assert (history.state, history.read, history.new, history.lag) == (HistoryState.CAUGHT_UP, 200, 9, None)
    parts.history.lost(LOBBY)
    assert state_of(parts) is HistoryState.BEHIND


async def test_an_archive_that_is_not_for_us_or_not_wanted_is_told_so(parts: Parts) -> None:
    parts.reading.told(result(CatchUpStatus.UNAVAILABLE, "the room answered forbidden"))
    history = account_status(parts).rooms[0].history
    assert (history.state, history.reason) == (HistoryState.UNAVAILABLE, "the room answered forbidden")
    assert state_of(parts, DEN) is HistoryState.OFF


async def test_gaps_are_told_but_not_what_nobody_wanted_to_read(parts: Parts) -> None:
    for reason in (GapReason.EXPIRED, GapReason.NOT_READ):
        gap = GapFound(
            room=LOBBY, after_id=None, after=NOW - timedelta(days=9), before_id=None, before=NOW - timedelta(days=7),
            reason=reason, found=NOW,
        )  # fmt: skip
        await parts.history.log.write([gap])
    await parts.reading.look(LOBBY)
    (found,) = account_status(parts).rooms[0].history.gaps
    assert found == Gap(since=NOW - timedelta(days=9), until=NOW - timedelta(days=7), reason="expired")
    parts.reading.forget(LOBBY)
    assert account_status(parts).rooms[0].history.gaps == ()


def everything(parts: Parts) -> tuple[Measure, ...]:
    account = account_status(parts)
    bot = BotStatus(at=NOW, started=NOW, version="1", pid=1, accounts=(account,))
    other = tuple(account_measures(parts))
    return merged((*process_measures(bot), *account_measures(parts), *other))


async def test_every_measure_is_in_the_manual_as_it_is(parts: Parts) -> None:
    told = {}
    for line in (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("| `botkit_"):
            name, kind, labels, _ = (cell.strip() for cell in line.strip("|").split("|"))
            told[name.strip("`")] = (kind, tuple(label.strip(" `") for label in labels.split(",") if label.strip()))
    suffix = {MeasureKind.COUNTER: "_total"}
    assert told == {one.name + suffix.get(one.kind, ""): (one.kind.value, one.labels) for one in everything(parts)}


async def test_what_is_exposed_can_be_parsed_and_names_each_family_once(parts: Parts) -> None:
    parts.link.performed.counts["Moderate", "done"] = 2
    parts.dispatcher.tallies.of("echo.echo").took(0.3)
    body, _ = Exposition().text(everything(parts))
    text = body.decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert set(families) >= {one.name for one in everything(parts)}
    types = [line for line in text.splitlines() if line.startswith("# TYPE botkit_")]
    assert len(types) == len(set(types))
    for family in families.values():
        assert family.documentation, family.name


async def test_names_follow_the_conventions_of_prometheus(parts: Parts) -> None:
    for one in everything(parts):
        assert one.name.islower()
        assert not one.name.endswith(("_total", "_count", "_sum", "_bucket")), one.name
        assert not one.name.endswith(("_ms", "_milliseconds", "_kb", "_percent")), one.name
        assert one.help.endswith("."), one.name


async def test_without_room_labels_no_room_is_named(tmp_path: Path) -> None:
    parts = make_parts(tmp_path, "[http]\nroom_labels = false\n")
    body, _ = Exposition().text(everything(parts))
    assert b"rooms.example.org" not in body
    assert b'botkit_rooms{account="keeper@example.org",state="refused"} 1.0' in body


async def test_hundreds_of_rooms_are_told_in_little_time(parts: Parts) -> None:
    assert isinstance(parts.link, LinkIn)
    parts.link.infos = [
        replace(parts.link.infos[0], address=Address.parse(f"room{number}@rooms.example.org")) for number in range(500)
    ]
    began = asyncio.get_running_loop().time()
    measures = account_measures(parts)
    took = asyncio.get_running_loop().time() - began
    assert took < 0.5, "the loop stands still meanwhile"
    assert sum(len(list(one.samples)) for one in measures) < 500 * 18


def test_an_account_that_has_ended_is_told_as_such() -> None:
    ended = AccountStatus(account=ME.bare, running=False, reason="the login was refused")
    status = BotStatus(at=NOW, started=NOW, version="1", pid=1, accounts=(ended,))
    found = {one.name: next(iter(one.samples)).value for one in process_measures(status)}
    assert found["botkit_account_running"] == 0
