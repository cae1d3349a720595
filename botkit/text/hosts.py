"""Names of hosts: one spelling for each, and the domain that somebody registered."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from functools import cache, lru_cache
from importlib import resources
from urllib.parse import unquote

_NUMBER = re.compile(r"(?:0x[0-9a-f]{0,8}|\d{1,11})\Z")
_MAYBE_NUMERIC = re.compile(r"[0-9.x]*[0-9a-fx.]*\Z")
# In no public list, and in use: RFC 2606, RFC 6761, RFC 6762, RFC 7686, RFC 9476, and networks of their own.
_PRIVATE_ENDS = frozenset(
    ("example", "test", "invalid", "localhost", "local", "onion", "alt", "i2p", "lan", "home", "internal", "corp")
)
_WIDE_DOTS = str.maketrans("。．｡", "...")


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
    """``host`` as it is compared: lower case, no final dot, international names in their ASCII form, an IPv4 address
    in four decimal numbers however it was written, an IPv6 address shortened and in brackets. Never raises."""
    host = host.strip().lower()
    if "%" in host:
        host = unquote(host, errors="replace").lower()
    if not host.isascii():
        host = ".".join(map(_ascii_label, host.translate(_WIDE_DOTS).split(".")))
    while host != (bare := host.strip().rstrip(".")):  # "%0A" was a blank, and may stand before a dot
        host = bare
    if host.startswith("["):
        try:
            return f"[{ipaddress.IPv6Address(host.strip('[]').partition('%')[0]).compressed}]"
        except ValueError:
            return host
    return _decimal(host) or host


def shown_host(host: str) -> str:
    """``host`` as people see it: ``xn--80ak6aa92e.com`` is ``аррӏе.com``. What is no valid Punycode stays."""
    return ".".join(map(_shown_label, host.split("."))) if "xn--" in host else host


@lru_cache(maxsize=4096)
def registrable(host: str) -> str | None:
    """The part of ``host`` that somebody registered, by the Public Suffix List: ``bbc.co.uk`` of ``news.bbc.co.uk``,
    ``alice.github.io`` of itself. In the spelling of ``canonical_host``. None for an address, or what is no more than
    a suffix."""
    host = canonical_host(host)
    labels = host.split(".")
    if host.startswith("[") or _decimal(host) is not None or not all(labels):
        return None
    size = _suffix_size(shown_host(host).split("."))
    return ".".join(labels[-size - 1 :]) if len(labels) > size else None


def known_end(label: str) -> bool:
    """True if names of hosts end in ``label`` somewhere: a top-level domain, or one for private use."""
    return label in _PRIVATE_ENDS or _shown_label(label) in _suffixes()


def warm_up() -> None:
    """Read the Public Suffix List now, at start, rather than while a message waits: it takes some 20 ms."""
    _suffixes()


def _suffix_size(labels: list[str]) -> int:
    """How many of the last ``labels`` are the public suffix; one where no rule is known (publicsuffix.org/list)."""
    rules = _suffixes().get(labels[-1], "")
    for start in range(max(0, len(labels) - 6), len(labels)):
        name = ".".join(labels[start:])
        parent = ".".join(labels[start + 1 :])
        if f"\n!{name}\n" in rules:
            return len(labels) - start - 1
        # *.kawasaki.jp makes kawasaki.jp a suffix, too.
        if f"\n{name}\n" in rules or f"\n*.{name}\n" in rules or (parent and f"\n*.{parent}\n" in rules):
            return len(labels) - start
    return 1


@cache
def _suffixes() -> dict[str, str]:
    """The rules of the Public Suffix List by their last label, one a line. Some 300 kB, read when first needed."""
    found: dict[str, list[str]] = {}
    text = resources.files("publicsuffixlist").joinpath("public_suffix_list.dat").read_text("utf-8")
    for line in text.splitlines():
        if line and not line.startswith("//"):
            rule = line.split(maxsplit=1)[0]
            found.setdefault(rule.rpartition(".")[2], []).append(rule)
    return {end: "\n" + "\n".join(rules) + "\n" for end, rules in found.items()}


def _ascii_label(label: str) -> str:
    if label.isascii():
        return label
    return "xn--" + label.encode("punycode", "replace").decode("ascii", "replace")


def _shown_label(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except UnicodeError:
        return label


def _decimal(host: str) -> str | None:
    """An IPv4 address as browsers read it: decimal, hexadecimal and octal numbers, one to four of them."""
    if not host[:1].isdigit() or not _MAYBE_NUMERIC.match(host):
        return None
    parts = host.split(".")
    if len(parts) > 4 or not all(map(_NUMBER.match, parts)):
        return None
    try:
        numbers = [_number(part) for part in parts]
    except ValueError:
        return None
    if any(number > 255 for number in numbers[:-1]) or numbers[-1] >= 256 ** (5 - len(numbers)):
        return None
    whole = sum(number << (24 - 8 * at) for at, number in enumerate(numbers[:-1])) + numbers[-1]
    return str(ipaddress.IPv4Address(whole))


def _number(part: str) -> int:
    if part.startswith("0x"):
        return int(part[2:] or "0", 16)
    return int(part, 8) if len(part) > 1 and part.startswith("0") else int(part)
