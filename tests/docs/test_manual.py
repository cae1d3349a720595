"""The manual as a whole: nothing leads nowhere, and nothing of the program is left out."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import typer
from pydantic import BaseModel

from botkit.cli import app
from botkit.cli.codes import _CODES
from botkit.config.hooks import HookConfig
from botkit.config.schema import AccountConfig, Config, ModuleConfig, RoomConfig
from botkit.protocol import namespaces
from bots.herald_settings import HeraldConfig, Notice, Reminders
from bots.herald_sources import Calendar, Feed
from bots.keeper import router as keeper
from bots.keeper_settings import KeeperConfig
from tests.docs.pages import PAGES, ROOT, anchors_of, links_of

DOCS = ROOT / "docs"
TABLES = {"account": AccountConfig, "rooms": RoomConfig, "modules": ModuleConfig, "hooks": HookConfig}


def table_rows(page: Path, heading: str) -> dict[str, list[str]]:
    """The first table under ``heading``: first cell (without backticks) to the others."""
    _, _, rest = page.read_text(encoding="utf-8").partition(f"\n{heading}\n")
    section = re.split(r"^#", rest, maxsplit=1, flags=re.MULTILINE)[0]
    rows = [line.strip().strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return {row[0].strip().strip("`"): [cell.strip() for cell in row[1:]] for row in rows[2:]}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    lost = []
    for link in links_of(page):
        if re.match(r"https?://|xmpp:|mailto:", link):
            continue
        target, _, anchor = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        if not path.exists() or (anchor and anchor not in anchors_of(path)):
            lost.append(link)
    assert lost == []


def test_every_page_of_the_manual_is_linked_from_the_readme() -> None:
    linked = {link.partition("#")[0] for link in links_of(ROOT / "README.md")}
    assert [p.name for p in DOCS.glob("*.md") if f"docs/{p.name}" not in linked] == []


@pytest.mark.parametrize("table", Config.model_fields)
def test_every_key_of_the_config_is_in_the_manual(table: str) -> None:
    model = TABLES.get(table) or Config.model_fields[table].annotation
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    headings = {"rooms": "## [[rooms]]", "modules": "## [modules.NAME]", "hooks": "## [hooks.NAME]"}
    shown = table_rows(DOCS / "config.md", headings.get(table, f"## [{table}]"))
    assert list(shown) == list(model.model_fields)


@pytest.mark.parametrize(
    ("page", "heading", "model"),
    [
        ("keeper.md", "## Settings", KeeperConfig),
        ("notifications.md", "## Settings of a notice", Notice),
        ("notifications.md", "### Settings of a feed", Feed),
        ("notifications.md", "### Settings of a calendar", Calendar),
        ("notifications.md", "### Settings of reminders", Reminders),
    ],
)
def test_every_setting_of_a_bot_is_in_the_manual(page: str, heading: str, model: type[BaseModel]) -> None:
    shown = {name for cell in table_rows(DOCS / page, heading) for name in re.findall(r"\w+", cell)}
    assert shown == set(model.model_fields)


def test_the_herald_has_no_settings_but_those_of_its_parts() -> None:
    assert set(HeraldConfig.model_fields) == {"notices", "feeds", "calendars", "rotas", "birthdays", "reminders"}


def test_every_command_of_the_keeper_is_in_the_manual() -> None:
    shown = {cell.partition(" ")[0] for cell in table_rows(DOCS / "keeper.md", "## Commands")}
    assert shown == {f"!{spec.names[0]}" for router in keeper.walk() for spec in router.commands}


def test_every_exit_code_is_in_the_manual() -> None:
    shown = set(table_rows(DOCS / "operation.md", "## Exit codes"))
    assert shown == {"0", "1", "2", *(str(code) for _, code in _CODES)}


def test_every_subcommand_is_in_the_manual() -> None:
    group = typer.main.get_command(app)
    shown = {cell.split()[1] for cell in table_rows(DOCS / "operation.md", "## Commands")}
    assert shown == set(getattr(group, "commands", {}))


def test_every_xep_that_the_manual_claims_is_named_in_the_code() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "botkit").rglob("*.py"))
    claimed = [cell for cell in table_rows(DOCS / "protocol.md", "## Specifications") if cell.startswith("XEP-")]
    assert claimed
    assert [xep for xep in claimed if xep not in code] == []


def test_every_specification_that_has_a_namespace_here_is_in_the_manual() -> None:
    source = Path(namespaces.__file__).read_text(encoding="utf-8")
    page = (DOCS / "protocol.md").read_text(encoding="utf-8")
    assert sorted(xep for xep in set(re.findall(r"XEP-\d{4}", source)) if xep not in page) == []


def test_every_file_that_the_architecture_names_is_there() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:botkit|bots|tests|tools|docs|config|benchmarks|requirements)/[\w./-]*)`", text))
    # Folders of generated files and of other people's machines are nobody's to check.
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    ).stdout.splitlines()
    there = {*listing, *(f"{parent}/" for name in listing for parent in Path(name).parents)}
    assert named
    assert sorted(name for name in named if name not in there and name.rstrip("/") + "/" not in there) == []
