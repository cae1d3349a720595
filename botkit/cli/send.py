"""``botkit send``: something said from the shell, and whether it arrived."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from pathlib import Path
from typing import BinaryIO

from rich.console import Console

import botkit.control.client as client
from botkit.cli.codes import code_of
from botkit.clock import SystemClock
from botkit.config.load import load_config
from botkit.errors import BotkitError, ControlError, Expired, MisuseError, NotRunning, NotSaid, NotYetSaid
from botkit.logs import printable
from botkit.model.address import Address
from botkit.model.plain import from_plain, to_plain
from botkit.model.posts import Post, Posted, PostState
from botkit.routing.spans import NotATime, take_span
from botkit.routing.texts import LONGEST, sayable
from botkit.routing.times import take_moment

_MOST_BYTES = 4 * LONGEST + 1  # of standard input; UTF-8
_SLACK = 30.0  # seconds for the bot to answer beyond what it waits; a file has more
_FOR_A_FILE = 540.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command line says. Texts as they were written there."""

    to: str
    text: str | None
    file: Path | None
    replace: str | None
    at: str | None
    expires: str | None
    key: str | None
    timeout: float
    urgent: bool


def send(path: Path, wanted: Wanted, console: Console, *, as_json: bool) -> int:
    """Say it, through the running bot or alone; print what a later ``--replace`` takes. Returns the exit code.

    Raises ``ConfigError``, ``MisuseError`` for what cannot be said, ``ControlError``, and how the login failed.
    """
    config = load_config(path)
    given = _post(wanted, config.commands.timezone)
    request: dict[str, object] = {
        "do": "send", "account": str(config.account.jid), "post": to_plain(given), "wait": wanted.timeout,
    }  # fmt: skip
    patience = wanted.timeout + (_FOR_A_FILE if given.file else _SLACK)
    try:
        posted = from_plain(Posted, client.ask(config.control_path, request, timeout=patience))
    except NotRunning:
        from botkit.cli.alone import send_alone

        posted = asyncio.run(send_alone(path, given, wanted.timeout))
    except ValueError as problem:
        raise ControlError(f"the bot at {config.control_path} runs another version: {problem}") from None
    _print(posted, console, as_json=as_json)
    return _code(posted)


def _post(wanted: Wanted, zone: tzinfo) -> Post:
    now = SystemClock().now()
    key = wanted.key or secrets.token_hex(6)
    at = _moment(wanted.at, now, zone) if wanted.at is not None else None
    post = Post(
        to=Address.parse(wanted.to),
        key=key,
        topic=wanted.replace or key,
        at=at,
        urgent=wanted.urgent,
        expires=_expiry(wanted.expires, at or now),
    )
    if wanted.file is not None:
        if wanted.text is not None:
            raise MisuseError("a file or a text, not both: a file is said by its URL alone")
        return replace(post, file=str(wanted.file.absolute()))
    text = _read(sys.stdin.buffer) if wanted.text in (None, "-") else str(wanted.text)
    return replace(post, text=sayable(text))


def _read(stream: BinaryIO) -> str:
    """Standard input, as long as a text may be. Raises ``MisuseError``."""
    found = stream.read(_MOST_BYTES)
    if len(found) >= _MOST_BYTES:
        raise MisuseError(f"standard input is longer than what can be said: {LONGEST} characters")
    return found.decode(errors="replace").strip("\n")


def _moment(text: str, now: datetime, zone: tzinfo) -> datetime:
    try:
        found, end = take_moment(text, 0, now, zone)
    except NotATime as problem:
        raise MisuseError(f"--at {text!r}: expected {problem}, as in 2h, tomorrow 9:00 or 2026-12-24T18:00") from None
    if text[end:].strip() or found <= now:
        raise MisuseError(f"--at {text!r}: expected a time to come, as in 2h, tomorrow 9:00 or 2026-12-24T18:00")
    return found


def _expiry(text: str | None, start: datetime) -> datetime | None:
    if text is None:
        return None
    try:
        span, end = take_span(text)
    except NotATime as problem:
        raise MisuseError(f"--expires {text!r}: expected {problem}") from None
    if text[end:].strip():
        raise MisuseError(f"--expires {text!r}: expected a span, as in 30m or 2h")
    return start + span


def _print(posted: Posted, console: Console, *, as_json: bool) -> None:
    if as_json:
        line = json.dumps(to_plain(posted), ensure_ascii=False)
        console.print(line, markup=False, highlight=False, soft_wrap=True)
        return
    console.print(posted.id, markup=False, highlight=False, soft_wrap=True)
    if posted.state is not PostState.DELIVERED:
        words = {
            PostState.WAITING: "not delivered yet; it is kept, and will be",
            PostState.SCHEDULED: f"will be said at its time: botkit jobs show {posted.job}",
        }
        said = words.get(posted.state, posted.state.value)
        reason = f" ({printable(posted.reason)})" if posted.reason else ""
        Console(stderr=True).print(f"{said}{reason}", markup=False, highlight=False, soft_wrap=True)


def _code(posted: Posted) -> int:
    problems: dict[PostState, BotkitError] = {
        PostState.WAITING: NotYetSaid(""),
        PostState.EXPIRED: Expired(""),
        PostState.REFUSED: NotSaid(""),
        PostState.REPLACED: NotSaid("", "replaced"),
    }
    problem = problems.get(posted.state)
    return code_of(problem) if problem is not None else 0
