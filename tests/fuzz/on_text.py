"""Targets: texts as rules see them, addresses, command lines, config files."""

from __future__ import annotations

import contextlib
import re
import tempfile
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import Field as Limit
from pydantic import HttpUrl

from botkit.config.load import load_config
from botkit.config.mistakes import HIDDEN, ConfigMistakes
from botkit.errors import BadAddress
from botkit.model.address import Address
from botkit.model.events import RoomMessage
from botkit.model.messages import Content
from botkit.model.rooms import Affiliation, Occupant
from botkit.protocol.text import clean
from botkit.routing.commands import Command, load_command
from botkit.routing.context import Context, ModuleStorage, Services
from botkit.routing.handles import RoomHandle
from botkit.routing.router import Router
from botkit.routing.syntax import CommandSyntax
from botkit.routing.words import CommandError, Line, UsageError, quote
from botkit.storage.memory import MemoryValues
from botkit.testing.fakes import FakeClock, FakeLink, FakeLog, make_occupant, make_room
from botkit.text import (
    LinkKind,
    canonical_host,
    closed_up,
    find_links,
    normalise,
    readings,
    shown_host,
    skeleton,
    within,
    words,
)  # fmt: skip
from tests.fuzz import mutate
from tests.fuzz.target import Target
from tests.unit.protocol.wire import NOW, ROOM


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("latin-1")


# --- text ---------------------------------------------------------------------------------------------------------


def run_text(data: bytes) -> None:
    """What rules compare: the same each time, and no longer than it may be."""
    text = _text(data)
    for one in (text, clean(text)):
        folded = normalise(one)
        assert folded == normalise(one)
        assert len(folded) <= 18 * len(one), "NFKC makes at most 18 of one"
        assert closed_up(folded) == closed_up(folded)
        assert all(words(folded)), "a word of nothing"
        links = find_links(one)
        assert links == find_links(folded, normalised=True), "other links in the normalised text"
        for link in links:
            assert link.host or link.kind is not LinkKind.WEB, "a web link to nowhere"
            assert len(link.host) <= 4096
            assert canonical_host(link.host) == canonical_host(canonical_host(link.host))
            if link.host:
                assert within(link.host, {link.host}) == link.host
                assert shown_host(link.host)
                assert link.domain
        assert skeleton(skeleton(one)) == skeleton(one), "the skeleton of a skeleton is another"
        assert readings(one) == readings(one), "other readings"
    assert clean(clean(text)) == clean(text)


# --- addresses ------------------------------------------------------------------------------------------------------


def run_address(data: bytes) -> None:
    """Preparing twice is preparing once; what a peer sent always is an address."""
    text = _text(data)
    received = Address.received(text)
    assert received is Address.received(text) or received == Address.received(text)
    assert received.bare.resource is None
    assert received.bare.bare is received.bare
    with contextlib.suppress(BadAddress):
        parsed = Address.parse(text)
        assert parsed == received, "what can be prepared is received otherwise"
        assert Address.parse(str(parsed)) == parsed, "prepared twice is another address"
        for part in (parsed.local, parsed.domain, parsed.resource):
            assert part is None or 0 < len(part.encode("utf-8", "surrogatepass")) <= 1023, (
                "a part of no or too many bytes"
            )


# --- commands -------------------------------------------------------------------------------------------------------


