"""The rules: each looks at one statement and at what is remembered of its author. Pure apart from that memory."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from botkit.services.moderation.memory import REMEMBERED, Person
from botkit.services.moderation.statement import Statement
from botkit.text import ACCENTS, DISGUISED, LinkKind, Readings, canonical_host, normalise, warm_up, within, words


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one rule found. ``evidence`` is the matched text (normalised) or the count; ``label`` is said to people."""

    rule: str
    points: int
    label: str
    evidence: str


class Rule(Protocol):
    """One question about a statement."""

    @property
    def name(self) -> str:
        """What logs call it."""

    def examine(self, said: Statement, person: Person) -> Finding | None:
        """What is wrong with ``said``; None if nothing is. Must not raise, whatever the text."""


_FEW = 24
_HIDDEN = DISGUISED | ACCENTS
_LONG = 6  # letters of a word that is the same without its accents


class WordRule:
    """Words and phrases that are not wanted.

    A word matches between word boundaries; ``*`` at an end lifts that boundary (``spam*``). Nothing that
    lies within a match of ``allow`` counts (``scunthorpe``).
    """

    name = "words"

    def __init__(self, words: Collection[str], *, allow: Collection[str] = (), points: int = 2) -> None:
        self._points = points
        warm_up()
        normal = {normalise(w).strip() for w in words}
        self._single = frozenset(w for w in normal if re.fullmatch(r"\w+", w))
        others = normal - self._single
        self._others = _alternation(others)
        # Looking for a few plain texts costs a fraction of one regular expression, and of taking a text apart.
        self._cores = tuple({parts[0] for w in normal if (parts := w.strip("*").split())})
        self._few = len(self._cores) <= _FEW
        self._unwanted = _alternation(normal)
        self._allowed = _alternation(allow)

    def examine(self, said: Statement, person: Person) -> Finding | None:
        """The first unwanted word, as it stands or in disguise."""
        if self._unwanted is None:
            return None
        hit: str | None = None
        folded = said.folded
        if self._few:
            for core in self._cores:
                if core in folded:
                    hit = self._first(folded)
                    break
        elif self._among(said.tokens, folded):
            hit = self._first(folded)
        if hit is None and said.hints & _HIDDEN:
            hit = self._first_disguised(said.readings)
        if hit is None:
            return None
        return Finding(rule=self.name, points=self._points, label="unwanted word", evidence=hit)

    def _first_disguised(self, readings: Readings) -> str | None:
        for form in readings.disguised:
            if self._may_match(form) and (hit := self._first(form)):
                return hit
        bare = readings.bare
        return self._first(bare, _LONG) if bare and self._may_match(bare) else None

    def _may_match(self, text: str) -> bool:
        """False for nearly all of what people say, and then surely."""
        if self._few:
            return any(map(text.__contains__, self._cores))
        return self._among(words(text), text)

    def _among(self, tokens: list[str], text: str) -> bool:
        if not self._single.isdisjoint(tokens):
            return True
        return self._others is not None and self._others.search(text) is not None

    def _first(self, text: str, shortest: int = 0) -> str | None:
        allowed: list[tuple[int, int]] | None = None
        for match in self._unwanted.finditer(text) if self._unwanted else ():
            if allowed is None:
                allowed = [m.span() for m in self._allowed.finditer(text)] if self._allowed else []
            word, (first, last) = match.group(), match.span()
            if len(word) >= shortest and not any(start <= first and last <= end for start, end in allowed):
                return word
        return None


class LinkRule:
    """Links that are not wanted.

    A host in ``deny`` (or below a domain there) is never wanted; one in ``allow`` always is. Of all others
    none is where ``others`` is False.
    """

    name = "links"

    def __init__(
        self, *, deny: Collection[str] = (), allow: Collection[str] = (), others: bool = True, points: int = 2
    ) -> None:
        self._deny = frozenset(map(canonical_host, deny))
        self._allow = frozenset(map(canonical_host, allow))
        self._others = others
        self._points = points
        warm_up()

    def examine(self, said: Statement, person: Person) -> Finding | None:
        """The first link that is not wanted."""
        if self._others and not self._deny:
            return None
        for link in said.links:
            if link.kind is LinkKind.MAIL and not link.certain:
                continue  # somebody's address, which nobody is led to
            if denied := within(link.host, self._deny):
                return self._found("link to a listed site", f"{link.written} ({denied})")
            if not self._others and link.certain and not within(link.host, self._allow):
                return self._found("link", link.written)
        return None

    def _found(self, label: str, evidence: str) -> Finding:
        return Finding(rule=self.name, points=self._points, label=label, evidence=evidence[:200])


