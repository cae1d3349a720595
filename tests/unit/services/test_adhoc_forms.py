"""A field for each type of a parameter, and back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field as Limit
from pydantic import HttpUrl, SecretStr

from botkit.model.address import Address
from botkit.model.forms import CommandRequest, Field, FieldKind, Form
from botkit.model.rooms import Affiliation, Occupant, Role
from botkit.routing.constraints import Expected
from botkit.routing.context import Context
from botkit.routing.converters import Converter
from botkit.routing.handles import RoomHandle
from botkit.routing.replied import RepliedTo
from botkit.routing.router import Router
from botkit.services.adhoc import AdhocService
from botkit.services.adhoc_forms import command_form, read_form
from botkit.testing.tester import RoomTester
from tests.unit.routing.grammar import PEOPLE, command, context


class Size(Enum):
    SMALL = 1
    VERY_LARGE = 2


SINGLE, LIST, BOOLEAN = FieldKind.TEXT_SINGLE, FieldKind.LIST_SINGLE, FieldKind.BOOLEAN

TYPES = [
    (str, "a b", SINGLE, None),
    (int, 7, SINGLE, "xs:integer"),
    (float, 2.5, SINGLE, "xs:decimal"),
    (bool, True, BOOLEAN, None),
    (Literal["red", "blue"], "blue", LIST, None),
    (Size, Size.VERY_LARGE, LIST, None),
    (Affiliation, Affiliation.ADMIN, LIST, None),
    (Role, Role.VISITOR, LIST, None),
    (timedelta, timedelta(minutes=90), SINGLE, None),
    (datetime, datetime(2026, 12, 24, 18, tzinfo=UTC), SINGLE, None),
    (date, date(2026, 12, 24), SINGLE, None),
    (time, time(18, 30), SINGLE, None),
    (Address, Address.parse("ann@example.org"), FieldKind.JID_SINGLE, None),
    (HttpUrl, HttpUrl("https://example.org/"), SINGLE, None),
    (Decimal, Decimal("1.50"), SINGLE, None),
    (int | Literal["all"], "all", SINGLE, None),
    (SecretStr, None, FieldKind.TEXT_PRIVATE, None),
]


@pytest.mark.parametrize(("kind", "value", "field", "datatype"), TYPES, ids=[str(k) for k, *_ in TYPES])
def test_every_type_has_a_field_whose_default_is_read_back(
    kind: Any, value: Any, field: FieldKind, datatype: str | None
) -> None:
    async def handler(what: Any = value, *more: Any) -> None: ...

    handler.__annotations__ |= {"what": kind | None if kind is SecretStr else kind, "more": kind}
    loaded = command(handler)
    form = command_form(loaded, (), context())
    assert (form.fields[0].kind, form.fields[0].datatype) == (field, datatype)
    if value is not None:
        values, faults = read_form(loaded, form, context())
        assert (values, faults) == ({"what": value}, [])


def test_people_and_rooms_are_chosen_from_those_who_are_there() -> None:
    async def handler(who: Occupant, where: RoomHandle, elsewhere: RoomHandle) -> None: ...

    loaded = command(handler)
    who, elsewhere = command_form(loaded, (), context()).fields
    assert who.kind is LIST
    assert {o.value for o in who.options} == set(PEOPLE)
    assert elsewhere.kind is FieldKind.JID_SINGLE
    filled = Form(
        kind="submit", fields=(Field(var="who", values=("Ann Lee",)), Field(var="elsewhere", values=("den",)))
    )
    values, faults = read_form(loaded, filled, context())
    assert not faults
    assert values["who"].nick == "Ann Lee"
    assert str(values["elsewhere"].address) == "den@rooms.example.org"


def test_what_is_not_settled_is_typed() -> None:
    async def handler(who: Occupant) -> None: ...

    (who,) = command_form(command(handler), (), None).fields
    assert (who.kind, who.desc) == (SINGLE, "a nick, exactly as it is shown in the room")


def test_limits_go_into_the_form_and_are_checked_on_return() -> None:
    async def handler(
        number: Annotated[int, Limit(ge=1, le=9, description="how many")],
        when: Annotated[timedelta, Limit(le=timedelta(1))],
    ) -> None: ...

    loaded = command(handler)
    number, when = command_form(loaded, (), context()).fields
    assert (number.minimum, number.maximum, number.desc) == ("1", "9", "how many")
    assert when.desc == "a length of time like 30m, 1h30m or 2d"
    filled = Form(kind="submit", fields=(Field(var="number", values=("10",)), Field(var="when", values=("25h",))))
    assert read_form(loaded, filled, context())[1] == [
        "Number: '10'; expected from 1 to 9",
        "When: '25h'; expected at most 1d",
    ]


class Tea(str):
    """A type of a bot's own."""


def _tea(word: str, ctx: Context) -> Tea:
    if word not in ("green", "black"):
        raise Expected("a kind of tea")
    return Tea(word)


@pytest.mark.parametrize("field", [None, FieldKind.TEXT_PRIVATE])
async def test_an_own_type_says_how_it_is_asked_for(field: FieldKind | None) -> None:
    router = Router("m")
    choices: Callable[[Context], tuple[str, ...]] | None = (lambda ctx: ("green", "black")) if field is None else None
    router.converter(Tea, Converter(convert=_tea, choices=choices, field=field, hint="green or black"))

    @router.command("tea")
    async def tea(ctx: Context, kind: Tea) -> str:
        return f"{kind} tea"

    async with RoomTester(router) as room:
        alice = room.join("alice")
        await alice.says("!tea green")
        await alice.says("!tea red")
        assert room.said == ["green tea", 'kind "red": expected a kind of tea\nUsage: !tea <kind>']
        (loaded, *_) = room.dispatcher.commands
        (shown,) = command_form(loaded, (), room.dispatcher.context(loaded, alice.occupant.address)).fields
        assert shown.desc == "green or black"
        assert (shown.kind, len(shown.options)) == ((LIST, 2) if field is None else (field, 0))


async def test_a_message_is_chosen_from_the_newest() -> None:
    router = Router("m")

    @router.command("pin")
    async def pin(ctx: Context, room: RoomHandle, message: RepliedTo) -> str:
        return f"pinned {message.text}"

    async with RoomTester(router) as room:
        alice = room.join("alice")
        await alice.says("first")
        second = await alice.says("second")
        service = AdhocService(room.dispatcher)
        person = Address.parse("alice@example.org/phone")
        asked = await service.called(person, CommandRequest(node="pin"))
        assert asked.form is not None
        (field,) = asked.form.fields
        assert (field.kind, [o.label for o in field.options]) == (LIST, ["alice: second", "alice: first"])
        for chosen, told in ((second.archive_id, "pinned second"), ("nothing", "that I can still find")):
            form = Form(kind="submit", fields=(Field(var="message", values=(chosen or "",)),))
            asked = await service.called(person, CommandRequest(node="pin"))
            done = await service.called(person, CommandRequest(node="pin", session=asked.session, form=form))
            assert told in done.notes[0].text
