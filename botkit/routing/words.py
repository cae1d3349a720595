"""A command line taken apart into words, one at a time. Quoting is a shell's, without its traps.

A quote counts only at the start of a word (so ``don't`` is a word) and ends at its partner, which must be followed by
a space, a comma and a space, or the end. “Curly” quotes, as phones type them, work like straight ones, and so do those
of other languages: „so“, «ainsi», »so«, ”så”.
A backslash is special only inside quotes, and there only before the quote or another backslash.
"""

from __future__ import annotations

import re

from botkit.errors import BotkitError

_PARTNERS = {
    '"': '"', "'": "'", "“": "”", "”": "”", "„": "“”", "‟": "”", "‘": "’", "‚": "‘’",
    "«": "»", "»": "«»", "‹": "›", "›": "‹›", "「": "」", "『": "』",
}  # fmt: skip
"""What ends a quotation that begins with the key: in one language or another."""

_UNSURE = "'‘”»›‚"
"""Where such a quote is never closed it was none: an apostrophe ('tis no quotation), the end of another, an arrow."""


_WORD = re.compile(r"\S+")
_SPACE = re.compile(r"\s+")


class CommandError(BotkitError):
    """Why a command was not carried out, in words for the asker; handlers may raise it."""


class UsageError(CommandError):
    """A command line that cannot be understood. ``start`` and ``end`` point at the part that is wrong."""

    def __init__(self, message: str, start: int | None = None, end: int | None = None) -> None:
        super().__init__(message)
        self.start = start
        self.end = end


class Word(str):
    """One word, and where in the line it stood. ``quoted`` tells whether quotes were around it."""

    start: int
    end: int
    quoted: bool

    @staticmethod
    def of(text: str, start: int, end: int, *, quoted: bool) -> Word:
        """A word that stood at ``line[start:end]``."""
        word = Word(text)
        word.start, word.end, word.quoted = start, end, quoted
        return word


class Line:
    """A cursor over one command line. ``plain``: ``--`` was typed, and no word is an option from there on."""

    __slots__ = ("at", "plain", "text")

    def __init__(self, text: str, at: int = 0) -> None:
        self.text = text
        self.at = at
        self.plain = False
        self._skip()

    @property
    def done(self) -> bool:
        """True if nothing but space is left."""
        return self.at >= len(self.text)

    def next(self) -> Word | None:
        """The next word, or None at the end. Raises ``UsageError`` for a quote that is not closed."""
        if self.done:
            return None
        start = self.at
        partner = _PARTNERS.get(self.text[start])
        word = self._quoted(start, partner) if partner is not None else self._plain(start)
        self.at = word.end
        self._skip()
        return word

    @property
    def quoted(self) -> bool:
        """True if the next word is in quotes."""
        if self.done or self.text[self.at] not in _PARTNERS:
            return False
        before = self.at
        try:
            word = self.next()
        except UsageError:
            return True  # and taking it says what is wrong
        finally:
            self.at = before
        return word is not None and word.quoted

    def skip_to(self, at: int) -> None:
        """Go on at ``at``, or behind the space that is there."""
        self.at = at
        self._skip()

    def rest(self) -> str:
        """All that is left, as it was typed, without space at its ends; the cursor is at the end then."""
        left = self.text[self.at :].rstrip()
        self.at = len(self.text)
        return left

    def _plain(self, start: int) -> Word:
        found = _WORD.match(self.text, start)
        assert found is not None, "asked for only where the line goes on"
        return Word.of(found[0], start, found.end(), quoted=False)

    def _quoted(self, start: int, partners: str) -> Word:
        line, taken, at = self.text, [], start + 1
        while at < len(line):
            char = line[at]
            if char == "\\" and at + 1 < len(line) and line[at + 1] in partners + "\\":
                taken.append(line[at + 1])
                at += 2
            elif char in partners and (end := self._end_behind(at + 1)) is not None:
                return Word.of("".join(taken), start, end, quoted=True)
            else:
                taken.append(char)
                at += 1
        if line[start] in _UNSURE:
            return self._plain(start)
        raise UsageError(f"the quote {line[start]} is never closed by {partners[0]}", start, len(line))

    def _end_behind(self, at: int) -> int | None:
        """Where a quoted word ends whose closing quote stands before ``at``; None if it does not close there.

        A comma or colon may follow: ``"Ann Lee", hello``. It is no part of the word.
        """
        line = self.text
        if line[at : at + 1] in (",", ":"):
            at += 1
        return at if at == len(line) or line[at].isspace() else None

    def _skip(self) -> None:
        text, at = self.text, self.at
        if at < len(text) and text[at].isspace():
            found = _SPACE.match(text, at)
            self.at = found.end() if found is not None else at


def quote(text: str, *, always: bool = False) -> str:
    """``text`` so that it is read back as one word, and as no option: as it is where it can be, else in quotes."""
    if (
        text
        and not always
        and text[0] not in _PARTNERS
        and text[0] not in "-—–"
        and not any(char.isspace() for char in text)
    ):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
