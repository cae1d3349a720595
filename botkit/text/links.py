"""Links as people write them, also to hide them: bare domains, ``hxxp``, ``example[.]com``, ``xmpp:`` invitations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import islice

from botkit.text.fold import normalise
from botkit.text.hosts import canonical_host, known_end, registrable, shown_host

# What an address begins with, before its colon; and what comes behind: up to a space or a bracket that closes it.
_SCHEME = re.compile(
    r"(?<![a-z0-9])(?:(xmpp|mailto|matrix|sips?)"
    r"|(h(?:tt|xx|\*\*|__|--|\.\.|t\*|\*t)ps?|meow|ftps?|fxp|wss?|gemini|gopher|ircs?|tg)) ?\Z"
)
_REST = re.compile(r"( ?[/\\]{1,3})?([^\s<>\"']{1,2048})")
_LONGEST_SCHEME = 8  # with the space behind it
# Labels and dots: a host's name, or words without a space. Only at the start of such a run, so that it is linear.
_RUN = re.compile(r"(?<![\w.\-])[\w\-]++(?:\.[\w\-]++)+")
_BEHIND = re.compile(r"\.?(:\d{1,5}\b)?(/\S)?")
_AUTHORITY_END = re.compile(r"[/\\?#]")
_HOST_END = re.compile(r"[/\\?#,;|]")
# A host that ``canonical_host`` leaves as it is, with a path or nothing behind it: nearly every one.
_PLAIN_HOST = re.compile(r"(?:[a-z0-9\-]++\.)++[a-z]{2,}+(?=[/?#]|\Z)")
_PATH = re.compile(r"[^\s<>\"']{1,100}")
_DOTS = re.compile(
    r" ?[\[({<] ?(?:\.|dot|punkt|точка) ?[\])}>] ?|。(?=[a-z0-9]|中[国國]|公司|网[络址]|香港|台[湾灣]|在线|みんな|한국)"
)
_COLON = re.compile(r"[\[({]:(?://)?[\])}]")
_SPOKEN = re.compile(
    r"(?<![\w\-])([a-z0-9][a-z0-9\-]{1,62}) dot (com|net|org|info|biz|xyz|top|io|ru|me|de|gg|site|shop)(?![\w\-])"
)
_SPELT = re.compile(r"dot(?<=[\[({< ]dot)")
# What every link has one of, each beginning with the character that the search can leap to.
_MAYBE = (
    (".", re.compile(r"\.(?:(?<=[\w\-]\.)[\w\-]| ?[\])}>])")),
    (":", re.compile(r":(?:\S| [/\\])")),
    ("。", re.compile("。[a-z0-9中公网香台在み한]")),
)
_IPV4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}\Z")
_LONGEST = 1000  # of what may be a name: four times what a name may have
MOST = 1000  # links of one text
_TRAILING = ".,;:!?*_~`'\"»›"
_PAIRS = {")": "(", "]": "[", "}": "{"}

# Ends of host names that are counted as links wherever they stand. Others ("readme.md", "done.it", "main.py") are ends
# of file names or of words as often: they count behind "www.", before a path or port, or where a list names the domain.
_PLAIN_ENDS = frozenset(
    re.findall(
        "[a-z]+",
        """
    com net org info biz xyz online site shop store club top vip pro app dev io ai gg ru ua by kz de fr es pt
    nl eu uk cn jp kr tk ml ga cf gq icu buzz live link click win bid loan work rest fun space website tech
    cloud digital agency media news blog life world today group team email finance money cash casino bet
    poker porn sexy sex xxx adult dating cam porno tube promo sale deals discount market crypto exchange
    trade capital fund wtf lol ninja guru page zone su mobi name tel asia cat jobs travel edu gov mil int
    onion chat social network
        """,
    )
)


class LinkKind(Enum):
    """Where a link leads."""

    WEB = "web"
    ROOM = "room"  # xmpp:room@host?join
    XMPP = "xmpp"
    MAIL = "mail"
    MATRIX = "matrix"
    TELEGRAM = "telegram"
    DISCORD = "discord"
    WHATSAPP = "whatsapp"
    OTHER = "other"  # of another scheme: ftp, irc, sip


_SCHEMES = {"xmpp": LinkKind.XMPP, "mailto": LinkKind.MAIL, "matrix": LinkKind.MATRIX, "tg": LinkKind.TELEGRAM}
_SITES = {
    "matrix.to": LinkKind.MATRIX, "t.me": LinkKind.TELEGRAM, "telegram.me": LinkKind.TELEGRAM,
    "telegram.dog": LinkKind.TELEGRAM, "discord.gg": LinkKind.DISCORD, "wa.me": LinkKind.WHATSAPP,
    "chat.whatsapp.com": LinkKind.WHATSAPP,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Link:
    """One link: its ``host`` (as ``canonical_host`` makes it, no port), and as it was ``written`` (normalised).

    ``certain`` is False for what may as well be a file name or two words without a space between. ``host`` is "" where
    a scheme names none (``tg:``).
    """

    host: str
    written: str
    certain: bool = True
    kind: LinkKind = LinkKind.WEB

    @property
    def domain(self) -> str:
        """What somebody registered, by the Public Suffix List: ``example.co.uk``; the host where there is no such."""
        return registrable(self.host) or self.host

    @property
    def shown(self) -> str:
        """The host as people see it, out of its ASCII form."""
        return shown_host(self.host)


def find_links(text: str, *, normalised: bool = False) -> tuple[Link, ...]:
    """Every link in ``text``, those with a scheme first; no more than ``MOST``. Never raises.

    ``normalised``: the text is so already.
    """
    folded = text if normalised else normalise(text)
    return tuple(islice(_links(folded), MOST)) if may_link(folded) else ()


def may_link(folded: str) -> bool:
    """False for most of what people say, and then surely: nothing there can be a link."""
    # Plain texts first: most messages have no such character, and each search costs as much as all of these.
    if ("dot" in folded and _SPELT.search(folded) is not None) or "punkt" in folded or "точка" in folded:
        return True
    for sign, maybe in _MAYBE:  # noqa: SIM110 - any() would cost as much as all of this
        if sign in folded and maybe.search(folded) is not None:
            return True
    return False


def _links(folded: str) -> Iterator[Link]:
    text = folded
    if not folded.isascii() or any(map(folded.__contains__, "[({<")):
        text = _COLON.sub(_inner, _DOTS.sub(".", folded))
    known = []  # where the hosts of the first kind end, in order: they are not found again
    if ":" in text:
        for scheme, begin, rest, behind in _schemes(text):
            if link := _with_scheme(scheme, rest[2], text[begin : rest.end()]):
                known.append((begin, behind))
                yield link
    # Most often all dots are those of a host that is found already.
    if text.count(".") > sum(text.count(".", *span) for span in known):
        at = 0
        for match in _RUN.finditer(text):
            while at < len(known) and known[at][1] <= match.start():
                at += 1
            if (at == len(known) or match.start() < known[at][0]) and (link := _bare(match, text)):
                yield link
    if " dot " in text:
        for match in _SPOKEN.finditer(text):
            yield Link(f"{match[1]}.{match[2]}", match[0], certain=False)


def _schemes(text: str) -> Iterator[tuple[str, int, re.Match[str], int]]:
    """Each scheme, where it begins, what follows, and where its host ends. Looked for at colons:
    there are fewer of them than of words."""
    at = text.find(":")
    while at >= 0:
        begin = max(0, at - _LONGEST_SCHEME - 1)
        found = _SCHEME.search(text[begin:at])
        rest = _REST.match(text, at + 1) if found else None
        behind = at + 1
        if found and rest and (found[1] or rest[1]):
            behind = _host_end(rest)
            yield found[1] or found[2], begin + found.start(), rest, behind
        at = text.find(":", behind)


def _host_end(rest: re.Match[str]) -> int:
    """Where another link may begin: behind what can be a host."""
    if plain := _PLAIN_HOST.match(rest.string, *rest.span(2)):
        return plain.end()
    return rest.start(2) + len(_HOST_END.split(rest[2], maxsplit=1)[0])


def _inner(bracketed: re.Match[str]) -> str:
    return bracketed[0][1:-1]


def _with_scheme(scheme: str, rest: str, whole: str) -> Link | None:
    if (scheme == "https" or scheme == "http") and (plain := _PLAIN_HOST.match(rest)):
        return Link(plain[0], _trimmed(whole[:200]), kind=_kind(plain[0], rest))
    kind = _SCHEMES.get(scheme, LinkKind.WEB if scheme[0] in "hm" else LinkKind.OTHER)
    authority = _AUTHORITY_END.split(rest, maxsplit=1)[0]
    if kind is LinkKind.XMPP and "?join" in rest:
        kind = LinkKind.ROOM
    host = authority.rpartition("@")[2]
    if host.startswith("["):
        if "]" not in host:
            return None
        host = canonical_host(host.partition("]")[0] + "]")
    else:
        host = canonical_host(
            _HOST_END.split(_unquoted(host), maxsplit=1)[0].partition(":")[0].rstrip(_TRAILING + ")]}")
        )
    if "." not in host and not host.startswith("["):
        if kind in (LinkKind.WEB, LinkKind.OTHER):
            return None
        host = host if kind in (LinkKind.XMPP, LinkKind.ROOM, LinkKind.MAIL) else ""
    return Link(host, _trimmed(whole[:200]), kind=_kind(host, rest) if kind is LinkKind.WEB else kind)


def _unquoted(host: str) -> str:
    return _AUTHORITY_END.split(canonical_host(host), maxsplit=1)[0].rpartition("@")[2] if "%" in host else host


def _kind(host: str, rest: str) -> LinkKind:
    if host in ("discord.com", "discordapp.com") and "/invite/" in rest:
        return LinkKind.DISCORD
    return _SITES.get(host.removeprefix("www."), LinkKind.WEB)


def _bare(match: re.Match[str], text: str) -> Link | None:
    begin, end = match.span()
    before = text[begin - 1] if begin else " "
    relative = text.startswith("//", begin - 2) and (begin < 3 or text[begin - 3] in " \n(<")
    if (before == "/" and not relative) or text[end : end + 1] == "@":
        return None
    host = match[0][:_LONGEST]
    labels = host.split(".")
    # What is glued to a name by a dot does not hide it: "evil.com.Look".
    while len(labels) > 1 and not known_end(labels[-1]):
        labels.pop()
    cut = len(labels) <= host.count(".")
    if len(labels) < 2:
        return _doubtful(host, text, end)
    host = ".".join(labels[-32:]).strip("-_")
    behind = _BEHIND.match(text, end)
    port, path = (behind[1], behind[2]) if behind and not cut else (None, None)
    last = labels[-1]
    plain = last in _PLAIN_ENDS or last.startswith("xn--") or not last.isascii()
    certain = relative or (plain and not cut) or bool(port or path) or host.startswith("www.")
    written = host[:200] + (port or "")
    # The path is only shown: were it part of the match, it could hide a second link glued to it.
    if path and behind and (shown := _PATH.match(text, behind.end() - 2)):
        written = _trimmed(written + shown[0])
    if before == "@":
        return Link(canonical_host(host), written, certain=False, kind=LinkKind.MAIL)
    name = canonical_host(host)
    return Link(name, written, certain, _kind(name, written))


def _doubtful(host: str, text: str, end: int) -> Link | None:
    """A name that ends as no host does: an address of numbers, or one that only a list may know."""
    behind = _BEHIND.match(text, end)
    followed = bool(behind and (behind[1] or behind[2]))
    if _IPV4.match(host):
        return Link(canonical_host(host), host, kind=LinkKind.WEB) if followed else None
    last = host.rpartition(".")[2]
    if len(host) > 253 or not (last.isascii() and last.isalpha()) or not 2 <= len(last) <= 24:
        return None
    return Link(canonical_host(host), host, certain=followed or host.startswith("www."))


def _trimmed(written: str) -> str:
    """``written`` without the punctuation of the sentence around it, and without a bracket that it does not open."""
    while written:
        last = written[-1]
        opened = _PAIRS.get(last)
        if last in _TRAILING or (opened and written.count(last) > written.count(opened)):
            written = written[:-1]
        else:
            break
    return written
