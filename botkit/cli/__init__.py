"""The command line: ``botkit run``, ``check``, ``schema``, ``doctor``, ``history``,
``health``, ``status``, ``reload``, ``retry``, ``log``, ``jobs``, ``send``, ``version``.

What a command needs is imported when it runs: ``--help`` and ``health`` must be quick.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, Optional

import typer

from botkit.cli.codes import code_of
from botkit.errors import BotkitError, ConfigError

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(
    name="botkit",
    help="Runs XMPP chat bots, and tells what they may do, what they did, and what a config means.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks show local variables; a password may be among them
)

ConfigFile = Annotated[Path, typer.Argument(help="the bot's TOML file", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON instead")]


def main() -> None:
    """The console script. What botkit raises on purpose becomes a message and an exit code, no traceback."""
    try:
        app(prog_name="botkit")
    except BotkitError as problem:
        _end(problem)


def _console() -> Console:
    from rich.console import Console

    return Console()


def _end(problem: BotkitError) -> NoReturn:
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    lines = problem.mistakes if isinstance(problem, ConfigError) else (str(problem),)
    for line in lines:
        console.print(f"botkit: {line}", markup=False, style="red", soft_wrap=True)
    sys.exit(code_of(problem))


@app.command()
def run(configs: Annotated[list[Path], typer.Argument(help="the bots' TOML files", show_default=False)]) -> None:
    """Run bots in one process, one for each file, until told to stop (SIGTERM, Ctrl-C)."""
    from botkit.cli.run import run_bots

    run_bots(configs)


@app.command()
def check(config: ConfigFile, as_json: AsJson = False) -> None:
    """Tell what a config means, or every mistake in it, without connecting."""
    from botkit.cli.check import check as checked

    raise typer.Exit(checked(config, _console(), as_json=as_json))


@app.command()
def schema(
    config: Annotated[Optional[Path], typer.Argument(help="take the modules of this config")] = None,  # noqa: UP045
    module: Annotated[Optional[list[str]], typer.Option(help="a module whose settings to include")] = None,  # noqa: UP045
) -> None:
    """Print a JSON Schema of the config, for editors."""
    from botkit.cli.check import schema as printed

    raise typer.Exit(printed(_console(), tuple(module or ()), config=config))


@app.command()
def doctor(
    config: ConfigFile,
    as_json: AsJson = False,
    timeout: Annotated[float, typer.Option(help="seconds to wait for the server and the rooms")] = 30.0,
) -> None:
    """Connect, and tell for each room what it supports and what the bot may do there."""
    from botkit.cli.doctor import examine

    raise typer.Exit(examine(config, _console(), as_json=as_json, timeout=timeout))


@app.command()
def history(
    room: Annotated[str, typer.Argument(help="the room's JID", show_default=False)],
    config: Annotated[Path, typer.Option("--config", "-c", envvar="BOTKIT_CONFIG", help="the bot's TOML file")] = Path(
        "bot.toml"
    ),
    search: Annotated[Optional[str], typer.Option(help="only messages with every one of these words")] = None,  # noqa: UP045
    since: Annotated[Optional[str], typer.Option(help="2h, 3d, 2026-11-21 or 2026-11-21T09:00")] = None,  # noqa: UP045
    limit: Annotated[int, typer.Option(min=1, help="the newest so many")] = 100,
    originals: Annotated[bool, typer.Option(help="also what retracted and corrected messages said first")] = False,
    as_json: AsJson = False,
) -> None:
    """Print what was said in a room, also while the bot runs."""
    from botkit.cli.history import show_history
    from botkit.config.load import load_config
    from botkit.model.address import Address

    loaded = load_config(config)
    show_history(
        loaded.storage.path,
        loaded.account.jid,
        Address.parse(room),
        search=search,
        since=since,
        limit=limit,
        json=as_json,
        originals=originals,
        console=_console(),
    )


@app.command()
def health(config: ConfigFile, as_json: AsJson = False) -> None:
    """Tell whether the running bot is well, by its heartbeat file; exit code 1 if not."""
    from botkit.cli.beat import show_health

    raise typer.Exit(show_health(config, _console(), as_json=as_json))


Configs = Annotated[list[Path], typer.Argument(envvar="BOTKIT_CONFIG", help="the bots' TOML files")]


@app.command()
def status(
    configs: Configs = [Path("bot.toml")],  # noqa: B006 - typer's way to say a default
    as_json: AsJson = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="again and again, until Ctrl-C")] = False,
    every: Annotated[float, typer.Option(min=0.2, help="seconds between two looks of --watch")] = 2.0,
) -> None:
    """Ask the running bots how they are: connection, rooms with reasons, history, queues; exit code 1 if not well."""
    from botkit.cli.status import show_status

    raise typer.Exit(show_status(configs, _console(), as_json=as_json, watch=every if watch else None))


@app.command()
def reload(configs: Configs = [Path("bot.toml")]) -> None:  # noqa: B006 - typer's way to say a default
    """Have the running bots read their configs and modules again; exit code 1 if one went on as it was."""
    from botkit.cli.status import reload as reloaded

    raise typer.Exit(reloaded(configs, _console()))


@app.command()
def retry(
    configs: Configs = [Path("bot.toml")],  # noqa: B006 - typer's way to say a default
    room: Annotated[Optional[str], typer.Option(help="only this room")] = None,  # noqa: UP045
) -> None:
    """Have the running bots try again, at once, to enter rooms that refused them, or for which they wait."""
    from botkit.cli.status import retry as tried

    raise typer.Exit(tried(configs, room, _console()))


@app.command(name="log")
def log_level(
    level: Annotated[str, typer.Argument(help="debug, info, warning or error", show_default=False)],
    configs: Configs = [Path("bot.toml")],  # noqa: B006 - typer's way to say a default
) -> None:
    """Have the running bots log from this level on, until their next start."""
    from botkit.cli.status import log_from

    raise typer.Exit(log_from(configs, level, _console()))


class JobAction(StrEnum):
    """What can be done with one job."""

    SHOW = "show"
    PAUSE = "pause"
    RESUME = "resume"
    RUN = "run"
    CANCEL = "cancel"


OneConfig = Annotated[Path, typer.Option("--config", "-c", envvar="BOTKIT_CONFIG", help="the bot's TOML file")]


@app.command()
def jobs(
    action: Annotated[Optional[JobAction], typer.Argument(help="what to do with one job; without: list all")] = None,  # noqa: UP045
    name: Annotated[Optional[str], typer.Argument(help="the job's name, as the list has it")] = None,  # noqa: UP045
    config: OneConfig = Path("bot.toml"),
    as_json: AsJson = False,
) -> None:
    """List what the bot does by the clock; show a job's last fires, pause, resume, run or cancel it."""
    from botkit.cli.jobs import change_job, show_job, show_jobs

    if action is not None and name is None:
        raise typer.BadParameter(f"say which job: botkit jobs {action.value} NAME")
    if action is None or name is None:
        raise typer.Exit(show_jobs(config, _console(), as_json=as_json))
    if action is JobAction.SHOW:
        raise typer.Exit(show_job(config, name, _console(), as_json=as_json))
    raise typer.Exit(change_job(config, action.value, name, _console()))


