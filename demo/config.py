"""The demo's config: the bot reads a copy of ``config/demo.toml`` that also says where the private server is."""

from __future__ import annotations

import json
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "config" / "demo.toml"
ROOM = "lobby@rooms.localhost"
BOT = "keeper@localhost"
NICK = "keeper"
NOTICE = "A full minute has gone by: time to be kind to each other."


def write_config(folder: Path, host: str, port: int, ca_file: Path) -> Path:
    """Write the copy into ``folder``, where the bot's database then is, too; returns its path."""
    where = f"host = {json.dumps(host)}\nport = {port}\nca_file = {json.dumps(str(ca_file))}\n"
    before, table, after = SOURCE.read_text(encoding="utf-8").partition("[account]\n")
    path = folder / "demo.toml"
    path.write_text(before + table + where + after, encoding="utf-8")
    return path
