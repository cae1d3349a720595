"""``POST /hooks/NAME``: bodies are read within bounds, and what is wrong is told as RFC 9457 says."""

from __future__ import annotations

import ipaddress
import json
import math
from http import HTTPStatus

from aiohttp import web
from aiohttp.hdrs import METH_POST
from aiohttp.http_exceptions import HttpProcessingError

from botkit.model.hooks import HookAnswer, HookRequest
from botkit.ports import Hook, View

GUESTS_FAULTS = (ConnectionError, HttpProcessingError, web.RequestPayloadError)
"""What is raised where somebody goes away or speaks no HTTP."""

_FORM = "application/x-www-form-urlencoded"


class HookPages:
    """Serves the hooks of ``view``."""

    def __init__(self, view: View) -> None:
        self._view = view

    def add_to(self, app: web.Application) -> None:
        """Have ``app`` answer under ``/hooks/``."""
        app.router.add_route("*", "/hooks/{name:.*}", self._answer)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        hook = self._view.hook(request.match_info["name"])
        if hook is None:
            return _response(HookAnswer(status=404, result="unknown", detail="there is no such hook"))
        return _response(hook.count(await self._take(hook, request)))

    async def _take(self, hook: Hook, request: web.Request) -> HookAnswer:
        wrong = _wrong(hook, request)
        if wrong is not None:
            return wrong
        try:
            body = await _body(request, hook.max_bytes)
        except GUESTS_FAULTS:
            return HookAnswer(status=400, result="broken", detail="the body could not be read to its end")
        if body is None:
            return _too_large(hook)
        asked = HookRequest(
            headers={name.lower(): value for name, value in reversed(list(request.headers.items()))},
            body=body,
            media_type=request.content_type,
            sender=sender_of(request.remote or "", request.headers.get("X-Forwarded-For", "")),
        )
        return await hook.take(asked)


def _wrong(hook: Hook, request: web.Request) -> HookAnswer | None:
    """What can be told before the body is read."""
    if request.method != METH_POST:
        return HookAnswer(status=405, result="method", detail="a hook takes POST")
    if request.content_length is None and request.headers.get("Transfer-Encoding", "").lower() != "chunked":
        return HookAnswer(status=411, result="length", detail="the request has no Content-Length")
    if (request.content_length or 0) > hook.max_bytes:
        return _too_large(hook)
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        return HookAnswer(status=415, result="media type", detail="a compressed body is not taken")
    kind = request.content_type
    if kind != "application/json" and not kind.endswith("+json") and not (hook.takes_forms and kind == _FORM):
        detail = f"expected application/json, not {kind[:80]}"
        return HookAnswer(status=415, result="media type", detail=detail)
    return None


def _too_large(hook: Hook) -> HookAnswer:
    return HookAnswer(status=413, result="too large", detail=f"at most {hook.max_bytes} bytes are taken")


async def _body(request: web.Request, most: int) -> bytes | None:
    """The body; None if it is longer than ``most``. Its time is the door's (``HttpLimits.seconds``)."""
    found = bytearray()
    async for part in request.content.iter_any():
        found += part
        if len(found) > most:
            return None
    return bytes(found)


def sender_of(remote: str, forwarded: str) -> str:
    """Who sent it. What ``X-Forwarded-For`` says last is believed from this machine only, where a proxy may stand."""
    try:
        if ipaddress.ip_address(remote).is_loopback and forwarded:
            return str(ipaddress.ip_address(forwarded.rpartition(",")[2].strip()))
    except ValueError:
        pass
    return remote


def _response(answer: HookAnswer) -> web.Response:
    if answer.status < 400:
        told: dict[str, object] = {"status": answer.result}
        if answer.ids:
            told |= {"id": answer.ids[0], "ids": list(answer.ids)}
        if answer.detail:
            told["detail"] = answer.detail
        kind = "application/json"
    else:  # RFC 9457 §3.1; without "type" it is "about:blank", and the title is the status code's
        told = {"title": HTTPStatus(answer.status).phrase, "status": answer.status, "detail": answer.detail}
        kind = "application/problem+json"
    response = web.Response(status=answer.status, text=json.dumps(told, ensure_ascii=False), content_type=kind)
    if answer.retry_after is not None:
        response.headers["Retry-After"] = str(max(1, math.ceil(answer.retry_after)))
    if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = METH_POST
    if answer.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"  # RFC 9110 §15.5.2: one has to be there
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.force_close()
    return response
