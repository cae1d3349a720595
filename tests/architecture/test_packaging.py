"""What is shipped, and how: the wheel, the locks, the image, the unit, the two commands."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))


def name_of(requirement: str) -> str:
    """The normalised project name at the start of a requirement line."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found, requirement
    return re.sub(r"[-_.]+", "-", found.group()).lower()


def locked(lock: Path) -> dict[str, str]:
    """Name to whole entry (version, hashes, comments) of each requirement in ``lock``."""
    entries = re.split(r"^(?=[a-zA-Z0-9])", lock.read_text(), flags=re.MULTILINE)
    return {name_of(entry): entry for entry in entries if entry.strip()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """The wheel that plain pip builds, from a copy so that the source stays clean."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    ignore = shutil.ignore_patterns("__pycache__")
    for package in ("botkit", "bots"):
        shutil.copytree(ROOT / package, source / package, ignore=ignore)
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source / file)
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        out,
        source,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(out.glob("botkit-*.whl"))) as archive:
        yield archive


def test_wheel_holds_every_file_of_the_packages(wheel: zipfile.ZipFile) -> None:
    files = [path for package in ("botkit", "bots") for path in (ROOT / package).rglob("*") if path.is_file()]
    expected = {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}
    assert expected <= set(wheel.namelist())
    assert "botkit/py.typed" in expected


def test_wheel_declares_command_licence_and_pythons(wheel: zipfile.ZipFile) -> None:
    def metadata(name: str) -> str:
        return wheel.read(next(path for path in wheel.namelist() if path.endswith(f".dist-info/{name}"))).decode()

    commands = configparser.ConfigParser()
    commands.read_string(metadata("entry_points.txt"))
    assert dict(commands["console_scripts"]) == {"botkit": "botkit.cli:main"}
    assert "License-Expression: MIT" in metadata("METADATA")
    assert "Requires-Python: >=3.11" in metadata("METADATA")


def test_command_and_module_are_the_same_program() -> None:
    arguments: list[list[str | Path]] = [[Path(sys.executable).parent / "botkit"], [sys.executable, "-m", "botkit"]]
    helps = [
        subprocess.run([*start, "--help"], capture_output=True, text=True, timeout=60, check=True, cwd=ROOT).stdout
        for start in arguments
    ]
    assert helps[0] == helps[1]
    assert "run" in helps[0]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_lock_is_hashed_and_names_no_address(lock: Path) -> None:
    entries = locked(lock)
    assert entries
    assert [name for name, entry in entries.items() if "--hash=sha256:" not in entry] == []
    assert [name for name, entry in entries.items() if not re.match(r"\S+==\S+", entry)] == []
    assert "://" not in lock.read_text()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_lock_covers_what_is_asked_for(lock: Path) -> None:
    lines = lock.with_suffix(".in").read_text().splitlines()
    asked = {name_of(line) for line in lines if line and not line.startswith(("#", "-r"))}
    assert asked <= locked(lock).keys()


def test_runtime_and_build_locks_agree_with_the_one_that_is_tested() -> None:
    def pins(lock: str) -> set[str]:
        return {entry.split()[0] for entry in locked(ROOT / "requirements" / lock).values()}

    assert pins("runtime.lock") | pins("build.lock") <= pins("dev.lock")


def test_dependencies_of_the_package_are_those_of_the_lock() -> None:
    asked = {name_of(line) for line in PROJECT["dependencies"]}
    assert asked <= locked(ROOT / "requirements/runtime.lock").keys()


@pytest.fixture(scope="module")
def dockerfile() -> list[tuple[str, str]]:
    """The Dockerfile as (instruction, arguments), comments dropped and continued lines joined."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    text = "\n".join(lines).replace("\\\n", " ")
    return [
        (head, " ".join(rest.split())) for head, _, rest in (line.partition(" ") for line in text.splitlines() if line)
    ]


def final_stage(dockerfile: list[tuple[str, str]]) -> dict[str, str]:
    """The last value of each instruction after the last FROM."""
    last = max(index for index, (head, _) in enumerate(dockerfile) if head == "FROM")
    return dict(dockerfile[last:])


def test_image_is_built_in_stages_from_hashed_locks(dockerfile: list[tuple[str, str]]) -> None:
    assert [head for head, _ in dockerfile].count("FROM") == 2
    installs = [text for head, text in dockerfile if head == "RUN" and ".lock" in text]
    assert installs
    for step in installs:
        assert step.count("--require-hashes") == step.count(" -r ")
    copied = [text for head, text in dockerfile if head == "COPY"]
    sources = [ROOT / part for text in copied if "--from" not in text for part in text.split()[:-1]]
    assert [path.name for path in sources if not path.exists()] == []


def test_image_runs_as_nobody_special_with_config_and_data_outside(dockerfile: list[tuple[str, str]]) -> None:
    stage = final_stage(dockerfile)
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", stage["USER"])
    assert json.loads(stage["VOLUME"]) == ["/config", "/data"]
    assert json.loads(stage["ENTRYPOINT"]) == ["botkit"]
    assert json.loads(stage["CMD"]) == ["run", "/config/bot.toml"]
    assert stage["STOPSIGNAL"] == "SIGTERM"


def test_image_tells_its_health(dockerfile: list[tuple[str, str]]) -> None:
    _, _, command = final_stage(dockerfile)["HEALTHCHECK"].partition("CMD ")
    assert json.loads(command) == ["botkit", "health", "/config/bot.toml"]


def test_unit_is_locked_down_and_stays_down_after_what_retrying_cannot_cure() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(ROOT / "docs/botkit.service")
    service = unit["Service"]
    assert service["DynamicUser"] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service["NoNewPrivileges"] == "yes"
    assert service["LoadCredential"].startswith("password:")
    assert service["StateDirectory"] == "botkit"
    assert service["Restart"] == "on-failure"
    assert set(service["RestartPreventExitStatus"].split()) == {"3", "4", "5", "6", "7", "9"}


def test_ci_runs_the_test_command() -> None:
    script = ROOT / ".ci/run"
    assert script.stat().st_mode & 0o111
    assert "make test" in script.read_text()


def test_help_lists_every_target() -> None:
    done = subprocess.run(["make", "-s"], capture_output=True, text=True, timeout=20, check=True, cwd=ROOT)
    phony = next(line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith(".PHONY:"))
    assert re.findall(r"^  make (\w+)", done.stdout, re.MULTILINE) == phony.split()[1:]
