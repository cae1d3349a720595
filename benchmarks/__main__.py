"""``python -m benchmarks``: run the benches, print their tables, write ``benchmarks/results/<name>.json``."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable

from rich.console import Console

from benchmarks import canned, catch_up, decode, dispatch, growth, join, latency, memory, receive, report, schedule
from benchmarks.harness import ReceiverFailed
from benchmarks.receive import Figures
from benchmarks.receiver import RECEIVERS
from botkit.errors import BotkitError
from botkit.testing.prosody import Generation

Progress = Callable[[str], None]
Compared = tuple[str, str, dict[str, object], dict[str, Figures]]
"""Title, notes, settings, figures."""
_DECODING = ("slixmpp", "aioxmpp", "botkit-decode")
_PIPELINE = ("slixmpp", "botkit", "botkit-keeper")
_CANNED = ("slixmpp", "botkit-decode", "botkit", "botkit-keeper")
_HELD = ("slixmpp", "botkit")


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for; 1 if a figure is not valid, because a receiver lost a message or broke."""
    options = _options(arguments)
    # Progress goes to standard error, so that the tables can be piped.
    console, progress = Console(), Console(stderr=True)
    started = time.monotonic()
    for bench in options.benches or BENCHES:
        began = time.monotonic()
        with progress.status(bench) as status:
            try:
                asyncio.run(_run(bench, options, console, status.update))
            except (receive.Invalid, ReceiverFailed, BotkitError) as problem:
                progress.print(f"{bench}: not valid: {problem}", style="red", markup=False)
                return 1
        progress.print(f"{bench}: {time.monotonic() - began:.0f} s", style="dim")
    progress.print(f"{time.monotonic() - started:.0f} s in all", style="dim")
    return 0


async def _run(bench: str, options: argparse.Namespace, console: Console, progress: Progress) -> None:
    found = await BENCHES[bench](options, progress)
    if isinstance(found, report.Sheet):
        report.show_sheet(console, found)
        path = report.write_sheet(bench, found)
    else:
        title, notes, settings, figures = found
        report.show(console, title, notes, figures)
        path = report.write(bench, settings, figures)
    console.print(os.path.relpath(path), style="dim", highlight=False)


# --- the benches --------------------------------------------------------------------------------------------------


async def _receive(options: argparse.Namespace, progress: Progress, usual: tuple[str, ...] = _DECODING) -> Compared:
    asked = receive.Settings(
        receivers=_receivers(options, usual),
        messages=options.messages or 1500,
        warm_up=options.warm_up,
        rounds=options.rounds,
        talkers=options.talkers,
        generation=Generation(options.prosody),
        profile=options.profile,
        profile_file=report.RESULTS / f"{options.profile}.prof",
    )
    title = f"{asked.messages} groupchat messages, {asked.rounds} rounds, Prosody {options.prosody}"
    notes = (
        f"for each message; every receiver saw every one; aim for botkit: {report.TARGET:g} of slixmpp or less\n"
        "wall is of all together: server and receivers share the cores"
    )
    return (
        title,
        notes,
        {**_settings(options, asked.messages, asked.receivers), "talkers": asked.talkers},
        (await receive.run(asked, progress)),
    )


async def _pipeline(options: argparse.Namespace, progress: Progress) -> Compared:
    return await _receive(options, progress, _PIPELINE)


async def _canned(options: argparse.Namespace, progress: Progress) -> Compared:
    asked = canned.Settings(
        receivers=_receivers(options, _CANNED),
        messages=options.messages or 4000,
        warm_up=options.warm_up,
        rounds=options.rounds,
        generation=Generation(options.prosody),
        profile=options.profile,
        profile_file=report.RESULTS / f"{options.profile}.prof",
    )
    title = f"canned: {asked.messages} recorded messages replayed, {asked.rounds} rounds"
    notes = "for each message; one receiver at a time, over TLS, from a stand-in that is never the limit"
    settings = {**_settings(options, asked.messages, asked.receivers), "burst": canned.BURST}
    return title, notes, settings, await canned.run(asked, progress)


