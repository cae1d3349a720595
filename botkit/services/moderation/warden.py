"""The whole way from an event to what was done about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from botkit.errors import Forbidden, ItemNotFound, LinkError, MisuseError, NotSupported, StanzaError
from botkit.model.actions import Action, Moderate, SendMessage, SetAffiliation, SetRole
from botkit.model.address import Address
from botkit.model.events import Event
from botkit.model.rooms import Occupant, RoomInfo, RoomState
from botkit.ports import Clock, Link
from botkit.routing.context import Logger
from botkit.routing.handles import RoomHandle
from botkit.services.moderation.breaker import Breaker, Limits
from botkit.services.moderation.ladder import ImmuneSet, Ladder, Measure
from botkit.services.moderation.memory import Memory, Person
from botkit.services.moderation.plan import Plan, Target, Verdict, make_plan
from botkit.services.moderation.rules import Finding, Rule
from botkit.services.moderation.statement import Statement
from botkit.services.standing import Standings


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What holds in a room. ``cooldown``: seconds in which one person is not warned, or struck in the same way, again.

    ``dry_run``: nothing is done, only said what would be.
    """

    rules: Sequence[Rule]
    ladder: Ladder
    immune: ImmuneSet
    limits: Limits = Limits()  # noqa: RUF009 - frozen
    cooldown: float = 30
    dry_run: bool = False


