"""The roles that ``session``, ``storage`` and the system play for everything above them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from botkit.model.actions import Action, Sent
from botkit.model.address import Address
from botkit.model.archive import ArchiveQuery, Cursor, Gap, LogChange, LogQuery, LogRow, Page
from botkit.model.forms import CommandAnswer, CommandRequest
from botkit.model.hooks import HookAnswer, HookRequest
from botkit.model.jobs import FireKey, FireRecord, JobInfo, JobRecord, Missed
from botkit.model.measures import Measure
from botkit.model.messages import ArchiveId, MessageId
from botkit.model.notices import NoticeState, StoredNotice
from botkit.model.rooms import Affiliation, Occupant, RoomInfo, RoomSettings
from botkit.model.status import BotStatus


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """The time as aware UTC."""

    def monotonic(self) -> float:
        """Seconds that never go backwards."""

    async def sleep(self, seconds: float) -> None:
        """Wait ``seconds``; cancellable."""


class Link(Protocol):
    """One account's connection, and its rooms, as handlers and services use it."""

    @property
    def address(self) -> Address:
        """Our full JID, or the configured one before the first login."""

    async def perform(self, action: Action) -> Sent | None:
        """Do ``action``; returns once the server agreed, or for messages once it is queued (then a ``Sent``).

        Raises ``StanzaError`` (``Forbidden``, ``ItemNotFound``, ``NotSupported``), ``RequestTimeout``, ``LinkClosed``.
        """

    def room(self, room: Address) -> RoomInfo | None:
        """What is known of ``room`` now; None if it was never asked for."""

    def rooms(self) -> tuple[RoomInfo, ...]:
        """All rooms that were asked for, in that order."""

    def occupants(self, room: Address) -> tuple[Occupant, ...]:
        """Everybody who is in ``room`` now, ourselves included; () if we are not."""

    def occupant(self, address: Address) -> Occupant | None:
        """Who is at this occupant JID now; None if nobody."""

    async def affiliated(self, room: Address, affiliation: Affiliation) -> tuple[Address, ...]:
        """Everybody with exactly this affiliation (XEP-0045 §9.5). Raises ``Forbidden``."""

    async def page(self, query: ArchiveQuery) -> Page:
        """Read one page of an archive. Raises ``ItemNotFound`` if the id to start from has expired."""

    async def upload(self, data: bytes | Path, *, name: str | None = None, content_type: str | None = None) -> str:
        """Put a file on our server's upload service (XEP-0363); the https URL at which everybody can get it.

        ``name`` None: the file's own; ``content_type`` None: guessed from the name. Raises ``UploadFailed``,
        ``NotSupported`` where there is no such service, ``MisuseError`` for a file that is empty or cannot be read,
        ``RequestTimeout``, ``LinkClosed``.
        """

    async def join(self, room: RoomSettings) -> None:
        """Ask for ``room``; returns at once. What comes of it is told by ``RoomStateChanged``."""

    async def leave(self, room: Address, reason: str | None = None) -> None:
        """Leave and forget ``room``. Does nothing if we never asked for it."""


class AdhocOffer(Protocol):
    """What a link needs to know to serve ad-hoc commands; ``services.adhoc`` fulfils it."""

    async def listed(self, requester: Address) -> Sequence[tuple[str, str]]:
        """(node, name) of each command that ``requester`` (full JID) may run."""

    async def called(self, requester: Address, request: CommandRequest) -> CommandAnswer:
        """Run or go on with a command. Raises ``StanzaError`` as XEP-0050 §4.4 says."""


class MessageLog(Protocol):
    """What was said, for one account, keyed by each room's own archive ids."""

    async def write(self, changes: Sequence[LogChange]) -> None:
        """Apply ``changes`` in order, all or none, durably when this returns. Raises ``StoreError``."""

    async def known(self, room: Address, ids: Collection[ArchiveId]) -> set[ArchiveId]:
        """Those of ``ids`` that the log has."""

    async def numbers(self, room: Address, ids: Collection[ArchiveId]) -> dict[ArchiveId, int]:
        """As ``known``, each with its ``LogRow.number``, which grow in the order of writing."""

    async def newest(self) -> int:
        """The highest number of a message of any room; 0 if there is none."""

    async def gaps(self, room: Address) -> list[Gap]:
        """Where something may be missing in the log of ``room``, closed gaps too, oldest first."""

    async def cursor(self, room: Address) -> Cursor | None:
        """Where to go on reading ``room``'s archive; None if it was never read."""

    async def get(self, room: Address, archive_id: ArchiveId) -> LogRow | None:
        """One message, or None."""

    async def find(self, query: LogQuery) -> list[LogRow]:
        """Messages, oldest first."""

    async def counts(self, room: Address, times: Sequence[datetime]) -> list[int]:
        """How many messages there are from each of ``times`` (rising) up to the next; what was retracted is left out.

        One number less than there are times.
        """

    async def rooms(self) -> list[Address]:
        """Every room that has at least one message."""

    async def expire_originals(self, before: datetime) -> int:
        """Forget the original texts of messages retracted or corrected before this time. Returns how many."""