@cache
def _commands() -> tuple[FakeLink, list[Command]]:
    router = Router("fuzz")

    @router.command("tempban")
    async def tempban(who: Occupant, span: timedelta = timedelta(hours=1), *, reason: str = "spam") -> None:
        """Ban an occupant."""

    @router.command("set")
    async def set_(what: Literal["red", "blue"], to: Affiliation, when: float = 0.0, *, quiet: bool = False) -> None:
        """Set something."""

    @router.command("many")
    async def many(first: int, where: Address, *rest: str) -> None:
        """Take many words."""

    @router.command("say")
    async def say(
        *words: str, silent: bool = False, to: Occupant | Address | None = None, most: Annotated[int, Limit(le=9)] = 1
    ) -> None:
        """Options among words."""

    @router.command("at")
    async def at(
        when: datetime, day: date | None = None, clock: time | None = None, *, every: timedelta | None = None, text: str
    ) -> None:
        """Times of all kinds."""

    @router.command("see")
    async def see(link: HttpUrl, of: Decimal | UUID, where: RoomHandle | Literal["here"]) -> None:
        """What pydantic reads, and rooms."""

    link = FakeLink()
    link.add_room(make_room(ROOM))
    for nick in ("ann", "Ann Lee", "bob:", "@bob", "İ"):
        link.set_occupant(make_occupant(ROOM, nick))
    loaded = [load_command(spec, "fuzz", {}) for spec in router.commands]
    return link, [command for command, mistakes in loaded if command is not None and not mistakes]


def run_command(data: bytes) -> None:
    """A line is read or refused, with places inside of it."""
    text = _text(data)
    link, commands = _commands()
    _read_words(text)
    author = link.occupant(ROOM.with_resource("ann"))
    assert author is not None
    message = RoomMessage(at=NOW, room=ROOM, author=author, content=Content(body=text))
    found = CommandSyntax(("!", "bot ")).find(message, link)
    at = found.at if found is not None else 0
    if found is not None:
        assert found.name
        assert 0 < found.at <= len(text), "a command outside of its line"
    services = Services(link=link, clock=FakeClock(), log=FakeLog(), spawn=_no_task)
    context: Context[Any] = Context(
        message,
        services,
        module="fuzz",
        config=None,
        storage=ModuleStorage(MemoryValues(), "fuzz"),
        room=RoomHandle(ROOM, link),
    )
    for word in text.split()[:20]:
        assert Line(quote(word)).next() == word, "what is quoted is read otherwise"
    for command in commands:
        try:
            command.parse(text, context, at)
        except UsageError as problem:
            if problem.start is not None and problem.end is not None:
                assert at <= problem.start <= problem.end <= len(text), "a fault outside of its line"
        for parameter in command.parameters:
            with contextlib.suppress(CommandError):
                command.value(parameter, text, context)


def _no_task(*_: object) -> None:
    raise AssertionError("reading a line starts no task")


def _read_words(text: str) -> None:
    line, before = Line(text), 0
    with contextlib.suppress(UsageError):
        while (word := line.next()) is not None:
            assert before <= word.start < word.end <= len(text), "words out of order"
            assert word.quoted or text[word.start : word.end] == word, "another word than what was typed"
            before = word.end
        assert line.done


# --- config ---------------------------------------------------------------------------------------------------------

_FOLDER: Final = tempfile.TemporaryDirectory(prefix="botkit-fuzz-")
_PASSWORD: Final = b"Correct-Horse-Battery"
_PASSWORD_LINE: Final = re.compile(rb'^password = "' + _PASSWORD + rb'"$', re.MULTILINE)


def run_config(data: bytes) -> None:
    """Any file is a config, or has mistakes with lines; a password in it is never told."""
    path = Path(_FOLDER.name) / "bot.toml"
    path.write_bytes(data)
    lines = data.count(b"\n") + 1
    try:
        load_config(path)
    except ConfigMistakes as problem:
        assert problem.details
        for mistake in problem.details:
            assert 1 <= mistake.line <= lines, "a mistake outside of the file"
            assert mistake.expected
            if "password" in mistake.key:
                assert mistake.value in (None, HIDDEN) or not mistake.value.startswith('"'), "a password is shown"
        if data.count(_PASSWORD) == 1 and _PASSWORD_LINE.search(data):
            assert _PASSWORD.decode() not in str(problem), "a password is shown"


