"""Ad-hoc commands as a client meets them (XEP-0050), over a real dispatcher."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any, Literal

import pytest

from botkit.errors import Forbidden, ItemNotFound, StanzaError
from botkit.model.actions import SetAffiliation
from botkit.model.address import Address
from botkit.model.forms import CommandAnswer, CommandRequest, Field, FieldKind, Form, Note, NoteKind
from botkit.model.rooms import Affiliation, Role
from botkit.routing.context import Context
from botkit.routing.converters import Range
from botkit.routing.handles import RoomHandle
from botkit.routing.router import Router
from botkit.services.adhoc import AdhocService, AdhocStep
from botkit.services.adhoc_sessions import IN_ALL, LIFETIME, PER_REQUESTER
from botkit.testing.fakes import make_occupant, make_room
from botkit.testing.tester import RoomTester
from bots import keeper

BOSS = Address.parse("boss@example.org/phone")
EVE = Address.parse("eve@example.org/x")
ROOT = Address.parse("root@example.org/desk")
OTHER = Address.parse("other@rooms.example.org")


def make_router() -> Router:
    router = Router("sample")

    @router.command("order")
    async def order(
        ctx: Context,
        dish: Literal["soup", "pie"],
        number: Annotated[int, Range(1, 9)] = 1,
        wait: timedelta = timedelta(minutes=30),
        home: Address | None = None,
        *,
        hot: bool = False,
        note: str = "",
    ) -> str:
        """Order a dish."""
        return f"{number} {dish} in {wait} to {home} hot={hot} note={note}"

    @router.command("ping", needs=Affiliation.ADMIN)
    async def ping(ctx: Context, room: RoomHandle) -> str:
        """Answer."""
        return f"pong from {room.address}"

    @router.command("tag")
    async def tag(ctx: Context, *words: str) -> str:
        """Tag with words."""
        return "\n".join(words)

    @router.command("whisper", adhoc=False)
    async def whisper(ctx: Context) -> str:
        """Not offered as a form."""
        return "psst"

    @router.command("fail")
    async def fail(ctx: Context) -> str:
        """Fail."""
        raise RuntimeError("secret detail")

    @router.adhoc("setup", "Set it up")
    async def setup(ctx: Context, form: Form | None) -> Any:
        given = form.values() if form else {}
        if "colour" not in given:
            return AdhocStep(form=Form(fields=(Field(var="colour"),)))
        if "size" not in given:
            return AdhocStep(form=Form(fields=(Field(var="size"),)), actions=("complete",))
        return f"{given['colour'][0]} and {given['size'][0]}"

    return router


@pytest.fixture
async def room() -> AsyncIterator[RoomTester]:
    async with RoomTester(make_router(), admins=[str(ROOT.bare)]) as tester:
        tester.join("boss", affiliation=Affiliation.ADMIN)
        tester.join("eve")
        await tester.settle()
        yield tester


@pytest.fixture
def service(room: RoomTester) -> AdhocService:
    return AdhocService(room.dispatcher)


async def begin(service: AdhocService, node: str, requester: Address = BOSS) -> CommandAnswer:
    return await service.called(requester, CommandRequest(node=node))


async def go_on(
    service: AdhocService,
    answer: CommandAnswer,
    requester: Address = BOSS,
    action: str = "execute",
    **values: str | tuple[str, ...],
) -> CommandAnswer:
    fields = tuple(Field(var=k, values=(v,) if isinstance(v, str) else v) for k, v in values.items())
    request = CommandRequest(
        node=answer.node, session=answer.session, action=action, form=Form(kind="submit", fields=fields)
    )
    return await service.called(requester, request)


def field(answer: CommandAnswer, var: str) -> Field:
    assert answer.form is not None
    return next(f for f in answer.form.fields if f.var == var)


# --- who may --------------------------------------------------------------------------------------------------


async def test_each_requester_is_shown_what_they_may_run(service: AdhocService) -> None:
    nodes = {str(who.bare): {node for node, _ in await service.listed(who)} for who in (BOSS, EVE, ROOT)}
    assert "ping" in nodes["boss@example.org"]
    assert "ping" not in nodes["eve@example.org"]
    assert {"ping", "setup"} <= nodes["root@example.org"]
    assert "setup" not in nodes["boss@example.org"]
    assert all("whisper" not in found for found in nodes.values())


async def test_who_may_not_is_told_forbidden_and_what_is_not_there_item_not_found(service: AdhocService) -> None:
    with pytest.raises(Forbidden):
        await begin(service, "ping", EVE)
    with pytest.raises(Forbidden):
        await begin(service, "setup", BOSS)
    with pytest.raises(ItemNotFound):
        await begin(service, "nothing", ROOT)
    with pytest.raises(ItemNotFound):
        await begin(service, "whisper", ROOT)


async def test_a_stranger_with_the_nick_of_an_admin_is_a_stranger(service: AdhocService, room: RoomTester) -> None:
    with pytest.raises(Forbidden):
        await begin(service, "ping", Address.parse("boss@evil.example/boss"))


async def test_an_occupant_who_asks_through_the_room_counts_as_that_occupant(
    service: AdhocService, room: RoomTester
) -> None:
    boss = room.address.with_resource("boss")
    answer = await begin(service, "ping", boss)
    assert answer.notes[0].text == f"pong from {room.address}"
    with pytest.raises(Forbidden):
        await begin(service, "ping", room.address.with_resource("eve"))
    with pytest.raises(Forbidden):
        await begin(service, "ping", room.address.with_resource("nobody"))


async def test_rights_are_looked_at_again_at_every_stage(service: AdhocService, room: RoomTester) -> None:
    second = make_room(OTHER)
    room.link.add_room(second)
    room.link.set_occupant(make_occupant(OTHER, "b", affiliation=Affiliation.ADMIN, real=str(BOSS)))
    answer = await begin(service, "ping")
    assert answer.status == "executing"
    for where in (room.address, OTHER):
        for there in room.link.occupants(where):
            if there.real is not None and there.real.bare == BOSS.bare:
                room.link.set_occupant(replace(there, affiliation=Affiliation.NONE, role=Role.PARTICIPANT))
    with pytest.raises(Forbidden):
        await go_on(service, answer, room=str(OTHER))


# --- forms ----------------------------------------------------------------------------------------------------


async def test_the_form_has_a_field_for_each_parameter(service: AdhocService) -> None:
    answer = await begin(service, "order")
    assert answer.status == "executing"
    assert (answer.actions, answer.default) == (("complete",), "complete")
    assert field(answer, "dish").kind is FieldKind.LIST_SINGLE
    assert [o.value for o in field(answer, "dish").options] == ["soup", "pie"]
    assert field(answer, "dish").required
    number = field(answer, "number")
    assert (number.datatype, number.minimum, number.maximum, number.values) == ("xs:integer", "1", "9", ("1",))
    assert field(answer, "wait").values == ("30m",)
    assert field(answer, "home").kind is FieldKind.JID_SINGLE
    assert (field(answer, "hot").kind, field(answer, "hot").values) == (FieldKind.BOOLEAN, ("0",))


async def test_a_filled_in_form_runs_the_command(service: AdhocService) -> None:
    answer = await begin(service, "order")
    done = await go_on(
        service, answer, dish="pie", number="2", wait="1h", home="a@b.example", hot="true", note="no salt, please"
    )
    assert done.status == "completed"
    assert done.notes == (Note("2 pie in 1:00:00 to a@b.example hot=True note=no salt, please"),)


async def test_what_was_left_empty_has_its_default(service: AdhocService) -> None:
    answer = await begin(service, "order")
    done = await go_on(service, answer, dish="soup", number="", unknown="x")
    assert done.notes[0].text == "1 soup in 0:30:00 to None hot=False note="


async def test_a_wrong_value_shows_the_form_again_with_every_fault_and_what_was_filled_in(
    service: AdhocService,
) -> None:
    answer = await begin(service, "order")
    again = await go_on(service, answer, number="12", wait="soon")
    assert again.status == "executing"
    assert again.session == answer.session
    assert [note.kind for note in again.notes] == [NoteKind.ERROR] * 3
    text = " ".join(note.text for note in again.notes)
    assert "Dish is missing" in text
    assert "from 1 to 9" in text
    assert "soon" in text
    assert field(again, "number").values == ("12",)
    done = await go_on(service, again, dish="pie", number="3")
    assert done.status == "completed"


async def test_several_lines_come_back_as_a_form(service: AdhocService) -> None:
    done = await go_on(service, await begin(service, "tag"), words=("one", "two"))
    assert done.form is not None
    assert done.form.kind == "result"
    assert done.form.fields[0].values == ("one", "two")


async def test_a_command_without_parameters_in_the_only_room_runs_at_once(service: AdhocService) -> None:
    answer = await begin(service, "ping")
    assert answer.status == "completed"
    assert answer.actions == ()


async def test_of_several_rooms_one_is_chosen_first(service: AdhocService, room: RoomTester) -> None:
    room.link.add_room(make_room(OTHER))
    room.link.set_occupant(make_occupant(OTHER, "b", affiliation=Affiliation.OWNER, real=str(BOSS)))
    third = Address.parse("third@rooms.example.org")
    room.link.add_room(make_room(third))
    answer = await begin(service, "ping")
    assert [o.value for o in field(answer, "room").options] == [str(room.address), str(OTHER)]
    again = await go_on(service, answer, room=str(third))
    assert again.status == "executing"
    done = await go_on(service, again, room=str(OTHER))
    assert done.notes[0].text == f"pong from {OTHER}"


async def test_a_command_that_fails_completes_with_an_error_and_a_reference(
    service: AdhocService, room: RoomTester
) -> None:
    done = await begin(service, "fail")
    assert done.status == "completed"
    assert done.notes[0].kind is NoteKind.ERROR
    assert room.failures[0].reference in done.notes[0].text
    assert "secret" not in done.notes[0].text


# --- sessions and actions -------------------------------------------------------------------------------------


def condition(problem: pytest.ExceptionInfo[StanzaError]) -> str:
    return (problem.value.application or "").rpartition("}")[2]


async def test_a_cancelled_session_is_over(service: AdhocService) -> None:
    answer = await begin(service, "order")
    gone = await go_on(service, answer, action="cancel")
    assert (gone.status, gone.session) == ("canceled", answer.session)
    with pytest.raises(StanzaError) as problem:
        await go_on(service, answer, dish="pie")
    assert (problem.value.condition, problem.value.kind, condition(problem)) == (
        "not-allowed",
        "cancel",
        "session-expired",
    )


async def test_a_session_that_was_left_alone_expires(service: AdhocService, room: RoomTester) -> None:
    answer = await begin(service, "order")
    await room.clock.advance(LIFETIME + 1)
    with pytest.raises(StanzaError) as problem:
        await go_on(service, answer, dish="pie")
    assert condition(problem) == "session-expired"


async def test_a_completed_command_does_not_run_again(service: AdhocService) -> None:
    answer = await begin(service, "order")
    await go_on(service, answer, dish="pie")
    with pytest.raises(StanzaError) as problem:
        await go_on(service, answer, dish="pie")
    assert condition(problem) == "session-expired"


@pytest.mark.parametrize("thief", ["boss@example.org/laptop", "eve@example.org/x"])
async def test_a_session_is_bound_to_the_full_jid_that_began_it(service: AdhocService, thief: str) -> None:
    answer = await begin(service, "order")
    with pytest.raises(StanzaError) as problem:
        await go_on(service, answer, Address.parse(thief), dish="pie")
    assert (problem.value.condition, problem.value.kind, condition(problem)) == (
        "bad-request",
        "modify",
        "bad-sessionid",
    )


async def test_a_session_is_bound_to_its_node(service: AdhocService) -> None:
    answer = await begin(service, "order")
    with pytest.raises(StanzaError) as problem:
        await go_on(service, replace(answer, node="tag"), words="x")
    assert condition(problem) == "bad-sessionid"


async def test_whoever_takes_over_an_occupants_nick_does_not_get_its_session(
    service: AdhocService, room: RoomTester
) -> None:
    at = room.address.with_resource("eve")
    answer = await begin(service, "order", at)
    room.link.set_occupant(make_occupant(room.address, "eve", real="somebody@else.example"))
    with pytest.raises(StanzaError) as problem:
        await go_on(service, answer, at, dish="pie")
    assert condition(problem) == "bad-sessionid"


async def test_an_unknown_session_and_odd_actions_are_refused(service: AdhocService) -> None:
    answer = await begin(service, "order")
    for request, expected in (
        (CommandRequest(node="order", session="made up"), "bad-sessionid"),
        (CommandRequest(node="order", session=answer.session, action="dance"), "malformed-action"),
        (CommandRequest(node="order", session=answer.session, action="prev"), "bad-action"),
        (CommandRequest(node="order", action="prev"), "bad-action"),
        (CommandRequest(node="order", session=answer.session), "bad-payload"),
    ):
        with pytest.raises(StanzaError) as problem:
            await service.called(BOSS, request)
        assert condition(problem) == expected
    assert (await go_on(service, answer, dish="pie")).status == "completed"


async def test_sessions_are_bounded_for_each_requester_and_in_all(service: AdhocService) -> None:
    first = await begin(service, "order")
    for _ in range(PER_REQUESTER):
        await begin(service, "order")
    with pytest.raises(StanzaError) as problem:
        await go_on(service, first, dish="pie")
    assert condition(problem) == "session-expired"
    for n in range(IN_ALL + 20):
        await begin(service, "order", Address.parse(f"guest{n}@example.org/x"))
    assert len(service._sessions) == IN_ALL


# --- hand-written -----------------------------------------------------------------------------------------------


async def test_a_hand_written_command_has_stages_to_go_forth_and_back(service: AdhocService) -> None:
    one = await begin(service, "setup", ROOT)
    assert (one.actions, one.default) == (("next",), "next")
    two = await go_on(service, one, ROOT, colour="red")
    assert set(two.actions) == {"complete", "prev"}
    assert two.default == "complete"
    back = await go_on(service, two, ROOT, action="prev")
    assert back.form == one.form
    two = await go_on(service, back, ROOT, colour="blue")
    done = await go_on(service, two, ROOT, action="complete", size="big")
    assert done.status == "completed"
    assert done.notes[0].text == "blue and big"


# --- the keeper's ---------------------------------------------------------------------------------------------


async def test_the_keepers_ban_and_status_work_as_forms() -> None:
    async with RoomTester(keeper.module) as room:
        room.join("boss", affiliation=Affiliation.ADMIN)
        room.join("eve")
        await room.settle()
        service = AdhocService(room.dispatcher)
        assert {"ban", "status"} <= {node for node, _ in await service.listed(BOSS)}
        status = await begin(service, "status")
        assert status.status == "completed"
        assert status.form is not None
        done = await go_on(service, await begin(service, "ban"), who="eve", reason="spam")
        assert (done.status, done.notes) == ("completed", (Note("eve: banned."),))
        bans = [a for a in room.done if isinstance(a, SetAffiliation)]
        assert [str(a.address) for a in bans] == ["eve@example.org"]


async def test_a_kick_offers_who_is_there() -> None:
    async with RoomTester(keeper.module) as room:
        room.join("boss", affiliation=Affiliation.ADMIN)
        room.join("eve")
        await room.settle()
        answer = await begin(AdhocService(room.dispatcher), "kick")
        assert [o.value for o in field(answer, "who").options] == ["boss", "eve"]
