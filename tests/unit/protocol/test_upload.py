"""XEP-0363 on the wire: what is asked, and what is believed of the answer."""

from __future__ import annotations

from xml.etree.ElementTree import Element, fromstring

import pytest

from botkit.model.files import Slot
from botkit.protocol.upload import max_size, parse_slot, slot_request

NS = "urn:xmpp:http:upload:0"


def slot(
    put: str = "https://up.example/1/a.png", get: str = "https://down.example/1/a.png", headers: str = ""
) -> Element:
    return fromstring(f"<slot xmlns='{NS}'><put url='{put}'>{headers}</put><get url='{get}'/></slot>")


def test_the_request_says_name_size_and_type() -> None:
    request = slot_request("très cool.jpg", 23456, "image/jpeg")
    assert request.tag == f"{{{NS}}}request"
    assert request.attrib == {"filename": "très cool.jpg", "size": "23456", "content-type": "image/jpeg"}


def test_the_slot_of_the_specification_is_read() -> None:
    found = parse_slot(
        slot(
            "https://upload.montague.tld/4a77/tr%C3%A8s%20cool.jpg",
            "https://download.montague.tld/4a77/tr%C3%A8s%20cool.jpg",
            "<header name='Authorization'>Basic Base64String==</header>"
            "<header name='Cookie'>foo=bar; user=romeo</header>",
        )
    )
    assert found == Slot(
        "https://upload.montague.tld/4a77/tr%C3%A8s%20cool.jpg",
        "https://download.montague.tld/4a77/tr%C3%A8s%20cool.jpg",
        (("Authorization", "Basic Base64String=="), ("Cookie", "foo=bar; user=romeo")),
    )


def test_only_the_allowed_headers_are_taken_in_their_order_without_line_breaks() -> None:
    found = parse_slot(
        slot(
            headers="<header name='eXpires'>a&#10;b&#13;c</header><header name='Host'>evil.example</header>"
            "<header name='Cook&#10;ie'>one</header><header name='Cookie'>two</header><header>no name</header>"
            "<header name='Transfer-Encoding'>chunked</header><header name='Authorization: x'>no</header>"
        )
    )
    assert found is not None
    assert found.headers == (("eXpires", "abc"), ("Cookie", "one"), ("Cookie", "two"))


@pytest.mark.parametrize(
    "url",
    [
        "", "http://up.example/a", "ftp://up.example/a", "https://", "https:///a", "https://[/a", "//up.example/a",
        "https://up.example/a b", "https://up.example/a&#10;b", "https://up.example/ä", "javascript:x",
        "https://up.example/" + "a" * 9000,
    ],
)  # fmt: skip
def test_a_url_that_is_no_https_url_is_no_slot(url: str) -> None:
    assert parse_slot(slot(put=url)) is None
    assert parse_slot(slot(get=url)) is None


@pytest.mark.parametrize(
    "text", [f"<slot xmlns='{NS}'/>", f"<slot xmlns='{NS}'><put url='https://a/b'/></slot>", "<x/>"]
)
def test_an_answer_without_both_places_is_no_slot(text: str) -> None:
    assert parse_slot(fromstring(text)) is None
    assert parse_slot(None) is None


def test_a_slot_does_not_show_its_headers() -> None:
    assert "secret" not in repr(Slot("https://a/b", "https://a/b", (("Authorization", "secret"),)))


@pytest.mark.parametrize(
    ("values", "size"),
    [
        (("5242880",), 5242880),
        ((" 7 ",), 7),
        ((), None),
        (("",), None),
        (("-1",), None),
        (("٣",), None),
        (("9" * 40,), None),
    ],
)
def test_the_largest_size_is_a_number_or_not_known(values: tuple[str, ...], size: int | None) -> None:
    assert max_size(values) == size
