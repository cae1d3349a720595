"""What another program sends to a webhook of ours, and what it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class HookRequest:
    """A request as it came. ``headers``: names in small letters. ``sender``: its IP address, as far as it is known."""

    headers: Mapping[str, str]
    body: bytes
    media_type: str = "application/json"
    sender: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookAnswer:
    """What it is told. ``result`` is a word for metrics; ``detail`` says what is wrong, or why nothing is said.

    ``ids``: the message ids of what will be said (status 202). ``retry_after``: seconds until another try makes sense.
    """

    status: int
    result: str
    detail: str = ""
    ids: tuple[str, ...] = field(default=())
    retry_after: float | None = None
