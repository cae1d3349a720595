"""Things to be said that come from outside of the bot: from the shell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from botkit.model.address import Address


class PostState(Enum):
    """What became of a post."""

    DELIVERED = "delivered"  # the room has sent it back, or our server has it for the person
    WAITING = "waiting"  # kept, and said as soon as that is possible
    SCHEDULED = "scheduled"  # kept, and said at its time
    REFUSED = "refused"
    EXPIRED = "expired"
    REPLACED = "replaced"  # a later one took its place before it was said


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Say ``text``, or the URL of ``file`` (a path of this machine), in a room or to an account (bare JID).

    ``key``: a second post with the same is not said. ``topic``: a later post of the same takes its place. ``at`` and
    ``expires`` are when it is said, and until when. ``attached``: the text is the URL of a file.
    ``urgent``: quiet hours and
    digests do not hold it up. ``groupchat``: to a room; None: it is one if the bot has it among its rooms.
    """

    to: Address
    key: str
    topic: str
    text: str = ""
    file: str | None = None
    at: datetime | None = None
    expires: datetime | None = None
    attached: bool = False
    urgent: bool = False
    groupchat: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What became of it. ``id`` is what a later one names to take its place (its topic); ``job`` is the name of the
    job that says it at its time; ``reason``: why it was not said, in words."""

    state: PostState
    id: str
    message_id: str | None = None
    archive_id: str | None = None
    url: str | None = None
    job: str | None = None
    reason: str | None = None
