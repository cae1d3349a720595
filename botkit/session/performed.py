"""What became of actions, counted by their kind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botkit.errors import MisuseError, StanzaError
from botkit.model.actions import Action

DONE, REFUSED, LOST, FAILED = "done", "refused", "lost", "failed"


class Performed:
    """``counts`` by the action's name and its result: ``done``, ``refused`` by the peer, ``lost`` with the connection
    or the time that it had, ``failed`` as it was no possible action."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], int] = {}

    @contextmanager
    def counting(self, action: Action) -> Iterator[None]:
        """Count how what is done inside ends."""
        result = LOST  # by an error of the link, or cancelled
        try:
            yield
            result = DONE
        except StanzaError:
            result = REFUSED
            raise
        except MisuseError:
            result = FAILED
            raise
        finally:
            key = (type(action).__name__, result)
            self.counts[key] = self.counts.get(key, 0) + 1