def _text_seeds() -> list[bytes]:
    return [
        text.encode()
        for text in (
            "hello there",
            "FREE crypto, f r e e  c.r.y.p.t.o",
            "ｆｒｅｅ сrурtо",
            "f\u200br\u0301e\u0336e",
            "hxxps://evil[.]example/x?y",
            "see https://good.example@evil.example:8080/p",
            "evil。com and www.evil.example/a",
            "xmpp:room@muc.example.org?join",
            "münchen.example xn--mnchen-3ya.example",
            "https://[2001:db8::1]/x http://192.0.2.7/",
            "evil (dot) com",
            "e v i l . c o m",
            "\u1112\u1161\u11ab\u1100\u1173\u11af",
            "ﷺ" * 8,
            "\u202eelpmaxe\u202c",
            "ǅ ß ſ İ ı Ⅷ ㎏",
            "readme.md done.it a.b.c.d",
            "😀\U0001f469\u200d\U0001f469\u200d\U0001f467\ufe0f",
        )
    ]


def _address_seeds() -> list[bytes]:
    return [
        text.encode()
        for text in (
            "ann@home.example/phone",
            "home.example",
            "ROOM@Muc.Example.ORG/Nick",
            "room@muc.example.org/Ａｎｎ Ⅷ",
            "a@b@c/d@e/f",
            "@/",
            "/",
            "straße@münchen.example/ß",
            "x@192.0.2.7",
            "x@[2001:db8::1]/r",
            "a b@c",
            "\u05d0b@c/\u05d0b",
            "a@b/\u200b",
            "🎂@b/🎂",
            "a@b/",
            "@b",
            "a@",
            "a" * 1024 + "@b",
            "\u0130@b",
            "a@b./c",
            "a@b。c",
            "\u00aa@b/\u212b",
        )
    ]


def _command_seeds() -> list[bytes]:
    return [
        text.encode()
        for text in (
            "!tempban ann 2h30m spam again",
            '!tempban "Ann Lee" P1DT2H',
            "bot: tempban @bob",
            "!set red owner 1.5",
            "!set --quiet blue member",
            "!many 7 ann@home.example a 'b c' “d e”",
            "bot tempban 'tis",
            "!set -- red",
            '!tempban "unclosed',
            "!many 99999999999999999999 x",
            "!say a --to=ann -s —silent “b c” -- --d",
            '!say --to "Ann Lee" --most 7 -5',
            "!at tomorrow 9:00 friday 6pm --every=1h30m tea",
            "!at next friday 18:00 Europe/Berlin 24 dec 2026 noon x",
            "!at 2026-03-29T02:30+01:00 24.12. 23:59:59 -- --every",
            "!at in 2 hours and 30 min 2h ago",
            "!see https://example.org/?q 1.50 here",
            "!see <http://[::1]/> 12345678-1234-5678-1234-567812345678 room",
            "@bot: set",
        )
    ]


def _config_seeds() -> list[bytes]:
    shipped = [path.read_bytes() for path in sorted((Path(__file__).parents[2] / "config").glob("*.toml"))]
    account = b'[account]\njid = "bot@home.example"\npassword = "' + _PASSWORD + b'"\n'
    return [
        *shipped,
        account,
        account + b'[[rooms]]\njid = "room@muc.example.org"\n[modules.x]\nuse = "x"\nonly_in = ["room@muc.example"]\n',
        b'account = {jid = "bot@home.example", password = {env = "P"}}\n'
        b'rooms = [{jid = "a@b", nick = "c"}, {jid = "a@b"}]\n',
        b'[account]\njid = "bot@home.example"\npasword = "x"\nport = 5222\n[storage]\nkeep_originals = "30 moons"\n',
    ]


TARGETS: Final = (
    Target("text", "what rules compare, and links", run_text, _text_seeds, mutate.text),
    Target("address", "JIDs, prepared", run_address, _address_seeds, mutate.text),
    Target("command", "command lines and their words", run_command, _command_seeds, mutate.text),
    Target("config", "TOML files of any kind", run_config, _config_seeds, mutate.text),
)
