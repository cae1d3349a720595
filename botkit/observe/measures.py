"""One account's figures. Everything is read where it is kept, when somebody asks; docs/monitoring.md lists them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from botkit.model.jobs import FireState
from botkit.model.measures import Measure, MeasureKind, Sample
from botkit.model.rooms import RoomState
from botkit.model.status import AccountStatus, HistoryState, RoomStatus
from botkit.observe.account import Parts, account_status
from botkit.services.catch_up import CatchUpStatus
from botkit.services.outbox.choosing import Why

_COUNTER, _GAUGE = MeasureKind.COUNTER, MeasureKind.GAUGE


class _Book:
    """Measures of one account: its JID is the first label of all."""

    def __init__(self, account: str) -> None:
        self.account = account
        self.measures: list[Measure] = []

    def add(
        self,
        kind: MeasureKind,
        name: str,
        told: str,
        labels: Sequence[str] = (),
        samples: Iterable[tuple[tuple[str, ...], float]] = (),
    ) -> None:
        """A family, each sample with the values of ``labels``."""
        found = tuple(Sample(labels=(self.account, *values), value=value) for values, value in samples)
        self.measures.append(
            Measure(name=f"botkit_{name}", kind=kind, help=told, labels=("account", *labels), samples=found)
        )

    def of_rooms(
        self,
        name: str,
        told: str,
        labels: tuple[str, ...],
        rooms: Sequence[RoomStatus],
        read: Callable[[RoomStatus], Iterable[tuple[tuple[str, ...], float | None]]],
    ) -> None:
        """A gauge of each room; ``read`` gives values of ``labels``, and the figure (None: there is none now)."""
        samples = _OfRooms(self.account, rooms, read)
        named = ("account", "room", *labels)
        self.measures.append(Measure(name=f"botkit_{name}", kind=_GAUGE, help=told, labels=named, samples=samples))

    def one(self, kind: MeasureKind, name: str, told: str, value: float) -> None:
        """A family of one sample."""
        self.add(kind, name, told, (), [((), value)])


def account_measures(parts: Parts) -> tuple[Measure, ...]:
    """The account's figures, as they are now."""
    status = account_status(parts, figures=True)
    book = _Book(str(status.account))
    _connection(book, parts, status)
    _queues(book, status)
    _outgoing(book, parts)
    answers = parts.hooks.answers
    book.add(_COUNTER, "hook_requests", "Requests to webhooks, by answer.", ("hook", "result"), answers.items())
    _handlers(book, parts)
    _history(book, parts, status)
    _rooms(book, status)
    if parts.config.http.room_labels:
        _each_room(book, status.rooms)
    return tuple(book.measures)


def _connection(book: _Book, parts: Parts, status: AccountStatus) -> None:
    counters = parts.link.connection.counters
    received = counters.received - counters.received_presences - counters.received_iqs
    sent = counters.sent - counters.sent_presences - counters.sent_iqs
    book.one(_GAUGE, "connected", "1 while there is a session with the server.", status.connected)
    book.one(_COUNTER, "reconnects", "Connections made after the first.", status.reconnects)
    book.one(_COUNTER, "resumptions", "Those of them that resumed the session (XEP-0198).", status.resumptions)
    book.add(_COUNTER, "stanzas_received", "Stanzas from the server.", ("kind",), [
        (("message",), received),
        (("presence",), counters.received_presences),
        (("iq",), counters.received_iqs),
    ])  # fmt: skip
    book.add(_COUNTER, "stanzas_sent", "Stanzas written to the server.", ("kind",), [
        (("message",), sent),
        (("presence",), counters.sent_presences),
        (("iq",), counters.sent_iqs),
    ])  # fmt: skip
    book.one(_COUNTER, "received_bytes", "Bytes read from streams, inside of TLS.", counters.bytes_received)
    book.one(_COUNTER, "sent_bytes", "Bytes of stanzas of ours that were written.", counters.bytes_sent)
    actions = sorted(parts.link.performed.counts.items())
    book.add(
        _COUNTER, "actions", "What the bot did, by kind of action and how that ended.", ("action", "result"), actions
    )


