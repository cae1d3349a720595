"""``remind me tomorrow 9:00 to water the plants``; listing, and cancelling."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import ValidationError

from botkit.errors import MisuseError
from botkit.model.events import OccupantJoined, Tick
from botkit.model.jobs import JobInfo
from botkit.model.rooms import Affiliation
from botkit.routing.constraints import Pattern
from botkit.routing.context import Context
from botkit.routing.handles import RoomHandle
from botkit.routing.recording import Group
from botkit.routing.router import Router
from botkit.routing.specs import Example
from botkit.routing.words import CommandError
from botkit.services.schedule import time_zone
from bots import herald_when
from bots.herald_reminder import Person, Reminder, asker_of, deliver, is_aloud, of_person
from bots.herald_settings import HeraldConfig
from bots.herald_shown import keep_shown
from bots.herald_times import When, late
from bots.herald_when import Wanted

LATE = timedelta(days=7)
"""How late a reminder may be, and how long it waits for a room that is lost."""
LONGEST = 1000  # characters of a reminder

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look like another

router = Router("remind")
herald_when.add_to(router)
remind: Group = router.group("remind", doc="Be reminded of something.")


@remind.command(
    "me",
    examples=[
        Example("remind me tomorrow at 9 to water the plants"),
        Example("remind me in 2h tea", note="as a length of time"),
        Example("remind me every weekday 8:45 stand-up", note="again and again"),
    ],
)
async def remind_me(ctx: Context[HeraldConfig], when: Wanted, *, text: str) -> str:
    """Be reminded here: once, or again and again."""
    person = asker_of(ctx)
    mine = [job for _, job, reminder in await reminders_of(ctx) if of_person(reminder, person)]
    _refuse_more(len(mine), ctx.config.reminders.per_person, "you have")
    reminder = Reminder(
        text=_worded(text), who=person.key, room=str(person.room) if person.room is not None else None,
        aloud=is_aloud(ctx), account=str(person.account) if person.account is not None else None,
        zone=when.zone, repeats=when.repeats,
    )  # fmt: skip
    return await _keep(ctx, reminder, when, person)


@remind.command(
    "room",
    needs=Affiliation.MEMBER,
    examples=[Example("remind room every monday 9:00 the weekly meeting begins", run=False)],
)
async def remind_room(ctx: Context[HeraldConfig], room: RoomHandle, when: Wanted, *, text: str) -> str:
    """Have everybody here reminded: for members."""
    person = asker_of(ctx)
    if person.room != room.address:
        raise CommandError("Say it in the room that is to be reminded.")
    here = str(room.address)
    kept = [job for _, job, reminder in await reminders_of(ctx) if reminder.whole_room and reminder.room == here]
    _refuse_more(len(kept), ctx.config.reminders.per_room, "this room has")
    reminder = Reminder(
        text=_worded(text), who=person.key, room=here, whole_room=True, zone=when.zone, repeats=when.repeats
    )
    return await _keep(ctx, reminder, when, person)


@router.command("reminders", effects=False)
async def listed(ctx: Context[HeraldConfig]) -> str:
    """What you, and the room, will be reminded of."""
    person = asker_of(ctx)
    lines = []
    for name, job, reminder in await reminders_of(ctx):
        for_room = reminder.whole_room and person.room is not None and reminder.room == str(person.room)
        private = not reminder.whole_room and not reminder.aloud and is_aloud(ctx)
        if (for_room or of_person(reminder, person)) and not private:
            due = moment_words(job.due, reminder.zone) if job.due is not None else "paused, or being said"
            whose = " to the room" if reminder.whole_room else ""
            again = " (again and again)" if reminder.repeats else ""
            lines.append(f"{name}: {due}{again}{whose}: {reminder.text}")
    return "\n".join(lines) or "There are no reminders."


@router.command("forget", examples=[Example("forget k3fa", run=False)])
async def forget(
    ctx: Context[HeraldConfig], reminder: Annotated[str, Pattern(r"[a-z0-9]{4}", "an id as reminders shows it")]
) -> str:
    """Cancel a reminder."""
    person = asker_of(ctx)
    for name, _, found in await reminders_of(ctx):
        if name == reminder and may_change(ctx, found, person):
            await ctx.jobs.cancel(f"remind/{name}")
            return f"Forgotten: {found.text}"
    raise CommandError(f"You have no reminder {reminder}; see: reminders")


def may_change(ctx: Context[HeraldConfig], reminder: Reminder, person: Person) -> bool:
    """Its owner may; a room's reminder may be changed by the room's admins, too."""
    if of_person(reminder, person):
        return True
    now = ctx.link.occupant(ctx.sender.address) if ctx.sender is not None else None
    here = person.room is not None and reminder.room == str(person.room)
    return bool(
        reminder.whole_room and here and now and now.identity == person.key and now.affiliation >= Affiliation.ADMIN
    )


async def reminders_of(ctx: Context[HeraldConfig]) -> list[tuple[str, JobInfo, Reminder]]:
    """Every reminder: its id, its job and itself."""
    found = []
    for name, job in await ctx.jobs.all():
        if name.startswith("remind/") and not job.record.declared:
            try:
                found.append((name.removeprefix("remind/"), job, Reminder.model_validate(job.record.arguments)))
            except ValidationError:  # an older version's; its run will say so
                continue
    return found


async def put(ctx: Context[HeraldConfig], ident: str, reminder: Reminder, when: When) -> None:
    """Keep a reminder. Raises ``CommandError`` where its owner has too many jobs."""
    try:
        await ctx.jobs.add("reminders/say", when, name=f"remind/{ident}", arguments=reminder, grace=LATE)
    except MisuseError as problem:
        raise CommandError(str(problem)) from None


@router.job("reminders/say")
async def say(ctx: Context[HeraldConfig], tick: Tick, reminder: Reminder) -> None:
    """A reminder is due."""
    key = tick.key or f"{tick.job} {tick.at.isoformat()}"
    text = reminder.text + late(tick, time_zone(reminder.zone))
    sent = await deliver(ctx, reminder, text, key, ctx.now() + LATE)
    if sent is not None:
        await keep_shown(ctx, sent, reminder)
    elif not reminder.whole_room:
        await ctx.storage.put(f"waits {reminder.room} {reminder.who} {key}", [reminder.model_dump(mode="json"), text])
    ctx.log.info("reminder said" if sent is not None else "reminder waits", due=tick.at.isoformat())


@router.join
async def back(ctx: Context[HeraldConfig], event: OccupantJoined) -> None:
    """Somebody for whom a reminder waits comes in."""
    identity = event.author.identity
    if identity is None:
        return
    for stored, value in (await ctx.storage.items(f"waits {event.room} {identity} ")).items():
        await ctx.storage.delete(stored)
        match value:
            case [dict(fields), str(text)]:
                reminder = Reminder.model_validate(fields)
                sent = await deliver(ctx, reminder, text, f"late {stored}", ctx.now() + LATE)
                if sent is not None:
                    await keep_shown(ctx, sent, reminder)


async def _keep(ctx: Context[HeraldConfig], reminder: Reminder, when: Wanted, person: Person) -> str:
    ident = await new_ident(ctx)
    await put(ctx, ident, reminder, when.when)
    again = ", and again and again" if when.repeats else ""
    return f"Reminder {ident}: {moment_words(when.first, when.zone)}{again}."


async def new_ident(ctx: Context[HeraldConfig]) -> str:
    """A short id that no reminder has."""
    taken = {name for name, _, _ in await reminders_of(ctx)}
    while (ident := "".join(secrets.choice(_LETTERS) for _ in range(4))) in taken:
        continue
    return ident


def moment_words(moment: datetime, zone: str) -> str:
    """``Tue 2026-01-06 09:00 (Europe/Berlin)``."""
    return f"{moment.astimezone(time_zone(zone)):%a %Y-%m-%d %H:%M} ({zone})"


def _worded(text: str) -> str:
    said = text.strip()
    for word in ("to ", "that "):
        if said.lower().startswith(word) and said[len(word) :].strip():
            said = said[len(word) :].strip()
            break
    if not said or len(said) > LONGEST:
        raise CommandError(f"A reminder has from 1 to {LONGEST} characters.")
    return said


def _refuse_more(count: int, most: int, who: str) -> None:
    if count >= most:
        raise CommandError(f"No more: {who} {count} reminders, and {most} is the most. See: reminders, forget")
