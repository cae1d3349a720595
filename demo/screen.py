"""The terminal: what is said in the room, what the bot does and why, and the table at the end."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import TextIO

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from botkit.logs import printable
from demo.config import NICK
from demo.eyes import Gone, Presence, Said
from demo.proof import Ledger, Row
from demo.story import Deed

_PEOPLE = {
    "alice": "green",
    "bob": "cyan",
    "carol": "blue",
    "mallory": "red",
    "trudy": "magenta",
    "oscar": "bright_magenta",
    NICK: "bold",
}
_OTHERS = ("bright_green", "bright_cyan", "bright_blue", "bright_red")
_TONES = {"act": "bold yellow", "plain": "yellow", "bad": "bold red"}
_WHO = 8
_INDENT = len("00:00:00") + 2 + _WHO + 2
_PLAIN_WIDTH = 110


class Screen:
    """Prints to ``out``; colours at a terminal that has them."""

    def __init__(self, out: TextIO) -> None:
        console = Console(file=out, highlight=False)
        if not console.is_terminal:
            console = Console(file=out, highlight=False, width=_PLAIN_WIDTH)
        self.console = console
        self.live = console.is_terminal
        # Not every terminal's encoding has all of the signs.
        self._plain = not (console.encoding or "").lower().startswith("utf")

    # --- the room ---------------------------------------------------------------------------------------------

    def message(self, said: Said) -> None:
        """Somebody says something."""
        self._line(said.nick, Text(printable(said.text)), said.at)

    def gone(self, gone: Gone) -> None:
        """The room has taken a message away."""
        if gone.said is None:
            return
        short = gone.said.text if len(gone.said.text) <= 40 else f"{gone.said.text[:38]}…"
        text = Text.assemble((printable(short), "strike dim"), ("  is gone for everybody", "dim italic"))
        self._line(gone.said.nick, text, dim=True)

    def presence(self, seen: Presence) -> None:
        """Somebody came, went, or may do something else than before."""
        what = _change(seen)
        if what:
            reason = f" ({printable(seen.reason)})" if seen.reason and seen.codes & {"301", "307"} else ""
            self._line(seen.nick, Text(f"{what}{reason}", "dim italic"), dim=True)

    def private(self, nick: str, text: str) -> None:
        """The bot tells ``nick`` something that nobody else sees."""
        self._line(NICK, Text.assemble((f"to {nick} alone: ", "dim italic"), printable(text)))

    def refused(self, nick: str, text: str, why: str) -> None:
        """The server did not take a message."""
        self._line(nick, Text.assemble((printable(text), "dim"), (f"  refused by the room: {why}", "italic red")))

    # --- the bot ----------------------------------------------------------------------------------------------

    def deed(self, deed: Deed) -> None:
        """What the bot did, and why, as its log has it."""
        sign = ">" if self._plain else "▸"
        text = Text.assemble((f"{sign} {printable(deed.what)}", _TONES[deed.tone]))
        if deed.why:
            text.append(f" — {printable(deed.why)}", "not bold yellow" if deed.tone != "bad" else "red")
        self._line(NICK, text)

    # --- the show ---------------------------------------------------------------------------------------------

    def opening(self, server: str, address: str, room: str) -> None:
        """What this is."""
        self.console.print()
        self.console.print(Text.assemble(("botkit", "bold"), f" on {server}, {address}, in {room}"))
        sign = ">" if self._plain else "▸"
        self.console.print(
            Text(f"lines with {sign} are from the bot's own log, all others are what people see in the room", "dim")
        )

    def scene(self, title: str) -> None:
        """A headline."""
        self.console.print()
        self.console.print(Text(title, "bold underline" if self.live else "bold"))

    def note(self, text: str) -> None:
        """What the demo itself does or finds."""
        self._line("", Text(text, "italic"))

    def answer(self, nick: str, what: str, lines: list[str]) -> None:
        """What an ad-hoc command gave to ``nick``."""
        self._line(nick, Text.assemble((printable(what), "italic")))
        for line in lines:
            self.console.print(Text.assemble(" " * _INDENT, ("| " if self._plain else "│ ", "dim"), printable(line)))

    def trouble(self, text: str) -> None:
        """Something failed."""
        self._line("", Text(printable(text), "bold red"))

    def summary(self, ledger: Ledger, seconds: float) -> None:
        """The table at the end."""
        self.console.print()
        self.console.print(Text("What was proven", "bold underline" if self.live else "bold"))
        wide = max(len(row.title) for row in ledger.rows.values()) + 2
        for row in ledger.rows.values():
            head = Text.assemble("  ", self._mark(row), "  ", (f"{row.title:<{wide}}", "bold"))
            self._wrapped(head, Text(printable(row.figures)))
        done = sum(1 for row in ledger.rows.values() if row.ok)
        style = "bold green" if ledger.ok else "bold red"
        self.console.print(Text(f"{done} of {len(ledger.rows)} proven in {seconds:.0f} s", style))

    def box(self, title: str, facts: Mapping[str, str]) -> None:
        """Facts for somebody who wants to join."""
        grid = Table.grid(padding=(0, 2, 0, 0))
        for name, value in facts.items():
            grid.add_row(Text(name, "dim"), Text(value, overflow="fold"))
        self.console.print()
        self.console.print(Panel(grid, title=title, title_align="left", expand=False))

    def _mark(self, row: Row) -> Text:
        good, bad = ("ok", "NO") if self._plain else ("✓", "✗")
        return Text(good, "bold green") if row.ok else Text(bad, "bold red")

    def _line(self, nick: str, text: Text, at: float | None = None, *, dim: bool = False) -> None:
        when = datetime.now() if at is None else datetime.fromtimestamp(at)  # noqa: DTZ005, DTZ006 - for people
        colour = _PEOPLE.get(nick) or _OTHERS[zlib.crc32(nick.encode()) % len(_OTHERS)]
        head = Text.assemble(
            (f"{when:%H:%M:%S}", "dim"), "  ", (f"{printable(nick):>{_WHO}}", f"dim {colour}" if dim else colour), "  "
        )
        self._wrapped(head, text)

    def _wrapped(self, head: Text, text: Text) -> None:
        """``text`` beside ``head``, its further lines below its first."""
        indent = head.cell_len
        first, *rest = text.wrap(self.console, max(20, self.console.width - indent)) or [Text()]
        for before, line in ((head, first), *((Text(" " * indent), line) for line in rest)):
            line.rstrip()
            self.console.print(before + line, soft_wrap=True)


def _change(seen: Presence) -> str:
    if seen.role == "none":
        if "301" in seen.codes:
            return "is banned"
        return "is put out" if "307" in seen.codes else "has left"
    if seen.was is None:
        return "has come in" + (", as a moderator" if seen.role == "moderator" else "")
    if seen.role == seen.was:
        return ""
    return {"visitor": "has no voice any more", "moderator": "is a moderator now"}.get(seen.role, "has voice")
