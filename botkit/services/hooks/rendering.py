"""Templates rendered in another process, which can be ended: a loop without end must not stop the bot."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from contextlib import suppress

from botkit.errors import BadPayload

_START = 15.0  # seconds for the process to be there; Python and jinja2 are imported
_SECONDS = 2.0
_MOST = 64  # wait at a time, more than there are connections; who comes then is told to come again
_LINE = 64 * 1024  # an answer is shorter


class Renderer:
    """Starts the process when it is needed, one for all templates, and again after it had to be ended."""

    def __init__(self, seconds: float = _SECONDS, most: int = _MOST) -> None:
        self._most = most
        self._seconds = seconds
        self._process: Process | None = None
        self._one = asyncio.Lock()
        self._waiting = 0

    async def render(self, template: str, values: Mapping[str, object]) -> str:
        """The text. Raises ``BadPayload`` if there is none, or not in time."""
        if self._waiting >= self._most:
            raise BadPayload("too many templates wait to be rendered", retryable=True)
        self._waiting += 1
        try:
            return await self._render(template, values)
        finally:
            self._waiting -= 1

    async def _render(self, template: str, values: Mapping[str, object]) -> str:
        async with self._one:  # no deadline: each before us has one
            try:
                process, seconds = await self._ready()
                async with asyncio.timeout(seconds):
                    return _text(await self._ask(process, template, values))
            except TimeoutError:
                await self._end()
                raise BadPayload(f"the template took more than {self._seconds:g} s") from None
            except (OSError, asyncio.LimitOverrunError, ValueError) as problem:
                await self._end()
                raise BadPayload(f"it could not be rendered: {str(problem) or type(problem).__name__}") from None
            except asyncio.CancelledError:
                await self._end()  # its answer would be taken for the next one's
                raise

    async def close(self) -> None:
        """End the process, if there is one."""
        await self._end()

    async def _ready(self) -> tuple[Process, float]:
        if self._process is not None and self._process.returncode is None:
            return self._process, self._seconds
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "botkit.services.hooks.worker",
            stdin=PIPE, stdout=PIPE, stderr=DEVNULL, limit=_LINE, start_new_session=True,
            env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
        async with asyncio.timeout(_START):  # its first answer takes longer
            await self._ask(self._process, "", {})
        return self._process, self._seconds

    async def _ask(self, process: Process, template: str, values: Mapping[str, object]) -> bytes:
        assert process.stdin is not None, "it was started with a pipe"
        assert process.stdout is not None, "it was started with a pipe"
        process.stdin.write(json.dumps({"template": template, "values": values}).encode() + b"\n")
        await process.stdin.drain()
        answer = await process.stdout.readline()
        if not answer:
            raise OSError("it needed more than it may have")
        return answer

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            with suppress(TimeoutError):
                async with asyncio.timeout(5.0):
                    await process.wait()


def _text(answer: bytes) -> str:
    told = json.loads(answer)
    if "text" not in told:
        raise BadPayload(str(told.get("problem")))
    return str(told["text"])
