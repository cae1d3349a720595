"""From a verdict to stanzas: what can be done here, in which order, and what cannot and why. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from botkit.model.actions import Action, Moderate, SendMessage, SetAffiliation, SetRole, SetSubject
from botkit.model.address import Address
from botkit.model.capabilities import Capability
from botkit.model.messages import ArchiveId
from botkit.model.rooms import Affiliation, Occupant, Role, RoomInfo
from botkit.services.moderation.ladder import Ladder, Measure
from botkit.services.moderation.rules import Finding
from botkit.services.moderation.statement import Statement

_NO_RIGHT = "the bot is no "  # begins each note that tells of a right that we lack


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the rules found in one statement, and what the ladder asks for with the author's ``points`` so far.

    ``measure`` is None while the points reach no step.
    """

    said: Statement
    findings: tuple[Finding, ...]
    points: int
    measure: Measure | None

    @property
    def reason(self) -> str:
        """One line for people: ``link; too many messages``."""
        return "; ".join(dict.fromkeys(f.label for f in self.findings))


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Whom a plan is about, as well as it is known now.

    ``present`` is the same person's occupant at this moment, None if it is not in the room. ``real`` is its
    bare JID, None where nobody told us. ``versions`` are other archive ids to take away with the message:
    those of the message that it corrects.
    """

    present: Occupant | None
    real: Address | None
    versions: tuple[ArchiveId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``actions`` in their order; ``measure`` is the sternest of them, None if nothing is done.

    ``notes`` say what was asked for and cannot be done. ``verdict`` is why.
    """

    verdict: Verdict

    measure: Measure | None
    actions: tuple[Action, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def missing(self) -> str | None:
        """The first note that tells of a right that the bot lacks here; None if it had all that it needed."""
        return next((note for note in self.notes if note.startswith(_NO_RIGHT)), None)


def make_plan(
    verdict: Verdict, ladder: Ladder, target: Target, room: RoomInfo, *, warn: bool = True, subject: str | None = None
) -> Plan:
    """The actions for ``verdict``. ``warn``: tell the author in private, too. ``subject``: what to set it back to.

    Retractions come first: a kick or ban would not take the text from people's screens.
    """
    if verdict.measure is None:
        return Plan(verdict=verdict, measure=None)
    notes: list[str] = []
    retractions = _retractions(verdict, target, room, notes)
    restore = _restored(verdict, room, subject)
    measure: Measure | None = verdict.measure
    if measure is Measure.RETRACT and not retractions and not restore:
        # What cannot be taken away goes one step up; a status or reaction is no message, and stays where it is.
        measure = ladder.above(measure) if verdict.said.spoken else None
    done, against = _against(measure, verdict, ladder, target, room, notes)
    actions: list[Action] = [*retractions, *restore]
    if actions and (done is None or done < Measure.RETRACT):
        done = Measure.RETRACT
    if warn and target.present is not None and not against:
        actions.append(_warning(target.present, verdict, gone=bool(actions)))
        done = done or Measure.WARN
    return Plan(verdict=verdict, measure=done, actions=(*actions, *against), notes=tuple(notes))


def _retractions(verdict: Verdict, target: Target, room: RoomInfo, notes: list[str]) -> list[Action]:
    said = verdict.said
    if verdict.measure is None or verdict.measure < Measure.RETRACT or not (said.spoken or said.archive_id):
        return []
    missing = room.capabilities.why_not(Capability.RETRACT)
    if said.archive_id is None:
        notes.append("the room gave this message no archive id: it cannot be retracted")
    elif missing is not None:
        notes.append(missing)
    else:
        ids = dict.fromkeys((said.archive_id, *target.versions))
        return [Moderate(room=said.room, archive_id=one, reason=verdict.reason) for one in ids]
    return []


def _restored(verdict: Verdict, room: RoomInfo, subject: str | None) -> list[Action]:
    if not verdict.said.subject or subject is None or verdict.measure is None or verdict.measure < Measure.RETRACT:
        return []
    return [SetSubject(room=room.address, subject=subject)]


def _against(
    measure: Measure | None, verdict: Verdict, ladder: Ladder, target: Target, room: RoomInfo, notes: list[str]
) -> tuple[Measure | None, list[Action]]:
    """What is done about the person: ``measure``, or the nearest one that is possible."""
    can, reason = room.capabilities, verdict.reason
    if measure is Measure.DEVOICE and target.present is not None and target.present.role <= Role.VISITOR:
        notes.append("has no voice already")
        measure = ladder.above(measure) or Measure.RETRACT
    if measure is Measure.BAN:
        if (missing := can.why_not(Capability.BAN)) is not None:
            notes.append(missing)
        elif target.real is None:
            notes.append("the real JID is not known: cannot ban")
        else:
            ban = SetAffiliation(room=room.address, address=target.real, affiliation=Affiliation.OUTCAST, reason=reason)
            return Measure.BAN, [ban]
        measure = Measure.KICK
    if measure is None or measure < Measure.DEVOICE:
        return None, []
    if target.present is None:
        notes.append(f"is not in the room any more: no {measure.word}")
    elif (missing := can.why_not(Capability.DEVOICE if measure is Measure.DEVOICE else Capability.KICK)) is not None:
        notes.append(missing)
    else:
        role = Role.VISITOR if measure is Measure.DEVOICE else Role.NONE
        return measure, [SetRole(room=room.address, nick=target.present.nick, role=role, reason=reason)]
    return None, []


def _warning(present: Occupant, verdict: Verdict, *, gone: bool) -> Action:
    fate = "was taken away" if gone else "is not wanted"
    text = f"Your message in {present.room} {fate}: {verdict.reason}. Please stop; more of it has consequences."
    return SendMessage(to=present.address, body=text, groupchat=False, private=True, unstyled=True)
