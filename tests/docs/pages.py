"""The manual's pages, taken apart: their fenced blocks, links and headings."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block. ``language`` is the first word behind the fence, "" if there is none; ``options`` are
    the ``key=value`` words after it; ``line`` is the fence's own."""

    page: Path
    line: int
    language: str
    options: dict[str, str]
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@cache
def _tokens(page: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))


def blocks_of(page: Path) -> list[Block]:
    """Every block of a page, in order; indented ones, too, without a language."""
    found = []
    for token in _tokens(page):
        if token.type not in ("fence", "code_block"):
            continue
        language, *more = token.info.split() or [""]
        options = dict(word.partition("=")[::2] for word in more)
        found.append(Block(page, token.map[0] + 1 if token.map else 0, language, options, token.content))
    return found


def links_of(page: Path) -> list[str]:
    """Where a page's links and images lead."""
    children = [child for token in _tokens(page) for child in token.children or ()]
    return [str(child.attrs[key]) for child in children for key in ("href", "src") if key in child.attrs]


def anchors_of(page: Path) -> set[str]:
    """The anchors of a page's headings, as forges make them."""
    tokens = _tokens(page)
    titles = [after.content for token, after in pairwise(tokens) if token.type == "heading_open"]
    return {_anchor(title) for title in titles}


def _anchor(title: str) -> str:
    plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", title).strip().lower()
    kept = (c for c in plain if c in " -_" or unicodedata.category(c)[0] in "LN")
    return "".join(kept).replace(" ", "-")
