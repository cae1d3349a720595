"""The keeper in real rooms, against people on another library."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest

from botkit.testing.prosody import Generation, Prosody
from tests.server.clients import Client
from tests.server.running import NICK, Stay, bot_in, running_app, write_config
from tests.server.wire import CLIENT, MUC_USER, StanzaFailed, body, is_message, is_presence, stanza_id, status_codes

GENTLE = "devoice_after = false\nkick_after = false\nban_after = false"


@dataclass
class Place:
    """A room with its owner, and an account for the keeper."""

    server: Prosody
    owner: Client
    room: str
    account: str
    folder: Path

    def config(self, settings: str = "", more: str = "") -> Path:
        """The keeper's config with ``settings``."""
        text = f'[modules.keeper]\nuse = "bots.keeper"\nwords = ["casino*"]\n{settings}\n{more}'
        return write_config(self.folder, self.server, self.account, [self.room], text)

    async def barrier(self) -> str:
        """Ask the bot something and wait for its answer: whatever was said before is dealt with by then."""
        since = self.owner.mark()
        await self.owner.say(self.room, "!status")
        answer = await self.owner.wait_for(lambda s: is_message(s, f"{self.room}/{NICK}"), since=since)
        return body(answer) or ""

    async def outcasts(self) -> set[str]:
        """The bare JIDs that the room has banned, as its owner is told."""
        query = "<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='outcast'/></query>"
        answer = await self.owner.iq("get", self.room, query)
        return {item.get("jid", "") for item in answer.iter("{http://jabber.org/protocol/muc#admin}item")}


type_of_place = Callable[..., Awaitable[Place]]


@pytest.fixture
async def make_place(server, client_factory, account, fresh_room: str, tmp_path: Path) -> type_of_place:
    async def make(rights: str = "admin", **config: bool | str) -> Place:
        owner = await client_factory("owner")
        name = await account("bot")
        affiliations = {f"{name}@{server.domain}": rights} if rights != "none" else {}
        await owner.create_room(fresh_room, "owner", config=config, affiliations=affiliations)
        return Place(server, owner, fresh_room, name, tmp_path)

    return make


def takes_away(stanza: Element, room: str, message: Element | str) -> bool:
    """Whether this announces, from the room itself, that a moderator retracted ``message`` (XEP-0425 §3, both)."""
    wanted = message if isinstance(message, str) else stanza_id(message, room)
    names = ("{urn:xmpp:fasten:0}apply-to", "{urn:xmpp:message-retract:1}retract")
    return is_message(stanza, room) and any(child.tag in names and child.get("id") == wanted for child in stanza)


async def gone(person: Client, room: str, message: Element | str) -> Element:
    return await person.wait_for(lambda s: takes_away(s, room, message))


def is_gone(person: Client, room: str, message: Element | str) -> bool:
    return any(takes_away(s, room, message) for s in person.received)


def namespaces(bot: Stay) -> list[str]:
    """Records the name spaces of what is asked of rooms from now on."""
    asked: list[str] = []
    ask = bot.app.link.connection.request

    async def recorded(payload, **options):
        asked.extend(element.tag.partition("}")[0].lstrip("{") for element in payload.iter())
        return await ask(payload, **options)

    bot.app.link.connection.request = recorded
    return asked


# --- rules and measures -------------------------------------------------------------------------------------------


async def test_each_rule_takes_messages_away_by_the_version_of_the_room(make_place, people, generation: Generation):
    place = await make_place()
    settings = f'deny_links = ["spam.example"]\nflood_messages = 4\nflood_seconds = 30\n{GENTLE}'
    async with running_app(place.config(settings)) as bot:
        asked = namespaces(bot)
        word, link, flood, twin = await people("word", "link", "flood", "twin")
        for person in (word, link, flood, twin):
            await person.join(place.room)
        fine = await word.say(place.room, "good morning")
        spam = [
            await word.say(place.room, "visit my C A S I N O now"),
            await link.say(place.room, "see https://www.spam.example/x?y"),
            [await flood.say(place.room, f"line {number}") for number in range(5)][-1],
            [await twin.say(place.room, "the very same text") for _ in range(3)][-1],
        ]
        for message in spam:
            await gone(place.owner, place.room, message)
        status = await place.barrier()
        assert "retract 4" in status
        version = 1 if generation is Generation.V13 else 0
        assert f"Message moderation: version {version}" in status
        assert f"urn:xmpp:message-moderate:{version}" in asked
        assert f"urn:xmpp:message-moderate:{1 - version}" not in asked
        assert not is_gone(place.owner, place.room, fine)
        for rule, message in zip(("words", "links", "flood", "duplicates"), spam, strict=True):
            [line] = [line for line in bot.told("acting") if rule in line["rules"]]
            assert line["stanza_id"] == stanza_id(message, place.room)


