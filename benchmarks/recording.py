"""What a real Prosody reflected to an occupant, to be said again and again with fresh ids and numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.corpus import Said

_ARCHIVE_ID = re.compile(rb"(<stanza-id (?:[^>]* )?id=')([^']+)")  # Prosody's attributes come in any order
_OCCUPANT_ID = re.compile(rb"<occupant-id [^>]*id='([^']+)'")
_BEGIN_MS = 0x01_93_00_00_00_00
"""The time in the first archive id, which are UUIDs of version 7 as Prosody 13 makes them: sorted by time."""
_MILLISECONDS = 40  # from one message to the next, in their ids


@dataclass(frozen=True, slots=True)
class Recording:
    """Stanzas as they were recorded, numbered from 1, and the body of each."""

    stanzas: tuple[bytes, ...]
    bodies: tuple[str, ...]
    occupant_id: str

    @staticmethod
    def of(pieces: list[bytes], bodies: list[str]) -> Recording:
        """From the pieces of a stream with its header. Raises ``ValueError`` if they do not fit the bodies."""
        stream = b"".join(pieces).partition(b"<message")
        stanzas = [part + b"</message>" for part in (stream[1] + stream[2]).split(b"</message>") if part]
        found = _OCCUPANT_ID.search(stanzas[0]) if stanzas else None
        if len(stanzas) != len(bodies) or found is None:
            raise ValueError(f"{len(stanzas)} stanzas were recorded for {len(bodies)} bodies")
        return Recording(tuple(stanzas), tuple(bodies), found[1].decode())

    def said(self, first: int, count: int) -> Iterator[Said]:
        """``count`` messages numbered from ``first`` on; the same number is always the same message."""
        size = len(self.stanzas)
        for number in range(first, first + count):
            index = (number - 1) % size
            old = index + 1
            moment = f"{_BEGIN_MS + number * _MILLISECONDS:012x}"
            found = _ARCHIVE_ID.search(self.stanzas[index])
            if found is None:
                raise ValueError("the room stamped no archive id")
            fresh = f"{moment[:8]}-{moment[8:]}".encode() + found[2][13:]
            stanza = found.string[: found.start(2)] + fresh + found.string[found.end(2) :]
            body = self.bodies[index]
            if number != old:
                stanza = stanza.replace(b"-%d'" % old, b"-%d'" % number).replace(b"#%d " % old, b"#%d " % number)
                body = body.replace(f"#{old} ", f"#{number} ")
            yield Said(body, stanza)
