"""What somebody sees who sits in the room with an ordinary client: nothing here comes from the bot."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from tests.server.clients import Client
from tests.server.wire import CLIENT, MUC_USER, SID, body, is_message, is_presence, status_codes, text_of

_FASTEN = "{urn:xmpp:fasten:0}"
_MODERATE = "{urn:xmpp:message-moderate:%d}moderated"
_RETRACT = "{urn:xmpp:message-retract:1}retract"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A message in the room. ``archive_id`` is the room's, ``at`` the POSIX time at which it was seen."""

    nick: str
    text: str
    archive_id: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A message that a moderator has retracted (XEP-0425)."""

    archive_id: str
    said: Said | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """Somebody's state. ``role`` is ``none`` for who has left; ``was`` is the role before, None: not there before."""

    nick: str
    role: str
    was: str | None
    codes: frozenset[str]
    reason: str


Seen = Said | Gone | Presence


@dataclass(slots=True)
class Eyes:
    """The room as ``client`` sees it, kept up by ``watch``."""

    client: Client
    room: str
    said: dict[str, Said] = field(default_factory=dict)
    gone: dict[str, Gone] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    events: list[Seen] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def watch(self, show: Callable[[Seen], None]) -> None:
        """Take in each stanza, for as long as the client is there."""
        place = 0
        while True:
            stanza = await self.client.wait_for(lambda _: True, math.inf, since=place)
            place += 1
            seen = self._seen(stanza) if stanza.get("from", "").partition("/")[0] == self.room else None
            if seen is None:
                continue
            self.events.append(seen)
            show(seen)
            self._changed.set()

    async def until(self, condition: Callable[[], object], what: str, seconds: float = 10.0) -> None:
        """Wait until ``condition`` holds of what was seen. Raises ``TimeoutError``, which says ``what`` failed."""
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise TimeoutError(f"{what}: not seen within {seconds:g} s") from None

    def by(self, nick: str, since: int = 0) -> list[Said]:
        """What ``nick`` has said from ``events[since]`` on."""
        return [seen for seen in self.events[since:] if isinstance(seen, Said) and seen.nick == nick]

    def _seen(self, stanza: Element) -> Seen | None:
        nick = stanza.get("from", "").partition("/")[2]
        if is_presence(stanza):
            return self._presence(stanza, nick)
        if not is_message(stanza) or stanza.get("type") != "groupchat":
            return None
        if not nick:
            return self._retraction(stanza)
        archive_id = next((e.get("id", "") for e in stanza.iterfind(f"{SID}stanza-id") if e.get("by") == self.room), "")
        text = body(stanza)
        if text is None or not archive_id:
            return None
        return self.said.setdefault(archive_id, _said(nick, text, archive_id))

    def _retraction(self, stanza: Element) -> Gone | None:
        """XEP-0425 §4 in either version; servers that speak both send both in one message."""
        for version, announcement in ((1, stanza.find(_RETRACT)), (0, stanza.find(f"{_FASTEN}apply-to"))):
            moderated = announcement.find(_MODERATE % version) if announcement is not None else None
            if announcement is None or moderated is None:
                continue
            archive_id = announcement.get("id", "")
            if archive_id in self.gone:
                return None
            name = f"{{urn:xmpp:message-moderate:{version}}}reason"
            reason = text_of(announcement.find(name)) or text_of(moderated.find(name))
            self.gone[archive_id] = Gone(archive_id=archive_id, said=self.said.get(archive_id), reason=reason)
            return self.gone[archive_id]
        return None

    def _presence(self, stanza: Element, nick: str) -> Presence | None:
        if stanza.get("type") == "error" or not nick:
            return None
        item = stanza.find(f"{MUC_USER}x/{MUC_USER}item")
        role = "none" if stanza.get("type") == "unavailable" or item is None else item.get("role", "none")
        was = self.roles.get(nick)
        self.roles[nick] = role
        reason = text_of(item.find(f"{MUC_USER}reason")) if item is not None else ""
        codes = frozenset(status_codes(stanza))
        before = None if was == "none" else was
        return Presence(nick=nick, role=role, was=before, codes=codes, reason=reason or _status(stanza))


def _said(nick: str, text: str, archive_id: str) -> Said:
    return Said(nick=nick, text=text, archive_id=archive_id, at=time.time())


def _status(stanza: Element) -> str:
    return text_of(stanza.find(f"{CLIENT}status"))
