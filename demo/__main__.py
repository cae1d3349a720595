"""``make demo``, or ``python -m demo [--json]``.

Environment: ``KEEP=1`` leaves server and bot running afterwards; ``DEMO_FAST=1`` (and any output that is no terminal)
leaves out the pauses for reading; ``DEMO_PROSODY=0.12`` takes that generation of Prosody instead of 13.
Exit codes: 0 if all was proven, 1 if not, 2 if there is no Prosody, 130 after Ctrl-C, 143 after SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys

from botkit.errors import BotkitError
from botkit.testing.prosody import Generation, ProsodyInstall, ProsodyUnavailable, find_or_fetch
from demo.screen import Screen
from demo.show import Result, play


def main() -> int:
    """Play it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m demo", description="A private server, the bot and a small crowd.")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON; the rest goes to stderr")
    as_json = bool(parser.parse_args().json)
    out = sys.stderr if as_json else sys.stdout
    out.reconfigure(errors="replace", line_buffering=True)  # type: ignore[union-attr]
    screen = Screen(out)
    try:
        install = _prosody()
    except (ProsodyUnavailable, ValueError) as problem:
        print(f"demo: {problem}", file=sys.stderr)
        return 2
    keep = _is_set("KEEP")
    ended: list[int] = []
    try:
        result = asyncio.run(_play(install, screen, ended, calm=screen.live and not _is_set("DEMO_FAST"), keep=keep))
    except (KeyboardInterrupt, asyncio.CancelledError):
        screen.note("ended; server, bot and people are gone")
        return 128 + (ended[0] if ended else signal.SIGINT)
    except (BotkitError, OSError, TimeoutError, ExceptionGroup) as problem:
        for one in problem.exceptions if isinstance(problem, ExceptionGroup) else (problem,):
            print(f"demo: {type(one).__name__}: {one}", file=sys.stderr)
        return 1
    if as_json:
        print(json.dumps(result.ledger.as_json() | {"seconds": round(result.seconds, 1)}, ensure_ascii=False, indent=2))
    return 0 if result.ledger.ok else 1


async def _play(install: ProsodyInstall, screen: Screen, ended: list[int], *, calm: bool, keep: bool) -> Result:
    task = asyncio.current_task()
    assert task is not None

    def end() -> None:
        ended.append(signal.SIGTERM)
        task.cancel()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end)
    return await play(install, screen, calm=calm, keep=keep)


def _prosody() -> ProsodyInstall:
    """The generation that was asked for; else the newest there is."""
    asked = os.environ.get("DEMO_PROSODY")
    if asked:
        return find_or_fetch(Generation(asked))
    try:
        return find_or_fetch(Generation.V13)
    except ProsodyUnavailable:
        return find_or_fetch(Generation.V0_12)


def _is_set(name: str) -> bool:
    return os.environ.get(name, "").lower() not in ("", "0", "no", "false")


if __name__ == "__main__":
    sys.exit(main())
