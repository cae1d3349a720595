"""Addresses are prepared as aioxmpp's are: it does so character by character, we by tables that were looked up once."""

from __future__ import annotations

import sys

import pytest
from aioxmpp.stringprep import nameprep, nodeprep, resourceprep
from aioxmpp.structs import JID
from hypothesis import given, settings
from hypothesis import strategies as st

from botkit.errors import BadAddress
from botkit.model import address
from botkit.model.address import Address
from botkit.model.preparation import prepared_domain, prepared_local, prepared_resource

PROFILES = [(prepared_local, nodeprep), (prepared_domain, nameprep), (prepared_resource, resourceprep)]
TEXTS = st.text(
    st.one_of(
        st.characters(max_codepoint=0x24F),
        st.characters(min_codepoint=0x250, max_codepoint=0x70F),
        st.characters(),
        st.sampled_from("@/.:aA\u200b\u0130ß\u05d0\u0627\u0301\u212b\ufdfa\u1e9e\ud800\u00ad"),
    ),
    max_size=12,
)


def ours(prepare, text):
    try:
        return prepare(text)
    except ValueError:
        return None


def theirs(prepare, text):
    try:
        return prepare(text, allow_unassigned=True)
    except ValueError:
        return None


@pytest.mark.parametrize(("prepare", "reference"), PROFILES)
def test_each_character_is_prepared_the_same(prepare, reference):
    # aioxmpp needs minutes for all of Unicode, so of the large blocks that are all alike it is each 97th
    codes = (
        *range(0x3400),
        *range(0x3400, 0xF900, 97),
        *range(0xF900, 0x10000),
        *range(0x10000, sys.maxunicode + 1, 97),
    )
    characters = map(chr, codes)
    assert [c for c in characters if ours(prepare, c) != theirs(reference, c)] == []


@pytest.mark.parametrize(("prepare", "reference"), PROFILES)
def test_any_text_is_prepared_the_same(prepare, reference):
    @given(TEXTS)
    @settings(max_examples=200, deadline=None)
    def same(text):
        assert ours(prepare, text) == theirs(reference, text)

    same()


@given(st.one_of(TEXTS, st.builds("{}@{}/{}".format, TEXTS, TEXTS, TEXTS)))
@settings(max_examples=200, deadline=None)
def test_addresses_are_those_of_aioxmpp(text):
    try:
        reference = JID.fromstr(text, strict=False)
    except ValueError:
        reference = None
    try:
        parsed = Address.parse(text)
    except BadAddress:
        parsed = None
    if reference is not None and "@" in reference.domain:
        reference = None  # there it takes what no domain may have
    assert (reference is None) == (parsed is None)
    if reference is not None and parsed is not None:
        assert tuple(reference) == (parsed.local, parsed.domain, parsed.resource)


def test_long_addresses_are_not_kept():
    before = address._received.cache_info().currsize, address._parse_kept.cache_info().currsize
    for number in range(50):
        Address.received(f"{number}{'x' * 5000}@example.org/" + "y" * 200_000)
        Address.received(f"{number}{'x' * 500}@example.org")
    assert (address._received.cache_info().currsize, address._parse_kept.cache_info().currsize) == before
