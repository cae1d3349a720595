"""What is looked at again and again, somewhere else: when the next time is, and what becomes of failures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from botkit.model.actions import Notice
from botkit.routing.context import Context

LOOKS = timedelta(minutes=1)
"""How often it is looked whether it is time to look."""
LONGEST_PAUSE = timedelta(days=1)
LONGEST_WISH = timedelta(days=7)
"""How long a server may have us stay away."""
BROKEN = timedelta(days=1)
"""What has not worked for so long is told, once."""


@dataclass(frozen=True, slots=True)
class Looking:
    """How it stands with one source; kept. ``source`` is what was looked at: a new one begins anew.

    ``next`` and ``since`` (of the failures) are ISO 8601. ``gone``: it said that it will not come back.
    """

    source: str
    next: str = ""
    etag: str | None = None
    modified: str | None = None
    failures: int = 0
    since: str | None = None
    told: bool = False
    gone: bool = False
    begun: bool = False
    seen: tuple[str, ...] = ()
    error: str = ""

    def due(self, now: datetime) -> bool:
        """Is it time to look?"""
        return not self.gone and (not self.next or datetime.fromisoformat(self.next) <= now)

    def worked(self, now: datetime, every: timedelta, wish: timedelta | None = None) -> Looking:
        """After a look that went well. ``wish``: the server's (Retry-After)."""
        pause = max(every, min(wish or every, LONGEST_WISH))
        return replace(self, next=(now + pause).isoformat(), failures=0, since=None, told=False, error="")

    def failed(self, now: datetime, every: timedelta, error: str, wish: timedelta | None = None) -> Looking:
        """After one that did not: twice as long a pause each time."""
        pause = max(every, min(every * 2.0 ** min(self.failures, 16), LONGEST_PAUSE), min(wish or every, LONGEST_WISH))
        return replace(
            self, next=(now + pause).isoformat(), failures=self.failures + 1, since=self.since or now.isoformat(),
            error=error[:300],
        )  # fmt: skip


async def load(ctx: Context[Any], key: str, source: str) -> Looking:
    """How it stands; from the beginning if the config names another source."""
    found = await ctx.storage.get(key)
    if isinstance(found, Mapping) and found.get("source") == source:
        try:
            return replace(Looking(**found), seen=tuple(found.get("seen", ())))
        except TypeError:  # an older version's
            pass
    return Looking(source)


async def save(ctx: Context[Any], key: str, state: Looking) -> None:
    """Keep it."""
    await ctx.storage.put(key, asdict(state))


async def trouble(ctx: Context[Any], what: str, state: Looking) -> Looking:
    """Log a failure, and tell those who run the bot once, if it has lasted or is for good."""
    ctx.log.warning("a source failed", source=what, reason=state.error, failures=state.failures, next=state.next)
    lasted = state.since is not None and ctx.now() - datetime.fromisoformat(state.since) >= BROKEN
    if state.told or not (lasted or state.gone):
        return state
    end = "It is not asked any more." if state.gone else "It is tried again, now and then."
    for admin in sorted(ctx.services.admins, key=str):
        text = f"{what} does not work: {state.error}. {end}"
        await ctx.perform(Notice(to=admin.bare, text=text, groupchat=False, expires=ctx.now() + timedelta(days=7)))
    return replace(state, told=True)


def filled(template: str, values: Mapping[str, str]) -> str:
    """``{title}`` and the like filled in, in one go: what is filled in is not looked at again."""
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), template).strip()


def known_fields(template: str, names: tuple[str, ...]) -> str:
    """The template. Raises ``ValueError`` if it names what there is not."""
    unknown = [name for name in re.findall(r"\{(\w*)\}", template) if name not in names]
    if unknown:
        raise ValueError(f"there is no {{{unknown[0]}}}; there are {', '.join(f'{{{name}}}' for name in names)}")
    return template
