"""One account's status."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from botkit.config.schema import Config
from botkit.loading import LoadedConfig
from botkit.model.address import Address
from botkit.model.capabilities import Capability
from botkit.model.rooms import MAM_2, OCCUPANT_ID_0, STANZA_ID_0, RoomInfo, RoomState
from botkit.model.status import AccountStatus, Me, ModuleStatus, QueueStatus, ReloadStatus, RoomStatus
from botkit.observe.reading import Reading
from botkit.routing.dispatch import Dispatcher
from botkit.services.history import History
from botkit.services.hooks.desk import HookDesk
from botkit.services.outbox.outbox import Outbox
from botkit.services.schedule import Scheduler
from botkit.session.link import XmppLink


@dataclass(slots=True, kw_only=True)
class Parts:
    """What an account is made of. ``pressing``: who asked for a pause of reading, as they cannot keep up;
    it, ``loaded`` and ``reload`` may change."""

    loaded: LoadedConfig
    link: XmppLink
    history: History
    reading: Reading
    dispatcher: Dispatcher
    outbox: Outbox
    hooks: HookDesk
    scheduler: Scheduler
    pressing: Iterable[str] = ()
    reload: ReloadStatus | None = None

    @property
    def config(self) -> Config:
        """As it was loaded last."""
        return self.loaded.config


def account_status(parts: Parts, *, figures: bool = False) -> AccountStatus:
    """How the account is now. ``figures``: without what is only words, and takes most of the time with many rooms."""
    standing = parts.link.connection.standing
    return AccountStatus(
        account=parts.config.account.jid,
        address=parts.link.address if standing.connected else None,
        connected=standing.connected,
        since=standing.since,
        reason=standing.reason,
        retry_at=standing.retry_at,
        reconnects=standing.reconnects,
        resumptions=standing.resumptions,
        config=str(parts.loaded.path),
        rooms=tuple(room_status(parts, info, figures=figures) for info in parts.link.rooms()),
        modules=modules_of(parts),
        queues=queues_of(parts),
        paused_reading=tuple(sorted(parts.pressing)),
        reload=parts.reload,
    )


def room_status(parts: Parts, info: RoomInfo, *, figures: bool = False) -> RoomStatus:
    """One room. ``figures`` as for ``account_status``."""
    me, room = info.me, info.address
    return RoomStatus(
        room=room,
        state=info.state,
        reason=info.reason,
        since=info.since,
        next_try=info.next_try,
        attempts=info.attempts,
        error=info.error,
        moved_to=info.moved_to,
        me=Me(nick=me.nick, affiliation=me.affiliation, role=me.role) if me is not None else None,
        features=() if figures else _features(info),
        can=() if figures else tuple(one.value for one in Capability if one in info.capabilities),
        missing=() if figures or me is None else tuple(dict.fromkeys(info.capabilities.missing.values())),
        unanswered=info.unanswered,
        occupants=info.occupants,
        history=parts.reading.of(
            room,
            wanted=parts.config.catches_up(room),
            archive=info.archive if info.state is RoomState.JOINED else None,
        ),
        events=parts.dispatcher.waiting_for(room),
        outgoing=parts.outbox.waiting_for(room),
    )


def _features(info: RoomInfo) -> tuple[str, ...]:
    words = [word for feature, word in _WORDS if feature in info.features]
    moderation = info.moderation
    return (*words, *((f"moderation:{moderation}",) if moderation is not None else ()))


_WORDS = ((MAM_2, "archive"), (STANZA_ID_0, "stanza ids"), (OCCUPANT_ID_0, "occupant ids"))


def modules_of(parts: Parts) -> tuple[ModuleStatus, ...]:
    """Every module of the config that is in use, with the sums over its handlers."""
    rooms = [room.jid for room in parts.config.rooms]
    found = []
    for name, module in parts.config.modules.items():
        if not module.enabled:
            continue
        tallies = [tally for of, tally in parts.dispatcher.tallies.items() if of.partition(".")[0] == name]
        found.append(
            ModuleStatus(
                name=name,
                use=module.use,
                rooms=_active_in(module.only_in, rooms),
                calls=sum(tally.calls for tally in tallies),
                failures=sum(tally.failures for tally in tallies),
            )
        )
    return tuple(found)


def _active_in(only_in: Sequence[Address] | None, rooms: Sequence[Address]) -> tuple[Address, ...]:
    return () if only_in is None else tuple(room for room in rooms if room in only_in)


def queues_of(parts: Parts) -> tuple[QueueStatus, ...]:
    """Every queue of the account."""
    counters, history, outgoing = parts.link.connection.counters, parts.history, parts.outbox.status()
    limit = parts.link.connection.settings.most_queued
    return (
        QueueStatus(
            name="outgoing",
            waiting=sum(outgoing.waiting.values()),
            limit=parts.outbox.settings.queue_all,
            dropped=outgoing.counters.dropped + outgoing.counters.full,
        ),
        QueueStatus(name="handlers", waiting=parts.dispatcher.waiting, dropped=parts.dispatcher.dropped),
        QueueStatus(name="history", waiting=history.counters.waiting, limit=history.options.capacity),
        QueueStatus(name="unsent", waiting=counters.waiting, limit=limit),
        QueueStatus(name="unacknowledged", waiting=counters.unacked, limit=limit),
    )
