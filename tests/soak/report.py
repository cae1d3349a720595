"""The table that people read at the end of a soak, and the JSON for programs."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.soak.run import Outcome


def percentile(values: list[float], share: float) -> float:
    """The value below which ``share`` of ``values`` are; they must not be empty."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def show(outcome: Outcome, console: Console) -> None:
    """Print it."""
    plan = outcome.plan
    title = f"Prosody {plan.generation.value}, seed {plan.seed}, {outcome.seconds / 60:.1f} minutes"
    table = Table("fault", "times", "survived", "p50", "p99", "max", title=title, title_justify="left")
    by_name: dict[str, list[float | None]] = defaultdict(list)
    for one in outcome.suffered:
        by_name[one.name].append(one.back)
    everything: list[float | None] = []
    for name, backs in by_name.items():
        everything += backs
        table.add_row(name, *_cells(backs))
    if everything:
        table.add_section()
        table.add_row("all", *_cells(everything))
    console.print(table)
    facts = Table("", "", show_header=False, title="What was", title_justify="left")
    for label, value in _facts(outcome).items():
        facts.add_row(label, value)
    console.print(facts)
    for line in outcome.verdict.broken:
        console.print(f"[bold red]broken:[/] {line}", highlight=False)
    if not outcome.verdict.broken:
        console.print("[bold green]every promise was kept[/]")


def _cells(backs: list[float | None]) -> list[str]:
    times = [back for back in backs if back is not None]
    shown = [f"{percentile(times, share):.1f} s" for share in (0.5, 0.99, 1.0)] if times else ["", "", ""]
    return [str(len(backs)), str(len(times)), *shown]


def _facts(outcome: Outcome) -> dict[str, str]:
    memory = outcome.memory or [0]
    found = {name: f"{count:,}" for name, count in outcome.verdict.figures.items()}
    found["sent by the crowd"] = ", ".join(f"{count:,} {kind}" for kind, count in sorted(outcome.sent.items()))
    found["ends of the process, by exit code"] = ", ".join(f"{code}: {n}" for code, n in outcome.exits.items())
    found["network"] = ", ".join(f"{count:,} {name}" for name, count in outcome.network.items())
    found["memory, first, last, most (MiB)"] = ", ".join(
        f"{kib / 1024:.0f}" for kib in (memory[0], memory[-1], max(memory))
    )
    if outcome.problems:
        found["errors that it logged"] = "\n".join(f"{count} x {event}" for event, count in outcome.problems.items())
    return found


def write(outcome: Outcome, path: Path) -> None:
    """As JSON."""
    path.write_text(json.dumps(outcome.as_json(), indent=1) + "\n")
