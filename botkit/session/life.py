"""The life of a room as data: which state follows from which, and by what. Whatever is not listed cannot happen."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from botkit.model.rooms import RoomState


class Cause(Enum):
    """What takes a room from one state to another; the value says it for people."""

    TURN = "its turn to be entered came"
    IS_ROOM = "it answered that it is a room, or would not say"
    ENTERED = "our own presence came from it"
    TROUBLE = "entering it, or staying, failed in a way that may pass"
    PUT_OUT = "it put us out, or does not know us any more"
    STREAM_LOST = "the connection was lost"
    RESUMED = "the connection was resumed"
    REFUSED = "only a person can cure what keeps us out"
    ASKED_AGAIN = "an admin asked for another try, or the room invited us"
    LEFT = "we left, or it moved and the config says to follow"


_S, _C = RoomState, Cause
TRANSITIONS: Final[Mapping[tuple[RoomState, Cause], RoomState]] = MappingProxyType(
    {
        (_S.LEFT, _C.TURN): _S.ASKING,
        (_S.ASKING, _C.IS_ROOM): _S.JOINING,
        (_S.ASKING, _C.TROUBLE): _S.WAITING,
        (_S.ASKING, _C.REFUSED): _S.REFUSED,
        (_S.ASKING, _C.LEFT): _S.LEFT,
        (_S.JOINING, _C.ENTERED): _S.JOINED,
        (_S.JOINING, _C.TROUBLE): _S.WAITING,
        (_S.JOINING, _C.REFUSED): _S.REFUSED,
        (_S.JOINING, _C.LEFT): _S.LEFT,
        (_S.JOINED, _C.PUT_OUT): _S.LOST,
        (_S.JOINED, _C.STREAM_LOST): _S.LOST,
        (_S.JOINED, _C.REFUSED): _S.REFUSED,
        (_S.JOINED, _C.LEFT): _S.LEFT,
        (_S.LOST, _C.RESUMED): _S.JOINED,
        (_S.LOST, _C.TROUBLE): _S.WAITING,
        (_S.LOST, _C.REFUSED): _S.REFUSED,
        (_S.LOST, _C.LEFT): _S.LEFT,
        (_S.WAITING, _C.TURN): _S.ASKING,
        (_S.WAITING, _C.LEFT): _S.LEFT,
        (_S.REFUSED, _C.ASKED_AGAIN): _S.WAITING,
        (_S.REFUSED, _C.LEFT): _S.LEFT,
    }
)
"""A room that was just asked for, and had no turn yet, is in ``LEFT``."""


def after(state: RoomState, cause: Cause) -> RoomState | None:
    """The state that follows; None where ``cause`` cannot happen in ``state``: nothing follows."""
    return TRANSITIONS.get((state, cause))
