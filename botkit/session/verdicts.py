"""What to do about a room that refused us or threw us out, as data (XEP-0045 §7.2, §9; status codes of §15.6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final
from urllib.parse import unquote

from botkit.errors import BadAddress, LinkError, RequestTimeout, StanzaError
from botkit.model.address import Address
from botkit.model.events import Departure, PresenceReceived


class Next(Enum):
    """What follows."""

    RETRY = "retry"  # with growing delay
    OTHER_NICK = "other nick"
    STOP = "stop"  # only a person can cure it


@dataclass(frozen=True, slots=True)
class Verdict:
    """``reason`` is told to people: what happened and what cures it.

    ``error`` is the condition of the stanza error, ``timeout`` for no answer, None where there was none. ``venue``:
    the room that takes the place of a destroyed one. ``strain``: the service asks for less.
    """

    next: Next
    reason: str
    error: str | None = None
    venue: Address | None = None
    strain: bool = False


NO_SUCH_ROOM: Final = "there is no such room; check its JID, or set create = true to make it"
_STRAIN: Final = frozenset({"resource-constraint", "internal-server-error", "remote-server-timeout", "timeout"})

JOIN_ERRORS: Final[Mapping[str, Verdict]] = {
    "not-authorized": Verdict(Next.STOP, "the room wants a password; set it in the room's config"),
    "forbidden": Verdict(Next.STOP, "we are banned from the room; an admin of it must lift the ban"),
    "not-allowed": Verdict(Next.STOP, "the service does not let us create or enter this room"),
    "not-acceptable": Verdict(Next.STOP, "the room wants our registered nick; set that nick in the config"),
    "registration-required": Verdict(Next.STOP, "the room is members-only; an admin of it must make us a member"),
    "conflict": Verdict(Next.OTHER_NICK, "the nick is taken"),
    "gone": Verdict(Next.STOP, "the room was destroyed"),
    "jid-malformed": Verdict(Next.STOP, "the service does not accept this nick; choose another in the config"),
    "item-not-found": Verdict(Next.RETRY, "the room is locked or does not exist"),
    "service-unavailable": Verdict(Next.RETRY, "the room is full"),
    "resource-constraint": Verdict(Next.RETRY, "the service is overloaded"),
    "internal-server-error": Verdict(Next.RETRY, "the service has a fault"),
    "policy-violation": Verdict(Next.RETRY, "the service finds us too busy, or the nick too long"),
    "remote-server-not-found": Verdict(Next.RETRY, "the room's service cannot be found"),
    "remote-server-timeout": Verdict(Next.RETRY, "the room's service does not answer"),
}
"""By the condition of an error presence in answer to our join (XEP-0045 §7.2.5 to §7.2.10, RFC 6120 §8.3.3)."""


def of_join_error(error: StanzaError) -> Verdict:
    """What an error presence in answer to our join means. Unknown ones are tried again."""
    known = JOIN_ERRORS.get(error.condition)
    strain = error.condition in _STRAIN or error.kind == "wait"
    if known is None:
        return Verdict(Next.RETRY, f"joining failed: {error}", error.condition, strain=strain)
    venue = venue_of(error.where) if error.condition == "gone" else None
    details = [error.text] if error.text and error.text != error.where else []
    details += [f"it goes on at {venue}"] if venue else []
    said = f" ({': '.join(details)})" if details else ""
    if error.condition == "service-unavailable":
        strain = False  # XEP-0045 §7.2.9: of type wait too, and about this room alone
    return Verdict(known.next, f"{known.reason}{said}", error.condition, venue, strain)


def of_disco_error(error: StanzaError, *, create: bool, known: bool = False) -> Verdict | None:
    """What an error in answer to disco#info of the room means; None: go on and join (which creates it).

    ``known``: we were in it before, so its JID is right.
    """
    condition = error.condition
    if condition in ("item-not-found", "gone"):
        # XEP-0045 §10.1.1: joining a room that is not there creates it. A mistyped JID must not.
        if create and condition == "item-not-found":
            return None
        venue = venue_of(error.where)
        if known and condition == "item-not-found":
            # A service that was restarted forgets rooms that are not persistent, until somebody makes them again.
            return Verdict(Next.RETRY, "the room is not there any more; it may be made again", condition)
        if venue is not None:
            return Verdict(Next.STOP, f"the room was destroyed (it goes on at {venue})", condition, venue)
        return Verdict(Next.STOP, NO_SUCH_ROOM, condition)
    if error.kind == "wait" or condition in ("remote-server-not-found", "remote-server-timeout"):
        return Verdict(Next.RETRY, f"the room's service cannot be asked: {error}", condition, strain=True)
    if condition in ("forbidden", "not-authorized", "not-allowed"):
        return None  # some services hide what a room is from outsiders; joining tells whether we may
    # a service that is away for a moment says the same as an account that is no room
    reason = f"nobody says that this is a room ({error}); if that stays so, check its JID"
    return Verdict(Next.RETRY, reason, condition)


def of_link_error(problem: LinkError) -> Verdict:
    """The network, not the room."""
    silent = isinstance(problem, RequestTimeout)
    return Verdict(Next.RETRY, str(problem), "timeout" if silent else None, strain=silent)


DEPARTED: Final[Mapping[Departure, Verdict]] = {
    Departure.KICKED: Verdict(Next.RETRY, "we were kicked"),
    Departure.BANNED: Verdict(Next.STOP, "we were banned; an admin of the room must lift the ban"),
    Departure.AFFILIATION: Verdict(Next.STOP, "our affiliation was taken away, and without it we may not be here"),
    Departure.MEMBERS_ONLY: Verdict(Next.STOP, "the room became members-only; an admin of it must make us a member"),
    Departure.SHUTDOWN: Verdict(Next.RETRY, "the room's service shuts down", strain=True),
    Departure.ERROR: Verdict(Next.RETRY, "the room lost us by a technical error"),
    Departure.DESTROYED: Verdict(Next.STOP, "the room was destroyed"),
    Departure.LEFT: Verdict(Next.RETRY, "the room says that we left, though we did not"),
}
"""By what our own unavailable presence tells, where we did not leave (XEP-0045 §9)."""


def of_departure(how: Departure, presence: PresenceReceived) -> Verdict:
    """What our own unavailable presence means where we did not leave by ourselves (XEP-0045 §9)."""
    verdict = DEPARTED[how]
    item = presence.items[0] if presence.items else None
    told = [f"by {item.actor}" if item and item.actor else "", item.reason or "" if item else ""]
    venue = venue_of(str(presence.destroyed)) if isinstance(presence.destroyed, Address) else None
    if venue is not None:
        told.append(f"it goes on at {venue}")
    detail = ": ".join(t for t in told if t)
    reason = f"{verdict.reason} ({detail})" if detail else verdict.reason
    return Verdict(verdict.next, reason, None, venue, verdict.strain)


def venue_of(text: str | None) -> Address | None:
    """The room that a destroyed one names in its place: a JID, or as an URI (``xmpp:new@rooms.example.org?join``)."""
    if not text:
        return None
    if text.lower().startswith("xmpp:"):
        text = unquote(text[5:].partition("?")[0])
    try:
        address = Address.parse(text).bare
    except BadAddress:
        return None
    return address if address.local else None


class Ping(Enum):
    """What the answer to a self-ping says of us (XEP-0410 §3.2)."""

    IN = "we are in the room"
    RENAMED = "we are in, under another nick; asked once more, then taken for being out"
    UNKNOWN = "nothing can be told; asked again soon"
    OUT = "we are not in the room: it is entered again"


SELF_PING: Final[Mapping[str, Ping]] = {
    "result": Ping.IN,
    "service-unavailable": Ping.IN,
    "feature-not-implemented": Ping.IN,
    "item-not-found": Ping.RENAMED,
    "remote-server-not-found": Ping.UNKNOWN,
    "remote-server-timeout": Ping.UNKNOWN,
    "timeout": Ping.UNKNOWN,
}
"""By the answer: a result, the condition of an error, or ``timeout`` for none. Any other error is ``OUT``."""


def of_self_ping(answer: str) -> Ping:
    """See ``SELF_PING``."""
    return SELF_PING.get(answer, Ping.OUT)
