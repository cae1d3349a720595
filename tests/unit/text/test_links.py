"""Links, however they are written; and what is none."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from botkit.text import LinkKind, canonical_host, find_links, registrable, shown_host


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("hxxps[://]evil[.]com", "evil.com"),
        ("h**p://evil.com", "evil.com"),
        ("http : //evil.com", "evil.com"),
        ("http://evil.com%2fpath", "evil.com"),
        ("https://e%76il.com/", "evil.com"),
        ("https://good.com%40evil.com/", "evil.com"),
        ("https://user:secret@evil.com:443/x", "evil.com"),
        ("//evil.com/x", "evil.com"),
        ("ｅｖｉｌ．ｃｏｍ", "evil.com"),
        ("evil｡com", "evil.com"),
        ("evil<dot>com", "evil.com"),
        ("evil{.}com", "evil.com"),
        ("ехаmple.com", "example.com"),
        ("http://3232235777/x", "192.168.1.1"),
        ("http://0xC0A80101/", "192.168.1.1"),
        ("http://0300.0250.1.1/", "192.168.1.1"),
        ("http://[2001:DB8:0:0::1]:8080/", "[2001:db8::1]"),
        ("10.0.0.1:8080/x", "10.0.0.1"),
        ("пример.рф", "xn--e1afmkfd.xn--p1ai"),
        ("例子。中国", "xn--fsqu00a.xn--fiqs8s"),
        ("xn--80ak6aa92e.com", "xn--80ak6aa92e.com"),
        ("[look](https://evil.com/a_(b))", "evil.com"),
        ("<https://evil.com>", "evil.com"),
        ("“evil.com”", "evil.com"),
        ("EVIL.COM!", "evil.com"),
        ("www.evil.pl", "www.evil.pl"),
    ],
)
def test_a_link_is_found_and_leads_where_a_browser_goes(text: str, host: str) -> None:
    assert [link.host for link in find_links(text) if link.certain] == [host]


@pytest.mark.parametrize(
    "text",
    [
        "wait...what",
        "see readme.md, main.py and node.js",
        "e.g. this, i.e. that",
        "v1.2.3 at 12:30",
        "10.0.0.1 is ours",
        "今日は良い天気ですね。サーバーの調子は？はい。",
        "Das ist gut.Danke",
        "polka dot dress",
        "C:\\path and ../x.conf",
        "1.500,00 € und 3.14",
        "ratio 16:9: fine",
        "std::vector",
    ],
)
def test_what_people_write_with_dots_and_colons_is_no_link(text: str) -> None:
    assert [link for link in find_links(text) if link.certain] == []


@pytest.mark.parametrize(
    ("text", "kind", "host"),
    [
        ("xmpp:lobby@rooms.example.org?join", LinkKind.ROOM, "rooms.example.org"),
        ("xmpp:alice@example.org", LinkKind.XMPP, "example.org"),
        ("mailto:alice@example.org", LinkKind.MAIL, "example.org"),
        ("write to alice@example.org", LinkKind.MAIL, "example.org"),
        ("matrix:r/room:example", LinkKind.MATRIX, ""),
        ("https://matrix.to/#/x", LinkKind.MATRIX, "matrix.to"),
        ("tg://resolve?domain=x", LinkKind.TELEGRAM, ""),
        ("t.me/joinchat/x", LinkKind.TELEGRAM, "t.me"),
        ("discord.gg/x", LinkKind.DISCORD, "discord.gg"),
        ("https://discord.com/invite/x", LinkKind.DISCORD, "discord.com"),
        ("https://discord.com/", LinkKind.WEB, "discord.com"),
        ("chat.whatsapp.com/x", LinkKind.WHATSAPP, "chat.whatsapp.com"),
        ("irc://irc.example.org/x", LinkKind.OTHER, "irc.example.org"),
    ],
)
def test_invitations_are_told_apart(text: str, kind: LinkKind, host: str) -> None:
    assert [(link.kind, link.host) for link in find_links(text)] == [(kind, host)]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("(see https://evil.com/x).", "https://evil.com/x"),
        ("https://evil.com/a_(b)", "https://evil.com/a_(b)"),
        ("**https://evil.com/x**", "https://evil.com/x"),
        ("evil.com/x, and", "evil.com/x"),
        ("evil.com:8443", "evil.com:8443"),
    ],
)
def test_punctuation_around_a_link_is_no_part_of_it(text: str, written: str) -> None:
    assert [link.written for link in find_links(text)] == [written]


def test_a_sentence_glued_to_a_name_does_not_hide_it() -> None:
    assert [(link.host, link.certain) for link in find_links("go to evil.com.Hurry")] == [("evil.com", False)]


def test_links_glued_to_each_other_are_all_found() -> None:
    text = "http://good.com,http://evil.com/x|worse.com;https://worst.com"
    assert {link.host for link in find_links(text)} == {"good.com", "evil.com", "worse.com", "worst.com"}


def test_a_spoken_dot_is_a_doubtful_link() -> None:
    assert [(link.host, link.certain) for link in find_links("evil dot com")] == [("evil.com", False)]


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("www.example.com", "example.com"),
        ("news.bbc.co.uk", "bbc.co.uk"),
        ("co.uk", None),
        ("com", None),
        ("alice.github.io", "alice.github.io"),
        ("x.alice.github.io", "alice.github.io"),
        ("a.b.kobe.jp", "a.b.kobe.jp"),
        ("x.a.b.kobe.jp", "a.b.kobe.jp"),
        ("www.city.kobe.jp", "city.kobe.jp"),
        ("www.食狮.公司.cn", "xn--85x722f.xn--55qx5d.cn"),
        ("a.b.unknown-end", "b.unknown-end"),
        ("10.0.0.1", None),
        ("[::1]", None),
        ("a..com", None),
        ("", None),
    ],
)
def test_the_registered_domain_follows_the_public_suffix_list(host: str, domain: str | None) -> None:
    assert registrable(host) == domain


def test_the_registered_domain_is_what_the_library_of_the_list_says() -> None:
    from publicsuffixlist import PublicSuffixList

    theirs = PublicSuffixList()
    ends = [
        "com",
        "co.uk",
        "ac.jp",
        "ck",
        "www.ck",
        "foo.ck",
        "kawasaki.jp",
        "s3.amazonaws.com",
        "xn--p1ai",
        "io",
        "bd",
    ]
    for host in (f"{labels}{end}" for end in ends for labels in ("", "a.", "b.a.", "c.b.a.", "d.c.b.a.")):
        assert registrable(host) == theirs.privatesuffix(host), host


def test_a_name_is_shown_as_people_see_it() -> None:
    assert shown_host("xn--80ak6aa92e.com") == "аррӏе.com"
    assert shown_host("xn--\x80.com") == "xn--\x80.com"
    assert shown_host(canonical_host("Bücher.example.")) == "bücher.example"


@given(st.text(st.characters()) | st.text(st.sampled_from("ab0x.:/[]()@%2exmphts-。\\ dot1\ud800é"), max_size=300))
def test_every_text_has_its_links_looked_for(text: str) -> None:
    for link in find_links(text):
        assert isinstance(link.domain, str)
        assert isinstance(link.shown, str)
        assert len(link.written) <= 320


@example("%0A")
@example("a%20.")
@given(st.text(st.characters()) | st.text(st.sampled_from("0x1.f8%[]:xn-e"), max_size=40))
def test_every_host_has_one_spelling(text: str) -> None:
    once = canonical_host(text)
    registrable(text)
    shown_host(text)
    if "%" not in once:
        assert canonical_host(once) == once


@pytest.mark.parametrize(
    "piece",
    [
        "a.",
        "a-",
        "a",
        "http://",
        "[.",
        "1.1.",
        "a.com ",
        "a.com.",
        "xmpp:",
        "xmpp:,",
        "%41",
        "a dot ",
        "://a",
        "。a",
        "h : /",
        "a@b.c ",
        ".",
        "http://a.b ",
        "(",
        "https://x.y/))))",
        "-.",
        "xn--.",
        "a\n",
    ],
)
def test_time_grows_no_faster_than_the_text(piece: str) -> None:
    def seconds(length: int) -> float:
        text = piece * (length // len(piece))
        begin = time.process_time()
        find_links(text)
        return time.process_time() - begin

    seconds(1000)
    assert min(seconds(262_144), seconds(262_144)) <= 16 * min(seconds(32_768), seconds(32_768)) + 0.1
