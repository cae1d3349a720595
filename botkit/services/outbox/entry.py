"""One message on its way: waiting, sent, sent again, reflected or refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from botkit.errors import LinkClosed, MisuseError, RequestTimeout
from botkit.model.actions import Invite, Priority, React, RetractOwn, SendMessage, SetSubject
from botkit.model.address import Address
from botkit.model.messages import ArchiveId, MessageId

Talk = SendMessage | React | RetractOwn | SetSubject | Invite
"""What is sent as a message."""


class Entry:
    """A message from ``perform`` to its reflection. ``sent`` is the future of its id; None where nobody waits for it.

    ``queued`` while it waits to be sent, for the first time or again. ``archive_id`` may be None though it is
    ``reflected``. ``ended`` is what it came to nothing by.
    """

    __slots__ = (
        "_ends", "action", "archive_id", "at", "ended", "message_id", "number", "priority", "queued", "reflected",
        "sent", "tries",
    )  # fmt: skip

    def __init__(self, action: Talk, sent: asyncio.Future[MessageId] | None) -> None:
        self.action = action
        self.priority = priority_of(action)
        self.sent = sent
        self.number = 0
        self.queued = False
        self.tries = 0
        self.at = 0.0
        self.message_id: MessageId | None = None
        self.reflected = False
        self.archive_id: ArchiveId | None = None
        self.ended: Exception | None = None
        self._ends: list[asyncio.Future[None]] = []

    @property
    def is_given_up(self) -> bool:
        """True if whoever wanted it does not any more."""
        return self.sent is not None and self.sent.cancelled()

    @property
    def to(self) -> Address:
        """The room or account."""
        return recipient(self.action)

    @property
    def has_text(self) -> bool:
        """True for what rooms count as talk (XEP-0500 §5: messages with a body)."""
        return isinstance(self.action, SendMessage)

    @property
    def comes_back(self) -> bool:
        """True if the room sends it back with its id, so that it is known again."""
        return isinstance(self.action, SendMessage) and self.action.groupchat

    def went(self, message_id: MessageId) -> None:
        """It was handed to the stream."""
        self.message_id = message_id
        if isinstance(self.action, SendMessage):
            self.action = replace(self.action, message_id=message_id)  # sent again it is the same message
        if self.sent is not None and not self.sent.done():
            self.sent.set_result(message_id)

    def failed(self, problem: Exception) -> bool:
        """It came to nothing; True if somebody was told of it."""
        self.ended = problem
        told = bool(self._ends)
        self._end()
        if self.sent is not None and not self.sent.done():
            self.sent.set_exception(problem)
            return True
        return told

    def forget(self) -> None:
        """Nobody waits for it to be sent any more; unless it was, it is not sent."""
        if self.sent is not None and not self.sent.cancel() and not self.sent.cancelled():
            self.sent.exception()  # looked at: else asyncio complains that nobody did

    def came_back(self, archive_id: ArchiveId | None) -> None:
        """The room sent it to everybody."""
        self.reflected = True
        self.archive_id = archive_id
        self._end()

    def _end(self) -> None:
        for waiting in self._ends:
            if not waiting.done():
                waiting.set_result(None)
        self._ends.clear()

    async def until_reflected(self, timeout: float) -> ArchiveId | None:
        """See ``Sent.reflected``."""
        if not self.comes_back:
            raise MisuseError("only messages to a room come back from it")
        if not self.reflected and self.ended is None:
            waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._ends.append(waiting)
            try:
                async with asyncio.timeout(timeout):
                    await waiting
            except TimeoutError:
                raise RequestTimeout(f"{self.to} did not send our message back within {timeout:g} s") from None
            finally:
                if waiting in self._ends:
                    self._ends.remove(waiting)
        if self.ended is not None:
            raise self.ended
        return self.archive_id


class Followed:
    """``model.actions.Following`` for a message in one or more parts."""

    __slots__ = ("_correct", "_parts")

    def __init__(self, parts: tuple[Entry, ...], correct: Callable[[SendMessage], None]) -> None:
        self._parts = parts
        self._correct = correct

    async def reflected(self, timeout: float) -> ArchiveId | None:
        """Wait for all parts; the archive id of the first."""
        try:
            async with asyncio.timeout(timeout):
                for part in self._parts:
                    await part.until_reflected(timeout)
        except TimeoutError:
            raise RequestTimeout(f"{self._parts[0].to} did not send our message back within {timeout:g} s") from None
        return self._parts[0].archive_id

    async def update(self, text: str) -> None:
        """Queue a correction (XEP-0308); one that waits is replaced."""
        first = self._parts[0].action
        if len(self._parts) > 1 or not isinstance(first, SendMessage):
            raise MisuseError("a message in several parts cannot be updated; say less in it")
        # XEP-0308 §3: every correction names the first message, not the correction before.
        target = first.replaces or self._parts[0].message_id
        if target is None:
            raise LinkClosed("the message was never sent")
        self._correct(
            replace(
                first, body=text, replaces=target, message_id=None, split=False, priority=Priority.CHATTER, quote=None
            )
        )


def priority_of(action: Talk) -> Priority:
    """How urgent it is."""
    if isinstance(action, SendMessage):
        return action.priority
    return Priority.CHATTER if isinstance(action, React) else Priority.REPLY


def recipient(action: Talk) -> Address:
    """The bare JID of whom it is for."""
    return (action.room if isinstance(action, SetSubject | Invite) else action.to).bare
