"""Notices as they are kept until they stand where they belong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from botkit.model.actions import Urgency
from botkit.model.address import Address
from botkit.model.messages import ArchiveId, MessageId

DIGEST = "\ndigest "
"""How keys of digests begin. A line feed: nobody's own key has it."""

RETRACTION = "\nretraction "
"""How keys of retractions begin."""

ATTACHED = "\nfile "
"""How keys of notices begin whose text is the URL of a file. A line feed: nobody's own key has it."""


class NoticeState(Enum):
    """How far a notice is."""

    WAITING = "waiting"  # certainly not sent yet
    SENDING = "sending"  # may have been sent; whether it arrived is to be found out
    COLLECTED = "collected"  # is in a digest, and goes the way of that
    DONE = "done"
    EXPIRED = "expired"
    FAILED = "failed"  # refused for good; ``reason`` says why
    REPLACED = "replaced"  # a later notice of its topic came before it was sent

    @property
    def is_open(self) -> bool:
        """True while there is something left to do."""
        return self in (NoticeState.WAITING, NoticeState.SENDING, NoticeState.COLLECTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredNotice:
    """One message of a notice. A long text is several, with the same ``key`` and ``part`` counted from 0.

    ``message_id`` is given before the first attempt and never changes: it is how the message is known again.
    ``attempted`` is the time of the first attempt, ``sent_as`` the nick that we had at the last one. ``anchor`` is the
    archive's newest id before the first attempt: what was sent stands behind it. "": the archive was empty; None: it
    could not be asked. ``number`` is the order in which notices were written; 0 before that.

    ``topic`` as of ``Notice``. ``stay`` names the stay in the room in which it was last sent, ``replaces`` the message
    that it corrects then; None: it is a message of its own.

    With ``retracts`` it says nothing: it takes back what has this archive id in the room (message id in a chat with
    one), was said as ``sent_as`` and has the message id ``replaces``. ``within``: the key of the digest that it is in.
    """

    key: str
    part: int
    to: Address
    groupchat: bool
    text: str
    message_id: MessageId
    created: datetime
    not_before: datetime | None = None
    expires: datetime | None = None
    state: NoticeState = NoticeState.WAITING
    attempted: datetime | None = None
    anchor: str | None = None
    sent_as: str | None = None
    tries: int = 0
    settled: datetime | None = None
    archive_id: ArchiveId | None = None
    reason: str | None = None
    number: int = 0
    topic: str | None = None
    replaces: MessageId | None = None
    stay: str | None = None
    urgency: Urgency = Urgency.NORMAL
    retract_on_expiry: bool = False
    retracts: str | None = None
    digest: timedelta | None = None
    within: str | None = None

    @property
    def is_digest(self) -> bool:
        """True if it tells what other notices say."""
        return self.key.startswith(DIGEST)

    def is_over(self, now: datetime) -> bool:
        """True if it is not begun and need not be any more."""
        return self.state is NoticeState.WAITING and self.expires is not None and now >= self.expires