class Claims(Protocol):
    """What one account has begun to do and must never begin again."""

    async def claim(self, keys: Collection[bytes], at: datetime, *, since: datetime) -> bool:
        """Write down that what has these ``keys`` is begun now; on the disk itself when this returns.

        False if one of them was claimed at or after ``since`` already: then it must not be begun, and the others
        count as claimed, too. Raises ``StoreError``; then it is not known, and must not be begun either.
        """

    async def expire(self, before: datetime) -> int:
        """Forget claims from before this time. Returns how many."""


class Life(Protocol):
    """A sign of life for those who start later: until when could this account's bot have handled something?"""

    async def last(self) -> datetime | None:
        """What ``renew`` said last; None after an orderly end, or if there never was a run."""

    async def renew(self, until: datetime) -> None:
        """The bot may be handling events until then, unless this is called again."""

    async def end(self) -> None:
        """An orderly end: everything up to the cursors is handled, and nothing after them."""


class KeyValues(Protocol):
    """Small JSON values that modules keep, apart for each ``space`` (a module's name)."""

    async def get(self, space: str, key: str) -> object | None:
        """The value, or None."""

    async def put(self, space: str, key: str, value: object) -> None:
        """Keep a JSON-serialisable value; durable when this returns."""

    async def delete(self, space: str, key: str) -> None:
        """Forget it, if it is there."""

    async def items(self, space: str, prefix: str = "") -> Mapping[str, object]:
        """All values whose key starts with ``prefix``."""


class Hook(Protocol):
    """A webhook, for whoever serves HTTP."""

    max_bytes: int
    takes_forms: bool
    """May the payload be a form's field ``payload``?"""

    async def take(self, request: HookRequest) -> HookAnswer:
        """Check, read and store what came; the answer says how that went. Raises nothing that a sender could cause."""

    def count(self, answer: HookAnswer) -> HookAnswer:
        """Note that this was answered, by ``take`` or before it."""


class View(Protocol):
    """The running process, for whoever watches it: the control socket, HTTP, the bot's own ad-hoc commands."""

    def status(self) -> BotStatus:
        """How every account and room is now."""

    def measures(self) -> Sequence[Measure]:
        """The figures of all accounts, as they are now."""

    async def reload(self) -> None:
        """Read configs and modules again. How it went is in each account's ``status().reload``; raises nothing."""

    async def retry(self, room: Address | None = None) -> Sequence[Address]:
        """Try at once to enter ``room`` (None: every room) if it refused us or waits. Returns the rooms tried."""

    def hook(self, name: str) -> Hook | None:
        """The webhook of this name, of whichever account."""

    def largest_body(self) -> int:
        """The bytes of the largest request that any webhook takes; 0 if there are none."""

    def link(self, account: Address) -> Link:
        """What an account says goes through it. Raises ``ControlError`` if there is none, or it does not run now."""

    def jobs(self, account: Address) -> Jobs:
        """The jobs of an account. Raises as ``link``."""


class When(Protocol):
    """Says when: a trigger of ``botkit.services.schedule``, such as ``Cron`` or ``Once``."""

    @property
    def rule(self) -> Mapping[str, object]:
        """Itself as JSON."""


class Jobs(Protocol):
    """Jobs that are made while the bot runs, for one account. Names are whole: ``module.handler.more``.

    Every method raises ``StoreError``.
    """

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
        """Have ``handler`` (``module.name``, declared by ``@router.job``) run; in the store when this returns its name.

        ``arguments`` is JSON. A job that has the ``name`` already is replaced; None makes one. Raises ``MisuseError``
        where no such handler is loaded.
        """

    async def cancel(self, name: str) -> bool:
        """Forget a job for good; False if there is none."""

    async def pause(self, name: str, reason: str) -> bool:
        """Let a job rest until ``resume``, over restarts too; False if there is none."""

    async def resume(self, name: str) -> bool:
        """Let it go on; what it would have done meanwhile is left out."""

    async def run_now(self, name: str) -> bool:
        """Fire it now, beside its times; False if there is none."""

    async def all(self) -> list[JobInfo]:
        """Every job of the account, declared ones too, by name."""

    async def fires(self, name: str, limit: int = 20) -> list[FireRecord]:
        """The newest fires of a job, newest first."""


