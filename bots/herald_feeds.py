"""New entries of RSS and Atom feeds, as notices."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from botkit.http.fetch import Fetched, FetchError, fetch
from botkit.model.events import Tick
from botkit.routing.context import Context
from botkit.routing.router import Router
from botkit.routing.specs import Need, ScheduleSpec
from botkit.services.feeds import Entry, FeedError, parse_feed
from botkit.text import styling
from bots.herald_looking import LOOKS, Looking, filled, load, save, trouble
from bots.herald_settings import HeraldConfig
from bots.herald_sources import Feed

EXPIRES = timedelta(days=1)
"""How long an entry waits for a room that the bot is not in."""
SEEN = 1000
"""Entries of a feed that are known again."""

router = Router("feeds")


@router.schedules_from
def jobs(config: HeraldConfig) -> list[ScheduleSpec]:
    """A job for each feed; whether it is time to ask stands in what is kept of it."""
    return [
        ScheduleSpec(
            handler=look, job=f"feeds/{f.name}", interval=LOOKS, kept=False, retries=0, pause_after=0, timeout=90
        )
        for f in config.feeds
    ]  # fmt: skip


async def look(ctx: Context[HeraldConfig], tick: Tick) -> None:
    """Ask a feed, if it is time, and post what is new."""
    feed = next((f for f in ctx.config.feeds if f"feeds/{f.name}" == tick.job), None)
    if feed is None:
        return
    key = f"feed {feed.name}"
    state = await load(ctx, key, feed.url)
    if not state.due(ctx.now()):
        return
    try:
        found = await fetch(
            feed.url, now=ctx.now(), etag=state.etag, modified=state.modified, private=feed.private
        )  # fmt: skip
        state = await _answered(ctx, feed, state, found)
    except (FetchError, FeedError) as problem:
        state = state.failed(ctx.now(), feed.every, str(problem))
    if state.failures or state.gone:
        state = await trouble(ctx, f"The feed {feed.name}", state)
    await save(ctx, key, state)


async def _answered(ctx: Context[HeraldConfig], feed: Feed, state: Looking, found: Fetched) -> Looking:
    if found.status == 304:
        return state.worked(ctx.now(), feed.every, found.retry_after)
    if found.status == 410:  # RFC 9110 §15.5.11: "likely to be permanent"
        return replace(state.failed(ctx.now(), feed.every, "it is gone for good (410)"), gone=True)
    if found.status != 200:
        return state.failed(ctx.now(), feed.every, f"the server says {found.status}", found.retry_after)
    read = await asyncio.to_thread(parse_feed, found.body, found.content_type)
    seen = set(state.seen)
    new = [entry for entry in read.entries if entry.key not in seen]
    if not state.begun:
        new = new[len(new) - min(feed.first, len(new)) :]
    await _post(ctx, feed, read.title or feed.name, new)
    keys = [entry.key for entry in read.entries]
    here = set(keys)
    kept = [key for key in state.seen if key not in here] + keys
    state = replace(state, etag=found.etag, modified=found.modified, seen=tuple(kept[-SEEN:]), begun=True)
    return state.worked(ctx.now(), feed.every, found.retry_after)


async def _post(ctx: Context[HeraldConfig], feed: Feed, title: str, new: Sequence[Entry]) -> None:
    """The newest of them, oldest first, each once in each room."""
    rooms = feed.addresses() or tuple(info.address for info in ctx.link.rooms())
    shown = new[-feed.most :]
    name = styling.escape_line(title)
    texts = [
        (e.key, filled(feed.text, {"feed": name, "title": styling.escape_line(e.title or "–"), "link": e.link}))
        for e in shown
    ]
    if len(shown) < len(new):
        texts.append((f"{shown[-1].key} more", f"{name}: and {len(new) - len(shown)} more"))
    for key, text in texts:
        for room in rooms:
            await ctx.notify(text, to=room, key=f"feed {feed.name} {key} {room}", expires=ctx.now() + EXPIRES)
    if texts:
        ctx.log.info("feed posted", feed=feed.name, entries=len(shown))


@router.command("feeds", needs=Need.BOT_ADMIN, effects=False)
async def feeds(ctx: Context[HeraldConfig]) -> str:
    """Every feed and calendar, and how it stands with it."""
    lines = []
    sources = [(f"feed {f.name}", f.url) for f in ctx.config.feeds]
    sources += [(f"calendar {c.name}", c.source) for c in ctx.config.calendars]
    for key, source in sources:
        state = await load(ctx, key, source)
        well = state.error or ("works" if state.begun else "not looked at yet")
        lines.append(f"{key}: {well}; {'never again' if state.gone else 'next ' + (state.next[:16] or 'soon')}")
    return "\n".join(lines) or "There are no feeds and no calendars."
