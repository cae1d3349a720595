"""Mistakes in handlers, told when they are loaded: all at once, with their place."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from pydantic import Field

from botkit.errors import ConfigError
from botkit.model.events import OccupantJoined, PrivateMessage, RoomMessage, Tick
from botkit.model.rooms import Occupant
from botkit.routing.context import Context
from botkit.routing.filters import Links, has_link, matches
from botkit.routing.handles import RoomHandle
from botkit.routing.plan import check
from botkit.routing.router import Router
from botkit.routing.specs import Option, Parameter

if TYPE_CHECKING:
    from decimal import Decimal as OnlyForTypes


async def bytes_(what: bytes) -> None: ...
async def untyped(what) -> None: ...  # type: ignore[no-untyped-def]
async def keywords(**what: str) -> None: ...
async def keyword_only(*, ctx: Context) -> None: ...
async def unresolved(what: OnlyForTypes) -> None: ...
async def wrong_event(event: OccupantJoined) -> None: ...
async def no_author(who: Occupant) -> None: ...
async def no_room(where: RoomHandle) -> None: ...
async def links(found: Links) -> None: ...
def not_async(message: RoomMessage) -> None: ...


@pytest.mark.parametrize(
    ("register", "handler", "mistake"),
    [
        (lambda r: r.message, bytes_, "parameter `what: bytes` can't be bound: it is no Context, event"),
        (lambda r: r.message, untyped, "parameter `what` can't be bound: it has no annotation"),
        (lambda r: r.message, keywords, "parameter `**what: str` can't be bound"),
        (lambda r: r.message, keyword_only, "positional arguments alone"),
        (lambda r: r.message, unresolved, "name 'OnlyForTypes' is not defined"),
        (lambda r: r.message, wrong_event, "the event here is RoomMessage or PrivateMessage or DirectMessage"),
        (lambda r: r.message, not_async, "is no `async def` function"),
        (lambda r: r.message, links, "its filters yield nothing"),
        (lambda r: r.message(~has_link), links, "its filters yield nothing"),
        (lambda r: r.message(has_link | matches("x")), links, "its filters yield nothing"),
        (lambda r: r.message(matches("x")), links, "its filters yield Match"),
        (lambda r: r.start, no_author, "use `Occupant | None`"),
        (lambda r: r.start, no_room, "use `RoomHandle | None`"),
        (lambda r: r.every(minutes=1), no_room, "use `RoomHandle | None`"),
        (lambda r: r.command("c"), bytes_, "no converter makes such a value"),
        (lambda r: r.command("c"), wrong_event, "a command is called by a RoomMessage"),
        (lambda r: r.command("c"), not_async, "command `not_async`: is no `async def` function"),
        (lambda r: r.adhoc("n", "t"), links, "its filters yield Form"),
    ],
)
def test_a_handler_that_cannot_be_called_is_named_with_file_line_and_parameter(
    register: Callable[[Router], Any], handler: Any, mistake: str
) -> None:
    router = Router("m")
    register(router)(handler)
    (found,) = check(router)
    assert mistake in found
    line = handler.__code__.co_firstlineno
    assert re.match(
        rf"{re.escape(__file__)}:{line}: (handler|command|schedule|ad-hoc command) `{handler.__name__}`", found
    )


def test_all_mistakes_are_told_at_once_in_order_included_routers_too() -> None:
    outer, inner = Router("outer"), Router("inner")
    outer.message(bytes_)
    inner.command("c")(untyped)
    outer.include(inner)
    outer.message(links)
    assert [re.search(r"`(\w+)`", m)[1] for m in check(outer)] == ["bytes_", "untyped", "links"]  # type: ignore[index]


async def positional_option(a: Annotated[int, Option("a")]) -> None: ...
async def long_letter(*, a: Annotated[int, Option("rr")]) -> None: ...
async def same_letter(*, a: Annotated[int, Option("r")], b: Annotated[bool, Option("r")] = False) -> None: ...
async def odd_constraint(a: Annotated[int, Field(pattern="(")]) -> None: ...
async def optional_then_required(a: int | None, b: int) -> None: ...


@pytest.mark.parametrize(
    ("handler", "mistake"),
    [
        (positional_option, "an Option is keyword-only"),
        (long_letter, "'rr' is no letter"),
        (same_letter, "-r is another option already"),
        (odd_constraint, "can't be bound: pydantic cannot check it"),
        (optional_then_required, "`b: int` can't be bound: it is required"),
    ],
)
def test_a_command_line_that_cannot_be_read_is_a_mistake(handler: Any, mistake: str) -> None:
    router = Router("m")
    router.command("c")(handler)
    (found,) = check(router)
    assert mistake in found


def test_what_can_be_bound_has_no_mistakes() -> None:
    router = Router("m")

    @router.message(has_link & matches("x"))
    async def everything(
        ctx, message: RoomMessage | PrivateMessage, who: Occupant, room: RoomHandle, found: re.Match[str], at: Links
    ) -> OnlyForTypes: ...

    @router.start
    async def start(ctx: Context[Any], who: Occupant | None, room: RoomHandle | None) -> None: ...

    @router.every(minutes=1, rooms=())
    async def often(tick: Tick, room: RoomHandle) -> None: ...

    assert check(router) == []


def test_decorators_return_the_function_itself() -> None:
    router = Router("m")
    assert router.message(links) is links
    assert router.message()(links) is links
    assert router.command("c")(links) is links
    assert router.every(minutes=1)(links) is links
    assert router.adhoc("n", "t")(links) is links
    assert router.on(RoomMessage)(links) is links


@pytest.mark.parametrize("name", ["", "two words", " x", "tab\tbed"])
def test_a_command_s_name_is_one_word(name: str) -> None:
    with pytest.raises(ConfigError):
        Router("m").command(name)


def test_a_plain_function_is_no_filter() -> None:
    with pytest.raises(ConfigError, match="@predicate"):
        Router("m").message(lambda event, ctx: True, has_link)  # type: ignore[call-overload]


def test_routers_that_include_each_other_in_a_circle_or_twice_are_refused() -> None:
    a, b, c = Router("a"), Router("b"), Router("c")
    a.include(b)
    b.include(c)
    with pytest.raises(ConfigError):
        c.include(a)
    with pytest.raises(ConfigError):
        a.include(a)
    with pytest.raises(ConfigError):
        a.include(c)


def test_a_schedule_is_either_cron_or_interval() -> None:
    router = Router("m")
    for wrong in ({}, {"cron": "* * * * *", "minutes": 5}, {"minutes": -5}, {"minutes": 5, "timezone": "UTC"}):
        with pytest.raises(ConfigError):
            router.every(**wrong)  # type: ignore[arg-type]


def test_usage_shows_each_parameter_as_it_is_typed() -> None:
    from botkit.routing.specs import ParameterKind as Kind

    def usage(kind: Kind, required: bool, *choices: str) -> str:
        return Parameter(name="a_b", kind=kind, type=str, required=required, choices=choices).usage

    assert usage(Kind.WORD, True) == "<a-b>"
    assert usage(Kind.WORD, False) == "[a-b]"
    assert usage(Kind.WORD, True, "on", "off") == "<on|off>"
    assert usage(Kind.REPEATED, False) == "[a-b …]"
    assert usage(Kind.REST, True) == "<a-b …>"
    assert usage(Kind.FLAG, False) == "[--a-b]"
