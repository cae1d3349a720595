"""Mutations that know what they change: XML by its elements, text by the characters that matter. Pure Python, from one
``random.Random``, so that hypothesis and atheris use the same."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from botkit.protocol import namespaces
from botkit.protocol.children import READERS

_OPEN, _CLOSE = b"<s xmlns='jabber:client'>", b"</s>"
_NAMESPACES: Final = sorted(
    v for k, v in vars(namespaces).items() if k.isupper() and isinstance(v, str) and "{" not in v
)
_NAMES: Final = [
    "x",
    "body",
    "subject",
    "thread",
    "html",
    "item",
    "status",
    "actor",
    "reason",
    "destroy",
    "invite",
    "password",
    "retract",
    "retracted",
    "moderated",
    "moderate",
    "apply-to",
    "reply",
    "reaction",
    "reactions",
    "fallback",
    "delay",
    "stanza-id",
    "origin-id",
    "occupant-id",
    "result",
    "forwarded",
    "message",
    "presence",
    "iq",
    "error",
    "text",
    "forbidden",
    "gone",
    "field",
    "value",
    "option",
    "required",
    "reported",
    "validate",
    "range",
    "set",
    "first",
    "last",
    "count",
    "fin",
    "query",
    "command",
    "actions",
    "note",
    "url",
    "desc",
    "encrypted",
    "payload",
    "file-sharing",
    "reference",
    "media-sharing",
    "received",
    "sent",
    "replace",
    "title",
    "instructions",
    "identity",
    "feature",
    "show",
    "priority",
    "history",
    "a",
    "img",
    "p",
    "br",
]
_KEYS: Final = [
    "id",
    "by",
    "from",
    "to",
    "jid",
    "stamp",
    "type",
    "code",
    "affiliation",
    "role",
    "nick",
    "start",
    "end",
    "for",
    "var",
    "label",
    "queryid",
    "complete",
    "node",
    "action",
    "href",
    "sessionid",
    "target",
    "uri",
    "src",
    "alt",
    "title",
    "datatype",
    "min",
    "max",
    "category",
    "name",
    "index",
    "status",
    "{http://www.w3.org/XML/1998/namespace}lang",
]
_VALUES: Final = (
    "", " ", "\n", "0", "7", "-1", "1e9", "99999999999", "١", "110", "303", "true", "false", "1", "owner",
    "admin", "member", "outcast", "none", "moderator", "participant", "visitor", "groupchat", "chat", "normal",
    "headline", "error", "unavailable", "form", "submit", "result", "cancel", "next", "prev", "complete",
    "execute", "room@muc.example.org", "ROOM@muc.example.org", "room@muc.example.org/nick",
    "room@muc.example.org/other", "muc.example.org", "bot@home.example/r", "bot@home.example", "home.example",
    "friend@home.example/phone", "@", "/", "a@b/c", "a@@b", "a@b@c/d", "2026-01-01T00:00:00Z",
    "2026-02-30T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "20260101T00:00:00",
    "de", "en", "urn:xmpp:reply:0", "urn:xmpp:message-retract:1", "occ-1", "occ-2", "s1", "m1", "\u200b",
    "\u202etxet", "\ufffd", "é", "e\u0301", "😀", "> quoted\nsaid", "https://spam.example/x",
    "xmpp:room@muc.example.org?join", "x" * 300, "http://jabber.org/protocol/muc#roomconfig", "ß", "İ", "ſ",
    "Ⅷ", "\u1e9e",
)  # fmt: skip
_RAW: Final = (
    b"<!-- -->", b"<?x y?>", b"<![CDATA[]]>", b"<![CDATA[<a>]]]]>", b"<!DOCTYPE a>", b"&amp;", b"&#0;",
    b"&#x10FFFF;", b"&#xD800;", b"&foo;", b"\0", b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80", b"\xef\xbf\xbe",
    b"\xef\xbb\xbf", b"]]>", b"</stream:stream>", b"<", b">", b"'", b"<a:b/>", b"xmlns:a=''", b" xmlns=''",
    b"\r\n", b"<?xml version='1.0'?>", b"\x01", b"<stream:error/>", b" a='1' a='2'",
)  # fmt: skip
_LETTERS: Final = (
    "\u200b", "\u200d", "\u202e", "\u2066", "\ufeff", "\u00ad", "\u0301", "\u0336", "а", "е", "о", "ο", "ѕ",
    "і", "Ｆ", "ﬁ", "𝐟", "ⓕ", "·", " ", ".", "[.]", "(dot)", " dot ", "hxxp://", "https://", "xmpp:", "www.",
    "xn--", ".com", "。", "@", ":", "/", "\\", "'", '"', "“", "”", "--", "!", "\n", "\t", "\0", "\ud800",
    "\u1100", "\u1161", "\u11a8", "가", "ß", "İ", "ſ", "\U000e0061", "\u3164", "\u115f", "1h30m", "P1D",
    "2026-01-01", "yes", "no", "[", "]", "{", "}", "=", "#", '"""', "'''", "[[", "]]", "rooms", "jid", "\r",
    "\u0085", "\u2028", "٣",
)  # fmt: skip


