"""Rooms with slow mode (XEP-0500) on a real server, announced and not."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from botkit.model.actions import SendMessage
from botkit.model.address import Address
from botkit.testing.prosody_config import ProsodyOptions
from tests.server.clients import Client
from tests.server.running import NICK, running_app, write_config
from tests.server.wire import body, is_message

SLOW_MODE = """
local st = require "util.stanza";
local now = require "util.time".now;
local last = {};
module:hook("muc-occupant-groupchat", function (event)
    local occupant, stanza = event.occupant, event.stanza;
    if not occupant or not stanza:get_child("body") then return; end
    local affiliation = event.room:get_affiliation(occupant.bare_jid);
    if affiliation == "admin" or affiliation == "owner" then return; end
    local before = last[occupant.bare_jid];
    if before and now() - before < 1 then
        event.origin.send(st.error_reply(stanza, "wait", "policy-violation", "Slow down."));
        return true;
    end
    last[occupant.bare_jid] = now();
end, 50);
if module:get_option_boolean("announce_slow_mode") then
    module:hook("muc-disco#info", function (event)
        table.insert(event.form, { name = "muc#roominfo_slow_mode_duration", type = "text-single" });
        event.formdata["muc#roominfo_slow_mode_duration"] = "1";
    end);
end
"""


@pytest.mark.parametrize("announced", [True, False])
async def test_what_is_said_in_a_slow_room_arrives_once_and_in_order(start_server, tmp_path, announced):
    (tmp_path / "mod_slow.lua").write_text(SLOW_MODE)
    server = await start_server(
        options=ProsodyOptions(
            extra_config=f'plugin_paths = {{ "{tmp_path}" }}',
            muc_config=f'modules_enabled = {{ "muc_mam", "slow" }}\nannounce_slow_mode = {str(announced).lower()}',
        ),
        accounts={"owner": "secret", "bot": "secret"},
    )
    owner = await Client.connect(server, "owner", "r")
    room = f"room-{uuid.uuid4().hex[:8]}@{server.muc}"
    await owner.create_room(room, "owner")
    async with running_app(write_config(tmp_path, server, "bot", [room])) as bot:
        outbox, address = bot.app.outbox, Address.parse(room)
        assert outbox.room(address).slow_mode == (1.0 if announced else None)
        saying = [
            asyncio.create_task(outbox.perform(SendMessage(to=address, body=str(number), groupchat=True)))
            for number in range(4)
        ]
        for sent in await asyncio.gather(*saying):
            assert await sent.reflected(60) is not None
        assert (outbox.status().counters.sent_again > 0) is not announced
    said = [body(s) for s in owner.received if is_message(s, f"{room}/{NICK}")]
    await owner.close()
    assert sorted(said) == ["0", "1", "2", "3"]
    if announced:
        assert said == ["0", "1", "2", "3"]
