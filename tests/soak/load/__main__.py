"""``python -m tests.soak.load``: exit code 1 if anything was dropped or doubled, or memory grew."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

from botkit.testing.prosody import Generation
from tests.soak.load.run import LoadOutcome, LoadPlan, load


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.load", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--prosody", choices=[generation.value for generation in Generation], default="13")
    parser.add_argument("--window", type=int, default=4, help="messages of one account on their way at once")
    parser.add_argument("--folder", help="keep everything there, also if all is well")
    given = parser.parse_args()
    console = Console()
    folder = Path(given.folder or tempfile.mkdtemp(prefix="botkit-load-"))
    folder.mkdir(parents=True, exist_ok=True)
    plan = LoadPlan(generation=Generation(given.prosody), seconds=given.minutes * 60, window=given.window)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        outcome = runner.run(load(plan, folder, lambda line: console.print(line, highlight=False, markup=False)))
    _show(outcome, console)
    (folder / "load.json").write_text(json.dumps(outcome.as_json(), indent=1) + "\n")
    if outcome.broken:
        console.print(f"log, database, journal: {folder}", highlight=False)
        return 1
    if given.folder is None:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _show(outcome: LoadOutcome, console: Console) -> None:
    plan = outcome.plan
    title = f"Prosody {plan.generation.value}, {plan.rooms} rooms, {plan.rooms * plan.in_each} occupants"
    table = Table("", "", show_header=False, title=title, title_justify="left")
    memory = [kib / 1024 for _, kib in outcome.memory] or [0.0]
    live = [line for line in outcome.lag if line["live"]]
    each = outcome.cpu_seconds / max(1, outcome.said)
    for name, value in {
        "minutes": f"{outcome.seconds / 60:.1f}",
        "messages said": f"{outcome.said:,}, {outcome.said / max(1, outcome.seconds):,.0f} a second",
        "stanzas that the server sent for them": f"{outcome.relayed_stanzas + outcome.said:,}",
        "in the server's archives": f"{outcome.in_archives:,}",
        "in the bot's log": f"{outcome.in_log:,}, {outcome.missing:,} missing, {outcome.doubled:,} doubled",
        "relayed after (ms)": ", ".join(f"{name} {value:.0f}" for name, value in outcome.latency.items()),
        "with a handler after (ms)": f"p50 {statistics.median(line['p50'] for line in live):.0f},"
        f" worst second's p99 {max(line['p99'] for line in live):.0f}, max {max(line['most'] for line in live):.0f}"
        if live
        else "",
        "all in the log after the last word": f"{outcome.drained_after:.1f} s" if outcome.drained_after else "never",
        "the bot's CPU": f"{outcome.cpu_seconds:.0f} s, {each * 1e6:.0f} µs a message",
        "its memory, first, last, most (MiB)": f"{memory[0]:.1f}, {memory[-1]:.1f}, {max(memory):.1f}",
        "reading paused": str(outcome.told.get("reading paused", 0)),
    }.items():
        table.add_row(name, value)
    console.print(table)
    for line in outcome.broken:
        console.print(f"[bold red]broken:[/] {line}", highlight=False)
    if not outcome.broken:
        console.print("[bold green]nothing was dropped, and memory is flat[/]")


if __name__ == "__main__":
    sys.exit(main())
