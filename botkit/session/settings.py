"""What a connection is made of, and what it counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from botkit.model.address import Address
from botkit.model.events import Event, StreamEstablished, StreamLost
from botkit.session.parser import StreamLimits
from botkit.session.resolve import Tls


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSettings:
    """What a connection is made of. Times are seconds.

    Without a resource in ``address`` a random one is taken and kept. ``host`` switches SRV off; ``port`` then defaults
    to 5222, or 5223 for direct TLS. ``ca_file`` replaces the system's store of CAs. A server that is silent for
    ``keepalive`` is asked for a sign of life and given up ``keepalive_timeout`` later.
    """

    address: Address
    password: Callable[[], str] = field(repr=False)  # asked at each login, in a thread
    host: str | None = None
    port: int | None = None
    tls: Tls = "auto"
    ca_file: Path | None = None
    allow_plain: bool = False
    connect_timeout: float = 30.0
    request_timeout: float = 30.0
    keepalive: float = 30.0
    keepalive_timeout: float = 30.0
    close_timeout: float = 4.0  # twice at most: once to flush, once to end the stream
    backoff_first: float = 1.0
    backoff_cap: float = 60.0
    most_queued: int = 2000  # stanzas not yet written or not yet acknowledged; past it sending fails
    limits: StreamLimits = field(default_factory=StreamLimits)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamCounters:
    """Stanzas since the start: in, out, and acknowledged by the server (XEP-0198); and those on their way now.

    The others count how many of ``received`` and ``sent`` were no messages, and bytes: of all that was read from
    streams, inside of TLS; of the stanzas of ours that were written.
    """

    received: int
    sent: int
    acked: int
    waiting: int
    unacked: int
    received_presences: int = 0
    received_iqs: int = 0
    sent_presences: int = 0
    sent_iqs: int = 0
    bytes_received: int = 0
    bytes_sent: int = 0


@dataclass(slots=True)
class Traffic:
    """Plain counters, for ``StreamCounters``; the streams of one connection add to them."""

    received_presences: int = 0
    received_iqs: int = 0
    bytes_received: int = 0


@dataclass(slots=True)
class Standing:
    """Whether we are connected, since when, and why not; ``retry_at``: when that is tried next. None: not known yet.

    ``sessions`` were begun; ``resumptions``: how often one went on over a new connection (XEP-0198 §5).
    """

    connected: bool = False
    since: datetime | None = None
    reason: str | None = None
    retry_at: datetime | None = None
    sessions: int = 0
    resumptions: int = 0

    @property
    def reconnects(self) -> int:
        """Connections made after the first."""
        return max(0, self.sessions - 1) + self.resumptions

    def note(self, event: Event) -> None:
        """What the connection tells the world."""
        if isinstance(event, StreamEstablished):
            self.sessions += not event.resumed
            self.resumptions += event.resumed
            self.connected, self.since, self.reason, self.retry_at = True, event.at, None, None
        elif isinstance(event, StreamLost):
            if self.connected or self.since is None:
                self.since = event.at
            self.connected, self.reason = False, event.reason
            wait = event.retry_in
            self.retry_at = event.at + timedelta(seconds=wait) if wait is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """How rooms are looked after, in seconds. ``silence``: after so long without a word from a room we ask it whether
    we are still in (XEP-0410 §3.2). ``features_every``: how often it is asked what it can do, besides when it changes.
    """

    silence: float = 900.0
    features_every: float = 6 * 3600.0
