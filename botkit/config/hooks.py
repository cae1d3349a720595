"""``[hooks.NAME]``: requests of other programs that become notices."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field

from botkit.config.lines import Path
from botkit.config.mistakes import Draft, suggestion
from botkit.config.secrets import Secret
from botkit.config.table import Table
from botkit.config.values import BareJid, PositiveDuration, RoomJid
from botkit.errors import BadAddress
from botkit.model.address import Address

HookFormat = Literal["github", "gitlab", "gitea", "alertmanager", "grafana", "json"]
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")


class HookConfig(Table):
    """One webhook: who may call it, how what comes is read, where it is said."""

    format: HookFormat = Field(description="who calls it; json: anybody, with a template of yours")
    secret: Secret
    rooms: tuple[RoomJid, ...] = Field(default=(), description="the rooms in which it is said")
    people: tuple[BareJid, ...] = Field(default=(), description="the accounts to which it is said")
    template: str | None = Field(
        default=None, min_length=1, max_length=20_000, description="the text, as a jinja2 template; json needs one"
    )
    events: tuple[str, ...] | None = Field(default=None, description='what is said, like "push" or "issues.opened"')
    per_minute: int = Field(default=60, ge=1, le=100_000, description="requests a minute; more are told to wait")
    expires: PositiveDuration | None = Field(default=None, description="what cannot be said for so long is left out")
    max_bytes: int = Field(default=1 << 20, ge=1024, le=5 << 20, description="the largest body of a request")


def check_hooks(draft: Draft, rooms: dict[Address, Path]) -> None:
    """Note what one key cannot know of another. ``rooms``: those of the config."""
    hooks = draft.at(("hooks",))
    for name, hook in hooks.items() if isinstance(hooks, dict) else ():
        base: Path = ("hooks", name)
        if not _NAME.fullmatch(name):
            draft.add(base, "expected a name of small letters, digits, - and _, a letter first")
        if isinstance(hook, dict):
            _check_hook(draft, base, hook)
            _check_rooms(draft, base, hook, rooms)


def _check_hook(draft: Draft, base: Path, hook: dict[str, object]) -> None:
    if not hook.get("rooms") and not hook.get("people"):
        draft.add(base, "nobody would hear of it; expected `rooms` or `people`")
    if hook.get("format") == "json":
        if "template" not in hook:
            draft.add((*base, "template"), "missing; a hook of the format json needs one")
        if "events" in hook:
            draft.add((*base, "events"), "the format json knows no events; let the template say nothing instead")


def _check_rooms(draft: Draft, base: Path, hook: dict[str, object], rooms: dict[Address, Path]) -> None:
    listed = hook.get("rooms")
    for position, room in enumerate(listed if isinstance(listed, list) else ()):
        try:
            address = Address.parse(room) if isinstance(room, str) else None
        except BadAddress:
            continue  # told by the schema
        if address is not None and address not in rooms:
            known = suggestion(str(address), [str(one) for one in rooms])
            draft.add((*base, "rooms", position), f"the config has no such room in [[rooms]]{known}")
