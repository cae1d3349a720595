"""What `botkit check` and `botkit schema` print."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from botkit.cli.check import CONFIG_WRONG, check, schema
from botkit.errors import ConfigError

CONFIGS = sorted((Path(__file__).parents[3] / "config").glob("*.toml"))


def printed(path: Path, *, terminal: bool = False, as_json: bool = False) -> tuple[int, str]:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=100, color_system=None)
    code = check(path, console, as_json=as_json)
    assert isinstance(console.file, io.StringIO)
    return code, console.file.getvalue()


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_shipped_config_is_good(path: Path) -> None:
    code, text = printed(path)
    assert code == 0, text
    assert text.endswith("good\n")


def test_there_is_a_config_for_each_bot_people_deploy() -> None:
    assert {"keeper.toml", "herald.toml", "echo.toml"} <= {path.name for path in CONFIGS}


def test_people_programs_and_pipes_are_told_the_same() -> None:
    path = next(path for path in CONFIGS if path.name == "keeper.toml")
    for terminal in (True, False):
        code, text = printed(path, terminal=terminal)
        assert code == 0
        assert "keeper@example.org" in text
        assert "lobby@rooms.example.org" in text
    code, text = printed(path, as_json=True)
    told = json.loads(text)
    assert told["ok"]
    assert "ban" in told["modules"][0]["commands"]


def test_mistakes_are_printed_one_a_line_and_as_json(tmp_path: Path) -> None:
    path = tmp_path / ("long-" * 20 + "name.toml")
    path.write_text('[account]\njid = "[bold]x[/bold]"\npassword = { env = "A" }\nhots = 1\n')
    code, text = printed(path)
    assert code == CONFIG_WRONG
    lines = text.splitlines()
    assert len(lines) == 3
    assert '"[bold]x[/bold]"' in lines[0]
    assert lines[2] == f"{path}: 2 mistakes"
    code, text = printed(path, as_json=True)
    assert code == CONFIG_WRONG
    told = json.loads(text)
    assert [(m["line"], m["key"]) for m in told["mistakes"]] == [(2, "account.jid"), (4, "account.hots")]


def document(*modules: str, config: Path | None = None) -> dict[str, object]:
    console = Console(file=io.StringIO())
    assert schema(console, modules, config=config) == 0
    assert isinstance(console.file, io.StringIO)
    read: dict[str, object] = json.loads(console.file.getvalue())
    return read


def references(value: object) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def test_schema_covers_the_file_and_the_settings_of_modules() -> None:
    read = document("bots.keeper", "bots.herald")
    assert read["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    definitions = read["$defs"]
    assert isinstance(definitions, dict)
    keeper = definitions["module bots.keeper"]
    assert {"use", "only_in", "rooms", "flood_messages"} <= set(keeper["properties"])
    assert "flood_messages" in keeper["properties"]["rooms"]["additionalProperties"]["properties"]
    for reference in references(read):
        assert reference.removeprefix("#/$defs/").replace("%20", " ") in definitions, reference
    assert str(Path.cwd()) not in json.dumps(read)


def test_schema_of_a_config_covers_the_modules_in_use_there(tmp_path: Path) -> None:
    path = tmp_path / "bot.toml"
    path.write_text('[modules.e]\nuse = "bots.echo"\nwrong = 1\n')
    definitions = document(config=path)["$defs"]
    assert isinstance(definitions, dict)
    assert "module bots.echo" in definitions
    with pytest.raises(ConfigError, match="no_such: there is no module"):
        document("no_such")
