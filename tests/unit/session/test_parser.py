"""The incremental parser: whole elements out, whatever the packets; forbidden XML and floods end the stream."""

from __future__ import annotations

import time
import tracemalloc
from itertools import pairwise
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botkit.session import parser as module
from botkit.session.exact_parser import ExactParser
from botkit.session.parser import FOOTER, StreamHeader, StreamItem, StreamLimits, StreamParser, StreamViolation

HEADER = (
    b"<?xml version='1.0' encoding='UTF-8'?>\n<stream:stream xmlns='jabber:client' "
    b"xmlns:stream='http://etherx.jabber.org/streams' from='example.org' id='1' version='1.0' xml:lang='en'>"
)
STANZAS = (
    "<message from='a@b/c' xml:lang='en'><body>fish &amp; chips \u20ac\U0001f600</body>tail"
    "<x xmlns='urn:x' y:z='1' xmlns:y='urn:y'><y:e/> mixed <e xmlns=''/></x></message> \n "
    "<presence/><iq type='get' id='1'><q xmlns='u'><![CDATA[<not> an element]]></q></iq>"
).encode()


def parse(*chunks: bytes, limits: StreamLimits | None = None) -> list[StreamItem]:
    parser = StreamParser(limits)
    out: list[StreamItem] = []
    for chunk in chunks:
        parser.feed(chunk, out)
    return out


def shape(items: list[StreamItem]) -> list[object]:
    for item in items:
        if isinstance(item, Element):
            item.tail = None
    return [ElementTree.tostring(item) if isinstance(item, Element) else item for item in items]


def violation(*chunks: bytes, limits: StreamLimits | None = None) -> str:
    with pytest.raises(StreamViolation) as caught:
        parse(*chunks, limits=limits)
    return caught.value.condition


def test_stream_is_the_same_however_it_is_cut():
    data = HEADER + STANZAS + b"</stream:stream>"
    whole = shape(parse(data))
    for at in range(len(data) + 1):
        assert shape(parse(data[:at], data[at:])) == whole
    assert shape(parse(*(data[at : at + 1] for at in range(len(data))))) == whole


def test_elements_equal_those_of_the_standard_library():
    message, presence, iq = (item for item in parse(HEADER + STANZAS) if isinstance(item, Element))
    expected = ElementTree.fromstring(b"<s xmlns='jabber:client'>" + STANZAS + b"</s>")
    for ours, theirs in zip((message, presence, iq), expected, strict=True):
        theirs.tail = None
        assert ElementTree.canonicalize(ElementTree.tostring(ours)) == ElementTree.canonicalize(
            ElementTree.tostring(theirs)
        )
    assert message[0].text == "fish & chips \u20ac\U0001f600"
    assert message[0].tail == "tail"
    assert message[1].attrib == {"{urn:y}z": "1"}
    assert [child.tag for child in message[1]] == ["{urn:y}e", "e"]
    assert iq[0].text == "<not> an element"


def test_header_and_footer_come_out():
    items = parse(HEADER, b"</stream:stream>")
    assert isinstance(items[0], StreamHeader)
    assert items[0].tag == "{http://etherx.jabber.org/streams}stream"
    assert items[0].attributes["from"] == "example.org"
    assert items[0].attributes["{http://www.w3.org/XML/1998/namespace}lang"] == "en"
    assert items[1] is FOOTER


def test_stanza_is_there_as_soon_as_its_last_byte_is():
    # expat 2.6 and later hold back a token that came in two pieces, if one lets them.
    parser, out = StreamParser(), []
    parser.feed(HEADER, out)
    for piece in (b"<message><body>a long text that fills the buffer somewhat", b"</bo", b"dy></mess", b"age", b">"):
        parser.feed(piece, out)
    assert len(out) == 2


