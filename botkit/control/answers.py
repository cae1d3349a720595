"""What can be asked of a running bot, and what it answers.

==========  ====================================  ==========================================================
``do``      besides                               ``result``
==========  ====================================  ==========================================================
status      ``accounts``: JIDs, none for all      a ``BotStatus`` (``model.status``)
reload                                            for each account its ``ReloadStatus``
retry       ``room``: a JID, none for all         the JIDs of the rooms that are tried now
log         ``level``                             the level
jobs        ``account``                           a list of ``JobStatus`` (``model.jobs``)
job         ``account``, ``name``                 a ``JobStatus`` with its last fires, null if there is none
act         ``account``, ``action``, ``name``     ``done`` and ``told``, a sentence (``services.job_status.ACTIONS``)
send        ``account``, ``post``, ``wait``       a ``Posted`` (``model.posts``), after ``wait`` seconds at the latest
==========  ====================================  ==========================================================

An answer is ``{"ok": true, "result": …}`` or ``{"ok": false, "error": "a sentence"}``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import botkit.logs as logs
from botkit.clock import SystemClock
from botkit.errors import BadAddress, BotkitError
from botkit.model.address import Address
from botkit.model.plain import from_plain, to_plain
from botkit.model.posts import Post
from botkit.ports import View
from botkit.services.job_status import ACTIONS, act, job_status, job_statuses
from botkit.services.posting import post

Request = Mapping[str, Any]
LONGEST_WAIT: Final = 500


class _Unclear(Exception):
    """A request that cannot be understood. Its text is for whoever asked."""


async def answer(view: View, line: bytes) -> dict[str, object]:
    """The answer to one line. Raises nothing for what the line holds."""
    try:
        request = _read(line)
        return {"ok": True, "result": await _VERBS[request["do"]](view, request)}
    except (_Unclear, BotkitError) as problem:
        return {"ok": False, "error": str(problem)}


def _read(line: bytes) -> Request:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        raise _Unclear("expected one JSON object a line") from None
    if not isinstance(request, dict) or not isinstance(request.get("do"), str):
        raise _Unclear('expected an object with "do"')
    if request["do"] not in _VERBS:
        raise _Unclear(f"{request['do'][:40]!r} is nothing that can be done; there are {', '.join(_VERBS)}")
    return request


async def _status(view: View, request: Request) -> object:
    wanted = request.get("accounts")
    found = view.status()
    if wanted is not None:
        if not isinstance(wanted, list):
            raise _Unclear("accounts: expected a list of JIDs")
        chosen = {_address(one) for one in wanted}
        found = replace(found, accounts=tuple(one for one in found.accounts if one.account in chosen))
    return await asyncio.to_thread(to_plain, found)  # hundreds of rooms take a while


async def _reload(view: View, request: Request) -> object:
    await view.reload()
    return {str(one.account): to_plain(one.reload) for one in view.status().accounts}


async def _retry(view: View, request: Request) -> object:
    room = request.get("room")
    return [str(one) for one in await view.retry(None if room is None else _address(room))]


async def _log(view: View, request: Request) -> object:
    level = request.get("level")
    if not isinstance(level, str) or level not in logs.LEVELS:
        raise _Unclear(f"level: expected one of {', '.join(logs.LEVELS)}")
    logs.set_level(level)
    return level


async def _jobs(view: View, request: Request) -> object:
    return to_plain(await job_statuses(view.jobs(_address(request.get("account")))))


async def _job(view: View, request: Request) -> object:
    return to_plain(await job_status(view.jobs(_address(request.get("account"))), _text(request, "name")))


async def _act(view: View, request: Request) -> object:
    action = _text(request, "action")
    if action not in ACTIONS:
        raise _Unclear(f"action: expected one of {', '.join(ACTIONS)}")
    done, told = await act(view.jobs(_address(request.get("account"))), action, _text(request, "name"))
    return {"done": done, "told": told}


async def _send(view: View, request: Request) -> object:
    account, wait = _address(request.get("account")), request.get("wait")
    if not isinstance(wait, int | float) or not 0 <= wait <= LONGEST_WAIT:
        raise _Unclear(f"wait: expected seconds, {LONGEST_WAIT} at most")
    try:
        given = from_plain(Post, request.get("post"))
    except ValueError as problem:
        raise _Unclear(f"post: {problem}") from None
    if any(time is not None and time.tzinfo is None for time in (given.at, given.expires)):
        raise _Unclear("post: expected times with their offset from UTC")
    return to_plain(await post(view.link(account), view.jobs(account), SystemClock(), given, wait=wait))


def _text(request: Request, name: str) -> str:
    found = request.get(name)
    if not isinstance(found, str):
        raise _Unclear(f"{name}: expected a text")
    return found


def _address(text: object) -> Address:
    try:
        if isinstance(text, str):
            return Address.parse(text)
    except BadAddress:
        pass
    raise _Unclear("expected a JID") from None


_VERBS: Final[dict[str, Callable[[View, Request], Awaitable[object]]]] = {
    "status": _status,
    "reload": _reload,
    "retry": _retry,
    "log": _log,
    "jobs": _jobs,
    "job": _job,
    "act": _act,
    "send": _send,
}
