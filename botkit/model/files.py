"""Files that are put on a server, for others to get by a link."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a file goes (``put``), where it can be got (``get``), both https, and what the PUT must say besides.

    ``headers`` in the order in which they came; the same name may be there more than once.
    """

    put: str
    get: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # what lets us write there


@dataclass(frozen=True, slots=True)
class Sending:
    """What goes to a slot: ``size`` bytes, in ``chunks``."""

    size: int
    content_type: str
    chunks: AsyncIterator[bytes]
