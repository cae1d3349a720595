"""``python -m tests.fuzz``: fuzzes every target for a while, coverage-guided where atheris can be had.

What it learns is kept in ``.cache/fuzz``, so that the next run goes on from there. Exit code 1 with a finding.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.fuzz.target import Finding, Target, examine, minimise
from tests.fuzz.targets import TARGETS
from tests.fuzz.unguided import hunt

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache/fuzz"
FOUND = CACHE / "found"
_GRACE = 120  # seconds beyond its time for one process: its start, and an input that hangs
_MINIMISE = 20.0
_ROUND = 300  # seconds for one process: each starts with the corpus of the last, and memory that only grew is seen

console = Console(stderr=True)


@dataclass(kw_only=True)
class Result:
    """What one target did. ``coverage`` counts branches and such, as libFuzzer does; None without atheris."""

    target: str
    guided: bool
    executions: int = 0
    seconds: float = 0.0
    coverage: int | None = None
    corpus: int | None = None
    peak_mb: int | None = None
    findings: dict[str, dict[str, str]] = field(default_factory=dict)


def packages() -> Path:
    """Where atheris is, for this interpreter alone: it is no part of .venv."""
    return CACHE / f"python{sys.version_info.major}.{sys.version_info.minor}"


def have_atheris() -> bool:
    """Install atheris from its lock unless it is there. False, with a line that says so, where there is none."""
    place = packages()
    lock = ROOT / "requirements/fuzz.lock"
    stamp = place / "lock"
    if not (stamp.is_file() and stamp.read_text() == lock.read_text()):
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"]
        command += ["--require-hashes", "--upgrade", "--target", str(place), "-r", str(lock)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0 and (place / "atheris").is_dir():
            stamp.write_text(lock.read_text())
    if (place / "atheris").is_dir():
        return True
    console.print(
        f"no atheris for Python {sys.version_info.major}.{sys.version_info.minor} here: hypothesis fuzzes alone"
    )
    return False


def guided(target: Target, seconds: int) -> Result:
    """Fuzz with atheris, round after round until the time is over."""
    result = Result(target=target.name, guided=True)
    end = time.monotonic() + seconds
    while (left := int(end - time.monotonic())) > 0:
        with TemporaryDirectory(prefix="botkit-fuzz-") as out:
            text = _process(target, min(left, _ROUND), Path(out))
            _take_statistics(result, text)
            stopped = _collect(result, target, Path(out))
        if not stopped and "stat::number_of_executed_units" not in text:
            raise SystemExit(f"the fuzzer of {target.name} did not run:\n{text[-3000:]}")
    result.seconds = float(seconds)
    return result


def _process(target: Target, seconds: int, out: Path) -> str:
    corpus = CACHE / "corpus" / target.name
    command = [sys.executable, "-m", "tests.fuzz.guided", target.name, str(seconds), str(corpus), str(out)]
    paths = os.pathsep.join((str(packages()), str(ROOT)))
    log = out / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=file, stderr=file, env={**os.environ, "PYTHONPATH": paths}, start_new_session=True
        )
        try:
            process.wait(timeout=seconds + _GRACE)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return log.read_text(errors="replace")


def _take_statistics(result: Result, log: str) -> None:
    executed = re.findall(r"stat::number_of_executed_units:\s+(\d+)", log) or re.findall(
        r"^#(\d+)\s", log, re.MULTILINE
    )
    result.executions += int(executed[-1]) if executed else 0
    for name, pattern in (("coverage", r"cov: (\d+)"), ("corpus", r"corp: (\d+)"), ("peak_mb", r"rss: (\d+)Mb")):
        seen = [int(number) for number in re.findall(pattern, log)]
        if seen:
            setattr(result, name, max(seen[-1], getattr(result, name) or 0))


def _collect(result: Result, target: Target, out: Path) -> bool:
    """Take the findings out of a folder. True if libFuzzer stopped for one of them."""
    for about in sorted(out.glob("*.json")):
        told = json.loads(about.read_text())
        _take(result, target, Finding(target.name, data=about.with_suffix(".input").read_bytes(), **told))
    stopped = [path for kind in ("timeout", "oom", "crash", "slow-unit") for path in out.glob(f"{kind}-*")]
    for path in stopped:
        kind = path.name.partition("-")[0]
        told = {"timeout": "hang", "oom": "memory", "crash": "crash"}.get(kind)
        if told is not None:
            detail = f"libFuzzer stopped for it: {kind}"
            _take(result, target, Finding(target.name, told, kind, detail, path.read_bytes()), confirm=False)
    return any(not path.name.startswith("slow") for path in stopped)


def _take(result: Result, target: Target, finding: Finding, *, confirm: bool = True) -> None:
    """Keep a finding that shows without the fuzzer, too, as small as it can be made."""
    if finding.key in result.findings:
        return
    if confirm:
        again = examine(target, finding.data, thorough=finding.kind == "memory")
        if again is None:
            return  # slow under instrumentation alone
        finding = minimise(target, again, _MINIMISE)
    FOUND.mkdir(parents=True, exist_ok=True)
    path = FOUND / f"{target.name}-{finding.key}"
    path.write_bytes(finding.data)
    result.findings[finding.key] = {
        "kind": finding.kind,
        "detail": finding.detail,
        "input": str(path.relative_to(ROOT)),
    }
    console.print(f"\n[bold red]{target.name}: {finding.kind}[/] {escape(finding.detail.strip())}", highlight=False)
    console.print(
        f"  again: .venv/bin/python -m tests.fuzz --replay {target.name} {path.relative_to(ROOT)}\n",
        highlight=False,
        soft_wrap=True,
    )


def unguided(target: Target, seconds: int) -> Result:
    """Fuzz with hypothesis alone."""
    result = Result(target=target.name, guided=False, seconds=float(seconds))
    result.executions, finding = hunt(target, seconds)
    if finding is not None:
        _take(result, target, finding)
    return result


def replay(name: str, path: Path) -> int:
    """Run one input and tell what it does."""
    finding = examine(TARGETS[name], path.read_bytes(), thorough=True)
    print(finding.detail if finding else f"{name}: {path} breaks no rule")
    return 1 if finding else 0


def _table(results: list[Result]) -> Table:
    table = Table(box=SIMPLE)
    for column in ("target", "by"):
        table.add_column(column, no_wrap=True)
    for column in ("executions", "per s", "coverage", "corpus", "memory", "findings"):
        table.add_column(column, justify="right", no_wrap=True)
    for one in results:
        rate = one.executions / one.seconds if one.seconds else 0
        cells = [f"{one.executions:,}", f"{rate:,.0f}", *(f"{n:,}" if n else "-" for n in (one.coverage, one.corpus))]
        memory = f"{one.peak_mb} MB" if one.peak_mb else "-"
        by = "atheris" if one.guided else "hypothesis"
        table.add_row(one.target, by, *cells, memory, str(len(one.findings) or "none"))
    return table


def main() -> int:
    """0: nothing found. 1: something was, or the fuzzer did not run."""
    arguments = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    arguments.add_argument("--minutes", type=float, default=10, help="for all targets together")
    arguments.add_argument("--target", action="append", choices=list(TARGETS), help="only this one; may be repeated")
    arguments.add_argument("--json", action="store_true", help="print the results as JSON")
    arguments.add_argument("--no-atheris", action="store_true", help="hypothesis alone")
    arguments.add_argument("--replay", nargs=2, metavar=("TARGET", "FILE"), help="run one input")
    asked = arguments.parse_args()
    if asked.replay:
        return replay(asked.replay[0], Path(asked.replay[1]))
    targets = [TARGETS[name] for name in asked.target or TARGETS]
    seconds = max(1, round(asked.minutes * 60 / len(targets)))
    fuzz = guided if not asked.no_atheris and have_atheris() else unguided
    results: list[Result] = []
    for position, target in enumerate(targets, 1):
        console.print(f"{position}/{len(targets)} {target.name}: {target.doc}, for {seconds} s", highlight=False)
        results.append(fuzz(target, seconds))
        last = results[-1]
        console.print(f"     {last.executions:,} executions, {len(last.findings) or 'no'} findings", highlight=False)
    console.print(_table(results))
    if asked.json:
        print(json.dumps([asdict(result) for result in results], indent=2), flush=True)
    return 1 if any(result.findings for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
