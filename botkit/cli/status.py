"""``botkit status``: what the running bots say of themselves; ``botkit reload``: have them read their configs again."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live

import botkit.control.client as client
from botkit.cli.codes import code_of
from botkit.cli.status_text import plain_lines, tables
from botkit.config.load import load_config
from botkit.errors import ControlError
from botkit.model.address import Address
from botkit.model.plain import from_plain, to_plain
from botkit.model.status import BotStatus

Asked = dict[Path, list[Address]]
"""The sockets of some configs, and the accounts behind each."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was learnt: the processes that answered, and for each socket that did not, why."""

    bots: tuple[BotStatus, ...]
    problems: tuple[ControlError, ...]

    @property
    def code(self) -> int:
        """0: all is well; 1: something is not as it should be; else the code of the first bot that did not answer."""
        if self.problems:
            return code_of(self.problems[0])
        return 0 if all(bot.ready for bot in self.bots) else 1


def sockets_of(configs: Sequence[Path]) -> Asked:
    """Where to ask for the accounts of ``configs``. Raises ``ConfigError``."""
    found: Asked = {}
    for path in configs:
        config = load_config(path)
        found.setdefault(config.control_path, []).append(config.account.jid)
    return found


def look(asked: Asked, *, timeout: float = 10.0) -> Found:
    """Ask every socket; several of one process count as one bot."""
    bots: dict[int, BotStatus] = {}
    problems: list[ControlError] = []
    for path, accounts in asked.items():
        try:
            answer = client.ask(path, {"do": "status", "accounts": [str(one) for one in accounts]}, timeout=timeout)
            bot = _read(path, answer)
        except ControlError as problem:
            problems.append(problem)
            continue
        before = bots.get(bot.pid)
        bots[bot.pid] = bot if before is None else replace(before, accounts=(*before.accounts, *bot.accounts))
    return Found(tuple(bots.values()), tuple(problems))


def _read(path: Path, answer: Any) -> BotStatus:
    try:
        return from_plain(BotStatus, answer)
    except ValueError as problem:
        raise ControlError(
            f"the bot at {path} runs another version, and tells what cannot be read: {problem}"
        ) from None


def show_status(configs: Sequence[Path], console: Console, *, as_json: bool, watch: float | None) -> int:
    """Print how the bots of ``configs`` are, every ``watch`` seconds until interrupted if that is given.

    Returns the exit code. Raises ``ConfigError``.
    """
    asked = sockets_of(configs)
    if watch is None:
        found = look(asked)
        _print(found, console, as_json=as_json)
        return found.code
    return _watch(asked, console, as_json=as_json, every=watch)


def _watch(asked: Asked, console: Console, *, as_json: bool, every: float) -> int:
    found = look(asked)
    try:
        if as_json or not console.is_terminal:
            while True:
                _print(found, console, as_json=as_json)
                time.sleep(every)
                found = look(asked)
        with Live(_group(found), console=console, screen=True, auto_refresh=False) as live:
            while True:
                live.update(_group(found), refresh=True)
                time.sleep(every)
                found = look(asked)
    except KeyboardInterrupt:
        return found.code


def _print(found: Found, console: Console, *, as_json: bool) -> None:
    if as_json:
        # on one line, so that the readings of --watch can be told apart
        console.print(json.dumps(_json(found), ensure_ascii=False), markup=False, highlight=False, soft_wrap=True)
    elif console.is_terminal:
        console.print(_group(found))
    else:
        for line in (*plain_lines(found.bots), *map(str, found.problems)):
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def _json(found: Found) -> dict[str, object]:
    return {
        "ready": found.code == 0,
        "bots": [to_plain(bot) | {"ready": bot.ready} for bot in found.bots],
        "problems": [str(problem) for problem in found.problems],
    }


def _group(found: Found) -> RenderableType:
    return tables(found.bots, [str(problem) for problem in found.problems])


def reload(configs: Sequence[Path], console: Console) -> int:
    """Have the running bots of ``configs`` read them again; 0 if all took them, 1 if one went on as it was.

    Raises ``ConfigError``, ``ControlError``.
    """
    wrong = False
    for path, accounts in sockets_of(configs).items():
        answer = client.ask(path, {"do": "reload"}, timeout=90.0)
        for account in accounts:
            told = answer.get(str(account)) if isinstance(answer, dict) else None
            ok = isinstance(told, dict) and told.get("ok") is True
            wrong = wrong or not ok
            lines = told.get("told", ()) if isinstance(told, dict) else ("it told nothing",)
            said = "; ".join(str(line) for line in lines) or "nothing changed"
            console.print(
                f"{account}: {'reloaded' if ok else 'not reloaded, it goes on as before'}: {said}",
                style="green" if ok else "red", markup=False, highlight=False, soft_wrap=True,
            )  # fmt: skip
    return 1 if wrong else 0


def retry(configs: Sequence[Path], room: str | None, console: Console) -> int:
    """Have ``room`` (None: every room that is out) tried at once; 1 if it is not out. Raises as ``reload``."""
    request: dict[str, object] = {"do": "retry", "room": room}
    tried = [one for path in sockets_of(configs) for one in client.ask(path, request, timeout=60.0)]
    for one in tried:
        console.print(f"{one}: is tried again", markup=False, highlight=False, soft_wrap=True)
    if not tried:
        console.print(f"{room} is not out" if room else "no room is out", markup=False, highlight=False)
    return 0 if tried or room is None else 1


def log_from(configs: Sequence[Path], level: str, console: Console) -> int:
    """Have the bots log from ``level`` on. Raises as ``reload``."""
    for path in sockets_of(configs):
        client.ask(path, {"do": "log", "level": level})
    console.print(f"logging from {level} on", markup=False, highlight=False)
    return 0
