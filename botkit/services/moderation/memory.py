"""What the rules remember of people. Bounded: who has been silent longest is forgotten first."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass, field

from botkit.model.address import Address
from botkit.model.messages import ArchiveId, MessageId
from botkit.model.rooms import Occupant

REMEMBERED = 64  # of each person: times, texts, messages, points


@dataclass(slots=True)
class Person:
    """One author in one room. ``spoke`` and ``texts_at`` are POSIX times, ``texts`` hashes of texts,
    ``points`` pairs of time and points."""

    spoke: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    texts: deque[int] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    texts_at: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    messages: deque[tuple[MessageId, ArchiveId]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    points: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    shown: deque[int] = field(default_factory=lambda: deque(maxlen=16))  # hashes of status texts and the like
    warned: float | None = None  # when last, on the monotonic clock
    struck: dict[str, float] = field(default_factory=dict)  # when each measure was last taken, likewise
    _times: dict[int, int] = field(default_factory=dict)  # how often each of ``texts`` is among them

    def heard(self, mark: int, second: float) -> int:
        """Remember a text by its hash. How many of those remembered are the same, this one included."""
        texts, times = self.texts, self._times
        if len(texts) == REMEMBERED:
            oldest = texts[0]
            if times[oldest] == 1:
                del times[oldest]
            else:
                times[oldest] -= 1
        texts.append(mark)
        self.texts_at.append(second)
        same = times[mark] = times.get(mark, 0) + 1
        return same

    def total(self, second: float, window: float) -> int:
        """Points of the last ``window`` seconds before ``second``."""
        oldest = second - window
        return sum(points for when, points in self.points if when > oldest)

    def versions(self, message_id: MessageId) -> list[ArchiveId]:
        """Where the archive keeps this person's message of that id."""
        return [archive_id for own_id, archive_id in self.messages if own_id == message_id]


class Memory:
    """People by room and identity, and which messages have been judged already.

    ``people`` and ``judged`` are how many of each are kept; a person takes at most some 15 KiB.
    """

    def __init__(self, people: int = 4096, judged: int = 16384) -> None:
        self._people: OrderedDict[Hashable, Person] = OrderedDict()
        self._max_people = people
        self._judged: OrderedDict[tuple[Address, ArchiveId], None] = OrderedDict()
        self._max_judged = judged
        self._seen: OrderedDict[Hashable, Occupant] = OrderedDict()
        self._familiar: dict[Address, tuple[Occupant, Address, object, Person, Hashable]] = {}

    def familiar(self, author: Occupant, me: Address, immune: object) -> Person | None:
        """Whom ``acquaint`` was told of with these very objects: a look-up instead of several. None if nobody."""
        found = self._familiar.get(author.address)
        if found is None or found[0] is not author or found[1] is not me or found[2] is not immune:
            return None
        self._people.move_to_end(found[4])
        return found[3]

    def acquaint(self, author: Occupant, me: Address, immune: object, person: Person) -> None:
        """Remember that ``author``, as this presence showed it, is ``person``, introduced, and by ``immune`` exempt
        from nothing. Forgotten when anybody is."""
        if len(self._familiar) >= self._max_people:  # one person may come under many nicks
            self._familiar.clear()
        self._familiar[author.address] = (author, me, immune, person, person_key(author.room, author))

    def person(self, room: Address, author: Occupant) -> Person:
        """What is known of ``author``; somebody new if nothing is."""
        key = person_key(room, author)
        found = self._people.get(key)
        if found is None:
            found = self._people[key] = Person()
            if len(self._people) > self._max_people:
                self._people.popitem(last=False)
                self._familiar.clear()
        else:
            self._people.move_to_end(key)
        return found

    def first_time(self, room: Address, archive_id: ArchiveId) -> bool:
        """False if this message was judged before: live messages come again with the archive."""
        key = (room, archive_id)
        if key in self._judged:
            return False
        self._judged[key] = None
        if len(self._judged) > self._max_judged:
            self._judged.popitem(last=False)
        return True

    def introduce(self, room: Address, occupant: Occupant) -> None:
        """Remember who is behind an occupant-id: an archive tells neither real JID nor affiliation."""
        if not occupant.known or occupant.occupant_id is None:
            return
        key = person_key(room, occupant)
        if self._seen.get(key) is occupant:
            return
        self._seen[key] = occupant
        self._seen.move_to_end(key)
        if len(self._seen) > self._max_people:
            self._seen.popitem(last=False)
            self._familiar.clear()

    def last_seen(self, room: Address, author: Occupant) -> Occupant | None:
        """The same person as its latest presence showed it; None if it was not seen or cannot be recognised."""
        return self._seen.get(person_key(room, author)) if author.occupant_id is not None else None


def person_key(room: Address, author: Occupant) -> Hashable:
    """Who this is, the same in presence, live messages and archives: occupant-id, else real JID, else nick.

    A nick tells people apart only within the memory of one run and never justifies more than a kick.
    """
    if author.occupant_id is not None:
        return (room, "id", author.occupant_id)
    if author.real is not None:
        return (room, "jid", author.real.bare)
    return (room, "nick", author.nick)
