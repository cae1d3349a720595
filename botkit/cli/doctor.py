"""``botkit doctor``: what each room supports, what the bot may do there, and what to do about what is missing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from botkit import logs
from botkit.clock import SystemClock
from botkit.errors import BotkitError, LinkError
from botkit.loading import LoadedConfig, load
from botkit.model.events import Event, RoomStateChanged, StreamEstablished, StreamLost
from botkit.model.rooms import Affiliation, Role, RoomInfo, RoomState
from botkit.session.link import XmppLink
from botkit.wiring import connection_settings

_SETTLED = (RoomState.JOINED, RoomState.REFUSED, RoomState.WAITING)


@dataclass(frozen=True, slots=True)
class Finding:
    """One room as the doctor saw it. ``advice`` has a line for each thing that could be better."""

    info: RoomInfo
    sees_jids: bool
    advice: tuple[str, ...]


def examine(config: Path, console: Console, *, as_json: bool, timeout: float) -> int:
    """Connect, look, print; 0 if nothing is to be done, else 1. Raises what ``load`` and the login raise."""
    loaded = load(config)
    logs.configure("error", "console")
    findings = asyncio.run(_look(loaded, timeout))
    if as_json:
        console.print_json(
            json.dumps({"account": str(loaded.config.account.jid), "rooms": [_json(f) for f in findings]})
        )
    else:
        _print(loaded, findings, console)
    return 1 if any(f.advice for f in findings) else 0


async def _look(loaded: LoadedConfig, timeout: float) -> list[Finding]:
    rooms = await asyncio.to_thread(loaded.config.room_settings)
    changed = asyncio.Event()
    lost: list[str] = []

    def emit(event: Event) -> None:
        if isinstance(event, StreamLost):
            lost.append(event.reason)
        if isinstance(event, RoomStateChanged | StreamEstablished | StreamLost):
            changed.set()

    async with asyncio.TaskGroup() as group:
        tasks: list[asyncio.Task[None]] = []

        def spawn(work: Awaitable[None], name: str) -> None:
            tasks.append(group.create_task(_quietly(work), name=name))

        settings = connection_settings(loaded)
        # a resource of its own: with the configured one it would throw the running bot out, or be thrown out by it
        settings = replace(settings, address=settings.address.bare)
        link = XmppLink(settings, emit=emit, clock=SystemClock(), spawn=spawn)
        fatal: list[BotkitError] = []
        connection = group.create_task(_connect(link, fatal, changed), name="link")
        for room in rooms:
            await link.join(room)
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while not fatal and not (link.rooms() and all(r.state in _SETTLED for r in link.rooms())):
                    changed.clear()
                    await changed.wait()
        findings = [_finding(info, link) for info in link.rooms()]
        if not fatal:
            await link.close()
        for task in (connection, *tasks):
            task.cancel()
    if fatal:
        raise fatal[0]
    if lost and all(f.info.state is RoomState.LEFT for f in findings):
        raise LinkError(f"no connection within {timeout:g} s: {lost[-1]}")
    return findings


async def _connect(link: XmppLink, fatal: list[BotkitError], changed: asyncio.Event) -> None:
    try:
        await link.run()
    except BotkitError as problem:
        fatal.append(problem)
    changed.set()


async def _quietly(work: Awaitable[None]) -> None:
    with suppress(BotkitError):
        await work


def _finding(info: RoomInfo, link: XmppLink) -> Finding:
    others = [o for o in link.occupants(info.address) if not o.is_self]
    sees = (info.me is not None and info.me.role is Role.MODERATOR) or any(o.real is not None for o in others)
    return Finding(info, sees, tuple(_advice(info, sees)))


_NO_ARCHIVE = "no archive: what is said while the bot is away is lost; ask for message archiving (MAM)"
_NO_MODERATION = (
    "no moderation (XEP-0425): messages cannot be retracted, the keeper goes on to devoice and kick; "
    "ask the operator for mod_muc_moderation or its like"
)
_NO_OCCUPANT_IDS = "no occupant ids (XEP-0421): people cannot be told apart where JIDs are hidden"
_NO_MODERATOR = "the bot is no moderator: it cannot retract, devoice or kick; make it an admin of the room"
_NO_ADMIN = "the bot is no admin: it cannot ban; make it an admin of the room"
_NO_JIDS = "real JIDs are hidden from the bot: who may run commands is known by affiliation alone"

_CHECKS: tuple[tuple[Callable[[RoomInfo, bool], bool], str], ...] = (
    (lambda room, _: room.archive, _NO_ARCHIVE),
    (lambda room, _: room.moderation is not None, _NO_MODERATION),
    (lambda room, _: room.occupant_ids, _NO_OCCUPANT_IDS),
    (lambda room, _: room.me is not None and room.me.role is Role.MODERATOR, _NO_MODERATOR),
    (lambda room, _: room.me is not None and room.me.affiliation >= Affiliation.ADMIN, _NO_ADMIN),
    (lambda _, sees: sees, _NO_JIDS),
)


def _advice(info: RoomInfo, sees: bool) -> list[str]:
    if info.state is not RoomState.JOINED:
        return [info.reason or "the room did not answer in time"]
    return [advice for passed, advice in _CHECKS if not passed(info, sees)]


def _can(info: RoomInfo) -> list[str]:
    me = info.me
    if me is None:
        return []
    can = ["speak"] if me.role >= Role.PARTICIPANT else []
    if me.role is Role.MODERATOR:
        can += ["retract"] if info.moderation is not None else []
        can += ["devoice", "kick"]
    if me.affiliation >= Affiliation.ADMIN:
        can.append("ban")
    if me.affiliation is Affiliation.OWNER:
        can.append("configure")
    return can


def _json(finding: Finding) -> dict[str, object]:
    info = finding.info
    return {
        "jid": str(info.address),
        "name": info.name,
        "state": info.state.value,
        "archive": info.archive,
        "moderation": info.moderation,
        "occupant_ids": info.occupant_ids,
        "affiliation": info.me.affiliation.word if info.me else None,
        "role": info.me.role.word if info.me else None,
        "sees_jids": finding.sees_jids,
        "can": _can(info),
        "advice": list(finding.advice),
    }


def _print(loaded: LoadedConfig, findings: list[Finding], console: Console) -> None:
    console.print(f"{loaded.config.account.jid}: {len(findings)} rooms", style="bold", highlight=False)
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        info = finding.info
        table.add_row("")
        table.add_row("[bold]room[/bold]", f"[bold]{escape(logs.printable(str(info.address)))}[/bold]")
        table.add_row("state", _mark(info.state is RoomState.JOINED, info.state.value))
        if info.me is not None:
            table.add_row("we are", f"{info.me.affiliation.word}, {info.me.role.word}")
            table.add_row("we may", ", ".join(_can(info)) or "nothing")
            table.add_row("archive", _mark(info.archive, "yes" if info.archive else "no"))
            version = "no" if info.moderation is None else f"yes, version {info.moderation}"
            table.add_row("moderation", _mark(info.moderation is not None, version))
            table.add_row("occupant ids", _mark(info.occupant_ids, "yes" if info.occupant_ids else "no"))
            table.add_row("real JIDs", _mark(finding.sees_jids, "seen" if finding.sees_jids else "hidden"))
        for advice in finding.advice:
            table.add_row("[yellow]to do[/yellow]", escape(logs.printable(advice)))
    console.print(table)
    if not findings:
        console.print("the config names no room")


def _mark(good: bool, text: str) -> str:
    return f"[green]{text}[/green]" if good else f"[red]{text}[/red]"
