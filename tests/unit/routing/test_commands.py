"""Commands as people meet them: which messages are commands, how they are read, what is answered."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from enum import Enum
from typing import Annotated, Literal

import pytest

from botkit.errors import Forbidden
from botkit.model.actions import SetRole
from botkit.model.address import Address
from botkit.model.events import DirectMessage, PrivateMessage, RoomMessage
from botkit.model.forms import Form, Note
from botkit.model.messages import Fallback, Source
from botkit.model.rooms import Affiliation, Occupant, Role
from botkit.routing.context import Context
from botkit.routing.converters import Expected, Pattern, Range
from botkit.routing.filters import from_member, matches
from botkit.routing.handles import RoomHandle
from botkit.routing.router import Router
from botkit.routing.specs import Need, ParameterKind
from botkit.routing.words import CommandError
from botkit.testing.tester import RoomTester


class Colour(Enum):
    DARK_RED = 1
    BLUE = 2


class Even(int):
    """A type with a converter of its own."""


def even(word: str, ctx: Context) -> Even:
    if not word.isdigit() or int(word) % 2:
        raise Expected("an even number")
    return Even(word)


def banner() -> Router:
    router = Router("m")

    @router.command("tempban", "tb")
    async def tempban(who: Occupant, span: timedelta = timedelta(hours=1), *, reason: str = "spam") -> str:
        """Ban an occupant for a while."""
        return f"{who.nick} for {span}: {reason}"

    return router


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("!tempban bob", "bob for 1:00:00: spam"),
        ("!tb bob", "bob for 1:00:00: spam"),
        ("!TB bob", "bob for 1:00:00: spam"),
        ('!tempban @bob 1h30m he  said "it"', 'bob for 1:30:00: he  said "it"'),
        ("!tempban bob: PT90S", "bob for 0:01:30: spam"),
        ('!tempban "bob the builder" 2d', "bob the builder for 2 days, 0:00:00: spam"),
        ("!tempban “bob the builder” 2d", "bob the builder for 2 days, 0:00:00: spam"),
        ("bot: tempban bob", "bob for 1:00:00: spam"),
        ("Bot, tempban bob", "bob for 1:00:00: spam"),
        ("@bot: !tempban bob", "bob for 1:00:00: spam"),
        ("! tempban bob", None),
        ("tempban bob", None),
        (" !tempban bob", None),
        ("bottle: tempban bob", None),
        ("!!!", None),
        ("!", None),
        ("bot:", None),
    ],
)
async def test_a_command_is_told_from_talk_and_read(typed: str, answer: str | None) -> None:
    async with RoomTester(banner()) as room:
        alice, _, _ = room.join("alice"), room.join("bob"), room.join("carol")
        room.join("bob the builder") if "builder" in typed else None
        await alice.says(typed)
        assert room.said == ([answer] if answer else [])


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ("!tempban", "who is missing"),
        ("!tempban nobody", 'who "nobody": expected somebody who is in the room now'),
        ("!tempban bab", "did you mean bob?"),
        ("!tempban bob soon", 'span "soon": expected a length of time'),
        ('!tempban "bob', "never closed"),
        ("!tempban bob 99999999999h", "expected a length of time"),
        ("!tempban bob 999999999w", "expected a shorter time"),
    ],
)
async def test_a_wrong_word_is_named_with_what_was_expected_and_the_usage(typed: str, complaint: str) -> None:
    async with RoomTester(banner()) as room:
        alice = room.join("alice")
        room.join("bob")
        await alice.says(typed)
        assert len(room.said) == 1
        assert complaint in room.said[0]
        assert room.said[0].endswith("Usage: !tempban <who> [span] [reason …]")


async def test_a_nick_that_could_mean_two_people_is_refused() -> None:
    async with RoomTester(banner()) as room:
        alice = room.join("alice")
        room.join("bob")
        room.join("bob the builder")
        await alice.says("!tempban bob the builder")
        await alice.says('!tempban "bob" 1h the builder')
        assert 'either "bob" or "bob the builder"' in room.said[0]
        assert room.said[1] == "bob for 1:00:00: the builder"


async def test_a_nick_with_spaces_needs_no_quotes_where_it_can_mean_nobody_else() -> None:
    async with RoomTester(banner()) as room:
        alice = room.join("alice")
        room.join("bob the builder")
        for typed in ("bob the builder", "bob the builder: 2h", "@bob the builder, 2h", '@"bob the builder", 2h'):
            await alice.says(f"!tempban {typed}")
        await alice.says("!tempban bob the builders")
        assert [said.partition(":")[0] for said in room.said[:4]] == [
            "bob the builder for 1", "bob the builder for 2", "bob the builder for 2", "bob the builder for 2"
        ]  # fmt: skip
        assert 'who "bob": expected somebody who is in the room now' in room.said[4]


async def test_every_built_in_type_is_converted() -> None:
    router = Router("m")

    @router.command("all")
    async def all_of_them(
        ctx: Context,
        number: int,
        share: float,
        yes: bool,
        who: Address,
        word: Literal["on", "off"],
        colour: Colour,
        affiliation: Affiliation,
        role: Role,
        limited: Annotated[int, Range(1, 10)],
        name: Annotated[str, Pattern("[a-z]+", "small letters"), "What to call it."],
        *rest: int,
    ) -> None:
        seen.append((number, share, yes, who, word, colour, affiliation, role, limited, name, rest))

    seen: list[object] = []
    async with RoomTester(router) as room:
        alice = room.join("alice")
        await alice.says("!all -7 2,5 Yes xmpp:a@b.example/c OFF dark-red admin moderator 10 abc 1 2 3")
        expected = (Affiliation.ADMIN, Role.MODERATOR, 10, "abc", (1, 2, 3))
        assert seen == [(-7, 2.5, True, Address.parse("a@b.example/c"), "off", Colour.DARK_RED, *expected)]
        await alice.says("!all -7 2,5 yes a@b.example off dark-red admin moderator 11 abc")
        await alice.says("!all -7 2,5 yes a@b.example off dark-red admin moderator 10 ABC")
        await alice.says("!all -7 2,5 yes a@b.example off dark-rod admin moderator 10 abc")
        await alice.says("!all 7x 2,5 yes a@b.example off dark-red admin moderator 10 abc")
        first_lines = [said.partition("\n")[0] for said in room.said]
        assert first_lines == [
            'limited "11": expected from 1 to 10',
            'name "ABC": expected small letters',
            'colour "dark-rod": expected one of dark-red, blue; did you mean dark-red?',
            'number "7x": expected a whole number',
        ]
        parameters = room.dispatcher.commands[0].parameters
        assert parameters[9].doc == "What to call it."
        assert parameters[10].kind is ParameterKind.REPEATED
        assert parameters[5].choices == ("dark-red", "blue")


async def test_flags_stand_before_the_words() -> None:
    router = Router("m")

    @router.command("say")
    async def say(*, very_loud: bool = False, text: str) -> str:
        return text.upper() if very_loud else text

    async with RoomTester(router) as room:
        alice = room.join("alice")
        await alice.says("!say --very-loud hello -- there")
        await alice.says("!say hello --very-loud")
        await alice.says("!say -- --very-loud")
        await alice.says("!say --loud hello")
        assert room.said[:3] == ["HELLO -- THERE", "hello --very-loud", "--very-loud"]
        assert "--loud is unknown; did you mean --very-loud?" in room.said[3]


async def test_one_word_too_many_is_refused() -> None:
    router = Router("m")

    @router.command("one")
    async def one(word: str) -> str:
        return word

    async with RoomTester(router) as room:
        await room.join("alice").says("!one two three")
        assert room.said == ["three is one word too many\nUsage: !one <word>"]


async def test_own_types_have_own_converters() -> None:
    outer, inner = Router("outer"), Router("inner")
    outer.converter(Even, even)

    @inner.command("half")
    async def half(number: Even) -> str:
        return str(number // 2)

    outer.include(inner)
    async with RoomTester(outer) as room:
        alice = room.join("alice")
        await alice.says("!half 8")
        await alice.says("!half 7")
        assert room.said == ["4", 'number "7": expected an even number\nUsage: !half <number>']


@pytest.mark.parametrize("source", [Source.ARCHIVE, Source.JOIN_HISTORY])
async def test_a_command_never_runs_from_the_past(source: Source) -> None:
    async with RoomTester(banner()) as room:
        await room.join("bob").says("!tempban bob", source=source)
        assert room.said == []


async def test_a_command_never_runs_from_a_correction() -> None:
    async with RoomTester(banner()) as room:
        bob = room.join("bob")
        message = await bob.says("hello")
        await bob.corrects(message, "!tempban bob")
        assert room.said == []


async def test_a_command_never_runs_from_our_own_words() -> None:
    router = Router("m")

    @router.command("say")
    async def say(*, text: str) -> str:
        return text

    async with RoomTester(router) as room:
        await room.join("alice").says("!say !say !say again")
        assert room.said == ["!say !say again"]
        assert await room.direct(str(room.link.address), "say hello") == []


async def test_a_command_never_runs_from_a_body_that_is_all_fallback() -> None:
    async with RoomTester(banner()) as room:
        await room.join("bob").says("!tempban bob", fallbacks=(Fallback("urn:xmpp:message-retract:1"),))
        await room.join("bob").says("!tempban bob", encrypted=True)
        assert room.said == []


async def test_the_quotation_of_a_reply_is_no_part_of_a_command() -> None:
    async with RoomTester(banner()) as room:
        quoted = "> hello\n"
        fallback = Fallback("urn:xmpp:reply:0", 0, len(quoted))
        await room.join("bob").says(quoted + "!tempban bob", fallbacks=(fallback,))
        assert room.said == ["bob for 1:00:00: spam"]


async def test_message_handlers_see_commands_unless_they_say_otherwise() -> None:
    router = banner()
    seen: list[str] = []

    @router.message
    async def everything(message: RoomMessage) -> None:
        seen.append(f"everything {message.text}")

    @router.message(commands=False)
    async def talk(message: RoomMessage) -> None:
        seen.append(f"talk {message.text}")

    async with RoomTester(router) as room:
        bob = room.join("bob")
        await bob.says("!tempban bob")
        await bob.says("!unknown bob")
    assert seen == ["everything !tempban bob", "everything !unknown bob", "talk !unknown bob"]


async def test_a_close_name_is_proposed_and_any_other_met_with_silence() -> None:
    async with RoomTester(banner()) as room:
        alice = room.join("alice")
        await alice.says("!tempben bob")
        await alice.says("!wow")
        await alice.says("bot: hello")
        assert await room.direct("carol@example.org", "hello") == []
        assert room.said == ["I know no tempben; did you mean !tempban?"]


async def test_what_one_may_not_run_is_not_proposed() -> None:
    router = Router("m")

    @router.command("secret", needs=Affiliation.OWNER)
    async def secret() -> str:
        return "it"

    async with RoomTester(router) as room:
        await room.join("alice").says("!secrets")
        assert room.said == []


async def test_the_first_command_of_a_name_whose_filter_passes_runs() -> None:
    router = Router("m")

    @router.command("who", filters=[from_member])
    async def member() -> str:
        return "member"

    @router.command("who")
    async def anybody() -> str:
        return "anybody"

    async with RoomTester(router) as room:
        await room.join("alice", affiliation=Affiliation.MEMBER).says("!who")
        await room.join("bob").says("!who")
        assert room.said == ["member", "anybody"]


async def test_a_filter_of_a_command_yields_to_it() -> None:
    router = Router("m")

    @router.command("n", filters=[matches(r"(\d+)")])
    async def n(found: re.Match[str], *, text: str) -> str:
        return f"{found[1]} of {text}"

    async with RoomTester(router) as room:
        await room.join("alice").says("!n the 42 things")
        assert room.said == ["42 of the 42 things"]


async def test_a_failing_command_tells_a_reference_that_stands_in_the_log() -> None:
    router = Router("m")

    @router.command("break")
    async def broken() -> None:
        raise ValueError("secret detail")

    async with RoomTester(router) as room:
        await room.join("alice").says("!break")
        (failure,) = room.failures
        assert room.said == [f"Something went wrong (reference {failure.reference})."]
        assert any(values.get("reference") == failure.reference for _, _, values in room.log.lines)


async def test_a_hanging_command_is_cancelled_and_answered() -> None:
    router = Router("m")

    @router.command("hang", timeout=0.01)
    async def hang() -> None:
        await asyncio.Event().wait()

    async with RoomTester(router) as room:
        alice = room.join("alice")
        await alice.says("!hang")
        assert len(room.failures) == 1
        assert room.said[0].startswith("Something went wrong")


async def test_a_command_error_is_told_in_its_own_words() -> None:
    router = Router("m")

    @router.command("no")
    async def no() -> None:
        raise CommandError("Not on a Sunday.")

    async with RoomTester(router) as room:
        await room.join("alice").says("!no")
        assert room.said == ["Not on a Sunday."]
        assert room.dispatcher.failures == 0


async def test_an_answer_that_cannot_be_sent_is_a_failure_and_no_more() -> None:
    router = Router("m")

    @router.command("long")
    async def long() -> str:
        return "x" * 10_001

    @router.command("control")
    async def control() -> str:
        return "a\x00b"

    async with RoomTester(router) as room:
        alice = room.join("alice")
        await alice.says("!long")
        await alice.says("!control")
        assert "10001 characters" in str(room.failures[0].error)
        assert room.said[1] == "a\ufffdb"


async def test_who_asks_too_often_is_told_once_and_then_ignored() -> None:
    router = Router("m")

    @router.command("hi")
    async def hi() -> str:
        return "hi"

    async with RoomTester(router, command_rate=(2, 10.0)) as room:
        alice, bob = room.join("alice"), room.join("bob")
        for _ in range(5):
            await alice.says("!hi")
        await bob.says("!hi")
        assert room.said == ["hi", "hi", "That is too many commands; try again in 5 s.", "hi"]
        await room.passes(5)
        await alice.says("!hi")
        assert room.said[4:] == ["hi"]


async def test_a_reply_may_quote() -> None:
    router = Router("m")

    @router.command("q")
    async def q(ctx: Context) -> None:
        await ctx.reply("yes", quote=True)

    async with RoomTester(router) as room:
        alice = room.join("alice")
        message = await alice.says("!q")
        (sent,) = room.link.done
        assert sent.reply.target == message.archive_id  # type: ignore[union-attr]
        assert sent.reply.to == alice.occupant.address  # type: ignore[union-attr]
        assert sent.quote == "!q"  # type: ignore[union-attr]


async def test_a_command_in_private_needs_no_prefix_and_is_answered_privately() -> None:
    async with RoomTester(banner()) as room:
        bob = room.join("bob")
        assert await bob.whispers("tempban bob") == ["bob for 1:00:00: spam"]
        assert await bob.whispers("!tempban bob") == ["bob for 1:00:00: spam"]
        assert room.said == []


async def test_in_a_direct_chat_a_command_about_a_room_takes_the_room_first() -> None:
    async with RoomTester(banner(), admins=["boss@example.org"]) as room:
        room.join("bob")
        assert await room.direct("bob@example.org/x", f"tempban {room.address} bob 2h") == ["bob for 2:00:00: spam"]
        assert await room.direct("boss@example.org/x", f"tempban {room.address} bob") == ["bob for 1:00:00: spam"]
        refused = [
            await room.direct("eve@example.net/x", f"tempban {room.address} bob"),
            await room.direct("eve@example.net/x", "tempban other@rooms.example.org bob"),
            await room.direct("bob@example.org/x", "tempban other@rooms.example.org bob"),
        ]
        assert refused[0] == refused[1] == refused[2]
        assert "takes a room first" in refused[0][0]


async def test_an_annotation_says_where_a_command_works() -> None:
    router = Router("m")

    @router.command("a")
    async def in_rooms(message: RoomMessage) -> str:
        return "room"

    @router.command("a")
    async def elsewhere(message: PrivateMessage | DirectMessage) -> str:
        return "private"

    async with RoomTester(router) as room:
        alice = room.join("alice")
        await alice.says("!a")
        assert room.said == ["room"]
        assert await alice.whispers("a") == ["private"]
        assert await room.direct("alice@example.org", "a") == ["private"]


async def test_help_lists_what_the_asker_may_run_here() -> None:
    router = banner()

    @router.command("reload", needs=Need.BOT_ADMIN)
    async def reload_all() -> str:
        """Load everything anew."""
        return "done"

    @router.command("mute", needs=Role.MODERATOR)
    async def mute(who: Occupant) -> str:
        """Take somebody's voice.

        They keep their place.
        """
        return who.nick

    @router.command("hidden", hidden=True)
    async def hidden() -> None: ...

    async with RoomTester(router, admins=["boss@example.org"]) as room:
        alice = room.join("alice")
        mod = room.join("mod", affiliation=Affiliation.ADMIN)
        await alice.says("!help")
        await mod.says("!help")
        assert room.said == ["!tempban, !help. More: !help <command>", "!tempban, !mute, !help. More: !help <command>"]
        await mod.says("!help !mute")
        assert room.said[2] == (
            "!mute <who>\nTake somebody's voice.\n\nThey keep their place.\n"
            "who: a nick, exactly as it is shown in the room\nFor moderators of the room."
        )
        await alice.says("!help mute")
        assert room.said[3] == "There is no command mute that you may run here."
        (told,) = await alice.whispers("help tb")
        assert told == (
            "!tempban <who> [span] [reason …]\nBan an occupant for a while.\n"
            "who: a nick, exactly as it is shown in the room\n"
            "span: a length of time like 30m, 1h30m or 2d (else 1h)\nAlso: !tb"
        )
        (listed,) = await room.direct("boss@example.org", "help")
        assert "reload: Load everything anew." in listed
        assert "tempban <room> <who>" in listed
        (listed,) = await room.direct("stranger@example.net", "help")
        assert listed == "help [command …]: List what you may do here, or tell more about one command."


async def test_a_module_s_own_help_goes_first() -> None:
    router = Router("m")

    @router.command("help")
    async def own() -> str:
        return "own"

    async with RoomTester(router) as room:
        await room.join("alice").says("!help")
        assert room.said == ["own"]


async def test_a_refusal_by_the_server_is_a_failure_with_a_reference() -> None:
    router = Router("m")

    @router.command("out")
    async def out(room: RoomHandle, who: Occupant) -> None:
        await room.kick(who)

    async with RoomTester(router) as room:
        room.link.refusing[SetRole] = Forbidden("not-allowed", "cancel")
        alice = room.join("alice")
        room.join("bob")
        await alice.says("!out bob")
        (failure,) = room.failures
        assert room.said == [f"That was refused: not-allowed (reference {failure.reference})."]


async def test_an_action_that_would_hit_the_wrong_one_is_explained_and_no_failure() -> None:
    router = Router("m")

    @router.command("out")
    async def out(room: RoomHandle, who: Occupant) -> None:
        await room.kick(who)

    async with RoomTester(router) as room:
        alice = room.join("alice")
        room.join("boss", affiliation=Affiliation.OWNER)
        await alice.says("!out boss")
        assert room.said == ["'boss' is owner here, or ourselves; left alone"]
        assert room.dispatcher.failures == 0


# --- called by a form ---------------------------------------------------------------------------------------------


async def test_a_command_is_invoked_with_typed_values_through_the_same_checks() -> None:
    router = Router("m")

    @router.command("warn", needs=Role.MODERATOR)
    async def warn(ctx: Context, who: Occupant, points: Annotated[int, Range(1, 3)] = 1) -> str:
        return f"{ctx.sender and ctx.sender.nick} warns {who.nick} {points}"

    async with RoomTester(router) as room:
        room.join("mod", affiliation=Affiliation.ADMIN)
        alice = room.join("alice")
        command = room.dispatcher.commands[0]
        mod_jid, alice_jid = Address.parse("mod@example.org/x"), Address.parse("alice@example.org/x")
        assert room.dispatcher.rooms_for(command, mod_jid) == (room.address,)
        assert room.dispatcher.rooms_for(command, alice_jid) == ()
        assert command in room.dispatcher.offered(mod_jid)
        assert command not in room.dispatcher.offered(alice_jid)

        ctx = room.dispatcher.context(command, mod_jid, room.address)
        values = {"who": alice.occupant}
        assert await room.dispatcher.invoke(command, ctx, values) == ("mod warns alice 1",)
        assert await room.dispatcher.invoke(command, ctx, values | {"points": 3}) == ("mod warns alice 3",)
        with pytest.raises(CommandError, match="from 1 to 3"):
            await room.dispatcher.invoke(command, ctx, values | {"points": 4})
        with pytest.raises(CommandError, match="who is missing"):
            await room.dispatcher.invoke(command, ctx, {})
        ctx = room.dispatcher.context(command, alice_jid, room.address)
        with pytest.raises(CommandError, match="moderators of the room"):
            await room.dispatcher.invoke(command, ctx, values)
        with pytest.raises(CommandError):
            room.dispatcher.context(command, Address.parse("eve@example.net/x"), room.address)
        assert room.said == []


async def test_an_occupant_calls_through_the_room_about_that_room_alone() -> None:
    router = Router("m")

    @router.command("warn", needs=Role.MODERATOR)
    async def warn(ctx: Context) -> str:
        assert ctx.sender is not None
        return f"{ctx.sender.nick} {ctx.sender_jid}"

    async with RoomTester(router) as room:
        mod = room.join("mod", affiliation=Affiliation.ADMIN, real=None, occupant_id="o1")
        command = room.dispatcher.commands[0]
        ctx = room.dispatcher.context(command, mod.occupant.address)
        assert await room.dispatcher.invoke(command, ctx, {}) == ("mod None",)
        with pytest.raises(CommandError):
            room.dispatcher.context(command, mod.occupant.address, Address.parse("other@rooms.example.org"))


async def test_a_failure_of_an_invoked_command_is_logged_and_raised_with_its_reference() -> None:
    router = Router("m")

    @router.command("break")
    async def broken() -> None:
        raise ValueError("secret detail")

    async with RoomTester(router) as room:
        command = room.dispatcher.commands[0]
        ctx = room.dispatcher.context(command, Address.parse("alice@example.org/x"))
        with pytest.raises(CommandError, match="reference") as caught:
            await room.dispatcher.invoke(command, ctx, {})
        assert room.failures[0].reference in str(caught.value)
        assert "secret" not in str(caught.value)


async def test_a_hand_written_ad_hoc_command_is_for_those_who_run_the_bot_unless_it_says_otherwise() -> None:
    router = Router("m")

    @router.adhoc("status", "Status")
    async def status(ctx: Context, form: Form | None) -> Note:
        return Note("fine" if form is None else "submitted")

    async with RoomTester(router, admins=["boss@example.org"]) as room:
        (loaded,) = room.dispatcher.adhoc_commands
        boss = Address.parse("boss@example.org/x")
        assert await room.dispatcher.run_adhoc(loaded, boss, None) == Note("fine")
        assert await room.dispatcher.run_adhoc(loaded, boss, Form()) == Note("submitted")
        with pytest.raises(CommandError, match="those who run this bot"):
            await room.dispatcher.run_adhoc(loaded, Address.parse("eve@example.net/x"), None)


async def test_usage_shows_flags_where_they_are_typed() -> None:
    router = Router("m")

    @router.command("put")
    async def put(where: int, *, quietly: bool = False) -> str:
        return f"{where} {quietly}"

    async with RoomTester(router) as room:
        await room.join("alice").says("!put here")
        assert room.said == ['where "here": expected a whole number\nUsage: !put [--quietly] <where>']
