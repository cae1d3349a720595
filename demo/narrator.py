"""Brings two streams into the order in which people expect them: a message, what the bot did about it, what came of it.

The room's stanzas and the bot's log come on different ways; either may be ahead by some milliseconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from demo.eyes import Gone, Presence, Said, Seen
from demo.screen import Screen
from demo.story import Deed, tell

_PATIENCE = 1.0  # seconds; what waits longer is shown out of order


class Narrator:
    """Told of what the room shows and of what the bot logs; shows both on ``screen``, and remembers the log."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._shown: set[str] = set()  # archive ids of messages on the screen
        self._told: set[str] = set()  # archive ids of messages for which a deed is on the screen
        self._held: dict[tuple[str, str], list[Callable[[], None]]] = {}
        self.log: list[dict[str, object]] = []

    def room(self, seen: Seen) -> None:
        """What somebody in the room sees."""
        if isinstance(seen, Said):
            self._screen.message(seen)
            self._shown.add(seen.archive_id)
            self._release(("message", seen.archive_id))
        elif isinstance(seen, Presence):
            self._screen.presence(seen)
        else:
            self._gone(seen)

    def bot(self, line: dict[str, object]) -> None:
        """A line of the bot's log."""
        self.log.append(line)
        deed = tell(line)
        if deed is None:
            return
        about = str(line.get("stanza_id") or "")
        if about and about not in self._shown:
            self._hold(("message", about), lambda: self._deed(deed, about))
        else:
            self._deed(deed, about)

    def logged(self, event: str, since: int = 0) -> list[dict[str, object]]:
        """The log's lines of this event, from ``log[since]`` on."""
        return [line for line in self.log[since:] if line.get("event") == event]

    def _deed(self, deed: Deed, about: str) -> None:
        self._screen.deed(deed)
        if about:
            self._told.add(about)
            self._release(("deed", about))

    def _gone(self, gone: Gone) -> None:
        if gone.archive_id in self._told:
            self._screen.gone(gone)
        else:
            self._hold(("deed", gone.archive_id), lambda: self._screen.gone(gone))

    def _hold(self, until: tuple[str, str], show: Callable[[], None]) -> None:
        self._held.setdefault(until, []).append(show)
        asyncio.get_running_loop().call_later(_PATIENCE, self._release, until)

    def _release(self, until: tuple[str, str]) -> None:
        for show in self._held.pop(until, []):
            show()
