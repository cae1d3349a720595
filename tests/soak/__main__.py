"""``python -m tests.soak``: faults for some minutes, then the comparison; exit code 1 if a promise was broken."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from pathlib import Path
from secrets import randbelow

from rich.console import Console

from botkit.testing.prosody import Generation
from tests.soak.report import show, write
from tests.soak.run import Plan, soak


def main() -> int:
    given = _arguments().parse_args()
    folder = Path(given.folder or tempfile.mkdtemp(prefix="botkit-soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=given.json)
    plan = Plan(
        seed=given.seed if given.seed is not None else randbelow(1_000_000),
        generation=Generation(given.prosody),
        seconds=given.minutes * 60,
        kills=given.kills,
        rooms=given.rooms,
        rate=given.rate,
        patience=given.patience,
        only=tuple(given.only or ()),
    )
    console.print(f"seed {plan.seed}, Prosody {plan.generation.value}; everything is kept in {folder}")
    outcome = asyncio.run(soak(plan, folder, lambda line: console.print(line, highlight=False, markup=False)))
    show(outcome, console)
    write(outcome, folder / "soak.json")
    if given.json:
        print(json.dumps(outcome.as_json()))
    if outcome.verdict.broken:
        console.print(f"logs, database, journal: {folder}; again with --seed {plan.seed}", highlight=False)
        return 1
    if given.folder is None:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, help="decides the order of the faults; told at the start")
    parser.add_argument("--prosody", choices=[generation.value for generation in Generation], default="13")
    parser.add_argument("--kills", type=int, default=0, help="go on until the bot was killed so often")
    parser.add_argument("--rooms", type=int, default=3)
    parser.add_argument("--rate", type=float, default=12.0, help="messages a second, by all together")
    parser.add_argument("--patience", type=float, default=1.0, help="bounds of time times this, on a busy machine")
    parser.add_argument("--only", action="append", metavar="FAULT", help="this fault alone; may be given again")
    parser.add_argument("--folder", help="keep logs, database and journal there (also if all is well)")
    parser.add_argument("--json", action="store_true", help="the outcome on standard output")
    return parser


if __name__ == "__main__":
    sys.exit(main())
