"""The process in which templates are rendered: one JSON object a line, both ways. It ends with its standard input.

Nothing of the bot is in it: no secret, no connection, an empty environment. It has so much memory, and for each
template so many seconds of the clock; what exceeds them is ended by the system.
"""

from __future__ import annotations

import json
import signal
import sys

from botkit.errors import BadPayload
from botkit.services.hooks.sandbox import render

_MEMORY = 192 << 20  # of addresses; Python itself takes some 50 MiB of them
_SECONDS = 10  # beyond what the bot waits; in case that it is gone


def main() -> None:
    """Render until there is nothing more to read."""
    _bound()
    for request in sys.stdin.buffer:
        if hasattr(signal, "alarm"):
            signal.alarm(_SECONDS)  # its default is to end the process
        asked = json.loads(request)
        try:
            answer = {"text": render(asked["template"], asked["values"])}
        except BadPayload as problem:
            answer = {"problem": str(problem)[:500]}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
        if hasattr(signal, "alarm"):
            signal.alarm(0)


def _bound() -> None:
    try:
        import resource
    except ImportError:  # not on every platform
        return
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
