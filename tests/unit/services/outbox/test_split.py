from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.services.outbox.split import shortened, split


def test_short_text_stays_whole() -> None:
    assert split("tea at five", 100) == ["tea at five"]


def test_cut_between_words_and_nothing_is_lost() -> None:
    text = " ".join(f"word{number}" for number in range(100))
    parts = split(text, 60)
    assert len(parts) > 5
    assert " ".join(parts) == text
    assert all(len(part.encode()) <= 60 for part in parts)


def test_cut_between_paragraphs_where_that_fills_half_of_a_part() -> None:
    first, second = "a" * 40 + " " + "b" * 10, "c" * 40
    assert split(f"{first}\n\n{second}", 80) == [first, second]


def test_cut_between_lines_rather_than_words_and_indentation_is_kept() -> None:
    assert split("one two three four\n  five six", 24) == ["one two three four", "  five six"]


def test_a_paragraph_that_would_leave_little_is_not_where_it_is_cut() -> None:
    parts = split("hi\n\n" + "word " * 30, 60)
    assert parts[0].startswith("hi\n\nword")


def test_a_link_is_not_cut_if_it_fits_into_a_part() -> None:
    link = "https://example.org/" + "x" * 40
    parts = split(f"{'talk ' * 10}{link} {'talk ' * 10}", 70)
    assert any(link in part.split() for part in parts)


def test_a_link_longer_than_a_part_is_cut_and_complete() -> None:
    link = "https://example.org/" + "x" * 200
    assert "".join(split(link, 64)) == link


@pytest.mark.parametrize(
    "cluster",
    [
        "👩\u200d👩\u200d👧",
        "👍🏽",
        "🇩🇪",
        "e\u0301",
        "❤️",
        "각",
        "\u1100\u1161\u11a8",
        "🏴\U000e0067\U000e0062\U000e007f",
    ],
)
def test_no_cut_within_what_people_see_as_one_character(cluster: str) -> None:
    parts = split(cluster * 40, 100)
    assert "".join(parts) == cluster * 40
    assert all(part == cluster * (len(part) // len(cluster)) for part in parts)


def test_a_text_of_marks_alone_comes_to_an_end() -> None:
    parts = split("a" + "\u0301" * 500, 64)
    assert "".join(parts) == "a" + "\u0301" * 500


@given(st.text(max_size=400), st.integers(16, 80))
def test_every_part_fits_and_only_space_is_lost(text: str, limit: int) -> None:
    text = text.encode(errors="replace").decode()
    parts = split(text, limit)
    assert all(0 < len(part.encode()) <= limit for part in parts)
    bare = [c for c in text if not c.isspace()]
    assert [c for part in parts for c in part if not c.isspace()] == bare
    assert all(not unicodedata.combining(p[0]) for p in parts[1:]) or any(map(unicodedata.combining, text))


def test_shortened_says_that_it_is() -> None:
    assert shortened("tea at five", 100) == "tea at five"
    short = shortened("tea at five o'clock", 12)
    assert short == "tea at…"
    assert len(short.encode()) <= 12
