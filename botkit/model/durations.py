"""Lengths of time as people write them: ``90s``, ``1h30m``, ``2d``."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "min": 60_000, "s": 1_000, "ms": 1}
_PART = re.compile(r"(\d{1,9}) ?(w|d|h|min|ms|m|s)", re.IGNORECASE | re.ASCII)
_WHOLE = re.compile(rf"{_PART.pattern}(?: ?{_PART.pattern})*", re.IGNORECASE | re.ASCII)
_LONGEST = timedelta(days=36_500)


def parse_duration(text: str) -> timedelta:
    """``1h30m`` as a timedelta, of at most a hundred years. Raises ``ValueError``.

    Units: ``w d h m`` (or ``min``) ``s ms``.
    """
    text = text.strip()
    if not _WHOLE.fullmatch(text):
        raise ValueError("expected a length of time like 90s, 30m, 1h30m or 2d")
    milliseconds = sum(int(amount) * _UNITS[unit.lower()] for amount, unit in _PART.findall(text))
    if milliseconds > _LONGEST / timedelta(milliseconds=1):
        raise ValueError("expected a length of time of at most a hundred years")
    return timedelta(milliseconds=milliseconds)


def format_duration(span: timedelta) -> str:
    """The shortest text that ``parse_duration`` reads back as ``span`` (to the millisecond); ``0s`` for none."""
    rest = max(0, span // timedelta(milliseconds=1))
    text = ""
    for unit in ("d", "h", "m", "s", "ms"):
        amount, rest = divmod(rest, _UNITS[unit])
        text += f"{amount}{unit}" if amount else ""
    return text or "0s"