def bytes_at_random(data: bytes, rng: random.Random) -> bytes:
    """Cut, doubled, exchanged or given a raw piece somewhere; what a fuzzer does that knows nothing."""
    at, to = sorted((rng.randint(0, len(data)), rng.randint(0, len(data))))
    if to - at > 64:
        to = at + rng.randrange(64)
    match rng.randrange(5):
        case 0:
            return data[:at] + data[to:]
        case 1:
            return data[:to] + data[at:to] * rng.choice((1, 2, 9)) + data[to:]
        case 2:
            return data[:at] + rng.choice(_RAW) + data[at:]
        case 3:
            return data[:at] + rng.randbytes(rng.randint(1, 4)) + data[at + 1 :]
    return data[:at] + rng.choice(_VALUES).encode("utf-8", "surrogatepass") + data[to:]


def text(data: bytes, rng: random.Random) -> bytes:
    """For targets that take text."""
    line = data.decode("utf-8", "replace")
    for _ in range(rng.choice((1, 1, 2, 5))):
        at, to = sorted((rng.randint(0, len(line)), rng.randint(0, len(line))))
        match rng.randrange(6):
            case 0:
                line = line[:at] + line[min(to, at + 8) :]
            case 1:
                line = line[:to] + line[at:to] + line[to:]
            case 2:
                line = line[:at] + rng.choice(_LETTERS).join(line[at:to]) + line[to:]
            case 3:
                line = (
                    line[:at]
                    + chr(rng.choice((rng.randrange(0x250), rng.randrange(0x3000), rng.randrange(0x110000))))
                    + line[at:]
                )
            case _:
                line = line[:at] + rng.choice(_LETTERS) * rng.choice((1, 1, 1, 30)) + line[at:]
    return line[:2048].encode("utf-8", "surrogatepass")


def xml(others: Callable[[], Sequence[bytes]]) -> Callable[[bytes, random.Random], bytes]:
    """For targets that take elements, as they stand in a stream; ``others`` are inputs to take pieces from."""

    def mutate(data: bytes, rng: random.Random) -> bytes:
        root = _parsed(data)
        if root is None or not len(root):
            return bytes_at_random(data, rng) if rng.random() < 0.5 else rng.choice(others())
        root = copy.deepcopy(root)
        for _ in range(rng.choice((1, 1, 2, 3, 6))):
            _change(root, rng, others)
        made = b"".join(ElementTree.tostring(child, encoding="utf-8", xml_declaration=False) for child in root)
        return bytes_at_random(made, rng) if rng.random() < 0.05 else made

    return mutate


@lru_cache(maxsize=256)
def _parsed(data: bytes) -> Element | None:
    try:
        return ElementTree.fromstring(_OPEN + data + _CLOSE)
    except (ElementTree.ParseError, ValueError):
        return None


def _legal(value: str) -> str:
    return "".join(
        c for c in value if c in "\t\n\r" or (c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff")
    )


def _name(rng: random.Random) -> str:
    if rng.random() < 0.6:
        return rng.choice(sorted(READERS))
    return f"{{{rng.choice(_NAMESPACES)}}}{rng.choice(_NAMES)}"


def _change(root: Element, rng: random.Random, others: Callable[[], Sequence[bytes]]) -> None:
    """One change somewhere in the tree; the root itself stays."""
    pairs = [(parent, child) for parent in root.iter() for child in parent]
    if not pairs:
        root.append(Element(_name(rng)))
        return
    parent, node = rng.choice(pairs)
    place = list(parent).index(node)
    match rng.randrange(14):
        case 0:
            parent.remove(node)
        case 1:
            for _ in range(rng.choice((1, 1, 2, 40))):
                parent.insert(place, copy.deepcopy(node))
        case 2:
            other = rng.randrange(len(parent))
            parent[place], parent[other] = parent[other], parent[place]
        case 3:  # into another one
            parent.remove(node)
            rng.choice(list(root.iter())).append(node)
        case 4:  # another one around it
            around = Element(_name(rng))
            around.append(node)
            parent[place] = around
        case 5:  # its children in its place
            parent[place : place + 1] = list(node)
        case 6:
            node.tag = _name(rng)
        case 7:  # the same name in another namespace
            node.tag = f"{{{rng.choice(_NAMESPACES)}}}{str(node.tag).rpartition('}')[2]}"
        case 8 | 9:
            key = rng.choice(list(node.keys()) or _KEYS) if rng.random() < 0.7 else rng.choice(_KEYS)
            node.set(key, _legal(rng.choice(_VALUES)))
        case 10:
            for key in rng.sample(list(node.keys()), min(1, len(node.keys()))):
                del node.attrib[key]
        case 11:
            node.text = _legal(rng.choice((*_VALUES, *_LETTERS, (node.text or "") * 2)))
        case 12:
            node.tail = _legal(rng.choice(_VALUES))
        case _:
            other_root = _parsed(rng.choice(others()))
            if other_root is not None and len(other_root):
                parent.insert(place, copy.deepcopy(rng.choice(list(other_root.iter())[1:])))
