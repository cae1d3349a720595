"""Where to connect to."""

from __future__ import annotations

import random
from collections import Counter

import dns.asyncresolver
import dns.name
import dns.rdtypes.IN.SRV
import dns.resolver
import pytest

from botkit.errors import HostUnknown
from botkit.session.resolve import Record, Target, ascii_domain, explicit, ordered, resolve


class Zone:
    """Stands for DNS: question to records, or the exception to raise."""

    def __init__(self, monkeypatch, **answers):
        self.answers = answers
        self.asked: list[str] = []
        monkeypatch.setattr(dns.asyncresolver, "resolve", self.resolve)

    async def resolve(self, question, kind, lifetime):
        self.asked.append(question)
        answer = self.answers.get(question.split(".")[0].removeprefix("_").replace("-", "_"), dns.resolver.NXDOMAIN())
        if isinstance(answer, Exception):
            raise answer
        return [
            dns.rdtypes.IN.SRV.SRV(1, 33, priority, weight, port, dns.name.from_text(host))
            for priority, weight, port, host in answer
        ]


async def test_both_services_are_mixed_by_priority(monkeypatch):
    Zone(monkeypatch, xmpp_client=[(10, 0, 5222, "a.example.")], xmpps_client=[(5, 0, 5223, "b.example.")])
    assert await resolve("example.org", "auto", timeout=1) == [
        Target("b.example", 5223, direct=True),
        Target("a.example", 5222),
    ]


async def test_without_records_the_domain_itself_is_tried(monkeypatch):
    zone = Zone(monkeypatch)
    assert await resolve("example.org", "auto", timeout=1) == [Target("example.org", 5222)]
    assert sorted(zone.asked) == ["_xmpp-client._tcp.example.org.", "_xmpps-client._tcp.example.org."]
    assert await resolve("example.org", "direct", timeout=1) == [Target("example.org", 5223, direct=True)]


async def test_dns_out_of_order_falls_back_too(monkeypatch):
    Zone(monkeypatch, xmpp_client=dns.resolver.NoNameservers(), xmpps_client=dns.resolver.LifetimeTimeout())
    assert await resolve("example.org", "auto", timeout=1) == [Target("example.org", 5222)]


async def test_a_dot_means_not_offered(monkeypatch):
    Zone(monkeypatch, xmpp_client=[(0, 0, 0, ".")])
    with pytest.raises(HostUnknown, match=r"example\.org"):
        await resolve("example.org", "auto", timeout=1)


async def test_a_dot_for_direct_tls_leaves_the_other(monkeypatch):
    Zone(monkeypatch, xmpps_client=[(0, 0, 0, ".")])
    assert await resolve("example.org", "auto", timeout=1) == [Target("example.org", 5222)]
    with pytest.raises(HostUnknown):
        await resolve("example.org", "direct", timeout=1)


async def test_only_the_wanted_kind_of_tls_is_asked_for(monkeypatch):
    zone = Zone(monkeypatch, xmpps_client=[(0, 0, 443, "b.example.")])
    assert await resolve("example.org", "starttls", timeout=1) == [Target("example.org", 5222)]
    assert zone.asked == ["_xmpp-client._tcp.example.org."]


async def test_international_domain_is_asked_for_in_ascii(monkeypatch):
    zone = Zone(monkeypatch)
    assert await resolve("bücher.example", "starttls", timeout=1) == [Target("xn--bcher-kva.example", 5222)]
    assert zone.asked == ["_xmpp-client._tcp.xn--bcher-kva.example."]


async def test_address_literal_has_no_records(monkeypatch):
    zone = Zone(monkeypatch)
    assert await resolve("[::1]", "auto", timeout=1) == [Target("::1", 5222)]
    assert zone.asked == []


def test_name_that_dns_cannot_hold_is_unknown():
    with pytest.raises(HostUnknown):
        ascii_domain("a" * 64 + ".example")


def test_weights_are_proportions():
    records = [Record(0, 90, Target("often", 1)), Record(0, 10, Target("seldom", 1)), Record(1, 0, Target("last", 1))]
    rng = random.Random(1)
    first = Counter(ordered(records, rng)[0].host for _ in range(1000))
    assert first["last"] == 0
    assert 50 < first["seldom"] < 200
    assert {target.host for target in ordered(records, rng)} == {"often", "seldom", "last"}


def test_explicit_host_has_the_usual_ports():
    assert explicit("h", None, "auto") == [Target("h", 5222)]
    assert explicit("h", None, "direct") == [Target("h", 5223, direct=True)]
    assert explicit("h", 5223, "auto") == [Target("h", 5223, direct=True)]
    assert explicit("h", 5223, "starttls") == [Target("h", 5223)]
