"""Making contexts: the settings of a module for a room are asked for once, then remembered."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING, Any

from botkit.model.address import Address
from botkit.model.events import Event
from botkit.model.rooms import Occupant
from botkit.routing.context import Context, ModuleStorage, Services
from botkit.routing.failures import Failures
from botkit.routing.handles import RoomHandle
from botkit.routing.specs import CommandSpec

if TYPE_CHECKING:
    from botkit.routing.plan import ModuleRuntime

_MOST = 4096
_Place = tuple[str, object, ModuleStorage, RoomHandle | None]


class Contexts:
    """Contexts for events, by module."""

    def __init__(self, services: Services, failures: Failures) -> None:
        self.services = services
        self._failures = failures
        self._places: dict[tuple[int, Address | None], _Place | None] = {}
        self._loaded: Set[int] = frozenset()

    def forget(self, loaded: Set[int] | None = None) -> None:
        """Ask the modules anew from now on. ``loaded``: the ``id`` of each that is loaded now; None: as before.

        Of others, which have something in hand still, nothing is kept: an ``id`` may be another's soon.
        """
        self._places = {}
        if loaded is not None:
            self._loaded = loaded

    def of(
        self,
        runtime: ModuleRuntime,
        event: Event,
        room: RoomHandle | None = None,
        sender: Occupant | None = None,
        command: CommandSpec | None = None,
    ) -> Context[Any] | None:
        """The context of ``event`` for one module; None where the module is not active.

        ``room`` and ``sender`` where the event itself does not tell them.
        """
        address = room.address if room is not None else getattr(event, "room", None)
        key = (id(runtime), address)
        try:
            place = self._places[key]
        except KeyError:
            try:
                place = self._place(runtime, address)
            except Exception as problem:  # a boundary: one module's settings are no reason to stop the others
                self._failures.note(runtime.name, event, problem)
                return None
            if key[0] in self._loaded:
                self._places[key] = place
        if place is None:
            return None
        name, settings, storage, handle = place
        return Context(event, self.services, name, settings, storage, handle, sender, command)

    def _place(self, runtime: ModuleRuntime, address: Address | None) -> _Place | None:
        if len(self._places) >= _MOST:  # invitations may name any number of rooms
            self._places = {}
        if not runtime.active_in(address):
            return None
        handle = RoomHandle(address, self.services.link) if address is not None else None
        return runtime.name, runtime.settings_for(address), runtime.storage, handle
