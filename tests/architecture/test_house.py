"""The house rules that a machine can keep; the imports' direction is kept by import-linter (``make check``)."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import botkit

ROOT = Path(__file__).parents[2]
LINES_OF_A_FILE = 400
NAMES_OF_THE_FRONT_DOOR = 30

# Written so that this file does not match itself.
MACHINE_PATHS = re.compile(r"(?<![\w.$}/-])/(?:work|root|tmp)/\w")
REGISTRIES = re.compile(
    r"(?:pypi|pythonhosted)\.(?:org|io)|(?:deb|security|ports)\.(?:debian|ubuntu)\.(?:org|com)"
    r"|archive\.(?:debian|ubuntu)\.(?:org|com)|(?:docker|ghcr|quay)\.io"
)


def committed() -> list[Path]:
    """Every file under version control."""
    # In CI the clone may belong to another user than the one who tests.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=True).stdout
    return [ROOT / name for name in listing.split("\0") if name and (ROOT / name).is_file()]


def lines_that_match(pattern: re.Pattern[str]) -> list[str]:
    found = []
    for path in committed():
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if pattern.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    return found


def test_no_committed_file_names_a_path_of_somebodys_machine() -> None:
    assert lines_that_match(MACHINE_PATHS) == []


def test_no_committed_file_names_a_package_registry() -> None:
    assert lines_that_match(REGISTRIES) == []


def test_files_stay_small() -> None:
    files = [*(ROOT / "botkit").rglob("*.py"), *(ROOT / "bots").rglob("*.py")]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files}
    assert {name: length for name, length in lengths.items() if length > LINES_OF_A_FILE} == {}


def test_front_door_is_small_and_true() -> None:
    names = botkit.__all__
    assert 0 < len(names) <= NAMES_OF_THE_FRONT_DOOR
    assert [name for name in names if not hasattr(botkit, name)] == []


def test_front_door_holds_no_code_but_what_opens_it() -> None:
    face = ast.parse((ROOT / "botkit/face.py").read_text())
    allowed = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.Expr)
    assert [type(node).__name__ for node in face.body if not isinstance(node, allowed)] == []
    door = ast.parse((ROOT / "botkit/__init__.py").read_text())
    assert [node.name for node in ast.walk(door) if isinstance(node, ast.FunctionDef)] == ["__getattr__"]


def test_every_room_of_the_house_has_its_layer() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    named = {name.strip("() ") for layer in layers for name in layer.split("|")}
    files = {path.stem for path in (ROOT / "botkit").glob("*.py") if path.stem != "__init__"}
    rooms = {path.parent.name for path in (ROOT / "botkit").glob("*/__init__.py")}
    assert files | rooms <= named
