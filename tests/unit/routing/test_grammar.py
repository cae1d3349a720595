"""The grammar that a signature makes: words, options, rests, types, and what is said of a wrong word."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Len, MultipleOf, Predicate
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, Field, HttpUrl, PositiveInt, SecretStr, StringConstraints

from botkit.model.address import Address
from botkit.model.rooms import Affiliation, Occupant, Role
from botkit.routing.converters import Pattern, Range
from botkit.routing.handles import RoomHandle
from botkit.routing.specs import Option, ParameterKind
from botkit.routing.words import UsageError, quote
from tests.unit.routing.grammar import PEOPLE, ROOM, command, context, parsed


class Size(Enum):
    SMALL = 1
    VERY_LARGE = 2


async def ban(
    who: Occupant,
    span: timedelta = timedelta(hours=1),
    *,
    silent: bool = False,
    loud: bool = True,
    to: Literal["all", "staff"] = "all",
    code: Annotated[int | None, Option("c")] = None,
    reason: str = "spam",
) -> None: ...


async def echo(*, text: str) -> None: ...
async def tags(first: int, *words: str, silent: bool = False, limit: int = 3) -> None: ...
async def meet(when: datetime, *, what: str = "") -> None: ...
async def send(what: str, *, to: Annotated[Address, Option("t")]) -> None: ...


DEFAULTS = {
    "span": timedelta(hours=1), "silent": False, "loud": True, "to": "all", "code": None, "reason": "spam",
}  # fmt: skip


def given_to_ban(text: str) -> dict[str, Any]:
    values = parsed(ban, text)
    who = values.pop("who").nick
    return {"who": who} | {name: value for name, value in values.items() if value != DEFAULTS[name]}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("bob2", None),
        ("alice", {"who": "alice"}),
        ("alice 2h", {"who": "alice", "span": timedelta(hours=2)}),
        ("alice 2 hours spam and more", {"who": "alice", "span": timedelta(hours=2), "reason": "spam and more"}),
        ("--silent alice", {"who": "alice", "silent": True}),
        ("alice --silent", {"who": "alice", "silent": True}),
        ("alice 2h --silent oh  no", {"who": "alice", "span": timedelta(hours=2), "silent": True, "reason": "oh  no"}),
        ("alice 2h oh --silent", {"who": "alice", "span": timedelta(hours=2), "reason": "oh --silent"}),
        ("-s alice", {"who": "alice", "silent": True}),
        ("-sl alice", {"who": "alice", "silent": True}),
        ("—silent alice", {"who": "alice", "silent": True}),
        ("–silent alice", {"who": "alice", "silent": True}),
        ("--SILENT alice", {"who": "alice", "silent": True}),
        ("--no-loud alice", {"who": "alice", "loud": False}),
        ("--loud=no alice", {"who": "alice", "loud": False}),
        ("--silent=yes alice", {"who": "alice", "silent": True}),
        ("--to=staff alice", {"who": "alice", "to": "staff"}),
        ("--to staff alice", {"who": "alice", "to": "staff"}),
        ("-c 7 alice", {"who": "alice", "code": 7}),
        ("-sc 7 alice", {"who": "alice", "silent": True, "code": 7}),
        ('--reason="oh no" alice', {"who": "alice", "reason": "oh no"}),
        ("--reason=“oh no” alice", {"who": "alice", "reason": "oh no"}),
        ("alice 2h --reason='oh no' --silent", {
            "who": "alice", "span": timedelta(hours=2), "reason": "oh no", "silent": True,
        }),
        ('--reason "oh no" alice', {"who": "alice", "reason": "oh no"}),
        ("alice --reason oh no", {"who": "alice", "reason": "oh no"}),
        ("alice 2h -- --silent", {"who": "alice", "span": timedelta(hours=2), "reason": "--silent"}),
        ("-dash- 2h", {"who": "-dash-", "span": timedelta(hours=2)}),
        ('alice 2h "quoted" reason', {"who": "alice", "span": timedelta(hours=2), "reason": '"quoted" reason'}),
        ("alice 2h don't", {"who": "alice", "span": timedelta(hours=2), "reason": "don't"}),
    ],
)  # fmt: skip
def test_options_stand_wherever_words_do_until_the_rest_begins(text: str, values: dict[str, Any] | None) -> None:
    if values is None:
        with pytest.raises(UsageError):
            given_to_ban(text)
    else:
        assert given_to_ban(text) == values


@pytest.mark.parametrize(
    ("handler", "text", "said", "place"),
    [
        (ban, "--slient alice", "--slient is unknown; did you mean --silent?", "--slient"),
        (ban, "alice --xyzzy", "--xyzzy is unknown; there is --silent, --loud, --to, --code, --reason", "--xyzzy"),
        (ban, "--to=stuff alice", 'to "stuff": expected one of all, staff; did you mean staff?', "stuff"),
        (ban, "--to= alice", "--to wants a value: --to=…", "--to"),
        (ban, "alice --to", "--to wants a value: --to=…", "--to"),
        (ban, "-c", "-c wants a value", "-c"),
        (ban, "--silent -s alice", "--silent is given twice", "-s"),
        (ban, "--reason=a alice 2h b", "b is one word too many", "b"),
        (ban, "alice 2x", 'span "2x": expected a length of time like', "2x"),
        (ban, "", "who is missing", ""),
        (send, "hello", "--to=… is missing", ""),
        (meet, "tomorrow soon tea", 'when "tomorrow soon": expected a time of day like 9:00', "tomorrow soon"),
        (meet, "tomorrow", 'when "tomorrow": expected a time of day like 9:00', "tomorrow"),
        (meet, "soon tea", 'when "soon": expected a time like', "soon"),
        (meet, "30 feb 9:00 tea", 'when "30 feb": expected a day that calendars have', "30 feb"),
        (meet, "in a while", 'when "in a": expected a length of time', "in a"),
        (tags, "1 a --limit=x b", 'limit "x": expected a whole number', "x"),
        (ban, 'bob2 "x', 'who "bob2": expected somebody who is in the room now; did you mean', "bob2"),
    ],
)
def test_the_wrong_word_is_named_with_what_was_expected(
    handler: Callable[..., Any], text: str, said: str, place: str
) -> None:
    with pytest.raises(UsageError) as fault:
        parsed(handler, text)
    assert said in str(fault.value)
    assert fault.value.start is not None
    assert text[fault.value.start : fault.value.end] == place


def test_where_there_are_no_options_hyphens_are_text() -> None:
    assert parsed(echo, "--help -x")["text"] == "--help -x"
    assert parsed(echo, "-- so")["text"] == "-- so"
    assert parsed(echo, "--texts files")["text"] == "--texts files"
    assert parsed(echo, "--text two words")["text"] == "two words"
    assert parsed(echo, '--text="two words"')["text"] == "two words"


def test_options_stand_among_repeated_words_too() -> None:
    values = parsed(tags, "1 a --limit=7 -s “b c” -5 -- --d")
    assert values == {"first": 1, "words": ("a", "b c", "-5", "--d"), "silent": True, "limit": 7}


def test_usage_shows_every_kind() -> None:
    assert command(ban).usage == "c [--silent] [--no-loud] [--to=all|staff] [--code=CODE] <who> [span] [reason …]"
    assert command(tags).usage == "c [--silent] [--limit=LIMIT] <first> [words …]"
    assert command(send).usage == "c --to=TO <what>"
    assert [p.kind for p in command(ban).parameters][-1] is ParameterKind.REST


@pytest.mark.parametrize(
    ("text", "nick"),
    [
        ("alice", "alice"),
        ("@alice", "alice"),
        ("alice,", "alice"),
        ("alice:", "alice"),
        ("@alice:", "alice"),
        ("x:", "x:"),
        ("@home", "@home"),
        ("Tom Thumb", "Tom Thumb"),
        ("Tom Thumb, now", "Tom Thumb"),
        ("@Tom Thumb: now", "Tom Thumb"),
        ('"Tom Thumb"', "Tom Thumb"),
        ("“Tom Thumb”", "Tom Thumb"),
        ('@"Tom Thumb",', "Tom Thumb"),
        ("Ann Lee", "Ann Lee"),
        ("'bob the builder'", "bob the builder"),
        ('"bob"', "bob"),
        ('"ann"', "ann"),
        ("❤", "❤"),
        ('"\\"quoted\\""', '"quoted"'),
        ("bob the builder", 'either "bob" or "bob the builder"'),
        ("Tom", "did you mean Tom Thumb?"),
        ("tom thumb", "did you mean Tom Thumb?"),
        ("nobody", "expected somebody who is in the room now"),
    ],
)
def test_an_occupant_is_named_as_clients_name_them_and_never_guessed(text: str, nick: str) -> None:
    async def kick(who: Occupant, *, why: str = "") -> None: ...

    try:
        assert parsed(kick, text)["who"].nick == nick
    except UsageError as problem:
        said = str(problem)
        assert nick in said


@given(st.sampled_from(PEOPLE), st.text())
def test_a_quoted_nick_is_that_person_whatever_follows(nick: str, more: str) -> None:
    async def kick(who: Occupant, *, why: str = "") -> None: ...

    values = parsed(kick, f"{quote(nick, always=True)} {more}")
    assert values["who"].nick == nick
    assert values["why"] == more.strip()


async def _round(a: str, b: int, *words: str, flag: bool = False, name: str = "") -> None: ...


@given(st.text(), st.integers(-(10**17), 10**17), st.lists(st.text()), st.booleans(), st.text())
def test_what_is_quoted_is_read_back(a: str, b: int, words: list[str], flag: bool, name: str) -> None:
    line = [quote(a), str(b), *map(quote, words), *(["--flag"] if flag else [])]
    line += [f"--name={quote(name)}"] if name else []
    values = parsed(_round, " ".join(line))
    assert values == {"a": a, "b": b, "words": tuple(words), "flag": flag, "name": name}


def half(value: int) -> int:
    if value % 2:
        raise ValueError("an odd number has no half")
    return value // 2


def small(value: int) -> bool:
    return value < 5


TYPES = [
    (int, "1_000", 1000),
    (int, "1'000'000", 1_000_000),
    (int, '"1\u202f000"', 1000),
    (int, "−5", -5),
    (int, "1,000", "a whole number"),
    (int, "1.000", "a whole number"),
    (int, "1_00", "a whole number"),
    (float, "2,5", 2.5),
    (float, "1’000.5", 1000.5),
    (float, "inf", "a number"),
    (bool, "off", False),
    (str, '"a b"', "a b"),
    (Literal["red", "blue"], "RED", "red"),
    (Literal[1, 2], "2", 2),
    (Literal["red", "blue"], "bleu", "one of red, blue; did you mean blue?"),
    (Size, "very-large", Size.VERY_LARGE),
    (Size, "very_larg", "one of small, very-large; did you mean very-large?"),
    (Affiliation, "member", Affiliation.MEMBER),
    (Affiliation, "membre", "did you mean member?"),
    (Role, "visitor", Role.VISITOR),
    (Address, "ann@example.org/phone", Address.parse("ann@example.org/phone")),
    (Address, "xmpp:ann@example.org?message;body=x", Address.parse("ann@example.org")),
    (Address, "@", "a JID like"),
    (datetime, "tomorrow 9:00", datetime(2026, 1, 6, 9, tzinfo=UTC)),
    (datetime, '"tomorrow 9:00"', datetime(2026, 1, 6, 9, tzinfo=UTC)),
    (datetime, "in 2h", datetime(2026, 1, 5, 14, tzinfo=UTC)),
    (datetime, "soon", 'a time like "tomorrow 9:00"'),
    (datetime, '"tomorrow 9:00 or so"', "nothing behind it; there is 'or so'"),
    (date, "next monday", date(2026, 1, 12)),
    (time, "6pm", time(18)),
    (timedelta, "PT1H30M", timedelta(minutes=90)),
    (HttpUrl, "https://example.org/a?b=c", HttpUrl("https://example.org/a?b=c")),
    (HttpUrl, "<https://example.org/>", HttpUrl("https://example.org/")),
    (HttpUrl, "ftp://example.org/", "a web address that begins with http or https"),
    (HttpUrl, "example", "a web address like https://example.org"),
    (Decimal, "1.10", Decimal("1.10")),
    (uuid.UUID, "12345678-1234-5678-1234-567812345678", uuid.UUID("12345678-1234-5678-1234-567812345678")),
    (uuid.UUID, "7", "a valid UUID"),
    (IPv4Address, "192.0.2.7", IPv4Address("192.0.2.7")),
    (int | Literal["all"], "all", "all"),
    (int | Literal["all"], "7", 7),
    (int | Literal["all"], "alll", "expected a whole number, or one of all; did you mean all?"),
    (Occupant | Address, "ghost@example.org", Address.parse("ghost@example.org")),
    (Annotated[int, Range(1, 3)], "7", "expected from 1 to 3"),
    (Annotated[int, Field(ge=1, le=3)], "7", "expected from 1 to 3"),
    (Annotated[int, Field(gt=1)], "1", "expected more than 1"),
    (Annotated[int, Field(lt=1)], "1", "expected less than 1"),
    (Annotated[int, MultipleOf(5)], "7", "expected a multiple of 5"),
    (Annotated[int, Predicate(small)], "7", "expected something that is small"),
    (Annotated[int, AfterValidator(half)], "8", 4),
    (Annotated[int, AfterValidator(half)], "7", 'what "7": an odd number has no half'),
    (PositiveInt, "0", "expected more than 0"),
    (Annotated[str, Pattern("[a-z]+", "small letters")], "A", "expected small letters"),
    (Annotated[str, Field(pattern="^[a-z]+$")], "A", "expected a text like ^[a-z]+$"),
    (Annotated[str, Len(2, 3)], "abcd", "expected a length of at most 3"),
    (Annotated[str, StringConstraints(to_upper=True, min_length=2)], "ab", "AB"),
    (Annotated[timedelta, Field(le=timedelta(days=7))], "8d", "expected at most 7d"),
    (Annotated[timedelta, Range(None, timedelta(days=7))], "8d", "expected at most 7d"),
    (Annotated[Affiliation, Field(ge=Affiliation.MEMBER)], "none", "expected at least member"),
    (
        Annotated[datetime, Field(gt=datetime(2026, 1, 5, 12, tzinfo=UTC))],
        "yesterday 9:00",
        "expected more than 2026-01-05",
    ),
    (Annotated[Size, "how big"], "small", Size.SMALL),
]


@pytest.mark.parametrize(("kind", "text", "value"), TYPES, ids=[f"{n} {t}" for n, (_, t, _) in enumerate(TYPES)])
def test_every_type_is_read_or_refused_in_words(kind: Any, text: str, value: Any) -> None:
    async def handler(what: Any) -> None: ...

    handler.__annotations__["what"] = kind
    try:
        assert parsed(handler, text) == {"what": value}
    except UsageError as problem:
        said = str(problem)
        assert str(value) in said
        assert said.startswith("what ")


def test_a_secret_is_no_text_that_a_log_shows() -> None:
    async def login(password: SecretStr) -> None: ...

    value = parsed(login, "hunter2")["password"]
    assert "hunter2" not in repr(value)
    assert value.get_secret_value() == "hunter2"


@pytest.mark.parametrize(
    ("text", "room"),
    [
        ("den@rooms.example.org", "den@rooms.example.org"),
        ("den", "den@rooms.example.org"),
        ("#den", "den@rooms.example.org"),
        ("xmpp:den@rooms.example.org?join", "den@rooms.example.org"),
        ("room", "room@rooms.example.org"),
        ("secret", None),  # we are there, whoever asks is not
        ("secret@rooms.example.org", None),
        ("nowhere@rooms.example.org", None),
        ("nowhere", None),
    ],
)
def test_another_room_is_named_only_by_who_is_in_it(text: str, room: str | None) -> None:
    async def move(here: RoomHandle, there: RoomHandle) -> None: ...

    assert command(move).usage == "c <there>"
    if room is not None:
        assert str(parsed(move, text)["there"].address) == room
    else:
        with pytest.raises(UsageError, match="expected a room that both you and I are in"):
            parsed(move, text)


def test_a_description_of_pydantic_s_is_help() -> None:
    async def handler(
        a: Annotated[int, Field(ge=1, description="how many")], b: Annotated[int, "so many"] = 1
    ) -> None: ...

    assert [p.doc for p in command(handler).parameters] == ["how many", "so many"]


def test_typed_values_are_checked_once() -> None:
    async def handler(what: Annotated[int, AfterValidator(half)], *more: Annotated[int, Field(le=3)]) -> None: ...

    assert command(handler).check({"what": 8, "more": (1, 2)}) == {"what": 4, "more": (1, 2)}
    with pytest.raises(UsageError, match="more: expected at most 3"):
        command(handler).check({"what": 8, "more": (1, 4)})
    with pytest.raises(UsageError, match="what is missing"):
        command(handler).check({})


def test_the_context_s_zone_is_the_config_s_where_nobody_told_another() -> None:
    assert context().zone is UTC
    assert context().asker == ROOM.with_resource("alice")
