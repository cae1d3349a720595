"""Where each key stands."""

from __future__ import annotations

import json
import tomllib

from hypothesis import given
from hypothesis import strategies as st

from botkit.config.lines import Path, index_lines

TEXT = '''# a comment with [brackets] and key = "value"
title = "x # no comment"

[a.b]
"quoted key" = 1
dotted.key = 'single'
list = [
    1,  # one
    { inner = "x", more = [2] },
]
text = """
[not.a.table]
key = 1
"""
ends = """x"""""
[[rooms]]
jid = "one"
[[rooms]]
jid = "two"
[rooms.sub]
x = 1
[[rooms.deep]]
y = 1979-05-27 07:32:00
[modules."k.1".rooms."lobby@rooms.example.org"]
warn_after = 5
'''


def test_each_key_has_its_line() -> None:
    lines = index_lines(TEXT)
    expected: dict[Path, int] = {
        ("title",): 2,
        ("a",): 4,
        ("a", "b", "quoted key"): 5,
        ("a", "b", "dotted"): 6,
        ("a", "b", "dotted", "key"): 6,
        ("a", "b", "list"): 7,
        ("a", "b", "list", 0): 8,
        ("a", "b", "list", 1, "inner"): 9,
        ("a", "b", "list", 1, "more", 0): 9,
        ("a", "b", "text"): 11,
        ("a", "b", "ends"): 15,
        ("rooms", 0): 16,
        ("rooms", 0, "jid"): 17,
        ("rooms", 1): 18,
        ("rooms", 1, "jid"): 19,
        ("rooms", 1, "sub", "x"): 21,
        ("rooms", 1, "deep", 0, "y"): 23,
        ("modules", "k.1", "rooms", "lobby@rooms.example.org", "warn_after"): 25,
    }
    assert {path: lines.get(path) for path in expected} == expected


texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=8)
values = st.recursive(
    st.integers(-9, 9) | st.booleans() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def written(value: object) -> str:
    """As inline TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(key)} = {written(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",\n".join(written(inner) for inner in value) + "]"
    return quoted(value) if isinstance(value, str) else json.dumps(value)


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def paths(value: object, path: Path = ()) -> set[Path]:
    found = {path}
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        found |= paths(inner, (*path, step))
    return found


@given(st.dictionaries(texts, values, max_size=4), st.dictionaries(texts, values, max_size=3))
def test_exactly_the_keys_of_any_document_are_found(top: dict[str, object], table: dict[str, object]) -> None:
    def pairs(data: dict[str, object]) -> str:
        return "".join(f"{quoted(key)} = {written(value)} # c\n" for key, value in data.items())

    text = pairs(top)
    if "t" not in top:
        text += '[[t]]\n[[ "t" ]]\n[t . "x"]\n' + pairs(table)
    assert set(index_lines(text)) == paths(tomllib.loads(text))
