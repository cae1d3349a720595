"""Which mechanism is used, and what a refusal says."""

from __future__ import annotations

import random

import aiosasl
import pytest

from botkit.errors import LinkClosed, LoginRefused
from botkit.model.address import Address
from botkit.session.backoff import Backoff
from botkit.session.login import _choose, _no_mechanism, _refused, _Scram

BOT = Address.parse("bot@example.org/r")


def chosen(*offered: str, allow_plain: bool = False) -> str | None:
    found = _choose(list(offered), BOT, allow_plain)
    return None if found is None else found[1][0] if isinstance(found[1], tuple) else found[1]


def test_strongest_scram_is_used():
    assert chosen("PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-512", "SCRAM-SHA-256") == "SCRAM-SHA-512"
    assert chosen("SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS") == "SCRAM-SHA-256"


def test_plain_is_used_only_where_allowed_and_only_without_scram():
    assert chosen("PLAIN") is None
    assert chosen("PLAIN", allow_plain=True) == "PLAIN"
    assert chosen("PLAIN", "SCRAM-SHA-1", allow_plain=True) == "SCRAM-SHA-1"


def test_refusal_names_what_was_offered_and_the_cure():
    assert "allow_plain" in _no_mechanism(["PLAIN"], BOT, allow_plain=False)
    assert "none at all" in _no_mechanism([], BOT, allow_plain=True)
    said = str(_refused(aiosasl.AuthenticationFailure("not-authorized"), BOT))
    assert "bot@example.org" in said
    assert "not-authorized" in said


def test_passing_fault_of_the_server_is_retried():
    assert isinstance(_refused(aiosasl.SASLFailure("temporary-auth-failure"), BOT), LinkClosed)
    assert isinstance(_refused(aiosasl.SASLFailure(None, text="signature invalid"), BOT), LoginRefused)


@pytest.mark.parametrize("count", [b"1000001", b"9" * 5000, b"-1", b"x"])
def test_server_cannot_have_us_hash_for_ever(count):
    with pytest.raises(LoginRefused, match="iterations"):
        dict(_Scram.parse_message(b"r=abc,s=QSXCR+Q6sek8bf92,i=" + count))
    assert dict(_Scram.parse_message(b"r=abc,i=10000"))[b"i"] == b"10000"


def test_backoff_grows_to_its_cap_and_is_spread():
    backoff = Backoff(1.0, 8.0, random.Random(1))
    waits = [backoff.next() for _ in range(200)]
    assert all(wait <= 2**number for number, wait in enumerate(waits[:4]))
    assert max(waits) <= 8.0
    assert max(waits) > 7.0
    assert min(waits[10:]) < 1.0


def test_only_a_session_that_lasted_resets_the_backoff():
    backoff = Backoff(1.0, 64.0, random.Random(1))
    for _ in range(10):
        backoff.next()
        backoff.lasted(1.0)
    assert max(backoff.next() for _ in range(50)) > 32
    backoff.lasted(31.0)
    assert backoff.next() <= 1.0
