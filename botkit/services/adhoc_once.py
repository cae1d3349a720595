"""Requests for ad-hoc commands that come twice: a client that resumes its stream sends again what was not confirmed."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import timedelta

from botkit.errors import StanzaError
from botkit.model.address import Address
from botkit.model.forms import CommandAnswer, CommandRequest
from botkit.routing.context import Services
from botkit.routing.once import digest

KEPT = timedelta(hours=1)
"""How long a request is known again. Clients may count the ids of their IQs anew on each stream (RFC 6120 §8.1.3), so
not for ever; a stream that was lost can be resumed for some minutes."""

_ANSWERS = 256
_Answer = asyncio.Future[CommandAnswer]


class Asked:
    """Answers of late, and claims on what was begun in earlier runs."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._answers: OrderedDict[bytes, tuple[float, _Answer]] = OrderedDict()

    async def answer(
        self,
        requester: Address,
        request: CommandRequest,
        work: Callable[[Address, CommandRequest], Awaitable[CommandAnswer]],
    ) -> CommandAnswer:
        """What ``work`` answers; if the same request came before, what it answered then, or will. Raises the same."""
        if request.id is None:
            return await work(requester, request)
        key, now = _key(requester, request), self._services.clock.monotonic()
        before = self._answers.get(key)
        if before is not None and now - before[0] < KEPT.total_seconds():
            return await asyncio.shield(before[1])
        answer: _Answer = asyncio.get_running_loop().create_future()
        self._remember(key, now, answer)
        try:
            found = await work(requester, request)
        except BaseException as problem:
            told = problem if isinstance(problem, StanzaError) else _unknown()
            answer.set_exception(told)
            answer.exception()  # it need not come again: then nobody asks
            raise
        answer.set_result(found)
        return found

    def _remember(self, key: bytes, now: float, answer: _Answer) -> None:
        self._answers[key] = now, answer
        while len(self._answers) > _ANSWERS:
            self._answers.popitem(last=False)

    async def begin(self, requester: Address, request: CommandRequest) -> None:
        """Before the command does anything. Raises ``StanzaError`` if the same request was begun before.

        Only the first request of a session can be: later ones name it, and it is gone with the run that made it.
        """
        claims, now = self._services.claims, self._services.clock.now()
        if claims is None or request.id is None or request.session is not None:
            return
        if not await claims.claim((_key(requester, request),), now, since=now - KEPT):
            raise _unknown()


def _unknown() -> StanzaError:
    return StanzaError("conflict", "cancel", "this request came before, and was begun; look whether it was carried out")


def _key(requester: Address, request: CommandRequest) -> bytes:
    values = request.form.values() if request.form is not None else {}
    form = [text for var, given in values.items() for text in (var, *given)]
    return digest(
        "ad-hoc", str(requester), request.id or "", request.node, request.session or "", request.action, *form
    )