class FloodRule:
    """More than ``messages`` by one person within ``seconds``."""

    name = "flood"

    def __init__(self, messages: int, seconds: float, *, points: int = 2) -> None:
        self._over = min(messages + 1, REMEMBERED)
        self._seconds = seconds
        self._points = points

    def examine(self, said: Statement, person: Person) -> Finding | None:
        """True for every message above the measure, corrections included."""
        spoke = person.spoke
        # abs: messages read from an archive may come after later live ones.
        if not said.spoken or len(spoke) < self._over or abs(said.second - spoke[-self._over]) > self._seconds:
            return None
        evidence = f"{self._over} messages in {self._seconds:g} s"
        return Finding(rule=self.name, points=self._points, label="too many messages", evidence=evidence)


class DuplicateRule:
    """The same text ``times`` times by one person within ``seconds``. Texts shorter than ``shortest`` do not count."""

    name = "duplicates"

    def __init__(self, times: int, seconds: float, *, shortest: int = 8, points: int = 2) -> None:
        self._times = times
        self._seconds = seconds
        self._shortest = shortest
        self._points = points

    def examine(self, said: Statement, person: Person) -> Finding | None:
        """Counts the repetition, and remembers the text."""
        # A correction that changes nothing is a client's oddity, no second message.
        if not said.spoken or said.stock or said.replaces is not None or len(said.folded) < self._shortest:
            return None
        text = said.folded
        # Only a printable text may have no other space than U+0020.
        mark = hash(text.strip() if text.isprintable() and "  " not in text else " ".join(text.split()))
        if person.heard(mark, said.second) < self._times:
            return None
        pairs = zip(person.texts, person.texts_at, strict=True)
        same = sum(other == mark and abs(said.second - when) <= self._seconds for other, when in pairs)
        if same < self._times:
            return None
        evidence = f"{same} times in {self._seconds:g} s"
        return Finding(rule=self.name, points=self._points, label="the same text again", evidence=evidence)


class AnomalyRule:
    """Stanzas malformed as no ordinary client makes them: a way to hide from bots. ``ignore`` lets some kinds pass."""

    name = "malformed"

    def __init__(self, *, ignore: Collection[str] = (), points: int = 1) -> None:
        self._ignore = frozenset(ignore)
        self._points = points

    def examine(self, said: Statement, person: Person) -> Finding | None:
        """The first anomaly that is not ignored."""
        if not said.anomalies:
            return None
        for anomaly in said.anomalies:
            if anomaly not in self._ignore:
                return Finding(rule=self.name, points=self._points, label="malformed message", evidence=anomaly)
        return None


def _alternation(words: Collection[str]) -> re.Pattern[str] | None:
    """One pattern for all of ``words``, longest first so that the evidence is the whole phrase; None for none."""
    groups: dict[tuple[str, str], list[str]] = {}
    for word in sorted({normalise(w).strip() for w in words}, key=len, reverse=True):
        core = word.strip("*").split()
        if core:
            # No \w* in front: beginning at every letter of a long word would make it quadratic.
            before = "" if word.startswith("*") else r"(?<!\w)"
            after = r"\w*" if word.endswith("*") else r"(?!\w)"
            groups.setdefault((before, after), []).append(r"\s+".join(map(re.escape, core)))
    # One group for all words with the same boundaries: the boundary is looked for once, not once for each word.
    parts = [f"{before}(?:{'|'.join(cores)}){after}" for (before, after), cores in groups.items()]
    return re.compile("|".join(parts)) if parts else None
