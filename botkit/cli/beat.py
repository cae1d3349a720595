"""``botkit health``: what the heartbeat file says."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console

import botkit.health as health
from botkit.clock import SystemClock
from botkit.config.load import load_config
from botkit.errors import ConfigError, StoreError


def show_health(config: Path, console: Console, *, as_json: bool) -> int:
    """Print it, and return 0 for a bot that is well, else 1. Raises ``ConfigError`` where no file is configured."""
    path = load_config(config).runtime.health_file
    if path is None:
        raise ConfigError(f"{config}: runtime.health_file is not set; set it to a path the bot can write")
    now = SystemClock().now()
    try:
        found = health.read(path, now)
    except StoreError as problem:  # no file is a finding, not a fault of ours: no bot has written one
        found = health.Health(at=now, problems=(str(problem),), rooms=())
    if as_json:
        rooms = [{"jid": jid, "state": state, "reason": reason} for jid, state, reason in found.rooms]
        body = {"well": not found.problems, "at": found.at.isoformat(), "problems": found.problems, "rooms": rooms}
        console.print_json(json.dumps(body))
    elif found.problems:
        for line in found.problems:
            console.print(line, style="red", markup=False, highlight=False, soft_wrap=True)
    else:
        console.print(f"well: connected, {len(found.rooms)} rooms", style="green", highlight=False)
    return 1 if found.problems else 0
