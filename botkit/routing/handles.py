"""A room as a handler holds it: who is there, and what we can do."""

from __future__ import annotations

from pathlib import Path

from botkit.errors import MisuseError, StanzaError
from botkit.model.actions import (
    Moderate,
    Priority,
    React,
    RetractOwn,
    SendMessage,
    Sent,
    SetAffiliation,
    SetRole,
    SetSubject,
)
from botkit.model.address import Address
from botkit.model.events import RoomMessage
from botkit.model.messages import ArchiveId
from botkit.model.rooms import Affiliation, Occupant, Role, RoomInfo
from botkit.ports import Link
from botkit.routing.texts import sayable


class NotDone(MisuseError):
    """An action that would hit the wrong one was not done. The text is fit for whoever asked for it."""


class NotSamePerson(NotDone):
    """Whoever holds the nick now is not, or not provably, the one that was meant."""


class CannotIdentify(NotDone):
    """The room hides the account from us, so it cannot be banned by JID."""


def same_person(meant: Occupant, now: Occupant | None) -> bool:
    """True if ``now`` is provably who ``meant`` was.

    With an identity (real JID or occupant-id) on either side both must agree. Without any, a nick
    proves nothing: only the unchanged presence (same rights, same status) counts.
    """
    if now is None:
        return False
    if meant.identity is not None or now.identity is not None:
        return meant.identity == now.identity
    return meant.known and meant == now


def check_same_person(meant: Occupant, link: Link) -> Occupant:
    """Who holds the nick now. Raises ``NotSamePerson``."""
    now = link.occupant(meant.address)
    if now is None or not same_person(meant, now):
        raise NotSamePerson(f"{meant.nick!r} in {meant.room} is not the same person any more")
    return now


