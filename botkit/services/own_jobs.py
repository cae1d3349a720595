"""The command ``jobs`` for those who run the bot, and the job that says at its time what came from the shell."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from botkit.model.events import Tick
from botkit.model.plain import from_plain
from botkit.model.posts import Post
from botkit.routing.context import Context
from botkit.routing.router import Router
from botkit.routing.specs import Need
from botkit.services.job_status import act, job_lines, job_status, job_statuses, summaries
from botkit.services.posting import notice_of

_MOST = 50  # lines of one answer


def serve_jobs(router: Router) -> None:
    """Add them to ``router``."""

    @router.command("jobs", needs=Need.BOT_ADMIN)
    async def jobs(
        ctx: Context[Any],
        action: Literal["list", "show", "pause", "resume", "run", "cancel"] = "list",
        name: Annotated[str, "the job's, as the list has it"] = "",
    ) -> str:
        """What the bot does by the clock; show one with its last times, pause, resume, run or cancel it."""
        kept = ctx.services.jobs
        if kept is None:
            return "This bot keeps no jobs."
        if action == "list":
            lines = summaries(await job_statuses(kept))
            more = [f"… and {len(lines) - _MOST} more: botkit jobs"] if len(lines) > _MOST else []
            return "\n".join((*lines[:_MOST], *more)) or "There are no jobs."
        if action == "show":
            found = await job_status(kept, name)
            return "\n".join(job_lines(found)) if found is not None else f"There is no job {name}."
        return (await act(kept, action, name))[1]

    @router.job("send")
    async def send(tick: Tick, ctx: Context[Any]) -> None:
        await ctx.perform(notice_of(from_plain(Post, tick.arguments)))