async def test_ladder_goes_from_a_warning_to_a_ban(make_place, people):
    place = await make_place()
    settings = "retract_after = 2\ndevoice_after = 3\nkick_after = 4\nban_after = 5\nword_points = 1"
    async with running_app(place.config(settings)) as bot:
        [spammer] = await people("spammer")
        mine = f"{place.room}/{spammer.bare.partition('@')[0]}"

        def own(stanza: Element) -> bool:
            return is_presence(stanza, mine)

        await spammer.join(place.room)
        first = await spammer.say(place.room, "casino one")
        warning = await spammer.wait_for(lambda s: is_message(s, f"{place.room}/{NICK}") and s.get("type") == "chat")
        assert "is not wanted" in (body(warning) or "")

        second = await spammer.say(place.room, "casino two")
        await gone(spammer, place.room, second)
        assert not is_gone(spammer, place.room, first)

        since = spammer.mark()
        third = await spammer.say(place.room, "casino three")
        await gone(place.owner, place.room, third)
        await spammer.wait_for(lambda s: own(s) and role_of(s) == "visitor", since=since)
        with pytest.raises(StanzaFailed):
            await spammer.say(place.room, "casino unheard")

        await place.owner.set_role(place.room, mine.partition("/")[2], "participant")
        await spammer.wait_for(lambda s: own(s) and role_of(s) == "participant", since=since)
        since = spammer.mark()
        fourth = await spammer.say(place.room, "casino four")
        kicked = await spammer.wait_for(lambda s: own(s) and s.get("type") == "unavailable", since=since)
        assert "307" in status_codes(kicked)

        await spammer.join(place.room)
        since = spammer.mark()
        fifth = await spammer.say(place.room, "casino five")
        banned = await spammer.wait_for(lambda s: own(s) and s.get("type") == "unavailable", since=since)
        assert "301" in status_codes(banned)
        assert await place.outcasts() == {spammer.bare}
        for message in (fourth, fifth):
            await gone(place.owner, place.room, message)
        measures = [line["measure"] for line in bot.told("acting")]
        assert measures == ["warn", "retract", "devoice", "kick", "ban"]


def role_of(presence: Element) -> str | None:
    item = presence.find(f"{MUC_USER}x/{MUC_USER}item")
    return None if item is None else item.get("role")


async def test_moderators_and_members_are_immune(make_place, people):
    place = await make_place()
    member, admin = await people("member", "admin")
    await place.owner.set_affiliation(place.room, member.bare, "member")
    await place.owner.set_affiliation(place.room, admin.bare, "admin")
    async with running_app(place.config()) as bot:
        said = []
        for person in (member, admin):
            await person.join(place.room)
            said += [await person.say(place.room, "casino") for _ in range(4)]
        said.append(await place.owner.say(place.room, "casino"))
        assert "nothing had to be done" in await place.barrier()
        assert not any(is_gone(place.owner, place.room, message) for message in said)
        assert not bot.told("acting")


async def test_member_who_spoke_while_the_bot_was_away_and_left_is_immune(make_place, people):
    place = await make_place()
    [member] = await people("member")
    await place.owner.set_affiliation(place.room, member.bare, "member")
    config = place.config()
    async with running_app(config):
        await member.join(place.room)
        await member.say(place.room, "hello")
        await place.barrier()
    said = await member.say(place.room, "casino")
    await member.leave(place.room)
    async with running_app(config) as bot:
        await place.barrier()
        assert not is_gone(place.owner, place.room, said)
        assert not bot.told("acting")
        assert bot.told("rule matched, but the author is immune")


