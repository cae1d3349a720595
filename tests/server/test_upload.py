"""Files on a real upload service, and what another client gets of them."""

from __future__ import annotations

import asyncio
import ssl
import urllib.request

import pytest

from botkit.errors import UploadFailed
from botkit.model.events import StreamEstablished
from botkit.testing.prosody import ProsodyOptions
from tests.server.running import NICK, running_app, write_config
from tests.server.wire import body, is_message

OOB = "{jabber:x:oob}x/{jabber:x:oob}url"
SHARER = """
from botkit import Context, Module, RoomHandle, Router

router = Router("sharer")


@router.command("draw")
async def draw(room: RoomHandle) -> None:
    await room.share(b"\\x89PNG and so on", name="très cool.png")


module = Module(name="sharer", router=router)
"""


def get(url: str, ca_file: object) -> tuple[bytes, str]:
    context = ssl.create_default_context(cafile=str(ca_file))
    with urllib.request.urlopen(url, context=context, timeout=10) as answer:
        return answer.read(), answer.headers["Content-Type"]


async def test_a_shared_file_is_shown_and_can_be_got_by_everybody(server, people, account, fresh_room, tmp_path):
    [owner] = await people("owner")
    name = await account("bot")
    await owner.create_room(fresh_room, "owner")
    (tmp_path / "sharer.py").write_text(SHARER)
    config = write_config(tmp_path, server, name, [fresh_room], '[modules.sharer]\nuse = "sharer.py"\n')
    async with running_app(config):
        await owner.wait_for(lambda s: s.tag.endswith("presence") and s.get("from") == f"{fresh_room}/{NICK}")
        await owner.say(fresh_room, "!draw")
        told = await owner.wait_for(lambda s: is_message(s, f"{fresh_room}/{NICK}") and s.find(OOB) is not None)
    url = told.find(OOB).text
    assert body(told) == url, "the body is the URL and nothing else: so clients show the picture"
    content, kind = await asyncio.to_thread(get, url, server.ca_file)
    assert (content, kind) == (b"\x89PNG and so on", "image/png")


async def test_a_large_file_of_the_disk_arrives_whole(server, account, start_link, tmp_path):
    link = await start_link(server, await account("bot"))
    await link.wait_for(StreamEstablished)
    content = bytes(range(256)) * 4096
    (tmp_path / "large.bin").write_bytes(content)
    url = await link.link.upload(tmp_path / "large.bin")
    assert (await asyncio.to_thread(get, url, server.ca_file))[0] == content


async def test_a_file_beyond_the_limit_of_the_service_is_refused_with_it(start_server, start_link):
    options = ProsodyOptions(extra_components="http_file_share_size_limit = 1000")
    server = await start_server(options=options, accounts={"bot": "secret"})
    link = await start_link(server, "bot")
    await link.wait_for(StreamEstablished)
    with pytest.raises(UploadFailed, match=r"1,001 bytes; upload\.localhost takes 1,000 at most"):
        await link.link.upload(b"x" * 1001, name="x.bin")
    assert (await link.link.upload(b"x" * 1000, name="x.bin")).startswith("https://")


async def test_a_quota_is_told_in_the_service_s_words(start_server, start_link):
    options = ProsodyOptions(extra_components="http_file_share_daily_quota = 1000")
    server = await start_server(options=options, accounts={"bot": "secret"})
    link = await start_link(server, "bot")
    await link.wait_for(StreamEstablished)
    await link.link.upload(b"x" * 800, name="x.bin")
    with pytest.raises(UploadFailed, match="quota"):
        await link.link.upload(b"x" * 800, name="x.bin")
