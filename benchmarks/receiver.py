"""``python -m benchmarks.receiver NAME``: one receiver of the benches in a process of its own; JSON orders in argv."""

from __future__ import annotations

import importlib
import json
import logging
import sys
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.child import Control

RECEIVERS = {
    "slixmpp": "benchmarks.peer_slixmpp",
    "slixmpp-uvloop": "benchmarks.peer_slixmpp",
    "aioxmpp": "benchmarks.peer_aioxmpp",
    "botkit-decode": "benchmarks.ours_decode",
    "botkit": "benchmarks.ours_pipeline",
    "botkit-keeper": "benchmarks.ours_pipeline",
}
"""Every receiver and the module whose ``run(orders, control)`` it is."""
_OTHERS = {
    "moderator-slixmpp": "benchmarks.moderator_slixmpp",
    "raw": "benchmarks.joiners",
    "raw-asking": "benchmarks.joiners",
    "joins-slixmpp": "benchmarks.joiners",
    "joins-aioxmpp": "benchmarks.joiners",
    "joins-botkit": "benchmarks.joiners",
    "archive-raw": "benchmarks.archive_readers",
    "archive-slixmpp": "benchmarks.archive_readers",
    "archive-botkit": "benchmarks.archive_readers",
    "archive-botkit-keeper": "benchmarks.archive_readers",
}
"""Those with another job than to listen."""
STORING = frozenset({"botkit", "botkit-keeper"})
"""Those that keep every message, in a database in their folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """Where to connect, as whom, and the room to join. ``folder`` is the receiver's own."""

    name: str
    host: str
    port: int
    domain: str
    ca_file: str
    account: str
    password: str
    room: str
    folder: str
    profile: str | None = None
    rooms: list[str] = field(default_factory=list)
    """More rooms to join than ``room``."""
    settings: str = ""
    """More TOML for a bot of ours."""
    keeper: str = ""
    """TOML in place of the keeper's usual settings."""
    cursor: list[str] = field(default_factory=list)
    """Up to where an archive is read already: id and time."""

    @property
    def all_rooms(self) -> list[str]:
        """Every room to join."""
        return [self.room, *self.rooms]

    @property
    def tls_port(self) -> int:
        """The port again, for ``Talker.connect``."""
        return self.port

    @property
    def jid(self) -> str:
        """The bare JID."""
        return f"{self.account}@{self.domain}"

    @property
    def uses_uvloop(self) -> bool:
        """Whether a peer is to run on uvloop instead of asyncio's own loop."""
        return self.name.endswith("-uvloop")


def main() -> None:
    """Run the receiver that the orders name until the bench says stop."""
    control = Control()
    orders = Orders(**json.loads(sys.argv[1]))
    logging.basicConfig(level=logging.WARNING)
    module = importlib.import_module((RECEIVERS | _OTHERS)[orders.name])
    if orders.profile is None:
        module.run(orders, control)
        return
    import cProfile

    profile = cProfile.Profile()
    try:
        profile.runcall(module.run, orders, control)
    finally:
        Path(orders.profile).parent.mkdir(parents=True, exist_ok=True)
        profile.dump_stats(orders.profile)


if __name__ == "__main__":
    main()
