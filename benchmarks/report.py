"""The table that people read and the JSON that programs read."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import ssl
import statistics
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.receive import Figures

RESULTS = Path(__file__).resolve().parent / "results"
TARGET = 0.5
"""At most this share of bare slixmpp's CPU a message is what the whole pipeline aims at. Shown, not asserted."""
_PEER = "slixmpp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A bench's figures where they are no comparison by message: the first column of ``rows`` says of what."""

    title: str
    notes: str
    settings: dict[str, object]
    columns: tuple[str, ...]
    rows: list[tuple[str | float | None, ...]]


def show_sheet(console: Console, sheet: Sheet) -> None:
    """Print it."""
    table = Table(title=sheet.title, caption=sheet.notes, caption_justify="left", title_justify="left")
    for number, column in enumerate(sheet.columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=not number)
    for row in sheet.rows:
        ours = str(row[0]).startswith("botkit")
        table.add_row(*(_cell(value) for value in row), style="green" if ours else "")
    console.print(table)


def write_sheet(name: str, sheet: Sheet, folder: Path = RESULTS) -> Path:
    """Write it as JSON; returns the file."""
    rows = [dict(zip(sheet.columns, row, strict=True)) for row in sheet.rows]
    return _write(name, {"settings": sheet.settings, "rows": rows}, folder)


def _cell(value: str | float | None) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else f"{value:,.2f}" if value < 10 else f"{value:,.0f}"


def show(console: Console, title: str, notes: str, found: dict[str, Figures]) -> None:
    """Print one bench's figures."""
    table = Table(title=title, caption=notes, caption_justify="left", title_justify="left", title_style="bold")
    table.add_column("receiver", no_wrap=True, min_width=14)
    for heading in ("CPU µs", "± spread", "on the loop", f"/ {_PEER}", "wall µs", "peak MiB"):
        table.add_column(heading, justify="right")
    for name, figures in found.items():
        ratio = _ratio(figures, found)
        style = ("green" if ratio <= TARGET else "yellow") if name.startswith("botkit") and ratio is not None else ""
        table.add_row(
            name,
            f"{figures.cpu_median:.0f}",
            f"{_spread(figures.cpu):.0f}",
            f"{statistics.median(figures.loop):.0f}" if figures.loop else "",
            "" if ratio is None else f"{ratio:.2f}",
            f"{figures.wall_median:.0f}",
            f"{figures.peak_mib:.0f}" if figures.peak_mib else "",
            style=style,
        )
    console.print(table)


def write(name: str, settings: dict[str, object], found: dict[str, Figures], folder: Path = RESULTS) -> Path:
    """Write one bench's figures as JSON; returns the file."""
    receivers = {
        key: {
            "cpu_us": figures.cpu,
            "cpu_us_median": figures.cpu_median,
            "loop_us": figures.loop,
            "wall_us": figures.wall,
            "wall_us_median": figures.wall_median,
            "peak_mib": figures.peak_mib or None,
            "ratio_to_slixmpp": _ratio(figures, found),
        }
        for key, figures in found.items()
    }
    return _write(name, {"settings": settings, "target": TARGET, "receivers": receivers}, folder)


def _write(name: str, content: dict[str, object], folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    head = {"bench": name, "at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": _machine()}
    path.write_text(json.dumps(head | content, indent=2) + "\n")
    return path


def _ratio(figures: Figures, found: dict[str, Figures]) -> float | None:
    """The median over the rounds of our share of the peer's cost in that round."""
    peer = found.get(_PEER)
    if peer is None:
        return None
    return statistics.median(ours / theirs for ours, theirs in zip(figures.cpu, peer.cpu, strict=True))


def _spread(values: list[float]) -> float:
    return (max(values) - min(values)) / 2


def _machine() -> dict[str, object]:
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)),
        "openssl": ssl.OPENSSL_VERSION,
        "sqlite": sqlite3.sqlite_version,
        **{name: version(name) for name in ("slixmpp", "aioxmpp", "uvloop")},
    }
