"""What people say in the benches: message stanzas in the shapes that common clients send, the same for every run."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

_CHATTER = """
the build is green again but this test on server was slow since yesterday and nobody knows why maybe we should look at
its log before release people here have seen it too please read what docs say about archive paging ok thanks works for
me what does your client show when room is full of bots & crowds <grin> "quoted" it's fine
"""
_WORDS = _CHATTER.split()
_OTHER_SCRIPTS = ("Привет, как дела?", "今日は良い天気", "مرحبا بالجميع", "naïve café", "👍🏽 gut gemacht")
_LINKS = ("https://example.org/wiki/Page?x=1&y=2", "https://news.example.com/2024/05/item.html", "see example.net/a")


@dataclass(frozen=True, slots=True)
class Said:
    """One message: its body as a receiver must see it, and the stanza as it is sent."""

    body: str
    stanza: bytes


def messages(room: str, first: int, count: int) -> list[Said]:
    """``count`` messages to ``room``, numbered from ``first`` on. The same arguments give the same messages."""
    return [_message(room, number) for number in range(first, first + count)]


def checksum(bodies: Iterable[str]) -> int:
    """A sum over bodies that does not depend on their order: equal where the same were received."""
    return sum(zlib.crc32(body.encode()) for body in bodies)


def _message(room: str, number: int) -> Said:
    chance = random.Random(number)
    body = _body(chance, number)
    name = f"{chance.getrandbits(64):016x}-{number}"
    children = _children(chance, name, room)
    if chance.random() < 0.15:
        quoted = f"> {' '.join(chance.choices(_WORDS, k=6))}\n"
        body = quoted + body
        children += (
            f"<reply xmlns='urn:xmpp:reply:0' to={quoteattr(f'{room}/talker1')} id='{chance.getrandbits(64):x}'/>"
            "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'>"
            f"<body start='0' end='{len(quoted)}'/></fallback>"
        )
    text = f"<message type='groupchat' to={quoteattr(room)} id='{name}'><body>{escape(body)}</body>{children}</message>"
    return Said(body, text.encode())


def _body(chance: random.Random, number: int) -> str:
    words = chance.choices(_WORDS, k=chance.choice((2, 4, 8, 8, 12, 20, 40)))
    kind = chance.random()
    if kind < 0.15:
        words.insert(chance.randrange(len(words)), chance.choice(_OTHER_SCRIPTS))
    elif kind < 0.25:
        words.append(chance.choice(_LINKS))
    return f"#{number} {' '.join(words)}"


def _children(chance: random.Random, name: str, room: str) -> str:
    kind = chance.random()
    if kind < 0.3:
        return ""
    children = f"<origin-id xmlns='urn:xmpp:sid:0' id='{name}'/>"
    if kind < 0.8:
        children += "<active xmlns='http://jabber.org/protocol/chatstates'/><markable xmlns='urn:xmpp:chat-markers:0'/>"
    return children
