"""Notices in a real room: corrected, taken back, gathered, held back at night."""

from __future__ import annotations

import pytest

from botkit.model.actions import Notice
from botkit.model.address import Address
from tests.server.running import NICK, running_app, write_config
from tests.server.test_sending import FAST, said_by_bot, stage
from tests.server.wire import body, is_message

REPLACE = "{urn:xmpp:message-correct:0}replace"


def build(room, text):
    return Notice(to=Address.parse(room), text=text, topic="build-42")


async def test_a_later_notice_of_a_topic_corrects_the_earlier(server, people, account, fresh_room, tmp_path):
    owner, name = await stage(server, people, account, fresh_room)
    async with running_app(write_config(tmp_path, server, name, [fresh_room], FAST)) as bot:
        for text in ("build running", "tests running", "build passed"):
            sent = await bot.app.outbox.perform(build(fresh_room, text))
            await sent.reflected(10)
        heard = [
            await owner.wait_for(lambda s, text=text: is_message(s, f"{fresh_room}/{NICK}", text))
            for text in ("build running", "tests running", "build passed")
        ]
        assert heard[0].find(REPLACE) is None
        assert [one.find(REPLACE).get("id") for one in heard[1:]] == [heard[0].get("id")] * 2


async def test_after_a_restart_it_is_a_message_of_its_own(server, people, account, fresh_room, tmp_path):
    owner, name = await stage(server, people, account, fresh_room)
    config = write_config(tmp_path, server, name, [fresh_room], FAST)
    for text in ("build running", "build passed"):
        async with running_app(config) as bot:
            sent = await bot.app.outbox.perform(build(fresh_room, text))
            await sent.reflected(10)
        heard = await owner.wait_for(lambda s, text=text: is_message(s, f"{fresh_room}/{NICK}", text))
        assert heard.find(REPLACE) is None


@pytest.mark.parametrize("moderated", [False, True])
async def test_a_message_that_was_moderated_is_not_corrected(server, people, account, fresh_room, tmp_path, moderated):
    owner, name = await stage(server, people, account, fresh_room)
    async with running_app(write_config(tmp_path, server, name, [fresh_room], FAST)) as bot:
        sent = await bot.app.outbox.perform(build(fresh_room, "build running"))
        archive_id = await sent.reflected(10)
        if moderated:
            await owner.moderate(fresh_room, archive_id)
        sent = await bot.app.outbox.perform(build(fresh_room, "build passed"))
        await sent.reflected(10)
        heard = await owner.wait_for(lambda s: is_message(s, f"{fresh_room}/{NICK}", "build passed"))
        assert (heard.find(REPLACE) is None) == moderated
    assert body(heard) in await said_by_bot(owner, fresh_room)
