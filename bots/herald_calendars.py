"""Events of calendars, announced some time before they begin."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from botkit.http.fetch import Fetched, FetchError, fetch
from botkit.model.events import Tick
from botkit.routing.context import Context
from botkit.routing.router import Router
from botkit.routing.specs import ScheduleSpec
from botkit.services.calendars import CalendarError, Occurrence, occurrences
from botkit.services.schedule import Once
from botkit.text import styling
from bots.herald_looking import LOOKS, Looking, filled, load, save, trouble
from bots.herald_settings import HeraldConfig
from bots.herald_sources import Calendar

AHEAD = timedelta(days=8)
"""How far ahead events are written down as jobs: a calendar that cannot be read for so long is no loss."""
MOST_BYTES = 5 * 1024 * 1024

router = Router("calendars")
_bodies: OrderedDict[str, bytes] = OrderedDict()  # by URL: what a 304 stands for


class Event(BaseModel):
    """What the job of one occurrence is made with; JSON. ``start`` is ISO 8601."""

    calendar: str
    summary: str
    location: str
    start: str
    all_day: bool


@router.schedules_from
def jobs(config: HeraldConfig) -> list[ScheduleSpec]:
    """A job for each calendar; whether it is time to read it stands in what is kept of it."""
    return [
        ScheduleSpec(
            handler=look, job=f"calendars/{c.name}", interval=LOOKS, kept=False, retries=0, pause_after=0, timeout=90
        )
        for c in config.calendars
    ]  # fmt: skip


async def look(ctx: Context[HeraldConfig], tick: Tick) -> None:
    """Read a calendar, if it is time, and have the jobs that it asks for."""
    calendar = next((c for c in ctx.config.calendars if f"calendars/{c.name}" == tick.job), None)
    if calendar is None:
        return
    key = f"calendar {calendar.name}"
    state = await load(ctx, key, calendar.source)
    if not state.due(ctx.now()):
        return
    try:
        state, body = await _read(ctx, calendar, state)
        found = await asyncio.to_thread(
            occurrences, body, ctx.now(), ctx.now() + AHEAD + calendar.before, ZoneInfo(calendar.timezone)
        )
        await _arrange(ctx, calendar, found)
        state = replace(state, begun=True)
    except (FetchError, CalendarError, OSError) as problem:
        state = await trouble(
            ctx, f"The calendar {calendar.name}", state.failed(ctx.now(), calendar.every, str(problem))
        )  # fmt: skip
    await save(ctx, key, state)


async def _read(ctx: Context[HeraldConfig], calendar: Calendar, state: Looking) -> tuple[Looking, bytes]:
    if calendar.path is not None:
        return state.worked(ctx.now(), calendar.every), await asyncio.to_thread(_file, calendar.path)
    assert calendar.url is not None, "one of the two is there"
    known = _bodies.get(calendar.url)
    found = await fetch(
        calendar.url, now=ctx.now(), etag=state.etag if known is not None else None,
        modified=state.modified if known is not None else None, most=MOST_BYTES, private=calendar.private,
    )  # fmt: skip
    body = known if known is not None and found.status == 304 else _body(found)
    if found.status == 200:
        _bodies[calendar.url] = body
        while len(_bodies) > 16:
            _bodies.popitem(last=False)
        state = replace(state, etag=found.etag, modified=found.modified)
    return state.worked(ctx.now(), calendar.every, found.retry_after), body


def _body(found: Fetched) -> bytes:
    if found.status != 200:
        raise FetchError(f"the server says {found.status}")
    return found.body


def _file(path: Path) -> bytes:
    with path.open("rb") as file:
        body = file.read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        raise CalendarError(f"it has more than {MOST_BYTES} bytes")
    return body


async def _arrange(ctx: Context[HeraldConfig], calendar: Calendar, found: list[Occurrence]) -> None:
    """A job for each event that is ahead, under a name that stays if it is moved; none for those that are no more."""
    prefix = f"calendar/{calendar.name}/"
    there = {name: job for name, job in await ctx.jobs.all() if name.startswith(prefix)}
    wanted = set()
    for occurrence in found:
        due = _due(calendar, occurrence)
        if due <= ctx.now():
            continue
        name = prefix + hashlib.sha256(occurrence.key.encode()).hexdigest()[:20]
        event = Event(
            calendar=calendar.name, summary=occurrence.summary, location=occurrence.location,
            start=occurrence.start.isoformat(), all_day=occurrence.all_day,
        )  # fmt: skip
        wanted.add(name)
        when, job = Once.at(due), there.get(name)
        if job is None or job.record.rule != when.rule or job.record.arguments != event.model_dump(mode="json"):
            grace = timedelta(hours=12) if occurrence.all_day else max(calendar.before, timedelta(minutes=5))
            await ctx.jobs.add("calendars/say", when, name=name, arguments=event, grace=grace)
    for name, job in there.items():
        if name not in wanted and job.due is not None and job.due > ctx.now():
            await ctx.jobs.cancel(name)


def _due(calendar: Calendar, occurrence: Occurrence) -> datetime:
    if not occurrence.all_day:
        return occurrence.start - calendar.before
    day = occurrence.start.astimezone(ZoneInfo(calendar.timezone))
    return datetime.combine(day.date(), calendar.all_day, day.tzinfo).astimezone(UTC)


@router.job("calendars/say")
async def say(ctx: Context[HeraldConfig], tick: Tick, event: Event) -> None:
    """An event is near."""
    calendar = next((c for c in ctx.config.calendars if c.name == event.calendar), None)
    if calendar is None:  # no longer in the config
        return
    start = datetime.fromisoformat(event.start).astimezone(ZoneInfo(calendar.timezone))
    today = ctx.now().astimezone(start.tzinfo).date()
    begins = "today" if event.all_day else f"at {start:%H:%M}" if start.date() == today else f"{start:%a %d %b %H:%M}"
    values = {"summary": event.summary, "location": event.location}
    text = filled(
        calendar.text, {key: styling.escape_line(value) for key, value in values.items()} | {"start": begins}
    )  # fmt: skip
    expires = start + timedelta(days=1) if event.all_day else max(start, ctx.now() + timedelta(minutes=5))
    for room in calendar.addresses() or tuple(info.address for info in ctx.link.rooms()):
        await ctx.notify(text, to=room, key=f"{tick.key} {room}" if tick.key else None, expires=expires)