def _queues(book: _Book, status: AccountStatus) -> None:
    waiting = [((one.name,), one.waiting) for one in status.queues]
    book.add(_GAUGE, "queue_waiting", "What waits in each queue.", ("queue",), waiting)
    dropped = [((one.name,), one.dropped) for one in status.queues]
    book.add(_COUNTER, "queue_dropped", "What a queue took no more.", ("queue",), dropped)
    paused = [((who,), float(who in status.paused_reading)) for who in ("handlers", "history")]
    book.add(_GAUGE, "reading_paused", "1 while reading is paused, as this queue cannot keep up.", ("queue",), paused)


def _outgoing(book: _Book, parts: Parts) -> None:
    status = parts.outbox.status()
    counters = status.counters
    waiting = [((priority.name.lower(),), float(count)) for priority, count in status.waiting.items()]
    book.add(_GAUGE, "outgoing_waiting", "Messages that wait to be sent, by priority.", ("priority",), waiting)
    book.one(_GAUGE, "outgoing_slowed", "Recipients that lately asked the bot to send less.", status.slowed)
    ends = (
        ("sent", counters.sent),
        ("reflected", counters.reflected),
        ("sent again", counters.sent_again),
        ("refused", counters.refused),
        ("dropped", counters.dropped),
        ("full", counters.full),
        ("withheld", counters.withheld),
        ("coalesced", counters.coalesced),
    )
    messages = [((end,), float(count)) for end, count in ends]
    book.add(_COUNTER, "outgoing_messages", "Messages of ours, by what became of them.", ("result",), messages)
    book.one(_GAUGE, "notices_kept", "Notices that are written down and not yet in their rooms.", status.notices)
    reasons = dict.fromkeys(Why, 0)
    for one in parts.outbox.notices_waiting():
        reasons[one.why] += one.count
    book.add(
        _GAUGE,
        "notices_waiting",
        "Notices that are not in their rooms yet, by what they wait for.",
        ("why",),
        [((why.value,), count) for why, count in reasons.items()],
    )
    notices = (
        ("done", counters.notices_done),
        ("expired", counters.notices_expired),
        ("failed", counters.notices_failed),
        ("replaced", counters.notices_replaced),
    )
    book.add(
        _COUNTER, "notices", "Notices, by how they ended.", ("result",), [((end,), count) for end, count in notices]
    )


def _handlers(book: _Book, parts: Parts) -> None:
    tallies = [(tuple(name.partition(".")[::2]), tally) for name, tally in parts.dispatcher.tallies.items()]
    labels = ("module", "handler")
    book.one(_GAUGE, "handlers_running", "Events that are being handled.", parts.dispatcher.running)
    book.add(_COUNTER, "handler_calls", "Calls of handlers.", labels, [(of, one.calls) for of, one in tallies])
    failures = [(of, float(one.failures)) for of, one in tallies]
    book.add(_COUNTER, "handler_failures", "Handlers that raised, or took too long.", labels, failures)
    waited = tuple(
        Sample(labels=(book.account, *of), value=one.seconds, buckets=one.cumulative()) for of, one in tallies
    )
    told = "How long calls took that had to wait for something."
    book.measures.append(
        Measure(
            name="botkit_handler_wait_seconds",
            kind=MeasureKind.HISTOGRAM,
            help=told,
            labels=("account", *labels),
            samples=waited,
        )
    )
    called = [((way,), count) for way, count in parts.dispatcher.tallies.called.items()]
    book.add(_COUNTER, "commands", "Commands that ran, by how they were given.", ("way",), called)
    fires = [((state.value,), float(parts.scheduler.fires[state])) for state in FireState if state.value != "running"]
    book.add(_COUNTER, "schedule_fires", "Fires of jobs, by how they ended.", ("result",), fires)


