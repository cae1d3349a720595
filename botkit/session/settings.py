"""What a connection is made of, and what it counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from botkit.model.address import Address
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
    """Stanzas since the start: in, out, and acknowledged by the server (XEP-0198); and those on their way now."""

    received: int
    sent: int
    acked: int
    waiting: int
    unacked: int
