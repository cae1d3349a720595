"""At most once: whoever sends a command twice with one id, as clients do after a lost connection, has it run once.

The claim is on the disk before anything is done. So a command that was interrupted, by ``kill -9`` too, is not
begun again: what is lost is one answer, and whoever asked can ask again; what was done twice could not be undone.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import blake2b

from botkit.errors import StoreError
from botkit.model.events import DirectMessage, Event, OccupantEvent
from botkit.model.rooms import Occupant
from botkit.ports import Claims, Clock
from botkit.routing.context import Logger

KEPT = timedelta(days=30)
"""How long it is remembered that a command was run. A client sends again what it is unsure of within hours."""

_SWEEP_EVERY = 256
_LATE = timedelta(seconds=30)
_SLACK = timedelta(minutes=1)


class Once:
    """Says of each command whether it is the first time. ``claims`` None: nothing is remembered, all are."""

    def __init__(self, claims: Claims | None, clock: Clock, log: Logger) -> None:
        self._claims = claims
        self._clock = clock
        self._log = log
        self._until_sweep = 0
        self.repeated = 0

    async def begin(self, event: Event) -> bool:
        """May the command in ``event`` be run? Then it counts as run from now on. Raises ``StoreError``: it may not."""
        if self._claims is None:
            return True
        now = self._clock.now()
        keys = keys_of(event)
        if keys:
            first = await self._claims.claim(keys, now, since=now - KEPT)
        else:
            first = await self._claims.claim(_keys_of_words(event), now, since=_since_said(event, now))
        if not first:
            self.repeated += 1
            self._log.info("a command came again and is not run again", author=_whom(event))
        await self._sweep(now)
        return first

    async def _sweep(self, now: datetime) -> None:
        self._until_sweep -= 1
        if self._until_sweep < 0 and self._claims is not None:
            self._until_sweep = _SWEEP_EVERY
            try:
                await self._claims.expire(now - KEPT)
            except StoreError as problem:
                self._log.warning("old claims were not forgotten", reason=str(problem))


def keys_of(event: Event) -> tuple[bytes, ...]:
    """One key for each way in which the same command could be known again; () where it has no id at all.

    The words belong to the key: RFC 6120 §8.1.3 lets a client count its ids anew on each stream.
    """
    ids = {kind: getattr(event, kind, None) for kind in ("message_id", "origin_id")}
    named = {str(value) for value in ids.values() if value}
    if not named:
        archive_id = getattr(event, "archive_id", None)
        return (digest(*_place(event), "archive", archive_id),) if archive_id else ()
    return tuple(digest(*_place(event), who, name, _words(event)) for who in _people(event) for name in sorted(named))


def digest(*parts: str) -> bytes:
    """A key that tells nothing of its parts."""
    total = blake2b(digest_size=16)
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        total.update(len(raw).to_bytes(8) + raw)
    return total.digest()


def _place(event: Event) -> tuple[str, str]:
    room = getattr(event, "room", None)
    return type(event).__name__, str(room or "")


def _people(event: Event) -> tuple[str, ...]:
    """Everything that says who it was: the room may show more of somebody, or less, when it comes again.

    A nick counts only where nothing else is known: as no key of its own, but with the id and the words.
    """
    if isinstance(event, OccupantEvent):
        author: Occupant = event.author
        known = []
        if author.real is not None:
            known.append(f"jid:{author.real.bare}")
        if author.occupant_id is not None:
            known.append(f"occupant:{author.occupant_id}")
        return tuple(known) or (f"nick:{author.nick}",)
    sender = event.sender.bare if isinstance(event, DirectMessage) else ""
    return (f"jid:{sender}",)


def _words(event: Event) -> str:
    return str(getattr(event, "body", ""))


def _keys_of_words(event: Event) -> tuple[bytes, ...]:
    return tuple(digest(*_place(event), who, _words(event)) for who in _people(event))


def _since_said(event: Event, now: datetime) -> datetime:
    """Without an id the same words are another command, unless the server held them back (XEP-0203) and they were
    said before they were run already: a stream that died had not confirmed them, so they come on the next one."""
    return event.at - _SLACK if event.at < now - _LATE else now + _SLACK


def _whom(event: Event) -> str:
    author = getattr(event, "author", None)
    return author.nick if isinstance(author, Occupant) else str(getattr(event, "sender", ""))
