"""Answering at the control socket. Nobody who connects can hold up the bot, nor the others who connect."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass

from botkit.control.answers import answer
from botkit.control.place import ControlSocket
from botkit.ports import View

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlLimits:
    """Times are seconds: how long a client may say nothing, how long an answer may take to be made (a reload reads
    files), and to be taken. ``line``: bytes of a request."""

    clients: int = 16
    line: int = 16 * 1024
    idle: float = 60.0
    work: float = 60.0
    write: float = 5.0


async def serve(place: ControlSocket, view: View, limits: ControlLimits | None = None) -> None:
    """Answer whoever connects, until cancelled. ``place`` stays the caller's to close."""
    bounds = limits or ControlLimits()
    clients: set[asyncio.Task[None]] = set()
    async with asyncio.TaskGroup() as group:

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if len(clients) >= bounds.clients:
                writer.write(_line({"ok": False, "error": "too many ask at once; try again"}))
                writer.close()
                return
            task = group.create_task(_talk(reader, writer, view, bounds), name="control client")
            clients.add(task)
            task.add_done_callback(clients.discard)

        server = await asyncio.start_unix_server(connected, sock=place.bound, limit=bounds.line)
        try:
            await asyncio.get_running_loop().create_future()  # no deadline: for as long as the bot runs
        finally:
            server.close()


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
