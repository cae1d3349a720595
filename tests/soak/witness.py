"""The module of the bot under test: it writes down what its handlers see, runs commands whose effect is a line."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field

from botkit import Context, Module, RoomMessage, Router, matches
from tests.soak.journal import Journal


class WitnessConfig(BaseModel):
    """Where to write."""

    journal: Path = Field(description="a folder")


router = Router("witness")
_JOURNALS: dict[Path, Journal] = {}


def _journal(ctx: Context[WitnessConfig]) -> Journal:
    path = ctx.config.journal
    if path not in _JOURNALS:
        _JOURNALS[path] = Journal(path)
    return _JOURNALS[path]


@router.message(catch_up=True)
async def saw(ctx: Context[WitnessConfig], message: RoomMessage) -> None:
    _journal(ctx).tell("saw", room=str(message.room), id=message.archive_id, source=message.source.value)


@router.message(matches(r"^probe (\S+)$"))
async def probe(message: RoomMessage) -> str:
    return f"here {message.body.split()[1]}"


@router.command("do")
async def do(ctx: Context[WitnessConfig], token: str) -> str:
    """Do something that must not be done twice."""
    _journal(ctx).tell("ran", token=token)
    return f"done {token}"


@router.command("note")
async def note(ctx: Context[WitnessConfig], token: str) -> None:
    """Post something that must stand in the room once, whatever happens."""
    _journal(ctx).tell("noting", token=token)
    await ctx.notify(f"notice {token}", key=token)
    _journal(ctx).tell("noted", token=token)


module = Module(name="witness", config=WitnessConfig, router=router)
