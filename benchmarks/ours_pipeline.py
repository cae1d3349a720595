"""botkit's whole receive path, as ``botkit run`` has it: an ``App`` from a config file; with the keeper or without.

Its modules are the counting bot and, for ``botkit-keeper``, ``bots.keeper`` before it, with rules that look at every
message and find nothing. Everything else is as the config leaves it: each message is stored, each may be a command.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from benchmarks.child import Control
from benchmarks.receiver import Orders
from botkit import logs, process
from botkit.app import App
from botkit.loading import load
from botkit.model.address import Address
from botkit.routing.middleware import add_event_fields

_CONFIG = """\
[account]
jid = {jid}
password = {{ file = "password" }}
host = {host}
port = {port}
tls = "direct"
ca_file = {ca_file}

[storage]
path = "botkit.db"

[log]
level = "warning"

{rooms}
{settings}
{keeper}
[modules.counting]
use = "benchmarks.counting_bot"
"""
_ROOM = """\
[[rooms]]
jid = {jid}
nick = {nick}
"""
# Talkers say in a second what people say in an hour; the rules are to look at all and find nothing.
_KEEPER = """\
[modules.keeper]
use = "bots.keeper"
"""
_RULES = """\
dry_run = true
words = ["viagra", "casino*", "free money", "crypto giveaway", "buy followers"]
deny_links = ["spam.example", "phish.example"]
allow_links = ["example.org", "example.com", "example.net"]
flood_messages = 60
flood_seconds = 0.001
duplicate_times = 60
"""


def run(orders: Orders, control: Control) -> None:
    """Join the room and count until told to stop."""
    loaded = load(write_config(orders))
    logs.configure(loaded.config.log.level, loaded.config.log.format, processors=(add_event_fields,))
    process.run(_main(App(loaded), orders, control))


async def _main(app: App, orders: Orders, control: Control) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(app.run())
        async with asyncio.timeout(20 + 0.2 * len(orders.rooms)):
            # Caught up, the cursor moves with every message, as it does in a bot that runs.
            rooms = [Address.parse(room) for room in orders.all_rooms]
            while not (hasattr(app, "history") and all(map(app.history.caught_up, rooms))):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        loop = asyncio.get_running_loop()
        control.ready(lambda: loop.call_soon_threadsafe(app.stop))


def write_config(orders: Orders) -> Path:
    """The bot's config file, in its folder."""
    folder = Path(orders.folder)
    (folder / "password").write_text(orders.password)
    (folder / "password").chmod(0o600)
    # Strings in JSON without what TOML has no word for are strings in TOML.
    values = {"jid": orders.jid, "host": orders.host, "ca_file": orders.ca_file}
    nick = json.dumps(orders.account)
    rooms = "".join(_ROOM.format(jid=json.dumps(room), nick=nick) for room in orders.all_rooms)
    keeper = _KEEPER + (orders.keeper or _RULES) if orders.name.endswith("botkit-keeper") else ""
    path = folder / "bot.toml"
    path.write_text(
        _CONFIG.format(
            **{key: json.dumps(value) for key, value in values.items()},
            port=orders.port,
            rooms=rooms,
            settings=orders.settings,
            keeper=keeper,
        )
    )
    return path