class Warden:
    """Judges what is said in rooms by one policy, and acts through a link.

    Nothing is done against anybody immune, nor against whoever merely took over a nick. Refusals by
    the room are told once for each room and kind of action, and that kind is left alone until ``rights_changed``.
    """

    def __init__(self, policy: Policy, memory: Memory | None = None) -> None:
        self.policy = policy
        self.memory = memory or Memory()
        self._counts: dict[Address, Counter[Measure]] = {}
        self._refused: set[tuple[Address, type[Action]]] = set()
        self._missing: set[tuple[Address, str]] = set()  # lacking rights that were told
        self._breakers: dict[tuple[Address, str], Breaker] = {}
        self._subjects: dict[Address, str] = {}  # of rooms that we are in: as many as the config has
        self._lists: Standings | None = None

    def rights_changed(self, room: Address) -> None:
        """What the bot may do in ``room`` is to be tried anew."""
        self._refused = {(where, kind) for where, kind in self._refused if where != room}
        self._missing = {(where, note) for where, note in self._missing if where != room}

    def counts(self, room: Address) -> Counter[Measure]:
        """How often each measure was taken in ``room`` (or would have been) since the start."""
        return self._counts.get(room, Counter())

    async def consider(self, event: Event, link: Link, clock: Clock, log: Logger) -> Plan | None:
        """Judge ``event`` and act. What was done, or would have been (``dry_run``); None if there was no reason to.

        Never raises for what the room or the network answers; logs who, what rule, and the evidence.
        """
        verdict = self.examine(event, link.address)
        return None if verdict is None else await self.act(verdict, link, clock, log)

    def examine(self, event: Event, me: Address) -> Verdict | None:
        """Judge ``event``; None if there is no reason to ``act``. ``me`` is our own address."""
        said = Statement.of(event)
        if said is None:
            return None
        if said.subject:
            self.memory.introduce(said.room, said.author)
            if not self._judgeable_subject(said):
                return None
        verdict = self.judge(said, me)
        if verdict is None and said.subject:
            self._remember_subject(said)
        return verdict

    def judge(self, said: Statement, me: Address) -> Verdict | None:
        """What the rules say, with the author's points counted. None: nothing found, immune, or judged before."""
        memory, author, archive_id = self.memory, said.author, said.archive_id
        person = memory.familiar(author, me, self.policy.immune)
        if person is None:
            memory.introduce(said.room, author)
            if self.policy.immune.reason(author, me) is not None:
                return None
        if archive_id is not None and not memory.first_time(said.room, archive_id):
            return None
        if person is None:
            person = memory.person(said.room, author)
            memory.acquaint(author, me, self.policy.immune, person)
        if said.spoken:
            person.spoke.append(said.second)
            if archive_id is not None and said.message_id is not None:
                person.messages.append((said.message_id, archive_id))
        elif not said.subject:
            # A status comes again with every change of presence: one text is one deed.
            mark = hash(said.folded)
            if mark in person.shown:
                return None
            person.shown.append(mark)
        findings: list[Finding] | None = None
        for rule in self.policy.rules:  # every one, since some of them count
            if (found := rule.examine(said, person)) is not None:
                findings = [*findings, found] if findings else [found]
        if findings is None:
            return None
        person.points.append((said.second, sum(f.points for f in findings)))
        points = person.total(said.second, self.policy.ladder.window)
        return Verdict(said=said, findings=tuple(findings), points=points, measure=self.policy.ladder.measure(points))

    # --- acting ------------------------------------------------------------------------------------------------

    async def act(self, verdict: Verdict, link: Link, clock: Clock, log: Logger) -> Plan | None:
        """Act on what ``examine`` found. What was done, or would have been; None if the author is immune after all."""
        said = verdict.said
        evidence = [f"{f.label}: {f.evidence}" for f in verdict.findings]
        log = log.bind(
            nick=said.author.nick,
            stanza_id=said.archive_id,
            source=said.source.value,
            rules=[f.rule for f in verdict.findings],
            evidence=evidence,
            points=verdict.points,
        )
        present = self._find(said.author, link)
        exempt = await self._exempt(said, present, link, clock)
        if exempt is not None:
            log.info("rule matched, but the author is immune", why=exempt)
            return None
        room = link.room(said.room)
        if verdict.measure is None or room is None or room.state is not RoomState.JOINED:
            log.info("rule matched; nothing is done yet")
            return None
        plan = self._planned(verdict, present, room, clock.monotonic(), log)
        done = plan.measure.word if plan.measure is not None else "nothing"
        told = "would have acted (dry run)" if self.policy.dry_run else "acting"
        log.info(told, measure=done, asked=verdict.measure.word, notes=list(plan.notes))
        self._tell_missing(plan, room.address, log)
        if plan.measure is not None:
            self._counts.setdefault(said.room, Counter())[plan.measure] += 1
        if not self.policy.dry_run:
            for action in plan.actions:
                await self._perform(action, said.author, link, log)
        return plan

    def _planned(self, verdict: Verdict, present: Occupant | None, room: RoomInfo, now: float, log: Logger) -> Plan:
        said = verdict.said
        person = self.memory.person(said.room, said.author)
        real = present.real if present is not None and present.real else self._known(said).real
        target = Target(
            present=present,
            real=real.bare if real is not None else None,
            versions=tuple(person.versions(said.replaces)) if said.replaces else (),
        )
        subject = self._subjects.get(said.room)
        warn = said.live and self._due(person, now)
        plan = make_plan(verdict, self.policy.ladder, target, room, warn=warn, subject=subject)
        return self._within_limits(self._not_twice(plan, person, now), said.room, now, log)

    def _tell_missing(self, plan: Plan, room: Address, log: Logger) -> None:
        """Once for each room and right, until the rights change: spam must not fill the log with it."""
        missing = plan.missing
        if missing is not None and (room, missing) not in self._missing:
            self._missing.add((room, missing))
            log.warning("the bot's rights do not reach: make it an admin of the room", missing=missing)

    async def _perform(self, action: Action, author: Occupant, link: Link, log: Logger) -> None:
        room = author.room
        kind = type(action)
        if (room, kind) in self._refused:
            return
        name = kind.__name__
        try:
            if isinstance(action, SetRole | SendMessage):
                # The nick may have changed hands while earlier actions were under way.
                now = self._find(author, link)
                if now is None:
                    log.info("not done: the author has left", action=name)
                    return
                changed = (
                    replace(action, nick=now.nick) if isinstance(action, SetRole) else replace(action, to=now.address)
                )
                await link.perform(changed)
            elif isinstance(action, SetAffiliation):
                await RoomHandle(room, link).ban(action.address, action.reason)
            else:
                await link.perform(action)
        except (Forbidden, NotSupported) as problem:
            self._refused.add((room, kind))
            log.warning(
                "the room refuses this; left alone until the bot's rights change", action=name, error=str(problem)
            )
        except ItemNotFound:
            log.info("not done: it is gone already", action=name)
        except (StanzaError, LinkError, MisuseError) as problem:
            log.warning("not done", action=name, error=str(problem))

    # --- who it is ---------------------------------------------------------------------------------------------

    def _find(self, author: Occupant, link: Link) -> Occupant | None:
        """The same person among those who are present. Without any identity only the unchanged presence counts."""
        at_nick = link.occupant(author.address)
        if at_nick is not None and self._same(author, at_nick):
            return at_nick
        return next((o for o in link.occupants(author.room) if self._same(author, o)), None)

    def _same(self, author: Occupant, other: Occupant) -> bool:
        if author.occupant_id is not None and other.occupant_id is not None:
            return author.occupant_id == other.occupant_id
        if author.real is not None and other.real is not None:
            return author.real.bare == other.real.bare
        if author.identity is None and other.identity is None:
            return author.known and author == other
        return False

    def _known(self, said: Statement) -> Occupant:
        """The author as its latest presence showed it, where the message itself does not tell."""
        author = said.author
        return author if author.known else self.memory.last_seen(said.room, author) or author

    async def _exempt(self, said: Statement, present: Occupant | None, link: Link, clock: Clock) -> str | None:
        """Why the author is immune, by what it is now. Asks the room about somebody who is absent."""
        immune, me = self.policy.immune, link.address
        known = present or self._known(said)
        if why := immune.reason(known, me):
            return why
        if present is not None or known.real is None:
            return None
        standing = await self._standings(link, clock).affiliation(said.room, known.real)
        if standing is None:
            return None
        return immune.reason(replace(known, affiliation=standing, known=True), me)

    def _standings(self, link: Link, clock: Clock) -> Standings:
        if self._lists is None or self._lists.link is not link:
            self._lists = Standings(link, clock)
        return self._lists

    # --- restraint ---------------------------------------------------------------------------------------------

    def _due(self, person: Person, now: float) -> bool:
        if person.warned is not None and now - person.warned < self.policy.cooldown:
            return False
        person.warned = now
        return True

    def _not_twice(self, plan: Plan, person: Person, now: float) -> Plan:
        """A burst is one case: the messages still go, but nobody is kicked once for each of them."""
        measure = plan.measure
        if measure is None or measure < Measure.DEVOICE:
            return plan
        last = person.struck.get(measure.word)
        if last is None or now - last >= self.policy.cooldown:
            person.struck[measure.word] = now
            return plan
        milder = tuple(a for a in plan.actions if not isinstance(a, SetRole | SetAffiliation))
        return replace(
            plan,
            measure=Measure.RETRACT if milder else None,
            actions=milder,
            notes=(*plan.notes, f"{measure.word} is under way"),
        )

    def _within_limits(self, plan: Plan, room: Address, now: float, log: Logger) -> Plan:
        if self.policy.dry_run:
            return plan
        allowed = tuple(a for a in plan.actions if self._allowed(a, room, now, log))
        if len(allowed) == len(plan.actions):
            return plan
        measure = Measure.RETRACT if any(isinstance(a, Moderate) for a in allowed) else None
        notes = (*plan.notes, "the limit on the bot's own actions is reached")
        return replace(plan, measure=measure, actions=allowed, notes=notes)

    def _allowed(self, action: Action, room: Address, now: float, log: Logger) -> bool:
        limits = self.policy.limits
        if isinstance(action, SetRole | SetAffiliation):
            what, minute, ten = "persons", limits.persons_per_minute, limits.persons_per_ten_minutes
        else:
            what, minute, ten = "messages", limits.messages_per_minute, limits.messages_per_ten_minutes
        breaker = self._breakers.setdefault((room, what), Breaker(minute, ten))
        allowed = breaker.allow(now)
        if breaker.just_tripped:
            log.error(
                "the bot has stopped acting here for ten minutes: too many actions; look at its rules", limit=what
            )
        return allowed

    # --- subjects ----------------------------------------------------------------------------------------------

    def _judgeable_subject(self, said: Statement) -> bool:
        """The first subject after a start was there before us (XEP-0045 §7.2.15): no new deed of anybody."""
        if said.live and said.author.known and said.room in self._subjects:
            return said.text != self._subjects[said.room]
        self._remember_subject(said)
        return False

    def _remember_subject(self, said: Statement) -> None:
        self._subjects[said.room] = said.text