@app.command()
def send(
    to: Annotated[str, typer.Argument(help="a room's or an account's JID", show_default=False)],
    text: Annotated[Optional[str], typer.Argument(help="what to say; -, or nothing: standard input")] = None,  # noqa: UP045
    config: OneConfig = Path("bot.toml"),
    file: Annotated[Optional[Path], typer.Option(help="upload this file, and say where it is")] = None,  # noqa: UP045
    replace: Annotated[Optional[str], typer.Option(help="what an earlier send printed: say this in its place")] = None,  # noqa: UP045
    at: Annotated[Optional[str], typer.Option(help="when: 2h, 'tomorrow 9:00', 2026-12-24T18:00")] = None,  # noqa: UP045
    expires: Annotated[Optional[str], typer.Option(help="for how long it is worth saying: 30m, 2h")] = None,  # noqa: UP045
    urgent: Annotated[bool, typer.Option("--urgent", help="also in quiet hours, and not in a digest")] = False,
    key: Annotated[Optional[str], typer.Option(help="what was said with this key already is not said again")] = None,  # noqa: UP045
    timeout: Annotated[float, typer.Option(min=0, max=500, help="seconds to wait until it is there")] = 30.0,
    as_json: AsJson = False,
) -> None:
    """Say something in a room or to somebody, through the running bot or, without one, as its account.

    Exit code 0: delivered (with --at: kept for its time), 11: kept, not delivered in time, 12: refused, 13: expired.
    """
    from botkit.cli.send import Wanted
    from botkit.cli.send import send as sent

    wanted = Wanted(
        to=to, text=text, file=file, replace=replace, at=at, expires=expires, key=key, timeout=timeout, urgent=urgent
    )
    raise typer.Exit(sent(config, wanted, _console(), as_json=as_json))


@app.command(name="version")
def show_version() -> None:
    """Print the version."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        print(version("botkit"))
    except PackageNotFoundError:
        print("unknown (not installed)")