def _history(book: _Book, parts: Parts, status: AccountStatus) -> None:
    counters, reading = parts.history.counters, parts.reading
    book.one(_COUNTER, "history_remembered", "Live events that were noted for the log.", counters.remembered)
    book.one(_COUNTER, "history_repeated", "Live events that had come before.", counters.repeated)
    book.one(_COUNTER, "history_written", "Changes written to the database.", counters.written)
    book.one(_COUNTER, "history_batches", "Transactions that wrote them.", counters.batches)
    book.one(_COUNTER, "history_write_seconds", "Time that these transactions took.", counters.write_seconds)
    book.one(
        _COUNTER, "history_write_failures", "Transactions that failed; they are tried again.", counters.write_failures
    )
    book.one(_COUNTER, "archive_pages", "Pages read from archives.", counters.pages)
    book.one(_COUNTER, "archive_rows", "Rows read from archives, by catch-ups that ended.", reading.read)
    ended = [((one.value,), float(reading.ended[one])) for one in CatchUpStatus]
    book.add(_COUNTER, "catch_ups", "Catch-ups, by how they ended.", ("result",), ended)
    book.one(_GAUGE, "gaps", "Open gaps in the log.", sum(len(room.history.gaps) for room in status.rooms))


def _rooms(book: _Book, status: AccountStatus) -> None:
    states = Counter(room.state for room in status.rooms)
    by_state = [((state.value,), float(states[state])) for state in RoomState]
    book.add(_GAUGE, "rooms", "Rooms of the config, by state.", ("state",), by_state)
    histories = Counter(room.history.state for room in status.rooms)
    by_history = [((state.value,), float(histories[state])) for state in HistoryState]
    book.add(_GAUGE, "room_histories", "Rooms, by how far their log is.", ("history",), by_history)


@dataclass(frozen=True, slots=True)
class _OfRooms:
    """Samples of hundreds of rooms, made in the thread that writes them: here they would hold up the event loop."""

    account: str
    rooms: Sequence[RoomStatus]
    read: Callable[[RoomStatus], Iterable[tuple[tuple[str, ...], float | None]]]

    def __iter__(self) -> Iterator[Sample]:
        for room in self.rooms:
            jid = str(room.room)
            for labels, value in self.read(room):
                if value is not None:
                    yield Sample(labels=(self.account, jid, *labels), value=float(value))


def _each_room(book: _Book, rooms: Sequence[RoomStatus]) -> None:
    book.of_rooms("room_state", "1 for the state that a room is in.", ("state",), rooms, _states)
    for name, told, read in _OF_ROOMS:
        book.of_rooms(name, told, (), rooms, partial(_single, read))


def _states(room: RoomStatus) -> Iterator[tuple[tuple[str, ...], float]]:
    return (((state.value,), room.state is state) for state in RoomState)


def _single(
    read: Callable[[RoomStatus], float | None], room: RoomStatus
) -> tuple[tuple[tuple[str, ...], float | None], ...]:
    return (((), read(room)),)


def _progress(room: RoomStatus) -> float | None:
    return room.history.fraction if room.history.state is HistoryState.CATCHING_UP else None


_OF_ROOMS: tuple[tuple[str, str, Callable[[RoomStatus], float | None]], ...] = (
    ("room_occupants", "Occupants, the bot included.", lambda room: room.occupants),
    ("room_attempts", "Attempts to enter that failed, since it last went well.", lambda room: room.attempts),
    ("room_unanswered_pings", "Self-pings in a row that decided nothing (XEP-0410).", lambda room: room.unanswered),
    ("room_events_waiting", "Events that wait for handlers.", lambda room: room.events),
    ("room_outgoing_waiting", "What waits to be sent.", lambda room: room.outgoing),
    ("room_caught_up", "1 if the log has everything.", lambda room: room.history.state is HistoryState.CAUGHT_UP),
    ("room_catch_up_ratio", "How much of the time is read, while catching up.", _progress),
    ("room_catch_up_lag_seconds", "How far the reading is behind, while catching up.", lambda room: room.history.lag),
    ("room_gaps", "Open gaps in the log.", lambda room: len(room.history.gaps)),
)  # fmt: skip