async def _decode(options: argparse.Namespace, progress: Progress) -> Compared:
    messages = options.messages or 3000
    found = await decode.run(Generation(options.prosody), messages, options.rounds, progress)
    title = f"decode: {messages} recorded messages, {options.rounds} rounds"
    notes = "for each message; bytes to what a handler is given; no socket, no TLS"
    return title, notes, _settings(options, messages, ()), found


async def _dispatch(options: argparse.Namespace, progress: Progress) -> Compared:
    found = await dispatch.run(options.rounds, progress)
    title = f"dispatch: {dispatch.EVENTS} events, {options.rounds} rounds"
    notes = "for each event, from the queue to the handler's end; the dispatcher alone"
    return title, notes, {"events": dispatch.EVENTS, "rounds": options.rounds}, found


async def _join(options: argparse.Namespace, progress: Progress) -> report.Sheet:
    return await join.run(Generation(options.prosody), options.rooms or 200, min(options.rounds, 2), progress)


async def _catch_up(options: argparse.Namespace, progress: Progress) -> report.Sheet:
    return await catch_up.run(Generation(options.prosody), options.messages or 2000, progress)


async def _memory(options: argparse.Namespace, progress: Progress) -> report.Sheet:
    size = options.rooms or 100, options.occupants, options.messages or 10_000
    return await memory.run(Generation(options.prosody), _receivers(options, _HELD), size, progress)


async def _latency(options: argparse.Namespace, progress: Progress) -> report.Sheet:
    return await latency.run(Generation(options.prosody), options.seconds, progress)


async def _growth(options: argparse.Namespace, progress: Progress) -> report.Sheet:
    return await growth.run(Generation(options.prosody), options.messages or 2000, progress)


async def _schedule(options: argparse.Namespace, progress: Progress) -> report.Sheet:
    return await schedule.run(options.messages or 10_000, options.rooms or 200, progress)


BENCHES: dict[str, Callable[[argparse.Namespace, Progress], Awaitable[Compared | report.Sheet]]] = {
    "receive": _receive,
    "pipeline": _pipeline,
    "canned": _canned,
    "decode": _decode,
    "dispatch": _dispatch,
    "latency": _latency,
    "catch-up": _catch_up,
    "join": _join,
    "memory": _memory,
    "growth": _growth,
    "schedule": _schedule,
}


def _receivers(options: argparse.Namespace, usual: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(options.receivers.split(",")) if options.receivers else usual


def _settings(options: argparse.Namespace, messages: int, receivers: tuple[str, ...]) -> dict[str, object]:
    return {
        "prosody": options.prosody,
        "messages": messages,
        "rounds": options.rounds,
        "warm_up": options.warm_up,
        "receivers": receivers,
    }


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("benches", nargs="*", choices=[*BENCHES, []], help="which to run (default: all)")
    parser.add_argument("--messages", type=int, help="messages in a round, in the gap, in all (each bench has its own)")
    parser.add_argument("--warm-up", type=int, default=500, help="messages before the first round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (%(default)s)")
    parser.add_argument("--talkers", type=int, default=3, help="occupants who talk (%(default)s)")
    parser.add_argument("--rooms", type=int, help="of join and memory (200 and 100)")
    parser.add_argument("--occupants", type=int, default=100, help="in each room, of memory (%(default)s)")
    parser.add_argument("--seconds", type=float, default=4.0, help="for each rate, of latency (%(default)s)")
    parser.add_argument("--prosody", default="13", choices=[each.value for each in Generation])
    parser.add_argument("--receivers", help=f"of receive, pipeline, canned and memory: of {', '.join(RECEIVERS)}")
    parser.add_argument("--profile", choices=tuple(RECEIVERS), help="put this one under cProfile: results/NAME.prof")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