@pytest.mark.parametrize(
    ("data", "condition"),
    [
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]>", "restricted-xml"),
        (b"<!DOCTYPE x SYSTEM 'http://example.org/x.dtd'>", "restricted-xml"),
        (HEADER + b"<!-- comment -->", "restricted-xml"),
        (HEADER + b"<message><!-- comment --></message>", "restricted-xml"),
        (HEADER + b"<?php x ?>", "restricted-xml"),
        (HEADER + b"<message><body>&nbsp;</body></message>", "restricted-xml"),
        (HEADER + b"<message a='&foo;'/>", "restricted-xml"),
        (HEADER + b"<message></presence>", "not-well-formed"),
        (HEADER + b"<message a='1' a='2'/>", "not-well-formed"),
        (HEADER + b"<x:message/>", "not-well-formed"),
        (HEADER + b"<message><body>\xff\xfe</body></message>", "not-well-formed"),
        (HEADER + b"<message><body>&#0;</body></message>", "not-well-formed"),
        (HEADER + b"<message><body>\x01</body></message>", "not-well-formed"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "not-well-formed"),
        (b"<?xml version='1.0' encoding='iso-8859-1'?>", "unsupported-encoding"),
        ("<?xml version='1.0' encoding='utf-16'?><a/>".encode("utf-16"), "unsupported-encoding"),
        ("<a/>".encode("utf-16"), "unsupported-encoding"),
        ("<a/>".encode("utf-16-le"), "unsupported-encoding"),
    ],
)
def test_forbidden_xml_ends_the_stream(data, condition):
    assert violation(data) == condition
    assert violation(*(data[at : at + 1] for at in range(len(data)))) == condition


def test_what_was_whole_before_a_fault_is_not_lost():
    parser, out = StreamParser(), []
    with pytest.raises(StreamViolation):
        parser.feed(HEADER + b"<message/><presence/><!-- x -->", out)
    assert len(out) == 3


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_stanza_past_the_size_limit_is_refused_at_any_cutting(size):
    limits = StreamLimits(stanza_bytes=2000)
    fits = HEADER + b"<message>" + b"x" * (2000 - len("<message>")) + b"</message>"
    too_long = HEADER + b"<message>" + b"x" * (2001 - len("<message>")) + b"</message>"
    assert len(parse(*(fits[at : at + size] for at in range(0, len(fits), size)), limits=limits)) == 2
    assert violation(*(too_long[at : at + size] for at in range(0, len(too_long), size)), limits=limits) == (
        "policy-violation"
    )


def test_never_ending_stanza_is_refused_before_it_ends():
    parser, out = StreamParser(StreamLimits(stanza_bytes=10_000)), []
    parser.feed(HEADER + b"<message><body>", out)
    for _ in range(99):
        parser.feed(b"x" * 100, out)
    with pytest.raises(StreamViolation):
        parser.feed(b"x" * 5_000, out)


def test_never_ending_header_is_refused():
    assert violation(*([b"<stream a='"] + [b"x" * 1000] * 20), limits=StreamLimits(stanza_bytes=10_000)) == (
        "policy-violation"
    )


def test_depth_of_the_limit_passes_and_one_more_does_not():
    limits = StreamLimits(depth=5)
    assert len(parse(HEADER + b"<a>" * 5 + b"</a>" * 5, limits=limits)) == 2
    assert violation(HEADER + b"<a>" * 6, limits=limits) == "policy-violation"


def test_floods_of_elements_and_attributes_are_refused():
    assert violation(HEADER + b"<a>" + b"<b/>" * 11, limits=StreamLimits(elements=10)) == "policy-violation"
    many = b" ".join(b"a%d='1'" % number for number in range(11))
    assert violation(HEADER + b"<a " + many + b"/>", limits=StreamLimits(attributes=10)) == "policy-violation"


@pytest.mark.parametrize("inner", [b"<b/>" * 10, b"<a>" * 5 + b"</a>" * 5, b"<b q='' r='' s='' t='' u='' v=''/>"])
def test_whole_stanza_of_the_fewest_bytes_past_a_limit_is_refused(inner):
    limits = StreamLimits(elements=10, depth=5, attributes=5)
    assert violation(HEADER + b"<a>" + inner + b"</a>", limits=limits) == "policy-violation"
    assert violation(HEADER, *(b"<a>%s</a>" % inner)[:-1].split(b"@"), b">", limits=limits) == "policy-violation"


def test_limits_start_anew_with_each_stanza():
    stanza = b"<a>" + b"<b/>" * 8 + b"</a>"
    assert len(parse(HEADER, *[stanza] * 50, limits=StreamLimits(elements=10, stanza_bytes=60))) == 51


