"""Every target, by name. A new one is a ``Target`` in one of these files."""

from __future__ import annotations

from typing import Final

from tests.fuzz import on_payloads, on_text, on_wire
from tests.fuzz.target import Target

TARGETS: Final[dict[str, Target]] = {
    target.name: target for target in (*on_wire.TARGETS, *on_payloads.TARGETS, *on_text.TARGETS)
}
