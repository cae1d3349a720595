"""The bars that are drawn while archives are read."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

from rich.console import Console

from botkit.cli.run import Bars
from botkit.model.address import Address
from botkit.services.catch_up import CatchUpProgress, CatchUpResult, CatchUpStatus

NOW = datetime(2024, 5, 1, tzinfo=UTC)
ROOM, OTHER = Address.parse("room@rooms.example"), Address.parse("other@rooms.example")


def page(room: Address, read: int) -> CatchUpProgress:
    since = NOW - timedelta(days=2)
    return CatchUpProgress(room=room, read=read, new=read, since=since, at=NOW - timedelta(days=1), now=NOW)


def make_bars(every: float = 1.0) -> tuple[Bars, io.StringIO]:
    out = io.StringIO()
    return Bars(Console(file=out, force_terminal=True, width=120), every), out


def test_many_pages_of_a_second_are_drawn_once() -> None:
    bars, out = make_bars()
    with bars.progress:
        for read in range(50, 5050, 50):
            bars.show(page(ROOM, read))
        assert out.getvalue().count("50 read") == 1
        assert "5000 read" not in out.getvalue()


def test_what_is_due_is_drawn_of_every_room() -> None:
    bars, out = make_bars(every=0)
    with bars.progress:
        bars.show(page(ROOM, 50))
        bars.show(page(OTHER, 150))
        assert "history of room@rooms.example" in out.getvalue()
        assert "150 read, 150 new" in out.getvalue()


def test_a_room_that_is_read_has_no_bar_any_more() -> None:
    bars, _ = make_bars()
    with bars.progress:
        bars.show(page(ROOM, 50))
        assert len(bars.progress.tasks) == 1
        bars.show(CatchUpResult(room=ROOM, status=CatchUpStatus.CAUGHT_UP, read=50, new=50))
        assert bars.progress.tasks == []


def test_nothing_is_drawn_while_nothing_is_read() -> None:
    bars, _ = make_bars()
    with bars.progress:
        assert not bars.progress.live.auto_refresh
