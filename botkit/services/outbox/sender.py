"""Sends what waits, in order of urgency and no faster than allowed; sends again what was refused for the moment."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass

from botkit.errors import BotkitError, LinkClosed
from botkit.model.actions import Priority, SendMessage
from botkit.model.address import Address
from botkit.model.events import ErrorReceived, RoomMessage
from botkit.model.messages import MessageId
from botkit.model.rooms import Affiliation
from botkit.ports import Clock, Link
from botkit.services.outbox.entry import Entry, Talk
from botkit.services.outbox.lanes import Lane, Lanes
from botkit.services.outbox.settings import OutboxSettings

_log = logging.getLogger(__name__)

_FOLLOWED = 1000
"""Messages under way whose reflection or refusal is awaited; the oldest is forgotten then."""

_FOLLOWED_FOR = 120.0
_MOST_TRIES = 6
_SLOW_MODE_MARGIN = 0.2  # the room's clock starts when the message arrives there, ours when it leaves


@dataclass(slots=True)
class Counters:
    """Since the start. ``withheld`` by the guard against loops; ``coalesced``: corrections that a newer one replaced;
    ``full`` were not taken in, ``dropped`` not sent with nobody there to be told."""

    sent: int = 0
    reflected: int = 0
    sent_again: int = 0
    refused: int = 0
    dropped: int = 0
    full: int = 0
    withheld: int = 0
    coalesced: int = 0
    notices_done: int = 0
    notices_expired: int = 0
    notices_failed: int = 0
    notices_replaced: int = 0
    notices_retracted: int = 0


class Sender:
    """The queue between ``perform`` and the link. ``run`` it for as long as messages are to be sent."""

    def __init__(self, link: Link, clock: Clock, settings: OutboxSettings) -> None:
        self._link = link
        self._clock = clock
        self.lanes = Lanes(settings, clock.monotonic)
        self.counters = Counters()
        self.awaited: OrderedDict[MessageId, Entry] = OrderedDict()  # to rooms: they come back
        self._others: OrderedDict[MessageId, Entry] = OrderedDict()  # may be refused
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._wire = asyncio.Lock()
        self.closed = False

    # --- in ---------------------------------------------------------------------------------------------------

    async def send(self, actions: list[Talk]) -> tuple[Entry, ...]:
        """Send ``actions``, which have one recipient and priority, in order; returns once the stream has them.

        Raises what ``Link.perform`` raises, and ``OutboxFull``.
        """
        if self.closed:
            raise LinkClosed("the bot is going down; nothing more is sent")
        if len(actions) == 1 and self._is_free(actions[0]):
            return (await self._send_now(actions[0]),)
        loop = asyncio.get_running_loop()
        entries = tuple(Entry(action, loop.create_future()) for action in actions)
        self._put(list(entries))
        try:
            for entry in entries:
                assert entry.sent is not None
                await entry.sent  # no deadline: its place in the queue is bounded, and its handler has one
        finally:
            for entry in entries:
                entry.forget()
        return entries

    def send_later(self, action: Talk) -> None:
        """Queue ``action``; nobody waits for it. A correction replaces one of the same message that waits still."""
        if self.closed:
            raise LinkClosed("the bot is going down; nothing more is sent")
        if isinstance(action, SendMessage) and action.replaces is not None:
            waiting = self.lanes.of(action.to.bare).correction_of(action)
            if waiting is not None and waiting.sent is None:
                waiting.action = action
                self.counters.coalesced += 1
                return
        self._put([Entry(action, None)])

    def _put(self, entries: list[Entry]) -> None:
        try:
            self.lanes.put(entries)
        except BotkitError:
            self.counters.full += len(entries)
            raise
        self._idle.clear()
        self._wake.set()

    def _is_free(self, action: Talk) -> bool:
        """True if nothing has to wait: by far the most."""
        entry = Entry(action, None)
        lane = self.lanes.of(entry.to)
        now = self._clock.monotonic()
        return not (
            lane.waiting or self._wire.locked() or lane.ready_in(entry, now) > 0 or self.lanes.account.ready_in(now) > 0
        )

    async def _send_now(self, action: Talk) -> Entry:
        entry = Entry(action, None)
        self.lanes.number(entry)
        await self._hand_over(entry)
        return entry

    # --- out --------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Send until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._wake.clear()
                wait = await self._round()
                alarm = group.create_task(self._alarm(wait)) if wait is not None else None
                await self._wake.wait()  # no deadline: without anything that waits there is nothing to do
                if alarm is not None:
                    alarm.cancel()

    async def _alarm(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._wake.set()

    async def _round(self) -> float | None:
        """Send all that may be sent now; how long to wait for the rest, None if there is none."""
        while True:
            entry, wait = self.lanes.next(self._clock.monotonic())
            if entry is None:
                if wait is None:
                    self._idle.set()
                return wait
            self.lanes.drop(entry)
            try:
                await self._hand_over(entry)
            except Exception as problem:  # a boundary: one message's fault must not stop the others
                if not entry.failed(problem):
                    self.counters.dropped += 1
                    _log.warning("a message to %s was not sent: %s", entry.to, problem)

    async def _hand_over(self, entry: Entry) -> None:
        """Give ``entry`` to the link. Raises what the link raises."""
        lane = self.lanes.of(entry.to)
        async with self._wire:  # the order in which turns were given is the order on the wire
            now = self._clock.monotonic()
            lane.bucket.take(now)
            self.lanes.account.take(now)
            if entry.has_text:
                lane.silent_until = now + self._slow_mode(entry.to)
            entry.tries += 1
            sent = await self._link.perform(entry.action)
        assert sent is not None, "Link.perform gives a Sent for every message"
        entry.at = self._clock.monotonic()
        self.counters.sent += 1
        entry.went(sent.message_id)
        self._follow(sent.message_id, entry)

    def _slow_mode(self, room: Address) -> float:
        """Seconds of silence that the room wants after each message of ours (XEP-0500 §5; admins are exempt)."""
        info = self._link.room(room)
        if info is None or not info.slow_mode or info.me is None or info.me.affiliation >= Affiliation.ADMIN:
            return 0.0
        return info.slow_mode + _SLOW_MODE_MARGIN

    # --- what becomes of it -------------------------------------------------------------------------------------

    def _follow(self, message_id: MessageId, entry: Entry) -> None:
        table = self.awaited if entry.comes_back else self._others
        table[message_id] = entry
        limit = entry.at - _FOLLOWED_FOR
        while len(table) > _FOLLOWED or next(iter(table.values())).at < limit:
            table.popitem(last=False)

    def came_back(self, event: RoomMessage) -> Entry | None:
        """A message of the room; the entry that it is the reflection of, or None.

        It is ours if the room says that we wrote it and it has an id of ours: nobody else can be given our occupant
        JID (XEP-0045 §7.4), and what others copy from us comes under their own.
        """
        if not event.author.is_self:
            return None
        entry = self.awaited.get(event.message_id or MessageId(""))
        if entry is None and event.origin_id is not None:  # rooms without muc#stable_id give new ids
            entry = self.awaited.get(MessageId(event.origin_id))
        if entry is None or entry.to != event.room or entry.message_id is None:
            return None
        self.awaited.pop(entry.message_id, None)
        self.counters.reflected += 1
        self.lanes.of(entry.to).bucket.went_well()
        entry.came_back(event.archive_id)
        return entry

    def refused(self, event: ErrorReceived) -> Entry | None:
        """A message of ours bounced: try again later where the error says so. The entry that it was, or None."""
        message_id = event.message_id or MessageId("")
        entry = self.awaited.get(message_id) or self._others.get(message_id)
        if entry is None or not self._may_refuse(event.sender, entry):
            return None
        self.awaited.pop(message_id, None)
        self._others.pop(message_id, None)
        lane, now = self.lanes.of(entry.to), self._clock.monotonic()
        ours = event.sender.bare != entry.to
        if event.error.retryable:
            pause = (self.lanes.account if ours else lane.bucket).refused(now)
            if entry.tries < _MOST_TRIES and not self.closed and not self._is_outdated(lane, entry):
                _log.info("%s wants us to wait (%s); sent again in %.0f s", event.sender, event.error.condition, pause)
                self.counters.sent_again += 1
                self.lanes.put_back(entry)
                self._idle.clear()
                self._wake.set()
                return entry
        self.counters.refused += 1
        if not entry.failed(event.error):
            _log.warning("a message to %s was refused: %s", entry.to, event.error)
        return entry

    def _may_refuse(self, sender: Address, entry: Entry) -> bool:
        """Errors come from whom we wrote to, or from our own server (RFC 6120 §8.3.1)."""
        action = entry.action
        to = action.to if isinstance(action, SendMessage) else entry.to
        own = self._link.address
        return sender in (to, to.bare, own, own.bare) or (sender.local is None and sender.domain == own.domain)

    def _is_outdated(self, lane: Lane, entry: Entry) -> bool:
        action = entry.action
        if not isinstance(action, SendMessage) or action.replaces is None:
            return False
        return lane.correction_of(action) is not None

    def session_ended(self) -> None:
        """The stream is a new one: what was under way is lost, or its reflection is."""
        for table in (self.awaited, self._others):
            for entry in table.values():
                entry.failed(LinkClosed("the session ended before the message came back"))
            table.clear()

    # --- the end ----------------------------------------------------------------------------------------------

    async def flush(self, seconds: float) -> int:
        """Wait until nothing waits, ``seconds`` at most, then take nothing more. How many messages were not sent."""
        if self.lanes.waiting:
            self._wake.set()
            try:
                async with asyncio.timeout(seconds):
                    await self._idle.wait()
            except TimeoutError:
                pass
        self.closed = True
        left = list(self.lanes.everything())
        for entry in left:
            self.lanes.drop(entry)
            entry.failed(LinkClosed("the bot went down before it was the message's turn"))
        self.counters.dropped += len(left)
        return len(left)

    def depths(self) -> dict[Priority, int]:
        """How many messages of each priority wait."""
        return self.lanes.depths()
