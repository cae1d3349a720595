"""Answering at the control socket. Nobody who connects can hold up the bot, nor the others who connect."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from contextlib import suppress
from dataclasses import dataclass

from botkit.control.answers import answer
from botkit.control.place import ControlSocket
from botkit.ports import View

_log = logging.getLogger(__name__)
_AGAIN = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlLimits:
    """Times are seconds: how long a client may say nothing, how long an answer may take to be made (a reload
    reads files, what is sent is waited for), and to be taken. ``line``: bytes of a request."""

    clients: int = 16
    line: int = 160 * 1024  # the longest text, each character of it as two \uXXXX
    idle: float = 60.0
    work: float = 600.0
    write: float = 5.0


async def serve(place: ControlSocket, view: View, limits: ControlLimits | None = None) -> None:
    """Answer whoever connects, until cancelled. ``place`` stays the caller's to close.

    asyncio's own servers remove a socket's file when they end, from Python 3.13 on; this one is not theirs.
    """
    bounds = limits or ControlLimits()
    loop = asyncio.get_running_loop()
    clients: set[asyncio.Task[None]] = set()
    place.bound.listen(bounds.clients)
    async with asyncio.TaskGroup() as group:
        while True:
            try:
                connection, _ = await loop.sock_accept(place.bound)  # no deadline: for as long as the bot runs
            except OSError as problem:  # too many open files, say
                _log.error("nobody can ask at the control socket now: %s", problem.strerror or problem)
                await asyncio.sleep(_AGAIN)
                continue
            if len(clients) >= bounds.clients:
                _refuse(connection)
                continue
            task = group.create_task(_serve_one(connection, view, bounds), name="control client")
            clients.add(task)
            task.add_done_callback(clients.discard)


def _refuse(connection: socket.socket) -> None:
    with connection, suppress(OSError):
        connection.send(_line({"ok": False, "error": "too many ask at once; try again"}))


async def _serve_one(connection: socket.socket, view: View, limits: ControlLimits) -> None:
    try:
        reader, writer = await asyncio.open_unix_connection(sock=connection, limit=limits.line)
    except OSError:  # gone already
        connection.close()
        return
    await _talk(reader, writer, view, limits)


async def _talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, view: View, limits: ControlLimits) -> None:
    # drain waits until all is with the system: who does not take the answer is let go after a while
    writer.transport.set_write_buffer_limits(high=0)
    try:
        while line := await _next_line(reader, limits):
            try:
                async with asyncio.timeout(limits.work):
                    found = await answer(view, line)
            except TimeoutError:
                found = {"ok": False, "error": f"it took longer than {limits.work:g} s"}
            writer.write(_line(found))
            async with asyncio.timeout(limits.write):
                await writer.drain()
        writer.close()
    except ValueError:  # a line that is too long: what follows cannot be told from its rest
        writer.write(_line({"ok": False, "error": f"a request may have {limits.line} bytes"}))
        writer.close()
    except (TimeoutError, OSError):
        writer.transport.abort()
    except Exception:  # the boundary: a fault of ours in one answer must not end the socket
        _log.exception("a request at the control socket failed")
        writer.transport.abort()
    except BaseException:
        writer.transport.abort()
        raise


async def _next_line(reader: asyncio.StreamReader, limits: ControlLimits) -> bytes:
    async with asyncio.timeout(limits.idle):
        return await reader.readline()


def _line(body: object) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode() + b"\n"
