"""Message styling (XEP-0393): data that styles nothing, and the few styles that there are.

Clients find styling in the text itself. So whatever is not our own, a nick, a title, a commit's message, goes through
``escape`` or ``escape_line`` before it is put into a text; or the whole message is sent as it is
(``room.say(text, unstyled=True)``, XEP-0393 §7), where nothing in it is to be styled::

    from botkit.text import styling

    f"{styling.strong(title)} by {styling.escape_line(author)}\\n{styling.quote(styling.escape(summary))}"

Pure; nothing here raises, whatever the text.
"""

from __future__ import annotations

import re
from typing import Final

BREAK: Final = "\u200b"
"""What makes a directive none: it is no whitespace, so nothing that stands after it opens a span, and no line that
begins with it begins a block. Shown as nothing. XEP-0393 §8 leaves it to us which character to take for it."""

# §6.2: an opening directive stands at the beginning, after whitespace, or after another opening one; so every directive
# of a run that begins there gets a break. What stands inside of a word (snake_case, a path in a link) opens nothing.
_OPENING: Final = re.compile(r"(?:(?<=\s)|\A)[*_~`]+")
# §6.1.3: ">" makes a quotation at the beginning of a line ("```" is a run of directives already). Some clients look
# past spaces there.
_QUOTE: Final = re.compile(r"(?:(?<=[\n\r\v\f\x1c-\x1e\x85\u2028\u2029])|\A)([^\S\n]*)(?=>)")
_SPACE: Final = re.compile(r"\s+")
_LOOKALIKES: Final = {"*": "\u2217", "_": "\u02cd", "~": "\u223c", "`": "\u02cb"}


def escape(text: str) -> str:
    """``text``, lines and all, so that it styles nothing, wherever it is put. Only ``BREAK`` is added."""
    broken = _OPENING.sub(lambda run: "".join(BREAK + char for char in run[0]), text)
    return _QUOTE.sub(rf"\1{BREAK}", broken)


def escape_line(text: str) -> str:
    """The same in one line: a nick or a title cannot begin a line of its own. Runs of whitespace become one space."""
    return escape(_SPACE.sub(" ", text).strip())


def strong(text: str) -> str:
    """``text`` as one strong span (bold), as ``escape_line`` has it; "" for a blank one.

    As with every span, put it at the beginning of a line or after a space: elsewhere it is not styled. A "*" in it
    would end it (§6.2: "lazily matched"), so it becomes one that only looks like it.
    """
    return _span("*", text)


def emphasis(text: str) -> str:
    """``text`` as one emphasised span (italics); see ``strong``."""
    return _span("_", text)


def strike(text: str) -> str:
    """``text`` as one span that is struck through; see ``strong``."""
    return _span("~", text)


def code(text: str) -> str:
    """``text`` as one preformatted span, in which nothing but its own directive means anything; see ``strong``."""
    inner = _SPACE.sub(" ", text).strip().replace("`", _LOOKALIKES["`"])
    return f"`{inner}`" if inner else ""


def preformatted(text: str) -> str:
    """``text`` as a preformatted block; to begin on a line of its own, with nothing after it on its last one.

    §6.1.2: it ends at "a line containing only three grave accents", so none of its lines begins with them.
    """
    lines = (f"{BREAK}{line}" if line.lstrip().startswith("```") else line for line in text.splitlines())
    return "\n".join(("```", *lines, "```"))


def quote(text: str) -> str:
    """Every line of ``text`` as a quotation. Styling in it stays: ``quote(escape(data))``."""
    return "\n".join(f"> {line}" for line in text.splitlines() or [""])


def _span(directive: str, text: str) -> str:
    inner = escape_line(text.replace(directive, _LOOKALIKES[directive]))
    return f"{directive}{inner}{directive}" if inner else ""