async def test_dry_run_does_nothing_but_says_what_it_would_do(make_place, people):
    place = await make_place()
    settings = "dry_run = true\nretract_after = 2\ndevoice_after = 4\nkick_after = 6\nban_after = 8"
    async with running_app(place.config(settings)) as bot:
        [spammer] = await people("spammer")
        await spammer.join(place.room)
        said = [await spammer.say(place.room, f"casino {number}") for number in range(4)]
        assert "dry run" in await place.barrier()
        would = bot.told("would have acted (dry run)")
        assert [line["measure"] for line in would] == ["retract", "devoice", "kick", "ban"]
        assert not any(is_gone(place.owner, place.room, message) for message in said)
        assert not await place.outcasts()
        await spammer.say(place.room, "still here, with a voice")
        assert not any(is_message(s, f"{place.room}/{NICK}") and s.get("type") == "chat" for s in spammer.received)


async def test_spam_said_while_the_bot_was_away_is_taken_away_after_catch_up(make_place, people):
    place = await make_place()
    config = place.config(GENTLE)
    [spammer] = await people("spammer")
    await spammer.join(place.room)
    async with running_app(config):
        await spammer.say(place.room, "hello")
        await place.barrier()
    spam = [await spammer.say(place.room, f"casino {number}") for number in range(3)]
    fine = await spammer.say(place.room, "good evening")
    command = await place.owner.say(place.room, f"!kick {spammer.nicks[place.room]}")
    async with running_app(config) as bot:
        for message in spam:
            await gone(place.owner, place.room, message)
        await place.barrier()
        assert not is_gone(place.owner, place.room, fine)
        assert not is_gone(place.owner, place.room, command)
        # A command never runs from history.
        await spammer.say(place.room, "I am still here")
        assert {line["source"] for line in bot.told("acting")} == {"archive"}
    async with running_app(config) as bot:
        await place.barrier()
        assert not bot.told("acting"), "what was dealt with is not dealt with again"


# --- where spam hides ---------------------------------------------------------------------------------------------

XHTML = (
    "<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>"
    "<p>my <em>cas</em>ino</p></body></html>"
)
HIDDEN = {
    "in a second body": "<body xml:lang='de'>casino</body>",
    "in an address out of band": "<x xmlns='jabber:x:oob'><url>https://spam.example/</url></x>",
    "in XHTML": XHTML,
    "with a malformed delay": "<subject/><delay xmlns='urn:xmpp:delay'/><body xml:lang='en'>casino</body>",
    "with an invitation": (
        "<x xmlns='http://jabber.org/protocol/muc#user'><invite to='a@localhost'/></x>"
        "<x xmlns='jabber:x:conference' jid='elsewhere@rooms.localhost' reason='casino'/>"
        "<body xml:lang='fr'>casino</body>"
    ),
    "with an empty room element": "<x/><body xml:lang='nl'>casino</body>",
    "with a delay of another time": (
        "<delay xmlns='urn:xmpp:delay' from='localhost' stamp='2001-01-01T00:00:00Z'/><body xml:lang='it'>casino</body>"
    ),
}


async def test_spam_is_seen_wherever_it_hides(make_place, people):
    place = await make_place()
    settings = f'deny_links = ["spam.example"]\n{GENTLE}'
    async with running_app(place.config(settings)):
        [spammer] = await people("spammer")
        await spammer.join(place.room)
        for where, extras in HIDDEN.items():
            message = await spammer.say(place.room, f"hello {where}", extras.removeprefix("<subject/>"))
            await gone(place.owner, place.room, message)


async def test_spam_in_a_command_is_seen(make_place, people):
    place = await make_place()
    async with running_app(place.config(GENTLE)):
        [spammer] = await people("spammer")
        await spammer.join(place.room)
        for text in ("!help casino", "!status casino", "!nothing of ours casino", f"{NICK}: help casino"):
            await gone(place.owner, place.room, await spammer.say(place.room, text))


async def test_spam_in_a_correction_takes_the_corrected_message_away_too(make_place, people):
    place = await make_place()
    async with running_app(place.config(GENTLE)):
        [spammer] = await people("spammer")
        await spammer.join(place.room)
        first = await spammer.say(place.room, "hello", number="one")
        await place.barrier()
        replace = "<replace xmlns='urn:xmpp:message-correct:0' id='one'/>"
        second = await spammer.say(place.room, "casino", replace)
        await gone(place.owner, place.room, second)
        await gone(place.owner, place.room, first)


async def test_spam_that_the_archive_does_not_keep_costs_the_voice(make_place, people):
    place = await make_place()
    async with running_app(place.config()) as bot:
        [spammer] = await people("spammer")
        await spammer.join(place.room)
        since = spammer.mark()
        message = await spammer.say(place.room, "casino", "<no-store xmlns='urn:xmpp:hints'/>")
        with pytest.raises(LookupError):
            stanza_id(message, place.room)
        await spammer.wait_for(lambda s: is_presence(s) and role_of(s) == "visitor", since=since)
        [line] = bot.told("acting")
        assert line["measure"] == "devoice"
        assert any("no archive id" in note for note in line["notes"])


