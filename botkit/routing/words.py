"""A command line taken apart into words, one at a time. Quoting is a shell's, without its traps.

A quote counts only at the start of a word (so ``don't`` is a word) and ends at its partner, which
must be followed by a space or the end. “Curly” quotes, as phones type them, work like straight ones.
A backslash is special only inside quotes, and there only before the quote or another backslash.
"""

from __future__ import annotations

from botkit.errors import BotkitError

_PARTNER = {'"': '"', "'": "'", "“": "”", "„": "“", "«": "»"}


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
    following: str

    @staticmethod
    def of(text: str, line: str, start: int, end: int, *, quoted: bool) -> Word:
        """A word made of ``line[start:end]``."""
        word = Word(text)
        word.start, word.end, word.quoted, word.following = start, end, quoted, line[end:]
        return word


class Line:
    """A cursor over one command line."""

    __slots__ = ("at", "text")

    def __init__(self, text: str, at: int = 0) -> None:
        self.text = text
        self.at = at
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
        partner = _PARTNER.get(self.text[start])
        word = self._quoted(start, partner) if partner is not None else self._plain(start)
        self.at = word.end
        self._skip()
        return word

    def rest(self) -> str:
        """All that is left, as it was typed, without space at its ends; the cursor is at the end then."""
        left = self.text[self.at :].rstrip()
        self.at = len(self.text)
        return left

    def _plain(self, start: int) -> Word:
        end = start
        while end < len(self.text) and not self.text[end].isspace():
            end += 1
        return Word.of(self.text[start:end], self.text, start, end, quoted=False)

    def _quoted(self, start: int, partner: str) -> Word:
        line, taken, at = self.text, [], start + 1
        while at < len(line):
            char = line[at]
            if char == "\\" and line[at + 1 : at + 2] in (partner, "\\") and at + 1 < len(line):
                taken.append(line[at + 1])
                at += 2
            elif char == partner and (at + 1 == len(line) or line[at + 1].isspace()):
                return Word.of("".join(taken), line, start, at + 1, quoted=True)
            else:
                taken.append(char)
                at += 1
        if line[start] == "'":  # 'tis no quotation
            return self._plain(start)
        raise UsageError(f"the quote {line[start]} is never closed by {partner}", start, len(line))

    def _skip(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
