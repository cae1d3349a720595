"""What is escaped styles nothing, by a parser of XEP-0393 that is written here from its text."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.text import styling
from botkit.text.styling import BREAK

# --- XEP-0393 §6, as a parser ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Span:
    directive: str
    text: str


@dataclass(frozen=True)
class Block:
    kind: str  # "plain", "pre", "quote"
    spans: tuple[Span, ...] = ()
    text: str = ""
    blocks: tuple[Block, ...] = ()


def parse(text: str) -> list[Block]:
    lines, found = text.split("\n"), []
    while lines:
        if lines[0].startswith("```"):
            lines.pop(0)
            inside = []
            while lines and lines[0] != "```":
                inside.append(lines.pop(0))
            lines = lines[1:]
            found.append(Block("pre", text="\n".join(inside)))
        elif lines[0].startswith(">"):
            inside = []
            while lines and lines[0].startswith(">"):
                line = lines.pop(0)[1:]
                inside.append(line[1:] if line[:1].isspace() else line)
            found.append(Block("quote", blocks=tuple(parse("\n".join(inside)))))
        else:
            line = lines.pop(0)
            found.append(Block("plain", spans=tuple(spans(line)), text=line))
    return found


def spans(line: str) -> list[Span]:
    """Spans of one line, outer before inner; "parsed from the beginning … lazily matched"."""
    found, place, opened = [], 0, ""
    while place < len(line):
        char = line[place]
        before = line[place - 1] if place else " "
        after_opening = bool(opened) and before == opened and char != opened
        opens = char in "*_~`" and (before.isspace() or after_opening)
        opened = ""
        if opens and line[place + 1 : place + 2] == char:  # "MUST contain some text …, otherwise neither … is valid"
            place += 2
            continue
        if opens and place + 1 < len(line) and not line[place + 1].isspace():
            opened = char
            end = place + 2
            while (end := line.find(char, end)) >= 0 and line[end - 1].isspace():
                end += 1
            if end >= 0:
                inner = line[place + 1 : end]
                found += [Span(char, inner), *(spans(inner) if char != "`" else ())]
                place, opened = end + 1, ""
                continue
        place += 1
    return found


@pytest.mark.parametrize(
    ("line", "styled"),
    [
        ("plain span", []),
        ("*strong span*", [Span("*", "strong span")]),
        ("plain _emphasis_ plain", [Span("_", "emphasis")]),
        ("`pre` plain *strong*", [Span("`", "pre"), Span("*", "strong")]),
        ("*strong*plain*", [Span("*", "strong")]),
        ("* plain *strong*", [Span("*", "strong")]),
        ("This is *`monospace and bold`*", [Span("*", "`monospace and bold`"), Span("`", "monospace and bold")]),
        ("This is `*monospace*`", [Span("`", "*monospace*")]),
        *((line, []) for line in ("not strong*", "*not strong", "*not *strong", "**", "***", "****")),
    ],
)
def test_the_parser_of_these_tests_reads_the_examples_of_the_specification(line: str, styled: list[Span]) -> None:
    assert spans(line) == styled


def test_the_parser_of_these_tests_reads_the_blocks_of_the_specification() -> None:
    kinds = [block.kind for block in parse("```ignored\n(println)\n```\n\n> That that is, is.\n\nSaid the old hermit")]
    assert kinds == ["pre", "plain", "quote", "plain", "plain"]
    [nested, _] = parse(">> That that is, is.\n> Said the old hermit of Prague.\nWho?")
    assert [block.kind for block in nested.blocks] == ["quote", "plain"]


# --- what is escaped --------------------------------------------------------------------------------------------------

TEXTS = st.text(st.sampled_from("*_~`>ab \n\t\r\u00a0\u2028"), max_size=25) | st.text(max_size=25)


def styles_nothing(text: str) -> bool:
    return all(block.kind == "plain" and not block.spans for block in parse(text))


@given(TEXTS)
def test_escaped_text_styles_nothing(text: str) -> None:
    assert styles_nothing(styling.escape(text))


@given(TEXTS)
def test_escaping_only_adds_breaks(text: str) -> None:
    assert styling.escape(text).replace(BREAK, "") == text.replace(BREAK, "")


@given(TEXTS, TEXTS)
def test_escaped_data_changes_nothing_of_what_is_around_it(one: str, other: str) -> None:
    line = f"{styling.escape_line(one)} *strong* ({styling.escape_line(other)}) and _more_"
    [block] = parse(line)
    assert block.kind == "plain"
    assert list(block.spans) == [Span("*", "strong"), Span("_", "more")]


@given(TEXTS)
def test_escaped_data_is_plain_in_a_quotation_too(text: str) -> None:
    [block] = parse(styling.quote(styling.escape(text)))
    assert block.kind == "quote"
    assert all(inner.kind == "plain" and not inner.spans for inner in block.blocks)


@given(TEXTS)
def test_a_line_of_data_stays_one_line(text: str) -> None:
    assert len(styling.escape_line(text).splitlines()) <= 1


@pytest.mark.parametrize(("make", "directive"), [(styling.strong, "*"), (styling.emphasis, "_"), (styling.strike, "~")])
@given(text=TEXTS)
def test_data_in_a_span_is_all_of_that_span_and_nothing_else(make, directive: str, text: str) -> None:
    made = make(text)
    [block] = parse(f"so {made} it is*_~` ")
    if not text.strip():
        assert made == ""
    else:
        assert list(block.spans) == [Span(directive, made[1:-1])]


@given(TEXTS)
def test_data_as_code_is_one_preformatted_span(text: str) -> None:
    made = styling.code(text)
    [block] = parse(f"run {made} now")
    assert list(block.spans) == ([Span("`", made[1:-1])] if made else [])
    assert bool(made) == bool(text.strip())


@given(TEXTS)
def test_a_preformatted_block_ends_where_it_is_to_end(text: str) -> None:
    block, after = parse(f"{styling.preformatted(text)}\nafter")
    assert block.kind == "pre"
    assert (after.kind, after.text) == ("plain", "after")
    assert block.text.replace(BREAK, "").rstrip("\n") == "\n".join(text.replace(BREAK, "").splitlines()).rstrip("\n")


@pytest.mark.parametrize(
    "text", ["https://example.org/a_b_c/*x", "snake_case_name", "5*3*2", "a -> b", "2 > 1", "~user/.config"[1:]]
)
def test_what_styles_nothing_anyway_is_left_as_it_is(text: str) -> None:
    assert styling.escape(text) == text


def test_spans_of_data_look_as_the_data_did() -> None:
    assert styling.strong("a*b") == "*a\u2217b*"
    assert styling.code("rm -rf *") == "`rm -rf *`"
    assert styling.emphasis("  two\nlines ") == "_two lines_"
