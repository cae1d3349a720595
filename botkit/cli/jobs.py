"""``botkit jobs``: what a bot does by the clock, asked of the running bot, else read from its database."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

import botkit.control.client as client
from botkit.clock import SystemClock
from botkit.config.load import load_config
from botkit.config.schema import Config
from botkit.control.place import take
from botkit.errors import ControlError, NotRunning
from botkit.logs import printable
from botkit.model.jobs import FireState, JobStatus
from botkit.model.plain import from_plain, to_plain
from botkit.services.job_status import act, fire_words, job_lines, job_status, job_statuses, moment
from botkit.services.stored_jobs import StoredJobs
from botkit.storage.sqlite import SqliteStorage

_TIMEOUT = 60.0


def show_jobs(path: Path, console: Console, *, as_json: bool) -> int:
    """Print every job; 1 if one is paused or waits for what runs it. Raises ``ConfigError``, ``ControlError``."""
    config = load_config(path)
    try:
        found = _statuses(config, _ask(config, {"do": "jobs"}))
    except NotRunning:
        found = asyncio.run(_stored(config))
        console.print("no bot runs; as the database has it:", style="dim", highlight=False) if not as_json else None
    if as_json:
        _print(console, json.dumps(to_plain(found), ensure_ascii=False))
    elif console.is_terminal:
        console.print(_table(found))
    else:
        for job in found:
            _print(console, job_lines(job)[0])
            for fire in job.fires:
                _print(console, f"  last {fire_words(fire)}")
    if not found and not as_json:
        _print(console, "there are no jobs")
    return 1 if any(job.paused is not None or not job.loaded for job in found) else 0


def show_job(path: Path, name: str, console: Console, *, as_json: bool) -> int:
    """Print one job with its last fires; 1 if there is none of that name. Raises as ``show_jobs``."""
    config = load_config(path)
    try:
        told = _ask(config, {"do": "job", "name": name})
        found = from_plain(JobStatus, told) if told is not None else None
    except NotRunning:
        found = asyncio.run(_stored_one(config, name))
    if as_json:
        _print(console, json.dumps(to_plain(found), ensure_ascii=False))
    else:
        for line in job_lines(found) if found is not None else [f"there is no job {printable(name)}"]:
            _print(console, line)
    return 0 if found is not None else 1


def change_job(path: Path, action: str, name: str, console: Console) -> int:
    """Pause, resume, run or cancel a job; 1 if that was not done. Raises as ``show_jobs``.

    Without a running bot the database is changed, but nothing can be run: then ``NotRunning``.
    """
    config = load_config(path)
    try:
        told = _ask(config, {"do": "act", "action": action, "name": name})
        done, sentence = bool(told["done"]), str(told["told"])
    except NotRunning:
        if action == "run":
            raise
        done, sentence = asyncio.run(_change_stored(config, action, name))
        sentence += " (no bot runs; it holds from the next start on)" if done else ""
    _print(console, sentence)
    return 0 if done else 1


def _ask(config: Config, request: dict[str, object]) -> Any:
    return client.ask(config.control_path, {**request, "account": str(config.account.jid)}, timeout=_TIMEOUT)


def _statuses(config: Config, told: Any) -> list[JobStatus]:
    try:
        return [from_plain(JobStatus, one) for one in told]
    except (TypeError, ValueError) as problem:
        raise ControlError(f"the bot at {config.control_path} runs another version: {problem}") from None


async def _stored(config: Config) -> list[JobStatus]:
    async with SqliteStorage.open(config.storage.path, config.account.jid, read_only=True) as storage:
        return await job_statuses(StoredJobs(storage.jobs, SystemClock()))


async def _stored_one(config: Config, name: str) -> JobStatus | None:
    async with SqliteStorage.open(config.storage.path, config.account.jid, read_only=True) as storage:
        return await job_status(StoredJobs(storage.jobs, SystemClock()), name)


async def _change_stored(config: Config, action: str, name: str) -> tuple[bool, str]:
    with await asyncio.to_thread(take, config.control_path):  # no bot may begin meanwhile: it would not know of it
        async with SqliteStorage.open(config.storage.path, config.account.jid) as storage:
            return await act(StoredJobs(storage.jobs, SystemClock()), action, name)


def _table(jobs: list[JobStatus]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    for column in ("job", "when", "next", "last", "failures", ""):
        table.add_column(column, overflow="fold", justify="right" if column == "failures" else "left")
    for job in jobs:
        last = job.fires[0] if job.fires else None
        bad = last is not None and last.state in (FireState.FAILED, FireState.RETRY)
        table.add_row(
            printable(job.name),
            printable(job.when),
            moment(job.next) if job.next is not None else "",
            Text(fire_words(last) if last is not None else "", style="red" if bad else ""),
            str(job.failures or ""),
            Text(_remark(job), style="yellow"),
        )
    return table


def _remark(job: JobStatus) -> str:
    if job.paused is not None:
        return f"paused since {moment(job.paused)}: {printable(job.reason or 'no reason given')}"
    return "" if job.loaded else "what runs it is not loaded"


def _print(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
