"""Jobs, as a handler makes them: under its module's name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from botkit.model.address import Address
from botkit.model.jobs import JobInfo, Missed
from botkit.ports import Jobs, When


class ModuleJobs:
    """The jobs of one module. Names are without the module's own."""

    __slots__ = ("_jobs", "_module")

    def __init__(self, jobs: Jobs, module: str) -> None:
        self._jobs = jobs
        self._module = module

    async def add(
        self,
        handler: str,
        when: When,
        *,
        name: str | None = None,
        arguments: object = None,
        rooms: Sequence[Address] | None = None,
        owner: Address | None = None,
        missed: Missed = Missed.ONCE,
        grace: timedelta = timedelta(days=1),
    ) -> str:
        """Have the module's ``@router.job(handler)`` run; kept over restarts when this returns its name.

        ``when`` is a ``Once``, ``Cron``, ``Monthly`` or ``Interval``. ``arguments`` is JSON, or a pydantic model.
        ``name`` of a job that is there replaces it. Raises ``MisuseError``, ``StoreError``.
        """
        dump = getattr(arguments, "model_dump", None)
        full = await self._jobs.add(
            self._full(handler), when, name=self._full(name) if name else None,
            arguments=dump(mode="json") if dump is not None else arguments,
            rooms=rooms, owner=owner, missed=missed, grace=grace,
        )  # fmt: skip
        return full.removeprefix(f"{self._module}.")

    async def cancel(self, name: str) -> bool:
        """Forget a job for good; False if there is none."""
        return await self._jobs.cancel(self._full(name))

    async def pause(self, name: str, reason: str) -> bool:
        """Let a job rest until ``resume``, over restarts too; False if there is none."""
        return await self._jobs.pause(self._full(name), reason)

    async def resume(self, name: str) -> bool:
        """Let it go on; what it would have done meanwhile is left out."""
        return await self._jobs.resume(self._full(name))

    async def run_now(self, name: str) -> bool:
        """Fire it now, beside its times; False if there is none."""
        return await self._jobs.run_now(self._full(name))

    async def all(self, owner: Address | None = None) -> list[tuple[str, JobInfo]]:
        """The module's jobs by name; of one owner, if given."""
        prefix = self._full("")
        return [
            (info.record.name.removeprefix(prefix), info)
            for info in await self._jobs.all()
            if info.record.name.startswith(prefix) and (owner is None or info.record.owner == owner)
        ]

    def _full(self, name: str) -> str:
        return f"{self._module}.{name}"
