"""Asking a running bot, from another process. Blocks; needs nothing but the standard library."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

from botkit.control.place import short
from botkit.errors import ControlError, NotRunning

_LARGEST = 64 * 1024 * 1024


def ask(path: Path, request: dict[str, object], *, timeout: float = 10.0) -> Any:
    """Put ``request`` (``control.answers`` lists them) to the bot at ``path``; the ``result`` of its answer.

    Raises ``NotRunning`` if there is none, ``ControlError`` if it refused or did not answer within ``timeout`` seconds.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as bot:
            bot.settimeout(timeout)
            with short(path) as name:
                bot.connect(name)
            with suppress(BrokenPipeError):  # it may have said why it takes nothing
                bot.sendall(json.dumps(request).encode() + b"\n")
            with bot.makefile("rb") as answers:
                line = answers.readline(_LARGEST)
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
        raise NotRunning(f"no bot runs: none answers at {path}") from None
    except TimeoutError:
        raise ControlError(f"the bot at {path} did not answer within {timeout:g} s") from None
    except OSError as problem:
        raise ControlError(f"the bot at {path} cannot be asked: {problem.strerror or problem}") from None
    return _result(path, line)


def _result(path: Path, line: bytes) -> Any:
    try:
        answer = json.loads(line)
        if answer["ok"]:
            return answer["result"]
        said = str(answer["error"])
    except (ValueError, KeyError, TypeError, RecursionError):
        said = "it ended the connection" if not line else "its answer cannot be read; is it of another version?"
    raise ControlError(f"the bot at {path}: {said}")
