"""Where to connect to: SRV records (RFC 6120 §3.2, XEP-0368), or what the config says."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

import dns.asyncresolver
import dns.exception
import dns.resolver

from botkit.errors import HostUnknown

_log = logging.getLogger(__name__)
_PORT: Final = 5222
_DIRECT_PORT: Final = 5223

Tls = Literal["auto", "starttls", "direct"]


@dataclass(frozen=True, slots=True)
class Target:
    """A host and port to try. ``direct``: TLS from the first byte, else STARTTLS."""

    host: str
    port: int
    direct: bool = False

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Record:
    """One SRV record."""

    priority: int
    weight: int
    target: Target


def ascii_domain(domain: str) -> str:
    """``domain`` as DNS and TLS know it (IDNA). Raises ``HostUnknown``."""
    try:
        return domain.strip("[]") if is_ip(domain) else domain.encode("idna").decode("ascii").rstrip(".")
    except UnicodeError:
        raise HostUnknown(f"{domain!r} is no name that DNS can hold") from None


def is_ip(domain: str) -> bool:
    """True for an address literal; those have no SRV records."""
    try:
        ipaddress.ip_address(domain.strip("[]"))
    except ValueError:
        return False
    return True


def explicit(host: str, port: int | None, tls: Tls) -> list[Target]:
    """What the config says, with the usual ports. ``auto`` is STARTTLS but on port 5223 and 443, which are direct."""
    direct = tls == "direct" or (tls == "auto" and port in (_DIRECT_PORT, 443))
    return [Target(ascii_domain(host), port or (_DIRECT_PORT if direct else _PORT), direct)]


def redirection(other_host: str, *, direct: bool) -> Target | None:
    """The host, and port if any, that ``<see-other-host/>`` names (RFC 6120 §4.9.3.19); None if it names none."""
    text = other_host.strip()
    host, port = text, ""
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if not host or (port and not (port.isascii() and port.isdigit() and len(port) <= 5)):
        return None
    number = int(port) if port else _PORT
    return Target(host, number, direct) if 0 < number < 65536 else None


async def resolve(domain: str, tls: Tls, *, timeout: float) -> list[Target]:
    """Targets for ``domain`` in the order in which to try them.

    Without SRV records, or where DNS gives no answer to SRV, the domain itself. Raises ``HostUnknown`` if the
    domain says that it offers no such service (a target of ``.``, RFC 2782).
    """
    name = ascii_domain(domain)
    if is_ip(domain):
        return explicit(domain, None, tls)
    wanted = [direct for direct in (False, True) if tls == "auto" or direct == (tls == "direct")]
    answers = await asyncio.gather(*(_lookup(name, direct, timeout) for direct in wanted))
    records = [record for answer in answers for record in answer or ()]
    if records:
        return ordered(records)
    # None: no records. Empty: the service is refused by name.
    if all(answer is not None for answer in answers) or (answers[0] is not None and not answers[0]):
        raise HostUnknown(f"{domain} says in DNS that it offers no XMPP for clients; check the JID")
    return explicit(domain, None, tls)


async def _lookup(name: str, direct: bool, timeout: float) -> list[Record] | None:
    """SRV records of one service; [] if the only one is ``.``, None if there are none or DNS did not answer."""
    question = f"_xmpp{'s' if direct else ''}-client._tcp.{name}."
    try:
        answer = await dns.asyncresolver.resolve(question, "SRV", lifetime=timeout)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return None
    except (dns.exception.DNSException, OSError) as problem:
        _log.info("no answer from DNS for %s: %s", question, problem)
        return None
    found = [
        Record(data.priority, data.weight, Target(data.target.to_text(omit_final_dot=True), data.port, direct))
        for data in answer
    ]
    return [record for record in found if record.target.host not in (".", "", "@")]


def ordered(records: Iterable[Record], rng: random.Random | None = None) -> list[Target]:
    """By priority, and at random by weight among equals (RFC 2782, p. 3)."""
    rng = rng or random.SystemRandom()
    result: list[Target] = []
    by_priority: dict[int, list[Record]] = {}
    for record in records:
        by_priority.setdefault(record.priority, []).append(record)
    for _, group in sorted(by_priority.items()):
        group.sort(key=lambda record: record.weight)
        while group:
            mark = rng.randint(0, sum(record.weight for record in group))
            for position, record in enumerate(group):
                mark -= record.weight
                if mark <= 0:
                    result.append(group.pop(position).target)
                    break
    return result