class RoomHandle:
    """One room. Actions raise what ``Link.perform`` raises: ``Forbidden``, ``RequestTimeout``, ``LinkClosed`` ….

    No action here is taken against ourselves, against an owner or admin of the room, or against
    whoever took over the nick of the one that was meant: those raise ``NotDone``, with words for who asked.
    """

    __slots__ = ("_link", "address")

    def __init__(self, address: Address, link: Link) -> None:
        self.address = address
        self._link = link

    @property
    def info(self) -> RoomInfo | None:
        """What is known of the room now; None if we never asked for it."""
        return self._link.room(self.address)

    @property
    def me(self) -> Occupant | None:
        """Ourselves in the room; None while we are not in it."""
        info = self.info
        return info.me if info is not None else None

    def occupants(self) -> tuple[Occupant, ...]:
        """Everybody who is there now, ourselves included."""
        return self._link.occupants(self.address)

    def find(self, nick: str) -> Occupant | None:
        """Who has exactly this nick now; None if nobody. A nick identifies nobody."""
        # As received: a nick that only our own preparation refuses is in the room all the same.
        return self._link.occupant(Address.received(f"{self.address}/{nick}")) if nick else None

    def by_account(self, account: Address) -> Occupant | None:
        """The present occupant with this real bare JID; None if absent or hidden. The highest role of several."""
        there = [o for o in self.occupants() if o.real is not None and o.real.bare == account.bare]
        return max(there, key=lambda o: (o.affiliation, o.role), default=None)

    # --- saying -----------------------------------------------------------------------------------------------

    async def say(self, text: str, *, priority: Priority = Priority.REPLY, unstyled: bool = False) -> Sent:
        """Say ``text`` to all; ``update`` of what this returns changes it. ``unstyled``: shown as it is (XEP-0393 §7).

        Raises ``MisuseError`` for a text that cannot be sent, ``OutboxFull`` where too much waits already.
        """
        sent = await self._link.perform(
            SendMessage(to=self.address, body=sayable(text), groupchat=True, priority=priority, unstyled=unstyled)
        )
        assert sent is not None, "Link.perform gives a Sent for every SendMessage"
        return sent

    async def share(self, data: bytes | Path, *, name: str | None = None, content_type: str | None = None) -> Sent:
        """Upload a file and say its URL, as clients show pictures by (XEP-0066). Raises as ``Link.upload`` and ``say``.

        It takes as long as the upload; a handler has its own time limit.
        """
        url = await self._link.upload(data, name=name, content_type=content_type)
        sent = await self._link.perform(SendMessage(to=self.address, body=url, url=url, groupchat=True))
        assert sent is not None, "Link.perform gives a Sent for every SendMessage"
        return sent

    async def react(self, message: RoomMessage | ArchiveId, *emoji: str) -> None:
        """Set our reactions to a message; none takes them back (XEP-0444)."""
        await self._link.perform(
            React(to=self.address, target=_archive_id(message), reactions=tuple(emoji), groupchat=True)
        )

    async def set_subject(self, subject: str) -> None:
        """Set the subject; "" for none."""
        await self._link.perform(SetSubject(room=self.address, subject=subject))

    # --- moderating -------------------------------------------------------------------------------------------

    async def retract(self, message: RoomMessage | ArchiveId, reason: str | None = None) -> None:
        """Take a message away: our own (XEP-0424), else as a moderator (XEP-0425)."""
        target = _archive_id(message)
        if isinstance(message, RoomMessage) and message.author.is_self:
            await self._link.perform(RetractOwn(to=self.address, target=target, groupchat=True))
        else:
            await self._link.perform(Moderate(room=self.address, archive_id=target, reason=reason))

    async def kick(self, who: Occupant, reason: str | None = None) -> None:
        """Put ``who`` out (XEP-0045 §8.2). Raises ``NotSamePerson`` if the nick changed hands."""
        await self._set_role(who, Role.NONE, reason)

    async def devoice(self, who: Occupant, reason: str | None = None) -> None:
        """Take ``who``'s voice (XEP-0045 §8.4). Raises ``NotSamePerson`` if the nick changed hands."""
        await self._set_role(who, Role.VISITOR, reason)

    async def voice(self, who: Occupant, reason: str | None = None) -> None:
        """Give ``who`` voice (XEP-0045 §8.3). Raises ``NotSamePerson`` if the nick changed hands."""
        now = check_same_person(self._of_here(who), self._link)
        await self._link.perform(SetRole(room=self.address, nick=now.nick, role=Role.PARTICIPANT, reason=reason))

    async def ban(self, who: Occupant | Address, reason: str | None = None) -> None:
        """Ban an account or, given a domain, a server (XEP-0045 §9.1).

        An occupant is banned by real bare JID; raises ``CannotIdentify`` where the room hides it.
        """
        address = who
        if isinstance(who, Occupant):
            address = self._of_here(who).real or who.address
            if who.is_self or who.affiliation >= Affiliation.ADMIN:
                raise NotDone(f"{who.nick!r} is {who.affiliation.word} here, or ourselves; not banned")
            if who.real is None:
                raise CannotIdentify(f"the room hides {who.nick!r}'s real JID; make the bot a moderator to see it")
        assert isinstance(address, Address)
        await self.set_affiliation(address, Affiliation.OUTCAST, reason)

    async def unban(self, address: Address, reason: str | None = None) -> None:
        """Lift a ban. Raises ``NotDone`` for whoever is not banned, ``Forbidden`` if we may not."""
        # "none" would take a member's membership away: only what is a ban may be lifted.
        if address.bare not in await self._link.affiliated(self.address, Affiliation.OUTCAST):
            raise NotDone(f"{address.bare} is not banned here")
        await self.set_affiliation(address, Affiliation.NONE, reason)

    async def set_affiliation(self, address: Address, affiliation: Affiliation, reason: str | None = None) -> None:
        """Set the standing of a bare JID or a domain (XEP-0045 §9, §10)."""
        target = address.bare
        if target == self.address or target == self._link.address.bare:
            raise NotDone(f"{target} is the room or ourselves; its affiliation is not changed")
        if affiliation is Affiliation.OUTCAST:
            await self._refuse_leaders(target)
        await self._link.perform(
            SetAffiliation(room=self.address, address=target, affiliation=affiliation, reason=reason)
        )

    async def _refuse_leaders(self, target: Address) -> None:
        """Raise ``NotDone`` if banning ``target`` would hit ourselves, an owner or an admin, present or not."""
        hit = {o.real.bare for o in self.occupants() if o.real and o.affiliation >= Affiliation.ADMIN}
        hit.add(self._link.address.bare)
        if all(o.real is None or o.real.bare != target for o in self.occupants()):
            for level in (Affiliation.OWNER, Affiliation.ADMIN):
                try:
                    hit.update(await self._link.affiliated(self.address, level))
                except StanzaError:
                    break  # we may not see the lists: then we are no admin, and the room will judge the ban itself
        for leader in hit:
            if target == leader or (target.local is None and target.domain == leader.domain):
                raise NotDone(f"a ban of {target} would hit {leader}, who is an owner, an admin or ourselves")

    async def _set_role(self, who: Occupant, role: Role, reason: str | None) -> None:
        now = check_same_person(self._of_here(who), self._link)
        if now.is_self or now.affiliation >= Affiliation.ADMIN:
            raise NotDone(f"{now.nick!r} is {now.affiliation.word} here, or ourselves; left alone")
        await self._link.perform(SetRole(room=self.address, nick=now.nick, role=role, reason=reason))

    def _of_here(self, who: Occupant) -> Occupant:
        if who.room != self.address:
            raise MisuseError(f"{who.address} is not in {self.address}")
        return who

    def __repr__(self) -> str:
        return f"RoomHandle({self.address})"


def _archive_id(message: RoomMessage | ArchiveId) -> ArchiveId:
    if not isinstance(message, RoomMessage):
        return message
    if message.archive_id is None:
        raise MisuseError(f"the room gave no archive id to this message of {message.author.nick!r} (no archive there)")
    return message.archive_id
