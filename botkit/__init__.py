"""A framework and runtime for XMPP bots. The names that a bot needs first stand in ``botkit.face``.

They are imported when the first of them is used (PEP 562): ``botkit --help`` and ``botkit health`` use none.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botkit.face import *  # noqa: F403


def __getattr__(name: str) -> object:
    if name.startswith("__") and name != "__all__":
        raise AttributeError(f"module 'botkit' has no attribute {name!r}", name=name)
    face = import_module("botkit.face")
    if name != "__all__" and name not in face.__all__:
        raise AttributeError(f"module 'botkit' has no attribute {name!r}", name=name)
    return getattr(face, name)
