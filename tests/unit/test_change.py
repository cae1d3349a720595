"""From one config to another: what is done at once, and what takes a restart; and the deadlines of the way down."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from botkit.change import compare
from botkit.errors import ConfigError, StoreError
from botkit.loading import load, load_all
from botkit.shutdown import WayDown
from botkit.testing.fakes import FakeLog

CONFIG = """
[account]
jid = "bot@example.org"
password = "secret"
[[rooms]]
jid = "one@rooms.example.org"
nick = "bot"
[[rooms]]
jid = "two@rooms.example.org"
[modules.dice]
use = "bots.dice"
[storage]
path = "bot.db"
"""


def changed(folder: Path, *replacements: tuple[str, str], more: str = "") -> tuple[str, ...]:
    path = folder / "bot.toml"
    path.write_text(CONFIG)
    before = load(path)
    text = CONFIG + more
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    return compare(before, load(path)).told


def test_the_same_file_changes_nothing(tmp_path: Path) -> None:
    assert changed(tmp_path) == ("nothing has changed",)


def test_rooms_come_go_and_change(tmp_path: Path) -> None:
    told = changed(tmp_path, ("two@", "three@"), ('nick = "bot"', 'nick = "other"'))
    assert told == (
        "room three@rooms.example.org: new",
        "room two@rooms.example.org: no more",
        "room one@rooms.example.org: changed",
    )


def test_modules_come_go_and_change(tmp_path: Path) -> None:
    assert changed(tmp_path, ("modules.dice", "modules.other")) == ("module other: new", "module dice: no more")
    only = '[modules.dice]\nonly_in = ["one@rooms.example.org"]'
    assert changed(tmp_path, ("[modules.dice]", only)) == ("module dice: other settings",)


def test_what_takes_a_restart_is_named_and_the_rest_is_done(tmp_path: Path) -> None:
    path = tmp_path / "bot.toml"
    path.write_text(CONFIG)
    before = load(path)
    text = CONFIG.replace("bot.db", "other.db").replace('"secret"', '"other"')
    path.write_text(
        text + '[access]\nadmins = ["boss@example.org"]\n[runtime]\nhealth_file = "h"\nhandler_timeout = "9s"\n'
    )
    change = compare(before, load(path))
    assert change.told == (
        "access.admins: changed",
        "runtime.handler_timeout: changed",
        "account.password: needs a restart",
        "storage.path: needs a restart",
        "runtime.health_file: needs a restart",
    )
    config = change.after.config
    assert config.storage == before.config.storage
    assert config.runtime.health_file is None
    assert config.runtime.handler_timeout.total_seconds() == 9
    assert [str(one) for one in config.access.admins] == ["boss@example.org"]


def test_files_that_would_fight_are_refused_with_both_names(tmp_path: Path) -> None:
    for number, own in enumerate(('resource = "a"', 'resource = "b"')):
        text = CONFIG.replace("[[rooms]]", f"{own}\n[[rooms]]", 1) + '[runtime]\nhealth_file = "h"\n'
        (tmp_path / f"{number}.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_all([tmp_path / "0.toml", tmp_path / "1.toml"])
    assert len(caught.value.mistakes) == 2
    assert all("0.toml" in one and "1.toml" in one for one in caught.value.mistakes)
    assert "same account and the same database" in caught.value.mistakes[0]
    assert "same health file" in caught.value.mistakes[1]


def test_passwords_that_are_not_there_are_all_told_with_their_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_SUCH_PASSWORD", raising=False)
    text = CONFIG.replace('"secret"', '{ env = "NO_SUCH_PASSWORD" }')
    (tmp_path / "bot.toml").write_text(text.replace('nick = "bot"', 'password = { file = "none" }'))
    with pytest.raises(ConfigError) as caught:
        load_all([tmp_path / "bot.toml"])
    first, second = caught.value.mistakes
    assert "bot.toml:4: account.password" in first
    assert "NO_SUCH_PASSWORD is not set" in first
    assert "bot.toml:7: rooms[0].password" in second
    (tmp_path / "bot.toml").write_text(CONFIG.replace('"secret"', '{ command = ["no-such-program"] }'))
    load_all([tmp_path / "bot.toml"])  # a command is run at the login only


async def test_each_step_down_has_its_share_and_a_late_one_is_told() -> None:
    log = FakeLog()
    down = WayDown(log)
    down.begin(0.4)
    began = asyncio.get_running_loop().time()
    assert not await down.step(0.5, asyncio.sleep(5), "one is late")
    assert not await down.step(1.0, asyncio.sleep(5), "two is late")
    assert not await down.step(1.0, _failing(), "three failed")
    assert await down.step(1.0, _quick(), "never told")
    assert 0.3 < asyncio.get_running_loop().time() - began < 2
    assert [event for _, event, _ in log.lines] == ["one is late", "two is late", "three failed"]


async def test_in_a_hurry_nothing_is_waited_for() -> None:
    down = WayDown(FakeLog())
    down.begin(60)
    asyncio.get_running_loop().call_later(0.02, down.hurry)
    async with asyncio.timeout(2):
        assert not await down.step(0.5, asyncio.sleep(30), "late")
        assert not await down.step(1.0, asyncio.sleep(30), "late, too")


async def _failing() -> None:
    raise StoreError("the disk is full")


async def _quick() -> None:
    return None
