"""``python -m benchmarks``: run the benches, print their tables, write ``benchmarks/results/<name>.json``."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Callable

from rich.console import Console

from benchmarks import canned, decode, dispatch, receive, report
from benchmarks.harness import ReceiverFailed
from benchmarks.receiver import RECEIVERS
from botkit.errors import BotkitError
from botkit.testing.prosody import Generation

BENCHES = ("receive", "canned", "decode", "dispatch")
DEFAULT_RECEIVERS = tuple(name for name in RECEIVERS if not name.endswith("-uvloop"))


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for; 1 if a figure is not valid, because a receiver lost a message or broke."""
    options = _options(arguments)
    # Progress goes to standard error, so that the tables can be piped.
    console, progress = Console(), Console(stderr=True)
    generation = Generation(options.prosody)
    started = time.monotonic()
    for bench in options.benches or BENCHES:
        with progress.status(bench) as status:
            try:
                asyncio.run(_run(bench, options, generation, console, status.update))
            except (receive.Invalid, ReceiverFailed, BotkitError) as problem:
                progress.print(f"{bench}: not valid: {problem}", style="red", markup=False)
                return 1
    progress.print(f"{time.monotonic() - started:.0f} s", style="dim")
    return 0


async def _run(
    bench: str, options: argparse.Namespace, generation: Generation, console: Console, progress: Callable[[str], None]
) -> None:
    settings: dict[str, object] = {
        "prosody": generation.value,
        "messages": options.messages,
        "rounds": options.rounds,
    }
    if bench == "decode":
        found = await decode.run(generation, options.messages, options.rounds, progress)
        title = f"decode: {options.messages} recorded messages, {options.rounds} rounds"
        notes = "for each message; bytes to what a handler is given; no socket, no TLS"
    elif bench == "dispatch":
        settings = {"events": dispatch.EVENTS, "rounds": options.rounds}
        found = await dispatch.run(options.rounds, progress)
        title = f"dispatch: {dispatch.EVENTS} events, {options.rounds} rounds"
        notes = "for each event, from the queue to the handler's end; the dispatcher alone"
    elif bench == "canned":
        replayed = canned.Settings(
            receivers=tuple(options.receivers.split(",")),
            messages=options.messages,
            warm_up=options.warm_up,
            rounds=options.rounds,
            generation=generation,
            profile=options.profile,
            profile_file=report.RESULTS / f"{options.profile}.prof",
        )
        settings |= {"warm_up": options.warm_up, "receivers": replayed.receivers, "burst": canned.BURST}
        found = await canned.run(replayed, progress)
        title = f"canned: {options.messages} recorded messages replayed, {options.rounds} rounds"
        notes = "for each message; one receiver at a time, over TLS, from a stand-in that is never the limit"
    else:
        names = tuple(options.receivers.split(","))
        asked = receive.Settings(
            receivers=names,
            messages=options.messages,
            warm_up=options.warm_up,
            rounds=options.rounds,
            talkers=options.talkers,
            generation=generation,
            profile=options.profile,
            profile_file=report.RESULTS / f"{options.profile}.prof",
        )
        settings |= {"warm_up": options.warm_up, "talkers": options.talkers, "receivers": names}
        found = await receive.run(asked, progress)
        title = f"receive: {options.messages} groupchat messages, {options.rounds} rounds, Prosody {generation.value}"
        notes = (
            f"for each message; every receiver saw every one; aim for botkit: {report.TARGET:g} of slixmpp or less\n"
            "wall is of all together: server and receivers share the cores"
        )
    report.show(console, title, notes, found)
    console.print(os.path.relpath(report.write(bench, settings, found)), style="dim", highlight=False)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("benches", nargs="*", choices=[*BENCHES, []], help="which to run (default: all)")
    parser.add_argument("--messages", type=int, default=3000, help="messages in a round (%(default)s)")
    parser.add_argument("--warm-up", type=int, default=500, help="messages before the first round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (%(default)s)")
    parser.add_argument("--talkers", type=int, default=3, help="occupants who talk (%(default)s)")
    parser.add_argument("--prosody", default="13", choices=[each.value for each in Generation])
    parser.add_argument("--receivers", default=",".join(DEFAULT_RECEIVERS), help="of receive: %(default)s")
    parser.add_argument("--profile", choices=tuple(RECEIVERS), help="put this one under cProfile: results/NAME.prof")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
