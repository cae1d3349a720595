"""Logs: coloured for people at a terminal, one JSON object a line otherwise. Configured here and nowhere else."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping, Sequence
from typing import Literal, TextIO

import structlog

LogFormat = Literal["auto", "console", "json"]
LEVELS = ("debug", "info", "warning", "error")

# What an attacker can put into a room must not steer the terminal of whoever reads the log: C0, DEL, C1 and the
# bidirectional controls are shown as escapes. (JSON escapes C0 by itself; C1 and bidi controls it does not.)
_UNSAFE = {
    code: f"\\u{code:04x}"
    for code in (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F)
    if chr(code) not in "\n\t"
}


def printable(text: str) -> str:
    """``text`` with every character that could steer a terminal or hide text shown as ``\\uXXXX``."""
    return text.translate(_UNSAFE)


def _make_safe(_logger: object, _method: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    return {key: value if key == "exception" else _safe(value) for key, value in event.items()}


def _safe(value: object) -> object:
    if isinstance(value, list | tuple | set | frozenset):
        return [_safe(one) for one in value]
    if isinstance(value, int | float | bool | None):
        return value
    return printable(str(value))


class _StandardError:
    """Whatever ``sys.stderr`` is at the moment: a progress bar puts itself in its place, to keep below the log."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def set_level(level: str) -> None:
    """Write what is at least this bad from now on. Raises ``ValueError`` for what is no level of ``LEVELS``."""
    if level not in LEVELS:
        raise ValueError(f"{level!r} is no level; there are {', '.join(LEVELS)}")
    root = logging.getLogger()
    root.setLevel(level.upper())
    # aioxmpp tells at INFO and DEBUG how it works inside, passwords of SASL exchanges among it at DEBUG
    for chatty in ("aioxmpp", "aiosasl", "aioopenssl", "botkit.session.engine.aioxmpp"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))


def configure(
    level: str = "info",
    form: LogFormat = "auto",
    stream: TextIO | None = None,
    *,
    processors: Sequence[structlog.typing.Processor] = (),
) -> None:
    """Set logging up for the process; standard-library loggers (aioxmpp's among them) go the same way.

    ``auto`` means ``console`` if ``stream`` (standard error by default) is a terminal, else ``json``.
    ``processors`` add to every line, before it is made safe and written.
    """
    target = stream if stream is not None else sys.stderr
    console = form == "console" or (form == "auto" and target.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        *processors,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if console else "iso", utc=not console),
    ]
    render: list[structlog.typing.Processor]
    if console:
        render = [
            _make_safe,
            # plain tracebacks: the pretty ones print local variables, and a password may be among them
            structlog.dev.ConsoleRenderer(
                colors=target.isatty(), pad_event_to=36, exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    else:
        render = [
            structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
            _make_safe,
            structlog.processors.JSONRenderer(default=str, ensure_ascii=False),
        ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render]
    )
    handler = logging.StreamHandler(stream if stream is not None else _StandardError())
    handler.setFormatter(formatter)
    logging.getLogger().handlers[:] = [handler]
    set_level(level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
