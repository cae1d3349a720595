"""Links as people write them, also to hide them: bare domains, ``hxxp``, ``example[.]com``, ``xmpp:`` invitations."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from botkit.text.fold import normalise

# An address with a scheme. Everything up to a space or a bracket that closes it belongs to it.
_WITH_SCHEME = re.compile(
    r"(?<![a-z0-9])(?:(?:h(?:tt|xx)ps?|ftps?|wss?|gemini|ircs?)\s?:[/\\]{1,3}|xmpp:(?://)?)([^\s<>\"']{1,2048})"
)
# A host name without one: labels and dots, then perhaps a port or a path. Possessive bounds keep it linear.
_BARE = re.compile(
    r"(?<![\w@.\-/])((?:[^\W_](?:[\w\-]{0,62})\.){1,32}([^\W\d_]{2,24}|xn--[a-z0-9\-]{1,59}))\.?(?![\w@\-])(:\d{1,5}\b)?(/\S)?"
)
_PATH = re.compile(r"[^\s<>\"']{1,100}")
_DOTS = re.compile(r"\s?[\[({]\s?(?:\.|dot)\s?[\])}]\s?|[。｡．]")
_COLON = re.compile(r"[\[({]:[\])}]")
_MAYBE = re.compile(r"[.:]\S")
_WIDE_DOT = re.compile(r"。[a-z]|。\w{2,24}(?!\w)")
_IPV4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}\Z")

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


@dataclass(frozen=True, slots=True)
class Link:
    """One link: its ``host`` (lower case, IDN in its ASCII form, no port), and as it was ``written`` (normalised).

    ``certain`` is False for what may as well be a file name or two words without a space between.
    """

    host: str
    written: str
    certain: bool = True


def find_links(text: str, *, normalised: bool = False) -> tuple[Link, ...]:
    """Every link in ``text``, in order of kinds. Never raises. ``normalised``: the text is so already."""
    folded = text if normalised else normalise(text)
    # Plain texts first: most messages have no such character, and each search costs as much as all of these.
    # 。 and its like do not begin a link where letters follow that end no host: so ends every Japanese sentence.
    if (
        "dot" not in folded
        and not (("." in folded or ":" in folded) and _MAYBE.search(folded))
        and not ("。" in folded and _WIDE_DOT.search(folded))
    ):
        return ()  # nothing here can be a link; true of most of what people say
    return tuple(_links(folded))


def within(host: str, domains: Collection[str]) -> str | None:
    """The one of ``domains`` that is ``host`` or a parent of it; None if none is."""
    rest = host
    while True:
        if rest in domains:
            return rest
        _, dot, rest = rest.partition(".")
        if not dot:
            return None


def canonical_host(host: str) -> str:
    """``host`` in lower case, without port and final dot, international names in their ASCII form. Never raises."""
    host = host.strip().lower().rstrip(".")
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:  # too long, or letters that no name may have: compared as written
        return host


def _links(folded: str) -> Iterator[Link]:
    text = folded
    if not folded.isascii() or _has_bracket(folded):
        text = _COLON.sub(":", _DOTS.sub(".", folded))
    if ":" in text:
        for match in _WITH_SCHEME.finditer(text):
            if host := _host_of(match.group(1)):
                yield Link(host, match.group()[:200])
    if "." not in text:
        return
    for match in _BARE.finditer(text):
        host, end = match.group(1), match.group(2)
        certain = bool(match.group(3) or match.group(4) or host.startswith("www.")) or end in _PLAIN_ENDS
        # The path is only shown: were it part of the match, it could hide a second link glued to it.
        path = _PATH.match(text, match.end()) if match.group(4) else None
        written = match.group()[:200] + (path.group() if path else "")
        yield Link(canonical_host(host), written, certain or end.startswith("xn--"))


def _has_bracket(text: str) -> bool:
    return "[" in text or "(" in text or "{" in text


def _host_of(rest: str) -> str | None:
    """The host of what follows a scheme: ``good.example@evil.example:8080/path`` goes to ``evil.example``."""
    authority = re.split(r"[/\\?#]", rest, maxsplit=1)[0]
    host = authority.rpartition("@")[2]
    if host.startswith("["):
        return host.partition("]")[0] + "]" if "]" in host else None
    host = canonical_host(host.partition(":")[0].rstrip(".,;!)]}"))
    return host if "." in host or _IPV4.match(host) else None
