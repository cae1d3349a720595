"""What becomes of an exception in a handler: one log line with everything, a count, a reference for the asker."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from botkit.model.events import Event
from botkit.routing.context import Logger
from botkit.routing.limit import HandlerTimeout
from botkit.routing.middleware import event_fields
from botkit.routing.tally import Tallies


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A handler raised or took too long. ``reference`` stands in the log line and in what the asker was told."""

    handler: str
    event: Event
    error: BaseException
    reference: str


class Failures:
    """Counts and reports failures. ``report`` must be quick; what it raises is logged and goes no further."""

    def __init__(self, log: Logger, report: Callable[[Failure], None] | None = None) -> None:
        self._log = log
        self._report = report
        self.count = 0
        self.tallies = Tallies()

    def note(self, handler: str, event: Event, error: BaseException) -> Failure:
        """Log and count one failure."""
        self.count += 1
        self.tallies.of(handler).failures += 1
        failure = Failure(handler=handler, event=event, error=error, reference=secrets.token_hex(3))
        if isinstance(error, HandlerTimeout):
            self._log.error(
                f"a handler was cancelled: {error}", handler=handler, reference=failure.reference, **event_fields(event)
            )
        else:
            self._log.error(
                f"a handler failed: {type(error).__name__}: {error}",
                handler=handler,
                reference=failure.reference,
                exc_info=error,
                **event_fields(event),
            )
        if self._report is not None:
            try:
                self._report(failure)
            except Exception as problem:  # a boundary: reporting is no reason to lose a worker
                self._log.error("reporting a failure failed", handler=handler, exc_info=problem)
        return failure
