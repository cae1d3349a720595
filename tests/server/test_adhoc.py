"""The keeper's commands as forms (XEP-0050), from an ordinary client, through a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from botkit.testing.prosody import Prosody
from tests.server.clients import Client
from tests.server.running import NICK, Stay, bot_in, running_app, write_config
from tests.server.wire import COMMANDS, MUC_USER, CommandResult, StanzaFailed, command_result, is_presence, submit_form

NODES = "http://jabber.org/protocol/commands"
INFO = "{http://jabber.org/protocol/disco#info}"


@dataclass
class Desk:
    """A running keeper in a room; ``full`` is its full JID, ``occupant`` its JID in the room."""

    bot: Stay
    owner: Client
    room: str
    full: str

    @property
    def occupant(self) -> str:
        return f"{self.room}/{NICK}"

    @property
    def ways(self) -> tuple[str, str]:
        """Both JIDs under which the bot is reached."""
        return self.full, self.occupant


@pytest.fixture
async def desk(server: Prosody, client_factory, account, fresh_room: str, tmp_path: Path) -> AsyncIterator[Desk]:
    owner, name = await client_factory("owner"), await account("bot")
    await owner.create_room(fresh_room, "owner", affiliations={f"{name}@{server.domain}": "admin"})
    config = write_config(tmp_path, server, name, [fresh_room], '[modules.keeper]\nuse = "bots.keeper"')
    async with running_app(config) as bot:
        await bot_in(owner, fresh_room)
        presence = await owner.wait_for(lambda s: is_presence(s, f"{fresh_room}/{NICK}"))
        item = presence.find(f"{MUC_USER}x/{MUC_USER}item")
        assert item is not None
        yield Desk(bot, owner, fresh_room, item.get("jid", ""))


async def step(person: Client, to: str, node: str, session: str | None, action: str, form: str = "") -> CommandResult:
    """One request of a command, exactly as given."""
    own = f" sessionid='{session}'" if session is not None else ""
    return command_result(
        await person.iq("set", to, f"<command xmlns='{NODES}' node='{node}'{own} action='{action}'>{form}</command>")
    )


def details(failed: StanzaFailed) -> set[str]:
    """The conditions of XEP-0050 §4.4 in an error."""
    return {element.tag.removeprefix(COMMANDS) for element in failed.element.iter() if element.tag.startswith(COMMANDS)}


async def test_commands_are_found_by_disco_each_by_whom_may_call_them(desk: Desk, people):
    [member] = await people("member")
    await member.join(desk.room)
    for jid in desk.ways:
        assert NODES in await desk.owner.features(jid)
        listed = {item["node"]: item for item in await desk.owner.items(jid, NODES)}
        assert {"ban", "unban", "kick", "mute", "status"} <= set(listed)
        assert listed["ban"]["name"].startswith("Ban somebody")
        assert not {"ban", "unban", "kick", "mute", "status"} & {i["node"] for i in await member.items(jid, NODES)}
        answer = await desk.owner.iq("get", jid, f"<query xmlns='{INFO.strip('{}')}' node='ban'/>")
        [identity] = answer.iterfind(f"{INFO}query/{INFO}identity")
        assert (identity.get("category"), identity.get("type")) == ("automation", "command-node")
        assert {NODES, "jabber:x:data"} <= await desk.owner.features(jid, "ban")
        with pytest.raises(StanzaFailed):
            await member.features(jid, "ban")


async def test_status_answers_at_once(desk: Desk):
    for jid in desk.ways:
        result = await desk.owner.run_command(jid, "status")
        assert (result.status, result.form_type) == ("completed", "result")
        assert "Rights: admin, moderator" in "".join(result.element.itertext())


async def test_ban_is_a_form_that_comes_back_with_what_is_wrong(desk: Desk, people):
    for jid, name in zip(desk.ways, ("first", "second"), strict=True):
        [troll] = await people(name)
        await troll.join(desk.room, name)
        form = await desk.owner.run_command(jid, "ban")
        assert (form.status, form.form_type) == ("executing", "form")
        assert {"who", "server", "reason"} <= set(form.fields)
        assert form.actions == {"complete"}
        wrong = submit_form({"who": "nobody like that", "reason": "too much"})
        again = await step(desk.owner, jid, "ban", form.session, "complete", wrong)
        assert (again.status, again.session) == ("executing", form.session)
        [(kind, text)] = again.notes
        assert kind == "error"
        assert "nobody like that" in text
        assert again.fields["reason"] == ["too much"]
        missing = await step(desk.owner, jid, "ban", form.session, "complete", submit_form({"who": ""}))
        assert missing.notes[0][0] == "error"
        right = submit_form({"who": name, "server": "0", "reason": "too much"})
        done = await step(desk.owner, jid, "ban", form.session, "complete", right)
        assert (done.status, done.notes) == ("completed", (("info", f"{name}: banned."),))
        await troll.wait_for(lambda s, at=name: is_presence(s, f"{desk.room}/{at}") and s.get("type") == "unavailable")
        with pytest.raises(StanzaFailed) as refused:
            await troll.join(desk.room, name)
        assert refused.value.condition == "forbidden"


async def test_cancelled_command_is_over(desk: Desk):
    form = await desk.owner.run_command(desk.full, "ban")
    over = await step(desk.owner, desk.full, "ban", form.session, "cancel")
    assert (over.status, over.session) == ("canceled", form.session)
    with pytest.raises(StanzaFailed) as refused:
        await step(desk.owner, desk.full, "ban", form.session, "complete", submit_form({"who": "owner"}))
    assert "session-expired" in details(refused.value)


async def test_wrong_requests_are_refused_with_the_conditions_of_the_protocol(desk: Desk):
    form = await desk.owner.run_command(desk.full, "ban")
    cases = [
        ("ban", "never-given", "complete", "bad-request", {"bad-sessionid"}),
        ("kick", form.session, "complete", "bad-request", {"bad-sessionid"}),
        ("ban", form.session, "prev", "bad-request", {"bad-action"}),
        ("ban", form.session, "dance", "bad-request", {"malformed-action"}),
        ("ban", form.session, "complete", "bad-request", {"bad-payload"}),
        ("no-such-command", None, "execute", "item-not-found", set()),
    ]
    for node, session, action, condition, detail in cases:
        with pytest.raises(StanzaFailed) as refused:
            await step(desk.owner, desk.full, node, session, action)
        assert (refused.value.condition, details(refused.value)) == (condition, detail), (node, action)
    with pytest.raises(StanzaFailed) as refused:
        await desk.owner.iq("get", desk.full, f"<command xmlns='{NODES}' node='status'/>")
    assert refused.value.condition in ("bad-request", "feature-not-implemented", "service-unavailable")
    # None of it ended the session.
    assert (await step(desk.owner, desk.full, "ban", form.session, "cancel")).status == "canceled"


async def test_session_belongs_to_who_began_it(desk: Desk, people, client_factory):
    [admin] = await people("admin")
    await desk.owner.set_affiliation(desk.room, admin.bare, "admin")
    await admin.join(desk.room)
    for jid in desk.ways:
        form = await desk.owner.run_command(jid, "ban")
        with pytest.raises(StanzaFailed) as refused:
            await step(admin, jid, "ban", form.session, "complete", submit_form({"who": "owner"}))
        assert details(refused.value) == {"bad-sessionid"}
    other = await client_factory(account=desk.owner.bare.partition("@")[0])
    form = await desk.owner.run_command(desk.full, "ban")
    with pytest.raises(StanzaFailed) as refused:
        await step(other, desk.full, "ban", form.session, "cancel")
    assert details(refused.value) == {"bad-sessionid"}


async def test_ordinary_people_and_strangers_are_refused(desk: Desk, people):
    member, stranger = await people("member", "stranger")
    await member.join(desk.room)
    for person, jid in ((member, desk.full), (member, desk.occupant), (stranger, desk.full)):
        for node in ("ban", "status"):
            with pytest.raises(StanzaFailed) as refused:
                await person.run_command(jid, node)
            assert refused.value.condition == "forbidden"


async def test_rights_lost_between_two_stages_are_lost(desk: Desk, people):
    victim, admin = await people("victim", "admin")
    await desk.owner.set_affiliation(desk.room, admin.bare, "admin")
    await admin.join(desk.room, "admin")
    await victim.join(desk.room, "victim")
    for jid in desk.ways:
        await desk.owner.set_affiliation(desk.room, admin.bare, "admin")
        await desk.bot.until(lambda: _rank(desk) == "admin")
        form = await admin.run_command(jid, "ban")
        await desk.owner.set_affiliation(desk.room, admin.bare, "none")
        await desk.bot.until(lambda: _rank(desk) == "none")
        with pytest.raises(StanzaFailed) as refused:
            await step(admin, jid, "ban", form.session, "complete", submit_form({"who": "victim"}))
        assert refused.value.condition == "forbidden" or "bad-sessionid" in details(refused.value)
    assert not any(s.get("type") == "unavailable" for s in victim.received if is_presence(s, f"{desk.room}/victim"))


def _rank(desk: Desk) -> str | None:
    """The affiliation of ``admin`` as the bot knows it."""
    [info] = desk.bot.app.link.rooms()
    return next((o.affiliation.word for o in desk.bot.app.link.occupants(info.address) if o.nick == "admin"), None)
