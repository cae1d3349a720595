"""A server that breaks the rules of XML streams: the stream ends with the right error, and the bot comes back.

A man in the middle puts the bytes into the stream of a bot that is logged in to a real Prosody,
or answers in its place.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from botkit.testing.prosody import Prosody
from tests.server.clients import Client
from tests.server.connected import Bot, running, settings_behind
from tests.server.middle import Middle
from tests.server.wire import is_message

pytestmark = pytest.mark.server

_STREAMS = "http://etherx.jabber.org/streams"
_ENDLESS = 64 * 1024 * 1024
_READ_BY_THEN = 16 * 1024 * 1024
"""The limit on a stanza (1 MiB), and what sockets and TLS hold on their way."""

HEADER = (
    f"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='{_STREAMS}' from='localhost' id='1' "
    "version='1.0'>"
).encode()
_LAUGHS = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 9))


@asynccontextmanager
async def _bot(server: Prosody, name: str, folder: Path) -> AsyncIterator[tuple[Bot, Middle]]:
    async with (
        Middle(server, folder) as middle,
        running(settings_behind(middle, server, name, backoff_cap=0.1)) as bot,
    ):
        yield bot, middle


async def _works_again(bot: Bot, alice: Client, sessions: int = 1) -> None:
    await bot.until(lambda: len(bot.established) > sessions)
    alice.send_xml(f"<message to='{bot.jid}' type='chat'><body>after it</body></message>")
    await bot.until(lambda: "after it" in bot.bodies)
    assert bot.task is not None
    assert not bot.task.done()


def _ends_with(text: bytes, condition: str) -> None:
    """RFC 6120 §4.9.1.1: the error, the closing tag, and then nothing."""
    assert text.endswith(b"</stream:stream>"), text[-300:]
    assert text.count(b"<stream:error") == 1, text[-300:]
    assert f"<{condition} ".encode() in text.partition(b"<stream:error")[2], text[-300:]


IN_THE_STREAM = {
    # RFC 6120 §11.1: restricted XML
    "comment": (b"<!-- x -->", "restricted-xml"),
    "comment in a stanza": (b"<message><!-- x --><body>x</body></message>", "restricted-xml"),
    "processing instruction": (b"<?php x?>", "restricted-xml"),
    "instruction in a stanza": (b"<message><?php x?></message>", "restricted-xml"),
    "undeclared entity": (b"<message><body>&nbsp;</body></message>", "restricted-xml"),
    "undeclared entity in an attribute": (b"<message id='&x;'/>", "restricted-xml"),
    "document type": (b"<!DOCTYPE x [<!ENTITY a 'b'>]>", "not-well-formed"),
    "document type in a stanza": (b"<message><!DOCTYPE x></message>", "not-well-formed"),
    # §11.6 and Unicode
    "bytes that are no UTF-8": (b"<message><body>\xff</body></message>", "not-well-formed"),
    "overlong UTF-8": (b"<message><body>\xc0\xaf</body></message>", "not-well-formed"),
    "overlong UTF-8 of three bytes": (b"<message><body>\xe0\x80\xaf</body></message>", "not-well-formed"),
    "surrogate in UTF-8": (b"<message><body>\xed\xa0\x80</body></message>", "not-well-formed"),
    "past the last character": (b"<message><body>\xf4\x90\x80\x80</body></message>", "not-well-formed"),
    "broken off UTF-8": (b"<message><body>\xe2\x82</body></message>", "not-well-formed"),
    "UTF-16": ("<message><body>x</body></message>".encode("utf-16"), "not-well-formed"),
    "UTF-16 without a mark": ("<message/>".encode("utf-16-le"), "not-well-formed"),
    "NUL": (b"<message><body>\0</body></message>", "not-well-formed"),
    "control character": (b"<message><body>\x08</body></message>", "not-well-formed"),
    "reference to NUL": (b"<message><body>&#0;</body></message>", "not-well-formed"),
    "reference to a surrogate": (b"<message><body>&#xD800;</body></message>", "not-well-formed"),
    "reference to no character": (b"<message><body>&#xFFFF;</body></message>", "not-well-formed"),
    "reference past the last": (b"<message><body>&#x110000;</body></message>", "not-well-formed"),
    # §4.9.3.13: XML and its namespaces
    "tags that cross": (b"<message><body></message></body>", "not-well-formed"),
    "end without a beginning": (b"</message>", "not-well-formed"),
    "attribute twice": (b"<message id='1' id='2'/>", "not-well-formed"),
    "attribute twice by namespace": (b"<message xmlns:a='u' xmlns:b='u' a:i='1' b:i='2'/>", "not-well-formed"),
    "attribute without quotes": (b"<message id=1/>", "not-well-formed"),
    "undeclared prefix": (b"<x:message/>", "not-well-formed"),
    "undeclared prefix within": (b"<message><x:y/></message>", "not-well-formed"),
    "prefix declared as nothing": (b"<x:message xmlns:x=''/>", "not-well-formed"),
    "prefix xmlns": (b"<message xmlns:xmlns='u'/>", "not-well-formed"),
    "prefix xml for another": (b"<message xmlns:xml='u'/>", "not-well-formed"),
    "a second XML declaration": (b"<?xml version='1.0'?>", "not-well-formed"),
    # §4.9.3.24
    "a second header": (HEADER.partition(b"?>")[2] + b"<message/>", "unsupported-stanza-type"),
    "unknown element": (b"<nonsense xmlns='urn:test:x'/>", "unsupported-stanza-type"),
    "a server's stanza": (b"<message xmlns='jabber:server'><body>x</body></message>", "unsupported-stanza-type"),
    "stanza in no namespace": (b"<message xmlns=''/>", "unsupported-stanza-type"),
    "success once more": (b"<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", "unsupported-stanza-type"),
    "go-ahead for TLS": (b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "unsupported-stanza-type"),
    "enabled once more": (b"<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true'/>", "unsupported-stanza-type"),
    "resumed out of the blue": (b"<resumed xmlns='urn:xmpp:sm:3' h='0' previd='x'/>", "unsupported-stanza-type"),
    # XEP-0198 §4
    "acknowledgement of what was never sent": (b"<a xmlns='urn:xmpp:sm:3' h='99999'/>", "undefined-condition"),
    # bombs
    "deep nesting": (b"<message>" + b"<a>" * 5000, "policy-violation"),
    "deep nesting, closed": (b"<message>" + b"<a>" * 5000 + b"</a>" * 5000 + b"</message>", "policy-violation"),
    "too many children": (b"<message>" + b"<a/>" * 60_000 + b"</message>", "policy-violation"),
    "too many attributes": (
        b"<message %s/>" % b" ".join(b"a%d='1'" % n for n in range(20_000)),
        "policy-violation",
    ),
    "too long a body": (b"<message><body>" + b"x" * 1_100_000 + b"</body></message>", "policy-violation"),
}


@pytest.mark.parametrize("case", IN_THE_STREAM)
async def test_stream_ends_with_the_right_error_and_the_bot_comes_back(server, account, client_factory, tmp_path, case):
    data, condition = IN_THE_STREAM[case]
    alice = await client_factory("alice")
    async with _bot(server, await account("bot"), tmp_path) as (bot, middle):
        answer = await middle.add(data)
        _ends_with(answer.text, condition)
        await _works_again(bot, alice)
        assert len(bot.lost) == 1
        assert condition in bot.lost[0].reason
        assert bot.lost[0].retry_in is not None
        assert bot.established[1].resumed is False  # else the server would send the same again


ENDLESS = {
    "body": (b"<message><body>", b"x" * 65536),
    "body of entities": (b"<message><body>", b"&amp;" * 13000),
    "CDATA": (b"<message><body><![CDATA[", b"x" * 65536),
    "start tag": (b"<message ", b" " * 65536),
    "name of an element": (b"<", b"x" * 65536),
    "name of an attribute": (b"<message ", b"x" * 65536),
    "attribute": (b"<message id='", b"x" * 65536),
    "children": (b"<message>", b"<a/>" * 16000),
    "children with text": (b"<message>", b"<a>x</a>" * 8000),
    "white space in a stanza": (b"<message>", b" " * 65536),
    "nesting": (b"<message>", b"<a>" * 20000),
    "comment": (b"<!-- ", b"x" * 65536),
    "comment in a stanza": (b"<message><!-- ", b"x" * 65536),
    "instruction": (b"<?x ", b"x" * 65536),
    "end tag": (b"<message></message", b" " * 65536),
    "first-level unknown element": (b"<nonsense xmlns='urn:x'>", b"<a/>" * 16000),
    "a header in the stream": (HEADER.partition(b"?>")[2], b"<message/>" * 6000),
    "features": (b"<stream:features>", b"<a xmlns='u'/>" * 5000),
    "error": (b"<stream:error>", b"<text>x</text>" * 5000),
    "entity": (b"<message><body>&", b"x" * 65536),
}


@pytest.mark.parametrize("case", ENDLESS)
async def test_what_never_ends_is_ended_and_the_bot_comes_back(server, account, client_factory, tmp_path, case):
    start, more = ENDLESS[case]
    alice = await client_factory("alice")
    async with _bot(server, await account("bot"), tmp_path) as (bot, middle):
        answer = await middle.add(start, more=more, most=_ENDLESS)
        assert answer.sent < _READ_BY_THEN
        await _works_again(bot, alice)
        assert len(bot.lost) == 1
        assert "we ended the stream" in bot.lost[0].reason


async def test_endless_distinct_names_are_ended(server, account, client_factory, tmp_path):
    alice = await client_factory("alice")
    async with _bot(server, await account("bot"), tmp_path) as (bot, middle):
        answer = await middle.add(b"<message>" + b"".join(b"<n%d xmlns='u:%d'/>" % (n, n) for n in range(60_000)))
        _ends_with(answer.text, "policy-violation")
        await _works_again(bot, alice)


_MECHANISMS = (
    b"<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-1</mechanism>"
    b"</mechanisms></stream:features>"
)
IN_ITS_PLACE = {
    "stanza before the features": (HEADER + b"<message><body>x</body></message>", "not-authorized"),
    "stanza before login": (HEADER + _MECHANISMS + b"<presence/>", "not-authorized"),
    "challenge that nobody waits for": (
        HEADER + b"<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
        "unsupported-stanza-type",
    ),
    "billion laughs": (
        f"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY l0 'ha'>{_LAUGHS}]><x>&l8;</x>".encode(),
        "restricted-xml",
    ),
    "quadratic blow-up": (
        f"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a '{'x' * 50000}'>]><x>{'&a;' * 5000}</x>".encode(),
        "restricted-xml",
    ),
    "external entity": (
        b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><x>&a;</x>",
        "restricted-xml",
    ),
    "external document type": (b"<?xml version='1.0'?><!DOCTYPE x SYSTEM 'http://localhost:1/'>", "restricted-xml"),
    "comment before the header": (b"<?xml version='1.0'?><!-- x -->" + HEADER, "restricted-xml"),
    "UTF-16": ("<?xml version='1.0' encoding='utf-16'?><a/>".encode("utf-16"), "unsupported-encoding"),
    "Latin-1": (b"<?xml version='1.0' encoding='iso-8859-1'?><a/>", "unsupported-encoding"),
    "HTTP": (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "not-well-formed"),
    "another stream namespace": (HEADER.replace(_STREAMS.encode(), b"urn:test:streams"), "invalid-namespace"),
    "no stream namespace": (b"<stream xmlns='jabber:client' version='1.0' id='1'>", "invalid-namespace"),
    "another element": (HEADER.replace(b"<stream:stream", b"<stream:nonsense"), "invalid-namespace"),
    "another version": (HEADER.replace(b"version='1.0'>", b"version='2.0'>"), "unsupported-version"),
    "undeclared stream prefix": (b"<stream:stream xmlns='jabber:client' version='1.0'>", "not-well-formed"),
    "endless header": (b"<stream:stream a='" + b"x" * 1_100_000, "policy-violation"),
    "endless features": (HEADER + b"<stream:features>" + b"<a xmlns='u'/>" * 100_000, "policy-violation"),
    "unknown element": (HEADER + b"<nonsense xmlns='urn:test:x'/>", "unsupported-stanza-type"),
}


@pytest.mark.parametrize("case", IN_ITS_PLACE)
async def test_bad_start_of_a_stream_is_refused_with_the_right_error(server, account, client_factory, tmp_path, case):
    data, condition = IN_ITS_PLACE[case]
    alice = await client_factory("alice")
    async with _bot(server, await account("bot"), tmp_path) as (bot, middle):
        middle.instead = data
        middle.cut()
        await bot.until(lambda: middle.answers)
        _ends_with(middle.answers[0].text, condition)
        await _works_again(bot, alice)


_SAID = b"<message><body>x</body></message>"
HARMLESS = {
    "text between stanzas": b"text" + _SAID,
    "CDATA between stanzas": b"<![CDATA[text]]>" + _SAID,
    "features once more": b"<stream:features/>" + _SAID,
    "CDATA": b"<message from='localhost'><body><![CDATA[<not> & an element]]></body></message>",
    "predefined entities": b"<message from='localhost'><body>&lt;&gt;&amp;&apos;&quot;&#x1F600;</body></message>",
    "white space between stanzas": b" \n\t\r" * 500_000 + _SAID,
    "acknowledgement that is no number": b"<a xmlns='urn:xmpp:sm:3' h='-1'/><a xmlns='urn:xmpp:sm:3'/>" + _SAID,
    "many prefixes": b"<message %s><a9:x/><body>x</body></message>"
    % b" ".join(b"xmlns:a%d='u:%d'" % (n, n) for n in range(100)),
    "another prefix for the namespace": b"<c:message xmlns:c='jabber:client'><c:body>x</c:body></c:message>",
}


@pytest.mark.parametrize("case", HARMLESS)
async def test_odd_but_lawful_input_is_taken(server, account, tmp_path, case):
    async with _bot(server, await account("bot"), tmp_path) as (bot, middle):
        middle.put(HARMLESS[case])
        await bot.until(lambda: bot.bodies)
        assert not bot.lost


ENDINGS = {
    "closing tag": b"</stream:stream>",
    "error": b"<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>",
    "error without a condition": b"<stream:error/>",
    "error of an unknown condition": b"<stream:error><what xmlns='urn:x'/>text</stream:error>",
    "error with three conditions": b"<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
    b"<shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text>x</text></stream:error>",
    "redirection to nowhere": b"<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>[::::"
    b"</see-other-host></stream:error></stream:stream>",
}


@pytest.mark.parametrize("case", ENDINGS)
async def test_however_the_server_ends_the_stream_the_bot_comes_back(server, account, client_factory, tmp_path, case):
    alice = await client_factory("alice")
    async with _bot(server, await account("bot"), tmp_path) as (bot, middle):
        await middle.add(ENDINGS[case])
        await _works_again(bot, alice)


async def test_server_that_breaks_every_stream_is_asked_ever_more_rarely(server, account, tmp_path):
    async with _bot(server, await account("bot"), tmp_path) as (bot, middle):
        for _ in range(5):
            lost = len(bot.lost)
            middle.instead = HEADER + b"<!-- x -->"
            middle.cut() if not lost else None
            await bot.until(lambda lost=lost: len(bot.lost) > lost)
        waits = [event.retry_in for event in bot.lost]
        assert all(wait is not None for wait in waits)
        assert max(waits) > 2 * waits[0]


_ATTRIBUTES = b"<message %s/>" % b" ".join(b"a%d='1'" % number for number in range(60_000))
_NAMES = b"<message>%s</message>" % b"".join(b"<n%d xmlns='u:%d'/>" % (n, n) for n in range(40_000))
_MOST_GROWTH = 80 * 1024 * 1024


def _peak(pid: int) -> int:
    """The most bytes of memory that the process had at once."""
    text = Path(f"/proc/{pid}/status").read_text()
    return 1024 * int(text.partition("VmHWM:")[2].split()[0])


@pytest.mark.slow
async def test_floods_cost_the_process_little_memory_and_no_room(
    server, account, start_bot, people, fresh_room, tmp_path
):
    (alice,) = await people("alice")
    await alice.create_room(fresh_room, "alice")
    async with Middle(server, tmp_path) as middle:
        modules = '[modules.echo]\nuse = "bots.echo"\n'
        bot = await start_bot(middle, await account("bot"), modules, rooms=[fresh_room], in_account='tls = "direct"\n')
        before, since = _peak(bot.pid), len(bot.log)
        sent = 0
        for start, more in (ENDLESS["children"], (_ATTRIBUTES, b""), (_NAMES + b"<!-- x -->", b"")):
            answer = await middle.add(start, more=more, most=_ENDLESS if more else 0)  # few: each doubles the pause
            sent += answer.sent
            await bot.wait_room(fresh_room, since=since, seconds=12)
            since = len(bot.log)
        print(f"{(_peak(bot.pid) - before) >> 20} MiB more for {sent >> 20} MiB sent")
        assert _peak(bot.pid) - before < _MOST_GROWTH
        await alice.say(fresh_room, "!echo still here")
        await alice.wait_for(lambda element: is_message(element, text="still here"))
        assert await bot.stop() == 0
