"""Sessions of ad-hoc commands (XEP-0050 §3.3): whose they are, and when they end."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from botkit.errors import Forbidden, StanzaError
from botkit.model.address import Address
from botkit.model.forms import Form
from botkit.ports import Clock

COMMANDS = "http://jabber.org/protocol/commands"
LIFETIME = 600.0  # seconds since the last stage
PER_REQUESTER = 8
IN_ALL = 512


@dataclass(slots=True)
class Session:
    """One execution of a command. ``form`` is what was last shown, ``actions`` what it allowed, ``default`` what
    "execute" meant there. ``values`` and ``step`` belong to hand-written commands."""

    id: str
    node: str
    requester: Address
    person: str
    until: float
    form: Form | None = None
    actions: tuple[str, ...] = ()
    default: str | None = None
    step: int = 0
    values: dict[str, Any] = field(default_factory=dict)
    busy: bool = False


class Sessions:
    """The open sessions of one account. Bounded: the oldest of a requester, then of all, gives way."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: OrderedDict[str, Session] = OrderedDict()
        self._ended: OrderedDict[str, Address] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    def begin(self, node: str, requester: Address, person: str) -> Session:
        """A new session; its id can't be guessed."""
        self._sweep()
        own = [s for s in self._open.values() if s.requester == requester]
        for old in own[: max(0, len(own) - PER_REQUESTER + 1)]:
            self.end(old)
        while len(self._open) >= IN_ALL:
            self.end(next(iter(self._open.values())))
        until = self._clock.monotonic() + LIFETIME
        session = Session(secrets.token_urlsafe(18), node, requester, person, until)
        self._open[session.id] = session
        return session

    def find(self, session_id: str, node: str, requester: Address, person: str) -> Session:
        """The session that ``requester`` goes on with. Raises ``StanzaError`` as XEP-0050 §4.4 says.

        Bound to the full JID and the node; ``person`` keeps whoever takes over an occupant's JID out of it.
        """
        self._sweep()
        session = self._open.get(session_id)
        if session is None:
            if self._ended.get(session_id) == requester:
                raise Forbidden(
                    "not-allowed", "cancel", "this session has ended", application=f"{{{COMMANDS}}}session-expired"
                )
            raise bad_request("bad-sessionid", "there is no such session")
        if session.requester != requester or session.node != node or session.person != person:
            raise bad_request("bad-sessionid", "there is no such session")
        session.until = self._clock.monotonic() + LIFETIME
        self._open.move_to_end(session_id)
        return session

    def end(self, session: Session) -> None:
        """Close it; its id is not used again (§3.3)."""
        if self._open.pop(session.id, None) is not None:
            self._ended[session.id] = session.requester
            if len(self._ended) > 2 * IN_ALL:
                self._ended.popitem(last=False)

    def _sweep(self) -> None:
        now = self._clock.monotonic()
        while self._open and (oldest := next(iter(self._open.values()))).until <= now:
            self.end(oldest)


def bad_request(condition: str, text: str) -> StanzaError:
    """``bad-request`` with a condition of XEP-0050 §4.4."""
    return StanzaError("bad-request", "modify", text, application=f"{{{COMMANDS}}}{condition}")
