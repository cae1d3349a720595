"""One account's ``Link``: stanzas in become events, actions become stanzas out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import assert_never
from xml.etree.ElementTree import Element

from botkit.errors import LinkClosed, MisuseError, NotSupported, StanzaError
from botkit.model.actions import (
    Action,
    Invite,
    Moderate,
    Notice,
    React,
    RetractOwn,
    SendMessage,
    Sent,
    SetAffiliation,
    SetRole,
    SetSubject,
)
from botkit.model.address import Address
from botkit.model.archive import ArchiveQuery, Page
from botkit.model.events import (
    ArchiveResult,
    ErrorReceived,
    Event,
    InvitationReceived,
    PresenceReceived,
    RoomNotice,
    StreamEstablished,
    StreamLost,
    SubjectChanged,
)
from botkit.model.messages import MessageId
from botkit.model.rooms import Affiliation, Occupant, RoomInfo, RoomSettings
from botkit.ports import AdhocOffer, Clock, Spawn
from botkit.protocol import encode, entity_time, moderation, muc
from botkit.protocol.decode import decode_stanza
from botkit.session.adhoc import serve_commands
from botkit.session.archive import ArchiveReader
from botkit.session.connection import Connection, ConnectionSettings
from botkit.session.outgoing import new_id
from botkit.session.performed import Performed
from botkit.session.rooms import Rooms
from botkit.session.settings import Keeping
from botkit.session.upload import Put, Uploader


class XmppLink:
    """Fulfils ``ports.Link`` over a real connection.

    ``emit`` is called, in the order in which the stanzas came, for every event that handlers
    may see; it must be quick and must not raise. ``spawn`` owns the tasks of the rooms. ``put`` sends files over HTTP;
    None: nothing is uploaded.
    """

    def __init__(
        self,
        settings: ConnectionSettings,
        *,
        emit: Callable[[Event], None],
        clock: Clock,
        spawn: Spawn,
        keeping: Keeping | None = None,
        put: Put | None = None,
    ) -> None:
        self._clock = clock
        self._emit = emit
        self.connection = Connection(settings, on_stanza=self._on_stanza, on_state=self._on_state, clock=clock)
        self._rooms = Rooms(self.connection, emit=emit, clock=clock, spawn=spawn, keeping=keeping)
        self._archives = ArchiveReader(self.connection)
        self._uploader = Uploader(self.connection, put)
        self.performed = Performed()
        self._left = False

    @property
    def address(self) -> Address:
        """Our full JID, or the configured one before the first login."""
        return self.connection.address

    async def run(self) -> None:
        """Stay connected until ``close``. Raises what retrying cannot cure (``LoginRefused`` …)."""
        await self.connection.run()

    async def close(self, reason: str | None = None) -> None:
        """Leave all rooms, if that was not done, then close the stream in order."""
        await self.leave_rooms(reason)
        await self.connection.close()

    async def leave_rooms(self, reason: str | None = None) -> None:
        """Leave all rooms for good; the stream stays. ``close`` is to follow."""
        if not self._left:
            self._left = True
            await self._rooms.leave_all(reason)

    def serve_adhoc(self, offer: AdhocOffer) -> None:
        """Offer ad-hoc commands (XEP-0050) for as long as the link lives."""
        serve_commands(self.connection, offer, self._rooms)

    # --- in ---------------------------------------------------------------------------------------------------

    def _on_stanza(self, element: Element) -> None:
        rooms = self._rooms
        replaying = rooms.any_replaying and rooms.is_replaying(element.get("from"))
        event = decode_stanza(element, received=self._clock.now(), known=rooms, replaying=replaying)
        if event is None:
            return
        raw = _RAW.get(type(event))
        if raw is None:
            self._emit(event)
        else:
            raw(self, event)

    def _on_presence(self, event: PresenceReceived) -> None:
        self._rooms.on_presence(event)

    def _on_result(self, event: ArchiveResult) -> None:
        self._archives.on_result(event)

    def _on_notice(self, event: RoomNotice) -> None:
        self._rooms.on_notice(event)
        self._emit(event)

    def _on_subject(self, event: SubjectChanged) -> None:
        self._rooms.on_subject(event)
        self._emit(event)

    def _on_error(self, event: ErrorReceived) -> None:
        self._rooms.on_error(event)
        self._emit(event)

    def _on_invitation(self, event: InvitationReceived) -> None:
        self._rooms.on_invitation(event)
        self._emit(event)

    def _on_state(self, event: Event) -> None:
        if isinstance(event, StreamEstablished | StreamLost):
            self._rooms.on_stream(event)
        self._emit(event)

    # --- what is known ----------------------------------------------------------------------------------------

    def room(self, room: Address) -> RoomInfo | None:
        """See ``ports.Link``."""
        return self._rooms.info(room)

    def rooms(self) -> tuple[RoomInfo, ...]:
        """See ``ports.Link``."""
        return self._rooms.all()

    def occupants(self, room: Address) -> tuple[Occupant, ...]:
        """See ``ports.Link``."""
        return self._rooms.occupants(room)

    def occupant(self, address: Address) -> Occupant | None:
        """See ``ports.Link``."""
        return self._rooms.present(address)

    async def affiliated(self, room: Address, affiliation: Affiliation) -> tuple[Address, ...]:
        """See ``ports.Link``."""
        answer = await self.connection.request(muc.affiliation_query(affiliation), to=room, kind="get")
        return muc.parse_affiliation_list(answer)

    async def utc_offset(self, who: Address) -> timedelta | None:
        """How far the clock of a client (a full JID) is ahead of UTC (XEP-0202); None where it does not say.

        Raises ``StanzaError`` where it knows no such thing, ``RequestTimeout``, ``LinkClosed``.
        """
        return entity_time.parse_offset(await self.connection.request(entity_time.query(), to=who, kind="get"))

    async def page(self, query: ArchiveQuery) -> Page:
        """See ``ports.Link``."""
        return await self._archives.page(query)

    async def upload(self, data: bytes | Path, *, name: str | None = None, content_type: str | None = None) -> str:
        """See ``ports.Link``."""
        return await self._uploader.upload(data, name=name, content_type=content_type)

    async def join(self, room: RoomSettings) -> None:
        """See ``ports.Link``."""
        self._rooms.join(room)

    async def alter(self, room: RoomSettings) -> None:
        """Keep a room by other settings, without leaving it; see ``Rooms.alter``."""
        await self._rooms.alter(room)

    async def leave(self, room: Address, reason: str | None = None) -> None:
        """See ``ports.Link``."""
        await self._rooms.leave(room, reason)

    def retry(self, room: Address) -> bool:
        """Try again now to enter a room that refused us, or that is waited for. False: there is nothing to try."""
        return self._rooms.retry(room)

    # --- out --------------------------------------------------------------------------------------------------

    async def perform(self, action: Action) -> Sent | None:
        """See ``ports.Link``."""
        with self.performed.counting(action):
            return await self._perform(action)

    async def _perform(self, action: Action) -> Sent | None:
        match action:
            case SendMessage() | React() | RetractOwn() | SetSubject() | Invite():
                return await self._send(action)
            case SetRole() | SetAffiliation():
                await self.connection.request(encode.admin_payload(action), to=action.room, kind="set")
                return None
            case Moderate():
                await self._moderate(action)
                return None
            case Notice():
                raise MisuseError("a notice is kept and sent by the outbox; perform it there")
            case _:
                assert_never(action)

    async def _send(self, action: SendMessage | React | RetractOwn | SetSubject | Invite) -> Sent:
        to = action.room if isinstance(action, SetSubject | Invite) else action.to
        groupchat = isinstance(action, SetSubject) or (not isinstance(action, Invite) and action.groupchat)
        if groupchat and not to.is_bare:
            raise MisuseError(f"a groupchat message goes to the room's bare JID, not to {to}")
        info = self._rooms.info(to.bare)
        if groupchat and (info is None or info.me is None):
            raise LinkClosed(f"we are not in {to} now{f': {info.reason}' if info and info.reason else ''}")
        given = action.message_id if isinstance(action, SendMessage) else None
        message_id = given or MessageId(new_id())
        await self.connection.send(encode.message(action, message_id=message_id))
        return Sent(message_id)

    async def _moderate(self, action: Moderate) -> None:
        info = self._rooms.info(action.room)
        version = info.moderation if info is not None else None
        if version is None:
            raise NotSupported("feature-not-implemented", "cancel", "no moderation (XEP-0425)", who=str(action.room))
        try:
            await self.connection.request(
                moderation.request(action.archive_id, action.reason, version=version), to=action.room, kind="set"
            )
        except StanzaError as error:
            # ejabberd 24.06 advertises both versions and understands one (its codec wants an id where :0 has none)
            both = info is not None and {moderation.MODERATE_0, moderation.MODERATE_1} <= info.features
            if not both or error.condition not in ("service-unavailable", "bad-request"):
                raise
            await self.connection.request(
                moderation.request(action.archive_id, action.reason, version=1 - version), to=action.room, kind="set"
            )


_RAW: dict[type[Event], Callable[..., None]] = {
    PresenceReceived: XmppLink._on_presence,
    ArchiveResult: XmppLink._on_result,
    RoomNotice: XmppLink._on_notice,
    ErrorReceived: XmppLink._on_error,
    SubjectChanged: XmppLink._on_subject,
    InvitationReceived: XmppLink._on_invitation,
}
