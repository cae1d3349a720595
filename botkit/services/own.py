"""The bot's own commands, for those who run it (``[access] admins``): by a form, or written to it directly."""

from __future__ import annotations

from typing import Any

from botkit.model.status import ReloadStatus
from botkit.ports import View
from botkit.routing.context import Context
from botkit.routing.router import Router
from botkit.routing.specs import Need
from botkit.services.own_jobs import serve_jobs
from botkit.services.own_status import serve_status


def own_commands(view: View) -> Router:
    """A router with ``reload``, and what ``own_status`` and ``own_jobs`` add."""
    router = Router("botkit")
    serve_status(router, view)
    serve_jobs(router)

    @router.command("reload", needs=Need.BOT_ADMIN)
    async def reload(ctx: Context[Any]) -> str:
        """Read config and modules again, and go on with them. If anything is wrong, all stays as it is."""
        await view.reload()
        accounts = view.status().accounts
        several = len(accounts) > 1
        return "\n".join(
            f"{one.account}: {_shown(one.reload)}" if several else _shown(one.reload)
            for one in accounts
            if one.reload is not None
        )

    return router


def _shown(status: ReloadStatus | None) -> str:
    if status is None:
        return "not reloaded"
    begin = "Reloaded." if status.ok else "Nothing was changed, as there are mistakes."
    return "\n".join((begin, *status.told))
