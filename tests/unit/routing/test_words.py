"""Quoting, and that no text breaks the reader."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.routing.words import Line, UsageError, quote


def words(text: str) -> list[str]:
    line, found = Line(text), []
    while (word := line.next()) is not None:
        assert text[word.start : word.end]
        found.append(str(word))
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("   ", []),
        ("a  b\tc\nd", ["a", "b", "c", "d"]),
        ('"a b" c', ["a b", "c"]),
        ("'a b' c", ["a b", "c"]),
        ("“a b” c", ["a b", "c"]),
        ("„a b“ c", ["a b", "c"]),
        ("«a b» c", ["a b", "c"]),
        ("»a b« c", ["a b", "c"]),
        ("”a b” c", ["a b", "c"]),
        ("‚a b‘ c", ["a b", "c"]),
        ("‘a b’ c", ["a b", "c"]),
        ("don’t do that", ["don’t", "do", "that"]),
        ("‘tis so", ["‘tis", "so"]),
        ("» so", ["»", "so"]),
        ('"a b", c', ["a b", "c"]),
        ('"a b": c', ["a b", "c"]),
        ('"a",b c', None),
        ('""', [""]),
        ("don't do that", ["don't", "do", "that"]),
        ("'tis so", ["'tis", "so"]),
        ("'tis 'so", ["'tis", "'so"]),
        ('5" and 7"', ['5"', "and", '7"']),
        (r'"a \"b\" c"', ['a "b" c']),
        (r'"a \\" b', ["a \\", "b"]),
        (r"a\ b C:\dir", ["a\\", "b", "C:\\dir"]),
        (r'"C:\dir"', ["C:\\dir"]),
        ('"a"b c"', ['a"b c']),
        ('"a" "b', None),
        ('"', None),
        ("“", None),
    ],
)
def test_quoting_is_a_shell_s_without_its_traps(text: str, expected: list[str] | None) -> None:
    if expected is None:
        with pytest.raises(UsageError):
            words(text)
    else:
        assert words(text) == expected


def test_the_rest_of_a_line_is_as_it_was_typed() -> None:
    line = Line('  a  "b  c" d\\e  ')
    assert line.next() == "a"
    assert line.rest() == '"b  c" d\\e'
    assert line.done
    assert line.next() is None


@given(st.text())
def test_no_text_raises_anything_but_a_usage_error(text: str) -> None:
    fault = None
    try:
        words(text)
    except UsageError as problem:
        fault = (problem.start, problem.end)
    assert fault is None or 0 <= fault[0] < fault[1] <= len(text)


@given(st.lists(st.text(min_size=0)))
def test_what_is_quoted_comes_back_as_it_was(parts: list[str]) -> None:
    assert words(" ".join(map(quote, parts))) == parts


@given(
    st.text(alphabet=st.characters(exclude_categories=["Z", "C"], exclude_characters="\"'“”„‟‘‚«»‹›「『"), min_size=1)
)
def test_a_word_without_quotes_and_spaces_is_one_word(text: str) -> None:
    assert words(text) == [text]
