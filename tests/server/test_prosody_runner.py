"""The private servers themselves: they start, are verified, do what rooms need, and leave nothing behind."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest

from botkit.testing.prosody import Generation, Prosody, ProsodyFailed, ProsodyInstall, ProsodyOptions
from tests.server.clients import Client
from tests.server.wire import StanzaFailed, is_message, stanza_id

pytestmark = pytest.mark.server


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_server_is_of_the_generation_asked_for(server, generation: Generation):
    assert server.install.version.startswith(generation.value)
    assert f"version {server.install.version}" in server.log_text()


async def test_client_with_our_ca_verifies_the_server(client_factory):
    alice = await client_factory("alice")
    subject = alice.socket_object.getpeercert()["subjectAltName"]
    assert ("DNS", "localhost") in subject


async def test_client_connects_over_direct_tls(client_factory):
    alice = await client_factory("alice", direct_tls=True)
    assert await alice.features("localhost")


async def test_client_with_another_ca_refuses_the_server(start_server):
    other = await start_server(options=ProsodyOptions(certificate_trusted=False), accounts={"alice": "secret"})
    with pytest.raises(ConnectionError):
        await Client.connect(other, "alice")


async def test_client_refuses_a_certificate_for_another_name(start_server):
    options = ProsodyOptions(certificate_names=("elsewhere.example",))
    other = await start_server(options=options, accounts={"alice": "secret"})
    with pytest.raises(ConnectionError):
        await Client.connect(other, "alice")


async def test_client_refuses_an_expired_certificate(start_server):
    other = await start_server(options=ProsodyOptions(certificate_expired=True), accounts={"alice": "secret"})
    with pytest.raises(ConnectionError):
        await Client.connect(other, "alice")


async def test_wrong_password_is_refused(server, account):
    with pytest.raises(ConnectionError, match="failed_all_auth"):
        await Client.connect(server, await account("alice"), password="wrong")


async def test_two_people_talk_in_a_room(people, fresh_room: str):
    alice, bob = await people("alice", "bob")
    await alice.create_room(fresh_room, "Alice")
    await bob.join(fresh_room, "Bob")
    said = await alice.say(fresh_room, "hello <bob> & all")
    heard = await bob.wait_for(lambda stanza: is_message(stanza, f"{fresh_room}/Alice", "hello <bob> & all"))
    assert stanza_id(said, fresh_room) == stanza_id(heard, fresh_room)
    [kept] = [result for result in await bob.archive(fresh_room) if result.get("id") == stanza_id(said, fresh_room)]
    assert "hello" in "".join(kept.itertext())


async def test_room_offers_archive_occupant_ids_and_moderation(people, fresh_room: str, generation: Generation):
    [alice] = await people("alice")
    await alice.create_room(fresh_room)
    features = await alice.features(fresh_room)
    assert {"urn:xmpp:mam:2", "urn:xmpp:occupant-id:0", "urn:xmpp:message-moderate:0"} <= features
    assert ("urn:xmpp:message-moderate:1" in features) == (generation is Generation.V13)


async def test_moderator_retracts_a_message_in_each_version_offered(people, fresh_room: str, generation: Generation):
    alice, bob = await people("alice", "bob")
    await alice.create_room(fresh_room)
    await bob.join(fresh_room)
    for version in (0, 1) if generation is Generation.V13 else (0,):
        spam = await bob.say(fresh_room, f"spam {version}")
        since = bob.mark()
        await alice.moderate(fresh_room, spam, "no ads", version=version)
        await bob.wait_for(lambda stanza: is_message(stanza, fresh_room) and "no ads" in stanza.itertext(), since=since)


async def test_room_can_be_configured_and_people_given_affiliations(people, fresh_room: str):
    alice, bob, carol = await people("alice", "bob", "carol")
    config = {"membersonly": True, "persistentroom": True, "whois": "anyone"}
    await alice.create_room(fresh_room, config=config, affiliations={bob.bare: "member"})
    await bob.join(fresh_room)
    with pytest.raises(StanzaFailed) as refusal:
        await carol.join(fresh_room)
    assert refusal.value.condition == "registration-required"


async def test_only_admins_create_rooms_when_creation_is_restricted(start_server, client_factory):
    options = ProsodyOptions(restrict_room_creation=True, admins=("admin@localhost",))
    other = await start_server(options=options, accounts={"admin": "secret", "alice": "secret"})
    alice = await client_factory(on=other, account="alice")
    admin = await client_factory(on=other, account="admin")
    with pytest.raises(StanzaFailed):
        await alice.create_room(f"one@{other.muc}")
    await admin.create_room(f"one@{other.muc}")


async def test_archive_and_accounts_outlive_a_restart_and_a_kill(start_server, client_factory):
    other = await start_server(accounts={"alice": "secret"})
    room = f"kept@{other.muc}"
    alice = await client_factory(on=other, account="alice")
    await alice.create_room(room, config={"persistentroom": True})
    await alice.say(room, "before")
    await other.restart()
    alice = await client_factory(on=other, account="alice")
    await alice.join(room)
    await alice.say(room, "between")
    other.kill()
    await other.revive()
    alice = await client_factory(on=other, account="alice")
    await alice.join(room)
    texts = ["".join(result.itertext()) for result in await alice.archive(room)]
    assert any("before" in text for text in texts)
    assert any("between" in text for text in texts)


async def test_paused_server_answers_nothing_until_it_goes_on(start_server, client_factory):
    other = await start_server()
    alice = await client_factory(on=other)
    other.pause()
    try:
        with pytest.raises(TimeoutError):
            await alice.iq("get", other.domain, "<ping xmlns='urn:xmpp:ping'/>", timeout=0.3)
    finally:
        other.resume()
    await alice.iq("get", other.domain, "<ping xmlns='urn:xmpp:ping'/>")


async def test_server_can_offer_plain_only_or_no_tls(start_server, client_factory):
    plain = await start_server(options=ProsodyOptions(plain_only=True))
    assert b"<mechanism>PLAIN" in await features_after_tls(plain)
    assert b"SCRAM" not in await features_after_tls(plain)
    bare = await start_server(options=ProsodyOptions(offer_tls=False))
    assert b"starttls" not in await features_before_tls(bare)


async def test_command_without_a_form_answers_at_once(people, server):
    [alice] = await people("alice")
    result = await alice.run_command(server.domain, "uptime")
    assert result.status == "completed"
    assert "running" in result.notes[0][1]


async def test_command_with_a_form_is_filled_in(start_server, client_factory):
    options = ProsodyOptions(admins=("admin@localhost",), host_config="modules_enabled = { 'admin_adhoc' }")
    other = await start_server(options=options, accounts={"admin": "secret"})
    admin = await client_factory(on=other, account="admin")
    node = "http://jabber.org/protocol/admin#add-user"
    form = await admin.run_command(other.domain, node)
    assert form.status == "executing"
    assert "accountjid" in form.fields
    values = {"accountjid": "dora@localhost", "password": "secret", "password-verify": "secret"}
    result = await admin.run_command(other.domain, node, values)
    assert result.status == "completed"
    await client_factory(on=other, account="dora")


async def test_upload_service_gives_a_slot(people, server):
    [alice] = await people("alice")
    request = "<request xmlns='urn:xmpp:http:upload:0' filename='a.txt' size='3' content-type='text/plain'/>"
    answer = await alice.iq("get", server.upload, request)
    put = answer.find("{urn:xmpp:http:upload:0}slot/{urn:xmpp:http:upload:0}put")
    assert put is not None
    assert put.attrib["url"].startswith(f"https://localhost:{server.https_port}/")


async def test_stop_leaves_no_process_and_no_folder(install: ProsodyInstall):
    async with Prosody(install) as other:
        pid = other.pid
        assert pid is not None
        assert is_alive(pid)
        other.pause()
    assert not is_alive(pid)
    assert not other.folder.exists()


async def test_server_that_cannot_start_says_why(install: ProsodyInstall):
    other = Prosody(install, options=ProsodyOptions(extra_config="this is no Lua"))
    with pytest.raises(ProsodyFailed, match="near 'is'"):
        await other.start()
    assert not other.folder.exists()


def test_server_dies_with_the_program_that_started_it(install: ProsodyInstall):
    program = (
        "import sys; from botkit.testing.prosody import *\n"
        "server = Prosody(find_or_fetch(Generation(sys.argv[1])))\n"
        "server.launch(); print(server.pid, server.folder, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, install.generation.value]
    root = str(Path(__file__).parents[2])
    parent = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root, env={**os.environ, "PYTHONPATH": root}
    )
    with parent:
        assert parent.stdout is not None
        line = parent.stdout.readline()
        pid, folder = int(line.split()[0]), line.split()[1].decode()
        assert is_alive(pid)
        parent.send_signal(signal.SIGKILL)
    shutil.rmtree(folder)
    deadline = time.monotonic() + 5
    while is_alive(pid):
        assert time.monotonic() < deadline, "the server outlived its parent by five seconds"
        time.sleep(0.02)


async def features_before_tls(server: Prosody) -> bytes:
    reader, writer = await asyncio.open_connection(server.host, server.port)
    return await _features(reader, writer, server)


async def features_after_tls(server: Prosody) -> bytes:
    context = ssl.create_default_context(cafile=str(server.ca_file))
    reader, writer = await asyncio.open_connection(
        server.host, server.tls_port, ssl=context, server_hostname=server.domain
    )
    return await _features(reader, writer, server)


async def _features(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Prosody) -> bytes:
    streams = "http://etherx.jabber.org/streams"
    opening = f"<stream:stream to='{server.domain}' version='1.0' xmlns='jabber:client' xmlns:stream='{streams}'>"
    try:
        writer.write(opening.encode())
        return await asyncio.wait_for(reader.readuntil(b"</stream:features>"), 5)
    finally:
        writer.close()
        await writer.wait_closed()
