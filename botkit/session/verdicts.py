"""What to do about a room that refused us or threw us out, as data (XEP-0045 §7.2, §9; status codes of §15.6)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from botkit.errors import StanzaError
from botkit.model.address import Address
from botkit.model.events import Departure, PresenceReceived


class Next(Enum):
    """What follows."""

    RETRY = "retry"  # with growing delay
    OTHER_NICK = "other nick"
    STOP = "stop"  # only a person can cure it


@dataclass(frozen=True, slots=True)
class Verdict:
    """``reason`` is told to people: what happened and what cures it."""

    next: Next
    reason: str


_JOIN_ERRORS: dict[str, Verdict] = {
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
}


def of_join_error(error: StanzaError) -> Verdict:
    """What an error presence in answer to our join means (XEP-0045 §7.2.5 to §7.2.10). Unknown ones are tried again."""
    verdict = _JOIN_ERRORS.get(error.condition)
    if verdict is None:
        return Verdict(Next.RETRY, f"joining failed: {error}")
    said = f" ({error.text})" if error.text else ""
    return Verdict(verdict.next, f"{verdict.reason}{said}")


def of_disco_error(error: StanzaError, *, create: bool) -> Verdict | None:
    """What an error in answer to disco#info of the room means; None: go on and join (which creates it)."""
    if error.condition in ("item-not-found", "gone"):
        # XEP-0045 §10.1.1: joining a room that is not there creates it. A mistyped JID must not.
        if create and error.condition == "item-not-found":
            return None
        return Verdict(Next.STOP, "there is no such room; check its JID, or set create = true to make it")
    if error.kind == "wait" or error.condition in ("remote-server-not-found", "remote-server-timeout"):
        return Verdict(Next.RETRY, f"the room's service cannot be asked: {error}")
    if error.condition in ("forbidden", "not-authorized", "not-allowed"):
        return None  # some services hide what a room is from outsiders; joining tells whether we may
    # a service that is away for a moment says the same as an account that is no room
    return Verdict(Next.RETRY, f"nobody says that this is a room ({error}); if that stays so, check its JID")


_DEPARTED: dict[Departure, Verdict] = {
    Departure.KICKED: Verdict(Next.RETRY, "we were kicked"),
    Departure.BANNED: Verdict(Next.STOP, "we were banned; an admin of the room must lift the ban"),
    Departure.AFFILIATION: Verdict(Next.STOP, "our affiliation was taken away, and without it we may not be here"),
    Departure.MEMBERS_ONLY: Verdict(Next.STOP, "the room became members-only; an admin of it must make us a member"),
    Departure.SHUTDOWN: Verdict(Next.RETRY, "the room's service shuts down"),
    Departure.ERROR: Verdict(Next.RETRY, "the room lost us by a technical error"),
    Departure.DESTROYED: Verdict(Next.STOP, "the room was destroyed"),
    Departure.LEFT: Verdict(Next.RETRY, "the room says that we left, though we did not"),
}


def of_departure(how: Departure, presence: PresenceReceived) -> Verdict:
    """What our own unavailable presence means where we did not leave by ourselves (XEP-0045 §9)."""
    verdict = _DEPARTED[how]
    item = presence.items[0] if presence.items else None
    told = [f"by {item.actor}" if item and item.actor else "", item.reason or "" if item else ""]
    if isinstance(presence.destroyed, Address):
        told.append(f"it goes on at {presence.destroyed}")
    detail = ": ".join(t for t in told if t)
    return Verdict(verdict.next, f"{verdict.reason} ({detail})" if detail else verdict.reason)
