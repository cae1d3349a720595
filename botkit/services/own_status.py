"""Ad-hoc commands of the bot itself, for those who run it (``[access] admins``): how it is, and rooms tried again.

One process may hold several bots: each tells of itself alone, as its admins need not be those of another.
"""

from __future__ import annotations

from typing import Any

from botkit.model.address import Address
from botkit.model.forms import Field, FieldKind, Form, Note, NoteKind, Option
from botkit.model.rooms import RoomState
from botkit.model.status import AccountStatus, RoomStatus
from botkit.ports import View
from botkit.routing.context import Context
from botkit.routing.router import Router
from botkit.services.status_words import account_details, account_line, history_words, own_place, remarks, span

STATUS, RETRY = "botkit:status", "botkit:retry"
"""Nodes of our own, so that a module's command of the same name stays what it is."""

_ALL = "all"
_COLUMNS = (
    ("room", "Room", FieldKind.JID_SINGLE),
    ("state", "State", FieldKind.TEXT_SINGLE),
    ("since", "Since", FieldKind.TEXT_SINGLE),
    ("as", "As", FieldKind.TEXT_SINGLE),
    ("people", "People", FieldKind.TEXT_SINGLE),
    ("history", "History", FieldKind.TEXT_SINGLE),
    ("waiting", "Waiting", FieldKind.TEXT_SINGLE),
    ("remarks", "Remarks", FieldKind.TEXT_SINGLE),
)


def serve_status(router: Router, view: View) -> None:
    """Add the commands to ``router``."""

    @router.adhoc(STATUS, "How the bot is")
    async def status(ctx: Context[Any], form: Form | None) -> Form | Note:
        account = _own(ctx, view)
        if account is None:
            return _UNKNOWN
        now = ctx.now()
        return Form(
            kind="result",
            title="How the bot is",
            instructions=(account_line(account, now), *account_details(account, now)),
            reported=tuple(Field(var=var, label=label, kind=kind) for var, label, kind in _COLUMNS),
            rows=tuple(_row(room, ctx) for room in account.rooms),
        )

    @router.adhoc(RETRY, "Try rooms again")
    async def retry(ctx: Context[Any], form: Form | None) -> Form | Note:
        account = _own(ctx, view)
        if account is None:
            return _UNKNOWN
        out = [room for room in account.rooms if room.state in (RoomState.REFUSED, RoomState.WAITING)]
        if not out:
            return Note("The bot is in every room, or on its way into it.")
        if form is None:
            return _choice(out)
        wanted = next(iter(form.values().get("room", ())), _ALL)
        tried: list[Address] = []
        for room in out:
            if wanted in (_ALL, str(room.room)):
                tried += await view.retry(room.room)
        if not tried:
            return Note("That room is not out.", NoteKind.WARN)
        return Note(f"Tried again now: {', '.join(map(str, tried))}.")


_UNKNOWN = Note("The bot is starting; ask again in a moment.", NoteKind.WARN)


def _own(ctx: Context[Any], view: View) -> AccountStatus | None:
    me = ctx.link.address.bare
    return next((one for one in view.status().accounts if one.account == me), None)


def _row(room: RoomStatus, ctx: Context[Any]) -> dict[str, tuple[str, ...]]:
    now = ctx.now()
    return {
        "room": (str(room.room),),
        "state": (room.state.value,),
        "since": (span(room.since, now),),
        "as": (own_place(room),),
        "people": (str(room.occupants),),
        "history": (history_words(room.history),),
        "waiting": (str(room.events + room.outgoing),),
        "remarks": ("; ".join(remarks(room, now)),),
    }


def _choice(out: list[RoomStatus]) -> Form:
    rooms = tuple(Option(value=str(room.room), label=f"{room.room} ({room.problem})") for room in out)
    return Form(
        title="Try rooms again",
        instructions=("They refused the bot, or it waits before it tries them again.",),
        fields=(
            Field(
                var="room",
                kind=FieldKind.LIST_SINGLE,
                label="Room",
                required=True,
                values=(_ALL,),
                options=(Option(value=_ALL, label="all of them"), *rooms),
            ),
        ),
    )
