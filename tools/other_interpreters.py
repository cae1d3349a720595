"""Runs the unit tests and the connection test on every other Python of this machine that botkit supports.

Each gets an environment of its own beside .venv (``.venv-3.12``), from the same lock, and as many run at once as there
are cores. Its closing line is printed; the whole report only where something failed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SUPPORTED = ("3.11", "3.12", "3.13")
UNIT = ("tests/unit", "tests/contracts")
ONCE = "tests/unit/test_benchmarks.py"  # starts servers and peers; tells nothing new on another interpreter
CONNECTION = ("tests/server", "-m", "connection")
DEADLINE = 240  # seconds for one run of pytest; a hang must end as a failure


def candidates(version: str) -> Iterator[Path]:
    """Paths that may be a Python of ``version``: along PATH, and pyenv's, whose shims often cannot run."""
    for folder in os.get_exec_path():
        yield Path(folder) / f"python{version}"
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/{version}*/bin/python"), reverse=True)


def runs(python: Path, version: str) -> bool:
    """Whether ``python`` starts and is what its name says."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.stdout.strip() == version


def find(version: str) -> Path | None:
    """The first Python of ``version`` that runs; None where the machine has none."""
    return next((python for python in candidates(version) if python.is_file() and runs(python, version)), None)


def pytest(venv: Path, report: list[str], *arguments: str) -> bool:
    """Run pytest in ``venv``, add to ``report`` how it ended, and return whether all was well."""
    command = [venv / "bin/python", "-m", "pytest", "--color=no", "-p", "no:cacheprovider", *arguments]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
    except subprocess.TimeoutExpired as hung:
        report.append(f"{hung.stdout or b''!s}\n  no end after {DEADLINE} s: pytest {' '.join(arguments)}")
        return False
    if run.returncode:
        report += [run.stdout, run.stderr]
    closing = re.findall(r"^=+ (.*(?:passed|failed|error|ran|selected).*?) =+$", run.stdout, re.MULTILINE)
    report.append(f"  {' '.join(arguments):<38} {closing[-1] if closing else f'exit code {run.returncode}'}")
    return run.returncode == 0


def check(version: str, python: Path) -> bool:
    """Everything that is asked of one interpreter; its report is printed in one piece."""
    report = [f"Python {version} ({python})"]
    venv = Path(f".venv-{version}")
    made = subprocess.run(
        ["sh", "tools/venv.sh", python, venv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    well = made.returncode == 0
    if not well:
        report.append(made.stdout)
    else:
        well = pytest(venv, report, *(part for part in UNIT if Path(part).is_dir()), f"--ignore={ONCE}")
        well = pytest(venv, report, *CONNECTION) and well
    print("\n".join(report), flush=True)
    return well


def main() -> int:
    """0 when all was well on all of them, also when there are none."""
    os.chdir(Path(__file__).parent.parent)
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    others = [(version, python) for version in SUPPORTED if version != own and (python := find(version))]
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        well = list(pool.map(lambda other: check(*other), others))
    failed = [version for (version, _), passed in zip(others, well, strict=True) if not passed]
    if failed:
        print(f"failed on Python {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
