"""The bot's own ad-hoc commands, for those who run it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from botkit.errors import Forbidden
from botkit.model.address import Address
from botkit.model.forms import CommandAnswer, CommandRequest, Field, Form, NoteKind
from botkit.model.measures import Measure
from botkit.model.rooms import Affiliation, Role, RoomState
from botkit.model.status import AccountStatus, BotStatus, HistoryState, HistoryStatus, Me, RoomStatus
from botkit.routing.router import Router
from botkit.services.adhoc import AdhocService
from botkit.services.own_status import RETRY, STATUS, serve_status
from botkit.testing.tester import RoomTester

ROOT = Address.parse("root@example.org/desk")
EVE = Address.parse("eve@example.org/x")
LOBBY, DEN = Address.parse("lobby@rooms.example.org"), Address.parse("den@rooms.example.org")
SECRET = Address.parse("secret@rooms.example.org")


class FakeView:
    """The account ``me`` in the lobby, and refused by the den; and another account, which is nobody's business here."""

    def __init__(self) -> None:
        self.me = Address.parse("nobody@example.org")
        self.now = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
        self.tried: list[Address | None] = []
        self.out = True

    def status(self) -> BotStatus:
        lobby = RoomStatus(
            room=LOBBY,
            state=RoomState.JOINED,
            since=self.now - timedelta(hours=2),
            me=Me(nick="keeper", affiliation=Affiliation.ADMIN, role=Role.MODERATOR),
            occupants=12,
            history=HistoryStatus(state=HistoryState.CAUGHT_UP),
        )
        state = RoomState.REFUSED if self.out else RoomState.JOINED
        den = RoomStatus(room=DEN, state=state, reason="banned", since=self.now)
        secret = RoomStatus(room=SECRET, state=RoomState.REFUSED)
        mine = AccountStatus(account=self.me, connected=True, since=self.now, rooms=(lobby, den))
        others = AccountStatus(account=Address.parse("other@example.org"), rooms=(secret,))
        return BotStatus(at=self.now, started=self.now, version="1", pid=1, accounts=(mine, others))

    def measures(self) -> Sequence[Measure]:
        return ()

    async def reload(self) -> None:
        raise AssertionError("nobody asked for that")

    async def retry(self, room: Address | None = None) -> Sequence[Address]:
        self.tried.append(room)
        return (room,) if room is not None else ()


@pytest.fixture
def view() -> FakeView:
    return FakeView()


@pytest.fixture
async def desk(view: FakeView) -> AsyncIterator[AdhocService]:
    router = Router("botkit")
    serve_status(router, view)
    async with RoomTester(router, admins=[str(ROOT.bare)]) as room:
        view.me, view.now = room.link.address.bare, room.clock.now()
        yield AdhocService(room.dispatcher)


async def call(desk: AdhocService, node: str, who: Address = ROOT) -> CommandAnswer:
    return await desk.called(who, CommandRequest(node=node))


async def choose(desk: AdhocService, first: CommandAnswer, room: str) -> CommandAnswer:
    form = Form(kind="submit", fields=(Field(var="room", values=(room,)),))
    return await desk.called(ROOT, CommandRequest(node=first.node, action="complete", session=first.session, form=form))


async def test_only_who_runs_the_bot_sees_and_runs_them(desk: AdhocService) -> None:
    assert {node for node, _ in await desk.listed(ROOT)} == {STATUS, RETRY}
    assert await desk.listed(EVE) == []
    for node in (STATUS, RETRY):
        with pytest.raises(Forbidden):
            await call(desk, node, EVE)


async def test_the_status_is_a_table_of_the_rooms_of_this_account(desk: AdhocService) -> None:
    answer = await call(desk, STATUS)
    form = answer.form
    assert (answer.status, form is not None and form.kind) == ("completed", "result")
    assert form is not None
    assert [row["room"] for row in form.rows] == [(str(LOBBY),), (str(DEN),)]
    assert form.rows[0]["as"] == ("keeper (admin, moderator)",)
    assert form.rows[0]["since"] == ("2 h",)
    assert (form.rows[1]["state"], form.rows[1]["remarks"]) == (("refused",), ("banned",))
    assert {field.var for field in form.reported} == set(form.rows[0])
    assert "connected" in form.instructions[0]


async def test_one_room_or_all_that_are_out_are_tried_again(desk: AdhocService, view: FakeView) -> None:
    first = await call(desk, RETRY)
    assert first.form is not None
    assert [option.value for option in first.form.fields[0].options] == ["all", str(DEN)]
    done = await choose(desk, first, str(DEN))
    assert done.notes[0].text == f"Tried again now: {DEN}."
    await choose(desk, await call(desk, RETRY), "all")
    assert view.tried == [DEN, DEN]


async def test_rooms_of_others_and_rooms_that_are_well_are_left_alone(desk: AdhocService, view: FakeView) -> None:
    for room in (SECRET, LOBBY):
        done = await choose(desk, await call(desk, RETRY), str(room))
        assert done.notes[0].kind is NoteKind.WARN
    assert view.tried == []


async def test_there_is_nothing_to_choose_where_no_room_is_out(desk: AdhocService, view: FakeView) -> None:
    view.out = False
    answer = await call(desk, RETRY)
    assert answer.status == "completed"
    assert "every room" in answer.notes[0].text


async def test_an_account_that_is_not_there_yet_is_said_so(desk: AdhocService, view: FakeView) -> None:
    view.me = Address.parse("later@example.org")
    for node in (STATUS, RETRY):
        assert (await call(desk, node)).notes[0].kind is NoteKind.WARN
