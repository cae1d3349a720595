"""What can be asked of a running bot, and what it answers.

==========  ====================================  ==========================================================
``do``      besides                               ``result``
==========  ====================================  ==========================================================
status      ``accounts``: JIDs, none for all      a ``BotStatus`` (``model.status``)
reload                                            for each account its ``ReloadStatus``
retry       ``room``: a JID, none for all         the JIDs of the rooms that are tried now
log         ``level``                             the level
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
from botkit.errors import BadAddress
from botkit.model.address import Address
from botkit.model.plain import to_plain
from botkit.ports import View

Request = Mapping[str, Any]


class _Unclear(Exception):
    """A request that cannot be understood. Its text is for whoever asked."""


async def answer(view: View, line: bytes) -> dict[str, object]:
    """The answer to one line. Raises nothing for what the line holds."""
    try:
        request = _read(line)
        return {"ok": True, "result": await _VERBS[request["do"]](view, request)}
    except _Unclear as problem:
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
}
