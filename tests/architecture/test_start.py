"""A command that needs no engine loads none: help is quick, and a health check runs twice a minute in a container."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

# pydantic is missing here on purpose: typer itself imports it.
HEAVY = {
    "aioxmpp", "aiosqlite", "sqlite3", "apscheduler", "aiohttp", "slixmpp", "OpenSSL", "cryptography", "dns", "lxml",
    "structlog", "uvloop", "asyncio",
}  # fmt: skip
OURS = {"botkit.face", "botkit.app", "botkit.routing", "botkit.session", "botkit.storage", "botkit.services"}


def imported(*arguments: str) -> set[str]:
    command = [sys.executable, "-X", "importtime", "-m", "botkit", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return set(re.findall(r"^import time:.*\|\s+(\S+)$", done.stderr, re.MULTILINE))


@pytest.mark.parametrize("arguments", [["--help"], ["version"], ["run", "--help"]], ids=" ".join)
def test_what_needs_no_engine_loads_none(arguments: list[str]) -> None:
    modules = imported(*arguments)
    assert "botkit.cli" in modules
    assert {name.partition(".")[0] for name in modules} & HEAVY == set()
    assert modules & (OURS | {"botkit.config"}) == set()


def test_health_check_reads_the_config_and_nothing_else(tmp_path: Path) -> None:
    config = tmp_path / "bot.toml"
    config.write_text('[account]\njid = "a@b"\npassword = { env = "P" }\n[runtime]\nhealth_file = "beat"\n')
    modules = imported("health", str(config))
    assert "botkit.config.load" in modules
    assert {name.partition(".")[0] for name in modules} & HEAVY == set()
    assert modules & OURS == set()