def test_white_space_between_stanzas_is_nothing_and_is_not_kept():
    parser, out = StreamParser(), []
    parser.feed(HEADER + b"<presence></presence>", out)
    parser.feed(b"<presence></presence>", out)
    tracemalloc.start()
    try:
        for _ in range(1000):
            parser.feed(b" " * 10_000, out)
        assert tracemalloc.get_traced_memory()[0] < 100_000
    finally:
        tracemalloc.stop()
    parser.feed(b"<presence/>", out)
    assert [item.text for item in out[1:]] == [None] * 3
    assert out[2].tail is None


def test_text_between_stanzas_is_nothing_and_does_not_pile_up():
    parser, out = StreamParser(), []
    parser.feed(HEADER + b"<presence></presence>", out)
    tracemalloc.start()
    try:
        for _ in range(1000):
            parser.feed(b"nobody's words " * 1000, out)
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()
    parser.feed(b"<presence/>", out)
    assert len(out) == 3


def test_names_of_strangers_do_not_pile_up(monkeypatch):
    monkeypatch.setattr(module, "_RENEW_AFTER", 5000)
    parser, out = StreamParser(), []
    parser.feed(HEADER, out)
    seen = []
    for number in range(1000):
        parser.feed(b"<message t%d='1'><n%d xmlns='u:%d'>x</n%d></message>" % ((number,) * 4), out)
        assert parser._parser.fed <= 5000
        if parser._parser not in seen:
            seen.append(parser._parser)
    assert len(seen) > 5
    assert len(out) == 1001
    assert out[-1].tag == "{jabber:client}message"
    assert out[-1][0].tag == "{u:999}n999"
    parser.feed(b"<stream:error/></stream:stream>", out)
    assert out[-2].tag == "{http://etherx.jabber.org/streams}error"
    assert out[-1] is FOOTER


def test_size_is_counted_from_where_a_stanza_begins():
    parser, out = StreamParser(StreamLimits(stanza_bytes=200)), []
    parser.feed(HEADER, out)
    for number in range(100):
        stanza = b"<a%d>%s</a%d>" % (number, b"x" * 100, number)
        for at in range(0, len(stanza), 40):
            parser.feed(stanza[at : at + 40], out)
    assert len(out) == 101
    with pytest.raises(StreamViolation):
        parser.feed(b"<a>" + b"x" * 210 + b"</a>", out)


PLAIN = HEADER + b"<message><body>one</body></message>"


@pytest.mark.parametrize(
    "pieces",
    [
        (b"<message a='b>", b"c'><body/></message>"),
        (b"<message a='/>", b"c'><body/></message>"),
        (b"<message><body>x", b"</body></message", b"><presence/>"),
        (b"<message/><", b"presence/>"),
        (b"<message/><presence", b"/>"),
        (b"<message><body>a > b", b" &am", b"p; c></body></message>"),
        (b"<message/> &gt", b";<presence/>"),
        (b"<message><body>", "€".encode()[:1], "€".encode()[1:], b"</body></message>"),
        (b"<message><body><", b"![CDATA[<x>]]>", b"</body></message>"),
        (b"<message/>" * 300 + b"<message>", b"<a>" * 100 + b"</a>" * 100, b"</message>"),
        (b"<message><body>" + b"x" * 200_000, b"</body></message>", b"<presence/>"),
    ],
)
def test_cut_at_a_hard_place_changes_nothing(pieces):
    assert shape(parse(PLAIN, *pieces, b"<iq/>")) == shape(parse(PLAIN + b"".join(pieces) + b"<iq/>"))


@pytest.mark.parametrize("pieces", [(b"<message><", b"!-- x -->"), (b"<message><", b"?x y?>"), (b"<", b"!-- x -->")])
def test_comment_that_comes_in_two_pieces_ends_the_stream(pieces):
    assert violation(PLAIN, *pieces) == "restricted-xml"


_texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20).map(
    lambda text: escape(text, {"'": "&apos;"})
)
_names = st.sampled_from(["message", "presence", "body", "x", "stream:error"])
_spaces = st.sampled_from(["", " xmlns='urn:x'", " xmlns:y='urn:y' y:z='1'", " xmlns=''"])
_leaves = st.builds("<{0}{1} a='{2}'/>".format, _names, _spaces, _texts) | _texts
_elements = st.recursive(
    _leaves,
    lambda inner: st.builds(
        lambda name, space, content: f"<{name}{space}>{''.join(content)}</{name}>",
        _names, _spaces, st.lists(inner, max_size=4),
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(_elements, max_size=5), st.lists(st.integers(0, 400), max_size=6))
def test_plain_parser_gives_what_the_exact_one_gives(stanzas, cuts):
    data = "".join(stanzas).encode()
    expected: list[StreamItem] = []
    ExactParser(StreamLimits()).feed(HEADER + data, expected)
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[start:end] for start, end in pairwise(edges)]
    found = parse(HEADER + b"<presence></presence>", *pieces)
    assert shape(found[2:]) == shape(expected[1:])


@pytest.mark.parametrize("odd", ["a}b", "{jabber:client", "{jabber:client}", "a b", "\n", "{", "}"])
def test_brackets_in_a_namespace_neither_end_the_stream_nor_disguise_a_name(odd):
    stanza = f"<message><x xmlns='{odd}'><body/></x><body xmlns='{odd}' y='1'>x</body><body>said</body></message>"
    for _ in range(2):
        out = parse(HEADER, stanza.encode(), stanza.encode())
        for message in out[1:]:
            assert [body.text for body in message.findall("{jabber:client}body")] == ["said"]
            assert message[1].tag.endswith("}body")
            assert message[1].get("y") == "1"


def test_text_in_many_pieces_is_joined_in_linear_time():
    parser, out = StreamParser(), []
    parser.feed(HEADER + b"<message><body>", out)
    for _ in range(2000):
        parser.feed(b"abcde", out)
    parser.feed(b"</body></message>", out)
    assert out[1][0].text == "abcde" * 2000


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=6))
def test_no_bytes_raise_anything_but_a_violation(chunks):
    parser, out = StreamParser(StreamLimits(stanza_bytes=500)), []
    parser.feed(HEADER, out)
    try:
        for chunk in chunks:
            parser.feed(chunk, out)
    except StreamViolation:
        pass


@pytest.mark.parametrize("begin", [b"<message a='", b"<!-- ", b"<?x ", b"<message><x a='", b"</x", b"<"])
def test_tag_that_never_ends_is_refused(begin):
    pieces = [b"x" * 100] * 150
    assert violation(HEADER, begin, *pieces, limits=StreamLimits(stanza_bytes=10_000)) in (
        "policy-violation", "not-well-formed"
    )  # fmt: skip


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_long_tag_in_many_packets_is_not_read_again_with_each(size):
    long = HEADER + b"<message><x a='" + b">" * 200_000 + b"'/></message>" + b" " * 60_000
    began = time.thread_time()
    _, message = parse(*(long[at : at + size] for at in range(0, len(long), size)))
    assert time.thread_time() - began < 5  # it was a minute
    assert message[0].get("a") == ">" * 200_000


@pytest.mark.parametrize("at", [None, len(HEADER)])
def test_nul_after_the_header_is_the_same_fault_in_one_packet_and_in_two(at):
    data = HEADER + b"<presence/>\0"
    assert violation(*((data,) if at is None else (data[:at], data[at:]))) == "not-well-formed"


@pytest.mark.parametrize("size", [200, 16 * 1024, 1 << 20])
def test_attributes_are_counted_however_the_tag_was_cut(size):
    limits = StreamLimits(attributes=2000)
    many = b" ".join(b"a%d='1'" % number for number in range(4000))
    for start in (b"", b"<presence/>"):
        data = start + b"<message " + many + b"/>"
        assert violation(HEADER, *(data[at : at + size] for at in range(0, len(data), size)), limits=limits) == (
            "policy-violation"
        )


def test_what_was_whole_in_the_packet_of_a_fault_is_not_lost():
    parser, out = StreamParser(StreamLimits(depth=5)), []
    parser.feed(HEADER, out)
    parser.feed(b"<message></message>", out)
    with pytest.raises(StreamViolation, match="policy-violation"):
        parser.feed(b"<presence></presence>" * 4 + b"<a>" * 300, out)
    assert len(out) == 6
