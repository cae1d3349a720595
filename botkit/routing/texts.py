"""What may be said: texts fit for a message stanza."""

from __future__ import annotations

import re

from botkit.errors import MisuseError

LONGEST = 10_000
"""Characters in one message. Longer ones are a bug of a bot or a trap laid for it; servers cut or refuse them."""

# XML 1.0 §2.2 Char: everything else would end the stream.
_UNSAYABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def sayable(text: str) -> str:
    """``text`` with every character that XML cannot carry replaced by U+FFFD.

    Raises ``MisuseError`` for a text that is empty or longer than ``LONGEST``.
    """
    if len(text) > LONGEST:
        raise MisuseError(f"a message of {len(text)} characters; at most {LONGEST} are sent: shorten or split it")
    if not text.strip():
        raise MisuseError("a message without text; return None to say nothing")
    return _UNSAYABLE.sub("\ufffd", text)