class JobStore(Protocol):
    """Jobs and their fires, for one account. Several processes may use one store: a fire belongs to one of them.

    Every method raises ``StoreError``; what changes something is on the disk itself when it returns.
    """

    async def jobs(self) -> list[JobRecord]:
        """Every job, by name."""

    async def put(self, *jobs: JobRecord) -> list[JobRecord]:
        """Keep ``jobs``, all or none. One with the name of an earlier one replaces it, but for its progress if the rule
        is the same. Returns them as they are kept.
        """

    async def remove(self, name: str) -> bool:
        """Forget a job and its fires; False if there was none."""

    async def begin(
        self,
        process: str,
        at: datetime,
        *,
        begun: Sequence[FireKey] = (),
        missed: Sequence[FireKey] = (),
        checked: Mapping[str, datetime],
    ) -> set[FireKey]:
        """Note fires as ``process``'s own and running since ``at``, others as missed, and how far jobs were looked at.

        All or nothing. Returns those of ``begun`` that nobody had noted before: these are for ``process`` to run.
        ``checked`` never goes back.
        """

    async def end(self, fires: Sequence[FireRecord]) -> None:
        """Note how fires ended, or when they are tried again. A job's count of failures follows."""

    async def open_fires(self) -> list[FireRecord]:
        """Fires that are running or wait to be tried again, of all processes."""

    async def take_over(self, process: str, fire: FireRecord) -> bool:
        """Make ``process`` the one that runs ``fire``; False if it is not any more as it was found."""

    async def fires(self, job: str, limit: int = 100) -> list[FireRecord]:
        """The newest fires of a job, newest first."""

    async def pause(self, name: str, reason: str | None, at: datetime | None) -> bool:
        """Pause a job since ``at``, or with None let it go on (its failures are forgotten). False: no such job."""

    async def hold(self, process: str, until: datetime) -> None:
        """Say that ``process`` lives; without another word it counts as gone after ``until``."""

    async def lease(self, process: str) -> datetime | None:
        """Until when ``process`` said that it lives; None if it never did."""

    async def prune(self, before: datetime) -> int:
        """Forget fires that ended before this time, and processes gone by then. Returns how many fires."""


class NoticeStore(Protocol):
    """Notices of one account, kept across restarts and crashes. All raise ``StoreError``."""

    async def add(self, parts: Sequence[StoredNotice]) -> list[int] | None:
        """Keep the parts of one notice, all or none, on the disk itself when this returns.

        The numbers of those that they replace: of the same recipient and topic, still waiting, and not due before
        them. None: there is a notice of this key already, done or not, and nothing was written.
        """

    async def of_key(self, key: str) -> list[StoredNotice]:
        """The parts of one notice, in order; [] if there is none."""

    async def open(self) -> list[StoredNotice]:
        """All that are waiting or being sent, in the order in which they were written."""

    async def told(self, to: Address, topic: str) -> StoredNotice | None:
        """The last message of a topic that corrects nothing and is done, if it is all of its notice."""

    async def begin(
        self,
        number: int,
        *,
        at: datetime,
        sent_as: str | None,
        anchor: str | None,
        stay: str | None = None,
        replaces: MessageId | None = None,
    ) -> bool:
        """It is about to be sent: on the disk itself when this returns. The first ``at`` and ``anchor`` stay.

        False: it must not be, as it is settled; it was replaced, for example.
        """

    async def settle(
        self,
        number: int,
        state: NoticeState,
        *,
        at: datetime,
        archive_id: ArchiveId | None = None,
        reason: str | None = None,
        then: StoredNotice | None = None,
    ) -> None:
        """It is done, expired, replaced or failed. With it, all or none: what a digest told is what the digest is, once
        no part of that is open; the retraction of what it corrected is replaced, if that waits; ``then`` is added.
        """

    async def gather(self, parts: Sequence[StoredNotice], numbers: Sequence[int]) -> bool:
        """Add the parts of a digest, and have those of these numbers collected in it. False, and nothing is changed,
        if one of them does not wait any more."""

    async def scatter(self, key: str, *, at: datetime) -> None:
        """A digest that is not sent is dropped; what it should have told waits again."""

    async def forget(self, before: datetime) -> int:
        """Forget what was settled before this time; its keys may be used again. Returns how many."""


Spawn = Callable[[Awaitable[None], str], None]
"""Run something in the app's one TaskGroup, under a name. What it raises is logged, never lost, and stops nothing."""