# --- a bot that may do little -------------------------------------------------------------------------------------


async def test_bot_without_rights_says_so_and_harms_nobody(make_place, people):
    place = await make_place(rights="none")
    async with running_app(place.config()) as bot:
        [spammer] = await people("spammer")
        await spammer.join(place.room)
        said = [await spammer.say(place.room, f"casino {number}") for number in range(6)]
        await place.barrier()
        assert not any(is_gone(place.owner, place.room, message) for message in said)
        await spammer.say(place.room, "still here, with a voice")
        [told] = bot.told("the bot's rights do not reach: make it an admin of the room")
        assert told["log_level"] == "warning"
        assert "no moderator here" in told["missing"]
        assert not await place.outcasts()
        private = [body(s) or "" for s in spammer.received if is_message(s) and s.get("type") == "chat"]
        assert len(private) == 1
        assert "taken away" not in private[0], "nothing was taken away"
        # Given the rights, it uses them.
        since = place.owner.mark()
        await place.owner.set_affiliation(place.room, f"{place.account}@localhost", "admin")
        await place.owner.wait_for(lambda s: is_presence(s, f"{place.room}/{NICK}"), since=since)
        await gone(place.owner, place.room, await spammer.say(place.room, "casino again"))


# --- commands -----------------------------------------------------------------------------------------------------


async def test_commands_are_refused_to_ordinary_people_and_to_takers_of_nicks(make_place, people):
    place = await make_place()
    admin, thief, victim = await people("admin", "thief", "victim")
    await place.owner.set_affiliation(place.room, admin.bare, "admin")
    async with running_app(place.config()):
        await victim.join(place.room, "victim")
        await admin.join(place.room, "boss")
        await admin.say(place.room, "!mute victim")
        await victim.wait_for(lambda s: is_presence(s, f"{place.room}/victim") and role_of(s) == "visitor")
        await admin.leave(place.room)
        await thief.join(place.room, "boss")
        since = thief.mark()
        for command in ("!ban victim", "!kick victim", "!mute victim", "!unban victim@localhost", "!status"):
            await thief.say(place.room, command)
        await place.barrier()
        answers = [s for s in thief.received[since:] if s.get("from") == f"{place.room}/{NICK}"]
        refusals = [body(s) or "" for s in answers if s.tag == f"{CLIENT}message"][:-1]
        assert not any("banned" in text or "kicked" in text or "Rights" in text for text in refusals), refusals
        assert not await place.outcasts()
        assert not any(
            s.get("type") == "unavailable" for s in victim.received if is_presence(s, f"{place.room}/victim")
        )


async def test_ban_by_nick_bans_the_account(make_place, people):
    place = await make_place()
    [troll] = await people("troll")
    async with running_app(place.config()):
        await troll.join(place.room, "some one")
        await bot_in(place.owner, place.room)
        await place.owner.say(place.room, '!ban "some one" --reason "it is enough"')
        banned = await troll.wait_for(lambda s: is_presence(s, f"{place.room}/some one") and "301" in status_codes(s))
        assert "it is enough" in "".join(banned.itertext())
        assert await place.outcasts() == {troll.bare}
        await place.owner.wait_for(lambda s: is_message(s, f"{place.room}/{NICK}", "some one: banned."))
        await place.owner.say(place.room, f"!unban {troll.bare}")
        await place.owner.wait_for(lambda s: is_message(s, f"{place.room}/{NICK}") and "no longer" in (body(s) or ""))
        assert not await place.outcasts()
        await troll.join(place.room, "some one")


async def test_command_that_retracts_is_said_in_a_reply(make_place, people):
    place = await make_place()
    [person] = await people("person")
    async with running_app(place.config()) as bot:
        await person.join(place.room)
        message = await person.say(place.room, "something that no rule knows")
        number = stanza_id(message, place.room)
        await place.owner.say(
            place.room, "!retract --reason rude", f"<reply xmlns='urn:xmpp:reply:0' id='{number}' to='{place.room}'/>"
        )
        told = await gone(person, place.room, message)
        assert "rude" in "".join(told.itertext())
        await bot.until(lambda: bot.told("done by hand"))
